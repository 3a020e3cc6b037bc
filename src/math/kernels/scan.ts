// Which rows of codes may score at least `floor` with a query, in AssemblyScript; assembled by scripts/wasm.ts. What the numbers
// mean, and why the bound holds, is said in quantise.ts and vector-rows.ts; what lies where in sieve.ts.
//
// Threads share a go of a scan by its chunks of rows: each takes the next one and writes what it found to a list of its own.

import { products } from './product';

/** Before a row's codes: scale, error and norm, f32 each, and four bytes that are walk.ts's. */
const HEAD: usize = 16;
/** Words of wanted bits in a chunk, a bit a row. */
const CHUNK_WORDS: u32 = 32;
/** Numbers in a list. */
const ROOM: usize = 4096;
/** Of a go: the next chunk, whether helpers may come in, how many are inside; a line each, then what it is about. */
const NEXT: usize = 0;
const OPEN: usize = 64;
const INSIDE: usize = 128;
const ABOUT: usize = 192;
const LISTS: usize = 256;
/** How often to look for the last helper before a nap, of so many nanoseconds. */
const LOOKS: i32 = 10_000;
const NAP: i64 = 50_000;
/** A list: how many, rows, bounds. Three more rows and four more bounds have room. */
const ROWS: usize = 64;
const BOUNDS: usize = ROWS + 4 * (ROOM + 16);
const LIST: usize = BOUNDS + 4 * (ROOM + 16);

/** A go, with whoever comes to help; returns when all have left. */
export function scan(go: usize): void {
  const threads = load<u32>(go, ABOUT + 20);
  for (let i: usize = 0; i < threads; i++) store<u32>(go + LISTS + i * LIST, 0);
  atomic.store<u32>(go + NEXT, 0);
  atomic.store<u32>(go + OPEN, 1);
  work(go, 0);
  atomic.store<u32>(go + OPEN, 0);
  // A helper looks whether it is open after it has come in: so either it sees that it is not, or it is seen here.
  // One that is inside is done in microseconds, or else was put to sleep by the system and needs a processor.
  for (let looks = 0; atomic.load<u32>(go + INSIDE) > 0; looks++) {
    if (looks > LOOKS) atomic.wait<u32>(go + INSIDE, atomic.load<u32>(go + INSIDE), NAP);
  }
}

/**
 * A helper's part; nothing where there is no go, or one of another crew, in which its number is somebody else's. That is 1 or more,
 * and below that of the threads.
 */
export function help(go: usize, number: u32, crew: u32): void {
  atomic.add<u32>(go + INSIDE, 1);
  if (atomic.load<u32>(go + OPEN) === 1 && crew === load<u32>(go, ABOUT + 40)) work(go, number);
  atomic.sub<u32>(go + INSIDE, 1);
}

/** Takes chunks until there are none, or a list may have no room for the rows of another. */
function work(go: usize, number: u32): void {
  const chunks = (load<u32>(go, ABOUT + 16) + CHUNK_WORDS - 1) / CHUNK_WORDS;
  const list = go + LISTS + <usize>number * LIST;
  // A helper that was slow to go back to sleep may come in twice: it goes on with its list.
  let found = <usize>load<u32>(list);
  while (found + 32 * CHUNK_WORDS <= ROOM) {
    const chunk = atomic.add<u32>(go + NEXT, 1);
    if (chunk >= chunks) break;
    found = sift(go + ABOUT, chunk, list, found);
  }
  store<u32>(list, <u32>found);
}

/**
 * Looks at those rows of a chunk whose bits are set. Appends the rows whose bound is not below the floor to a list of `found`, with
 * their bounds, and returns how many it has. A bound that is no number (a norm overflowed) is below nothing.
 *
 * Four rows at a time: so the query is read once for all of them, and the memory brings them side by side.
 */
function sift(about: usize, chunk: u32, to: usize, found: usize): usize {
  const query = <usize>load<u32>(about);
  const rows = <usize>load<u32>(about, 4);
  const codes = <usize>load<u32>(about, 8);
  const scale = f32x4.splat(load<f32>(about, 24));
  const perError = f32x4.splat(load<f32>(about, 28));
  const perNorm = f32x4.splat(load<f32>(about, 32));
  const floor = f32x4.splat(load<f32>(about, 36));
  const word = chunk * CHUNK_WORDS;
  const words = min(CHUNK_WORDS, load<u32>(about, 16) - word);
  const kept = to + ROWS;
  const out = to + BOUNDS;
  const bounds = out + 4 * ROOM;
  const begin = kept + (found << 2);
  const end = list(<usize>load<u32>(about, 12), word, words, begin);
  for (let from = begin; from < end; from += 16) {
    const a = rows + <usize>load<u32>(from) * (HEAD + codes);
    const b = rows + <usize>load<u32>(from, 4) * (HEAD + codes);
    const c = rows + <usize>load<u32>(from, 8) * (HEAD + codes);
    const d = rows + <usize>load<u32>(from, 12) * (HEAD + codes);
    // Of two rows scale, scale, error, error, and norm, norm and what is not wanted.
    const ab = v128.shuffle<i32>(v128.load(a), v128.load(b), 0, 4, 1, 5);
    const cd = v128.shuffle<i32>(v128.load(c), v128.load(d), 0, 4, 1, 5);
    const abNorms = v128.shuffle<i32>(v128.load(a), v128.load(b), 2, 6, 3, 7);
    const cdNorms = v128.shuffle<i32>(v128.load(c), v128.load(d), 2, 6, 3, 7);

    const sums = products(a + HEAD, b + HEAD, c + HEAD, d + HEAD, query, codes);
    const scores = f32x4.mul(f32x4.mul(scale, firsts(ab, cd)), sums);
    const errors = f32x4.mul(perError, seconds(ab, cd));
    const norms = f32x4.mul(perNorm, firsts(abNorms, cdNorms));
    const bound = f32x4.add(scores, f32x4.add(errors, norms));
    let below = i32x4.bitmask(f32x4.lt(bound, floor));
    if (below === 15) continue;
    v128.store(bounds, bound);
    const many = min<usize>(16, end - from);
    for (let i: usize = 0; i < many; i += 4) {
      if ((below & 1) === 0) {
        store<u32>(kept + (found << 2), load<u32>(from + i));
        store<f32>(out + (found << 2), load<f32>(bounds + i));
        found++;
      }
      below >>= 1;
    }
  }
  return found;
}

/** Writes the numbers of the bits, and the last one again until there are four at a time; returns where they end without these. */
function list(wanted: usize, word: u32, words: u32, at: usize): usize {
  let number: u32 = 0;
  for (const end = word + words; word < end; word++) {
    for (let left = load<u32>(wanted + ((<usize>word) << 2)); left !== 0; left &= left - 1) {
      number = (word << 5) + ctz(left);
      store<u32>(at, number);
      at += 4;
    }
  }
  for (let i: usize = 0; i < 12; i += 4) store<u32>(at + i, number);
  return at;
}

function firsts(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2);
}

function seconds(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 3);
}
