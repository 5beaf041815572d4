-- Version 5 records how long responses took.
ALTER TABLE run ADD COLUMN latencies TEXT;
UPDATE run SET latencies = '20=1 41=2';

PRAGMA user_version = 5;
