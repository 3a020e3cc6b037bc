// Cars-196, in both forms it is passed on in: cars_annos.mat with car_ims/, and the devkit's two halves with cars_train/ and
// cars_test/. The split is that of zero-shot retrieval, classes 1 to 98 against 99 to 196; the halves, which share
// classes, are the attribute `closed_set`.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttractorError } from '../../errors/error.ts';
import { type MatArray, type MatStruct, type MatValue, readMat } from '../mat.ts';
import { collectRows, type Layout, type RowCollector } from './layout.ts';

const TITLE = 'Cars-196';
const TRAIN_CLASSES = 98;
const WHOLE = 'cars_annos.mat';
const DEVKIT = ['devkit/', ''];
const HALVES = [
  { side: 'train', images: 'cars_train', file: 'cars_train_annos.mat' },
  { side: 'test', images: 'cars_test', file: 'cars_test_annos_withlabels.mat' },
] as const;

export const CARS: Layout = {
  title: TITLE,
  marks: [WHOLE, ...DEVKIT.map((place) => `${place}cars_train_annos.mat`)],
  archives: ['stanford_cars'],
  async read(folder) {
    const rows = collectRows();
    const whole = await variables(folder, [WHOLE]);
    if (whole) {
      const names = textsOf(whole.get('class_names'), WHOLE);
      addRows({ rows, folder, file: WHOLE, names, structs: structsOf(whole, WHOLE) });
      return rows.dataset();
    }
    const meta = await variables(folder, places('cars_meta.mat'));
    if (!meta) throw new AttractorError('dataset_invalid', `${TITLE}: cars_meta.mat is missing`);
    const names = textsOf(meta.get('class_names'), 'cars_meta.mat');
    for (const { side, images, file } of HALVES) {
      const half = await variables(folder, places(file));
      if (half)
        addRows({ rows, folder, file, names, structs: structsOf(half, file), half: { side, images } });
      else rows.refuse(0, `${file} is missing: without it the images of ${images} have no label`);
    }
    return rows.dataset();
  },
};

/** Classes are numbered from 1. */
export function zeroShotSplit(classNumber: number): 'train' | 'test' {
  return classNumber <= TRAIN_CLASSES ? 'train' : 'test';
}

const places = (file: string) => DEVKIT.map((place) => place + file);

async function variables(
  folder: string,
  files: readonly string[],
): Promise<Map<string, MatValue> | undefined> {
  for (const file of files) {
    const bytes = await readFile(join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes) return readMat(bytes);
  }
  return undefined;
}

function addRows(options: {
  rows: RowCollector;
  folder: string;
  file: string;
  names: readonly string[];
  structs: readonly MatStruct[];
  half?: { side: string; images: string };
}): void {
  const { rows, folder, file, names, structs, half } = options;
  for (const [i, struct] of structs.entries()) {
    const line = i + 1;
    const written = struct[half ? 'fname' : 'relative_im_path'];
    const number = numberOf(struct.class);
    if (typeof written !== 'string' || number === undefined) {
      rows.refuse(line, `${file}: annotation ${line} has no image name or no class`);
      continue;
    }
    const label = names[number - 1];
    if (label === undefined) {
      rows.refuse(line, `${file}: class ${number} has no name`);
      continue;
    }
    const path = half ? `${half.images}/${written}` : written;
    const [x1, y1, x2, y2] = ['bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2'].map((name) =>
      numberOf(struct[name]),
    );
    const boxed = x1 !== undefined && y1 !== undefined && x2 !== undefined && y2 !== undefined;
    const side = half?.side ?? (numberOf(struct.test) === 1 ? 'test' : 'train');
    rows.add(
      {
        ...{ line, id: path, label, image: join(folder, path), attributes: { closed_set: side } },
        split: zeroShotSplit(number),
        // MATLAB counts pixels from 1, and both corners are inside.
        ...(boxed ? { box: { x: x1 - 1, y: y1 - 1, width: x2 - x1 + 1, height: y2 - y1 + 1 } } : {}),
      },
      file,
    );
  }
}

function structsOf(found: ReadonlyMap<string, MatValue>, file: string): readonly MatStruct[] {
  const value = found.get('annotations');
  const values = arrayOf(value)?.values ?? [];
  if (values.length === 0 || typeof values[0] !== 'object') throw lacks(file, 'annotations');
  return values as readonly MatStruct[];
}

function textsOf(value: MatValue | undefined, file: string): string[] {
  const values = arrayOf(value)?.values ?? [];
  if (values.length === 0 || !values.every((name) => typeof name === 'string'))
    throw lacks(file, 'class_names');
  return values as string[];
}

function numberOf(value: MatValue | undefined): number | undefined {
  const first = arrayOf(value)?.values[0];
  return typeof first === 'number' ? first : undefined;
}

const arrayOf = (value: MatValue | undefined) =>
  typeof value === 'object' ? (value as MatArray<unknown>) : undefined;

const lacks = (file: string, name: string) =>
  new AttractorError('dataset_invalid', `${TITLE}: ${file} has no ${name}`);
