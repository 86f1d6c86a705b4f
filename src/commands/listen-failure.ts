/** Why a port could not be opened, and what to do about it, a sentence each; `undefined` for errors that say something else. */
export function listenFailure(
  error: unknown,
  setting = 'CYBERUN_HTTP_PORT',
): readonly [problem: string, remedy: string] | undefined {
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return [
      `Port ${port} on ${address} is taken.`,
      `Stop what uses it, or choose another with ${setting} (0 picks a free one).`,
    ];
  if (code === 'EACCES' && port !== undefined)
    return [`This user may not listen on port ${port}.`, `Choose one above 1023 with ${setting}.`];
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return [
      `This machine has no address ${address ?? 'of that name'}.`,
      'Set CYBERUN_HTTP_HOST to one it has, for example 127.0.0.1.',
    ];
  if (code === 'EAFNOSUPPORT')
    return ['This machine has no IPv6, which CYBERUN_HTTP_HOST asks for.', 'Set it to 0.0.0.0 or 127.0.0.1.'];
  return undefined;
}
