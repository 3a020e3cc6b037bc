// What a race has found out so far, on disk, so that a resumed run does not find it out again. A cache: lines that are damaged, or of
// another race, are not used. Drawn in docs/formats.md.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Judged } from '../report/scores.ts';
import type { Labelled } from './space.ts';

export interface Journal {
  /** The judged points of an exploration with this key, where it is known. */
  get(key: string): Judged[] | undefined;
  put(key: string, points: readonly Judged[]): void;
}

/** Raise it where the same key would be explored to other numbers than before. */
const HEADER = JSON.stringify({ magic: 'attractor-race', version: 1 });

/** `<folder>/race.jsonl`; begun anew unless `resume`. Keys tell folds by row numbers and labels: what lies there is told here. */
export function openJournal(options: { folder: string; resume?: boolean; data: Labelled }): Journal {
  const { folder, resume, data } = options;
  const hash = createHash('sha256');
  for (const rows of [data.features, ...(data.views ?? [])]) hash.update(rows);
  if (data.sources) hash.update(JSON.stringify(data.sources));
  const ofData = hash.digest('hex');
  const file = join(folder, 'race.jsonl');
  mkdirSync(folder, { recursive: true });
  const known = new Map<string, string>();
  const [header, ...lines] = resume && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const good = header === HEADER ? lines.filter((line) => isWhole(line, known)) : [];
  // Half a line of a crash must not be glued to the next one.
  writeFileSync(`${file}.tmp`, [HEADER, ...good, ''].join('\n'));
  renameSync(`${file}.tmp`, file);
  const own = (key: string) => sha256(ofData + key);
  return {
    get(key) {
      const points = known.get(own(key));
      return points === undefined ? undefined : decoded(points);
    },
    put(key, points) {
      const text = encoded(points);
      if (text === undefined) return;
      known.set(own(key), text);
      const line = { key: own(key), points: text, sha256: sha256(own(key) + text) };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
    },
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Its points go to `known`. */
function isWhole(line: string, known: Map<string, string>): boolean {
  try {
    const { key, points, sha256: sum } = JSON.parse(line) as { key: string; points: string; sha256: string };
    if (sum !== sha256(key + points)) return false;
    known.set(key, points);
    return true;
  } catch {
    return false;
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
