-- Commitments to the members of sets, and what was forgotten. The index holds each
-- record of a dataset once for each way in which examples are made of it, however
-- many sets it is in. Lists in record_lists and, of older ledgers, in members stay.

-- Projections.

CREATE TABLE memberships (
  entry         INTEGER PRIMARY KEY,
  set_digest    TEXT    NOT NULL,
  dataset       TEXT    NOT NULL,
  role          TEXT    NOT NULL,
  records       INTEGER NOT NULL,
  encoding      TEXT    NOT NULL, -- digest of what makes examples of records
  key_digest    TEXT    NOT NULL,
  order_digest  TEXT    NOT NULL,
  trees         TEXT    NOT NULL, -- JSON: identity to root and size
  replaces      INTEGER NOT NULL  -- entry that committed to the set before; 0 if none did
) STRICT;
CREATE INDEX memberships_set ON memberships (set_digest, role, dataset);
CREATE INDEX memberships_replaces ON memberships (replaces);

CREATE TABLE forgotten_sets (
  entry      INTEGER NOT NULL, -- that a record of the set was forgotten
  set_digest TEXT    NOT NULL,
  role       TEXT    NOT NULL,
  dataset    TEXT    NOT NULL,
  PRIMARY KEY (entry, set_digest, role, dataset)
) STRICT, WITHOUT ROWID;
CREATE INDEX forgotten_sets_set ON forgotten_sets (set_digest);

CREATE TABLE forgotten_lists (
  entry INTEGER NOT NULL,
  list  TEXT    NOT NULL, -- digest that names a list in record_lists or member_lists
  now   TEXT    NOT NULL, -- digest of what is left of it
  PRIMARY KEY (entry, list)
) STRICT, WITHOUT ROWID;
CREATE INDEX forgotten_lists_list ON forgotten_lists (list);

-- Index.

CREATE TABLE member_pools (
  id       INTEGER PRIMARY KEY,
  dataset  TEXT NOT NULL,
  encoding TEXT NOT NULL,
  UNIQUE (dataset, encoding)
) STRICT;

CREATE TABLE member_segments ( -- records that were added to a pool at once
  id        INTEGER PRIMARY KEY,
  pool      INTEGER NOT NULL REFERENCES member_pools (id),
  bits      INTEGER NOT NULL, -- of an identifier that name its bucket
  positions BLOB    NOT NULL, -- in the dataset: roaring bitmap
  truncated BLOB    NOT NULL  -- those of records that were cut: roaring bitmap
) STRICT;
CREATE INDEX member_segments_pool ON member_segments (pool);

CREATE TABLE member_ids (
  segment INTEGER NOT NULL REFERENCES member_segments (id),
  kind    INTEGER NOT NULL, -- of identity, from 0: record, content, example, near
  bucket  INTEGER NOT NULL, -- first bits of the identifiers
  ids     BLOB    NOT NULL, -- sorted: 32 bytes keyed identifier, 4 bytes position, big-endian
  PRIMARY KEY (segment, kind, bucket)
) STRICT;

CREATE TABLE set_members (
  entry    INTEGER PRIMARY KEY, -- that commits to them
  pool     INTEGER NOT NULL REFERENCES member_pools (id),
  key      BLOB    NOT NULL,    -- of the commitment
  ordering BLOB                 -- positions in the set's order, 4 bytes each, big-endian; NULL if they ascend
) STRICT;

CREATE TABLE set_positions (
  chunk     INTEGER NOT NULL, -- high bits of positions, above 16
  entry     INTEGER NOT NULL REFERENCES set_members (entry),
  positions BLOB    NOT NULL, -- their low 16 bits: roaring bitmap
  PRIMARY KEY (chunk, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX set_positions_entry ON set_positions (entry);
