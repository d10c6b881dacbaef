-- The ledger's first schema. Four kinds of table:
--
--   entries      the history. Every fact is one typed, versioned entry; its seq
--                is the order. Never changed; the triggers are a seatbelt.
--   projections  what people and reports query. Each row follows from the
--                entries alone: they can be dropped and made again.
--   index        record identifiers. They stay out of the entries, which only
--                hold digests of them, so that one can be deleted.
--   ephemeral    leases and reserved version numbers. They say nothing about
--                the past.
--
-- Times are RFC 3339 in UTC, as the machine that wrote them claimed. Digests are
-- lower-case hex SHA-256. Paths are relative to the root, with forward slashes.

CREATE TABLE entries (
  seq     INTEGER PRIMARY KEY,  -- from 1, without gaps
  time    TEXT    NOT NULL,
  type    TEXT    NOT NULL,
  version INTEGER NOT NULL,     -- of the body's schema
  body    TEXT    NOT NULL      -- JSON
) STRICT;

CREATE TRIGGER entries_append BEFORE INSERT ON entries
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries)
BEGIN SELECT raise(ABORT, 'entries are only appended'); END;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;

-- Projections.

CREATE TABLE datasets (
  digest  TEXT    PRIMARY KEY,  -- of the file's bytes
  path    TEXT    NOT NULL,
  bytes   INTEGER NOT NULL,
  records INTEGER NOT NULL,
  root    TEXT    NOT NULL,     -- Merkle root over record IDs in file order
  entry   INTEGER NOT NULL
) STRICT;

CREATE TABLE sets (
  id        INTEGER PRIMARY KEY,
  digest    TEXT    NOT NULL,   -- Merkle root over example IDs in order
  dataset   TEXT    NOT NULL,
  role      TEXT    NOT NULL,   -- train, validation or test
  records   INTEGER NOT NULL,
  tokens    INTEGER NOT NULL,
  truncated INTEGER NOT NULL,   -- records cut to the run's length
  list      TEXT    NOT NULL,   -- digest of the identifiers in the index
  entry     INTEGER NOT NULL,
  UNIQUE (digest, role, dataset)
) STRICT;

CREATE TABLE sweeps (
  id          INTEGER PRIMARY KEY,
  name        TEXT    NOT NULL,
  path        TEXT    NOT NULL,
  digest      TEXT    NOT NULL,
  sources     TEXT    NOT NULL, -- JSON, as are the next five
  args        TEXT    NOT NULL,
  axes        TEXT    NOT NULL,
  data        TEXT    NOT NULL,
  settings    TEXT    NOT NULL,
  git         TEXT    NOT NULL,
  environment TEXT    NOT NULL,
  planned     INTEGER NOT NULL, -- runs
  identity    TEXT    NOT NULL, -- digest of the fact without its time
  time        TEXT    NOT NULL,
  entry       INTEGER NOT NULL
) STRICT;
CREATE INDEX sweeps_name ON sweeps (name, id);

CREATE TABLE runs (
  id             INTEGER PRIMARY KEY,
  key            TEXT    NOT NULL UNIQUE,
  kind           TEXT    NOT NULL,
  outcome        TEXT    NOT NULL,            -- new, started, failed or finished; see v_runs for states
  attempts       INTEGER NOT NULL DEFAULT 0,
  result         INTEGER,                     -- number of the newest attempt that finished
  sweep          INTEGER NOT NULL DEFAULT 0,  -- newest sweep that planned it, and where in it
  position       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE planned_runs (
  sweep          INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  run            INTEGER NOT NULL REFERENCES runs (id),
  kind           TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  axes           TEXT    NOT NULL, -- JSON
  spec           TEXT    NOT NULL, -- JSON
  base           TEXT    NOT NULL,
  numerics       TEXT    NOT NULL,
  train_set      TEXT    NOT NULL,
  validation_set TEXT    NOT NULL,
  test_set       TEXT    NOT NULL,
  against        TEXT    NOT NULL,
  evaluation     TEXT    NOT NULL,
  truncated      INTEGER NOT NULL,
  PRIMARY KEY (sweep, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX planned_runs_run ON planned_runs (run, sweep);

CREATE TABLE attempts (
  id              INTEGER PRIMARY KEY,
  run             INTEGER NOT NULL REFERENCES runs (id),
  number          INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  sweep           INTEGER NOT NULL,
  dir             TEXT    NOT NULL,
  worker          TEXT    NOT NULL,
  git             TEXT    NOT NULL,             -- JSON
  environment     TEXT    NOT NULL,             -- JSON
  begun           TEXT    NOT NULL,
  last_seq        INTEGER NOT NULL DEFAULT 0,   -- of its journal
  last_digest     TEXT    NOT NULL DEFAULT '',
  started         TEXT    NOT NULL DEFAULT '',  -- what follows is from the journal
  ended           TEXT    NOT NULL DEFAULT '',
  outcome         TEXT    NOT NULL DEFAULT 'started', -- started, interrupted, failed or finished
  numerics        TEXT    NOT NULL DEFAULT '',
  device          TEXT    NOT NULL DEFAULT '{}',
  engine          TEXT    NOT NULL DEFAULT '{}',
  resumed_from    TEXT    NOT NULL DEFAULT '',
  resumed_step    INTEGER NOT NULL DEFAULT 0,
  planned_steps   INTEGER NOT NULL DEFAULT 0,
  parameters      INTEGER NOT NULL DEFAULT 0,
  eight_bit       INTEGER NOT NULL DEFAULT 0,
  step            INTEGER NOT NULL DEFAULT 0,   -- last one reported
  checkpoint_step INTEGER NOT NULL DEFAULT 0,
  checkpoint_path TEXT    NOT NULL DEFAULT '',  -- relative to dir; '' if there is none
  chosen_epoch    INTEGER NOT NULL DEFAULT 0,
  adapter         TEXT    NOT NULL DEFAULT '',
  adapter_path    TEXT    NOT NULL DEFAULT '',  -- relative to dir
  tokens          INTEGER NOT NULL DEFAULT 0,
  seconds         REAL    NOT NULL DEFAULT 0,
  stopped         TEXT    NOT NULL DEFAULT '',
  error           TEXT    NOT NULL DEFAULT '',
  hint            TEXT    NOT NULL DEFAULT '',
  entry           INTEGER NOT NULL,
  UNIQUE (run, number)
) STRICT;

CREATE TABLE journal_lines (
  attempt INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  digest  BLOB    NOT NULL, -- SHA-256 of the line
  PRIMARY KEY (attempt, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
  attempt       INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  epoch         INTEGER NOT NULL,
  loss          REAL    NOT NULL, -- mean nats per target token
  learning_rate REAL    NOT NULL,
  grad_norm     REAL    NOT NULL, -- before clipping
  tokens        INTEGER NOT NULL,
  targets       INTEGER NOT NULL,
  seconds       REAL    NOT NULL,
  PRIMARY KEY (attempt, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (
  attempt    INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  train_loss REAL    NOT NULL,
  selected   REAL,             -- value of the selection metric; NULL if it was not finite
  best       INTEGER NOT NULL, -- best so far
  adapter    TEXT    NOT NULL,
  path       TEXT    NOT NULL, -- relative to the attempt's dir
  seconds    REAL    NOT NULL,
  PRIMARY KEY (attempt, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
  id             INTEGER PRIMARY KEY,
  run            INTEGER NOT NULL REFERENCES runs (id),
  attempt        INTEGER NOT NULL, -- number; 0 if scored later from kept predictions
  subject        TEXT    NOT NULL, -- adapter or base
  baseline       TEXT    NOT NULL,
  epoch          INTEGER NOT NULL, -- 0 for a base
  split          TEXT    NOT NULL,
  set_digest     TEXT    NOT NULL,
  evaluation     TEXT    NOT NULL, -- digest of the settings that made the predictions
  prediction_key TEXT    NOT NULL,
  records        INTEGER NOT NULL,
  list           TEXT    NOT NULL, -- digest of the record IDs in the index
  seconds        REAL    NOT NULL,
  identity       TEXT    NOT NULL, -- digest of the fact
  time           TEXT    NOT NULL,
  entry          INTEGER NOT NULL
) STRICT;
CREATE INDEX evaluations_run ON evaluations (run, split, epoch);
CREATE INDEX evaluations_prediction ON evaluations (prediction_key);

CREATE TABLE metric_values (
  evaluation INTEGER NOT NULL,
  ordinal    INTEGER NOT NULL, -- place in the worker's report
  metric     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  by_field   TEXT    NOT NULL, -- '' for the whole set
  tag        TEXT    NOT NULL,
  value      REAL,             -- NULL where den is zero
  num        REAL    NOT NULL,
  den        REAL    NOT NULL,
  PRIMARY KEY (evaluation, ordinal),
  UNIQUE (evaluation, metric, version, by_field, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores (
  evaluation INTEGER NOT NULL,
  ordinal    INTEGER NOT NULL,
  metric     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  num        BLOB    NOT NULL, -- little-endian float64 per record, in set order
  den        BLOB    NOT NULL,
  PRIMARY KEY (evaluation, ordinal),
  UNIQUE (evaluation, metric, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE adapters (
  sweep   TEXT    NOT NULL, -- name
  version INTEGER NOT NULL,
  digest  TEXT    NOT NULL,
  run     TEXT    NOT NULL, -- key
  epoch   INTEGER NOT NULL,
  path    TEXT    NOT NULL,
  bytes   INTEGER NOT NULL,
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, version),
  UNIQUE (sweep, run, epoch, digest)
) STRICT;
CREATE INDEX adapters_digest ON adapters (digest);
CREATE INDEX adapters_run ON adapters (run);

CREATE TABLE aliases (
  sweep   TEXT    NOT NULL,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL, -- where it points now; entries of type alias say where it pointed
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, alias)
) STRICT;

-- Index.

CREATE TABLE record_lists (
  digest  TEXT PRIMARY KEY, -- SHA-256 over the IDs
  records BLOB NOT NULL     -- keyed record IDs, 32 bytes each
) STRICT;

CREATE TABLE member_lists (
  id     INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE -- SHA-256 over the members
) STRICT;

CREATE TABLE members (
  list      INTEGER NOT NULL REFERENCES member_lists (id),
  position  INTEGER NOT NULL,
  record    BLOB    NOT NULL, -- keyed IDs, 32 bytes each
  content   BLOB    NOT NULL,
  example   BLOB    NOT NULL,
  tokens    INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  PRIMARY KEY (list, position)
) STRICT, WITHOUT ROWID;

-- Ephemeral.

CREATE TABLE leases (
  run    TEXT    PRIMARY KEY,
  holder TEXT    NOT NULL,
  until  INTEGER NOT NULL -- Unix milliseconds
) STRICT;

CREATE TABLE reservations (
  sweep   TEXT    NOT NULL,
  version INTEGER NOT NULL,
  run     TEXT    NOT NULL,
  epoch   INTEGER NOT NULL,
  digest  TEXT    NOT NULL,
  PRIMARY KEY (sweep, version),
  UNIQUE (sweep, run, epoch, digest)
) STRICT;
