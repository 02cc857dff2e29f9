-- Range search: spheres as index conditions, alone and with an order, compared with the sequential scan.

-- what the plan is, and which rows
CREATE TABLE p (id int, val vector(3), half halfvec(3));
INSERT INTO p SELECT id, val, half FROM t3;
CREATE INDEX i ON p USING vchordrq (val vector_l2_ops);
ANALYZE p;
SET enable_seqscan = off;
SELECT * FROM plan($$SELECT val FROM p WHERE val <<->> sphere('[0,0,0]'::vector, 1)$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <<->> sphere('[0,0,0]'::vector, 1) ORDER BY val <-> '[0,0,0]'$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <<->> sphere('[0,0,0]'::vector, 1) AND id < 5 ORDER BY val <-> '[0,0,0]' LIMIT 3$$);
-- a distance is no range, and a sphere of another metric or column is a filter
SELECT * FROM plan($$SELECT val FROM p WHERE val <-> '[0,0,0]' < 1 ORDER BY val <-> '[0,0,0]'$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <<=>> sphere('[0,0,1]'::vector, 1) ORDER BY val <-> '[0,0,0]'$$);
SELECT * FROM plan($$SELECT val FROM p WHERE half <<->> sphere('[0,0,0]'::halfvec, 1) ORDER BY val <-> '[0,0,0]'$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <<=>> sphere('[0,0,1]'::vector, 1)$$);
SELECT * FROM plan($$SELECT count(*) FROM p$$);
RESET enable_seqscan;
SELECT * FROM plan($$SELECT val FROM p$$);
DROP TABLE p;

CREATE TABLE p (val vector(1));
INSERT INTO p VALUES ('[0.1]'), ('[0.2]'), ('[0.3]'), ('[0.4]');
CREATE INDEX i ON p USING vchordrq (val vector_l2_ops);
SET enable_seqscan = off;
SELECT val FROM p WHERE val <<->> sphere('[0.24]'::vector, 0.12::real);
SELECT val FROM p WHERE val <<->> sphere('[0.24]'::vector, 0.12::real) ORDER BY val <-> '[0.24]';
RESET enable_seqscan;
DROP TABLE p;

-- The rows of a condition by an index of ours and without one, whatever comes behind it.
CREATE FUNCTION ids(by_index boolean, query text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    result int[];
    used boolean;
BEGIN
    PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
        set_config('enable_indexscan', by_index::text, true);
    SELECT bool_or(line ~ 'Index Cond: .*<<') INTO used FROM plan(query) line;
    IF coalesce(used, false) <> by_index THEN
        RAISE EXCEPTION 'wrong plan for %', left(query, 100);
    END IF;
    EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || query || ') s' INTO result;
    RETURN coalesce(result, '{}');
END $$;

-- For each radius, of a range that has the share `shares` of the rows, around some of them: as many
-- rows with and without the index, and the same if there is no LIMIT.
CREATE FUNCTION compare(tab regclass, col text, metric text, shares float8[] DEFAULT '{0.0005, 0.02, 0.3, 0.97}', queries int DEFAULT 2)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    type text := (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = tab AND attname = col);
    op text := CASE metric WHEN 'l2' THEN '-' WHEN 'ip' THEN '#' ELSE '=' END;
    q text;
    radius float8;
    share float8;
    shape text;
    query text;
    found int[];
    exact int[];
    seen int := 0;
    wrong int := 0;
BEGIN
    FOR q IN EXECUTE format('SELECT %1$I FROM %2$s WHERE %1$I IS NOT NULL ORDER BY id %% 37, id LIMIT %3$s', col, tab, queries) LOOP
        FOREACH share IN ARRAY shares LOOP
            -- a row's own distance: as near to the border as can be
            EXECUTE format('SELECT percentile_disc(%s) WITHIN GROUP (ORDER BY %I <%s> %L::%s) FROM %s', share, col, op, q, type, tab)
            INTO radius;
            FOREACH shape IN ARRAY ARRAY['', 'ORDER BY %1$I <%2$s> %3$L::%4$s', 'ORDER BY %1$I <%2$s> %3$L::%4$s LIMIT 50',
                'AND id %% 3 = 0', 'AND id %% 3 = 0 ORDER BY %1$I <%2$s> %3$L::%4$s LIMIT 50'] LOOP
                query := format('SELECT id FROM %6$s WHERE %1$I <<%2$s>> sphere(%3$L::%4$s, %5$L::real) ' || shape, col, op, q, type, radius, tab);
                found := ids(true, query);
                exact := ids(false, query);
                seen := seen + cardinality(exact);
                IF cardinality(found) <> cardinality(exact) OR (shape !~ 'LIMIT' AND found <> exact) THEN
                    RAISE WARNING '% rows of %, share %, %', cardinality(found), cardinality(exact), share, shape;
                    wrong := wrong + 1;
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN wrong > 0 THEN wrong || ' wrong' WHEN seen < 100 THEN 'too few rows' ELSE 'equal' END;
END $$;

-- every type and metric; r96 is t96 in all of them, r3 a table of few dimensions
CREATE TABLE r96 AS SELECT id, val AS v, half AS h, quantize_to_rabitq8(val)::rabitq8(96) AS q8,
    quantize_to_rabitq4(val)::rabitq4(96) AS q4 FROM t96;
CREATE TABLE r3 AS SELECT id, val AS v, half AS h, quantize_to_rabitq8(val)::rabitq8(3) AS q8,
    quantize_to_rabitq4(val)::rabitq4(3) AS q4 FROM t3;
ANALYZE r96, r3;
CREATE FUNCTION compare_all(tab regclass, options text, shares float8[] DEFAULT '{0.0005, 0.02, 0.3, 0.97}', queries int DEFAULT 1)
RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    col text;
    type text;
    metric text;
BEGIN
    FOR col, type IN VALUES ('v', 'vector'), ('h', 'halfvec'), ('q8', 'rabitq8'), ('q4', 'rabitq4') LOOP
        FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
            EXECUTE format('CREATE INDEX compared ON %s USING vchordrq (%I %s_%s_ops) %s', tab, col, type, metric, options);
            RETURN NEXT format('%s %s: %s', type, metric, compare(tab, col, metric, shares, queries));
            DROP INDEX compared;
        END LOOP;
    END LOOP;
END $$;
SELECT compare_all('r96', '');
SELECT compare_all('r3', 'WITH (lists = ''3,20'')');
-- vectors in the table; no list or too many; more rows than work_mem holds
SELECT compare_all('r96', 'WITH (rerank_in_table)', '{0.02}');
SELECT compare_all('r3', 'WITH (lists = 900)', '{0.02, 0.97}');
SET work_mem = 64;
SELECT compare_all('r96', '', '{0.97}');
RESET work_mem;
-- the filter inside of the scan and above it
SET vchordrq.prefilter = off;
SELECT compare_all('r96', '', '{0.02, 0.97}');
SET vchordrq.prefilter = on;
SELECT compare_all('r96', '', '{0.02, 0.97}');
RESET vchordrq.prefilter;

-- rows that come after the build, far beyond every list's radius, or to an index that had none
CREATE TABLE late (LIKE r96);
CREATE INDEX late_v ON late USING vchordrq (v vector_l2_ops);
CREATE INDEX late_h ON late USING vchordrq (h halfvec_ip_ops);
CREATE INDEX late_q8 ON late USING vchordrq (q8 rabitq8_cosine_ops);
CREATE INDEX late_q4 ON late USING vchordrq (q4 rabitq4_l2_ops);
INSERT INTO late SELECT * FROM r96 WHERE id <= 1000;
SELECT compare('late', 'v', 'l2'), compare('late', 'h', 'ip'), compare('late', 'q8', 'cosine'), compare('late', 'q4', 'l2');
REINDEX TABLE late;
CREATE FUNCTION add_far(ids int4range) RETURNS void LANGUAGE sql AS $$
    INSERT INTO late SELECT id, v, v, quantize_to_rabitq8(v), quantize_to_rabitq4(v)
    FROM (SELECT id, (SELECT array_agg(x * (1 + id % 50) * (2 * (i % 2) - 1)) FROM unnest(v::real[]) WITH ORDINALITY u (x, i))::vector(96) AS v
          FROM r96 WHERE id <@ ids) s
$$;
SELECT add_far('(1000, 2000]');
SELECT compare('late', 'v', 'l2'), compare('late', 'h', 'ip'), compare('late', 'q8', 'cosine'), compare('late', 'q4', 'l2');
DELETE FROM late WHERE id % 5 = 0;
VACUUM late;
SELECT add_far('(2000, 2500]');
SELECT compare('late', 'v', 'l2'), compare('late', 'h', 'ip'), compare('late', 'q8', 'cosine'), compare('late', 'q4', 'l2');
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid, true) k WHERE c.relname ~ '^late_';

-- zero vectors have no direction, and no radius excludes what it should not
INSERT INTO r3 SELECT 2000 + i, v, v, quantize_to_rabitq8(v), quantize_to_rabitq4(v)
FROM (VALUES (1, '[0,0,0]'::vector(3)), (2, '[0,0,0]'), (3, '[1e-20,0,0]'), (4, '[1e4,-1e4,1]')) s (i, v);
INSERT INTO r3 (id) VALUES (3000);
SELECT compare_all('r3', '', '{0.02, 0.97}', 2);
CREATE INDEX r3_i ON r3 USING vchordrq (v vector_cosine_ops) WITH (lists = 20);
CREATE FUNCTION check_both(condition text) RETURNS text LANGUAGE sql AS $$
    SELECT cardinality(a) || CASE WHEN a = b THEN ' rows' ELSE ' rows, wrong' END
    FROM ids(true, 'SELECT id FROM r3 WHERE ' || condition) a, ids(false, 'SELECT id FROM r3 WHERE ' || condition) b
$$;
SELECT r, check_both(format($$v <<=>> sphere('[0,0,0]'::vector, %L::real)$$, r)), check_both(format($$v <<=>> sphere('[1,0,0]'::vector, %L::real)$$, r))
FROM unnest(ARRAY[0, -1, 0.5, 1, 1.000001, 2, 2.5, 'inf', '-inf', 'nan']::real[]) r;
DROP INDEX r3_i;
CREATE INDEX r3_i ON r3 USING vchordrq (v vector_l2_ops) WITH (lists = 20);
SELECT r, check_both(format($$v <<->> sphere('[0,0,0]'::vector, %L::real)$$, r))
FROM unnest(ARRAY[0, -1, 1e-30, 0.5, 1, 1e4, 2e4, 'inf', '-inf', 'nan']::real[]) r;

-- several spheres, around one centre and around others, with an order of its own
SELECT check_both($$v <<->> sphere('[0,0,0]'::vector, 0.9) AND v <<->> sphere('[0,0,0]'::vector, 0.5)$$),
    check_both($$v <<->> sphere('[0,0,0]'::vector, 0.5) AND v <<->> sphere('[0,0,0]'::vector, 0.9)$$),
    check_both($$v <<->> sphere('[0,0,0]'::vector, 0.9) AND v <<->> sphere('[1,0,0]'::vector, 0.5)$$),
    check_both($$v <<->> sphere('[1,0,0]'::vector, 0.5) AND v <<->> sphere('[0,0,0]'::vector, 0.9)$$),
    check_both($$v <<->> sphere('[1,0,0]'::vector, 0.5) ORDER BY v <-> '[0,1,0]'$$),
    check_both($$v <<->> sphere('[1,0,0]'::vector, 0.5) AND v <<->> sphere('[0,1,0]'::vector, 1.2) ORDER BY v <-> '[0,1,0]'$$),
    check_both($$v <<->> sphere('[1,0,0]'::vector, 0.5) ORDER BY v <-> '[0,1,0]' LIMIT 3$$);
-- a sphere without an order comes in the order of its distances
SET enable_seqscan = off;
SELECT bool_and(d >= before), count(*) FROM (
    SELECT d, lag(d, 1, d) OVER () AS before FROM (SELECT v <-> '[0,0,0]' AS d FROM r3 WHERE v <<->> sphere('[0,0,0]'::vector, 0.5)) s) s;
-- null and empty spheres, another number of dimensions
SELECT count(*) FROM r3 WHERE v <<->> NULL;
PREPARE inside(sphere_vector) AS SELECT count(*) FROM r3 WHERE v <<->> $1;
PREPARE nearest(sphere_vector, vector) AS SELECT count(*) FROM (SELECT FROM r3 WHERE v <<->> $1 ORDER BY v <-> $2) s;
SET plan_cache_mode = force_generic_plan;
SELECT * FROM plan('EXECUTE inside(NULL)');
EXECUTE inside(NULL);
EXECUTE nearest(NULL, '[0,0,0]');
EXECUTE nearest(sphere('[0,0,0]'::vector, 0.5), '[0,0,0]');
EXECUTE nearest(sphere('[0,0,0]'::vector, 0.5), NULL);
EXECUTE inside(sphere('[0,0,0]'::vector, 0.5));
EXECUTE inside(sphere(NULL::vector, 0.5));
EXECUTE inside(sphere('[0,0,0]'::vector, NULL));
EXECUTE inside(sphere('[0,0]'::vector, 0.5));
EXECUTE nearest(sphere('[0,0]'::vector, 0.5), '[0,0,0]');
EXECUTE nearest(sphere('[0,0,0]'::vector, NULL), '[0,0,0]');
DEALLOCATE inside;
DEALLOCATE nearest;
RESET plan_cache_mode;
-- conditions that are known when the scan begins again, with values that are packed in the table
SELECT o.id, (SELECT count(*) FROM r3 i WHERE i.v <<->> sphere(o.v, 0.4)) AS by_index,
    (SELECT count(*) FROM r3 i WHERE i.v <-> o.v < 0.4::real) AS by_table
FROM r3 o WHERE o.id <= 5 ORDER BY o.id;
SELECT o.id, (SELECT array_agg(i.id) FROM (SELECT id FROM r3 i WHERE i.v <<->> sphere(o.v, 0.4) ORDER BY i.v <-> o.v LIMIT 3) i)
FROM r3 o WHERE o.id <= 5 ORDER BY o.id;
-- settings: caps are caps, for ranges, too
SET vchordrq.max_scan_tuples = 7;
SELECT count(*) FROM r3 WHERE v <<->> sphere('[0,0,0]'::vector, 0.9);
RESET vchordrq.max_scan_tuples;
SET vchordrq.probes = 0;
SELECT count(*) FROM r3 WHERE v <<->> sphere('[0,0,0]'::vector, 0.9);
SET vchordrq.probes = 20;
SELECT check_both($$v <<->> sphere('[0,0,0]'::vector, 0.9)$$), check_both($$v <<->> sphere('[0,0,0]'::vector, 0.9) ORDER BY v <-> '[0,0,0]' LIMIT 10$$);
RESET vchordrq.probes;
-- a cursor goes on where it was
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM r3 WHERE v <<->> sphere('[0,0,0]'::vector, 0.5) ORDER BY v <-> '[0,0,0]';
MOVE 10 FROM c;
MOVE ALL FROM c;
COMMIT;
SELECT count(*) FROM r3 WHERE v <<->> sphere('[0,0,0]'::vector, 0.5);
RESET enable_seqscan;
DROP TABLE late, r3, r96;
DROP FUNCTION ids, compare, compare_all, check_both, add_far;
