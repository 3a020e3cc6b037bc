// Ends requests whose bodies do not come: `server.requestTimeout`, but for rows, which may be long and lines slow. It knows
// no routes; headers are the server's own `headersTimeout`.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ROW_TYPES } from './stream.ts';

/** Of rows that are on their way, on the average of each `ms`. */
const BYTES_PER_SECOND = 1024;

/**
 * To be called before the server listens. A body must be there within `ms`; rows must come at 1 KiB a second, however long
 * that takes. Else 408, where nothing was answered yet, and the connection ends.
 */
export function endSlowBodies(server: Server, { ms }: { ms: number }): void {
  server.requestTimeout = 0;
  /** The last request with a body on each connection: one timer looks at all, as one each costs more than a small body. */
  const bodies = new Map<Socket, { response: ServerResponse; before: number; due: number }>();
  server.prependListener('request', ({ headers, socket }, response) => {
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
    bodies.set(socket, { response, before: socket.bytesRead, due: performance.now() + ms });
  });
  const look = () => {
    for (const [socket, { response, before, due }] of bodies) {
      const request = response.req;
      if (!request.complete && !socket.destroyed) {
        if (performance.now() < due) continue;
        const came = socket.bytesRead - before;
        if (isRows(request) && !response.writableEnded && came >= (ms / 1000) * BYTES_PER_SECOND) {
          bodies.set(socket, { response, before: socket.bytesRead, due: due + ms });
          continue;
        }
        end(response);
      }
      bodies.delete(socket);
    }
  };
  setInterval(look, Math.min(1000, ms / 4)).unref();
}

const isRows = ({ headers: { 'content-type': type = '' } }: IncomingMessage) =>
  ROW_TYPES.includes(type.split(';')[0]!.trim().toLowerCase());

function end({ headersSent, req: { socket } }: ServerResponse): void {
  if (!headersSent) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  socket.destroySoon();
}
