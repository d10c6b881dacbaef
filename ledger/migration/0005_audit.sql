-- What an audit of an adapter asks for: the base as it was read, the files beside
-- the weights, and what people decided.

CREATE TABLE bases (
  digest        TEXT NOT NULL, -- of the weights and config.json
  model         TEXT NOT NULL, -- as specs name it, and with which chat template
  chat_template TEXT NOT NULL,
  tokenizer     TEXT NOT NULL,
  template      TEXT NOT NULL,
  repository    TEXT NOT NULL,
  revision      TEXT NOT NULL,
  license       TEXT NOT NULL,
  identity      TEXT NOT NULL UNIQUE, -- digest of the fact
  entry         INTEGER PRIMARY KEY
) STRICT;
CREATE INDEX bases_digest ON bases (digest, model, chat_template);

ALTER TABLE adapters ADD COLUMN files TEXT NOT NULL DEFAULT '{}'; -- JSON: name to digest, beside the weights

CREATE TABLE signoffs (
  entry    INTEGER PRIMARY KEY,
  adapter  TEXT NOT NULL,
  decision TEXT NOT NULL,
  person   TEXT NOT NULL,
  reason   TEXT NOT NULL,
  time     TEXT NOT NULL
) STRICT;
CREATE INDEX signoffs_adapter ON signoffs (adapter);
