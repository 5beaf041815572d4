-- Version 2 records partial files: of one with 600,000 bytes, the first 400,000 are there.
CREATE TABLE part (
    number INTEGER PRIMARY KEY,
    input TEXT NOT NULL,
    ask INTEGER NOT NULL,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    validator TEXT,
    total INTEGER NOT NULL,
    pieces BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    content_type TEXT,
    digest TEXT
);

-- The pieces: from byte 0 on, 400,000 (LEB128).
INSERT INTO part VALUES
    (7, 'list.txt', 5656452063880901975, 'http://data.example/left', 'http://data.example/left',
     '"left"', 600000, x'010080B518', '"left"', NULL, 'text/plain', NULL);

PRAGMA user_version = 2;
