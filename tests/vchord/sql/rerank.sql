-- Rerank from the index and from the table, filters inside the scan and above, all ways of reading.
CREATE TABLE rr (id int PRIMARY KEY);
INSERT INTO rr SELECT i FROM generate_series(1, 10000) i;
CREATE FUNCTION vec(id int) RETURNS vector(3) LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[id, id, id]::vector(3);
ANALYZE rr;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;

CREATE FUNCTION answers(expr text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    mode text;
    search text;
    rerank text;
    plain int[];
    filtered int[];
    correlated text;
    combinations int := 0;
    line text;
    used int := 0;
    q1 text := format('SELECT id FROM rr ORDER BY (%s) <-> ''[1.9,1.9,1.9]'' LIMIT 9', expr);
    q2 text := format('SELECT id FROM rr WHERE id <= 5 OR id %% 2 = 1 ORDER BY (%s) <-> ''[1.9,1.9,1.9]'' LIMIT 9', expr);
    q3 text := format('SELECT string_agg(a::text, '' '' ORDER BY e) FROM (
        SELECT e, ARRAY(SELECT id FROM rr WHERE (id <= 5 OR id %% 2 = 1) OR e >= 2000
            ORDER BY (%s) <-> q LIMIT 9) a
        FROM (VALUES (''[1.9,1.99,1.999]''::vector, 1999), (''[2.1,2.11,2.111]'', 2111)) v (q, e)) s', expr);
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || q1 LOOP used := used + (line ~ 'Order By:')::int; END LOOP;
    FOR line IN EXECUTE 'EXPLAIN ' || q3 LOOP used := used + (line ~ 'Order By:')::int; END LOOP;
    FOREACH mode IN ARRAY ARRAY['on', 'off', 'auto'] LOOP
    FOREACH search IN ARRAY ARRAY['read_buffer', 'prefetch_buffer', 'read_stream', 'auto'] LOOP
    FOREACH rerank IN ARRAY ARRAY['read_buffer', 'prefetch_buffer', 'read_stream', 'auto'] LOOP
        PERFORM set_config('vchordrq.prefilter', mode, true), set_config('vchordrq.io_search', search, true),
            set_config('vchordrq.io_rerank', rerank, true);
        EXECUTE 'SELECT ARRAY(' || q1 || ')' INTO plain;
        EXECUTE 'SELECT ARRAY(' || q2 || ')' INTO filtered;
        EXECUTE q3 INTO correlated;
        combinations := combinations + 1;
        IF combinations = 1 THEN
            RETURN NEXT plain; RETURN NEXT filtered; RETURN NEXT correlated;
        END IF;
        IF plain <> '{2,1,3,4,5,6,7,8,9}' OR filtered <> '{2,1,3,4,5,7,9,11,13}'
            OR correlated <> '{2,1,3,4,5,7,9,11,13} {2,3,1,4,5,6,7,8,9}' THEN
            RETURN NEXT concat_ws(' ', 'with', mode, search, rerank, plain, filtered, correlated);
        END IF;
    END LOOP;
    END LOOP;
    END LOOP;
    RETURN NEXT format('%s combinations, %s plans with the index', combinations, used);
END $$;

-- an expression, one list
CREATE INDEX i ON rr USING vchordrq ((vec(id)::vector(3)) vector_l2_ops) WITH (options = $$
    residual_quantization = false
    build.internal.lists = []
$$);
SELECT answers('vec(id)::vector(3)');
DROP INDEX i;
CREATE INDEX i ON rr USING vchordrq ((vec(id)::vector(3)) vector_l2_ops) WITH (options = $$
    residual_quantization = false
    rerank_in_table = true
    build.internal.lists = []
$$);
SELECT answers('vec(id)::vector(3)');
DROP INDEX i;

-- a column
ALTER TABLE rr ADD val vector(3);
UPDATE rr SET val = vec(id);
VACUUM ANALYZE rr;
CREATE INDEX i ON rr USING vchordrq (val vector_l2_ops) WITH (options = 'build.internal.lists = []');
SELECT answers('val');
DROP INDEX i;
CREATE INDEX i ON rr USING vchordrq (val vector_l2_ops)
    WITH (options = 'build.internal.lists = []', rerank_in_table);
SELECT answers('val');
DROP INDEX i;

-- codes of one bit: the same rows in 100 dimensions
CREATE FUNCTION wide(id int) RETURNS halfvec(100) LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_fill(id::real / 8, ARRAY[100])::vector(100)::halfvec(100);
CREATE FUNCTION wide_answers(mode text) RETURNS TABLE (plain int[], odd int[], far int[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vchordrq.prefilter', mode, false);
    RETURN QUERY SELECT
        ARRAY(SELECT id FROM rr ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 9),
        ARRAY(SELECT id FROM rr WHERE id % 2 = 1 ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 9),
        ARRAY(SELECT id FROM rr WHERE id > 2000 ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 3);
END $$;
DELETE FROM rr WHERE id > 2003;
CREATE INDEX i ON rr USING vchordrq ((wide(id)::halfvec(100)) halfvec_l2_ops);
SELECT count(*) FROM plan('SELECT id FROM rr WHERE id > 2 ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 9') p WHERE p ~ 'Order By:';
SELECT mode, (wide_answers(mode)).* FROM unnest(ARRAY['on', 'off', 'auto']) mode;
DROP INDEX i;
CREATE INDEX i ON rr USING vchordrq ((wide(id)::halfvec(100)) halfvec_l2_ops) WITH (rerank_in_table);
SELECT mode, (wide_answers(mode)).* FROM unnest(ARRAY['on', 'off', 'auto']) mode;
RESET vchordrq.prefilter;
-- what the scan's snapshot does not see does not count
BEGIN;
DELETE FROM rr WHERE id IN (2, 3);
INSERT INTO rr VALUES (-1);
SELECT ARRAY(SELECT id FROM rr ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 4);
ROLLBACK;
SELECT ARRAY(SELECT id FROM rr ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 4);

-- volatile conditions are left to the executor, errors in conditions are the user's
SELECT ARRAY(SELECT id FROM rr WHERE random() < 2 AND id % 2 = 1 ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 3);
SET vchordrq.prefilter = on;
SELECT attempt('SELECT id FROM rr WHERE 1 / (id - 2) > -5 ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 3');
-- a condition with a query of its own over the same index
SELECT ARRAY(SELECT id FROM rr o WHERE EXISTS (SELECT FROM (SELECT id FROM rr
        ORDER BY (wide(id)::halfvec(100)) <-> wide(o.id) LIMIT 2) s WHERE s.id = o.id AND s.id % 3 = 0)
    ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 3);
-- row security is a filter, too
CREATE POLICY p ON rr USING (id % 4 = 0);
ALTER TABLE rr ENABLE ROW LEVEL SECURITY;
CREATE ROLE regress_vchord_reader;
GRANT SELECT ON rr TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT ARRAY(SELECT id FROM rr ORDER BY (wide(id)::halfvec(100)) <-> array_fill(1.9 / 8, ARRAY[100])::halfvec LIMIT 3);
RESET ROLE;
DROP TABLE rr;
DROP ROLE regress_vchord_reader;
DROP FUNCTION answers, wide_answers, wide, vec;
