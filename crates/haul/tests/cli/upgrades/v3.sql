-- Version 3 records what was resumed, and the segments.
ALTER TABLE item ADD COLUMN resumed INTEGER;
ALTER TABLE item ADD COLUMN segments INTEGER;

UPDATE item SET resumed = 2, segments = 1 WHERE row = 0;
UPDATE item SET resumed = 0, segments = 0 WHERE row = 1;

PRAGMA user_version = 3;
