-- The last number given to a subscription's deliveries (invariant `gapless-sequence`). Apart from the
-- subscription, and narrow: every publish writes it.
CREATE TABLE subscription_sequences (
    sequence     bigint NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription)
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);

ALTER TABLE subscriptions DROP COLUMN sequence;
