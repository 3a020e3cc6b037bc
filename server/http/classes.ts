// Requests and responses that are Express's from birth. Not needed for a right answer: for one in half the time.

import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import type { Express } from 'express';

/**
 * For `createServer`. Express gives each request and response its own prototype when it comes; V8 then drops what it knew of
 * their shape, and all that touches them is slow (a third of a vector query). Where the prototype is right already, it does nothing.
 */
export function bornExpress(app: Express): Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'> {
  class Request extends IncomingMessage {}
  class Response<Of extends IncomingMessage> extends ServerResponse<Of> {}
  app.request = Object.setPrototypeOf(Request.prototype, app.request);
  app.response = Object.setPrototypeOf(Response.prototype, app.response);
  return { IncomingMessage: Request, ServerResponse: Response };
}
