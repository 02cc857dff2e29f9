-- Rows that are updated in place (HOT) and elsewhere, seen with a filter inside the scan.
CREATE TABLE u (id int, visible boolean, val vector(3)) WITH (fillfactor = 50);
INSERT INTO u SELECT i, i > 1, ARRAY[i, i, i]::vector FROM generate_series(1, 4) i;
CREATE INDEX i ON u USING vchordrq (val vector_l2_ops);
SET enable_seqscan = off;
SET vchordrq.prefilter = on;
CREATE FUNCTION shown() RETURNS int[] LANGUAGE sql AS $$
    SELECT ARRAY(SELECT id FROM u WHERE visible ORDER BY val <-> '[2.9,2.9,2.9]')
$$;
SELECT shown();
UPDATE u SET visible = false WHERE id = 2;
SELECT shown();
BEGIN;
UPDATE u SET visible = true WHERE id = 2;
SELECT pg_stat_get_xact_tuples_hot_updated('u'::regclass) > 0 AS hot;
SELECT shown();
COMMIT;
SELECT shown();
VACUUM u;
SELECT shown();
UPDATE u SET visible = NOT visible;
SELECT shown();
UPDATE u SET visible = NOT visible;
SELECT shown();
-- a new vector is a new entry
UPDATE u SET val = '[2.9,2.9,2.9]' WHERE id = 4;
SELECT shown();
BEGIN;
UPDATE u SET val = '[9,9,9]' WHERE id = 4;
SAVEPOINT s;
UPDATE u SET val = '[0,0,0]' WHERE id = 3;
SELECT shown();
ROLLBACK TO s;
SELECT shown();
ROLLBACK;
SELECT shown();
UPDATE u SET val = NULL WHERE id = 4;
SELECT shown();
UPDATE u SET val = '[3,3,3]' WHERE id = 4;
SELECT shown();
SELECT * FROM vchordrq_index_check('i', true);
VACUUM u;
SELECT shown();
SELECT * FROM vchordrq_index_check('i', true);
DROP TABLE u;
DROP FUNCTION shown;
