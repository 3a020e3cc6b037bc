// The settings as texts: the names, defaults and bounds of the variables. As the server takes them, typed, they are config.ts;
// nothing but settings.ts beside it knows their names.

import { z } from 'zod';
import { AttractorError, show } from '../src/errors/error.ts';
import { createAddressRules } from '../src/fetch/address.ts';
import { PRECISIONS } from '../src/model/load.ts';

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
  ATTRACTOR_SCAN_THREADS: integer(1, 64).optional(),
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

export type Environment = z.output<typeof environment>;

/** By name, defaults filled in. Throws as `parseConfig` does. */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const name = String(issue.path[0]);
    const received = isSecret(name) ? (env[name] === '' ? 'an empty text' : 'another text') : show(env[name]);
    throw new AttractorError('invalid_argument', `${name}: expected ${issue.message}, received ${received}`, {
      field: name,
      expected: issue.message,
      received,
    });
  }
  return parsed.data;
}

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
