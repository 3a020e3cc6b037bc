// Who calls, and whether they may: API keys, their scopes and collections, and what goes without a key. Decides per request;
// where keys are kept is src/store.

import type { Request } from 'express';
import { AttractorError } from '../../src/errors/error.ts';
import { type ApiKey, type KeyStore, keyHash, SCOPES, type Scope, sameHash } from '../../src/store/keys.ts';

/** `open`: nobody is asked for a key. */
export type RouteScope = 'open' | Scope;

/** What the decision needs to know of a route. */
export interface Guarded {
  readonly path: string;
  readonly scope: RouteScope;
  /** It has no `:collection`, yet limits itself to the caller's collections. */
  readonly ownCollections?: boolean;
}

export interface Caller {
  /** Undefined: came without a key, and needed none. */
  readonly key: ApiKey | undefined;
  mayUse(collection: string): boolean;
}

/**
 * What goes while there is no key. `loopback`: everything, for those who came to a name of this machine. `always`: everything.
 * `never`: nothing.
 */
export type WithoutKeys = 'loopback' | 'always' | 'never';

export interface AccessOptions {
  /** Absent: there are none and never will be. Once there was one, a key is asked for as long as this lives: the door never opens by itself. */
  readonly keys?: KeyStore;
  /** A key with every right that is in no file, to begin with. */
  readonly adminKey?: string;
  readonly withoutKeys: WithoutKeys;
}

export const ANYBODY: Caller = { key: undefined, mayUse: () => true };

export interface Access {
  /** Throws `unauthorized`. */
  identify(request: Request): Caller;
  /** Throws `forbidden`. */
  authorize(caller: Caller, route: Guarded, params: Readonly<Record<string, unknown>>): void;
}

/** A name of this machine. Any other may be a stranger's page whose name was pointed here. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;
const PORT = /:\d+$/;

/** By where the server listens. Throws `invalid_argument` where anybody could come and no key would be asked for. */
export function whoNeedsNoKey(options: {
  host: string;
  insecure: boolean;
  adminKey: string | undefined;
  keys: KeyStore;
}): WithoutKeys {
  const { host, insecure, adminKey, keys } = options;
  if (insecure) return 'always';
  if (LOOPBACK.test(host)) return 'loopback';
  if (adminKey !== undefined || !keys.empty) return 'never';
  const expected = '127.0.0.1, ::1 or localhost as long as there is no API key';
  const help =
    'Make a key (attractor key create --scope admin) or set ATTRACTOR_ADMIN_KEY; ATTRACTOR_INSECURE=true serves anybody.';
  const message = `HOST: expected ${expected}, received ${host}. ${help}`;
  throw new AttractorError('invalid_argument', message, { field: 'HOST', expected, received: host });
}

export function createAccess(options: AccessOptions): Access {
  const { keys, withoutKeys } = options;
  const adminHash = options.adminKey === undefined ? undefined : keyHash(options.adminKey);
  let locked = withoutKeys === 'never' || adminHash !== undefined || keys?.empty === false;
  const admin: ApiKey = {
    id: 'admin',
    scope: 'admin',
    collections: undefined,
    note: '',
    rate: undefined,
    created: '',
  };

  function identify(request: Request): Caller {
    const key = presentedKey(request);
    locked ||= keys?.empty === false;
    if (!locked) {
      const host = request.get('host');
      if (withoutKeys === 'loopback' && host !== undefined && !LOOPBACK.test(host.replace(PORT, ''))) {
        throw forbidden(
          'a name of this machine in the header Host, as long as there are no API keys',
          host.slice(0, 80),
        );
      }
      return ANYBODY;
    }
    if (key === undefined) throw unauthorized(insteadOfKey(request));
    const hash = keyHash(key);
    const known = adminHash && sameHash(adminHash, hash) ? admin : keys?.find(hash);
    if (!known) throw unauthorized('a key that is not known');
    return { key: known, mayUse: (name) => known.collections?.includes(name) ?? true };
  }

  function authorize(
    { key, mayUse }: Caller,
    route: Guarded,
    params: Readonly<Record<string, unknown>>,
  ): void {
    if (!key || route.scope === 'open') return;
    if (SCOPES.indexOf(key.scope) < SCOPES.indexOf(route.scope)) {
      throw forbidden(`a key with scope ${route.scope}`, `one with scope ${key.scope}`);
    }
    if (key.collections === undefined || route.ownCollections) return;
    // A route that names no collection acts on all of them.
    const { collection } = params;
    if (typeof collection !== 'string' || !mayUse(collection)) {
      const wanted =
        typeof collection === 'string' ? `the collection ${collection.slice(0, 64)}` : 'all collections';
      throw forbidden(`a key for ${wanted}`, 'one for others');
    }
  }

  return { identify, authorize };
}

/** From `api-key: K` or `Authorization: Bearer K`. */
function presentedKey(request: Request): string | undefined {
  const key = request.get('api-key') ?? /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
  return key === '' ? undefined : key;
}

function insteadOfKey(request: Request): string {
  const given = request.get('authorization');
  if (given === undefined || request.get('api-key') !== undefined) return 'no key';
  return /^Bearer\b/i.test(given)
    ? 'Authorization: Bearer without just a key'
    : 'Authorization without Bearer';
}

function unauthorized(received: string): AttractorError {
  const expected = 'an API key in the header api-key or Authorization: Bearer';
  return new AttractorError('unauthorized', `key: expected ${expected}, received ${received}`, {
    field: 'key',
    expected,
    received,
  });
}

function forbidden(expected: string, received: string): AttractorError {
  return new AttractorError('forbidden', `key: expected ${expected}, received ${received}`, {
    field: 'key',
    expected,
    received,
  });
}
