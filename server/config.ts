// The settings, parsed once into a typed object. Their names, defaults and bounds are environment.ts; where they come from is
// settings.ts.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { Precision } from '../src/model/load.ts';
import { type Environment, readEnvironment } from './environment.ts';

const PACKAGE = resolve(import.meta.dirname, '..');

/** What one request may bring. Bytes are of the decoded content. */
export interface Limits {
  readonly bodyBytes: number;
  readonly imageBytes: number;
  /** Of the first frame, before it is decoded. */
  readonly imagePixels: number;
  readonly itemsPerCall: number;
  /** Of the body of an import. */
  readonly importBytes: number;
}

/** How the service meets what is outside. */
export interface EdgeSettings {
  /** For each key, or each address where no key is needed; 0: no limit. */
  readonly callsPerMinute: number;
  /** How many proxies in front say the caller's address in X-Forwarded-For. */
  readonly trustProxy: number;
  readonly corsOrigins: readonly string[];
  /** Pictures of items are given without a key. */
  readonly publicImages: boolean;
}

/** Of the processes that read images, as createEmbedder takes them; undefined: its default. */
export interface EmbedSettings {
  readonly precision: Precision;
  readonly processes: number | undefined;
  readonly maxBatch: number | undefined;
  readonly maxBulkBatch: number | undefined;
  /** Milliseconds. */
  readonly maxDelay: number | undefined;
  readonly maxQueue: number;
  readonly maxBulkQueue: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly recycleAfter: number;
}

export interface Config {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  /** Absolute; relative values start from the working directory. */
  readonly data: string;
  /** Absolute; relative values start from the package. */
  readonly models: string;
  readonly model: string;
  readonly demo: boolean;
  readonly logLevel: string;
  /** One line of the level info per request. */
  readonly accessLog: boolean;
  readonly embed: EmbedSettings;
  /** Search width of the graph where a query names none. */
  readonly ef: number;
  /** That scan what a graph does not answer; undefined: `defaultScanThreads`. */
  readonly scanThreads: number | undefined;
  /** One of so many answers of the graph is checked; 0: none. */
  readonly auditEvery: number;
  readonly limits: Limits;
  readonly edge: EdgeSettings;
  readonly adminKey: string | undefined;
  /** Serve anybody without keys, wherever it listens. */
  readonly insecure: boolean;
  /** Milliseconds until the headers, and the whole request, must have come. */
  readonly timeouts: { readonly headers: number; readonly request: number };
  /** Undefined: images are not fetched. Bytes of all images of one call beside what the fetcher takes. */
  readonly urls:
    | {
        readonly allow: readonly string[];
        readonly ports: readonly number[] | null;
        timeout: number;
        callBytes: number;
      }
    | undefined;
}

/** Throws `invalid_argument` that names the variable, what is expected of it and what it holds. */
export function parseConfig(options: { env: NodeJS.ProcessEnv; cwd: string }): Config {
  const env = readEnvironment(options.env);
  return {
    port: env.PORT,
    host: env.HOST,
    data: resolve(options.cwd, env.ATTRACTOR_DATA),
    models: resolve(PACKAGE, env.ATTRACTOR_MODELS),
    model: env.ATTRACTOR_MODEL,
    demo: env.ATTRACTOR_DEMO,
    logLevel: env.ATTRACTOR_LOG_LEVEL,
    accessLog: env.ATTRACTOR_ACCESS_LOG,
    embed: {
      precision: env.ATTRACTOR_PRECISION,
      processes: env.ATTRACTOR_EMBED_PROCESSES,
      maxBatch: env.ATTRACTOR_EMBED_MAX_BATCH,
      maxBulkBatch: env.ATTRACTOR_EMBED_MAX_BULK_BATCH,
      maxDelay: env.ATTRACTOR_EMBED_MAX_DELAY_MS,
      maxQueue: env.ATTRACTOR_EMBED_QUEUE,
      maxBulkQueue: env.ATTRACTOR_EMBED_BULK_QUEUE,
      timeout: env.ATTRACTOR_EMBED_TIMEOUT_MS,
      recycleAfter: env.ATTRACTOR_EMBED_RECYCLE,
    },
    ef: env.ATTRACTOR_HNSW_EF,
    scanThreads: env.ATTRACTOR_SCAN_THREADS,
    auditEvery: env.ATTRACTOR_AUDIT_EVERY,
    limits: {
      bodyBytes: env.ATTRACTOR_MAX_BODY_BYTES,
      imageBytes: env.ATTRACTOR_MAX_IMAGE_BYTES,
      imagePixels: env.ATTRACTOR_MAX_IMAGE_PIXELS,
      itemsPerCall: env.ATTRACTOR_MAX_ITEMS_PER_CALL,
      importBytes: env.ATTRACTOR_MAX_IMPORT_BYTES,
    },
    edge: {
      callsPerMinute: env.ATTRACTOR_RATE_LIMIT,
      trustProxy: env.ATTRACTOR_TRUST_PROXY,
      corsOrigins: env.ATTRACTOR_CORS_ORIGINS,
      publicImages: env.ATTRACTOR_PUBLIC_IMAGES,
    },
    adminKey: env.ATTRACTOR_ADMIN_KEY,
    insecure: env.ATTRACTOR_INSECURE,
    timeouts: { headers: env.ATTRACTOR_HEADERS_TIMEOUT_MS, request: env.ATTRACTOR_REQUEST_TIMEOUT_MS },
    urls: env.ATTRACTOR_URL_FETCH ? urlSettings(env) : undefined,
  };
}

function urlSettings(env: Environment): Config['urls'] {
  const ports = env.ATTRACTOR_URL_PORTS;
  return {
    allow: env.ATTRACTOR_URL_ALLOW,
    ports: ports.join() === 'any' ? null : ports.length > 0 ? ports.map(Number) : [80, 443],
    timeout: env.ATTRACTOR_URL_TIMEOUT_MS,
    callBytes: env.ATTRACTOR_URL_MAX_CALL_BYTES,
  };
}

/** Where `scanThreads` is undefined. */
export const defaultScanThreads = (): number => Math.min(4, availableParallelism());

/** Of the package. */
export const VERSION: string = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).version;

/** Folder of the demo shop, inside the package. */
export const DEMO_FOLDER = join(PACKAGE, 'examples/furniture');
export const DOCS_FOLDER = join(PACKAGE, 'docs');
export const UI_FOLDER = join(PACKAGE, 'server/ui');
