/** Listens on a free port and says so in the words the product uses. */
export function announce(server, path = '/mcp') {
  server.listen(0, '127.0.0.1', () => {
    const endpoint = `http://127.0.0.1:${server.address().port}${path}`;
    process.stdout.write(`${JSON.stringify({ message: 'ready', endpoint })}\n`);
  });
  process.once('SIGTERM', () => process.exit(0));
}
