// What training can run on here, what is missing and how to get it, and which engine a request means. Runs no training.

import { AttractorError, invalid, refuseUnknown } from '../../src/errors/error.ts';
import { listProviders, type Provider } from '../../src/runtime/session.ts';
import type { CreateEngine } from './engine.ts';
import { createOrtEngine } from './ort.ts';
import {
  type BackendName,
  findNative,
  loadBackend,
  NATIVE_PACKAGE,
  type NativeFinding,
} from './tfjs/load.ts';
import { tfjsEngineOn } from './tfjs.ts';

export const ENGINES = ['auto', 'ort', 'tfjs'] as const;
export const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export interface EngineRequest {
  readonly engine?: (typeof ENGINES)[number];
  readonly device?: (typeof DEVICES)[number];
}

export interface TrainingDevice {
  readonly engine: 'ort' | 'tfjs';
  readonly device: 'cpu' | 'cuda';
  readonly name: string;
  readonly available: boolean;
  /** What was found, or why it is not available. */
  readonly found: string;
  /** The command that installs what is missing. */
  readonly install?: string;
}

const INSTALL_ORT = 'npm run gpu:ort (needs CUDA 12 and cuDNN 9)';
const INSTALL_NATIVE = 'npm run gpu:tf (needs Node 22 or older, CUDA 11 and cuDNN 8)';

/** Everything that training could run on, present or not. Loads TensorFlow.js, which takes about a second. */
export async function listDevices(): Promise<TrainingDevice[]> {
  const [ort, native, wasm] = await Promise.all([findOrt(), findNative(), findWasm()]);
  const runs = (provider: Provider) => ort.providers.includes(provider);
  const missing = ort.problem ?? 'not found';
  return [
    {
      ...{ engine: 'ort', device: 'cpu', name: 'onnxruntime, cpu', available: runs('cpu') },
      found: runs('cpu') ? 'works' : missing,
    },
    {
      ...{ engine: 'ort', device: 'cuda', name: 'onnxruntime, cuda', available: runs('cuda') },
      ...(runs('cuda') ? { found: 'works' } : { found: missing, install: INSTALL_ORT }),
    },
    {
      ...{ engine: 'tfjs', device: 'cuda', name: NATIVE_PACKAGE, available: native.gpu },
      found: nativeFound(native),
      ...(native.installed ? {} : { install: INSTALL_NATIVE }),
    },
    { engine: 'tfjs', device: 'cpu', name: 'TensorFlow.js, wasm', ...wasm },
  ];
}

function nativeFound({ installed, loads, gpu, version, problem }: NativeFinding): string {
  if (gpu) return `${version}, sees a GPU`;
  if (loads) return `${version}, but sees no GPU`;
  return installed ? `installed, but does not load: ${problem}` : 'not installed';
}

async function findOrt(): Promise<{ providers: readonly Provider[]; problem?: string }> {
  try {
    return { providers: await listProviders() };
  } catch (error) {
    return { providers: [], problem: `does not load: ${(error as Error).message.split('\n')[0]}` };
  }
}

async function findWasm(): Promise<Pick<TrainingDevice, 'available' | 'found'>> {
  try {
    const { tf } = await loadBackend(['wasm']);
    return { available: true, found: `${tf.version['tfjs-core']}, works` };
  } catch (error) {
    return { available: false, found: (error as Error).message };
  }
}

export interface ChosenEngine {
  readonly createEngine: CreateEngine;
  /** For `createEngine`; the tfjs engine has its device chosen already and does not read them. */
  readonly providers: readonly Provider[];
  /** For people: "onnxruntime on cpu". */
  readonly description: string;
}

/**
 * The engine for a request; `auto` by default. Engine `auto`: TensorFlow where @tensorflow/tfjs-node-gpu is installed and sees a
 * GPU, else onnxruntime. Device `auto`: a GPU where the engine has one, else the CPU. Throws `provider_unavailable`, saying what
 * is missing and how to install it, `invalid_argument` and `unknown_option`.
 */
export async function chooseEngine(request: EngineRequest = {}): Promise<ChosenEngine> {
  refuseUnknown(request, ['engine', 'device'], 'chooseEngine');
  const { engine = 'auto', device = 'auto' } = request;
  if (!ENGINES.includes(engine)) throw invalid('engine', `one of ${ENGINES.join(', ')}`, engine);
  if (!DEVICES.includes(device)) throw invalid('device', `one of ${DEVICES.join(', ')}`, device);
  // Only what the request could mean is looked at: loading either library costs time.
  const native =
    engine !== 'ort' && !(engine === 'auto' && device === 'cpu') ? await findNative() : undefined;
  const providers = engine === 'tfjs' ? [] : (await findOrt()).providers;
  const choice = decide({ engine, device }, { native, providers });
  if (choice.engine === 'ort') {
    const description = `onnxruntime on ${choice.providers[0]}`;
    return { createEngine: createOrtEngine, providers: choice.providers, description };
  }
  const { name } = await loadBackend(choice.backends);
  return {
    createEngine: tfjsEngineOn(name),
    providers: native?.gpu && name === 'tensorflow' ? ['cuda'] : ['cpu'],
    description: DESCRIPTIONS[native?.gpu && name === 'tensorflow' ? 'gpu' : name],
  };
}

const DESCRIPTIONS = {
  gpu: `TensorFlow on a GPU (${NATIVE_PACKAGE})`,
  tensorflow: `TensorFlow on cpu (${NATIVE_PACKAGE})`,
  wasm: 'TensorFlow.js on cpu (WebAssembly)',
  cpu: 'TensorFlow.js on cpu (JavaScript)',
};

export interface Found {
  /** Undefined where it was not looked for. */
  readonly native?: NativeFinding;
  readonly providers: readonly Provider[];
}

type Choice =
  | { readonly engine: 'ort'; readonly providers: readonly Provider[] }
  | { readonly engine: 'tfjs'; readonly backends: readonly BackendName[] };

/** What a request means on a machine where this was found. */
export function decide({ engine, device }: Required<EngineRequest>, { native, providers }: Found): Choice {
  const gpu = native?.gpu === true;
  if (engine !== 'ort' && device !== 'cpu' && gpu) return { engine: 'tfjs', backends: ['tensorflow'] };
  if (engine === 'tfjs') {
    if (device === 'cuda') throw unavailable(`${NATIVE_PACKAGE} (${nativeFound(native!)})`, INSTALL_NATIVE);
    // The native library would take the GPU where it sees one, also when the CPU is asked for.
    return { engine, backends: gpu ? ['wasm', 'cpu'] : ['tensorflow', 'wasm', 'cpu'] };
  }
  if (device !== 'auto' && !providers.includes(device)) {
    const also = engine === 'auto' ? ` or ${INSTALL_NATIVE}` : '';
    throw unavailable(`onnxruntime's ${device} provider`, `${INSTALL_ORT}${also}`);
  }
  const chosen = device === 'auto' ? providers : [device];
  if (chosen.length === 0) throw unavailable('onnxruntime', 'npm ci');
  return { engine: 'ort', providers: chosen };
}

const unavailable = (missing: string, install: string) =>
  new AttractorError('provider_unavailable', `${missing} does not work here. To install it: ${install}`, {
    field: 'device',
    expected: missing,
    received: 'nothing that works',
  });
