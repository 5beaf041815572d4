-- A state of version 1, as haul made it: of a list of three URLs, of which one is done, one was not
-- there, and one had not ended when the run was killed.
CREATE TABLE list (
    id INTEGER PRIMARY KEY,
    input TEXT NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE item (
    list INTEGER NOT NULL,
    row INTEGER NOT NULL,
    line INTEGER,
    ask INTEGER NOT NULL,
    url TEXT NOT NULL,
    fields TEXT,
    status TEXT NOT NULL,
    path TEXT,
    bytes INTEGER NOT NULL,
    error TEXT,
    message TEXT,
    transient INTEGER,
    http_status INTEGER,
    attempts INTEGER NOT NULL,
    started INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    final_url TEXT,
    etag TEXT,
    last_modified TEXT,
    content_type TEXT,
    verified TEXT NOT NULL,
    hashes TEXT,
    PRIMARY KEY (list, row)
) WITHOUT ROWID;

INSERT INTO list (id, input, finished) VALUES (1, 'list.txt', 0);
-- `ask` is the start of a SHA-256 that includes the URL, so the URLs must not change.
INSERT INTO item VALUES
    (1, 0, 1, -8111484237900223969, 'http://data.example/done', NULL,
     'done', 'done', 5, NULL, NULL, NULL, 200, 1, 1764460800000, 12,
     NULL, '"one"', NULL, 'text/plain', 'length', NULL),
    (1, 1, 2, 7569318101667054368, 'http://data.example/missing', NULL,
     'failed', NULL, 0, 'http', 'the server answered 404 Not Found; check the URL', 0, 404, 1,
     1764460800012, 3, NULL, NULL, NULL, NULL, 'none', NULL);

PRAGMA application_id = 1751217516;
PRAGMA user_version = 1;
