-- Whether the subscription's content filter failed on the event.
ALTER TABLE deliveries ADD COLUMN filter_failed boolean NOT NULL DEFAULT false;
ALTER TABLE ended_deliveries ADD COLUMN filter_failed boolean NOT NULL DEFAULT false;
