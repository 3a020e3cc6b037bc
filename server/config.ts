// The settings, parsed once into a typed object with defaults and bounds, from texts as the environment has them.
// Nothing else in server/ knows their names; where they come from is settings.ts.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { AttractorError, show } from '../src/errors/error.ts';
import { createAddressRules } from '../src/fetch/address.ts';
import { PRECISIONS, type Precision } from '../src/model/load.ts';

const PACKAGE = resolve(import.meta.dirname, '..');
const MiB = 2 ** 20;

const integer = (min: number, max: number) => {
  const expected = `an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, expected)
    .transform(Number)
    .pipe(z.number(expected).min(min, expected).max(max, expected));
};

const text = (fallback: string) => z.string().trim().min(1, 'a text that is not empty').default(fallback);

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0'], 'true or false')
    .transform((value) => value === 'true' || value === '1')
    .default(fallback);

/** Words between commas. */
const list = z
  .string()
  .transform((value) => value.split(',').flatMap((one) => one.trim() || []))
  .default([]);

const ORIGINS = 'origins such as https://shop.example.com, separated by commas, or *';
const ALLOW = 'addresses, ranges such as 10.0.0.0/8 and host names, separated by commas';
const PORTS = 'port numbers separated by commas, or any';
const ADMIN_KEY = 'a text of 32 to 256 characters without spaces';

const environment = z.object({
  PORT: integer(0, 65_535).default(3000),
  HOST: text('127.0.0.1'),
  ATTRACTOR_CONFIG: text('attractor.config.json'),
  ATTRACTOR_DATA: text('data'),
  ATTRACTOR_MODELS: text('models'),
  ATTRACTOR_MODEL: text('furniture'),
  ATTRACTOR_PRECISION: z.enum(PRECISIONS, 'fp32 or int8').default('fp32'),
  ATTRACTOR_DEMO: flag(true),
  ATTRACTOR_LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'one of fatal, error, warn, info, debug, trace, silent',
    )
    .default('info'),
  ATTRACTOR_ACCESS_LOG: flag(false),
  ATTRACTOR_EMBED_PROCESSES: integer(1, 64).optional(),
  ATTRACTOR_EMBED_MAX_BATCH: integer(1, 256).optional(),
  ATTRACTOR_EMBED_MAX_BULK_BATCH: integer(1, 256).optional(),
  ATTRACTOR_EMBED_MAX_DELAY_MS: integer(0, 1000).optional(),
  ATTRACTOR_EMBED_QUEUE: integer(1, 100_000).default(128),
  ATTRACTOR_EMBED_BULK_QUEUE: integer(1, 1_000_000).default(2048),
  ATTRACTOR_EMBED_TIMEOUT_MS: integer(100, 600_000).default(60_000),
  ATTRACTOR_EMBED_RECYCLE: integer(1, 1_000_000_000).default(100_000),
  ATTRACTOR_HNSW_EF: integer(1, 10_000).default(100),
  ATTRACTOR_AUDIT_EVERY: integer(0, 1_000_000_000).default(100),
  ATTRACTOR_MAX_BODY_BYTES: integer(1024, 1024 * MiB).default(32 * MiB),
  ATTRACTOR_MAX_IMAGE_BYTES: integer(1024, 256 * MiB).default(20 * MiB),
  ATTRACTOR_MAX_IMAGE_PIXELS: integer(10_000, 1_000_000_000).default(100_000_000),
  ATTRACTOR_MAX_ITEMS_PER_CALL: integer(1, 10_000).default(256),
  ATTRACTOR_MAX_IMPORT_BYTES: integer(1024, 1024 * 1024 * MiB).default(4096 * MiB),
  ATTRACTOR_ADMIN_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,256}$/, ADMIN_KEY)
    .optional(),
  ATTRACTOR_INSECURE: flag(false),
  ATTRACTOR_PUBLIC_IMAGES: flag(false),
  ATTRACTOR_RATE_LIMIT: integer(0, 10_000_000).default(0),
  ATTRACTOR_TRUST_PROXY: integer(0, 10).default(0),
  ATTRACTOR_CORS_ORIGINS: list.refine((origins) => origins.every(isOrigin), ORIGINS),
  ATTRACTOR_HEADERS_TIMEOUT_MS: integer(100, 600_000).default(20_000),
  ATTRACTOR_REQUEST_TIMEOUT_MS: integer(100, 3_600_000).default(120_000),
  ATTRACTOR_URL_FETCH: flag(true),
  ATTRACTOR_URL_ALLOW: list.refine(isAllowList, ALLOW),
  ATTRACTOR_URL_PORTS: list.refine((ports) => ports.join() === 'any' || ports.every(isPort), PORTS),
  ATTRACTOR_URL_TIMEOUT_MS: integer(100, 600_000).default(15_000),
  ATTRACTOR_URL_MAX_CALL_BYTES: integer(1024, 4096 * MiB).default(128 * MiB),
});

/** Their names, in the order of the documentation. */
export const SETTINGS: readonly string[] = Object.keys(environment.shape);

/** By name, defaults filled in. For values that `parseConfig` took. */
export const settingsOf = (env: NodeJS.ProcessEnv): Readonly<Record<string, unknown>> =>
  environment.parse(env);

/** Never shown: not in a message, not in a log. */
export const isSecret = (name: string) => /KEY|SECRET|TOKEN|PASSWORD/.test(name);
const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536;

function isAllowList(allow: readonly string[]): boolean {
  try {
    createAddressRules({ allow });
    return true;
  } catch {
    return false;
  }
}

function isOrigin(text: string): boolean {
  return text === '*' || (/^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text);
}

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
  const parsed = environment.safeParse(options.env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const name = String(issue.path[0]);
    const received = isSecret(name) ? 'another text' : show(options.env[name]);
    throw new AttractorError('invalid_argument', `${name}: expected ${issue.message}, received ${received}`, {
      field: name,
      expected: issue.message,
      received,
    });
  }
  const env = parsed.data;
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

function urlSettings(env: z.output<typeof environment>): Config['urls'] {
  const ports = env.ATTRACTOR_URL_PORTS;
  return {
    allow: env.ATTRACTOR_URL_ALLOW,
    ports: ports.join() === 'any' ? null : ports.length > 0 ? ports.map(Number) : [80, 443],
    timeout: env.ATTRACTOR_URL_TIMEOUT_MS,
    callBytes: env.ATTRACTOR_URL_MAX_CALL_BYTES,
  };
}

/** Of the package. */
export const VERSION: string = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).version;

/** Folder of the demo shop, inside the package. */
export const DEMO_FOLDER = join(PACKAGE, 'examples/furniture');
export const DOCS_FOLDER = join(PACKAGE, 'docs');
export const UI_FOLDER = join(PACKAGE, 'server/ui');
