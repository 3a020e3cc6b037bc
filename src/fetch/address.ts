// Which addresses and host names may be fetched from. Pure: nothing is resolved or connected to here.

import ipaddr from 'ipaddr.js';
import { invalid } from '../errors/error.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface AddressRules {
  /** True where the allow-list names the host: then any address of it will do. */
  namesHost(host: string): boolean;
  /** True for public addresses and those that the allow-list names. Takes the text forms that a resolver gives. */
  allows(address: string): boolean;
}

/** All of what is handed out for the public internet in IPv6 (RFC 4291, 2.4); carriers of IPv4 within it are named by `range()`. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Public by number, but answered by the cloud's host itself: Azure's wire server. */
const METADATA = ipaddr.IPv4.parse('168.63.129.16');

const HOST = /^(\*\.)?(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/**
 * `allow` holds addresses (`10.0.0.7`), ranges (`10.1.0.0/16`, `fd00::/8`) and host names (`images.internal`, or
 * `*.images.internal` for what is below it). Throws `invalid_argument` for anything else.
 */
export function createAddressRules(options: { allow?: readonly string[] } = {}): AddressRules {
  const ranges: [Address, number][] = [];
  const hosts = new Set<string>();
  for (const entry of options.allow ?? []) {
    const range = rangeOf(entry);
    if (range) ranges.push(range);
    else if (HOST.test(entry.toLowerCase()) && !/^[\d.]+$/.test(entry)) hosts.add(entry.toLowerCase());
    else throw invalid('allow', 'addresses, ranges such as 10.0.0.0/8 and host names', entry);
  }
  return {
    namesHost(host) {
      if (hosts.has(host)) return true;
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        if (hosts.has(`*${host.slice(dot)}`)) return true;
      }
      return false;
    },
    allows(text) {
      if (!ipaddr.isValid(text)) return false;
      const address = ipaddr.parse(text);
      if (isPublic(address)) return true;
      // ::ffff:10.0.0.7 is 10.0.0.7 to the list, but never public by itself.
      const plain = ipaddr.process(text);
      return ranges.some(([network, bits]) =>
        [address, plain].some((one) => one.kind() === network.kind() && one.match(network, bits)),
      );
    },
  };
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6') return (address as ipaddr.IPv6).match(PUBLIC_IPV6);
  return address.toString() !== METADATA.toString();
}

function rangeOf(entry: string): [Address, number] | undefined {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  // Not `isValid`: it also takes 10.1 and 0x7f000001, which nobody means in a list.
  if (ipaddr.IPv4.isValidFourPartDecimal(entry)) return [ipaddr.IPv4.parse(entry), 32];
  return ipaddr.IPv6.isValid(entry) ? [ipaddr.IPv6.parse(entry), 128] : undefined;
}
