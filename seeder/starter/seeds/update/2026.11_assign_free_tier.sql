-- A step of release 2026.11, once per database and only in an update, after the rows.
-- A database whose first launch comes with this release or a later one never runs it.
-- Organizations from before there were tiers start on the free one.
UPDATE organizations
SET tier_id = (SELECT id FROM subscription_tiers WHERE code = 'free')
WHERE tier_id IS NULL;
