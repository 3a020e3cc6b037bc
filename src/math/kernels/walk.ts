// The walk of an HNSW graph over int8 copies of its vectors, in AssemblyScript; assembled by scripts/wasm.ts. Searching only,
// after Malkov and Yashunin (arXiv 1603.09320), algorithms 2 and 5. What lies where is copies.ts's to say.

import { product, products } from './product';

/** Before a copy's codes: scale, error, norm (f32 each), and where its links are (u32). */
const HEAD: usize = 16;
const LINKS_AT: usize = 12;
/** The highest bit of where the links are, which is in units of two bytes: no live slot uses the node. */
const PLACE: u32 = 0x7fffffff;
/** Turns the order of a heap around. */
const LOWEST: u64 = ~(<u64>0);
const HIGHEST: u64 = 0;

let queryAt: usize = 0;
let freshAt: usize = 0;
let hitsAt: usize = 0;
let openAt: usize = 0;
let openRoom: u32 = 0;
let seenAt: usize = 0;
let copiesAt: usize = 0;
let codes: usize = 0;
/** Of one link, and its bits in a word that begins there. */
let linkBytes: usize = 0;
let linkMask: u32 = 0;

/** Says where the parts are: see copies.ts. */
export function lay(
  query: usize,
  fresh: usize,
  hits: usize,
  open: usize,
  room: u32,
  seen: usize,
  copies: usize,
  code: usize,
  link: usize,
): void {
  queryAt = query;
  freshAt = fresh;
  hitsAt = hits;
  openAt = open;
  openRoom = room;
  seenAt = seen;
  copiesAt = copies;
  codes = code;
  linkBytes = link;
  linkMask = link === 3 ? 0xffffff : 0xffffffff;
}

/**
 * Up to `width` live nodes near the query, at `hits`, in no order: number (u32), score in units of the query's scale (see
 * `ranked`). `walk` is a number from 1 to 255 that no byte at `seen` has. Returns how many; -1 where there was no room for
 * the nodes that were still to be looked at.
 */
export function near(entry: u32, layers: u32, width: u32, walk: u32): i32 {
  let hits: u32 = 0;
  let open: u32 = 0;
  const first = descend(entry, layers);
  store<u8>(seenAt + <usize>first, <u8>walk);
  const start = ranked(first);
  push(openAt, open++, start, HIGHEST);
  if (isLive(first)) push(hitsAt, hits++, start, LOWEST);
  while (open > 0) {
    const next = load<u64>(openAt);
    if (hits === width && next < load<u64>(hitsAt)) break;
    open--;
    let likely = <u32>next;
    if (open > 0) {
      replaceRoot(openAt, open, load<u64>(openAt + ((<usize>open) << 3)), HIGHEST);
      likely = <u32>load<u64>(openAt);
    }
    const fresh = newNeighbours(<u32>next, likely, walk);
    for (let i: u32 = 0; i < fresh; i++) {
      const value = load<u64>(freshAt + ((<usize>i) << 3));
      const full = hits === width;
      if (full && value < load<u64>(hitsAt)) continue;
      if (open === openRoom) return -1;
      push(openAt, open++, value, HIGHEST);
      if (!isLive(<u32>value)) continue;
      if (full) replaceRoot(hitsAt, hits, value, LOWEST);
      else push(hitsAt, hits++, value, LOWEST);
    }
  }
  return hits;
}

/** From `entry` down to layer 0, on each layer to the nearest node. */
function descend(entry: u32, layers: u32): u32 {
  let node = entry;
  let best = ranked(node);
  for (let layer = layers; layer > 0; layer--) {
    let moved = true;
    while (moved) {
      moved = false;
      let link = links(node);
      for (let below: u32 = 0; below < layer; below++) link += 1 + <usize>load<u8>(link) * linkBytes;
      const end = link + 1 + <usize>load<u8>(link) * linkBytes;
      for (link++; link < end; link += linkBytes) {
        const other = load<u32>(link) & linkMask;
        const value = ranked(other);
        if (value > best) {
          best = value;
          node = other;
          moved = true;
        }
      }
    }
  }
  return node;
}

/**
 * Writes those of a node's neighbours that this walk has not seen to `fresh`, `ranked`, and returns how many. Touches them all
 * first, so that the memory brings them side by side and not one after the other: that is a third of the time of a walk among
 * 200,000.
 */
function newNeighbours(node: u32, likely: u32, walk: u32): u32 {
  let link = links(node);
  const end = link + 1 + <usize>load<u8>(link) * linkBytes;
  const last = HEAD + codes - 4;
  const after = links(likely);
  let fresh: u32 = 0;
  let touched: u32 = load<u32>(after) ^ load<u32>(after, 60);
  for (link++; link < end; link += linkBytes) {
    const other = load<u32>(link) & linkMask;
    const seen = seenAt + <usize>other;
    if (load<u8>(seen) === <u8>walk) continue;
    store<u8>(seen, <u8>walk);
    const there = at(other);
    touched ^= load<u32>(there) ^ load<u32>(there, 64) ^ load<u32>(there + last);
    for (let line: usize = 128; line < last; line += 64) touched ^= load<u32>(there + line);
    store<u64>(freshAt + ((<usize>fresh) << 3), other);
    fresh++;
  }
  // Else the compiler would leave the touching out.
  store<u32>(freshAt + ((<usize>fresh) << 3), touched);
  rankAll(fresh);
  return fresh;
}

/** `ranked` for the first `count` at `fresh`, four at a time; there is room for three more. */
function rankAll(count: u32): void {
  const end = freshAt + ((<usize>count) << 3);
  for (let i: usize = 0; i < 24 && count > 0; i += 8) store<u64>(end + i, load<u64>(end - 8));
  for (let from = freshAt; from < end; from += 32) {
    const a = at(load<u32>(from));
    const b = at(load<u32>(from, 8));
    const c = at(load<u32>(from, 16));
    const d = at(load<u32>(from, 24));
    const sums = products(a + HEAD, b + HEAD, c + HEAD, d + HEAD, queryAt, codes);
    store<u32>(from, order(load<f32>(a) * f32x4.extract_lane(sums, 0)), 4);
    store<u32>(from, order(load<f32>(b) * f32x4.extract_lane(sums, 1)), 12);
    store<u32>(from, order(load<f32>(c) * f32x4.extract_lane(sums, 2)), 20);
    store<u32>(from, order(load<f32>(d) * f32x4.extract_lane(sums, 3)), 28);
  }
}

function at(node: u32): usize {
  return copiesAt + <usize>node * (HEAD + codes);
}

/** A node's links: layer by layer from the lowest up a count (u8) and so many numbers. */
function links(node: u32): usize {
  return (<usize>(load<u32>(at(node) + LINKS_AT) & PLACE)) << 1;
}

function isLive(node: u32): bool {
  return load<u32>(at(node) + LINKS_AT) <= PLACE;
}

/** A node's score above its number, as one integer in the order of scores. */
function ranked(node: u32): u64 {
  const there = at(node);
  const score = load<f32>(there) * product(there + HEAD, queryAt, codes);
  return ((<u64>order(score)) << 32) | <u64>node;
}

/** Integers in the order of scores. */
function order(score: f32): u32 {
  const bits = reinterpret<i32>(score);
  return <u32>(bits ^ ((bits >> 31) | <i32>0x80000000));
}

/** Puts `value` into a heap of `size`, its root the highest or the lowest. */
function push(heap: usize, size: u32, value: u64, order: u64): void {
  const key = value ^ order;
  let i = <usize>size;
  while (i > 0) {
    const up = (i - 1) >> 1;
    const above = load<u64>(heap + (up << 3));
    if ((above ^ order) >= key) break;
    store<u64>(heap + (i << 3), above);
    i = up;
  }
  store<u64>(heap + (i << 3), value);
}

/** Puts `value` in the place of the root of a heap of `size`. */
function replaceRoot(heap: usize, size: u32, value: u64, order: u64): void {
  const key = value ^ order;
  const end = <usize>size;
  let i: usize = 0;
  for (;;) {
    let down: usize = 2 * i + 1;
    if (down >= end) break;
    let below = load<u64>(heap + (down << 3));
    if (down + 1 < end) {
      const other = load<u64>(heap + (down << 3), 8);
      if ((other ^ order) > (below ^ order)) {
        below = other;
        down++;
      }
    }
    if ((below ^ order) <= key) break;
    store<u64>(heap + (i << 3), below);
    i = down;
  }
  store<u64>(heap + (i << 3), value);
}
