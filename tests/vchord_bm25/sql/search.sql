-- The index against the operator on every row: the same rows, order and scores, to the last bit, by
-- every algorithm and after every kind of change.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;
SET extra_float_digits = 1;
SELECT setseed(0.5);

CREATE TABLE search_doc (id serial, v bm25vector);
-- ids skewed, so that there are frequent, rare and absent ones
CREATE FUNCTION search_vector(n int, power int) RETURNS bm25vector LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(array_agg((power(random(), power) * 300)::int), '{}')::bm25vector FROM generate_series(1, n)
$$;
CREATE FUNCTION search_fill(n int) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO search_doc (v) SELECT search_vector((random() * 60)::int + i * 0, 3) FROM generate_series(1, n) i
$$;
CREATE FUNCTION search_one(index regclass, q bm25vector, k int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    query bm25query := to_bm25query(index, q);
    want text;
    got text;
    algorithm text;
BEGIN
    EXECUTE format('SELECT array_agg(row ORDER BY score, tid)::text FROM (SELECT (id, score) AS row, score, tid FROM
        (SELECT id, ctid AS tid, v <&> $1 AS score FROM search_doc OFFSET 0) scored WHERE score < 0 ORDER BY score, tid LIMIT %s) best', k)
        INTO want USING query;
    FOREACH algorithm IN ARRAY '{auto,wand,maxscore,exhaustive}'::text[] LOOP
        PERFORM set_config('bm25.algorithm', algorithm, true), set_config('enable_seqscan', 'off', true);
        EXECUTE format('SELECT array_agg(row)::text FROM (SELECT (id, v <&> $1) AS row FROM search_doc ORDER BY v <&> $1 LIMIT %s) best', k)
            INTO got USING query;
        IF got IS DISTINCT FROM want THEN
            RETURN NEXT format('%s, k %s, %s: %s instead of %s', algorithm, k, q, left(got, 200), left(want, 200));
        END IF;
    END LOOP;
    RETURN NEXT CASE WHEN want IS NULL THEN 'nothing' ELSE 'compared' END;
END $$;
CREATE FUNCTION search_check(index regclass, n int) RETURNS TABLE (outcome text, enough boolean) LANGUAGE sql AS $$
    SELECT r, r <> 'compared' OR count(*) > n / 2
    FROM generate_series(1, n) i,
         LATERAL search_one(index, search_vector(1 + i % 9, 2), (ARRAY[1, 3, 10, 100, 1000, 100000])[1 + i % 6]) r
    WHERE r <> 'nothing' GROUP BY r
$$;

SELECT search_fill(4000);
CREATE INDEX search_v ON search_doc USING bm25 (v bm25_ops);
SELECT * FROM search_check('search_v', 18);
-- growing documents, in the same transaction, and rolled back
SELECT search_fill(300);
SELECT * FROM search_check('search_v', 12);
BEGIN;
SELECT search_fill(100);
SELECT * FROM search_check('search_v', 6);
ROLLBACK;
SELECT * FROM search_check('search_v', 6);
-- deleted, not yet and then vacuumed
DELETE FROM search_doc WHERE id % 4 = 1;
SELECT * FROM search_check('search_v', 12);
VACUUM search_doc;
SELECT * FROM search_check('search_v', 12);
-- several segments
SELECT search_fill(2000);
SELECT bm25_flush('search_v') IS NOT NULL AS flushed;
SELECT search_fill(1000);
SELECT bm25_flush('search_v') IS NOT NULL AS flushed;
SELECT search_fill(200);
SELECT * FROM search_check('search_v', 12);
-- rows that moved
UPDATE search_doc SET v = search_vector(20, 3) WHERE id % 7 = 0;
SELECT * FROM search_check('search_v', 12);
VACUUM search_doc;
SELECT bm25_merge('search_v', true) IS NOT NULL AS merged;
SELECT * FROM search_check('search_v', 12);
-- a build of the same rows
REINDEX INDEX search_v;
SELECT * FROM search_check('search_v', 12);

-- exact lengths
CREATE INDEX search_exact ON search_doc USING bm25 (v bm25_ops) WITH (norms = exact, k1 = 0.9, b = 0.4);
SELECT * FROM search_check('search_exact', 12);
DROP INDEX search_exact;

-- bits of the scores in a plan that sorts, and of the same rows in the order of the index
SET enable_seqscan = off;
WITH by_index AS MATERIALIZED (
    SELECT id, v <&> to_bm25query('search_v', '{0:1, 1:1, 5:2, 200:1}') AS score FROM search_doc
    ORDER BY v <&> to_bm25query('search_v', '{0:1, 1:1, 5:2, 200:1}') LIMIT 500),
by_row AS MATERIALIZED (
    SELECT id, v <&> to_bm25query('search_v', '{0:1, 1:1, 5:2, 200:1}') AS score FROM search_doc OFFSET 0)
SELECT count(*), count(*) FILTER (WHERE a.score = b.score) AS same FROM by_index a JOIN by_row b USING (id);

DROP TABLE search_doc;
DROP FUNCTION search_vector, search_fill, search_one, search_check;
