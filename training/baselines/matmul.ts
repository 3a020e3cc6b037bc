// Matrix products on onnxruntime's GEMM: one-node sessions, opened when first needed. What makes 2048-d covariances and
// all-against-all scores take seconds in JavaScript.

import type { ScoreRequest } from '../../src/metrics/scores.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { openSession, type Session } from '../../src/runtime/session.ts';

/** Row-major. */
export interface Operand<T extends Float32Array | Float64Array> {
  readonly data: T;
  readonly rows: number;
  readonly columns: number;
  /** Multiply by the transpose of what is stored. */
  readonly transposed?: boolean;
}

export interface Matmul {
  /** [op(a).rows, op(b).columns], in the precision of the operands. */
  multiply<T extends Float32Array | Float64Array>(a: Operand<T>, b: Operand<T>): Promise<T>;
  /** A ScoreBlock for the evaluator. */
  scores(request: ScoreRequest): Promise<Float32Array>;
  release(): Promise<void>;
}

export function createMatmul(options: { threads?: number } = {}): Matmul {
  const sessions = new Map<string, Promise<Session>>();
  const sessionFor = (type: 'float32' | 'float64', transA: number, transB: number) => {
    const key = `${type} ${transA} ${transB}`;
    const known = sessions.get(key);
    if (known) return known;
    const graph = new GraphBuilder();
    const a = graph.input({ name: 'a', type, dims: ['a0', 'a1'] });
    const b = graph.input({ name: 'b', type, dims: ['b0', 'b1'] });
    const y = graph.node(
      'Gemm',
      [a, b],
      { transA: attr.int(transA), transB: attr.int(transB) },
      { output: 'y' },
    );
    graph.output(y, type, ['m', 'n']);
    const model = encodeModel(graph.build({ name: 'gemm', opset: 17 }));
    const opened = openSession({ model, threads: options.threads });
    sessions.set(key, opened);
    return opened;
  };
  const multiply = async <T extends Float32Array | Float64Array>(
    a: Operand<T>,
    b: Operand<T>,
  ): Promise<T> => {
    const type = a.data instanceof Float32Array ? 'float32' : 'float64';
    const session = await sessionFor(type, a.transposed ? 1 : 0, b.transposed ? 1 : 0);
    const result = await session.run({
      a: { type, dims: [a.rows, a.columns], data: a.data },
      b: { type, dims: [b.rows, b.columns], data: b.data },
    });
    return result.y!.data as T;
  };
  return {
    multiply,
    scores: ({ queries, gallery, dimension }) =>
      multiply(
        { data: queries, rows: queries.length / dimension, columns: dimension },
        { data: gallery, rows: gallery.length / dimension, columns: dimension, transposed: true },
      ),
    async release() {
      for (const session of sessions.values()) await (await session).release();
      sessions.clear();
    },
  };
}
