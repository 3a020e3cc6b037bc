// The least that Node can do for a vector query: reads the JSON, sends an answer that is always the same. What the real
// server's cost per request is held against. Prints its address.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const point = (i: number) => ({
  id: `item-${i}`,
  score: 0.9,
  payload: { name: `Product ${i}`, category: 'category 1', price: 1, group: 'product-1', tags: [] },
});
const answer = JSON.stringify({ result: { points: Array.from({ length: 10 }, (_, i) => point(i)) } });

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => {
    JSON.parse(text);
    response.setHeader('Content-Type', 'application/json');
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${(server.address() as AddressInfo).port}/ `);
});
process.on('SIGTERM', () => process.exit());
