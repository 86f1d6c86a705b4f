// Takes spans by OTLP over HTTP and throws them away: what a collector costs is not measured.
import { createServer } from 'node:http';

import { announce } from './announce.mjs';

announce(
  createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200).end());
  }),
  '',
);
