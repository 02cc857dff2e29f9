-- Twelve operator classes of vchordg on rows and orders that are known, and compared with the sequential scan.
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE amname = 'vchordg' ORDER BY 1;
SELECT ARRAY[_vchordg_support_vector_l2_ops(), _vchordg_support_halfvec_ip_ops(), _vchordg_support_rabitq8_cosine_ops(),
    _vchordg_support_rabitq4_l2_ops()];

-- orders that are known
CREATE FUNCTION nearest(operator text, col text) RETURNS int[] LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    query text := format('SELECT id FROM gen64 ORDER BY %I %s (ARRAY[0.6, 0.8] || array_fill(0.0, ARRAY[62]))::vector(64)::%s LIMIT 10',
        col, operator, CASE col WHEN 'val' THEN 'vector' ELSE 'halfvec' END);
    line text;
    ids int[];
BEGIN
    FOR line IN SELECT plan(query) LOOP
        IF line ~ 'Index Scan' THEN RAISE NOTICE '%', line; END IF;
    END LOOP;
    EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO ids;
    RETURN ids;
END $$;
CREATE INDEX gen64_vector_l2 ON gen64 USING vchordg (val vector_l2_ops);
SELECT nearest('<->', 'val');
CREATE INDEX gen64_vector_ip ON gen64 USING vchordg (val vector_ip_ops);
SELECT nearest('<#>', 'val');
CREATE INDEX gen64_vector_cosine ON gen64 USING vchordg (val vector_cosine_ops);
SELECT nearest('<=>', 'val');
CREATE INDEX gen64_halfvec_l2 ON gen64 USING vchordg (half halfvec_l2_ops);
SELECT nearest('<->', 'half');
CREATE INDEX gen64_halfvec_ip ON gen64 USING vchordg (half halfvec_ip_ops);
SELECT nearest('<#>', 'half');
CREATE INDEX gen64_halfvec_cosine ON gen64 USING vchordg (half halfvec_cosine_ops);
SELECT nearest('<=>', 'half');
SELECT i, c.* FROM unnest(ARRAY['gen64_vector_l2', 'gen64_vector_ip', 'gen64_vector_cosine', 'gen64_halfvec_l2',
    'gen64_halfvec_ip', 'gen64_halfvec_cosine']) i, vchordg_index_check(i::regclass, true) c;
DROP INDEX gen64_vector_l2, gen64_vector_ip, gen64_vector_cosine,
    gen64_halfvec_l2, gen64_halfvec_ip, gen64_halfvec_cosine;

-- clusters; every class is built in memory, and once row by row
CREATE TABLE q (id int, val vector(96), half halfvec(96), rabitq8 rabitq8(96), rabitq4 rabitq4(96));
INSERT INTO q SELECT id, val, half, quantize_to_rabitq8(val), quantize_to_rabitq4(val) FROM t96 WHERE id <= 2000;
INSERT INTO q (id) SELECT generate_series(2001, 2010);
ANALYZE q;
CREATE FUNCTION compare(col text, metric text, empty boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    op text := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
    type text := CASE col WHEN 'val' THEN 'vector' WHEN 'half' THEN 'halfvec' ELSE col END;
    result text;
BEGIN
    IF empty THEN
        CREATE TEMP TABLE rows ON COMMIT DROP AS TABLE q;
        TRUNCATE q;
    END IF;
    EXECUTE format('CREATE INDEX q_i ON q USING vchordg (%I %s_%s_ops)', col, type, metric);
    IF empty THEN
        INSERT INTO q SELECT * FROM rows;
        DROP TABLE rows;
    END IF;
    result := check_scans(format('SELECT %1$I %2$s $q::%3$s FROM q ORDER BY %1$I %2$s $q::%3$s LIMIT 10', col, op, type), 'q', col)
        || (SELECT coalesce(string_agg(message, '; '), ', sound') FROM vchordg_index_check('q_i', true))
        || (SELECT format(', %s %s, %s rows of %s vertices', i.type, i.metric, i.rows, i.vertices) FROM vchordg_index_info('q_i') i);
    DROP INDEX q_i;
    RETURN result;
END $$;
SELECT col, metric, empty, compare(col, metric, empty)
FROM unnest(ARRAY['val', 'half', 'rabitq8', 'rabitq4']) col, unnest(ARRAY['l2', 'ip', 'cosine']) metric,
    unnest(ARRAY[false, true]) empty
WHERE NOT empty OR (col, metric) IN (('val', 'l2'), ('half', 'ip'), ('rabitq8', 'cosine'), ('rabitq4', 'ip'));
DROP FUNCTION compare;
DROP FUNCTION nearest;
DROP TABLE q;

-- quantised expressions of known rows
CREATE INDEX gen64_q ON gen64 USING vchordg ((quantize_to_rabitq8(val)::rabitq8(64)) rabitq8_l2_ops);
SET enable_seqscan = off;
SELECT ARRAY(SELECT id FROM gen64 ORDER BY quantize_to_rabitq8(val)::rabitq8(64) <->
    quantize_to_rabitq8((ARRAY[0.6, 0.8] || array_fill(0.0, ARRAY[62]))::vector(64)) LIMIT 10);
SELECT * FROM vchordg_index_check('gen64_q', true);
DROP INDEX gen64_q;
RESET enable_seqscan;

-- few dimensions, and vectors over several pages
CREATE TABLE one (id int, val vector(1));
INSERT INTO one SELECT i, ARRAY[i]::vector FROM generate_series(1, 300) i;
CREATE INDEX one_i ON one USING vchordg (val vector_l2_ops);
SET enable_seqscan = off;
SELECT ARRAY(SELECT id FROM one ORDER BY val <-> '[17.2]' LIMIT 5);
RESET enable_seqscan;
SELECT * FROM vchordg_index_check('one_i', true);
CREATE TABLE two (id int, val vector(2));
CREATE INDEX two_i ON two USING vchordg (val vector_cosine_ops);
INSERT INTO two SELECT i, ARRAY[noise(i), noise(i + 1000)]::vector FROM generate_series(1, 300) i;
SELECT check_scans('SELECT val <=> $q FROM two ORDER BY val <=> $q LIMIT 10', 'two');
SELECT * FROM vchordg_index_check('two_i', true);
DROP TABLE one, two;
CREATE TABLE long (id int, val vector(3000));
INSERT INTO long SELECT i, (SELECT array_agg(noise(i * 7 % 10 * 3000 + j) + 0.5 * noise(i * 3000 + j) ORDER BY j)
    FROM generate_series(1, 3000) j)::vector FROM generate_series(1, 60) i;
CREATE INDEX long_i ON long USING vchordg (val vector_l2_ops);
SELECT check_scans('SELECT val <-> $q FROM long ORDER BY val <-> $q LIMIT 10', 'long');
INSERT INTO long SELECT id + 100, (SELECT array_agg(v * 1.01 ORDER BY n) FROM unnest(val::real[]) WITH ORDINALITY u (v, n))::vector FROM long;
DELETE FROM long WHERE id % 3 = 0;
VACUUM long;
INSERT INTO long SELECT id + 200, val FROM long WHERE id < 20;
INSERT INTO long SELECT id + 300, (SELECT array_agg(v * 0.98 ORDER BY n) FROM unnest(val::real[]) WITH ORDINALITY u (v, n))::vector FROM long WHERE id < 40;
SELECT check_scans('SELECT val <-> $q FROM long ORDER BY val <-> $q LIMIT 10', 'long');
SELECT * FROM vchordg_index_check('long_i', true);
SELECT rows - vertices AS shared, duplicates, (options ->> 'group_pages')::int > 1 AS groups FROM vchordg_index_info('long_i');
DROP TABLE long;
