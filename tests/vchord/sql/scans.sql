-- Ways to run a scan: cursors, nested loops, parameters, plans that are kept.
CREATE TABLE s (id int, val vector(96));
INSERT INTO s SELECT id, val FROM t96;
CREATE INDEX s_i ON s USING vchordrq (val vector_l2_ops);
ANALYZE s;
SELECT val AS q FROM s WHERE id = 3 \gset
SET enable_seqscan = off;
CREATE FUNCTION exact(k int, q vector, skip int DEFAULT 0) RETURNS int[] LANGUAGE sql
SET enable_indexscan = off AS $$
    SELECT ARRAY(SELECT id FROM s ORDER BY val <-> q OFFSET skip LIMIT k)
$$;

-- forward
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM s ORDER BY val <-> :'q';
SELECT exact(5, :'q');
FETCH 3 FROM c;
FETCH 2 FROM c;
MOVE 50 FROM c;
FETCH 1 FROM c;
SELECT exact(1, :'q', 55);
FETCH PRIOR FROM c;
ROLLBACK;
-- all rows, in portions, while others are written and rolled back
CREATE FUNCTION portions(q vector) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c CURSOR FOR SELECT id FROM s ORDER BY val <-> q;
    ids int[] := '{}';
    n int;
BEGIN
    OPEN c;
    LOOP
        FETCH c INTO n;
        EXIT WHEN NOT FOUND;
        ids := ids || n;
        IF cardinality(ids) % 1000 = 0 THEN
            INSERT INTO s SELECT -cardinality(ids), q;
            DELETE FROM s WHERE id = n;
        END IF;
    END LOOP;
    RETURN format('%s rows, %s different', cardinality(ids), (SELECT count(DISTINCT i) FROM unnest(ids) i));
END $$;
BEGIN;
SELECT portions(:'q');
SELECT count(*) FROM (SELECT id FROM s ORDER BY val <-> :'q') x;
ROLLBACK;
-- backward goes through a copy
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM s ORDER BY val <-> :'q' LIMIT 5;
FETCH ALL FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 2 FROM c;
FETCH LAST FROM c;
FETCH RELATIVE -3 FROM c;
ROLLBACK;
-- beyond the transaction
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM s ORDER BY val <-> :'q' LIMIT 5;
FETCH 2 FROM c;
DELETE FROM s WHERE id = 3;
COMMIT;
FETCH ALL FROM c;
CLOSE c;
INSERT INTO s SELECT 3, :'q';
-- rows under a cursor
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM s ORDER BY val <-> :'q' FOR UPDATE;
FETCH 1 FROM c;
UPDATE s SET id = 33 WHERE CURRENT OF c;
FETCH 1 FROM c;
DELETE FROM s WHERE CURRENT OF c;
ROLLBACK;

-- nested loops
SELECT plan($$SELECT o.id, i.id FROM t96 o, LATERAL (SELECT id FROM s ORDER BY s.val <-> o.val LIMIT 3) i WHERE o.id <= 4$$);
SELECT o.id, array_agg(i.id ORDER BY i.d) = exact(3, o.val) AS same
FROM t96 o, LATERAL (SELECT id, s.val <-> o.val AS d FROM s ORDER BY s.val <-> o.val LIMIT 3) i WHERE o.id <= 4 GROUP BY o.id, o.val ORDER BY o.id;
SELECT o.id, (SELECT i.id FROM s i ORDER BY i.val <-> o.val LIMIT 1) = o.id AS itself,
    (SELECT i.id FROM s i WHERE i.id <> o.id ORDER BY i.val <-> o.val LIMIT 1) = (exact(2, o.val))[2] AS other,
    (SELECT count(*) FROM (SELECT FROM s i WHERE i.id > o.id ORDER BY i.val <-> o.val LIMIT o.id) x) AS as_many
FROM t96 o WHERE o.id IN (1, 100, 2000) ORDER BY 1;
-- the limit comes with the outer row
SELECT g, (SELECT count(*) FROM (SELECT id FROM s ORDER BY val <-> :'q' LIMIT g) x) FROM unnest(ARRAY[0, 1, 100, 1, 7000, NULL]) g;
-- a scan that is begun again before its end, and one that never begins
SELECT count(*) FROM generate_series(1, 3) g WHERE EXISTS (SELECT FROM (SELECT id FROM s ORDER BY val <-> :'q' OFFSET g) x WHERE x.id > g);
SELECT count(*) FROM (SELECT id FROM s WHERE false ORDER BY val <-> :'q') x;
-- merge joins and unions over ordered scans
SELECT count(*) FROM ((SELECT id FROM s ORDER BY val <-> :'q' LIMIT 5) UNION ALL (SELECT id FROM s ORDER BY val <-> :'q' LIMIT 7)) u;
SELECT DISTINCT dense_rank() OVER (ORDER BY val <-> :'q') <= 5 AS in_front FROM (SELECT val FROM s ORDER BY val <-> :'q' LIMIT 5) x;
WITH w AS MATERIALIZED (SELECT id FROM s ORDER BY val <-> :'q' LIMIT 5) SELECT count(*) FROM w a JOIN w b USING (id);

-- plans that are kept
PREPARE nearest (vector, int) AS SELECT ARRAY(SELECT id FROM s ORDER BY val <-> $1 LIMIT $2);
PREPARE filtered (vector, int) AS SELECT ARRAY(SELECT id FROM s WHERE id > $2 ORDER BY val <-> $1 LIMIT 3);
CREATE FUNCTION same() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r record;
    ids int[];
    good boolean := true;
BEGIN
    FOR r IN SELECT val, 1 + id % 5 AS k FROM t96 WHERE id <= 8 LOOP
        EXECUTE format('EXECUTE nearest(%L, %s)', r.val, r.k) INTO ids;
        good := good AND ids = exact(r.k, r.val);
        EXECUTE format('EXECUTE filtered(%L, %s)', r.val, 5900) INTO ids;
        good := good AND ids <@ ARRAY(SELECT generate_series(5901, 6000)) AND cardinality(ids) = 3;
    END LOOP;
    RETURN good;
END $$;
SELECT same();
SET plan_cache_mode = force_generic_plan;
SELECT same();
SET plan_cache_mode = force_custom_plan;
SELECT same();
RESET plan_cache_mode;
SET plan_cache_mode = force_generic_plan;
SELECT trim(p) FROM plan(format('EXECUTE filtered(%L, 10)', :'q')) p WHERE p ~ 'Scan|Order|Filter';
-- after the index was built anew, and without it
REINDEX INDEX s_i;
SELECT same();
DROP INDEX s_i;
SELECT same();
CREATE INDEX s_i ON s USING vchordrq (val vector_l2_ops) WITH (rerank_in_table, lists = 7);
SELECT same();
SET vchordrq.probes = '7,7';
SELECT attempt(format('EXECUTE nearest(%L, 3)', :'q'));
RESET vchordrq.probes;
SELECT same();
RESET plan_cache_mode;

-- EXPLAIN runs nothing, EXPLAIN ANALYZE counts
CREATE FUNCTION explained(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || what LOOP
        -- 18 prints digits of rows, and more lines
        CONTINUE WHEN line !~ 'Scan|Limit';
        RETURN NEXT regexp_replace(line, 'rows=(\d+)\.00', 'rows=\1');
    END LOOP;
END $$;
SELECT explained(format('SELECT id FROM s ORDER BY val <-> %L LIMIT 10', :'q'));
SET vchordrq.prefilter = on;
SELECT explained(format('SELECT id FROM s WHERE id %% 2 = 0 ORDER BY val <-> %L LIMIT 10', :'q'));
RESET vchordrq.prefilter;
SELECT explained(format('SELECT id FROM s ORDER BY val <-> %L LIMIT 0', :'q'));
-- a table of another shape for the same plan
PREPARE star AS SELECT id FROM s ORDER BY val <-> :'q' LIMIT 1;
EXECUTE star;
ALTER TABLE s ADD more int;
EXECUTE star;
DROP TABLE s;
DROP FUNCTION exact, portions, same, explained;
