// Headers that are the same on every answer, worked out once.

import type { IncomingMessage, ServerResponse } from 'node:http';

type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What `middleware` (helmet) sets. It must not look at the request. */
export function constantHeaders(middleware: Middleware): readonly [name: string, value: string][] {
  const headers: [string, string][] = [];
  const recorder = {
    setHeader: (name: string, value: string) => headers.push([name, value]),
    removeHeader() {},
  };
  let done = false;
  middleware({} as IncomingMessage, recorder as unknown as ServerResponse, (error) => {
    if (error) throw error;
    done = true;
  });
  if (!done || headers.length === 0)
    throw new Error('constantHeaders: expected headers that are set at once');
  return headers;
}
