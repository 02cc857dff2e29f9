-- Boolean queries: our @@ on texts and core's @@ on tsvector, through the index and without it.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

CREATE TABLE match_doc AS SELECT row_number() OVER (ORDER BY classoid, objoid, objsubid) AS id, description AS body FROM pg_description;
ALTER TABLE match_doc ADD words tsvector;
UPDATE match_doc SET words = to_tsvector('english', body);
INSERT INTO match_doc SELECT 100000 + i, NULL, NULL FROM generate_series(1, 3) i;
INSERT INTO match_doc VALUES (100010, '', ''), (100011, 'the', to_tsvector('english', 'the'));
SELECT count(*) > 3000 AS enough FROM match_doc;

CREATE TABLE match_query (q tsquery);
INSERT INTO match_query VALUES
    ('index'), ('index & scan'), ('index | scan'), ('index & !scan'), ('!index'), ('!(index | function)'), ('!!index'),
    ('aggreg <-> transit'), ('aggreg <-> transit <-> function'), ('aggreg <-> transit & !function'), ('!(aggreg <-> transit)'),
    ('text <-> search'), ('search <-> text'), ('text <2> search'), ('text <3> function'), ('text <-> (search | array)'),
    ('(text | bytea) <-> (search | larger)'), ('text <-> !search'), ('!text <-> search'), ('(text & larg) <-> text'),
    ('conv:*'), ('conv:* & int'), ('i:* & !index'), ('a:* | b:*'), ('text <-> s:*'), ('e:* <-> t:*'), ('absentword'), ('absentword | index'),
    ('absentword & index'), ('!absentword'), ('index & (scan | cost) & !estimat'), ('zzz:*'),
    ('select & join'), ('oper & (join | restrict) & !select'), ('equal & equal'), ('equal | !equal');

CREATE FUNCTION match_check(index regclass, gates boolean) RETURNS TABLE (queries bigint, rows_found boolean, different text[]) LANGUAGE plpgsql AS $$
DECLARE
    item match_query;
    want int[];
    got int[];
    total bigint := 0;
BEGIN
    queries := 0;
    different := '{}';
    FOR item IN SELECT * FROM match_query LOOP
        SELECT array_agg(id ORDER BY id) INTO want FROM match_doc WHERE words @@ item.q;
        queries := queries + 1;
        total := total + coalesce(cardinality(want), 0);
        IF gates THEN
            EXECUTE 'SELECT array_agg(id ORDER BY id) FROM match_doc WHERE body @@ $1' INTO got USING to_bm25query(item.q, index);
        ELSE
            EXECUTE 'SELECT array_agg(id ORDER BY id) FROM match_doc WHERE words @@ $1' INTO got USING item.q;
        END IF;
        IF got IS DISTINCT FROM want THEN
            different := different || item.q::text;
        END IF;
    END LOOP;
    rows_found := total > 1000;
    RETURN NEXT;
END $$;

-- text, with and without positions in the index
CREATE INDEX match_plain ON match_doc USING bm25 (body bm25_ops) WITH (text_config = 'english');
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT 'operator', * FROM match_check('match_plain', true);
SET enable_seqscan = off;
SET enable_bitmapscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM match_doc WHERE body @@ to_bm25query('index & scan'::tsquery, 'match_plain');
SELECT 'bitmap', * FROM match_check('match_plain', true);
SET enable_bitmapscan = off;
SET enable_indexscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM match_doc WHERE body @@ to_bm25query('index & scan'::tsquery, 'match_plain');
SELECT 'index', * FROM match_check('match_plain', true);
DROP INDEX match_plain;
CREATE INDEX match_places ON match_doc USING bm25 (body bm25_ops) WITH (text_config = 'english', positions = on);
SELECT 'positions', * FROM match_check('match_places', true);
SET enable_bitmapscan = on;

-- growing, dead and sealed documents
INSERT INTO match_doc SELECT id + 200000, body, words FROM match_doc WHERE id % 5 = 0;
SELECT 'growing', * FROM match_check('match_places', true);
DELETE FROM match_doc WHERE id % 3 = 0;
VACUUM match_doc;
SELECT 'vacuumed', * FROM match_check('match_places', true);
SELECT bm25_flush('match_places') IS NOT NULL AS flushed;
SELECT 'flushed', * FROM match_check('match_places', true);

-- one scan that matches and ranks
EXPLAIN (COSTS OFF)
SELECT id FROM match_doc WHERE body @@ to_bm25query('text & search & !dictionari'::tsquery, 'match_places')
ORDER BY body <&> to_bm25query('text & search & !dictionari'::tsquery, 'match_places') LIMIT 5;
CREATE FUNCTION match_ranked(gate tsquery, ranking text, k int) RETURNS TABLE (same boolean, n bigint) LANGUAGE plpgsql AS $$
DECLARE
    g bm25query := to_bm25query(gate, 'match_places'::regclass);
    r bm25query := to_bm25query(ranking, 'match_places'::regclass);
    want text;
    got text;
BEGIN
    EXECUTE 'SELECT array_agg(row ORDER BY score, tid)::text, count(*) FROM (SELECT (id, score) AS row, score, tid FROM
        (SELECT id, ctid AS tid, body <&> $1 AS score, words FROM match_doc OFFSET 0) s WHERE score < 0 AND words @@ $2 ORDER BY score, tid LIMIT $3) b'
        INTO want, n USING r, gate, k;
    EXECUTE 'SELECT array_agg(row)::text FROM (SELECT (id, body <&> $1) AS row FROM match_doc WHERE body @@ $2 ORDER BY body <&> $1 LIMIT $3) b'
        INTO got USING r, g, k;
    same := got IS NOT DISTINCT FROM want;
    RETURN NEXT;
END $$;
SELECT gate, k, r.same, r.n > 0 AS some FROM unnest('{join & select,aggreg <-> transit,implement <2> oper,text | search,!text,e:*,absentword}'::tsquery[]) gate,
    unnest('{3,1000}'::int[]) k, LATERAL match_ranked(gate, 'text search join selectivity aggregate transition operator', k) r;

-- min_score
SELECT count(*) > 0 AS some, bool_and(body <&> to_bm25query('text search', 'match_places'::regclass) <= -5) AS all_good
FROM match_doc WHERE body @@ to_bm25query('text search', 'match_places'::regclass, 5);
SELECT (SELECT count(*) FROM (SELECT FROM match_doc ORDER BY body <&> to_bm25query('text search', 'match_places'::regclass, 5)) s)
     = (SELECT count(*) FROM (SELECT body <&> to_bm25query('text search', 'match_places'::regclass) AS score FROM match_doc OFFSET 0) s WHERE score <= -5) AS same;

-- tsvector columns: core's operator, weights are checked again
CREATE INDEX match_words ON match_doc USING bm25 (words bm25_ops);
EXPLAIN (COSTS OFF) SELECT id FROM match_doc WHERE words @@ 'index & scan'::tsquery;
CREATE FUNCTION match_words(q tsquery) RETURNS TABLE (same boolean, n bigint) LANGUAGE plpgsql AS $$
DECLARE want int[]; got int[];
BEGIN
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_bitmapscan = off;
    SET LOCAL enable_indexscan = off;
    EXECUTE 'SELECT array_agg(id ORDER BY id) FROM match_doc WHERE words @@ $1' INTO want USING q;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_bitmapscan = on;
    EXECUTE 'SELECT array_agg(id ORDER BY id), count(*) FROM match_doc WHERE words @@ $1' INTO got, n USING q;
    same := got IS NOT DISTINCT FROM want;
    RETURN NEXT;
END $$;
UPDATE match_doc SET words = setweight(words, 'A') WHERE id % 2 = 0;
SELECT count(*), bool_and(r.same) AS same, count(*) FILTER (WHERE r.n > 0) > 20 AS enough FROM match_query, LATERAL match_words(q) r;
SELECT q, same, n > 0 AS some FROM unnest('{index:A,index:B,index:A & !scan:A,text:A <-> search:A,text:D <-> search}'::tsquery[]) q, LATERAL match_words(q);

DROP TABLE match_doc, match_query;
DROP FUNCTION match_check, match_ranked, match_words;
