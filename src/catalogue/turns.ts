// Long work in turns that are short enough for others to be answered in between.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { refuseAborted } from '../errors/error.ts';
import type { Turns } from '../filter/filter.ts';
import type { CollectionContext } from './context.ts';

/** Milliseconds of work between two looks at what else there is to do. */
const TURN = 10;

/** `next` throws `aborted`, and what `assertOpen` throws. The collection may be another one by then. */
export function takeTurns({ clock, assertOpen }: CollectionContext, signal?: AbortSignal): Turns {
  let began = clock();
  return {
    get over() {
      return clock() - began >= TURN;
    },
    async next() {
      await nextTurn();
      refuseAborted(signal);
      assertOpen();
      began = clock();
    },
  };
}
