-- The digest of the file of predictions that an evaluation scored, so that nobody
-- can change the file and have it scored once more. '' where none was recorded.

ALTER TABLE evaluations ADD COLUMN predictions TEXT NOT NULL DEFAULT '';
