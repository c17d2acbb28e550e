-- Whether the subscription's content filter failed on the event.
ALTER TABLE deliveries ADD COLUMN filter_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ended_deliveries ADD COLUMN filter_failed INTEGER NOT NULL DEFAULT 0;
