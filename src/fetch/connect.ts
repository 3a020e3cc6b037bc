// Connections to checked addresses only. The resolver is asked once, inside the connection's own look-up, and the socket is given
// just the addresses that were checked: a name that answers differently the next time gains nothing.

import { lookup as resolve } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { AttractorError } from '../errors/error.ts';
import type { AddressRules } from './address.ts';
import { notPublic } from './target.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. Rejects as `dns.promises.lookup` does. */
export type Resolver = (host: string) => Promise<readonly ResolvedAddress[]>;

/** The system's: it knows /etc/hosts, as an operator expects. */
export const systemResolver: Resolver = (host) => resolve(host, { all: true });

export function createConnector(options: {
  rules: AddressRules;
  resolver: Resolver;
  /** Milliseconds, with the look-up. */
  timeout: number;
}): buildConnector.connector {
  const { rules, resolver, timeout } = options;

  const lookup: LookupFunction = (host, wanted, callback) => {
    checked(host).then(
      (addresses) => {
        if (wanted.all) callback(null, [...addresses]);
        else callback(null, addresses[0]!.address, addresses[0]!.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, wanted.all ? [] : '', 0),
    );
  };

  async function checked(host: string): Promise<readonly ResolvedAddress[]> {
    const addresses = await resolver(host);
    if (addresses.length === 0) {
      throw new AttractorError('url_unreachable', 'url: the name has no address', { field: 'url' });
    }
    // One that is not public condemns them all: which one is tried is not ours to say.
    if (!rules.namesHost(host) && !addresses.every(({ address }) => rules.allows(address))) {
      throw notPublic('url', host);
    }
    return addresses;
  }

  const connect = buildConnector({ lookup, timeout, allowH2: false });
  return (target, callback) => {
    connect(target, (error, socket) => {
      if (error) return callback(error, null);
      // Behind both checks, in case one of them is ever passed by: what counts is who is at the other end.
      const peer = socket.remoteAddress;
      if (!rules.namesHost(target.hostname) && (peer === undefined || !rules.allows(peer))) {
        socket.destroy();
        return callback(notPublic('url', target.hostname), null);
      }
      return callback(null, socket);
    });
  };
}
