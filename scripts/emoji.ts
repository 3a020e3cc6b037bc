// Makes a data set of emoji as different designers drew them, out of ten icon packages of npm: class = code point. Many
// classes with few images each, the shape of Stanford Online Products. Not part of the package's own data.
//   node --import tsx scripts/emoji.ts --out ../emoji [--classes 400]   so many code points, evenly picked (default: all)
// Licences are the packages': Apache 2.0, CC BY 4.0, CC BY-SA 4.0, MIT (catalogue.csv names the package of every image).

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

/** Version of each package, and its family: drawings of one family are near copies of each other. */
const SETS = {
  noto: ['1.2.9', 'noto'],
  'noto-v1': ['1.2.5', 'noto'],
  twemoji: ['1.2.5', 'twemoji'],
  openmoji: ['1.2.29', 'openmoji'],
  emojione: ['1.2.3', 'emojione'],
  'emojione-v1': ['1.2.3', 'emojione'],
  fxemoji: ['1.2.2', 'fxemoji'],
  'fluent-emoji': ['1.2.7', 'fluent'],
  'fluent-emoji-flat': ['1.2.6', 'fluent'],
  'fluent-emoji-high-contrast': ['1.2.6', 'fluent'],
} as const;

/** A class needs drawings of so many sets. */
const LEAST_DRAWINGS = 4;
const SIZE = 224;
/** Part of the picture that the drawing fills. */
const FILL = 0.9;

interface IconSet {
  readonly icons: Readonly<Record<string, { body: string; width?: number; height?: number }>>;
  readonly aliases?: Readonly<Record<string, { parent: string }>>;
  readonly width?: number;
  readonly height?: number;
}

const { values } = parseArgs({ options: { out: { type: 'string' }, classes: { type: 'string' } } });
if (values.out === undefined) throw new Error('--out: expected a folder to write');
const out = values.out;
const classCount = Number(values.classes ?? Number.POSITIVE_INFINITY);
if (!(classCount >= 1))
  throw new Error(`--classes: expected a number of 1 or more, received ${values.classes}`);

const packages = mkdtempSync(join(tmpdir(), 'attractor-emoji-'));
try {
  writeFileSync(join(packages, 'package.json'), '{"private":true}');
  const wanted = Object.entries(SETS).map(([set, [version]]) => `@iconify-json/${set}@${version}`);
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...wanted], {
    cwd: packages,
    stdio: 'inherit',
  });
  const read = (set: string, file: string): unknown =>
    JSON.parse(readFileSync(join(packages, 'node_modules', '@iconify-json', set, file), 'utf8'));
  const names = codePoints(Object.keys(SETS).map((set) => read(set, 'chars.json') as Chars));
  const icons = Object.keys(SETS).map((set) => read(set, 'icons.json') as IconSet);
  await draw(Object.keys(SETS).map((set, i) => ({ set, icons: icons[i]!, codeOf: names[i]! })));
} finally {
  rmSync(packages, { recursive: true });
}

type Chars = Readonly<Record<string, string>>;

/** Code points by icon name; flags, skin tones and sequences are left out. */
function pointsByName(chars: Chars): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [code, name] of Object.entries(chars)) {
    const point = code.replace(/-fe0f$/, '');
    const number = Number.parseInt(point, 16);
    const flagOrTone = (number >= 0x1f1e6 && number <= 0x1f1ff) || (number >= 0x1f3fb && number <= 0x1f3ff);
    if (point.includes('-') || flagOrTone || name.startsWith('flag-')) continue;
    found.set(name, (found.get(name) ?? new Set()).add(point));
  }
  return found;
}

/**
 * The code point of an icon, by set: from the set's own table, since one name can mean two emoji in two sets. A name that it
 * lacks is taken from the others where those agree; fxemoji writes names without hyphens.
 */
function codePoints(sets: readonly Chars[]): ((name: string) => string | undefined)[] {
  const own = sets.map(pointsByName);
  const shared = new Map<string, Set<string>>();
  for (const [name, points] of own.flatMap((names) => [...names])) {
    for (const key of new Set([name, name.replaceAll('-', '')])) {
      shared.set(key, new Set([...(shared.get(key) ?? []), ...points]));
    }
  }
  return own.map((names) => (name) => {
    const points = names.get(name) ?? shared.get(name);
    return points && (names.has(name) || points.size === 1) ? [...points][0] : undefined;
  });
}

type Drawn = { set: string; icons: IconSet; codeOf: (name: string) => string | undefined };

async function draw(sets: readonly Drawn[]) {
  const drawings = new Map<string, { set: string; name: string; svg: string }[]>();
  for (const { set, icons, codeOf } of sets) {
    const seen = new Set<string>();
    for (const name of [...Object.keys(icons.icons), ...Object.keys(icons.aliases ?? {})]) {
      const code = codeOf(name);
      const icon = icons.icons[icons.aliases?.[name]?.parent ?? name];
      if (code === undefined || icon === undefined || seen.has(code)) continue;
      seen.add(code);
      const [width, height] = [icon.width ?? icons.width ?? 16, icon.height ?? icons.height ?? 16];
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 ${width} ${height}" width="${SIZE}" height="${SIZE}" color="black">${icon.body}</svg>`;
      drawings.set(code, [...(drawings.get(code) ?? []), { set, name, svg }]);
    }
  }
  const whole = [...drawings].filter(([, all]) => all.length >= LEAST_DRAWINGS).sort();
  const kept = Math.min(whole.length, classCount);
  const classes = Array.from({ length: kept }, (_, i) => whole[Math.floor((i * whole.length) / kept)]!);
  const total = classes.reduce((sum, [, all]) => sum + all.length, 0);
  mkdirSync(join(out, 'images'), { recursive: true });
  const lines = ['code_point,name,set,family,image'];
  let done = 0;
  for (const [code, all] of classes) {
    for (const { set, name, svg } of all) {
      const image = join('images', `${code}-${set}.png`);
      await render(svg, join(out, image));
      lines.push([code, name, set, SETS[set as keyof typeof SETS][1], image].join(','));
      if (++done % 500 === 0) console.error(`${done} of ${total} images`);
    }
  }
  const text = `${lines.join('\n')}\n`;
  writeFileSync(join(out, 'catalogue.csv'), text);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  console.log(`${classes.length} code points, ${total} images in ${out} (catalogue ${hash})`);
}

/** On white, in the middle. What is there already is left: an interrupted run goes on. */
async function render(svg: string, path: string): Promise<void> {
  if (existsSync(path)) return;
  const inner = Math.round(SIZE * FILL);
  const drawing = await sharp(Buffer.from(svg), { density: 144 })
    .resize(inner, inner, { fit: 'contain', background: '#ffffff' })
    .flatten({ background: '#ffffff' })
    .toBuffer();
  const before = Math.floor((SIZE - inner) / 2);
  const after = SIZE - inner - before;
  await sharp(drawing)
    .extend({ top: before, left: before, bottom: after, right: after, background: '#ffffff' })
    .png({ palette: true })
    .toFile(`${path}.part`);
  renameSync(`${path}.part`, path);
}
