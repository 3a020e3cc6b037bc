// How many bytes of bodies may be in memory at once. Each is bounded by itself, but a hundred of the largest would be gigabytes.

import type { Request, Response } from 'express';
import { AttractorError } from '../../src/errors/error.ts';

/** Smaller ones are not counted: whoever holds the room with large bodies keeps no small query out. */
const SMALL = 256 * 1024;

/**
 * Room for `total` bytes, taken for each large body by what it announces (`most` where that says nothing) until its answer is
 * sent. The returned function throws `overloaded`.
 */
export function createBodyBudget(options: { total: number; most: number }) {
  let left = options.total;
  return function takeRoom(request: Request, response: Response): void {
    const { headers } = request;
    const known = headers['transfer-encoding'] === undefined && headers['content-encoding'] === undefined;
    const announced = known ? Number(headers['content-length'] ?? 0) : options.most;
    const bytes = Math.min(announced, options.most);
    if (!(bytes > SMALL)) return;
    if (bytes > left) {
      throw new AttractorError(
        'overloaded',
        'More large bodies are being read than this server takes at once.',
      );
    }
    left -= bytes;
    response.once('close', () => {
      left += bytes;
    });
  };
}
