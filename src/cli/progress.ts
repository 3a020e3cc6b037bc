// One progress bar at a time on stderr, and nothing at all where stderr is not a terminal.

import { SingleBar } from 'cli-progress';

export interface ProgressDisplay {
  show(progress: { phase: string; done: number; total: number }): void;
  stop(): void;
}

export function createProgress(): ProgressDisplay {
  let bar: SingleBar | undefined;
  let shown: string | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
    shown = undefined;
  };
  return {
    show({ phase, done, total }) {
      if (!process.stderr.isTTY) return;
      if (phase !== shown) {
        stop();
        const format = '{phase} |{bar}| {value}/{total}  {eta_formatted} left';
        bar = new SingleBar({ format, barsize: 30, hideCursor: true, stream: process.stderr });
        bar.start(total, done, { phase: phase.padEnd(16) });
        shown = phase;
      }
      bar?.update(done);
      if (done >= total) stop();
    },
    stop,
  };
}
