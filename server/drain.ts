// An orderly end of an HTTP server: nothing new is accepted, what is in flight is answered, and the answer tells a
// client that keeps its connection to leave. Else a busy one would be answered on and on, and then be cut off.

import type { Server, ServerResponse } from 'node:http';
import type { Request } from 'express';
import { AttractorError } from '../src/errors/error.ts';
import type { Log } from './log.ts';

/** For the error that says to clients that they are cut off; then their connections end. */
const LAST_WORD_MS = 1000;

/**
 * Ends the server, and resolves when the last connection is closed. When `cut` fires, what is in flight is stopped: where
 * its answer has not ended yet, that ends with an error.
 */
export type Drain = (options: { cut: AbortSignal; log: Log }) => Promise<void>;

/** To be called before the server listens. */
export function drainable(server: Server): Drain {
  const open = new Set<ServerResponse>();
  let draining = false;
  function forget(this: ServerResponse) {
    open.delete(this);
  }
  const isLast = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('connection', 'close');
  };
  // Before the application's own listener, which may answer at once.
  server.prependListener('request', (_, response: ServerResponse) => {
    open.add(response);
    response.on('close', forget);
    if (draining) isLast(response);
  });
  function cutOff(log: Log) {
    const requests = [...open].map(({ req }) => req as Request);
    const what = requests.map(({ id, method, originalUrl }) => ({
      request_id: id,
      method,
      url: originalUrl,
    }));
    log.warn({ requests: what }, `The wait is over: what is in flight is cut off (${what.length} requests).`);
    for (const { stop } of requests) stop.abort(new AttractorError('not_ready', 'The server is stopping.'));
    setTimeout(() => server.closeAllConnections(), LAST_WORD_MS);
  }
  return async function drain({ cut, log }) {
    draining = true;
    const closed = new Promise((resolve) => server.close(resolve));
    open.forEach(isLast);
    const onCut = () => cutOff(log);
    cut.addEventListener('abort', onCut);
    // Those whose headers were on their way already.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    await closed;
    clearInterval(idle);
    cut.removeEventListener('abort', onCut);
  };
}
