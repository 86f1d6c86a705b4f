// The least that can stand between a client and the Runtime API: read the body, ask upstream by undici with the
// caller's key, pass its bytes on. It has no MCP code.
import { createServer } from 'node:http';

import { Pool } from 'undici';

import { announce } from './announce.mjs';

const runtime = new URL(process.env.BENCH_RUNTIME_URL);
const pool = new Pool(runtime.origin, { connections: 64 });
const path = `${runtime.pathname}/r/agents`;

async function pass(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { authorization } = request.headers;
  const answer = await pool.request({ path, method: 'GET', headers: { authorization } });
  const body = Buffer.from(await answer.body.arrayBuffer());
  response
    .writeHead(answer.statusCode, { 'content-type': 'application/json', 'content-length': body.length })
    .end(body);
}

announce(
  createServer((request, response) => void pass(request, response)),
  '',
);
