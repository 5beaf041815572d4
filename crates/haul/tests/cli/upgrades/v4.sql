-- Version 4 records runs, and how they went over time.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER,
    complete INTEGER NOT NULL,
    version TEXT NOT NULL,
    title TEXT NOT NULL,
    command TEXT NOT NULL
);
CREATE TABLE sample (
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    span INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (run, at)
) WITHOUT ROWID;
CREATE TABLE sample_host (
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    host TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (run, at, host)
) WITHOUT ROWID;

INSERT INTO run VALUES
    (1, 1764460800000, NULL, 0, '0.1.0', 'list.txt', 'haul -d d -i list.txt');
INSERT INTO sample VALUES (1, 250, 250, 400005, 2, 1, 1, 32);
INSERT INTO sample_host VALUES (1, 250, 'http://data.example', 1, 4);

PRAGMA user_version = 4;
