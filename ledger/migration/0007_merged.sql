-- What a base was made from, where an adapter was folded into another base.

ALTER TABLE bases ADD COLUMN merged TEXT NOT NULL DEFAULT '{}'; -- JSON: name and digest of the adapter, digest of the base, which weights
