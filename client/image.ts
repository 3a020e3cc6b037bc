// Image bytes as what a request can carry. Only what browsers and Node both have.

import type { Bytes } from './types.ts';

/** Characters per call of String.fromCharCode: arguments live on the stack. */
const PIECE = 0x8000;

export function isBytes(image: unknown): image is Bytes {
  return image instanceof Uint8Array || image instanceof Blob;
}

export function blob(image: Bytes): Blob {
  return image instanceof Blob ? image : new Blob([image as Uint8Array<ArrayBuffer>]);
}

export async function base64(image: Bytes): Promise<string> {
  const bytes = image instanceof Blob ? new Uint8Array(await image.arrayBuffer()) : image;
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(text);
}
