-- Logs of other machines, of which copies are kept beside the ledger: a projection
-- of entries of the type merged. And attempts whose journals nobody signed.

CREATE TABLE origins (
  entry   INTEGER PRIMARY KEY, -- of one name, the newest row counts
  name    TEXT    NOT NULL,    -- under which its runs and versions are known here
  origin  TEXT    NOT NULL,    -- '' if nobody has signed the log
  key     TEXT    NOT NULL,    -- public; '' likewise
  entries INTEGER NOT NULL,    -- that the head is over
  root    TEXT    NOT NULL,    -- base64
  note    TEXT    NOT NULL,    -- the head, signed; '' likewise
  time    TEXT    NOT NULL
) STRICT;
CREATE INDEX origins_name ON origins (name);

ALTER TABLE attempts ADD COLUMN unauthenticated INTEGER NOT NULL DEFAULT 0; -- 1: its journal came from elsewhere, and nobody signed it
