// y = every step-th part of x between starts and ends of some axes. dL/dx = g put back where it was taken from, 0 elsewhere:
// zeros between (steps), the other way round (negative steps), zeros before and after.
import { type NodeView, positive, type Rule, range, unsupported } from '../rule.ts';

export interface Cut {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** What a Slice takes of every axis. */
export function cutsOf(view: NodeView): readonly Cut[] {
  const { node, dims } = view;
  const x = dims[0]!;
  const [starts, ends] = [view.constant(1), view.constant(2)];
  const axes = node.inputs[3] ? view.constant(3) : starts && range(starts.length);
  const steps = node.inputs[4] ? view.constant(4) : starts?.map(() => 1);
  if (!starts || !ends || !axes || !steps) throw unsupported(node, 'limits that are computed in the graph');
  const cuts: Cut[] = x.map((size) => ({ start: 0, step: 1, count: size }));
  for (const [i, given] of axes.entries()) {
    const axis = positive(given, x.length);
    const size = x[axis]!;
    const step = steps[i]!;
    const within = (at: number, low: number, high: number) =>
      Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const start = step > 0 ? within(starts[i]!, 0, size) : within(starts[i]!, 0, size - 1);
    // Backwards, an end before the first number takes that one too.
    const end = step > 0 ? within(ends[i]!, 0, size) : within(ends[i]!, -1, size - 1);
    cuts[axis] = { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  }
  return cuts;
}

export const slice: Rule = {
  dims: (view) => cutsOf(view).map(({ count }) => count),
  gradient: (view) => [
    () => {
      const { ops, dims, outputDims } = view;
      const x = dims[0]!;
      const cuts = cutsOf(view);
      let g = view.gradient;
      const back = range(x.length).filter((axis) => cuts[axis]!.step < 0 && cuts[axis]!.count > 1);
      if (back.length > 0) {
        const last = back.map(() => -1);
        g = ops.slices(g, back, { starts: last, ends: back.map(() => -(2 ** 31)), steps: last });
      }
      const stride = cuts.map(({ step, count }) => (count > 1 ? Math.abs(step) : 1));
      const first = cuts.map(({ start, step, count }) => (step < 0 ? start + (count - 1) * step : start));
      const spread = stride.map((size, axis) => (outputDims[axis]! - 1) * size + 1);
      if (stride.some((size) => size > 1)) {
        const apart = ops.reshape(
          g,
          outputDims.flatMap((size) => [size, 1]),
        );
        const zeros = stride.flatMap((size) => [0, size - 1]);
        const joined = outputDims.map((size, axis) => size * stride[axis]!);
        g = ops.reshape(
          ops.pad(
            apart,
            zeros.map(() => 0),
            zeros,
          ),
          joined,
        );
        // The zeros behind the last number count as padding.
        return ops.pad(
          g,
          first,
          x.map((size, axis) => size - first[axis]! - joined[axis]!),
        );
      }
      return ops.pad(
        g,
        first,
        x.map((size, axis) => size - first[axis]! - spread[axis]!),
      );
    },
  ],
};
