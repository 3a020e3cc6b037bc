// What may stand in a URL that is fetched: scheme, host, port, nothing else. The first check of the two; the second is on the
// addresses that the host resolves to (connect.ts).

import { isIP } from 'node:net';
import { AttractorError, invalid, show } from '../errors/error.ts';
import type { AddressRules } from './address.ts';

export interface TargetRules {
  readonly addresses: AddressRules;
  /** Undefined: any. */
  readonly ports: readonly number[] | undefined;
}

const MAX_LENGTH = 2048;
const PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };
/** Names that mean this machine or its own network. So does any name without a dot. */
const LOCAL = /(^|\.)(localhost|localdomain|local|internal|intranet|lan|home\.arpa)$/;

/**
 * The URL as it will be fetched, without fragment and without the dot at the end of its host.
 * Throws `invalid_argument` where it is none, `url_forbidden` where it may not be fetched.
 */
export function checkTarget(options: {
  url: string;
  field: string;
  rules: TargetRules;
  /** Where the URL came from, for a redirect. */
  base?: URL;
}): URL {
  const { url: text, field, rules, base } = options;
  const expected = `an http or https URL of at most ${MAX_LENGTH} characters`;
  // A URL parser drops tabs and line breaks and turns \ into /: what was read would not be what was written.
  if (text.length > MAX_LENGTH || /[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text, base?.href)) {
    throw invalid(field, expected, text.slice(0, 100));
  }
  const url = new URL(text, base);
  if (PORTS[url.protocol] === undefined) throw invalid(field, expected, text.slice(0, 100));
  if (url.username !== '' || url.password !== '') {
    throw forbidden({ field, expected: 'a URL without user name and password', received: 'one with' });
  }
  url.hash = '';
  const bare = url.hostname.replace(/\.+$/, '');
  if (bare === '') throw invalid(field, expected, text.slice(0, 100));
  url.hostname = bare;
  const host = hostOf(url);
  const port = url.port === '' ? PORTS[url.protocol]! : Number(url.port);
  if (rules.ports && !rules.ports.includes(port)) {
    throw forbidden({ field, expected: `port ${rules.ports.join(' or ')}`, received: String(port) });
  }
  if (rules.addresses.namesHost(host)) return url;
  // An address as host is never resolved, so this is the only place that sees it. The URL parser has turned 0x7f.1,
  // 2130706433 and 0177.0.0.1 into 127.0.0.1.
  const fine = isIP(host) ? rules.addresses.allows(host) : host.includes('.') && !LOCAL.test(host);
  if (!fine) throw notPublic(field, host);
  return url;
}

/** Without the brackets of an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** Never tells the address: it may be one of a network that the caller is not to know. */
export function notPublic(field: string, host: string): AttractorError {
  return forbidden({ field, expected: 'a host with public addresses', received: show(host) });
}

function forbidden(details: { field: string; expected: string; received: string }): AttractorError {
  const { field, expected, received } = details;
  return new AttractorError('url_forbidden', `${field}: expected ${expected}, received ${received}`, details);
}
