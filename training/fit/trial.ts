// What the race runs: one method with one setting of its options. A closed form is fitted at once; a trained head has a point
// after every epoch. Knows nothing of other trials.

import type { Provider } from '../../src/runtime/session.ts';
import type { CreateEngine } from '../engine/engine.ts';
import type { Loss } from '../losses/loss.ts';
import type { StepProgress } from '../trainer/options.ts';
import type { Judge, Projection, Space } from './space.ts';

export interface TrialRun {
  readonly seed: number;
  /** Folder of the checkpoint; none is written without it. */
  readonly run?: string;
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  /** What trains, in words that tell it from others: engines agree to a few bits only, so a journal is of one. */
  readonly engine?: string;
  /** What trains; onnxruntime on the CPU by default. */
  readonly createEngine?: CreateEngine;
  readonly providers?: readonly Provider[];
  readonly onStep?: (progress: StepProgress) => void;
}

export interface Trial {
  /** As tables name it: `LDA`, `PFML`. */
  readonly method: string;
  readonly settings: Settings;
  /** Everything that decides what it finds in a space, as text: of equal ones, one need not run. */
  readonly identity: string;
  /** True: its embeddings are not of the length that is asked for. It wins only where any length will do. */
  readonly ownLength?: boolean;
  /** What it is trained under; a closed form has none. */
  readonly loss?: Loss;
  /** Fits in `space` and has every point judged: one for a closed form; start and each epoch for a trained head. */
  explore(space: Space, judge: Judge, run: TrialRun): Promise<void>;
  /** The head at a point of that order. */
  fit(space: Space, point: number, run: TrialRun): Promise<Projection>;
}

export type Settings = Readonly<Record<string, string | number | boolean>>;
