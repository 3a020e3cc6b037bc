// How far long work is, on stderr: a bar on a terminal, now and then a line in a log.

import progress, { type Options, type Params, SingleBar } from 'cli-progress';

export interface ProgressDisplay {
  show(progress: { phase: string; done: number; total: number }): void;
  stop(): void;
}

export function createProgress(): ProgressDisplay {
  return process.stderr.isTTY ? bars() : lines({ now: () => performance.now(), write: console.error });
}

/** One at a time. */
function bars(): ProgressDisplay {
  let bar: SingleBar | undefined;
  let shown: string | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
    shown = undefined;
  };
  return {
    show({ phase, done, total }) {
      if (phase !== shown) {
        // The next phase begins where this one has ended, be it sooner than was thought.
        bar?.update(bar.getTotal());
        stop();
        bar = new SingleBar({ format: line, barsize: 30, hideCursor: true, stream: process.stderr });
        bar.start(total, done, { phase: phase.padEnd(16) });
        shown = phase;
      }
      bar?.setTotal(total);
      bar?.update(done);
      if (done >= total) stop();
    },
    stop,
  };
}

/** How long it still takes only where that is known. */
function line(
  options: Options,
  { progress: share, value, total, eta }: Params,
  { phase }: { phase: string },
): string {
  const left = Number.isFinite(eta) && eta > 0 ? `  ${progress.Format.TimeFormat(eta, options, 1)} left` : '';
  return `${phase} |${progress.Format.BarFormat(share, options)}| ${value}/${total}${left}`;
}

/** Milliseconds. What is done sooner says nothing but its result. */
const EVERY = 10_000;

/** `now` in milliseconds. */
export function lines(options: { now: () => number; write: (line: string) => void }): ProgressDisplay {
  const { now, write } = options;
  const start = now();
  let last = start;
  return {
    show({ phase, done, total }) {
      if (now() - last < EVERY) return;
      last = now();
      const seconds = Math.floor((last - start) / 1000);
      const two = (x: number) => String(x).padStart(2, '0');
      const time = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
      write(`[${time}] ${phase}: ${done} of ${total}`);
    },
    stop() {},
  };
}
