-- The worked example of the documentation in every shape of plan, to 1e-9 and to the last bit.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

CREATE TABLE score_doc (id int, v bm25vector);
INSERT INTO score_doc VALUES (1, '{1:2, 2:1}'), (2, '{1:1, 3:4}'), (3, '{2:3}'), (4, '{4:50}');
CREATE INDEX score_v ON score_doc USING bm25 (v bm25_ops);

CREATE TABLE score_want (q bm25vector, id int, score float8);
INSERT INTO score_want VALUES
    ('{1:1, 2:1}', 1, -2.263654583031739), ('{1:1, 2:1}', 2, -0.9560159468771291), ('{1:1, 2:1}', 3, -1.3157051150091181), ('{1:1, 2:1}', 4, 0),
    ('{1:2}', 1, -2.462484490566371), ('{1:2}', 2, -1.9120318937542582), ('{1:2}', 3, 0), ('{1:2}', 4, 0),
    ('{4:1}', 1, 0), ('{4:1}', 2, 0), ('{4:1}', 3, 0), ('{4:1}', 4, -2.4870416885838846);

-- the operator
SET enable_indexscan = off;
SELECT q, id, v <&> to_bm25query('score_v'::regclass, q) AS score, abs((v <&> to_bm25query('score_v'::regclass, q)) - score) < 1e-9 AS good
FROM score_want JOIN score_doc USING (id) ORDER BY q::text, id;
-- never -0
SELECT DISTINCT (v <&> to_bm25query('score_v'::regclass, '{9:1}'::bm25vector))::text FROM score_doc;
RESET enable_indexscan;

-- Index scans; scores selected, not selected, in expressions, beside a filter.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM score_doc ORDER BY v <&> to_bm25query('score_v'::regclass, '{1:1, 2:1}'::bm25vector) LIMIT 3;
SELECT id FROM score_doc ORDER BY v <&> to_bm25query('score_v', '{1:1, 2:1}') LIMIT 3;
SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc ORDER BY score;
SELECT id, v <&> to_bm25query('score_v', '{1:2}') AS score FROM score_doc ORDER BY score LIMIT 1;
SELECT id, -(v <&> to_bm25query('score_v', '{1:2}')) AS score, v <&> to_bm25query('score_v', '{4:1}') AS other,
       CASE v <&> to_bm25query('score_v', '{1:2}') WHEN 0 THEN 'zero' ELSE 'more' END AS word
FROM score_doc ORDER BY v <&> to_bm25query('score_v', '{1:2}');
SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc WHERE id % 2 = 1 ORDER BY score;
SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc
WHERE v <&> to_bm25query('score_v', '{1:1, 2:1}') < -1 ORDER BY score;

-- sorted, joined, in a subquery, a CTE, a view, prepared (custom and generic plans), a cursor, a rescan
SELECT id, score FROM (SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc ORDER BY score LIMIT 2) s ORDER BY id;
WITH found AS MATERIALIZED (SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc ORDER BY 2 LIMIT 2)
SELECT id, score, score = v <&> to_bm25query('score_v', '{1:1, 2:1}') AS same FROM found JOIN score_doc USING (id) ORDER BY score;
CREATE VIEW score_view AS SELECT id, v <&> to_bm25query('score_v'::regclass, '{1:1, 2:1}'::bm25vector) AS score FROM score_doc;
SELECT * FROM score_view ORDER BY score LIMIT 2;
PREPARE score_prepared(bm25vector, int) AS SELECT id, v <&> to_bm25query('score_v'::regclass, $1) AS score FROM score_doc ORDER BY score LIMIT $2;
EXECUTE score_prepared('{1:1, 2:1}', 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE score_prepared('{1:1, 2:1}', 2);
EXECUTE score_prepared('{4:1}', 2);
EXECUTE score_prepared(NULL, 2);
RESET plan_cache_mode;
BEGIN;
DECLARE score_cursor CURSOR FOR SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc ORDER BY score;
FETCH 1 FROM score_cursor;
INSERT INTO score_doc VALUES (5, '{1:9, 2:9}');
FETCH 5 FROM score_cursor;
ROLLBACK;
SELECT q, s.* FROM (SELECT q::text::bm25vector AS q FROM (SELECT DISTINCT q::text FROM score_want) t) w,
    LATERAL (SELECT id, v <&> to_bm25query('score_v'::regclass, w.q) AS score FROM score_doc ORDER BY score LIMIT 2) s
ORDER BY q::text, score;

-- partial and expression indexes; an index of the same column with other statistics is not asked
CREATE INDEX score_part ON score_doc USING bm25 (v bm25_ops) WHERE id < 4;
SELECT id, v <&> to_bm25query('score_part', '{1:1, 2:1}') AS score FROM score_doc WHERE id < 4 ORDER BY score;
SELECT id, v <&> to_bm25query('score_v', '{1:1, 2:1}') AS score FROM score_doc WHERE id < 4 ORDER BY score;
CREATE TABLE score_ids (id int, ids int[]);
INSERT INTO score_ids SELECT id, v::int[] FROM score_doc;
CREATE INDEX score_expr ON score_ids USING bm25 ((ids::bm25vector) bm25_ops);
SELECT id, ids::bm25vector <&> to_bm25query('score_expr', '{1:1, 2:1}') AS score FROM score_ids ORDER BY score;

-- nothing, and nothing any more
CREATE TABLE score_empty (v bm25vector);
CREATE INDEX score_empty_v ON score_empty USING bm25 (v bm25_ops);
SELECT v <&> to_bm25query('score_empty_v', '{1:1}') FROM score_empty ORDER BY 1;
SELECT '{1:1}'::bm25vector <&> to_bm25query('score_empty_v', '{1:1}') AS score;
INSERT INTO score_empty VALUES ('{}'), (NULL), ('{1:3}');
SELECT v, v <&> to_bm25query('score_empty_v', '{1:1}') AS score FROM score_empty ORDER BY score;
DELETE FROM score_empty;
VACUUM score_empty;
SELECT '{1:1}'::bm25vector <&> to_bm25query('score_empty_v', '{1:1}') AS score;
SELECT '{1:1}'::bm25vector <&> NULL::bm25query AS score;

-- options of the formula
CREATE INDEX score_k ON score_doc USING bm25 (v bm25_ops) WITH (k1 = 2, b = 0);
SELECT id, abs((v <&> to_bm25query('score_k', '{1:1}')) + ln(5 / 2.5) * 3 * 2 / (2.0 + 2)) < 1e-9 AS good FROM score_doc WHERE id = 1;
CREATE INDEX score_exact ON score_doc USING bm25 (v bm25_ops) WITH (norms = 'exact');
SELECT id, abs((v <&> to_bm25query('score_exact', '{4:1}')) + ln(5 / 1.5) * 2.2 * 50 / (50 + 1.2 * (0.25 + 0.75 * 50 / 15.25))) < 1e-9 AS good
FROM score_doc ORDER BY v <&> to_bm25query('score_exact', '{4:1}');

DROP VIEW score_view;
DROP TABLE score_doc, score_want, score_ids, score_empty;
