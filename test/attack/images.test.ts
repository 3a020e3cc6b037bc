// Pictures made to hurt: bombs in every format, files that are two things, truncated, animated, empty. Each is refused with a 4xx or
// read as what it is; the server and its child processes are no larger afterwards.

import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharp } from '../../src/image/libvips.ts';
import { fixture } from '../image/fixtures.ts';
import { openTarget, SHOP, type Target } from './target.ts';

const MiB = 2 ** 20;
let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

async function upload(bytes: Uint8Array, name = 'x.jpg') {
  const form = new FormData();
  form.append('image', new Blob([bytes.slice()]), name);
  const response = await fetch(`${target.url}${SHOP}/query`, { method: 'POST', body: form });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, code: error?.code, message: error?.message ?? '' };
}

// ---- makers

const latin = (text: string) => Buffer.from(text, 'latin1');
const photo = () => Buffer.from(fixture('photo.jpg'));

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([latin(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function png(width: number, height: number, data: Uint8Array, extra: Buffer[] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width >>> 0, 0);
  header.writeUInt32BE(height >>> 0, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const start = latin('\x89PNG\r\n\x1a\n');
  return Buffer.concat([
    start,
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Some 10 KB that stand for 9,900 x 9,900 white pixels: 294 MB decoded, just below the limit. */
const hugeButAllowed = () =>
  sharp({ create: { width: 9_900, height: 9_900, channels: 3, background: 'white' } })
    .png({ compressionLevel: 9 })
    .toBuffer();

/** A lossless WebP header that claims 16,384 x 16,384. */
function webp(): Buffer {
  const bits = Buffer.alloc(5);
  bits[0] = 0x2f;
  bits.writeUInt32LE((16_383 | (16_383 << 14)) >>> 0, 1);
  const body = Buffer.concat([latin('WEBPVP8L'), Buffer.from([5, 0, 0, 0]), bits, Buffer.alloc(1)]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length, 0);
  return Buffer.concat([latin('RIFF'), size, body]);
}

/** A TIFF directory with these tags, all LONG. */
function tiff(tags: [tag: number, value: number][]): Buffer {
  const out = Buffer.alloc(14 + tags.length * 12);
  out.write('II*\0', 'latin1');
  out.writeUInt32LE(8, 4);
  out.writeUInt16LE(tags.length, 8);
  for (const [i, [tag, value]] of tags.entries()) {
    const at = 10 + i * 12;
    out.writeUInt16LE(tag, at);
    out.writeUInt16LE(4, at + 2);
    out.writeUInt32LE(1, at + 4);
    out.writeUInt32LE(value >>> 0, at + 8);
  }
  return out;
}

/** The size in the header of a JPEG set to 65,500 x 65,500. */
function hugeJpeg(): Buffer {
  const bytes = photo();
  const frame = [0xc0, 0xc2].map((kind) => bytes.indexOf(Buffer.from([0xff, kind]))).find((at) => at > 0)!;
  bytes.writeUInt16BE(65_500, frame + 5);
  bytes.writeUInt16BE(65_500, frame + 7);
  return bytes;
}

/** The size in the `ispe` box of an AVIF. */
function hugeAvif(): Buffer {
  const bytes = Buffer.from(fixture('scene.avif'));
  const at = bytes.indexOf('ispe');
  bytes.writeUInt32BE(60_000, at + 8);
  bytes.writeUInt32BE(60_000, at + 12);
  return bytes;
}

/** The screen alone is repaired by the decoder; with a first frame as large it is not. */
function hugeGif(frame: boolean): Buffer {
  const bytes = Buffer.from(fixture('animated.gif'));
  const at = bytes.indexOf(Buffer.from([0x2c, 0, 0, 0, 0]));
  if (frame) bytes.writeUInt32LE(0xffffffff, at + 5);
  bytes.writeUInt16LE(65_535, 6);
  bytes.writeUInt16LE(65_535, 8);
  return bytes;
}

const zeros = (size: number) => deflateSync(Buffer.alloc(size), { level: 9 });
const svg = (inner: string) =>
  latin(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${inner}</svg>`);

const REFUSED: [what: string, bytes: () => Uint8Array, code: string | RegExp][] = [
  [
    'a PNG that claims 2^31 - 1 a side',
    () => png(2 ** 31 - 1, 2 ** 31 - 1, zeros(100)),
    /image_(too_large|undecodable)/,
  ],
  ['a PNG that claims 30,000 a side', () => png(30_000, 30_000, zeros(MiB)), 'image_too_large'],
  ['a PNG that claims 100,000 x 1', () => png(100_000, 1, zeros(300_001)), 'image_too_large'],
  ['a PNG of no width', () => png(0, 10, zeros(10)), 'image_undecodable'],
  ['a PNG of a negative width', () => png(-1, 10, zeros(10)), /image_(too_large|undecodable)/],
  ['the fixture of a PNG bomb', () => fixture('bomb.png'), 'image_too_large'],
  ['a JPEG that claims 65,500 a side', hugeJpeg, 'image_too_large'],
  ['a WebP that claims 16,384 a side', webp, /image_(too_large|undecodable)/],
  ['an AVIF that claims 60,000 a side', hugeAvif, /image_(too_large|undecodable)/],
  ['a GIF that claims 65,535 a side', () => hugeGif(true), 'image_too_large'],
  [
    'a TIFF that claims 2^32 - 1 a side',
    () =>
      tiff([
        [256, -1],
        [257, -1],
        [258, 8],
        [259, 1],
        [262, 1],
        [273, 8],
        [277, 1],
        [278, -1],
        [279, 8],
      ]),
    /image_(too_large|undecodable)/,
  ],
  [
    'a TIFF whose directory is itself',
    () =>
      tiff([
        [256, 9],
        [330, 8],
        [34_665, 8],
      ]),
    /image_(unsupported|undecodable)/,
  ],
  ['a PNG with 20 MB of zeros behind 4 pixels', () => png(2, 2, Buffer.alloc(21 * MiB)), 'image_too_large'],
  ['a truncated PNG', () => fixture('ramp.png').subarray(0, 900), 'image_undecodable'],
  ['a truncated AVIF', () => fixture('scene.avif').subarray(0, 150), 'image_undecodable'],
  ['a truncated TIFF', () => fixture('pages.tiff').subarray(0, 120), /image_(unsupported|undecodable)/],
  ['a truncated WebP', () => fixture('animated.webp').subarray(0, 40), 'image_undecodable'],
  ['a JPEG of its first 20 bytes', () => photo().subarray(0, 20), 'image_undecodable'],
  ['an SVG', () => svg('<rect width="9" height="9"/>'), 'image_unsupported'],
  ['an SVG that reads a file', () => svg('<image href="file:///etc/passwd"/>'), 'image_unsupported'],
  [
    'an SVG of a billion laughs',
    () =>
      latin(
        '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>',
      ),
    'image_unsupported',
  ],
  [
    'a script that begins as a GIF',
    () => latin('GIF89a/*<svg/onload=alert(1)>*/=1;'),
    /image_(undecodable|too_large)/,
  ],
  [
    'PHP that begins as a JPEG',
    () => latin('\xff\xd8\xff\xe0<?php system($_GET["c"]); ?>'),
    'image_undecodable',
  ],
  ['a PDF', () => latin('%PDF-1.7\n%\xe2\xe3\xcf\xd3'), 'image_unsupported'],
  ['PostScript', () => latin('%!PS\n(/etc/passwd) (r) file'), 'image_unsupported'],
  [
    'an MVG',
    () => latin('push graphic-context\nviewbox 0 0 640 480\nfill url(https://127.0.0.1/x)\npop'),
    'image_unsupported',
  ],
  ['a zip', () => latin('PK\x03\x04\x14\0\0\0'), 'image_unsupported'],
  ['HTML', () => latin('<html><script>alert(1)</script>'), 'image_unsupported'],
  ['an ELF', () => latin('\x7fELF\x02\x01\x01'), 'image_unsupported'],
  ['an ftyp box that claims 4 GB', () => latin('\xff\xff\xff\xffftypavif\0\0\0\0avif'), 'image_undecodable'],
  ['one byte', () => Buffer.from([0xff]), 'image_unsupported'],
];

/** Odd, but pictures: they are read, and nothing in them is run or followed. */
const READ: [what: string, bytes: () => Uint8Array | Promise<Uint8Array>][] = [
  ['an animated GIF', () => fixture('animated.gif')],
  ['an animated WebP', () => fixture('animated.webp')],
  ['a GIF whose screen alone claims 65,535 a side', () => hugeGif(false)],
  ['a TIFF of several pages', () => fixture('pages.tiff')],
  ['a CMYK JPEG', () => fixture('cmyk.jpg')],
  ['one pixel', () => fixture('one-pixel.png')],
  ['a JPEG that is a zip too', () => Buffer.concat([photo(), latin('PK\x03\x04evil.exe')])],
  ['a JPEG that is HTML too', () => Buffer.concat([photo(), latin('<script>alert(1)</script>')])],
  [
    'a PNG with a text of 16 MB unpacked',
    () => png(2, 2, zeros(14), [chunk('zTXt', Buffer.concat([latin('a\0\0'), zeros(16 * MiB)]))]),
  ],
  ['10 KB that are 98 megapixels', hugeButAllowed],
];

test.each(REFUSED)('%s', async (_, bytes, code) => {
  const answer = await upload(bytes());
  expect(answer.code, JSON.stringify(answer)).toMatch(code);
  expect(answer.status).toBeOneOf([413, 415, 422]);
  expect(answer.message).not.toMatch(/\/tmp|\/work|node_modules|root:/);
  await target.answersWell();
});

test.each(READ)('%s', async (_, bytes) => {
  expect(await upload(await bytes())).toMatchObject({ status: 200 });
  await target.answersWell();
});

describe('names of files mean nothing', () => {
  test.each([
    '../../../etc/passwd',
    '/etc/passwd',
    '..\\..\\x',
    'x\r\nX-Evil: 1',
    'a.svg',
    '.'.repeat(5000),
    'x%00.jpg',
    '',
    '"; rm -rf /',
  ])('%j', async (name) => {
    const { status } = await upload(photo(), name);
    expect(status).toBeOneOf([200, 400]);
    await target.answersWell();
  });
});

test('items of broken pictures fail one by one, and the good one among them is written', async () => {
  const items = [
    { id: 'bad-0', image: fixture('bomb.png') },
    { id: 'good', image: photo() },
    { id: 'bad-1', image: hugeJpeg() },
    { id: 'bad-2', image: svg('') },
  ].map(({ id, image }) => ({ id, image: { base64: Buffer.from(image).toString('base64') } }));
  const response = await fetch(`${target.url}${SHOP}/items`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ items }),
  });
  const { result } = (await response.json()) as {
    result: { items: { status: string; error?: { code: string } }[] };
  };
  expect(result.items.map(({ status, error }) => error?.code ?? status)).toEqual([
    'image_too_large',
    'created',
    'image_too_large',
    'image_unsupported',
  ]);
});

test('the same forty times over leaves memory where it was, and no error of ours', async () => {
  const bad = REFUSED.filter(([what]) => !what.includes('20 MB')).map(([, bytes]) => bytes());
  const bomb = await hugeButAllowed();
  const round = async () => {
    await Promise.all(bad.map((bytes) => upload(bytes)));
    await upload(Buffer.concat([bomb, Buffer.from([round.length])]));
  };
  for (let i = 0; i < 5; i++) await round();
  const before = target.memory();
  for (let i = 0; i < 40; i++) await round();
  expect(target.memory() - before).toBeLessThan(64 * MiB);
  await target.answersWell();
  expect(target.errors()).toEqual([]);
}, 120_000);
