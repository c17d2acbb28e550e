-- Which tenant a token counts for: the first of those that it holds in; '' where it holds
-- in the whole installation.
ALTER TABLE tokens ADD COLUMN tenant text COLLATE "C" NOT NULL DEFAULT '';

UPDATE tokens
SET tenant = coalesce((
    SELECT min(named.tenant COLLATE "C")
    FROM jsonb_array_elements(grants::jsonb) AS held (grant_)
    CROSS JOIN jsonb_array_elements_text(held.grant_ -> 'scope' -> 'tenants') AS named (tenant)
), '')
WHERE strpos(grants, '"scope":"installation"') = 0;

-- How many there are is asked when one is made.
CREATE INDEX tokens_tenant ON tokens (tenant);
CREATE INDEX tokens_maker ON tokens (created_by);
