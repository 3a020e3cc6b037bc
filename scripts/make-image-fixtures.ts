// Makes test/fixtures/images: small files, one per trap of the image pipeline. Run once, by hand:
//   node --import tsx scripts/make-image-fixtures.ts
// PNGs are written here byte by byte, so that what they mean does not depend on the decoder under test.
// photo.jpg (a rendered bed, BlendSwap, CC0-1.0) is not made here: it is one file of the furniture set.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { sharp } from '../src/image/libvips.ts';

type Rgb = readonly [number, number, number];

const out = join(import.meta.dirname, '../test/fixtures/images');
mkdirSync(out, { recursive: true });
const save = (name: string, bytes: Uint8Array): void => writeFileSync(join(out, name), bytes);

// ---- PNG (ISO/IEC 15948), filter 0 on every row

interface Png {
  width: number;
  height: number;
  depth: 1 | 4 | 8 | 16;
  /** 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA. */
  colourType: 0 | 2 | 3 | 4 | 6;
  /** Samples of one pixel, each `depth` bits. */
  pixel: (x: number, y: number) => readonly number[];
  /** Chunks between IHDR and IDAT. */
  extra?: readonly Uint8Array[];
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length, 0);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}

function png({ width, height, depth, colourType, pixel, extra = [] }: Png): Uint8Array {
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colourType];
  const stride = 1 + Math.ceil((width * channels * depth) / 8);
  const rows = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const samples = pixel(x, y);
      for (let c = 0; c < channels; c++) {
        const bit = (x * channels + c) * depth;
        const at = y * stride + 1 + (bit >> 3);
        if (depth === 16) rows.writeUInt16BE(samples[c]!, at);
        else rows[at] = rows[at]! | (samples[c]! << (8 - depth - (bit & 7)));
      }
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array()),
  ]);
}

const iccp = (profile: Uint8Array): Uint8Array =>
  chunk('iCCP', Buffer.concat([Buffer.from('profile\0\0', 'latin1'), deflateSync(profile)]));

// ---- TIFF (revision 6.0): one strip of 32-bit floats, which no table says how to show

function floatTiff(): Uint8Array {
  // tag, type (3 = short, 4 = long), value: 2 x 1 pixels, one IEEE sample each
  const fields = [
    [256, 3, 2],
    [257, 3, 1],
    [258, 3, 32],
    [259, 3, 1],
    [262, 3, 1],
    [273, 4, 8],
    [277, 3, 1],
    [278, 3, 1],
    [279, 4, 8],
    [339, 3, 3],
  ] as const;
  const bytes = Buffer.alloc(16 + 2 + 12 * fields.length + 4);
  bytes.write('II*\0', 'latin1');
  bytes.writeUInt32LE(16, 4);
  bytes.writeFloatLE(0.25, 8);
  bytes.writeFloatLE(0.75, 12);
  bytes.writeUInt16LE(fields.length, 16);
  for (const [index, [tag, type, value]] of fields.entries()) {
    const at = 18 + 12 * index;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(type, at + 2);
    bytes.writeUInt32LE(1, at + 4);
    bytes.writeUInt32LE(value, at + 8);
  }
  return bytes;
}

// ---- the scene: 48 x 32, four muted quadrants that every printer and screen can show

const WIDTH = 48;
const HEIGHT = 32;
const QUADRANTS: readonly Rgb[] = [
  [190, 80, 70],
  [90, 150, 90],
  [80, 90, 150],
  [210, 180, 90],
];
const scene = (x: number, y: number): Rgb => QUADRANTS[(y < HEIGHT / 2 ? 0 : 2) + (x < WIDTH / 2 ? 0 : 1)]!;

/** sharp over a picture given by its pixels. */
function picture(width: number, height: number, pixel: (x: number, y: number) => Rgb) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(pixel(x, y), (y * width + x) * 3);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

// EXIF orientation n says which side of the scene the first stored row and column are (TIFF 6.0, tag 274):
// the scene's pixel that is stored at (x, y).
const STORED: ReadonlyArray<(x: number, y: number) => Rgb> = [
  (x, y) => scene(x, y),
  (x, y) => scene(WIDTH - 1 - x, y),
  (x, y) => scene(WIDTH - 1 - x, HEIGHT - 1 - y),
  (x, y) => scene(x, HEIGHT - 1 - y),
  (x, y) => scene(y, x),
  (x, y) => scene(WIDTH - 1 - y, x),
  (x, y) => scene(WIDTH - 1 - y, HEIGHT - 1 - x),
  (x, y) => scene(y, HEIGHT - 1 - x),
];
for (const [index, stored] of STORED.entries()) {
  const [w, h] = index < 4 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH];
  const jpeg = picture(w, h, stored).withMetadata({ orientation: index + 1 });
  save(`exif-${index + 1}.jpg`, await jpeg.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer());
}

// ---- colour

save('cmyk.jpg', await picture(WIDTH, HEIGHT, scene).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer());

// sRGB to Display P3 by the matrices of CSS Color 4 (both have sRGB's transfer curve and white).
const toLinear = (v: number): number => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const fromLinear = (v: number): number => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
function displayP3([red, green, blue]: Rgb, white: number): number[] {
  const [r, g, b] = [toLinear(red / 255), toLinear(green / 255), toLinear(blue / 255)];
  return [
    0.8224621 * r + 0.177538 * g,
    0.0331941 * r + 0.9668058 * g,
    0.0170827 * r + 0.0723974 * g + 0.9105199 * b,
  ].map((v) => Math.round(fromLinear(v) * white));
}
const p3Profile = (await sharp(await picture(8, 8, scene).withIccProfile('p3').png().toBuffer()).metadata())
  .icc!;
for (const depth of [8, 16] as const) {
  const pixel = (x: number, y: number) => displayP3(scene(x, y), 2 ** depth - 1);
  save(
    `p3-${depth}.png`,
    png({ width: WIDTH, height: HEIGHT, depth, colourType: 2, pixel, extra: [iccp(p3Profile)] }),
  );
}

// ---- sample types: four vertical stripes each

const STRIPES = { width: 32, height: 8 };
const stripe = (x: number): number => x >> 3;
save('grey-16.png', png({ ...STRIPES, depth: 16, colourType: 0, pixel: (x) => [stripe(x) * 0x5555] }));
save(
  'rgb-16.png',
  png({
    ...STRIPES,
    depth: 16,
    colourType: 2,
    pixel: (x) => [stripe(x) * 0x5555, 0x8080, 0xffff - stripe(x) * 0x5555],
  }),
);
save('alpha.png', png({ ...STRIPES, depth: 8, colourType: 6, pixel: (x) => [200, 40, 0, stripe(x) * 85] }));
save(
  'grey-alpha-16.png',
  png({ ...STRIPES, depth: 16, colourType: 4, pixel: (x) => [0x2020, stripe(x) * 0x5555] }),
);
save('one-bit.png', png({ ...STRIPES, depth: 1, colourType: 0, pixel: (x) => [stripe(x) & 1] }));
save(
  'palette.png',
  png({
    ...STRIPES,
    depth: 4,
    colourType: 3,
    pixel: (x) => [stripe(x)],
    // The last entry is transparent.
    extra: [
      chunk('PLTE', Uint8Array.from([...QUADRANTS.slice(0, 3).flat(), 0, 0, 0])),
      chunk('tRNS', Uint8Array.of(255, 255, 255, 0)),
    ],
  }),
);

// ---- several frames: the first is the scene, the second black

const frames = await Promise.all(
  [scene, (): Rgb => [0, 0, 0]].map((pixel) => picture(WIDTH, HEIGHT, pixel).png().toBuffer()),
);
const film = sharp(frames, { join: { animated: true } });
save(
  'animated.gif',
  await film
    .clone()
    .gif({ loop: 0, delay: [100, 100] })
    .toBuffer(),
);
save(
  'animated.webp',
  await film
    .clone()
    .webp({ lossless: true, loop: 0, delay: [100, 100] })
    .toBuffer(),
);
save('pages.tiff', await film.clone().tiff({ compression: 'lzw' }).toBuffer());
save('scene.avif', await picture(WIDTH, HEIGHT, scene).avif({ quality: 80 }).toBuffer());
save('float.tiff', floatTiff());

// ---- geometry

save('one-pixel.png', png({ width: 1, height: 1, depth: 8, colourType: 2, pixel: () => [10, 20, 30] }));
// Red grows by 2 a column, green by 3 a row: any symmetric kernel keeps a ramp a ramp.
save(
  'ramp.png',
  png({ width: 96, height: 64, depth: 8, colourType: 2, pixel: (x, y) => [2 * x, 3 * y, 128] }),
);
save(
  'wide.png',
  png({ width: 30_000, height: 3, depth: 8, colourType: 0, pixel: (x) => [x < 15_000 ? 60 : 180] }),
);
save('too-wide.png', png({ width: 30_001, height: 1, depth: 8, colourType: 0, pixel: () => [0] }));
// 12 kB that claim, and hold, 100.01 megapixels.
save('bomb.png', png({ width: 10_001, height: 10_000, depth: 1, colourType: 0, pixel: () => [0] }));
