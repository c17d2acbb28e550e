-- What all replicas of the installation share and nobody configures: drawn by the
-- first of them, and kept from then on.
CREATE TABLE installation (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
