// The least a server on Node can do: read the body, look at nothing, send bytes prepared beforehand.
import { createServer } from 'node:http';

import { announce } from './announce.mjs';
import { tools } from './tools.mjs';

const message = (result) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
const text = 'hello';
const ANSWERS = {
  '/call': message({
    content: [{ type: 'text', text: JSON.stringify({ text }) }],
    structuredContent: { text },
  }),
  '/list': message({ tools }),
};

announce(
  createServer((request, response) => {
    request.resume().once('end', () => {
      const body = ANSWERS[request.url];
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        .end(body);
    });
  }),
  '',
);
