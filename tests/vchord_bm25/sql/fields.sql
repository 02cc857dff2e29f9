-- Arrays whose elements are fields: the weighted sum of the fields' scores, ordered by the index.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;
-- seqscans of scratch tables that are off look dear
SET jit = off;
SELECT setseed(0.25);

-- words skewed, so that there are frequent, rare and absent ones; titles are short, and texts may be empty or missing
CREATE TABLE field_doc (id serial, title text, body text);
CREATE FUNCTION field_text(longest int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.9 THEN coalesce(string_agg('w' || (power(random(), 3) * 200)::int, ' '), '') END
    FROM generate_series(1, (random() * longest)::int)
$$;
CREATE FUNCTION field_fill(n int) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO field_doc (title, body) SELECT field_text(8 + i * 0), field_text(60 + i * 0) FROM generate_series(1, n) i
$$;
SELECT field_fill(600);
CREATE INDEX field_sum ON field_doc USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '2, 1');
CREATE INDEX field_title ON field_doc USING bm25 (title) WITH (text_config = 'simple');
CREATE INDEX field_body ON field_doc USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX field_both ON field_doc USING bm25 (title, body) WITH (text_config = 'simple', weights = '2, 1');

-- N, lengths and df are those of each field; rows in which all is null are not there
SELECT (bm25_stats('field_sum')).documents = count(*) FILTER (WHERE title IS NOT NULL OR body IS NOT NULL) AS rows,
       (bm25_stats('field_sum')).average_length = (bm25_stats('field_title')).average_length || (bm25_stats('field_body')).average_length AS lengths,
       count(*) FILTER (WHERE title IS NULL AND body IS NULL) > 0 AS nulls
FROM field_doc;

-- the sum by hand: of two indexes of one field, to the last bit as 2 is a power of two; and of one of two columns
CREATE FUNCTION field_by_hand(words text) RETURNS TABLE (scored bigint, two_indexes boolean, two_columns boolean) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE sum < 0), bool_and(sum = 2 * title + body), bool_and(sum = columns)
    FROM (SELECT ARRAY[title, body] <&> to_bm25query(words, 'field_sum'::regclass) AS sum,
                 coalesce(title <&> to_bm25query(words, 'field_title'::regclass), 0) AS title,
                 coalesce(body <&> to_bm25query(words, 'field_body'::regclass), 0) AS body,
                 coalesce(title <&> bm25_field(to_bm25query(words, 'field_both'::regclass), 'title'), 0)
                 + coalesce(body <&> bm25_field(to_bm25query(words, 'field_both'::regclass), 'body'), 0) AS columns
          FROM field_doc) s
$$;
SELECT words, scored > 100 AS enough, two_indexes, two_columns FROM unnest('{w3,w1 w20 w77,w5 w5 w9 absent}'::text[]) words, field_by_hand(words);

-- The index orders.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM field_doc ORDER BY ARRAY[title, body] <&> to_bm25query('w3 w20', 'field_sum') LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id, ARRAY[title, body] <&> to_bm25query('w3 w20', 'field_sum') AS score FROM field_doc
WHERE ARRAY[title, body] @@ to_bm25query('w3 & !w1'::tsquery, 'field_sum') ORDER BY score LIMIT 10;
RESET enable_seqscan;

-- Rankings and conditions, by the index with each algorithm and by the operator on each row: the same rows, order and bits.
-- `want`: what the condition means, of core's tsvectors.
CREATE TABLE field_query (q text, gate tsquery, want text, least float8 DEFAULT 0);
INSERT INTO field_query VALUES ('w3 w9', NULL, NULL, 3);
INSERT INTO field_query VALUES
    ('w3', NULL, NULL), ('w20 w77', NULL, NULL), ('w0 w1 w2 w3 w4 w5 w6 w7 w8', NULL, NULL), ('absent w150', NULL, NULL),
    ('w1 w3', 'w3', $$has('w3')$$), ('w1 w3', 'w3 & w20', $$has('w3') AND has('w20')$$), ('w1', 'w3 & !w20', $$has('w3') AND NOT has('w20')$$),
    ('w2', '!w1', $$NOT has('w1')$$), ('w2', '!(w1 | w0)', $$NOT (has('w1') OR has('w0'))$$), ('w3', 'w0 <-> w1', $$has('w0 <-> w1')$$),
    ('w0', 'w1 <-> w2 & w5', $$has('w1 <-> w2') AND has('w5')$$), ('w0', '!(w0 <-> w1)', $$NOT has('w0 <-> w1')$$),
    ('w0', 'w0 <2> (w1 | w2)', $$has('w0 <2> (w1 | w2)')$$), ('w0', 'w0 <-> !w1', $$has('w0 <-> !w1')$$), ('w1', 'w19:*', $$has('w19:*')$$),
    ('w1', 'w20:* <-> w0', $$has('w20:* <-> w0')$$), ('w1', 'w1:* <-> w2:*', $$has('w1:* <-> w2:*')$$), ('w1', 'absent', 'false'),
    ('w0', '!absent & w150', $$has('w150')$$), ('w0 w1', 'w0 | w1', $$has('w0 | w1')$$);
CREATE TABLE field_scored (id int, tid tid, score float8, hit boolean, wanted boolean);
CREATE FUNCTION field_check(index regclass, condition text DEFAULT 'true') RETURNS TABLE (outcome text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
    item field_query;
    query bm25query;
    gate bm25query;
    matches text;
    wanted text;
    got text;
    algorithm text;
    k int;
    found text[] := '{}';
BEGIN
    FOR item IN SELECT * FROM field_query LOOP
        query := to_bm25query(item.q, index);
        gate := CASE WHEN item.least > 0 THEN to_bm25query(item.q, index, item.least) ELSE to_bm25query(item.gate, index) END;
        matches := CASE WHEN gate IS NULL THEN 'true' ELSE 'ARRAY[title, body] @@ $2' END;
        wanted := regexp_replace(coalesce(item.want, 'true'), 'has\((.*?'')\)', '(coalesce(to_tsvector(''simple'', title) @@ \1, false)
            OR coalesce(to_tsvector(''simple'', body) @@ \1, false))', 'g');
        TRUNCATE field_scored;
        EXECUTE format('INSERT INTO field_scored SELECT id, ctid, ARRAY[title, body] <&> $1, %s, (%s) AND (title IS NOT NULL OR body IS NOT NULL OR $2 IS NULL)
            FROM field_doc WHERE %s', matches, wanted, condition) USING query, gate;
        found := found || CASE WHEN item.least > 0 THEN (SELECT bool_and(hit = (score <= -item.least)) FROM field_scored)
                               ELSE (SELECT bool_and(hit = f.wanted) FROM field_scored f) END::text;

        PERFORM set_config('enable_seqscan', 'off', true);
        IF matches <> 'true' THEN
            SELECT array_agg(id ORDER BY id)::text INTO wanted FROM field_scored WHERE hit;
            FOREACH algorithm IN ARRAY '{enable_indexscan,enable_bitmapscan}'::text[] LOOP
                PERFORM set_config(algorithm, 'off', true);
                EXECUTE format('SELECT array_agg(id ORDER BY id)::text FROM field_doc WHERE %s AND %s', matches, condition) INTO got USING query, gate;
                PERFORM set_config(algorithm, 'on', true);
                found := found || CASE WHEN wanted IS NOT DISTINCT FROM got THEN 'same matches' ELSE format('without %s: %s', algorithm, item) END;
            END LOOP;
        END IF;
        FOREACH k IN ARRAY '{10,100000}'::int[] LOOP
            SELECT array_agg((id, score) ORDER BY score, tid)::text INTO wanted
                FROM (SELECT id, score, tid FROM field_scored WHERE hit AND score < 0 ORDER BY score, tid LIMIT k) best;
            FOREACH algorithm IN ARRAY '{auto,wand,maxscore,exhaustive}'::text[] LOOP
                PERFORM set_config('bm25.algorithm', algorithm, true);
                EXECUTE format('SELECT array_agg((id, score))::text FROM (SELECT id, ARRAY[title, body] <&> $1 AS score FROM field_doc
                    WHERE %s AND %s ORDER BY score LIMIT %s) best', matches, condition, k) INTO got USING query, gate;
                found := found || CASE WHEN wanted IS DISTINCT FROM got THEN format('%s, k %s, %s: %s instead of %s', algorithm, k, item, left(got, 100), left(wanted, 100))
                                       WHEN wanted IS NULL THEN 'same nothing' ELSE 'same ranking' END;
            END LOOP;
        END LOOP;
        PERFORM set_config('enable_seqscan', 'on', true);
    END LOOP;
    RETURN QUERY SELECT CASE f WHEN 'true' THEN 'as meant' ELSE f END AS o, count(*) FROM unnest(found) f GROUP BY o ORDER BY o;
END $$;
SELECT * FROM field_check('field_sum');

-- positions and exact lengths; growing, dead, sealed and merged documents
DROP INDEX field_sum, field_both;
CREATE INDEX field_places ON field_doc USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '0.7, 3', positions = on, norms = exact);
SELECT * FROM field_check('field_places');
SELECT field_fill(150);
SELECT * FROM field_check('field_places');
DELETE FROM field_doc WHERE id % 4 = 1;
VACUUM field_doc;
SELECT bm25_flush('field_places') IS NOT NULL AS flushed;
SELECT field_fill(100);
UPDATE field_doc SET title = field_text(8), body = NULL WHERE id % 9 = 0;
SELECT * FROM field_check('field_places');
VACUUM field_doc;
SELECT bm25_merge('field_places', true) IS NOT NULL AS merged;
SELECT * FROM field_check('field_places');
REINDEX INDEX field_places;
SELECT * FROM field_check('field_places');
SELECT * FROM bm25_index_check('field_places', true);
SELECT bool_and(abs(ARRAY[title, body] <&> to_bm25query('w3 w20', 'field_places')) < 1000) AS finite,
       count(*) FILTER (WHERE ARRAY[title, body] <&> to_bm25query('w3 w20', 'field_places') < 0) > 100 AS enough FROM field_doc;

-- partial; and the statistics of another index over the same fields, which must have as many
CREATE INDEX field_part ON field_doc USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '5, 1', norms = exact) WHERE id % 2 = 0;
SELECT * FROM field_check('field_part', 'id % 2 = 0');
DROP INDEX field_places;
CREATE INDEX field_one ON field_doc USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple');
CREATE INDEX field_three ON field_doc USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '5, 1, 1');
SET enable_seqscan = off;
BEGIN;
DROP INDEX field_part, field_three;
-- without weights, an array is one field: its elements are one text
SELECT count(*) > 10 AS enough, count(*) = (SELECT count(*) FROM field_doc WHERE concat(title, ' ', body) ~ '\mw150\M') AS same
FROM (SELECT FROM field_doc ORDER BY ARRAY[title, body] <&> to_bm25query('w150', 'field_one')) s;
SELECT cardinality((bm25_stats('field_one')).average_length);
ROLLBACK;
RESET enable_seqscan;
SELECT cardinality((bm25_stats('field_three')).average_length), (bm25_stats('field_three')).average_length[3];
SELECT * FROM field_check('field_three');

-- what is on the pages
SELECT * FROM bm25_index_check('field_three', true);

-- the definition of the index comes back from its text
SELECT pg_get_indexdef('field_three'::regclass);
DO $$
DECLARE
    definition text := pg_get_indexdef('field_three'::regclass);
BEGIN
    DROP INDEX field_three;
    EXECUTE definition;
    ASSERT definition = pg_get_indexdef('field_three'::regclass);
END $$;
SELECT cardinality((bm25_stats('field_three')).average_length);

-- a column of arrays; more and fewer elements than weights, NULLs, dimensions, varchar
CREATE TABLE field_array (id int, a text[], v varchar(20)[]);
CREATE INDEX field_a ON field_array USING bm25 (a) WITH (text_config = 'simple', weights = '1, 10, 100', positions);
INSERT INTO field_array (id, a) VALUES (1, '{x}'), (2, '{NULL,x}'), (3, '{y,y,x}'), (4, '{x y,y}'), (5, '{{x},{y}}'), (6, '{}'), (7, NULL), (8, '{NULL,NULL}'),
    (9, '{"",NULL,""}'), (10, '[5:6]={z,x}');
INSERT INTO field_array (id, a) VALUES (11, '{a,b,c,d}');
\set VERBOSITY sqlstate
SELECT '{a,b,c,d}'::text[] <&> to_bm25query('x', 'field_a');
\set VERBOSITY default
INSERT INTO field_array (id, a) VALUES (12, '{y z}');
SELECT (bm25_stats('field_a')).documents, (bm25_stats('field_a')).average_length;
SELECT bm25_flush('field_a') IS NOT NULL AS flushed;
INSERT INTO field_array (id, a) VALUES (13, '{"",x,"y z"}');
UPDATE field_array SET v = a;
SELECT * FROM bm25_index_check('field_a', true);
SELECT id, a, a <&> to_bm25query('x', 'field_a') AS score FROM field_array ORDER BY id;
SET enable_seqscan = off;
SELECT id, a <&> to_bm25query('x', 'field_a') AS score FROM field_array ORDER BY score;
SELECT array_agg(id ORDER BY id) FROM field_array WHERE a @@ to_bm25query('!x'::tsquery, 'field_a');
SELECT array_agg(id ORDER BY id) FROM field_array WHERE a @@ to_bm25query('x <-> y'::tsquery, 'field_a');
SELECT array_agg(id ORDER BY id) FROM field_array WHERE a @@ to_bm25query('y & z'::tsquery, 'field_a');
SELECT id FROM field_array ORDER BY a <&> bm25_field(to_bm25query('z', 'field_a'), 'a');
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT array_agg(id ORDER BY id) FROM field_array WHERE a @@ to_bm25query('!x'::tsquery, 'field_a');
SELECT array_agg(id ORDER BY id) FROM field_array WHERE a @@ to_bm25query('x <-> y'::tsquery, 'field_a');
RESET enable_indexscan;
RESET enable_bitmapscan;
SET enable_seqscan = off;
CREATE INDEX field_v ON field_array USING bm25 (v) WITH (text_config = 'simple', weights = '1, 10, 100');
SELECT array_agg(id ORDER BY id) FROM field_array WHERE v @@ to_bm25query('x & y'::tsquery, 'field_v');
SELECT id, v <&> to_bm25query('x', 'field_v') = a <&> to_bm25query('x', 'field_a') AS same FROM field_array ORDER BY v <&> to_bm25query('x', 'field_v');
RESET enable_seqscan;
CREATE INDEX field_few ON field_array USING bm25 (a) WITH (text_config = 'simple', weights = '1, 10');

-- partitions, ranked together
CREATE TABLE field_parted (id int, title text, body text) PARTITION BY RANGE (id);
CREATE TABLE field_low PARTITION OF field_parted FOR VALUES FROM (0) TO (1000);
CREATE TABLE field_high PARTITION OF field_parted FOR VALUES FROM (1000) TO (2000);
INSERT INTO field_parted SELECT DISTINCT ON (id) id, title, body FROM field_doc WHERE id < 2000;
CREATE INDEX field_p ON field_parted USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '2, 1');
CREATE TABLE field_whole AS SELECT * FROM field_parted;
CREATE INDEX field_w ON field_whole USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '2, 1');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM field_parted ORDER BY ARRAY[title, body] <&> to_bm25query('w5 w60', 'field_p') LIMIT 5;
SELECT count(*), bool_and(p.score = w.score) AS same
FROM (SELECT id, ARRAY[title, body] <&> to_bm25query('w5 w60', 'field_p') AS score FROM field_parted ORDER BY score LIMIT 50) p
JOIN (SELECT id, ARRAY[title, body] <&> to_bm25query('w5 w60', 'field_w') AS score FROM field_whole OFFSET 0) w USING (id);
RESET enable_seqscan;
ALTER INDEX field_low_array_idx SET (weights = '2, 1, 1');
REINDEX INDEX field_low_array_idx;
SELECT '{}'::text[] <&> to_bm25query('x', 'field_p');
DROP TABLE field_parted, field_whole;

-- what does not fit
\set VERBOSITY sqlstate
SELECT 'x'::text <&> to_bm25query('x', 'field_a');
SELECT '{x}'::text[] <&> to_bm25query('field_a'::regclass, '{1:1}'::bm25vector);
CREATE INDEX field_wrong ON field_doc USING bm25 (title) WITH (weights = '1, 2');
CREATE INDEX field_wrong ON field_array USING bm25 (a, v) WITH (weights = '1, 2, 3');
CREATE INDEX field_wrong ON field_array USING bm25 (a) WITH (weights = '1, 0');
\set VERBOSITY default

DROP TABLE field_doc, field_query, field_scored, field_array;
DROP FUNCTION field_text, field_fill, field_by_hand, field_check;
