// The pool over real processes and a real model. A process that must be "in the middle of a batch" is stopped with
// SIGSTOP before it gets one, so that nothing here depends on time.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { getPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Embedder } from '../../src/embed/embedder.ts';
import { createModelEmbedder } from '../../src/embed/model-embedder.ts';
import type { EmbedderOptions } from '../../src/embed/options.ts';
import { createEmbedder } from '../../src/embed/pool.ts';
import { loadModel } from '../../src/model/load.ts';
import { image, saveTinyModel } from './model.ts';

let directory: string;
let pixel: Uint8Array;
let photo: Uint8Array;
const open = new Set<Embedder>();

beforeAll(async () => {
  directory = await saveTinyModel();
  [pixel, photo] = await Promise.all([image('one-pixel.png'), image('photo.jpg')]);
});
afterEach(async () => {
  await Promise.all([...open].map((embedder) => embedder.close()));
  open.clear();
});
afterAll(() => rm(dirname(directory), { recursive: true }));

/** Keeps what the pool says, and lets a test act at the moment when it says it. */
function recorder() {
  const lines: Array<{ message: string; pid: number }> = [];
  const hooks: Record<string, (pid: number) => void> = {};
  const add = (fields: object, message: string): void => {
    const { pid = 0 } = fields as { pid?: number };
    lines.push({ message, pid });
    hooks[message]?.(pid);
  };
  const pids = (message: string): number[] =>
    lines.filter((line) => line.message === message).map((line) => line.pid);
  return { logger: { info: add, warn: add, error: add }, hooks, pids };
}

const STARTED = 'embedding process started';
const READY = 'embedding process ready';
const DIED = 'embedding process died over a batch';

/** One process unless told otherwise. */
async function openPool(options: Partial<EmbedderOptions> = {}) {
  const log = recorder();
  const embedder = await createEmbedder({ directory, processes: 1, logger: log.logger, ...options });
  open.add(embedder);
  return { embedder, ...log, pid: log.pids(READY)[0]! };
}

const stop = (pid: number): void => void process.kill(pid, 'SIGSTOP');
const go = (pid: number): void => void process.kill(pid, 'SIGCONT');
const kill = (pid: number): void => void process.kill(pid, 'SIGKILL');
/** Lets the pool hand out what it was just given. */
const handedOut = (): Promise<void> => sleep(0);

/** A process that has ended but was not waited for yet (a zombie) counts as gone. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/.test(readFileSync(stat, 'latin1'));
}

async function until(condition: () => boolean): Promise<void> {
  for (let rounds = 0; !condition(); rounds++) {
    if (rounds === 2_500) throw new Error('it never came');
    await sleep(10);
  }
}

describe('answers', () => {
  let embedder: Embedder;
  const log = recorder();
  beforeAll(async () => {
    embedder = await createEmbedder({
      directory,
      processes: 2,
      maxBatch: 4,
      maxQueue: 8,
      limits: { side: 250 },
      logger: log.logger,
    });
  });
  afterAll(() => embedder.close());

  test('are those of the model in this process, to the bit', async () => {
    const names = ['photo.jpg', 'exif-6.jpg', 'p3-16.png', 'animated.webp', 'scene.avif', 'grey-16.png'];
    const images = await Promise.all(names.map(image));
    const model = await loadModel({ directory });
    const here = await createModelEmbedder({ model });
    expect(embedder.fingerprint).toBe(model.fingerprint);
    expect(embedder.dimension).toBe(4);
    expect(await embedder.embed({ images })).toEqual(await here.embedImages({ images }));
    await here.close();
  });

  test('a bad image fails alone, with all that its error says', async () => {
    const [good, bad, again] = await embedder.embed({ images: [pixel, photo.subarray(0, 3000), pixel] });
    expect(good).toEqual(again);
    expect(good).toHaveProperty('vector');
    expect(bad).toMatchObject({
      error: {
        name: 'AttractorError',
        code: 'image_undecodable',
        field: 'image',
        expected: 'a whole image/jpeg',
        received: 'VipsJpeg: premature end of JPEG image',
      },
    });
  });

  test('limits reach the processes', async () => {
    const results = await embedder.embed({ images: [await image('wide.png'), pixel] });
    expect(results).toMatchObject([{ error: { code: 'image_too_large' } }, { vector: expect.anything() }]);
  });

  test('one bulk request may hold far more images than may wait online', async () => {
    const results = await embedder.embed({ images: Array(1_000).fill(pixel), priority: 'bulk' });
    expect(results).toHaveLength(1_000);
    for (const result of results) expect(result).toEqual(results[0]);
  });

  test('Ctrl-C and SIGTERM to the whole group leave the decision to the parent', async () => {
    await until(() => log.pids(READY).length === 2);
    for (const pid of log.pids(READY)) {
      process.kill(pid, 'SIGINT');
      process.kill(pid, 'SIGTERM');
    }
    for (const result of await embedder.embed({ images: Array(8).fill(pixel) })) {
      expect(result).toHaveProperty('vector');
    }
    expect(log.pids(READY)).toHaveLength(2);
  });
});

describe('load', () => {
  test('timers fire while a batch is under way, and online overtakes bulk', async () => {
    const { embedder, pid } = await openPool({ maxBatch: 2 });
    const finished: string[] = [];
    stop(pid);
    const bulk = embedder
      .embed({ images: Array(6).fill(pixel), priority: 'bulk' })
      .then(() => finished.push('bulk'));
    await handedOut();
    const online = embedder.embed({ images: [photo] }).then(() => finished.push('online'));
    await sleep(20);
    finished.push('timer');
    go(pid);
    await Promise.all([bulk, online]);
    expect(finished).toEqual(['timer', 'online', 'bulk']);
  });

  test('online beyond the queue is refused, and accepted again afterwards', async () => {
    const { embedder, pid } = await openPool({ maxQueue: 2 });
    stop(pid);
    const first = embedder.embed({ images: [pixel] });
    await handedOut();
    const second = embedder.embed({ images: [pixel, pixel] });
    await expect(embedder.embed({ images: [pixel] })).rejects.toMatchObject({ code: 'overloaded' });
    go(pid);
    await Promise.all([first, second]);
    await expect(embedder.embed({ images: [pixel] })).resolves.toHaveLength(1);
  });

  test('a cancelled request leaves the queue at once', async () => {
    const { embedder, pid } = await openPool();
    const controller = new AbortController();
    stop(pid);
    const first = embedder.embed({ images: [pixel] });
    await handedOut();
    const second = embedder.embed({ images: [pixel], signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'aborted' });
    go(pid);
    await expect(first).resolves.toHaveLength(1);
  });
});

test('all processes but the kept one give way where cores are short', async () => {
  const { pids } = await openPool({ processes: 3 });
  await until(() => pids(READY).length === 3);
  const priorities = pids(STARTED).map((pid) => getPriority(pid));
  expect(priorities.filter((priority) => priority === getPriority())).toHaveLength(1);
  expect(priorities.filter((priority) => priority === 10)).toHaveLength(2);
});

describe('deaths', () => {
  test('kill -9 in the middle of a batch: the process is replaced and the images are tried again', async () => {
    const { embedder, pid, pids } = await openPool({ processes: 2 });
    await until(() => pids(READY).length === 2);
    const [one, two] = pids(READY) as [number, number];
    stop(one);
    stop(two);
    const first = embedder.embed({ images: [photo, pixel] });
    const second = embedder.embed({ images: [pixel, photo] });
    await handedOut();
    kill(pid);
    go(two);
    const [a, b] = await Promise.all([first, second]);
    expect(a).toEqual([...b].reverse());
    expect(a[0]).toHaveProperty('vector');
    await until(() => pids(READY).length === 3);
    expect(pids(DIED)).toEqual([pid]);
    expect(embedder.stats()).toMatchObject({ crashed: 1, processes: { wanted: 2 } });
  });

  test('an image that kills its process twice fails; those beside it and after it do not', async () => {
    const { embedder, pid, pids, hooks } = await openPool();
    const answers = embedder.embed({ images: [pixel] }); // the first process works
    expect((await answers)[0]).toHaveProperty('vector');
    stop(pid);
    const poisoned = embedder.embed({ images: [photo, pixel] });
    await handedOut();
    // The first image of the batch, tried alone, dies in the second process as well.
    hooks[READY] = (next) => {
      delete hooks[READY];
      stop(next);
      setImmediate(kill, next);
    };
    kill(pid);
    expect(await poisoned).toMatchObject([
      { error: { code: 'embedder_crashed', message: 'The embedding process died: killed by SIGKILL.' } },
      { vector: expect.anything() },
    ]);
    expect(pids(DIED)).toHaveLength(2);
    expect((await embedder.embed({ images: [photo] }))[0]).toHaveProperty('vector');
  });

  test('a process that hangs is killed and replaced', async () => {
    const { embedder, pid, pids } = await openPool({ timeout: 2_000 });
    stop(pid);
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    expect(pids(DIED)).toEqual([pid]);
    expect(isAlive(pid)).toBe(false);
  });

  test('a process that dies idle is replaced', async () => {
    const { embedder, pid, pids } = await openPool();
    kill(pid);
    await until(() => pids(READY).length === 2);
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
  });

  test('a process is replaced after so many images', async () => {
    const { embedder, pids } = await openPool({ processes: 2, recycleAfter: 2, maxBatch: 1 });
    await until(() => pids(READY).length === 2);
    const results = await embedder.embed({ images: Array(12).fill(pixel) });
    for (const result of results) expect(result).toEqual(results[0]);
    await until(() => pids(READY).length >= 3);
    expect(pids(DIED)).toEqual([]);
  });
});

describe('recycling', () => {
  test('the only process works until its successor is ready', async () => {
    const { embedder, hooks, pid, pids } = await openPool({ recycleAfter: 1 });
    let during: Promise<unknown> | undefined;
    // The successor stands still as soon as it exists: what is asked now, only the first process can answer.
    hooks[STARTED] = (next) => {
      delete hooks[STARTED];
      stop(next);
      during = embedder.embed({ images: [photo] }).finally(() => go(next));
    };
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    await until(() => during !== undefined);
    expect(await during).toMatchObject([{ vector: expect.anything() }]);
    await until(() => embedder.stats().recycled === 1 && !isAlive(pid));
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    expect(pids(DIED)).toEqual([]);
    expect(embedder.stats()).toMatchObject({ crashed: 0, images: { online: 3, bulk: 0 } });
  });

  test('without a successor the process works on', async () => {
    const { embedder, hooks, pid, pids } = await openPool({ recycleAfter: 2 });
    hooks[STARTED] = kill;
    for (let i = 0; i < 4; i++) {
      expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    }
    await until(() => pids('no successor for an embedding process: it works on').length > 0);
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    expect(isAlive(pid)).toBe(true);
    expect(embedder.stats()).toMatchObject({ recycled: 0, processes: { wanted: 1, live: 1 } });
  });
});

describe('start', () => {
  test('a model that is not there is said at once', async () => {
    const log = recorder();
    await expect(
      createEmbedder({ directory: join(tmpdir(), 'no-such-model'), processes: 1, logger: log.logger }),
    ).rejects.toMatchObject({ code: 'model_not_found' });
    expect(log.pids(STARTED)).toHaveLength(1);
  });

  test('processes that die before they open the model end in an error, not in a loop', async () => {
    const log = recorder();
    log.hooks[STARTED] = kill;
    await expect(createEmbedder({ directory, processes: 1, logger: log.logger })).rejects.toMatchObject({
      code: 'embedder_crashed',
    });
    expect(log.pids(STARTED)).toHaveLength(3);
  });

  test('a folder that holds another model now is refused until the first one is back', async () => {
    const own = await saveTinyModel();
    const { embedder, pid, pids } = await openPool({ directory: own });
    await rename(own, `${own}.first`);
    await saveTinyModel({ scale: 2, folder: own });
    kill(pid);
    await until(() => pids('embedding process failed before any work').length >= 2); // the death, and the other fingerprint
    await expect(embedder.embed({ images: [pixel] })).rejects.toMatchObject({ code: 'fingerprint_mismatch' });
    await rm(own, { recursive: true });
    await rename(`${own}.first`, own);
    await until(() => pids(READY).length === 2);
    expect((await embedder.embed({ images: [pixel] }))[0]).toHaveProperty('vector');
    await rm(dirname(own), { recursive: true });
  });

  test('options are checked by name', async () => {
    const wrong = (options: object) => createEmbedder({ directory, ...options });
    await expect(wrong({ threads: 1 })).rejects.toMatchObject({ code: 'unknown_option', field: 'threads' });
    await expect(wrong({ processes: 0 })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'processes',
    });
    await expect(wrong({ maxBatch: 1.5 })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'maxBatch',
    });
    const { embedder } = await openPool();
    const images = [pixel, 'text' as unknown as Uint8Array];
    await expect(embedder.embed({ images })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'images[1]',
    });
  });
});

describe('end', () => {
  test('close lets the batch under way finish, ends what waits, and leaves no process', async () => {
    const { embedder, pid } = await openPool();
    stop(pid);
    const underWay = embedder.embed({ images: [pixel] });
    await handedOut();
    const waiting = expect(embedder.embed({ images: [pixel] })).rejects.toMatchObject({ code: 'not_ready' });
    const closed = embedder.close();
    go(pid);
    expect((await underWay)[0]).toHaveProperty('vector');
    await Promise.all([waiting, closed]);
    expect(isAlive(pid)).toBe(false);
    await expect(embedder.embed({ images: [pixel] })).rejects.toMatchObject({ code: 'not_ready' });
    await embedder.close();
  });

  test('under plain node in another folder; the processes go when their parent is killed', async () => {
    const pool = new URL('../../src/embed/pool.ts', import.meta.url).href;
    const script = join(dirname(directory), 'parent.mjs');
    await writeFile(
      script,
      `import { createEmbedder } from ${JSON.stringify(pool)};
       const say = ({ pid }, message) => message === ${JSON.stringify(READY)} && process.send(pid);
       const embedder = await createEmbedder({
         directory: ${JSON.stringify(directory)}, processes: 2, logger: { info: say, warn() {}, error() {} },
       });
       process.send(await embedder.embed({ images: [new Uint8Array(3)] }).then(([{ error }]) => error.code));`,
    );
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const parent = spawn(process.execPath, ['--import', tsx, script], {
      cwd: '/',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const heard: unknown[] = [];
    parent.on('message', (message) => heard.push(message));
    await until(() => heard.length === 3);
    expect(heard).toContain('image_unsupported');
    const pids = heard.filter((message) => typeof message === 'number');
    expect(pids.map(isAlive)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until(() => !pids.some(isAlive));
  });
});
