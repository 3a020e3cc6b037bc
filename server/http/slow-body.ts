// Ends requests whose bodies do not come: `server.requestTimeout`, but for rows, which may be long and lines slow. It knows
// no routes; headers are the server's own `headersTimeout`.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ROW_TYPES } from './stream.ts';

/** Of rows that are on their way, on the average of each `ms`. */
const BYTES_PER_SECOND = 1024;

/**
 * To be called before the server listens. A body must be there within `ms`; rows must come at 1 KiB a second, however long
 * that takes. Else 408, where nothing was answered yet, and the connection ends.
 */
export function endSlowBodies(server: Server, { ms }: { ms: number }): void {
  server.requestTimeout = 0;
  server.prependListener('request', (request, response) => {
    const { headers, socket } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
    let before = socket.bytesRead;
    const timer = setInterval(() => {
      const came = socket.bytesRead - before;
      before = socket.bytesRead;
      const comes = isRows(request) && !response.writableEnded && came >= (ms / 1000) * BYTES_PER_SECOND;
      if (comes && !request.complete) return;
      clearInterval(timer);
      if (!request.complete) end(response);
    }, ms);
    request.once('close', () => clearInterval(timer));
  });
}

const isRows = ({ headers: { 'content-type': type = '' } }: IncomingMessage) =>
  ROW_TYPES.includes(type.split(';')[0]!.trim().toLowerCase());

function end({ headersSent, req: { socket } }: ServerResponse): void {
  if (!headersSent) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  socket.destroySoon();
}
