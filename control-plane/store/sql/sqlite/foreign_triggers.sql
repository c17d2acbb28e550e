-- What runs, or changes what is seen, when Postrider reads or writes its tables, and is none
-- of its own: ?2 names those. Its schema has no triggers, views or foreign keys. A foreign key
-- counts that leads from a table of Postrider's or to one: it can delete rows of the other
-- table, whose triggers then run.
WITH own AS (
    SELECT lower(value) AS name FROM json_each(?2)
),
found AS (
    SELECT type || ' ' || name AS told
    FROM sqlite_master
    WHERE (type = 'trigger' AND lower(tbl_name) IN (SELECT name FROM own))
        OR (type = 'view' AND lower(name) IN (SELECT name FROM own))
    UNION
    SELECT 'virtual table ' || name
    FROM sqlite_master
    WHERE type = 'table' AND rootpage = 0 AND lower(name) IN (SELECT name FROM own)
    UNION
    SELECT 'foreign key of ' || m.name || ' to ' || k."table"
    FROM sqlite_master m
    JOIN pragma_foreign_key_list(m.name) k
    WHERE m.type = 'table'
        AND (
            lower(m.name) IN (SELECT name FROM own)
            OR lower(k."table") IN (SELECT name FROM own)
        )
)
SELECT told FROM found ORDER BY told LIMIT ?1
