-- Ordered delivery. Of the rows of an ordering key that are not finished at most
-- one is WAITING (2) or IN_FLIGHT (3); the others are HELD (1).
CREATE INDEX deliveries_held ON deliveries (tenant, subscription, ordering_key, sequence)
    WHERE state = 1;
CREATE INDEX deliveries_held_event ON deliveries (tenant, subscription, ordering_key, event)
    WHERE state = 1;
CREATE INDEX deliveries_key_under_way ON deliveries (tenant, subscription, ordering_key)
    WHERE state IN (2, 3) AND ordering_key IS NOT NULL;

-- Keys of which nothing goes on before `quiet_until`, and while `held` nothing but
-- deliveries of `event`.
CREATE TABLE held_keys (
    quiet_until  bigint  NOT NULL,
    held         boolean NOT NULL,
    event        uuid    NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    ordering_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription, ordering_key)
);
CREATE INDEX held_keys_quiet ON held_keys (quiet_until) WHERE NOT held;
