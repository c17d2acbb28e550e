-- Which tenant a token counts for: the first of those that it holds in; '' where it holds
-- in the whole installation.
ALTER TABLE tokens ADD COLUMN tenant TEXT NOT NULL DEFAULT '';

UPDATE tokens
SET tenant = coalesce((
    SELECT min(named.value)
    FROM json_each(tokens.grants) AS held, json_each(held.value, '$.scope.tenants') AS named
), '')
WHERE instr(grants, '"scope":"installation"') = 0;

-- How many there are is asked when one is made.
CREATE INDEX tokens_tenant ON tokens (tenant);
CREATE INDEX tokens_maker ON tokens (created_by);
