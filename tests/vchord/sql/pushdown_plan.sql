-- What goes into the index: ORDER BY the distance of the operator class, nothing else.
CREATE TABLE p (id int, val vector(3), half halfvec(3));
INSERT INTO p SELECT id, val, half FROM t3;
CREATE INDEX i ON p USING vchordrq (val vector_l2_ops);
CREATE INDEX j ON p USING vchordrq (half halfvec_cosine_ops);
ANALYZE p;
SET enable_seqscan = off;
SELECT * FROM plan($$SELECT val FROM p ORDER BY val <-> '[0,0,0]'$$);
SELECT * FROM plan($$SELECT val FROM p ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT * FROM plan($$SELECT val FROM p ORDER BY '[0,0,0]'::vector <-> val LIMIT 5$$);
SELECT * FROM plan($$SELECT half FROM p ORDER BY half <=> '[0,0,0]' LIMIT 5$$);
SELECT * FROM plan($$SELECT val FROM p WHERE id < 100 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
-- a distance in WHERE is a filter, with an order and without
SELECT * FROM plan($$SELECT val FROM p WHERE val <-> '[0,0,0]' < 1 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <-> '[0,0,0]' < 1$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <=> '[1,0,0]' < 1 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
-- orders that no index of the table gives
SELECT * FROM plan($$SELECT val FROM p ORDER BY val <=> '[1,0,0]' LIMIT 5$$);
SELECT * FROM plan($$SELECT val FROM p ORDER BY half <-> '[1,0,0]' LIMIT 5$$);
SELECT * FROM plan($$SELECT val FROM p ORDER BY val <-> '[0,0,0]' DESC LIMIT 5$$);
-- further columns of the order are sorted above, if the index is used at all
SELECT ARRAY(SELECT id FROM p ORDER BY val <-> '[0,0,0]', id LIMIT 20)
    = ARRAY(SELECT id FROM (SELECT id, val FROM p OFFSET 0) s ORDER BY val <-> '[0,0,0]', id LIMIT 20) AS same;
SELECT * FROM plan($$SELECT val FROM p$$);
SELECT * FROM plan($$SELECT count(*) FROM p$$);
SELECT count(*) FROM p;
SELECT * FROM plan($$SELECT val FROM p WHERE val = '[0,0,0]'$$);
RESET enable_seqscan;
-- without an order, without hints
SELECT * FROM plan($$SELECT val FROM p$$);
SELECT * FROM plan($$SELECT val FROM p WHERE val <-> '[0,0,0]' < 1$$);
-- two orders on the column: refused when it runs, and nothing else would be right
SET enable_seqscan = off;
SELECT attempt('SELECT val FROM p ORDER BY val <-> ''[0,0,0]'', val <-> ''[1,0,0]'' LIMIT 5');
-- joins: the order comes from one table
SET enable_sort = off;
SELECT * FROM plan($$SELECT p.val FROM p WHERE EXISTS (SELECT FROM t3 WHERE t3.id = p.id AND t3.id < 0) ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
RESET enable_sort;
DROP TABLE p;

-- The planner's choice without any hint: an index for few rows of many, the table for all of them,
-- and the filter's own index where it leaves hardly anything.
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops);
CREATE INDEX k ON t96 (id);
SELECT val AS q FROM t96 WHERE id = 1 \gset
RESET enable_seqscan;
CREATE FUNCTION chosen(query text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(substring(line FROM '(\w+ ?\w* Scan.*)'), '; ') FROM plan(query) line WHERE line ~ 'Scan'
$$;
SELECT chosen(format('SELECT id FROM t96 ORDER BY val <-> %L LIMIT 10', :'q'));
SELECT chosen(format('SELECT id FROM t96 ORDER BY val <-> %L', :'q'));
SELECT chosen(format('SELECT id FROM t96 WHERE id = 5 ORDER BY val <-> %L LIMIT 10', :'q'));
SELECT chosen(format('SELECT id FROM t96 WHERE grp < 20 ORDER BY val <-> %L LIMIT 10', :'q'));
DROP INDEX i, k;
DROP FUNCTION chosen;
