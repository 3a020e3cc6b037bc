import { describe, expect, test } from 'vitest';
import { sniff } from '../../src/image/formats.ts';
import { fixture } from './fixtures.ts';

const bytesOf = (latin1: string): Uint8Array => Buffer.from(latin1, 'latin1');

describe('sniff', () => {
  test.each([
    ['photo.jpg', 'image/jpeg'],
    ['cmyk.jpg', 'image/jpeg'],
    ['ramp.png', 'image/png'],
    ['animated.webp', 'image/webp'],
    ['animated.gif', 'image/gif'],
    ['pages.tiff', 'image/tiff'],
    ['scene.avif', 'image/avif'],
  ])('%s is %s', (name, mime) => {
    expect(sniff(fixture(name))).toBe(mime);
  });

  test('AVIF may be named by a compatible brand, within the box only', () => {
    expect(sniff(bytesOf('\0\0\0\x18ftypmif1\0\0\0\0mif1avif'))).toBe('image/avif');
    expect(sniff(bytesOf('\0\0\0\x14ftypmif1\0\0\0\0mif1avif'))).toBeUndefined();
    expect(sniff(bytesOf('\0\0\0\x14ftypheicavifheic'))).toBeUndefined();
  });

  test.each(['', '\xff\xd8', 'RIFF\0\0\0\0WAVE', 'BM', '%PDF-1.7', '<svg/>', 'GIF88a', '8BPS'])(
    '%j is nothing that we decode',
    (start) => {
      expect(sniff(bytesOf(start))).toBeUndefined();
    },
  );
});
