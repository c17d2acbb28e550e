-- How receivers recognise the sender, encrypted; absent where a subscription has nothing of
-- the kind. And when it is warned next that a certificate among them ends.
ALTER TABLE subscriptions ADD COLUMN credentials BLOB;
ALTER TABLE subscriptions ADD COLUMN certificate_warning INTEGER;
CREATE INDEX subscriptions_certificate_warning ON subscriptions (certificate_warning)
    WHERE certificate_warning IS NOT NULL;
