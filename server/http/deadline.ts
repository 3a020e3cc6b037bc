// The caller's deadline: `x-timeout-ms` stops the request, so that work which still waits is dropped wherever its signal
// goes. Not a limit of the server's own.

import type { RequestHandler } from 'express';
import { AttractorError } from '../../src/errors/error.ts';
import { describe } from './validate.ts';

const HEADER = 'x-timeout-ms';
const MOST = 120_000;

/** Behind `requestContext`. Throws `invalid_argument` where the header is no whole number within the bound. */
export function deadlines(): RequestHandler {
  return function setDeadline(request, response, next) {
    const given = request.get(HEADER);
    if (given === undefined) return next();
    const ms = /^\d{1,6}$/.test(given) ? Number(given) : 0;
    if (ms < 1 || ms > MOST) throw badTimeout(given);
    const timer = setTimeout(() => request.stop.abort(deadlineExceeded(ms)), ms);
    response.on('close', () => clearTimeout(timer));
    next();
  };
}

function badTimeout(given: string): AttractorError {
  const expected = `a whole number of milliseconds from 1 to ${MOST}`;
  const received = describe(given);
  const message = `${HEADER}: expected ${expected}, received ${received}`;
  return new AttractorError('invalid_argument', message, { field: HEADER, expected, received });
}

function deadlineExceeded(ms: number): AttractorError {
  const message = `${HEADER}: expected an answer within ${ms} ms, received none by then`;
  return new AttractorError('deadline_exceeded', message, { field: HEADER, expected: `within ${ms} ms` });
}
