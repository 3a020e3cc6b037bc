// What a race has found out so far, on disk, so that a resumed run does not find it out again. A cache: lines that are damaged, or of
// another race, are not used. Drawn in docs/formats.md.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Judged } from '../report/scores.ts';

export interface Journal {
  /** The judged points of an exploration with this key, where it is known. */
  get(key: string): Judged[] | undefined;
  put(key: string, points: readonly Judged[]): void;
}

/** Raise it where the same key would be explored to other numbers than before. */
const HEADER = JSON.stringify({ magic: 'attractor-race', version: 1 });

/** `<folder>/race.jsonl`; begun anew unless `resume`. */
export function openJournal(options: { folder: string; resume: boolean }): Journal {
  const { folder, resume } = options;
  const file = join(folder, 'race.jsonl');
  mkdirSync(folder, { recursive: true });
  const known = new Map<string, string>();
  const [header, ...lines] = resume && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const good = header === HEADER ? lines.flatMap((line) => parsed(line) ?? []) : [];
  for (const { key, points } of good) known.set(key, points);
  // Half a line of a crash must not be glued to the next one.
  const kept = [...known].map(([key, points]) => lineOf(key, points));
  writeFileSync(`${file}.tmp`, [HEADER, ...kept, ''].join('\n'));
  renameSync(`${file}.tmp`, file);
  return {
    get(key) {
      const points = known.get(key);
      return points === undefined ? undefined : decoded(points);
    },
    put(key, points) {
      const text = encoded(points);
      if (text === undefined) return;
      known.set(key, text);
      appendFileSync(file, `${lineOf(key, text)}\n`);
    },
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const lineOf = (key: string, points: string) => JSON.stringify({ key, points, sha256: sha256(key + points) });

function parsed(line: string): { key: string; points: string } | undefined {
  try {
    const { key, points, sha256: sum } = JSON.parse(line) as Record<string, string>;
    return sum === sha256(`${key}${points}`) ? { key: key!, points: points! } : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where JSON cannot hold a score. */
function encoded(points: readonly Judged[]): string | undefined {
  const text = JSON.stringify(
    points.map(({ scores, mapAtR }) => {
      const { buffer, byteOffset, byteLength } = mapAtR;
      return { scores, mapAtR: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
    }),
  );
  return text.includes('null') ? undefined : text;
}

function decoded(text: string): Judged[] {
  const points = JSON.parse(text) as { scores: Judged['scores']; mapAtR: string }[];
  return points.map(({ scores, mapAtR }) => {
    const bytes = Uint8Array.from(Buffer.from(mapAtR, 'base64'));
    return { scores, mapAtR: new Float64Array(bytes.buffer) };
  });
}
