// Items, their images and the cached vectors: one prepared statement per question. No rules; those are the catalogue's.
// Tags and attributes pass through as JSON text, vectors as little-endian f32.

import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';
import { corrupt, guarded } from './sqlite-error.ts';

export interface ItemRow {
  readonly slot: number;
  readonly id: string;
  readonly group: string;
  /** JSON. */
  readonly tags: string;
  /** JSON. */
  readonly attributes: string;
  readonly imageHash: string | null;
}

const ITEM = 'slot, item.id, group_id AS "group", tags, attributes, image_hash AS imageHash';

export class ItemTable {
  readonly #path: string;
  readonly #byId: Database.Statement<[number, string], ItemRow>;
  readonly #bySlot: Database.Statement<[number, number], ItemRow>;
  readonly #bySlots: Database.Statement<[string, number], ItemRow>;
  readonly #slotsOf: Record<'id' | 'group', Database.Statement<[string, number], number>>;
  readonly #groupsAt: Database.Statement<[string, number], string>;
  readonly #largestGroups: Database.Statement<[number, number], { group: string; count: number }>;
  readonly #page: Database.Statement<
    [number, number, number, number],
    { slot: number; tags: string; attributes: string; vector: Buffer }
  >;
  readonly #takeSlot: Database.Statement<[number], number>;
  readonly #nextSlot: Database.Statement<[number], number>;
  readonly #insert: Database.Statement<object>;
  readonly #update: Database.Statement<object>;
  readonly #delete: Database.Statement<[number, number]>;
  readonly #image: Database.Statement<[string], Buffer>;
  readonly #putImage: Database.Statement<[string, Uint8Array]>;
  readonly #removeImage: Database.Statement<{ hash: string }>;
  readonly #removeImages: Database.Statement<[]>;
  readonly #cached: Database.Statement<[string, string], Buffer>;
  readonly #cache: Database.Statement<[string, string, Uint8Array]>;

  constructor(db: Database.Database, path: string) {
    this.#path = path;
    this.#byId = db.prepare(`SELECT ${ITEM} FROM item WHERE collection = ? AND id = ?`);
    this.#bySlot = db.prepare(`SELECT ${ITEM} FROM item WHERE collection = ? AND slot = ?`);
    // The list drives, in its order; a slot is looked up by the index on it.
    this.#bySlots = db.prepare(
      `SELECT ${ITEM} FROM json_each(?) AS wanted CROSS JOIN item ON item.collection = ? AND item.slot = wanted.value`,
    );
    // By name, as SQLite would take the unique index, which has no slots.
    const slotsOf = (index: string, column: string) =>
      db
        .prepare<[string, number], number>(
          `SELECT slot FROM json_each(?) AS wanted CROSS JOIN item INDEXED BY ${index}
           ON collection = ? AND item.${column} = wanted.value`,
        )
        .pluck();
    this.#slotsOf = { id: slotsOf('item_id', 'id'), group: slotsOf('item_group', 'group_id') };
    this.#groupsAt = db
      .prepare<[string, number], string>(
        'SELECT group_id FROM json_each(?) AS wanted CROSS JOIN item ON collection = ? AND slot = wanted.value',
      )
      .pluck();
    // From the index on groups alone.
    this.#largestGroups = db.prepare(
      `SELECT group_id AS "group", count(*) AS count FROM item WHERE collection = ?
       GROUP BY group_id ORDER BY count DESC, group_id LIMIT ?`,
    );
    this.#page = db.prepare(
      'SELECT slot, tags, attributes, vector FROM item WHERE collection = ? AND slot > ? AND slot <= ? ORDER BY slot LIMIT ?',
    );
    this.#takeSlot = db
      .prepare<[number], number>(
        'UPDATE collection SET next_slot = next_slot + 1 WHERE id = ? RETURNING next_slot - 1',
      )
      .pluck();
    this.#nextSlot = db.prepare<[number], number>('SELECT next_slot FROM collection WHERE id = ?').pluck();
    this.#insert = db.prepare(
      `INSERT INTO item (collection, slot, id, group_id, tags, attributes, image_hash, vector)
       VALUES (@collection, @slot, @id, @group, @tags, @attributes, @imageHash, @vector)`,
    );
    this.#update = db.prepare(
      `UPDATE item SET group_id = @group, tags = @tags, attributes = @attributes
       WHERE collection = @collection AND slot = @slot`,
    );
    this.#delete = db.prepare('DELETE FROM item WHERE collection = ? AND slot = ?');
    this.#image = db.prepare<[string], Buffer>('SELECT bytes FROM image WHERE hash = ?').pluck();
    this.#putImage = db.prepare('INSERT INTO image (hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING');
    const unused = 'NOT EXISTS (SELECT 1 FROM item WHERE item.image_hash = image.hash)';
    this.#removeImage = db.prepare(`DELETE FROM image WHERE hash = @hash AND ${unused}`);
    this.#removeImages = db.prepare(`DELETE FROM image WHERE ${unused}`);
    this.#cached = db
      .prepare<[string, string], Buffer>(
        'SELECT vector FROM vector_cache WHERE image_hash = ? AND fingerprint = ?',
      )
      .pluck();
    this.#cache = db.prepare(
      'INSERT INTO vector_cache (image_hash, fingerprint, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
  }

  byId(collection: number, id: string): ItemRow | undefined {
    return this.#byId.get(collection, id);
  }

  bySlot(collection: number, slot: number): ItemRow | undefined {
    return this.#bySlot.get(collection, slot);
  }

  /** In the order of `slots`, those that are there. */
  bySlots(collection: number, slots: readonly number[]): ItemRow[] {
    return this.#bySlots.all(JSON.stringify(slots), collection);
  }

  /** Of the items with these ids, or in these groups: those of one value after those of the other. */
  slotsOf(collection: number, kind: 'id' | 'group', values: Iterable<string>): number[] {
    return this.#slotsOf[kind].all(JSON.stringify([...values]), collection);
  }

  /** Of those of `slots` that are there. */
  groupsAt(collection: number, slots: readonly number[]): string[] {
    return this.#groupsAt.all(JSON.stringify(slots), collection);
  }

  /** The largest first, equal ones by their ids. */
  largestGroups(collection: number, limit: number): { group: string; count: number }[] {
    return this.#largestGroups.all(collection, limit);
  }

  /** The next at most `limit` live slots above `after`, ascending, with what is searched. Throws `store_corrupt`. */
  page(options: { collection: number; dimension: number; after: number; through?: number; limit: number }) {
    const { collection, dimension, after, through = 2 ** 32, limit } = options;
    const rows = guarded(this.#path, () => this.#page.all(collection, after, through, limit));
    return rows.map((row) => {
      const components = readVector(row.vector);
      if (components.length !== dimension || !allFinite(components)) {
        throw corrupt(this.#path, `the vector of slot ${row.slot} in collection ${collection} is damaged`);
      }
      return { ...row, vector: components };
    });
  }

  /** Gives out the next slot of a collection; the counter only goes up, whatever is deleted. */
  takeSlot(collection: number): number {
    return this.#takeSlot.get(collection)!;
  }

  /** The slot that will be given out next. */
  nextSlot(collection: number): number {
    return this.#nextSlot.get(collection)!;
  }

  insert(row: ItemRow & { collection: number; vector: Float32Array }): void {
    this.#insert.run({ ...row, vector: vectorBytes(row.vector) });
  }

  /** Group, tags and attributes; the slot, image and vector stay. */
  updateMetadata(row: Omit<ItemRow, 'id' | 'imageHash'> & { collection: number }): void {
    this.#update.run(row);
  }

  /** With its image, where no other item uses that. */
  delete(collection: number, row: ItemRow): void {
    this.#delete.run(collection, row.slot);
    if (row.imageHash !== null) this.#removeImage.run({ hash: row.imageHash });
  }

  /** Throws `store_corrupt` where the bytes are not those that were stored. */
  image(hash: string): Uint8Array | undefined {
    const bytes = this.#image.get(hash);
    if (bytes && createHash('sha256').update(bytes).digest('hex') !== hash) {
      throw corrupt(this.#path, `the image ${hash} is damaged`);
    }
    return bytes;
  }

  /** `hash` is the SHA-256 of `bytes`, hex. */
  putImage(hash: string, bytes: Uint8Array): void {
    this.#putImage.run(hash, bytes);
  }

  removeUnusedImages(): void {
    this.#removeImages.run();
  }

  cachedVector(imageHash: string, fingerprint: string): Float32Array | undefined {
    const bytes = this.#cached.get(imageHash, fingerprint);
    return bytes && readVector(bytes);
  }

  cacheVector(imageHash: string, fingerprint: string, vector: Float32Array): void {
    this.#cache.run(imageHash, fingerprint, vectorBytes(vector));
  }
}

function allFinite(vector: Float32Array): boolean {
  for (let i = 0; i < vector.length; i++) if (!Number.isFinite(vector[i])) return false;
  return true;
}

function vectorBytes(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** Copies: a Buffer from SQLite need not be aligned. */
function readVector(bytes: Buffer): Float32Array {
  const vector = new Float32Array(Math.floor(bytes.length / 4));
  new Uint8Array(vector.buffer).set(bytes.subarray(0, vector.byteLength));
  return vector;
}
