-- Graphs whose vertices go and come: every live row can be reached, space is used again, the check finds nothing.
SET client_min_messages = warning;
SET enable_seqscan = off;
SET enable_sort = off;
CREATE FUNCTION gvec(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg(((hashint8(i * 4096::bigint + k) & 65535) / 32768.0 - 1)::real)::vector FROM generate_series(1, dim) k $$;
-- findings of the check, rows the index leaves out, rows it returns twice
CREATE FUNCTION state_of(tab text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
	found int[];
	findings int;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s WHERE v IS NOT NULL', tab) INTO n;
	EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY v <-> (SELECT v FROM %s WHERE v IS NOT NULL LIMIT 1)) s', tab, tab) INTO found;
	SELECT count(*) INTO findings FROM vchordg_index_check(tab || '_i', true);
	RETURN format('findings %s, missing %s, twice %s', findings, n - coalesce(cardinality(found), 0),
		coalesce(cardinality(found), 0) - (SELECT count(DISTINCT x) FROM unnest(found) x));
END $$;

-- lists so short that all their edges may be pinned
CREATE TABLE one (id int, v vector(8));
CREATE INDEX one_i ON one USING vchordg (v vector_l2_ops) WITH (m = 1);
INSERT INTO one SELECT i, gvec(i, 8) FROM generate_series(1, 100) i;
SELECT state_of('one');
DELETE FROM one WHERE id % 2 = 0;
VACUUM one;
SELECT state_of('one');
INSERT INTO one SELECT i, gvec(i, 8) FROM generate_series(101, 150) i;
SELECT state_of('one');
CREATE TABLE few (id int, v vector(8));
CREATE INDEX few_i ON few USING vchordg (v vector_l2_ops) WITH (m = 3);
INSERT INTO few SELECT i, gvec(i, 8) FROM generate_series(1, 1000) i;
DELETE FROM few WHERE id < 700;
VACUUM few;
SELECT state_of('few');

-- vectors over several pages, full lists over several pages
CREATE TABLE long (id int, v vector(3000));
CREATE INDEX long_i ON long USING vchordg (v vector_l2_ops) WITH (m = 22);
INSERT INTO long SELECT i, gvec(i, 3000) FROM generate_series(1, 60) i;
SELECT state_of('long');
SELECT pg_relation_size('long_i') AS size \gset
DELETE FROM long WHERE id <= 40;
VACUUM long;
SELECT state_of('long');
INSERT INTO long SELECT i, gvec(i, 3000) FROM generate_series(101, 140) i;
SELECT state_of('long'), pg_relation_size('long_i') <= :size AS same_size;

-- the neighbourhood of the first row, then everything, then again
CREATE TABLE g (id int, v vector(16));
INSERT INTO g SELECT i, gvec(i, 16) FROM generate_series(1, 1500) i;
CREATE INDEX g_i ON g USING vchordg (v vector_l2_ops) WITH (m = 12);
DELETE FROM g WHERE id IN (SELECT id FROM g ORDER BY v <-> (SELECT v FROM g WHERE id = 1) LIMIT 500);
VACUUM g;
SELECT state_of('g');
SELECT pg_relation_size('g_i') AS size \gset
DELETE FROM g;
VACUUM g;
SELECT count(*) FROM (SELECT id FROM g ORDER BY v <-> gvec(1, 16)) s;
INSERT INTO g SELECT i, gvec(i, 16) FROM generate_series(1, 1500) i;
SELECT state_of('g'), pg_relation_size('g_i') <= :size AS same_size;
-- what VACUUM kept because of its memory goes in further rounds
DELETE FROM g WHERE id % 3 <> 0;
SET maintenance_work_mem = '1MB';
VACUUM g;
RESET maintenance_work_mem;
SELECT state_of('g');

-- equal vectors: one vertex, whose empty pages come back
CREATE TABLE same (id int, v halfvec(4));
CREATE INDEX same_i ON same USING vchordg (v halfvec_l2_ops);
INSERT INTO same SELECT i, '[1,2,3,4]' FROM generate_series(1, 5000) i;
SELECT state_of('same');
SELECT pg_relation_size('same_i') AS size \gset
DO $$
BEGIN
	IF (SELECT vertices FROM vchordg_index_info('same_i')) <> 1 THEN
		RAISE 'more than one vertex';
	END IF;
END $$;
DELETE FROM same WHERE id <= 4000;
VACUUM same;
SELECT state_of('same');
INSERT INTO same SELECT i, '[1,2,3,4]' FROM generate_series(5001, 9000) i;
DELETE FROM same WHERE id <= 8000;
VACUUM same;
INSERT INTO same SELECT i, '[1,2,3,4]' FROM generate_series(9001, 13000) i;
SELECT state_of('same'), pg_relation_size('same_i') <= :size * 2 AS bounded;
DELETE FROM same;
VACUUM same;
INSERT INTO same SELECT i, '[1,2,3,4]' FROM generate_series(1, 100) i;
SELECT state_of('same');

-- labels
CREATE TABLE tagged (id int, v vector(12), labels int[]);
INSERT INTO tagged SELECT i, gvec(i, 12), ARRAY[i % 7, 100 + i % 90] FROM generate_series(1, 800) i;
CREATE INDEX tagged_i ON tagged USING vchordg (v vector_l2_ops, labels) WITH (m = 12);
INSERT INTO tagged SELECT i, gvec(i, 12), ARRAY[i % 7, 200 + i % 90] FROM generate_series(801, 1200) i;
DELETE FROM tagged WHERE labels && ARRAY[3];
VACUUM tagged;
SELECT state_of('tagged');
INSERT INTO tagged SELECT i, gvec(i, 12), ARRAY[i % 7] FROM generate_series(1201, 1600) i;
SELECT state_of('tagged');
DROP TABLE one, few, long, g, same, tagged;
DROP FUNCTION gvec, state_of;
