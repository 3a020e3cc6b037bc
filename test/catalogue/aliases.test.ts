// Aliases of collections: one space of names, changes whole or not at all, durable.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AliasAction } from '../../src/catalogue/types.ts';
import { bytes, Harness } from './harness.ts';

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.dispose());

const code = (name: string) => expect.objectContaining({ code: name });
const create = (alias: string, collection: string) => ({ create: { alias, collection } });

describe('aliases', () => {
  test('an alias is the collection it points at, through a restart and a switch', async () => {
    const catalogue = await harness.open();
    const blue = await catalogue.createCollection({ name: 'blue' });
    await catalogue.createCollection({ name: 'green' });
    await blue.upsert({ items: [{ id: '1', image: bytes('1') }] });
    catalogue.changeAliases({ actions: [create('live', 'blue')] });
    expect(catalogue.collection('live').info).toMatchObject({ name: 'blue', count: 1 });
    const again = await harness.reopen();
    expect(again.aliases()).toEqual([{ alias: 'live', collection: 'blue' }]);
    const held = again.collection('live');
    again.changeAliases({ actions: [create('old', 'blue'), create('live', 'green')] });
    expect(again.collection('live').info.name).toBe('green');
    // Who has the collection keeps it: a handle is not an alias.
    expect(held.info.name).toBe('blue');
    expect((await harness.reopen()).aliases()).toEqual([
      { alias: 'live', collection: 'green' },
      { alias: 'old', collection: 'blue' },
    ]);
  });

  test('a dropped collection takes its aliases with it, and is not dropped by them', async () => {
    const catalogue = await harness.open();
    await catalogue.createCollection({ name: 'a' });
    await catalogue.createCollection({ name: 'b' });
    catalogue.changeAliases({ actions: [create('x', 'a'), create('y', 'a'), create('z', 'b')] });
    expect(() => catalogue.dropCollection('x')).toThrow(/"x" is an alias of "a"/);
    catalogue.dropCollection('a');
    expect(catalogue.aliases()).toEqual([{ alias: 'z', collection: 'b' }]);
    expect(() => catalogue.collection('x')).toThrow(code('collection_not_found'));
    // Their names are free again.
    await catalogue.createCollection({ name: 'x' });
    catalogue.changeAliases({ actions: [create('a', 'x')] });
    expect((await harness.reopen()).collection('a').info.name).toBe('x');
  });

  test('names never collide, and one bad action undoes the others', async () => {
    const catalogue = await harness.open();
    await catalogue.createCollection({ name: 'a' });
    await catalogue.createCollection({ name: 'b' });
    catalogue.changeAliases({ actions: [create('x', 'a')] });
    await expect(catalogue.createCollection({ name: 'x' })).rejects.toEqual(code('collection_exists'));
    const bad: [AliasAction, string][] = [
      [create('b', 'a'), 'collection_exists'],
      [create('y', 'no'), 'collection_not_found'],
      // Not at an alias, the one made just before neither.
      [create('y', 'x'), 'collection_not_found'],
      [create('y', 'good'), 'collection_not_found'],
      [create('-y', 'a'), 'invalid_argument'],
      [{ rename: { from: 'no', to: 'y' } }, 'alias_not_found'],
      [{ rename: { from: 'x', to: 'good' } }, 'collection_exists'],
      [{ rename: { from: 'x', to: 'b' } }, 'collection_exists'],
      [{ drop: {} } as unknown as AliasAction, 'invalid_argument'],
    ];
    for (const [action, error] of bad) {
      const actions = [create('good', 'b'), { delete: { alias: 'x' } }, create('x', 'b'), action];
      expect(() => catalogue.changeAliases({ actions })).toThrow(code(error));
      expect(catalogue.aliases()).toEqual([{ alias: 'x', collection: 'a' }]);
    }
    expect((await harness.reopen()).aliases()).toEqual([{ alias: 'x', collection: 'a' }]);
  });

  test('any list of changes does what a plain map of names would', async () => {
    const collections = ['a', 'b'];
    const names = [...collections, 'x', 'y', 'z'];
    const name = fc.constantFrom(...names);
    const action: fc.Arbitrary<AliasAction> = fc.oneof(
      fc.record({ create: fc.record({ alias: name, collection: name }) }),
      fc.record({ delete: fc.record({ alias: name }) }),
      fc.record({ rename: fc.record({ from: name, to: name }) }),
    );
    const catalogue = await harness.open();
    for (const collection of collections) await catalogue.createCollection({ name: collection });
    let model = new Map<string, string>();
    const step = (map: Map<string, string>, change: AliasAction): boolean => {
      if ('create' in change) {
        const { alias, collection } = change.create;
        if (!collections.includes(collection) || collections.includes(alias)) return false;
        map.set(alias, collection);
      } else if ('delete' in change) map.delete(change.delete.alias);
      else {
        const { from, to } = change.rename;
        const collection = map.get(from);
        if (!collection || collections.includes(to) || (map.has(to) && to !== from)) return false;
        map.delete(from);
        map.set(to, collection);
      }
      return true;
    };
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 5 }), (actions) => {
        const next = new Map(model);
        const good = actions.every((change) => step(next, change));
        if (good) {
          catalogue.changeAliases({ actions });
          model = next;
        } else expect(() => catalogue.changeAliases({ actions })).toThrow();
        const listed = catalogue.aliases().map(({ alias, collection }) => [alias, collection]);
        expect(listed).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
