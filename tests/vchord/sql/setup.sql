-- Tables and functions that the other tests of vchordrq use.

-- the same numbers on every server: -1 <= noise < 1
CREATE FUNCTION noise(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || substr(md5(n::text), 1, 8))::bit(32)::int / 2147483648::float8
$$;

-- What a statement does: "ok", or its SQLSTATE and message.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- What the planner does.  18 also says which of its nodes a setting disables.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line !~ 'Disabled: ' THEN
            RETURN NEXT line;
        END IF;
    END LOOP;
END $$;

-- The rows of a query of one column, through an index of ours and without one; without one, rows that have no
-- vector are left out.
CREATE FUNCTION by_index(query text) RETURNS float8[] LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    line text;
    used boolean := false;
    result float8[];
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
        used := used OR line ~ 'Order By:';
    END LOOP;
    IF NOT used THEN
        RAISE EXCEPTION 'no index scan for %', regexp_replace(query, '\[[^]]*\]', '[...]', 'g');
    END IF;
    EXECUTE 'SELECT array_agg(d) FROM (' || query || ') s (d)' INTO result;
    RETURN coalesce(result, '{}');
END $$;

CREATE FUNCTION by_table(query text) RETURNS float8[] LANGUAGE plpgsql
SET enable_indexscan = off SET enable_seqscan = on AS $$
DECLARE
    result float8[];
BEGIN
    EXECUTE 'SELECT array_agg(d) FROM (' || query || ') s (d) WHERE d IS NOT NULL' INTO result;
    RETURN coalesce(result, '{}');
END $$;

-- Compares the two for a query that selects distances in their order: "good" has as many rows, and
-- at least the share `recall` of them no farther than the farthest of the exact answer.  Order is
-- judged with room for rounding, as we add in another order than pgvector, and not at all without
-- `ordered`: later rounds of a scan may find nearer rows.
CREATE FUNCTION check_scan(query text, recall float8 DEFAULT 0.95, ordered boolean DEFAULT true, OUT verdict text, OUT share float8)
LANGUAGE plpgsql AS $$
DECLARE
    found float8[] := by_index(query);
    exact float8[] := by_table(query);
    sorted boolean;
BEGIN
    SELECT coalesce(count(*) FILTER (WHERE d <= exact[cardinality(exact)]) / nullif(cardinality(exact), 0)::float8, 1),
        NOT ordered OR coalesce(bool_and(d >= before - 1e-5), true)
    INTO share, sorted
    FROM (SELECT d, coalesce(lag(d) OVER (ORDER BY n), '-infinity') AS before
          FROM unnest(found) WITH ORDINALITY u (d, n)) s;
    verdict := concat_ws(', ',
        CASE WHEN cardinality(found) = cardinality(exact) THEN cardinality(exact) || ' rows'
             ELSE format('%s rows of %s', cardinality(found), cardinality(exact)) END,
        CASE WHEN NOT sorted THEN 'not sorted' END,
        CASE WHEN share >= recall THEN 'good' ELSE format('recall %s', share) END);
END $$;

-- The same for twenty queries: `template` has $q in the place of the query, which comes from tab's
-- column `col`; recall is their mean.
CREATE FUNCTION check_scans(template text, tab regclass, col text DEFAULT 'val',
    recall float8 DEFAULT 0.95, ordered boolean DEFAULT true)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(DISTINCT c.verdict, ''; '') ||
            CASE WHEN avg(c.share) >= %L THEN '', good'' ELSE format('', mean recall %%s'', avg(c.share)) END
        FROM (SELECT %I AS q FROM %s WHERE %2$I IS NOT NULL ORDER BY id LIMIT 20) s, check_scan(replace(%4$L, ''$q'', quote_literal(q)), 0, %5$L) c',
        recall, col, tab, template, ordered) INTO result;
    RETURN replace(result, ', good, ', ', ');
END $$;

-- gen64: known rows of unit length; row i, component j from the md5 of the number 64 * i + j
CREATE TABLE gen64 (id int, val vector(64), half halfvec(64));
INSERT INTO gen64 (id, val)
SELECT i, l2_normalize(array_agg(('x' || substr(md5((64 * i + j)::text), 1, 16))::bit(64)::bigint
                                 / 18446744073709551616::float8 ORDER BY j)::vector(64))
FROM generate_series(0, 2047) i, generate_series(1, 64) j GROUP BY i ORDER BY i;
UPDATE gen64 SET half = val;
VACUUM (FULL, ANALYZE) gen64;

-- t3: few dimensions
CREATE TABLE t3 (id int, val vector(3), half halfvec(3));
INSERT INTO t3 SELECT i, a, a::vector FROM (
    SELECT i, ARRAY[noise(3 * i), noise(3 * i + 1), noise(3 * i + 2)] AS a
    FROM generate_series(1, 1000) i) s;
ANALYZE t3;

-- t96: codes of one bit are used here, lists are chosen automatically, and rows come in clusters
CREATE TABLE t96 (id int, grp int, val vector(96), half halfvec(96));
INSERT INTO t96 (id, grp, val)
SELECT i, g, array_agg(noise(100000 + 96 * g + j) + 0.7 * noise(1000000 + 96 * i + j) ORDER BY j)::vector(96)
FROM (SELECT i, i * 7919 % 40 AS g FROM generate_series(1, 6000) i) s, generate_series(1, 96) j
GROUP BY i, g ORDER BY i;
UPDATE t96 SET half = val;
VACUUM (FULL, ANALYZE) t96;
