// Which addresses are public, in every form that hides one that is not; what the allow-list adds.

import { describe, expect, test } from 'vitest';
import { createAddressRules } from '../../src/fetch/address.ts';
import { checkTarget } from '../../src/fetch/target.ts';

const none = createAddressRules();

describe('addresses', () => {
  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.0.1',
    '172.32.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is public', (address) => expect(none.allows(address)).toBe(true));

  test.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.254'],
    ...[
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.0.0.192',
      '192.0.2.1',
      '192.88.99.1',
      '192.168.1.1',
    ],
    ...[
      '198.18.0.1',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '168.63.129.16',
      '::',
      '::1',
      '::7f00:1',
      'fe80::1',
      'fe80::1%eth0',
      'febf::1',
      'fec0::1',
      'fc00::1',
      'fd00:ec2::254',
    ],
    ...[
      'ff02::1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:8.8.8.8',
      '::ffff:0:127.0.0.1',
      '64:ff9b::7f00:1',
    ],
    ...[
      '64:ff9b:1::7f00:1',
      '2002:7f00:1::',
      '2001:0:7f00:1::',
      '2001:db8::1',
      '100::1',
      '3fff::1',
      '5f00::1',
      '4000::1',
    ],
    ...['', 'x', '127.1', 'localhost'],
  ])('%s is not', (address) => expect(none.allows(address)).toBe(false));

  test('the allow-list adds ranges, single addresses, and what carries them', () => {
    const rules = createAddressRules({ allow: ['10.1.0.0/16', '127.0.0.2', 'fd00::/8', '::1'] });
    for (const address of ['10.1.2.3', '127.0.0.2', '::ffff:10.1.2.3', 'fd12::1', '::1', '8.8.8.8']) {
      expect([address, rules.allows(address)]).toEqual([address, true]);
    }
    for (const address of ['10.2.0.1', '127.0.0.1', '::ffff:127.0.0.1', 'fc00::1']) {
      expect([address, rules.allows(address)]).toEqual([address, false]);
    }
  });

  test('and names, as they are or all below one', () => {
    const rules = createAddressRules({ allow: ['Images.internal', '*.cdn.local'] });
    expect(['images.internal', 'a.cdn.local', 'a.b.cdn.local'].map(rules.namesHost)).toEqual([
      true,
      true,
      true,
    ]);
    expect(['x.images.internal', 'cdn.local', 'acdn.local', 'local'].map(rules.namesHost)).toEqual(
      new Array(4).fill(false),
    );
  });

  test.each(['10.0.0.0/33', '10.1', '300.1.1.1', 'http://x', '', ' ', 'a b', '*', '*.*'])(
    '%j is refused in it',
    (entry) =>
      expect(() => createAddressRules({ allow: [entry] })).toThrow(
        expect.objectContaining({ code: 'invalid_argument', field: 'allow' }),
      ),
  );
});

describe('URLs', () => {
  const check = (url: string, base?: string) =>
    checkTarget({
      url,
      field: 'url',
      rules: { addresses: none, ports: [80, 443] },
      base: base ? new URL(base) : undefined,
    });

  test('stay what they are, less fragment and last dot', () => {
    expect(check('https://Example.com./a.jpg?b=c#d').href).toBe('https://example.com/a.jpg?b=c');
    expect(check('http://93.184.216.34:80/').href).toBe('http://93.184.216.34/');
    expect(check('../b.png', 'https://example.com/x/a.png').href).toBe('https://example.com/b.png');
  });

  test.each([
    ...[
      'http://127.0.0.1/',
      'http://2130706433/',
      'http://0x7f000001/',
      'http://0177.0.0.1/',
      'http://127.1/',
      'http://0/',
    ],
    ...[
      'http://127.0.0.1./',
      'http://%31%32%37.0.0.1/',
      'http://１２７.0.0.1/',
      'http://[::1]/',
      'http://[::ffff:127.0.0.1]/',
    ],
    ...[
      'http://[::ffff:7f00:1]/',
      'http://[64:ff9b::127.0.0.1]/',
      'http://[2002:7f00:1::]/',
      'http://[fd00::1]/',
    ],
    ...[
      'http://localhost/',
      'http://LOCALHOST./',
      'http://a.localhost/',
      'http://printer/',
      'http://db.internal/',
      'http://x.local',
    ],
    ...['http://169.254.169.254/latest/meta-data/', 'http://0xa9fea9fe/', 'http://metadata.google.internal/'],
    ...[
      'http://example.com:22/',
      'http://example.com:8080/',
      'http://u:p@example.com/',
      'http://example.com@127.0.0.1/',
    ],
  ])('%s is forbidden', (url) =>
    expect(() => check(url)).toThrow(expect.objectContaining({ code: 'url_forbidden' })),
  );

  test.each([
    ...[
      '',
      'example.com/a.jpg',
      'ftp://example.com/',
      'file:///etc/passwd',
      'data:image/png;base64,AAAA',
      'gopher://example.com/',
    ],
    ...[
      'javascript:1',
      'http://',
      'http://[::1',
      'http://a b/',
      'http://exam\nple.com/',
      'http:\\\\example.com\\',
      '//example.com/a',
    ],
    ...[
      'http://1.2.3.4.5/',
      'http://256.1.1.1/',
      'blob:http://example.com/x',
      `http://example.com/${'a'.repeat(2100)}`,
      'http://./',
    ],
  ])('%j is no URL to fetch', (url) =>
    expect(() => check(url)).toThrow(expect.objectContaining({ code: 'invalid_argument', field: 'url' })),
  );
});
