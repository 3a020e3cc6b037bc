// Idempotency-Key: a writing call that is sent twice under one key is done once, and answered twice with the same words. The
// answers are in the store for a day. Only what succeeded is kept: what failed did nothing, or some of its steps, and may be
// tried again.

import { createHash } from 'node:crypto';
import type { InSteps, StepsDone } from '../../src/catalogue/types.ts';
import { AttractorError, show } from '../../src/errors/error.ts';
import type { ReplyTable } from '../../src/store/replies.ts';
import type { Call, Reply, Route } from './route.ts';

type JsonReply = Extract<Reply, { result: unknown }>;

const KEPT_MS = 24 * 60 * 60 * 1000;
const KEY = /^[\x21-\x7e]{1,255}$/;

/** Answers from the store, or does the work and keeps its answer. */
export type Once = (options: {
  call: Call;
  /** What is asked, as far as it decides the effect; anything that JSON can hold. */
  request: unknown;
  /** `record` may be called in the transaction of the effect: then there is never one without the other. */
  work: (record: (reply: JsonReply) => void, steps: InSteps) => Reply | Promise<Reply>;
}) => Promise<Reply>;

export function createOnce(options: { replies: ReplyTable; clock: () => number }): Once {
  const { replies, clock } = options;
  const running = new Map<string, { request: string; ended: Promise<unknown> }>();

  return async function once({ call, request: asked, work }) {
    const given = call.idempotencyKey;
    if (given === undefined) return work(() => {}, {});
    if (!KEY.test(given)) throw refused('invalid_argument', '1 to 255 visible ASCII characters', show(given));
    // Two callers may think of the same key.
    const key = `${call.callerId ?? ''} ${given}`;
    const request = createHash('sha256').update(JSON.stringify(asked)).digest('hex');
    for (let other = running.get(key); other; other = running.get(key)) {
      if (other.request !== request) throw reused();
      // Whoever is first may yet fail or leave: then it is this one's turn.
      await other.ended;
    }
    const kept = replies.get(key);
    let from: StepsDone | undefined;
    if (kept && kept.at >= clock() - KEPT_MS) {
      if (kept.request !== request) throw reused();
      const reply = JSON.parse(kept.reply) as JsonReply | { unfinished: StepsDone };
      if (!('unfinished' in reply)) return reply;
      from = reply.unfinished;
    }
    const keep = (reply: JsonReply | { unfinished: StepsDone }) => {
      const at = clock();
      replies.prune(at - KEPT_MS);
      replies.put({ key, request, reply: JSON.stringify(reply), at });
    };
    let recorded = false;
    const record = (reply: JsonReply) => {
      keep(reply);
      recorded = true;
    };
    const doing = (async () => {
      const reply = await work(record, { from, onStep: (unfinished) => keep({ unfinished }) });
      if (!recorded && 'result' in reply && !reply.error) record(reply);
      return reply;
    })();
    running.set(key, { request, ended: doing.catch(() => {}) });
    try {
      return await doing;
    } finally {
      running.delete(key);
    }
  };
}

/** Routes with `once` do their work under the key, where there is one. */
export function idempotent(routes: readonly Route[], once: Once): Route[] {
  return routes.map((route) => {
    if (!route.once) return route;
    const handle = (call: Call) => {
      const { params, query, fields, image } = call;
      const digest = image && createHash('sha256').update(image).digest('hex');
      const request = [route.method, route.path, params, query, fields ?? null, digest ?? null];
      return once({ call, request, work: (record, steps) => route.handle({ ...call, record, steps }) });
    };
    return { ...route, handle };
  });
}

/**
 * The answer of a write that tells in its last transaction what it will return: kept there under the call's key. Where `show`
 * throws, nothing is written.
 */
export async function answered<Result>(
  record: Call['record'],
  show: (result: Result) => JsonReply,
  write: (onWritten: (result: Result) => void) => unknown,
): Promise<JsonReply> {
  let reply: JsonReply | undefined;
  await write((result) => {
    reply = show(result);
    record?.(reply);
  });
  return reply!;
}

/** For answers that are not kept: whoever sends a key counts on it. */
export function refuseKey({ idempotencyKey: key }: Call, where: string): void {
  if (key !== undefined) throw refused('invalid_argument', `none ${where}`, show(key));
}

function reused(): AttractorError {
  return refused('idempotency_conflict', 'the same call under the same key', 'another call');
}

function refused(
  code: 'invalid_argument' | 'idempotency_conflict',
  expected: string,
  received: string,
): AttractorError {
  const message = `idempotency-key: expected ${expected}, received ${received}`;
  return new AttractorError(code, message, { field: 'idempotency-key', expected, received });
}
