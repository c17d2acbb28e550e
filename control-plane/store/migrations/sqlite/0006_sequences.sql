-- The last number given to a subscription's deliveries (invariant `gapless-sequence`). Apart from the
-- subscription, and narrow: every publish writes it.
CREATE TABLE subscription_sequences (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;

ALTER TABLE subscriptions DROP COLUMN sequence;
