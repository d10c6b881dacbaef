-- The history as a log that others can check: a Merkle tree over the entries, a
-- signed head over the tree, and who signs. The package comment of ledger is the
-- specification. Bodies that are older than this schema are brought into canonical
-- form with the newest migration, by adopt in adopt.go.

CREATE TABLE hashes (
  id   INTEGER PRIMARY KEY, -- stored-hash index of golang.org/x/mod/sumdb/tlog: from 0, without gaps
  hash BLOB    NOT NULL     -- SHA-256
) STRICT;

CREATE TABLE head (
  id   INTEGER PRIMARY KEY CHECK (id = 1), -- there is one: the newest
  size INTEGER NOT NULL,                   -- entries that it is over: all
  note TEXT    NOT NULL                    -- signed, C2SP tlog-checkpoint
) STRICT;

CREATE TRIGGER hashes_no_update BEFORE UPDATE ON hashes
BEGIN SELECT raise(ABORT, 'hashes are never changed'); END;
CREATE TRIGGER hashes_no_delete BEFORE DELETE ON hashes
BEGIN SELECT raise(ABORT, 'hashes are never deleted'); END;
CREATE TRIGGER head_grows BEFORE UPDATE ON head WHEN NEW.size <= OLD.size
BEGIN SELECT raise(ABORT, 'the head only grows'); END;
CREATE TRIGGER head_no_delete BEFORE DELETE ON head
BEGIN SELECT raise(ABORT, 'the head is never deleted'); END;

-- Projections.

CREATE TABLE signers (
  entry    INTEGER PRIMARY KEY, -- from which on the key signs; the newest row is in force
  origin   TEXT    NOT NULL,
  key      TEXT    NOT NULL,    -- public
  replaces TEXT    NOT NULL,    -- key that it follows by a rotation; '' if it begins an origin
  vouches  INTEGER NOT NULL,    -- first entry that was signed with this origin's keys when it was added
  reason   TEXT    NOT NULL     -- why it begins an origin; '' for a rotation
) STRICT;

CREATE TABLE anchors (
  entry   INTEGER PRIMARY KEY,
  kind    TEXT    NOT NULL, -- file, tag or witness
  place   TEXT    NOT NULL, -- path relative to the root, name of the tag, or the witness's public key
  size    INTEGER NOT NULL, -- of the head that is there
  root    TEXT    NOT NULL, -- base64
  note    TEXT    NOT NULL  -- the head, with a witness's signature
) STRICT;
