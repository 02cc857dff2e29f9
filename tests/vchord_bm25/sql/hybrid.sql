-- Reciprocal rank fusion: the function, and two rankings by index joined into one.
SELECT bm25_catalog.rrf(1) = 1 / 61.0::float8 AS default_k, bm25_catalog.rrf(1, 2) = 2 / 61.0::float8 AS weighted,
    bm25_catalog.rrf(3, k => 0) = 1 / 3.0::float8 AS first_ranks_only, bm25_catalog.rrf(NULL) AS missing,
    bm25_catalog.rrf(1, 0) AS unwanted;
SELECT provolatile, proparallel, proisstrict, pronargdefaults FROM pg_proc WHERE proname = 'rrf';
-- the planner sees through it
CREATE TABLE r (a bigint);
EXPLAIN (VERBOSE, COSTS OFF) SELECT bm25_catalog.rrf(a, 0.5) FROM r;

CREATE TABLE papers (id int PRIMARY KEY, title text, body text);
INSERT INTO papers VALUES
    (1, 'Trees', 'How to keep keys in order on pages of a disk'),
    (2, 'Keys and locks', 'Locks of pages, and in which order to take them'),
    (3, 'Ranking', 'Which of many texts fits a question best'),
    (4, 'Trees and their keys', 'Search, insert and delete in trees'),
    (5, 'Gardening', 'Trees need water'),
    (6, 'Keys', NULL),
    (7, NULL, 'keys, keys and once more keys'),
    (8, NULL, NULL);
INSERT INTO papers SELECT i, 'Filler ' || i, 'This says nothing of interest, number ' || i FROM generate_series(10, 400) i;
CREATE INDEX papers_title ON papers USING bm25 (title bm25_ops) WITH (text_config = 'english');
CREATE INDEX papers_body ON papers USING bm25 (body bm25_ops) WITH (text_config = 'english');
ANALYZE papers;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- two arms, each its index and a LIMIT of its own
PREPARE both_arms(text, float8, float8, int) AS
WITH t AS (
    SELECT id, row_number() OVER (ORDER BY s, id) AS rank
    FROM (SELECT id, title <&> to_bm25query($1, 'papers_title'::regclass) AS s FROM papers ORDER BY s LIMIT 20) x
    WHERE s < 0
), b AS (
    SELECT id, row_number() OVER (ORDER BY s, id) AS rank
    FROM (SELECT id, body <&> to_bm25query($1, 'papers_body'::regclass) AS s FROM papers ORDER BY s LIMIT 20) x
    WHERE s < 0
)
SELECT id, t.rank AS title, b.rank AS body,
    round((bm25_catalog.rrf(t.rank, $2, $4) + bm25_catalog.rrf(b.rank, $3, $4))::numeric, 6) AS score
FROM t FULL JOIN b USING (id)
ORDER BY bm25_catalog.rrf(t.rank, $2, $4) + bm25_catalog.rrf(b.rank, $3, $4) DESC, id
LIMIT 10;
SET plan_cache_mode = force_generic_plan;
-- (plans of window functions are printed differently by each version)
CREATE FUNCTION scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Scan using|Order By' THEN
            RETURN NEXT ltrim(line, ' ->');
        END IF;
    END LOOP;
END $$;
SELECT * FROM scans($$EXECUTE both_arms('keys of trees', 1, 1, 60)$$);
EXECUTE both_arms('keys of trees', 1, 1, 60);
-- one arm's weight nothing: its rows stay, with what the other arm says
EXECUTE both_arms('keys of trees', 1, 0, 60);
EXECUTE both_arms('keys of trees', 0, 1, 60);
-- a small k lets the first ranks decide
EXECUTE both_arms('keys of trees', 1, 1, 0);
-- nothing in one arm, nothing in both
EXECUTE both_arms('gardening', 1, 1, 60);
EXECUTE both_arms('zebra', 1, 1, 60);
-- each row once
SELECT count(*), count(DISTINCT id) FROM (
    WITH t AS (
        SELECT id, row_number() OVER (ORDER BY s, id) AS rank
        FROM (SELECT id, title <&> to_bm25query('filler trees'::text, 'papers_title'::regclass) AS s FROM papers
            ORDER BY s LIMIT 300) x
        WHERE s < 0
    ), b AS (
        SELECT id, row_number() OVER (ORDER BY s, id) AS rank
        FROM (SELECT id, body <&> to_bm25query('interest trees'::text, 'papers_body'::regclass) AS s FROM papers
            ORDER BY s LIMIT 300) x
        WHERE s < 0
    )
    SELECT id FROM t FULL JOIN b USING (id)) x;
-- ties share a rank if rank() counts
SELECT id, rank() OVER (ORDER BY s) AS rank
FROM (SELECT id, title <&> to_bm25query('filler'::text, 'papers_title'::regclass) AS s FROM papers ORDER BY s LIMIT 3) x;
DROP TABLE papers, r;
DROP FUNCTION scans;
