// The parent's handle on one embedding process: start it, give it a batch, notice when it dies or hangs, stop it.
// Not the pool: which batch, and what to do after a death, is decided there.

import { type ChildProcess, fork } from 'node:child_process';
import { AttractorError } from '../errors/error.ts';
import { siblingModule } from '../runtime/sibling-module.ts';
import type { EmbedImage, EmbedResult } from './embedder.ts';
import {
  type ChildOptions,
  type FromChild,
  type ModelFacts,
  type ToChild,
  unpackError,
  unpackResult,
} from './protocol.ts';

/** How long opening the model may take: reading, hashing, optimising the graph. Milliseconds. */
const OPEN_TIMEOUT = 120_000;
/** How long a child that was asked to go may take before it is killed. Milliseconds. */
const STOP_GRACE = 5_000;
/** How much of what a child wrote to stderr is kept to explain its death. Characters. */
const STDERR_TAIL = 2_000;

export interface EmbedProcess {
  readonly pid: number;
  readonly facts: ModelFacts;
  /** Aborted when the process is gone, however it went; the reason is an `embedder_crashed`. */
  readonly gone: AbortSignal;
  /** One batch at a time. Throws `embedder_crashed` where the process dies or takes longer than the timeout. */
  run(images: readonly EmbedImage[]): Promise<EmbedResult[]>;
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a process and waits until its model is open.
 * @throws what opening the model threw there (`model_not_found`, `model_invalid`, `provider_unavailable`, ...), or
 * `embedder_crashed` where the process died, hung or could not be started.
 */
export async function startEmbedProcess(options: {
  model: ChildOptions;
  /** For each batch. Milliseconds. */
  timeout: number;
  onSpawn?: (pid: number) => void;
}): Promise<EmbedProcess> {
  const { path, execArgv } = siblingModule(import.meta.url, './child');
  const child = fork(path, [], {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const gone = new AbortController();
  /** What waits for the answer to the last message. */
  let asked:
    | { timer: NodeJS.Timeout; resolve(answer: FromChild): void; reject(error: unknown): void }
    | undefined;
  let stderr = '';
  let hang: string | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_TAIL);
  });
  const die = (reason: string): void => {
    const cause = stderr === '' ? undefined : new Error(stderr.trim());
    const message = `The embedding process died: ${hang ?? reason}.`;
    gone.abort(new AttractorError('embedder_crashed', message, { cause }));
    clearTimeout(asked?.timer);
    asked?.reject(gone.signal.reason);
  };
  // One listener for all batches: one that came and went with each would be work for nothing.
  child.on('message', (answer: FromChild) => {
    clearTimeout(asked?.timer);
    asked?.resolve(answer);
  });
  child.on('error', (error) => die(error.message));
  child.on('exit', (code, signal) => {
    const last = (): void => die(signal ? `killed by ${signal}` : `exit code ${code}`);
    // The end of stderr may still be on its way. (The event `close` would wait for it, but never comes after a disconnect.)
    if (child.stderr!.closed) last();
    else child.stderr!.once('close', last);
  });
  if (child.pid !== undefined) options.onSpawn?.(child.pid);

  /** Sends one message and waits for the one answer to it. */
  function ask<Type extends FromChild['type']>(
    message: ToChild,
    timeout: number,
  ): Promise<FromChild & { type: Type }> {
    return new Promise((resolve, reject) => {
      if (gone.signal.aborted) return reject(gone.signal.reason);
      const timer = setTimeout(() => {
        hang = `no answer within ${timeout} ms`;
        child.kill('SIGKILL');
      }, timeout);
      asked = { timer, resolve: resolve as (answer: FromChild) => void, reject };
      // A failed send means that the process is going: its exit settles this.
      child.send(message, () => {});
    });
  }

  const answer = await ask<'ready' | 'refused'>({ type: 'open', options: options.model }, OPEN_TIMEOUT);
  if (answer.type === 'refused') {
    await stop(child, gone.signal);
    throw unpackError(answer.error);
  }
  return {
    pid: child.pid!,
    facts: answer,
    gone: gone.signal,
    async run(images) {
      return (await ask<'done'>({ type: 'batch', images }, options.timeout)).results.map(unpackResult);
    },
    stop: () => stop(child, gone.signal),
  };
}

async function stop(child: ChildProcess, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE);
    gone.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
    if (child.connected) child.disconnect();
  });
}
