// Which route a path belongs to. Paths are those of the routes: fixed segments and `:name` for one segment that is not empty;
// case and a slash at the end matter. Knows nothing of what a route does.

import type { Route } from './route.ts';

export type Found =
  | { readonly route: Route; readonly params: Record<string, string> }
  /** The path is known, as this pattern, with these methods. */
  | { readonly allow: readonly string[]; readonly path: string };

export interface RouteTable {
  /** The first route, in the order given, that has the path and the method. Throws URIError where a parameter is not valid percent-encoding. */
  find(method: string, path: string): Found | undefined;
}

interface Entry {
  readonly path: string;
  readonly segments: readonly string[];
  readonly byMethod: ReadonlyMap<string, Route>;
  readonly allow: readonly string[];
}

export function createTable(routes: readonly Route[]): RouteTable {
  const byPath = new Map<string, Route[]>();
  for (const route of routes) byPath.set(route.path, [...(byPath.get(route.path) ?? []), route]);
  /** By the number of segments. */
  const entries = new Map<number, Entry[]>();
  for (const [path, own] of byPath) {
    const byMethod = new Map(own.map((route) => [route.method.toUpperCase(), route]));
    const allow = [...byMethod.keys()];
    const get = byMethod.get('GET');
    if (get) {
      byMethod.set('HEAD', get);
      allow.push('HEAD');
    }
    const segments = path.split('/');
    entries.set(segments.length, [
      ...(entries.get(segments.length) ?? []),
      { path, segments, byMethod, allow },
    ]);
  }
  return {
    find(method, path) {
      const given = path.split('/');
      let known: Entry | undefined;
      for (const entry of entries.get(given.length) ?? []) {
        if (!matches(entry.segments, given)) continue;
        const route = entry.byMethod.get(method);
        if (route) return { route, params: paramsOf(entry.segments, given) };
        known ??= entry;
      }
      return known && { allow: known.allow, path: known.path };
    },
  };
}

/** From the end, as most paths begin alike. */
function matches(segments: readonly string[], given: readonly string[]): boolean {
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i]!;
    if (segment.startsWith(':') ? given[i] === '' : segment !== given[i]) return false;
  }
  return true;
}

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    if (segment.startsWith(':')) params[segment.slice(1)] = decodeURIComponent(given[i]!);
  }
  return params;
}
