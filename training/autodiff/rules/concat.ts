// y = several tensors one after the other along an axis. Each one's gradient is its slice of g.
import { number, type Rule } from '../rule.ts';

const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

export const concat: Rule = {
  dims: ({ node, dims }) => {
    const axis = axisOf(number(node, 'axis', 0), dims[0]!.length);
    const total = dims.reduce((sum, one) => sum + one[axis]!, 0);
    return dims[0]!.map((size, i) => (i === axis ? total : size));
  },
  gradient: ({ ops, node, dims, gradient: g }) => {
    const axis = axisOf(number(node, 'axis', 0), dims[0]!.length);
    let end = 0;
    return dims.map((one) => {
      const start = end;
      end += one[axis]!;
      const stop = end;
      return () => ops.slice(g, axis, start, stop);
    });
  },
};
