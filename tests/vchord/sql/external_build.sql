-- build.external: centroids from a table.
CREATE TABLE x (id int, v vector(3), h halfvec(3));
INSERT INTO x SELECT i, a::vector, a::vector::halfvec
FROM (SELECT i, ARRAY[sin(i), cos(i), i % 7]::float4[] AS a FROM generate_series(1, 1000) i) s;
CREATE TABLE c (id int, parent int, vector real[], note text);

CREATE FUNCTION build() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DROP INDEX IF EXISTS x_i;
    CREATE INDEX x_i ON x USING vchordrq (v vector_l2_ops)
        WITH (options = 'build.external.table = "public.c"');
    RETURN (SELECT array_agg(id) FROM (SELECT id FROM x ORDER BY v <-> '[1,0,3]' LIMIT 3) s);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || replace(SQLERRM, 'public.', '');
END $$;
SET client_min_messages = warning;
SET enable_seqscan = off;

SELECT build();		-- no row
INSERT INTO c VALUES (1, NULL, '{1,0,0}', 'a column more');
SELECT build();		-- a root alone
INSERT INTO c VALUES (1, NULL, '{1,0,0}');
SELECT build();		-- the same id
UPDATE c SET id = 2 WHERE ctid = '(0,2)';
SELECT build();		-- two leaves under their mean
INSERT INTO c VALUES (3, NULL, '{1,0}');
SELECT build();		-- dimension
UPDATE c SET vector = '{1,0,3}' WHERE id = 3;
UPDATE c SET parent = 1 WHERE id = 2;
SELECT build();		-- two roots
UPDATE c SET parent = 9 WHERE id = 3;
SELECT build();		-- unknown parent
UPDATE c SET parent = 2 WHERE id = 3;
SELECT build();		-- two levels
SET vchordrq.probes = '1';
SELECT build();
SET vchordrq.probes = '1,1';
SELECT build();
RESET vchordrq.probes;
INSERT INTO c VALUES (4, 1, '{1,0,0}');
SELECT build();		-- heights
INSERT INTO c VALUES (5, 4, '{1,1,1}');
SELECT build();
UPDATE c SET parent = 5 WHERE id = 4;
SELECT build();		-- a cycle beside the tree
UPDATE c SET parent = 3 WHERE id = 1;
SELECT build();		-- no root
UPDATE c SET id = NULL WHERE id = 1;
SELECT build();
TRUNCATE c;
INSERT INTO c SELECT i, nullif(i - 1, 0), '{1,2,3}' FROM generate_series(1, 10) i;
SELECT build();		-- too high
DELETE FROM c WHERE id = 10;
SELECT build();		-- as high as may be
UPDATE c SET vector = NULL WHERE id = 9;
SELECT build();

-- what casts to vector
TRUNCATE c;
INSERT INTO c SELECT i, NULL, ARRAY[i % 3, i % 5, i] FROM generate_series(1, 7) i;
ALTER TABLE c ALTER vector TYPE vector USING vector::vector;
SELECT build();
ALTER TABLE c ALTER vector TYPE halfvec;
SELECT build();
DROP INDEX x_i;
CREATE INDEX x_h ON x USING vchordrq (h halfvec_cosine_ops)
    WITH (options = 'build.external.table = "public.c"');
SELECT count(*) FROM (SELECT 1 FROM x ORDER BY h <=> '[1,0,3]' LIMIT 10) s;
ALTER TABLE c ALTER vector TYPE int USING 1;
SELECT build();
ALTER TABLE c ALTER vector TYPE vector USING '[1,2,3]', ALTER id TYPE bigint;
SELECT build();
DROP TABLE c;
SELECT build();
DROP TABLE x;
DROP FUNCTION build;
