-- What runs, or changes what is seen, when Postrider reads or writes its tables, and is none
-- of its own: $2 names those. Its schema has no triggers, rules, policies or foreign keys, no
-- heirs but partitions by day, and nothing that calls a function which is not PostgreSQL's
-- own: of those pg_depend has no rows. A view in a table's place has a rule. A trigger of a
-- partitioned table is told once, and not for each partition.
WITH named AS (
    SELECT c.oid, c.relname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relname = ANY($2::text[])
),
own AS (
    SELECT oid FROM named
    UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN named ON named.oid = i.inhparent
),
found AS (
    SELECT format('trigger %s of %s', t.tgname, t.tgrelid::regclass) AS told
    FROM own
    JOIN pg_trigger t ON t.tgrelid = own.oid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0
    UNION
    SELECT format('constraint %s of %s', k.conname, k.conrelid::regclass)
    FROM own
    JOIN pg_trigger t ON t.tgrelid = own.oid
    JOIN pg_constraint k ON k.oid = t.tgconstraint
    WHERE t.tgisinternal AND t.tgparentid = 0
    UNION
    SELECT format('rule %s of %s', r.rulename, r.ev_class::regclass)
    FROM own
    JOIN pg_rewrite r ON r.ev_class = own.oid
    UNION
    SELECT format('policy %s of %s', p.polname, p.polrelid::regclass)
    FROM own
    JOIN pg_policy p ON p.polrelid = own.oid
    UNION
    SELECT format('row security of %s', own.oid::regclass)
    FROM own
    JOIN pg_class c ON c.oid = own.oid
    WHERE c.relrowsecurity
    UNION
    SELECT format('foreign table %s', own.oid::regclass)
    FROM own
    JOIN pg_class c ON c.oid = own.oid
    WHERE c.relkind = 'f'
    UNION
    SELECT format('child %s of %s', i.inhrelid::regclass, i.inhparent::regclass)
    FROM named
    JOIN pg_inherits i ON i.inhparent = named.oid
    JOIN pg_class child ON child.oid = i.inhrelid
    WHERE NOT child.relispartition
        OR child.relname !~ ('^' || named.relname || '_[0-9]{8}$')
    UNION
    SELECT format('parent %s of %s', i.inhparent::regclass, i.inhrelid::regclass)
    FROM own
    JOIN pg_inherits i ON i.inhrelid = own.oid
    WHERE i.inhparent NOT IN (SELECT oid FROM named)
    UNION
    SELECT format('%s, which %s uses', pg_describe_object(d.refclassid, d.refobjid, 0),
        pg_describe_object(d.classid, d.objid, d.objsubid))
    FROM own
    CROSS JOIN LATERAL (
        SELECT 'pg_class'::regclass AS class, own.oid AS part
        UNION ALL
        SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a WHERE a.adrelid = own.oid
        UNION ALL
        SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k WHERE k.conrelid = own.oid
        UNION ALL
        SELECT 'pg_class'::regclass, x.indexrelid FROM pg_index x WHERE x.indrelid = own.oid
    ) parts
    JOIN pg_depend d ON d.classid = parts.class AND d.objid = parts.part
    WHERE d.refclassid IN (
        'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass,
        'pg_type'::regclass
    )
    UNION
    SELECT format('event trigger %s', evtname) FROM pg_event_trigger
)
SELECT told FROM found ORDER BY told COLLATE "C" LIMIT $1
