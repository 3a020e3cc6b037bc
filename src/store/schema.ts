// The tables of attractor.db, as the list of steps that made them. Step n takes user_version n to n + 1.
// A step that was released is never edited: add one. Drawn in docs/formats.md; fixtures in test/compat.

/** "ATRC" in the SQLite header: says whose file this is. */
export const APPLICATION_ID = 0x41545243;

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT;

  -- AUTOINCREMENT: the id of a dropped collection names files that may still lie around, so it never comes back.
  CREATE TABLE collection (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    model       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    dimension   INTEGER NOT NULL,
    metric      TEXT NOT NULL,
    next_slot   INTEGER NOT NULL DEFAULT 0 CHECK (next_slot <= 4294967296)
  ) STRICT;

  CREATE TABLE image (
    hash  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;

  CREATE TABLE item (
    collection INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    slot       INTEGER NOT NULL,
    id         TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    tags       TEXT NOT NULL,
    attributes TEXT NOT NULL,
    image_hash TEXT REFERENCES image (hash),
    vector     BLOB NOT NULL,
    UNIQUE (collection, slot),
    UNIQUE (collection, id)
  ) STRICT;
  CREATE INDEX item_group ON item (collection, group_id);
  CREATE INDEX item_image ON item (image_hash);

  CREATE TABLE vector_cache (
    image_hash  TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    vector      BLOB NOT NULL,
    PRIMARY KEY (image_hash, fingerprint)
  ) STRICT;
  `,
  `
  CREATE TABLE alias (
    name       TEXT PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collection (id) ON DELETE CASCADE
  ) STRICT;
  `,
  `
  -- AUTOINCREMENT: a uid names the files of its task.
  CREATE TABLE task (
    uid         INTEGER PRIMARY KEY AUTOINCREMENT,
    type        TEXT NOT NULL,
    collection  TEXT,
    status      TEXT NOT NULL,
    done        INTEGER NOT NULL DEFAULT 0,
    total       INTEGER NOT NULL,
    params      TEXT NOT NULL,
    details     TEXT NOT NULL DEFAULT '{}',
    error       TEXT,
    enqueued_at INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER
  ) STRICT;
  CREATE INDEX task_status ON task (status, uid);

  CREATE TABLE dead_letter (
    task   INTEGER NOT NULL REFERENCES task (uid) ON DELETE CASCADE,
    line   INTEGER NOT NULL,
    id     TEXT NOT NULL,
    code   TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (task, line)
  ) STRICT;
  `,
  `
  CREATE TABLE reply (
    key     TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    reply   TEXT NOT NULL,
    at      INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX reply_at ON reply (at);
  `,
  `
  -- With the slots: thousands of ids or groups are looked up without their rows, each of which may be a page from the disk.
  CREATE INDEX item_id ON item (collection, id, slot);
  DROP INDEX item_group;
  CREATE INDEX item_group ON item (collection, group_id, slot);
  `,
];
