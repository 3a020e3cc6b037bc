// An orderly end of an HTTP server: nothing new is accepted, what is in flight is answered, and the answer tells a
// client that keeps its connection to leave. Else a busy one would be answered on and on, and then be cut off.

import type { Server, ServerResponse } from 'node:http';

/** To be called before the server listens. The result ends it, and resolves when the last connection is closed. */
export function drainable(server: Server): () => Promise<void> {
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
  return async function drain() {
    draining = true;
    const closed = new Promise((resolve) => server.close(resolve));
    open.forEach(isLast);
    // Those whose headers were on their way already.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    await closed;
    clearInterval(idle);
  };
}
