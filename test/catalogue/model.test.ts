// Random sequences of everything a catalogue does, also dying and damaged files, against a naive Map.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBuildJob } from '../../src/catalogue/build-job.ts';
import { openCatalogue } from '../../src/catalogue/catalogue.ts';
import type { Catalogue, Collection, ItemInput } from '../../src/catalogue/types.ts';
import { ByteEmbedder } from '../reference/byte-embedder.ts';
import { naiveNearest } from '../reference/nearest.ts';
import { bytes } from './harness.ts';

interface ModelItem {
  readonly slot: number;
  readonly content: string;
  readonly group: string;
  readonly colour: string;
}

interface Given {
  readonly id: string;
  readonly content: [string, number];
  readonly group: string;
  readonly colour: string;
}

/** Ids and contents come from small pools: replacing, sharing an image and coming back are common. */
const id = fc.integer({ min: 0, max: 14 }).map((n) => `i${n}`);
const content = fc.tuple(fc.constantFrom('image', 'vector'), fc.integer({ min: 0, max: 9 }));
const group = fc.integer({ min: 0, max: 3 }).map((n) => `g${n}`);
const colour = fc.constantFrom('red', 'blue', 'green');
const items = fc.array<Given>(fc.record({ id, content, group, colour }), { minLength: 1, maxLength: 8 });

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('upsert' as const), items }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('overlap' as const), items, others: items }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('delete' as const), ids: fc.array(id, { maxLength: 6 }) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('build' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('close' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('die' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('damage' as const), at: fc.nat() }) },
);

/** The naive catalogue. */
class Model {
  readonly items = new Map<string, ModelItem>();
  #slots = 0;

  /** The statuses that an upsert should report. */
  upsert(given: readonly Given[]): string[] {
    return given.map(({ id, content: [kind, n], group, colour }) => {
      const content = `${kind} ${n}`;
      const old = this.items.get(id);
      if (old?.content === content && old.group === group && old.colour === colour) return 'unchanged';
      const slot = old?.content === content ? old.slot : this.#slots++;
      this.items.set(id, { slot, content, group, colour });
      return old ? 'updated' : 'created';
    });
  }
}

/** `npm run test:long` */
const LONG = process.env.ATTRACTOR_LONG_TESTS === '1';

class System {
  readonly embedder = new ByteEmbedder({ dimension: 8 });
  readonly model = new Model();
  readonly #made: string[] = [];
  readonly #left: Catalogue[] = [];
  #directory = this.#folder();
  #catalogue!: Catalogue;
  shop!: Collection;

  #folder(): string {
    const directory = mkdtempSync(join(tmpdir(), 'attractor-model-'));
    this.#made.push(directory);
    return directory;
  }

  async open(): Promise<void> {
    const { fingerprint, dimension } = this.embedder;
    this.#catalogue = await openCatalogue({
      directory: this.#directory,
      models: async (name) => ({ name, fingerprint, dimension }),
      embedderFor: async () => this.embedder,
      defaultModel: 'bytes',
      logger: { info: () => {}, warn: () => {}, error: (fields) => expect(fields).toBeUndefined() },
      // Graphs of a few vectors, built at every turn; in this process, for the sake of time: kill.test.ts has real ones.
      hnsw: { m: 4, efConstruction: 20, from: 4 },
      build: (job) => runBuildJob(job),
    });
    this.shop = this.#catalogue.list().length
      ? this.#catalogue.collection('shop')
      : await this.#catalogue.createCollection({ name: 'shop' });
  }

  async build(): Promise<void> {
    await this.shop.compact();
    if (this.model.items.size >= 4) expect(this.shop.info.indexed).toBe(this.model.items.size);
  }

  async close(): Promise<void> {
    await this.#catalogue.close();
    await this.open();
  }

  /** What is on the disk at this moment is all that the next one gets. */
  async die(): Promise<void> {
    const directory = this.#folder();
    cpSync(this.#directory, directory, { recursive: true });
    this.#left.push(this.#catalogue);
    this.#directory = directory;
    await this.open();
  }

  async damage(at: number): Promise<void> {
    await this.#catalogue.close();
    for (const file of ['1.hnsw', '1.hnsw.json']) {
      const path = join(this.#directory, 'indexes', file);
      if (!existsSync(path)) continue;
      const content = readFileSync(path);
      content[at % content.length]! ^= 1 << (at % 8);
      if (at % 3) writeFileSync(path, content);
    }
    await this.open();
  }

  async upsert(given: readonly Given[]): Promise<string[]> {
    const items = given.map(({ id, content: [kind, n], group, colour }): ItemInput => {
      const image = bytes(`photo ${n}`);
      const rest = { id, group, tags: [colour], attributes: { colour } };
      return kind === 'image' ? { ...rest, image } : { ...rest, vector: this.embedder.vector(image) };
    });
    return (await this.shop.upsert({ items })).map((result) => result.status);
  }

  /** Which of two calls at once commits first is not promised; that it is one after the other is. */
  async overlap(a: readonly Given[], b: readonly Given[]): Promise<void> {
    const committed: { given: readonly Given[]; statuses: string[] }[] = [];
    const run = async (given: readonly Given[]) => {
      committed.push({ given, statuses: await this.upsert(given) });
    };
    await Promise.all([run(a), run(b)]);
    for (const { given, statuses } of committed) expect(statuses).toEqual(this.model.upsert(given));
  }

  async check(): Promise<void> {
    expect(this.shop.info.count).toBe(this.model.items.size);
    const vectors = new Map<number, Float32Array>();
    const bySlot = new Map<number, string>();
    for (const [id, { slot, content, group }] of this.model.items) {
      vectors.set(slot, this.embedder.vector(bytes(content.replace(/\w+/, 'photo'))));
      bySlot.set(slot, id);
      const stored = this.shop.get({ id });
      expect([stored.group, stored.imageHash !== undefined]).toEqual([group, content.startsWith('image')]);
    }
    const query = this.embedder.vector(bytes('some query'));
    const ranked = naiveNearest(vectors, query, 100).map(({ slot }) => bySlot.get(slot)!);
    for (const how of [{ exact: true }, { ef: 200 }]) {
      const { hits } = await this.shop.query({ by: { vector: query }, limit: 100, ...how });
      expect(hits.map((hit) => hit.id)).toEqual(ranked);
      for (const filter of [
        'colour = "red"',
        'tags NOT IN ["red", "blue"]',
        'group = "g1" OR colour = "blue"',
      ]) {
        const { hits } = await this.shop.query({ by: { vector: query }, limit: 100, filter, ...how });
        const passing = ranked.filter((id) => {
          const { colour, group } = this.model.items.get(id)!;
          if (filter.startsWith('colour')) return colour === 'red';
          return filter.startsWith('tags') ? colour === 'green' : group === 'g1' || colour === 'blue';
        });
        expect(hits.map((hit) => hit.id)).toEqual(passing);
      }
      const { groups } = await this.shop.queryGroups({
        by: { vector: query },
        limit: 3,
        groupSize: 2,
        ...how,
      });
      const naive = new Map<string, string[]>();
      for (const id of ranked) {
        const { group } = this.model.items.get(id)!;
        naive.set(group, [...(naive.get(group) ?? []), id]);
      }
      expect(groups.map((g) => [g.id, g.hits.map((hit) => hit.id)])).toEqual(
        [...naive].slice(0, 3).map(([group, ids]) => [group, ids.slice(0, 2)]),
      );
    }
    for (const id of [...this.model.items.keys()].slice(0, 2)) {
      const { hits } = await this.shop.query({ by: { id }, limit: 100 });
      expect(hits.map((hit) => hit.id).sort()).toEqual(
        [...this.model.items.keys()].filter((k) => k !== id).sort(),
      );
    }
  }

  async dispose(): Promise<void> {
    for (const catalogue of [...this.#left, this.#catalogue]) await catalogue.close();
    for (const directory of this.#made) rmSync(directory, { recursive: true, force: true });
  }
}

test('random sequences agree with a naive Map', { timeout: LONG ? 1_800_000 : 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 14 }), async (commands) => {
      const system = new System();
      try {
        await system.open();
        for (const c of commands) {
          if (c.op === 'upsert') {
            expect(await system.upsert(c.items)).toEqual(system.model.upsert(c.items));
          } else if (c.op === 'overlap') {
            await system.overlap(c.items, c.others);
          } else if (c.op === 'delete') {
            const present = new Set(c.ids.filter((id) => system.model.items.delete(id)));
            expect(system.shop.delete({ ids: c.ids })).toEqual({ deleted: present.size });
          } else if (c.op === 'damage') {
            await system.damage(c.at);
          } else {
            await system[c.op]();
          }
          await system.check();
        }
        // Two calls at once may both embed an image that is new to both; nothing else may.
        if (!commands.some((c) => c.op === 'overlap')) {
          expect(system.embedder.embedded.length).toBe(new Set(system.embedder.embedded).size);
        }
      } finally {
        await system.dispose();
      }
    }),
    { numRuns: LONG ? 1000 : 40 },
  );
});
