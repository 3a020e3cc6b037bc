// Finds TensorFlow.js here: the native build with a GPU, else WebAssembly, else plain JavaScript. Loads it on first use only, since
// that costs a second. Knows no graphs.

import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import type * as TensorFlow from '@tensorflow/tfjs';
import { AttractorError } from '../../../src/errors/error.ts';

export type Tf = typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;

/** `tensorflow` is the native library, by @tensorflow/tfjs-node-gpu. */
export type BackendName = 'tensorflow' | 'wasm' | 'cpu';

export interface Backend {
  readonly tf: Tf;
  readonly name: BackendName;
  /**
   * Gradients of convolutions, pooling and products are composed of other operators: wasm lacks the kernels of the first, has
   * a wrong one for the second (windows whose maximum is below 0) and slow transposes in the third.
   */
  readonly composed: boolean;
}

/** What is known of the native package without training on it. */
export interface NativeFinding {
  readonly installed: boolean;
  readonly loads: boolean;
  /** It computes on a GPU. */
  readonly gpu: boolean;
  readonly version?: string;
  /** Why it does not load. */
  readonly problem?: string;
}

export const NATIVE_PACKAGE = '@tensorflow/tfjs-node-gpu';

interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
}

const require = createRequire(import.meta.url);
let native: Promise<{ tf?: Tf; finding: NativeFinding }> | undefined;

/** Whether the native package is there, loads, and sees a GPU. */
export const findNative = async (): Promise<NativeFinding> => (await loadNative()).finding;

function loadNative() {
  native ??= (async () => {
    try {
      // A variable, so that nothing tries to resolve a package that is not meant to be there.
      const name = NATIVE_PACKAGE;
      // All that it exports: Node sees only some of the names of a CommonJS package.
      const { default: tf } = (await import(name)) as { default: Tf };
      tf.enableProdMode();
      await tf.setBackend('tensorflow');
      const gpu = (tf.backend() as NativeBackend).isUsingGpuDevice === true;
      return { tf, finding: { installed: true, loads: true, gpu, version: tf.version['tfjs-core'] } };
    } catch (error) {
      const problem = String((error as Error).message).split('\n')[0]!;
      // A dependency of it that is missing is not the same as itself missing.
      const installed = !(
        (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' && problem.includes(NATIVE_PACKAGE)
      );
      return { finding: { installed, loads: false, gpu: false, problem } };
    }
  })();
  return native;
}

/**
 * TensorFlow.js with its backend started; by default on the best of `tensorflow`, `wasm` and `cpu` that works. Throws
 * `provider_unavailable` where none of `wanted` does.
 */
export async function loadBackend(
  wanted: readonly BackendName[] = ['tensorflow', 'wasm', 'cpu'],
): Promise<Backend> {
  const problems: string[] = [];
  for (const name of wanted) {
    try {
      return { tf: await start(name), name, composed: name === 'wasm' };
    } catch (error) {
      problems.push(`${name}: ${String((error as Error).message).split('\n')[0]}`);
    }
  }
  throw new AttractorError(
    'provider_unavailable',
    `TensorFlow.js has no backend that works here: ${problems.join('; ')}`,
    { field: 'engine', expected: 'a backend that works', received: wanted.join(', ') },
  );
}

async function start(name: BackendName): Promise<Tf> {
  if (name === 'tensorflow') {
    const { tf, finding } = await loadNative();
    if (!tf) throw new Error(finding.problem);
    await activate({ tf, name });
    return tf;
  }
  const tf = await import('@tensorflow/tfjs');
  // Keeps it from printing that a native package would be faster: `attractor doctor` says so.
  tf.enableProdMode();
  if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (tf.findBackend('wasm') === null)
      setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  }
  await activate({ tf, name });
  return tf;
}

/** Makes this backend the one that new tensors are made on: TensorFlow.js has one such for the whole process. */
export async function activate({ tf, name }: Pick<Backend, 'tf' | 'name'>): Promise<void> {
  if (tf.getBackend() === name) return;
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} does not start`);
}
