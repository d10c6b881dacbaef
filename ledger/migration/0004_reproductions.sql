-- What came of training finished runs once more: a projection of entries of the
-- type reproduced.

CREATE TABLE reproductions (
  entry    INTEGER PRIMARY KEY,
  run      TEXT    NOT NULL, -- key
  attempt  INTEGER NOT NULL, -- whose results it was compared with
  outcome  TEXT    NOT NULL, -- identical, different, within, beyond or unjudged
  adapter  TEXT    NOT NULL, -- that it gave
  numerics TEXT    NOT NULL,
  body     TEXT    NOT NULL, -- JSON: the whole of it
  time     TEXT    NOT NULL
) STRICT;
CREATE INDEX reproductions_run ON reproductions (run);
