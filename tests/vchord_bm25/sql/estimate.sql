-- Row estimates of @@: near to what is found where the index named in the query tells; never an error.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

-- words of known, independent frequency: w2 is in a half of the rows, w3 in a third ...
CREATE TABLE est AS SELECT i AS id, (SELECT string_agg('w' || n, ' ') FROM generate_series(2, 40) n
    WHERE hashint4extended(i, n) % n = 0) AS body, 'other words' AS title FROM generate_series(1, 6000) i;
CREATE INDEX est_i ON est USING bm25 (body bm25_ops) WITH (text_config = 'simple');
CREATE INDEX est_two ON est USING bm25 (title bm25_ops, body bm25_ops) WITH (text_config = 'simple');
CREATE INDEX est_part ON est USING bm25 (body bm25_ops) WITH (text_config = 'simple') WHERE id <= 600;

CREATE FUNCTION est_rows(condition text, OUT estimated float8, OUT actual float8) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING off, SUMMARY off, FORMAT json) SELECT * FROM est WHERE ' || condition INTO plan;
    estimated := plan->0->'Plan'->>'Plan Rows';
    actual := plan->0->'Plan'->>'Actual Rows';
END $$;
CREATE FUNCTION est_good(condition text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN greatest(estimated, 1) BETWEEN greatest(actual, 1) / 2 AND greatest(actual, 1) * 2 THEN 'good'
        ELSE estimated || ' for ' || actual END FROM est_rows(condition) $$;
CREATE TABLE est_case (query text);
INSERT INTO est_case VALUES ('w2'), ('w3'), ('w10'), ('w40'), ('w2 & w3'), ('w2 & w5 & w3'), ('w10 | w20'), ('w2 | w3'), ('!w2'),
    ('w2 & !w3'), ('(w4 | w5) & (w2 | w7)'), ('w30 | w31 | w32 | w33'), ('absent'), ('absent & w2'), ('absent | w2'), ('!absent');

-- before statistics of the table and after, by index and by table scan
SELECT query, est_good(format('body @@ to_bm25query(%L::tsquery, ''est_i'')', query)) FROM est_case WHERE query IN ('w3', 'w2 & w3');
ANALYZE est;
SELECT query, est_good(format('body @@ to_bm25query(%L::tsquery, ''est_i'')', query)) FROM est_case;
SELECT query, est_good(format('body @@ to_bm25query(%L::tsquery, ''est_two'')', query)) FROM est_case WHERE query ~ '^[^&]*$';
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT query, est_good(format('body @@ to_bm25query(%L::tsquery, ''est_i'')', query)) FROM est_case WHERE query ~ '&';
-- any word of a text
SELECT est_good('body @@ to_bm25query(''est_i'', ''w10 w20 w30'')'), est_good('body::varchar @@ to_bm25query(''est_i'', ''w3'')');
RESET enable_indexscan;
RESET enable_bitmapscan;
-- the text of a column that hardly differs
SELECT est_good('title @@ to_bm25query(''words''::tsquery, ''est_two'')'), est_good('title @@ to_bm25query(''w2''::tsquery, ''est_two'')');
-- with other conditions, and under NOT
SELECT est_good('body @@ to_bm25query(''w2''::tsquery, ''est_i'') AND id <= 3000'), est_good('NOT body @@ to_bm25query(''w3''::tsquery, ''est_i'')');
-- a partial index speaks for its rows only
SELECT est_good('id <= 600 AND body @@ to_bm25query(''w2''::tsquery, ''est_i'')');

-- the live: rows added and removed
DELETE FROM est WHERE id % 2 = 0;
INSERT INTO est SELECT 10000 + i, 'fresh w2', 'more' FROM generate_series(1, 500) i;
SELECT est_good('body @@ to_bm25query(''fresh''::tsquery, ''est_i'')');
VACUUM ANALYZE est;
SELECT est_good('body @@ to_bm25query(''fresh''::tsquery, ''est_i'')'), est_good('body @@ to_bm25query(''w2''::tsquery, ''est_i'')');

-- arrays, bm25vector
CREATE TABLE est_array AS SELECT id, ARRAY[body, title] AS words, ARRAY[id % 4, 9]::bm25vector AS ids FROM est;
CREATE INDEX est_array_i ON est_array USING bm25 (words bm25_ops) WITH (text_config = 'simple');
CREATE INDEX est_ids_i ON est_array USING bm25 (ids bm25_ops);
ANALYZE est_array;
CREATE FUNCTION est_plan(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT est_plan('SELECT * FROM est_array WHERE words @@ to_bm25query(''w2''::tsquery, ''est_array_i'')')
    / (SELECT count(*) FROM est_array WHERE words @@ to_bm25query('w2'::tsquery, 'est_array_i')) BETWEEN 0.5 AND 2 AS array,
    est_plan('SELECT * FROM est_array WHERE ids @@ to_bm25query(''est_ids_i'', ''{1:1}''::bm25vector)')
    / (SELECT count(*) FROM est_array WHERE ids @@ to_bm25query('est_ids_i', '{1:1}'::bm25vector)) BETWEEN 0.5 AND 2 AS vector;

-- partitions, by the statistics of all
CREATE TABLE est_whole (id int, body text) PARTITION BY RANGE (id);
CREATE TABLE est_low PARTITION OF est_whole FOR VALUES FROM (0) TO (3000);
CREATE TABLE est_high PARTITION OF est_whole FOR VALUES FROM (3000) TO (100000);
INSERT INTO est_whole SELECT id, body FROM est;
CREATE INDEX est_whole_i ON est_whole USING bm25 (body bm25_ops) WITH (text_config = 'simple');
ANALYZE est_whole;
SELECT est_plan('SELECT * FROM est_whole WHERE body @@ to_bm25query(''w2''::tsquery, ''est_whole_i'')')
    / (SELECT count(*) FROM est_whole WHERE body @@ to_bm25query('w2'::tsquery, 'est_whole_i')) BETWEEN 0.5 AND 2 AS partitions;

-- where nothing can be known there is the default
PREPARE est_later(bm25query) AS SELECT * FROM est WHERE body @@ $1;
SET plan_cache_mode = force_generic_plan;
SELECT est_plan('EXECUTE est_later(to_bm25query(''w2''::tsquery, ''est_i''))') < 50 AS generic;
RESET plan_cache_mode;
SELECT est_plan('SELECT * FROM est WHERE body @@ NULL::bm25query') AS of_null;
SELECT est_plan('SELECT * FROM est, est_array a WHERE est.body @@ to_bm25query(a.words[1], ''est_i'')') > 0 AS of_a_join;
-- another column's index, another kind of index, no index: an error when it runs, not before
SELECT est_plan('SELECT * FROM est WHERE body @@ to_bm25query(''w2''::tsquery, ''est_array_i'')') > 0 AS planned,
    est_plan('SELECT * FROM est WHERE body @@ to_bm25query(''est_ids_i'', ''{1:1}''::bm25vector)') > 0 AS planned;
CREATE FUNCTION est_gone() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query bm25query := to_bm25query('w2'::tsquery, 'est_part');
BEGIN
    DROP INDEX est_part;
    PERFORM est_plan(format('SELECT * FROM est WHERE body @@ %L::bm25query', query));
    RETURN 'planned';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT est_gone();

-- statistics are for those who may read the rows
CREATE ROLE est_reader;
CREATE TABLE est_own (body text);
GRANT ALL ON est_own TO est_reader;
INSERT INTO est_own SELECT 'w2' FROM generate_series(1, 1000);
ANALYZE est_own;
SELECT est_plan('SELECT * FROM est_own WHERE body @@ to_bm25query(''w2''::tsquery, ''est_i'')') > 100 AS known;
CREATE TABLE est_query AS SELECT to_bm25query('w2'::tsquery, 'est_i') AS q;
SELECT q::text AS literal FROM est_query \gset
SET ROLE est_reader;
SELECT est_plan(format('SELECT * FROM est_own WHERE body @@ %L::bm25query', :'literal')) > 100 AS known;
RESET ROLE;
GRANT SELECT ON est TO est_reader;
SET ROLE est_reader;
SELECT est_plan(format('SELECT * FROM est_own WHERE body @@ %L::bm25query', :'literal')) > 100 AS known;
RESET ROLE;
ALTER TABLE est ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON est TO est_reader USING (id < 0);
SET ROLE est_reader;
SELECT est_plan(format('SELECT * FROM est_own WHERE body @@ %L::bm25query', :'literal')) > 100 AS known;
RESET ROLE;

DROP TABLE est, est_array, est_whole, est_own, est_query CASCADE;
DROP ROLE est_reader;
DROP FUNCTION est_rows, est_good, est_plan, est_gone;
