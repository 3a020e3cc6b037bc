// The environment, parsed once into a typed object with defaults and bounds. The only reader of process.env's
// values; nothing else in server/ knows the names of the variables.

import { join, resolve } from 'node:path';
import { z } from 'zod';
import { AttractorError, show } from '../src/errors/error.ts';

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

const environment = z.object({
  PORT: integer(0, 65_535).default(3000),
  HOST: text('127.0.0.1'),
  ATTRACTOR_DATA: text('data'),
  ATTRACTOR_MODELS: text('models'),
  ATTRACTOR_MODEL: text('furniture'),
  ATTRACTOR_DEMO: flag(true),
  ATTRACTOR_LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'one of fatal, error, warn, info, debug, trace, silent',
    )
    .default('info'),
  ATTRACTOR_EMBED_PROCESSES: integer(1, 64).optional(),
  ATTRACTOR_HNSW_EF: integer(1, 10_000).default(100),
  ATTRACTOR_AUDIT_EVERY: integer(0, 1_000_000_000).default(100),
  ATTRACTOR_MAX_BODY_BYTES: integer(1024, 1024 * MiB).default(32 * MiB),
  ATTRACTOR_MAX_IMAGE_BYTES: integer(1024, 256 * MiB).default(20 * MiB),
  ATTRACTOR_MAX_IMAGE_PIXELS: integer(10_000, 1_000_000_000).default(100_000_000),
  ATTRACTOR_MAX_ITEMS_PER_CALL: integer(1, 10_000).default(256),
  ATTRACTOR_MAX_IMPORT_BYTES: integer(1024, 1024 * 1024 * MiB).default(4096 * MiB),
});

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
  /** Default: one per core, at most 4. */
  readonly embedProcesses: number | undefined;
  /** Search width of the graph where a query names none. */
  readonly ef: number;
  /** One of so many answers of the graph is checked; 0: none. */
  readonly auditEvery: number;
  readonly limits: Limits;
}

/** Throws `invalid_argument` that names the variable, what is expected of it and what it holds. */
export function parseConfig(options: { env: NodeJS.ProcessEnv; cwd: string }): Config {
  const parsed = environment.safeParse(options.env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const name = String(issue.path[0]);
    const received = show(options.env[name]);
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
    embedProcesses: env.ATTRACTOR_EMBED_PROCESSES,
    ef: env.ATTRACTOR_HNSW_EF,
    auditEvery: env.ATTRACTOR_AUDIT_EVERY,
    limits: {
      bodyBytes: env.ATTRACTOR_MAX_BODY_BYTES,
      imageBytes: env.ATTRACTOR_MAX_IMAGE_BYTES,
      imagePixels: env.ATTRACTOR_MAX_IMAGE_PIXELS,
      itemsPerCall: env.ATTRACTOR_MAX_ITEMS_PER_CALL,
      importBytes: env.ATTRACTOR_MAX_IMPORT_BYTES,
    },
  };
}

/** Folder of the demo shop, inside the package. */
export const DEMO_FOLDER = join(PACKAGE, 'examples/furniture');
export const DOCS_FOLDER = join(PACKAGE, 'docs');
export const UI_FOLDER = join(PACKAGE, 'server/ui');
