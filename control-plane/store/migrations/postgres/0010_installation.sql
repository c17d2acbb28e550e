-- What all replicas of the installation share and nobody configures: drawn by the
-- first of them, and kept from then on.
CREATE TABLE installation (
    name  text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);
