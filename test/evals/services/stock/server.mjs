import { createServer } from 'node:http';
import { crc32, deflateSync } from 'node:zlib';

const prices = [1, 2, 3].map((item) => ({ item, name: `part ${item}`, price: item * 10 }));
const csv = ['item,name,price', ...prices.map((row) => Object.values(row).join(','))].join('\n');
const journal = Array.from({ length: 40_000 }, (_, line) => `change ${line}: part ${line % 7}`).join('\n');

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A grey picture of 8 by 8 points. */
const picture = Buffer.concat([
  Buffer.from('89504e470d0a1a0a', 'hex'),
  chunk('IHDR', Buffer.from('00000008000000080800000000', 'hex')),
  chunk('IDAT', deflateSync(Buffer.alloc(8 * 9, 0))),
  chunk('IEND', Buffer.alloc(0)),
]);

const answers = {
  '/health': ['text/plain', 'ok'],
  '/prices.json': ['application/json', JSON.stringify(prices)],
  '/prices.csv': ['text/csv; charset=utf-8', csv],
  '/chart.png': ['image/png', picture],
  '/journal': ['text/plain; charset=utf-8', journal],
};

async function answer(request, response) {
  if (request.method === 'POST' && request.url === '/orders') {
    const order = JSON.parse(Buffer.concat(await request.toArray()).toString());
    response.writeHead(201, { 'Content-Type': 'application/json' });
    return response.end(JSON.stringify({ order: 1, ...order }));
  }
  const [type, body] = answers[request.url] ?? [];
  if (!type) return response.writeHead(404, { 'Content-Type': 'text/plain' }).end('no such path');
  return response.writeHead(200, { 'Content-Type': type }).end(body);
}

createServer((request, response) => void answer(request, response)).listen(
  Number(process.env.PORT),
  '127.0.0.1',
);
