// Reads a model folder and refuses it unless manifest, graph and fingerprint agree. Opens no session.

import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AttractorError, invalid } from '../errors/error.ts';
import { rangeOf } from '../image/contract.ts';
import { decodeModel, encodeModel } from '../onnx/codec.ts';
import type { OnnxModel, ValueInfo } from '../onnx/model.ts';
import { quantiseGraph } from '../onnx/quantise.ts';
import { composeGraph } from './compose.ts';
import { fingerprint } from './fingerprint.ts';
import { MANIFEST_VERSION, type ModelManifest, modelManifest } from './manifest.ts';

/** `int8`: the convolutions in 8-bit integers, for CPUs; see src/onnx/quantise.ts. */
export const PRECISIONS = ['fp32', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** What the names of folders begin and end with that are being written, and that have made room for them. */
export const DRAFT = '.draft-';
export const ASIDE = '.old';

export interface LoadedModel {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  readonly manifest: ModelManifest;
  /** The whole graph as ONNX bytes, also where the folder holds only a head. */
  readonly graph: Uint8Array;
  readonly precision: Precision;
  /** Another one for each precision: their vectors are not compared. */
  readonly fingerprint: string;
}

/**
 * Loads and checks a model folder. Throws `model_not_found` where there is no manifest, and `model_invalid`,
 * saying what was expected and received, where a file is missing or malformed, the manifest is of another
 * version, the graph's input or output are not the manifest's, or a fingerprint differs.
 * `precision` (default fp32) `int8` makes the 8-bit form of what the folder has; throws `onnx_unsupported` where the
 * model has none: its convolutions must carry 8-bit weights and output ranges, as those of the default backbone do.
 */
export async function loadModel(options: { directory: string; precision?: Precision }): Promise<LoadedModel> {
  const { precision = 'fp32' } = options;
  if (!PRECISIONS.includes(precision)) throw invalid('precision', PRECISIONS.join(' or '), precision);
  const directory = resolve(options.directory);
  const manifest = await readManifest(directory);
  const graph = await readGraph(directory, manifest);
  const actual = fingerprint({ graph, preprocess: manifest.preprocess });
  if (actual !== manifest.fingerprint) {
    throw modelInvalid(directory, 'fingerprint', manifest.fingerprint, `${actual} from the files`);
  }
  const { name, preprocess } = manifest;
  if (precision === 'fp32') return { name, directory, manifest, graph, precision, fingerprint: actual };
  const input = rangeOf(preprocess);
  const integer = encodeModel(quantiseGraph({ model: decodeModel(graph), input }));
  const own = fingerprint({ graph: integer, preprocess });
  return { name, directory, manifest, graph: integer, precision, fingerprint: own };
}

export function modelInvalid(
  directory: string,
  field: string,
  expected: string,
  received: string,
  cause?: unknown,
) {
  const message = `model ${directory}: ${field}: expected ${expected}, received ${received}`;
  return new AttractorError('model_invalid', message, { field, expected, received, cause });
}

/** Throws `model_not_found` or `model_invalid`. */
export async function readManifest(directory: string): Promise<ModelManifest> {
  const path = join(directory, 'manifest.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const aside = await asideOf(directory);
    const hint = aside
      ? ` Its saving was cut off: ${aside} is the model as it was before; rename it back.`
      : '';
    const message = `No model at ${directory}: manifest.json cannot be read.${hint}`;
    throw new AttractorError('model_not_found', message, { cause });
  }
  let json: { version?: unknown };
  try {
    json = JSON.parse(text) as { version?: unknown };
  } catch (cause) {
    throw modelInvalid(directory, 'manifest.json', 'JSON', 'something else', cause);
  }
  if (json?.version !== MANIFEST_VERSION) {
    throw modelInvalid(directory, 'manifest.version', String(MANIFEST_VERSION), String(json?.version));
  }
  const parsed = modelManifest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = ['manifest', ...issue!.path].join('.');
    throw new AttractorError('model_invalid', `model ${directory}: ${field}: ${issue!.message}`, { field });
  }
  return parsed.data;
}

/** Where an old model was left by a save that was cut off between two renames. */
async function asideOf(directory: string): Promise<string | undefined> {
  const beside = await readdir(dirname(directory)).catch(() => []);
  const start = `${basename(directory)}${DRAFT}`;
  const name = beside.find((one) => one.startsWith(start) && one.endsWith(ASIDE));
  return name && join(dirname(directory), name);
}

async function readGraph(directory: string, manifest: ModelManifest): Promise<Uint8Array> {
  const source = manifest.graph;
  if ('file' in source) {
    const bytes = await readPart(directory, source.file);
    checkInterface(decode(directory, source.file, bytes), manifest, directory);
    return bytes;
  }
  const backboneFolder = resolve(directory, source.backbone);
  const backboneManifest = await readManifest(backboneFolder);
  if (!('file' in backboneManifest.graph)) {
    throw modelInvalid(
      directory,
      'manifest.graph.backbone',
      'a model with its own model.onnx',
      source.backbone,
    );
  }
  const backbone = await loadModel({ directory: backboneFolder });
  if (backbone.fingerprint !== source.backboneFingerprint) {
    throw modelInvalid(directory, 'backboneFingerprint', source.backboneFingerprint, backbone.fingerprint);
  }
  const head = decode(directory, source.head, await readPart(directory, source.head));
  const joined = composeGraph({ backbone: decodeModel(backbone.graph), head });
  checkInterface(joined.model, manifest, directory);
  return joined.bytes;
}

async function readPart(directory: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(join(directory, file));
  } catch (cause) {
    throw modelInvalid(
      directory,
      file,
      'a readable file',
      String((cause as NodeJS.ErrnoException).code),
      cause,
    );
  }
}

function decode(directory: string, file: string, bytes: Uint8Array): OnnxModel {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    throw modelInvalid(directory, file, 'an ONNX graph that can be read', (cause as Error).message, cause);
  }
}

function checkInterface(model: OnnxModel, manifest: ModelManifest, directory: string): void {
  const { width, height } = manifest.preprocess;
  const check = (field: string, values: readonly ValueInfo[], name: string, dims: readonly number[]) => {
    const [value] = values;
    const fits =
      values.length === 1 &&
      value!.name === name &&
      value!.type === 'float32' &&
      value!.dims.length === dims.length &&
      typeof value!.dims[0] === 'string' &&
      value!.dims.every((dim, i) => typeof dim === 'string' || dim === dims[i]);
    if (fits) return;
    const received =
      values.map((info) => `"${info.name}" ${info.type} [${info.dims}]`).join(' and ') || 'none';
    throw modelInvalid(directory, `graph ${field}`, `"${name}" float32 [batch,${dims.slice(1)}]`, received);
  };
  check('input', model.graph.inputs, manifest.input, [0, 3, height, width]);
  check('output', model.graph.outputs, manifest.output, [0, manifest.dimension]);
}
