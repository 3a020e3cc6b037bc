// Answers that are there as a whole: JSON and bytes, head and body in one write. Those that come bit by bit are stream.ts.

import { jsonOf } from './json.ts';
import { header, type Request, type Response } from './request.ts';

export function sendJson(response: Response, status: number, body: object): void {
  const text = jsonOf(body);
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

/** 304 where the caller has these bytes already, as their `ETag` says. */
export function sendBytes(
  request: Request,
  response: Response,
  { bytes, headers }: { bytes: Uint8Array; headers: Readonly<Record<string, string>> },
): void {
  const known = header(request, 'if-none-match');
  const fresh = known !== undefined && headers.ETag !== undefined && matches(known, headers.ETag);
  for (const [name, value] of Object.entries(headers)) {
    if (!fresh || name !== 'Content-Type') response.setHeader(name, value);
  }
  if (fresh) response.statusCode = 304;
  else response.setHeader('Content-Length', bytes.length);
  response.end(fresh ? undefined : bytes);
}

/** By the weak comparison, which is that of RFC 9110 for this header. */
const matches = (list: string, tag: string) =>
  list.split(',').some((one) => ['*', tag].includes(one.trim().replace(/^W\//, '')));
