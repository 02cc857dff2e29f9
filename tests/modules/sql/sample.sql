-- Training rows: all of them, a part, the predicate, expressions, NULL, dead rows with TOAST.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS vc_test_core;
CREATE FUNCTION vc_test_sample(regclass, integer, integer, bigint, bigint, bigint) RETURNS text
    AS '$libdir/vc_test_vector' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_estimate(regclass, integer) RETURNS float8
    AS '$libdir/vc_test_vector' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_permute(bigint, bigint) RETURNS integer
    AS '$libdir/vc_test_vector' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_opclass(text) RETURNS text
    AS '$libdir/vc_test_vector' LANGUAGE C STRICT;

SELECT n, k, vc_test_permute(n, k) >= 0 AS ok FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 63, 64, 65, 1000, 65537]) n, unnest(ARRAY[0, 7]) k;
-- it moves nearly everything
SELECT vc_test_permute(100000, 1) < 20 AS shuffled;
SELECT name, vc_test_opclass(name) FROM unnest(ARRAY['am_vector_l2_ops', 'am_vector_ip_ops', 'am_halfvec_cosine_ops',
    'am_vector_l2_op', 'am_vector_l2_opsx', 'xm_vector_l2_ops', 'am_vector__ops', '']) name;

CREATE TABLE s (id integer, v vector(3));
INSERT INTO s SELECT i, format('[%s,3,4]', i)::vector FROM generate_series(1, 2000) i;
INSERT INTO s SELECT 0, NULL FROM generate_series(1, 10);
CREATE INDEX s_v ON s USING btree (v);
CREATE INDEX s_p ON s USING btree (v) WHERE id % 2 = 0;
CREATE INDEX s_e ON s USING btree ((v + '[1,0,0]'::vector)) WHERE id > 0;
CREATE INDEX s_d ON s USING btree (((v + '[1,0,0]'::vector)::vector(3))) WHERE id > 0;
SELECT vc_test_sample('s_v', 0, 0, 100000, 5000, 1);
SELECT sum(id), sum(id::float8 * id + 25) FROM s WHERE v IS NOT NULL;
SELECT vc_test_sample('s_p', 0, 0, 100000, 5000, 1);
SELECT sum(id) FROM s WHERE v IS NOT NULL AND id % 2 = 0;
SELECT vc_test_sample('s_d', 0, 0, 100000, 5000, 1);
-- cosine: unit length
SELECT vc_test_sample('s_v', 0, 2, 100000, 5000, 1) ~ 'norms=2000 ';
-- a part: what is wanted, what fits, nothing; different seeds, different rows
SELECT vc_test_sample('s_v', 0, 0, 100, 5000, 1) ~ 'rows=100 .*all_blocks=0';
SELECT vc_test_sample('s_v', 0, 0, 100, 50, 1) ~ 'rows=50 ';
SELECT vc_test_sample('s_v', 0, 0, 0, 50, 1);
SELECT vc_test_sample('s_v', 0, 0, 100, 100, 1) <> vc_test_sample('s_v', 0, 0, 100, 100, 2);
SELECT vc_test_sample('s_v', 0, 0, 100, 100, 1) = vc_test_sample('s_v', 0, 0, 100, 100, 1);
-- estimates: exact when all blocks are looked at, close when a few are
SELECT vc_test_estimate('s_v', 1000), vc_test_estimate('s_p', 1000);
SELECT vc_test_estimate('s_v', 5) BETWEEN 1700 AND 2300;
-- no dimension
SELECT vc_test_sample('s_e', 0, 0, 1, 1, 1);
-- an empty table
CREATE TABLE e (v vector(3));
CREATE INDEX e_v ON e USING btree (v);
SELECT vc_test_sample('e_v', 0, 0, 10, 10, 1);
SELECT vc_test_estimate('e_v', 5);
-- halves
CREATE TABLE h (v halfvec(2));
INSERT INTO h VALUES ('[1,2]'), ('[3,4]');
CREATE INDEX h_v ON h USING btree (v);
SELECT vc_test_sample('h_v', 1, 0, 10, 10, 1);
-- dead rows whose TOAST is gone are not met; own rows are seen
CREATE TABLE big (id integer, v vector(2000));
ALTER TABLE big ALTER v SET STORAGE EXTERNAL;
SET client_min_messages = warning;
CREATE INDEX big_v ON big USING ivfflat (v vector_l2_ops) WITH (lists = 1);
RESET client_min_messages;
BEGIN;
INSERT INTO big SELECT i, array_fill(i, ARRAY[2000])::vector FROM generate_series(1, 20) i;
DELETE FROM big WHERE id % 2 = 0;
UPDATE big SET v = array_fill(-1, ARRAY[2000])::vector, id = -id WHERE id > 10;
SELECT vc_test_sample('big_v', 0, 0, 100, 100, 1);
COMMIT;
VACUUM big;
SELECT vc_test_sample('big_v', 0, 0, 100, 100, 1);
DROP TABLE s, e, h, big;
