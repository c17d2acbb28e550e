-- The catalogue of event types, and its version: raised by every change of it, in
-- the change's own transaction, so that changes happen one after the other.
CREATE TABLE catalogue (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
);
INSERT INTO catalogue (version) VALUES (1);

CREATE TABLE event_types (
    -- The catalogue's version that wrote it last.
    revision     bigint   NOT NULL,
    create_time  bigint   NOT NULL,
    update_time  bigint   NOT NULL,
    archive_time bigint,
    validation   smallint NOT NULL,
    name         text COLLATE "C" PRIMARY KEY,
    group_name   text COLLATE "C" NOT NULL,
    search       text COLLATE "C" NOT NULL,
    description  text NOT NULL,
    -- As they were given, byte for byte.
    json_schema  text,
    sample       text
);
