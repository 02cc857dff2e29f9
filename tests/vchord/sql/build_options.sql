-- Options of CREATE INDEX: both forms, their checks, and what a build makes of them.
CREATE TABLE t (id int, v vector(3), h halfvec(3));
INSERT INTO t SELECT i, ARRAY[sin(i), cos(i), i % 7]::vector, ARRAY[sin(i), cos(i), i % 7]::vector::halfvec
FROM generate_series(1, 1000) i;
INSERT INTO t VALUES (1001, NULL, NULL);

CREATE FUNCTION build(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows float;
BEGIN
    EXECUTE 'CREATE INDEX i ON t USING vchordrq (v vector_l2_ops) WITH (' || options || ')';
    SELECT reltuples INTO rows FROM pg_class WHERE relname = 'i';
    DROP INDEX i;
    RETURN rows;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- all operator classes are valid
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'vchordrq' ORDER BY 1;

-- good documents
SELECT o, build(format('options = %L', o)) FROM unnest(ARRAY[
    '',
    'residual_quantization = true',
    'build.internal.lists = [10]',
    E'[build.internal]\nlists = [5, 1_0]\nspherical_centroids = true\nbuild_threads = 2',
    E'build.pin = 2\n[build.internal]\nlists = [20]\nkmeans_algorithm.hierarchical = {}',
    'build.default = {}',
    'build = { internal = { lists = [3], kmeans_iterations = 0 }, pin = true }',
    'degree_of_parallelism = 1 # one chain']) o;

-- bad documents
SELECT o, build(format('options = %L', o)) FROM unnest(ARRAY[
    'foo = 1',
    'build.internal.foo = 1',
    'build.internal.lists = 10',
    'build.internal.lists = [10',
    'build.internal.lists = [0]',
    'build.internal.lists = [20000000]',
    'build.internal.lists = [10, 5]',
    'build.internal.lists = [1,1,1,1,1,1,1,1,1]',
    'build.internal.sampling_factor = 0',
    'build.internal.kmeans_algorithm = "lloyd"',
    'build.internal.kmeans_algorithm = {}',
    'degree_of_parallelism = 300',
    'build.pin = 3',
    'build.pin = 1',
    E'build.default = {}\nbuild.internal.lists = [3]',
    'build.external = {}',
    'build.external.table = "s; SELECT s"',
    'build.external.table = "a.b.c"',
    'build.external.table = "1a"']) o;

-- native options, and the same thing said twice
SELECT o, build(o) FROM unnest(ARRAY[
    'lists = 10',
    $$lists = '2,20'$$,
    'lists = 5, residual_quantization = off, spherical_centroids, sampling_factor = 8, kmeans_iterations = 2',
    'lists = 5, kmeans_dimension = 2, build_threads = 3, degree_of_parallelism = 256, pin = 2',
    'rerank_in_table = true',
    $$probes = '', epsilon = 1.5, maxsim_refine = 1, maxsim_threshold = 2$$,
    'lists = 0',
    'lists = many',
    'lists = -1',
    'epsilon = 5',
    $$probes = '1,a'$$,
    'nothing = 1',
    $$lists = 5, options = 'build.internal.lists = [5]'$$,
    $$lists = 5, options = 'build.external.table = "c"'$$]) o;

-- columns
CREATE TABLE c (v vector, w vector(2), n int);
CREATE INDEX ON c USING vchordrq (v vector_l2_ops);
CREATE INDEX ON c USING vchordrq (w);
CREATE INDEX ON c USING vchordrq (w halfvec_l2_ops);
CREATE INDEX ON c USING vchordrq (w vector_l2_ops, w vector_ip_ops);
CREATE INDEX ON c USING vchordrq (w vector_l2_ops) INCLUDE (n);
CREATE UNIQUE INDEX ON c USING vchordrq (w vector_l2_ops);
INSERT INTO c (v) VALUES ('[1,2]'), ('[1,2,3]');
CREATE INDEX ON c USING vchordrq ((v::vector(2)) vector_l2_ops);

-- a dimension that clustering cannot reduce
CREATE INDEX ON t USING vchordrq (v vector_l2_ops) WITH (lists = 2, kmeans_dimension = 3);
-- an empty table gets the lists it was told
CREATE TABLE e (v vector(4));
CREATE INDEX ON e USING vchordrq (v vector_l2_ops) WITH (options = $$
build.internal.lists = [1000]
build.internal.kmeans_algorithm.hierarchical = {}$$);
CREATE INDEX ON e USING vchordrq (v vector_cosine_ops);

-- settings
SET vchordrq.probes = '3, 4';
SET vchordrq.probes = '3,,4';
SET vchordrq.probes = 'x';
SET vchordrq.epsilon = 4.5;
SET vchordrq.prefilter = yes;
SHOW vchordrq.prefilter;
SET vchordrq."order" = strict;
SET vchordrq."order" = none;
SET vchordrq.io_search = read_stream;
SET vchordrq.nothing = 1;
SELECT name, setting, boot_val FROM pg_settings WHERE name LIKE 'vchordrq.%' ORDER BY 1;
DROP TABLE t, c, e;
DROP FUNCTION build;
