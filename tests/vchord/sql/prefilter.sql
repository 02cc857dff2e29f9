-- Filters inside the scan, as vchordrq does it: that they are evaluated there, once and in the plan's order, in every
-- kind of statement, and not where that would be wrong.  Counters of scans tell; updates.sql and the isolation
-- tests have rows that change.
CREATE TABLE pf (id int, grp int, hidden boolean DEFAULT false, val vector(3), wide vector(100)) WITH (fillfactor = 50);
INSERT INTO pf SELECT i, i % 50, i % 7 = 0, ARRAY[i, i, i]::vector, (SELECT array_agg(i + noise(i * 100 + j)) FROM generate_series(1, 100) j)::vector
FROM generate_series(1, 3000) i;
CREATE TABLE pf_groups (grp int, wanted boolean);
INSERT INTO pf_groups SELECT i, i % 10 = 3 FROM generate_series(0, 49) i;
CREATE INDEX pf_exact ON pf USING vchordrq (val vector_l2_ops) WITH (lists = 10);
CREATE INDEX pf_codes ON pf USING vchordrq (wide vector_l2_ops) WITH (lists = 10);
ANALYZE pf, pf_groups;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET vchordrq.prefilter = on;
CREATE FUNCTION judged() RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN sum(scans) = 0 THEN 'no scan' WHEN sum(filtered_candidates) = 0 THEN 'above' ELSE 'inside' END
    FROM vchordrq_stat_indexes WHERE relname = 'pf'
$$;
-- the ids of a query, whether they are those of the sequential scan, and where the filter was evaluated
CREATE FUNCTION filtered(query text, OUT ids text, OUT same boolean, OUT filter text) LANGUAGE plpgsql AS $$
DECLARE
    truth text;
BEGIN
    PERFORM vchordrq_stat_reset();
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO ids;
    filter := judged();
    SET LOCAL vchordrq.enable_scan = off;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_sort = on;
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO truth;
    SET LOCAL vchordrq.enable_scan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    same := ids IS NOT DISTINCT FROM truth;
END $$;

-- spellings: all of a boolean, in any case, and auto
DO $$
DECLARE
    word text;
    said text;
BEGIN
    FOREACH word IN ARRAY string_to_array('on true tru tr t yes ye y 1 ON True off of false fals fal fa f no n 0 Off FALSE auto AUTO', ' ') LOOP
        PERFORM set_config('vchordrq.prefilter', word, true);
        said := current_setting('vchordrq.prefilter');
        IF said <> (CASE WHEN lower(word) = 'auto' THEN 'auto' WHEN word::boolean THEN 'on' ELSE 'off' END) THEN
            RAISE '% is %', word, said;
        END IF;
    END LOOP;
END $$;
SET vchordrq.prefilter = true;
SHOW vchordrq.prefilter;
SET vchordrq.prefilter = 0;
SHOW vchordrq.prefilter;
SELECT attempt('SET vchordrq.prefilter = o'), attempt('SET vchordrq.prefilter = au'), attempt('SET vchordrq.prefilter = 2'), attempt('SET vchordrq.prefilter = ''''');

-- on, off, and auto by selectivity
SELECT mode, f.* FROM unnest('{on,off,auto}'::text[]) mode, LATERAL (SELECT set_config('vchordrq.prefilter', mode, false)) c (x),
    LATERAL filtered('SELECT id FROM pf WHERE grp = 3 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4' || left(c.x, 0)) f;
SELECT * FROM filtered('SELECT id FROM pf WHERE id > 0 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp = 3 ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 70) LIMIT 4');
SET vchordrq.prefilter = on;

-- each candidate once inside the scan, and once more by the executor if it is returned
CREATE SEQUENCE calls;
CREATE FUNCTION counted(x int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM nextval('calls'); RETURN x; END $$;
SELECT vchordrq_stat_reset();
SELECT array_agg(id) FROM (SELECT id FROM pf WHERE counted(grp) = 3 ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 70) LIMIT 4) s;
SELECT filtered_candidates > 4 AS judged, filtered_candidates + rows_emitted - (SELECT last_value FROM calls) AS difference
FROM vchordrq_stat_indexes WHERE indexrelname = 'pf_codes';

-- visibility before the filter: of a row that is gone nothing is computed
BEGIN;
DELETE FROM pf WHERE id = 71;
SELECT * FROM filtered('SELECT id FROM pf WHERE 100 / (id - 71) <> 7 AND grp < 25 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE 100 / (id - 71) <> 7 AND grp < 25 ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 70) LIMIT 4');
ROLLBACK;
-- a filter that fails fails the query, and the next one works
SELECT attempt('SELECT id FROM pf WHERE 100 / (id - 71) <> 7 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp = 3 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 2');

-- security barriers: a function that tells what it sees sees nothing that the barrier keeps back
CREATE FUNCTION tells(x int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 STABLE AS $$
BEGIN
    IF x % 7 = 0 THEN RAISE 'leaked %', x; END IF;
    RETURN true;
END $$;
CREATE VIEW pf_open WITH (security_barrier) AS SELECT id, grp, val, wide FROM pf WHERE id % 7 <> 0;
SELECT attempt('SELECT id FROM pf WHERE id % 7 <> 0 AND tells(id) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf_open WHERE tells(id) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf_open WHERE tells(id) ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 72) LIMIT 4');
CREATE ROLE regress_vchord_limited;
GRANT SELECT ON pf, pf_groups TO regress_vchord_limited;
ALTER TABLE pf ENABLE ROW LEVEL SECURITY;
CREATE POLICY pf_open ON pf USING (id % 7 <> 0);
SELECT vchordrq_stat_reset();
SET ROLE regress_vchord_limited;
SELECT id FROM pf WHERE tells(id) ORDER BY val <-> '[70.1,70.1,70.1]' LIMIT 4;
SELECT id FROM pf WHERE tells(id) AND grp = 3 ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 72) LIMIT 4;
RESET ROLE;
SELECT judged();
ALTER TABLE pf DISABLE ROW LEVEL SECURITY;

-- sub-selects: correlated with the row, of the outer query, and init plans
SELECT * FROM filtered('SELECT id FROM pf WHERE (SELECT wanted FROM pf_groups g WHERE g.grp = pf.grp OFFSET 0) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE EXISTS (SELECT 1 FROM pf_groups g WHERE g.grp = pf.grp AND wanted OFFSET 0) ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 70) LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp = (SELECT min(grp) FROM pf_groups WHERE wanted) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp NOT IN (SELECT grp FROM pf_groups WHERE NOT wanted) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
-- keys and filters that change from rescan to rescan
SELECT * FROM filtered('SELECT s.id FROM pf_groups g, LATERAL (SELECT id FROM pf WHERE pf.grp = g.grp ORDER BY val <-> ARRAY[g.grp * 9, 0, 0]::vector LIMIT 2) s WHERE wanted ORDER BY g.grp, s.id');
SELECT * FROM filtered('SELECT unnest(ARRAY(SELECT id FROM pf WHERE pf.grp = g.grp ORDER BY wide <-> o.wide LIMIT 2)) AS id FROM pf_groups g, pf o WHERE wanted AND o.id = 70 ORDER BY 1');

-- one plan for all parameters
SET plan_cache_mode = force_generic_plan;
PREPARE near(int, vector, int) AS SELECT array_agg(id) FROM (SELECT id FROM pf WHERE grp = $1 ORDER BY val <-> $2 LIMIT $3) s;
SELECT vchordrq_stat_reset();
EXECUTE near(3, '[70.1,70.1,70.1]', 4);
EXECUTE near(7, '[2000,2000,2000]', 2);
EXECUTE near(99, '[2000,2000,2000]', 2);
EXECUTE near(NULL, '[2000,2000,2000]', 2);
SELECT judged();
SET vchordrq.prefilter = off;
SELECT vchordrq_stat_reset();
EXECUTE near(3, '[70.1,70.1,70.1]', 4);
SELECT judged();
SET vchordrq.prefilter = on;
DROP INDEX pf_exact;
EXECUTE near(3, '[70.1,70.1,70.1]', 4);
CREATE INDEX pf_exact ON pf USING vchordrq (val vector_l2_ops) WITH (lists = 10);
SELECT vchordrq_stat_reset();
EXECUTE near(3, '[70.1,70.1,70.1]', 4);
SELECT judged();
DEALLOCATE near;
RESET plan_cache_mode;
CREATE FUNCTION near(g int) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(SELECT id FROM pf WHERE grp = g ORDER BY val <-> '[70.1,70.1,70.1]' LIMIT 2);
END $$;
SELECT vchordrq_stat_reset();
SELECT g, near(g) FROM generate_series(1, 8) g;
SELECT judged();

-- volatile: evaluated above the scan, as often as the executor does, wherever it hides
CREATE FUNCTION never_twice(x int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN x = 3; END $$;
SELECT * FROM filtered('SELECT id FROM pf WHERE never_twice(grp) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp = 3 AND random() < 2 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE (SELECT never_twice(g.grp) FROM pf_groups g WHERE g.grp = pf.grp) ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');
SELECT * FROM filtered('SELECT id FROM pf WHERE grp = ANY (ARRAY(SELECT grp FROM pf_groups WHERE wanted AND random() < 2)) AND random() < 2 ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 4');

-- HOT chains: the version that the snapshot sees is judged
BEGIN;
UPDATE pf SET hidden = NOT hidden WHERE id BETWEEN 65 AND 75;
UPDATE pf SET hidden = NOT hidden WHERE id = 70;
SELECT pg_stat_get_xact_tuples_hot_updated('pf'::regclass) >= 11 AS hot;
COMMIT;
SELECT * FROM filtered('SELECT id FROM pf WHERE hidden ORDER BY val <-> ''[70.1,70.1,70.1]'' LIMIT 5');
SELECT * FROM filtered('SELECT id FROM pf WHERE hidden ORDER BY wide <-> (SELECT wide FROM pf WHERE id = 70) LIMIT 5');

-- the first query of a session, which is what loads the library
SELECT vchordrq_stat_reset();
\c -
SET enable_seqscan = off;
SET enable_sort = off;
SELECT array_agg(id) FROM (SELECT id FROM pf WHERE grp = 3 ORDER BY val <-> '[70.1,70.1,70.1]' LIMIT 4) s;
SELECT judged();
\c -
SET enable_seqscan = off;
SET enable_sort = off;
SET vchordrq.prefilter = on;
DO $$
BEGIN
    IF near(3) <> '{53,103}' THEN
        RAISE 'wrong: %', near(3);
    END IF;
END $$;
SELECT judged();
DROP VIEW pf_open;
DROP TABLE pf, pf_groups;
DROP SEQUENCE calls;
DROP ROLE regress_vchord_limited;
DROP FUNCTION judged, filtered, counted, tells, near, never_twice;
