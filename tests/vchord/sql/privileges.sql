-- Who may do what: building and searching follow the table, page content is for superusers.
CREATE ROLE regress_vchord_owner;
CREATE ROLE regress_vchord_user;
CREATE SCHEMA priv AUTHORIZATION regress_vchord_owner;
GRANT USAGE ON SCHEMA priv TO regress_vchord_user;
SET ROLE regress_vchord_owner;
CREATE TABLE priv.p (id int, val vector(3));
CREATE INDEX p_i ON priv.p USING vchordrq (val vector_l2_ops);
INSERT INTO priv.p SELECT i, ARRAY[i, i, i]::vector FROM generate_series(1, 10) i;
SELECT attempt('SELECT * FROM vchordrq_index_check(''priv.p_i'')'), attempt('SELECT vchordrq_page_inspect(''priv.p_i'', 0)');
SELECT rows FROM vchordrq_index_info('priv.p_i');
SELECT vchordrq_prewarm('priv.p_i') <> '' AS prewarmed;
SET ROLE regress_vchord_user;
SET enable_seqscan = off;
SELECT attempt('SELECT id FROM priv.p ORDER BY val <-> ''[0,0,0]'''), attempt('CREATE INDEX ON priv.p USING vchordrq (val vector_l2_ops)'),
    left(attempt('REINDEX INDEX priv.p_i'), 5) AS reindex, attempt('ALTER INDEX priv.p_i SET (epsilon = 1)'), attempt('DROP INDEX priv.p_i');
SELECT attempt('SELECT vchordrq_index_info(''priv.p_i'')'), attempt('SELECT vchordrq_prewarm(''priv.p_i'')');
SET ROLE regress_vchord_owner;
GRANT SELECT ON priv.p TO regress_vchord_user;
SET ROLE regress_vchord_user;
SELECT id FROM priv.p ORDER BY val <-> '[0,0,0]' LIMIT 2;
SELECT rows FROM vchordrq_index_info('priv.p_i');
SELECT attempt('INSERT INTO priv.p VALUES (11, ''[0,0,0]'')');
-- settings are everyone's
SET vchordrq.probes = '';
SET vchordrq.epsilon = 1;
SET vchordrq.prefilter = off;
SET vchordrq."order" = strict;
SET vchordrq.max_scan_tuples = 3;
SET vchordrq.enable_scan = on;
SET vchordrq.io_search = read_buffer;
SET vchordrq.io_rerank = read_buffer;
SELECT count(*) FROM (SELECT id FROM priv.p ORDER BY val <-> '[0,0,0]') s;
RESET ROLE;
-- the owner's functions run as the owner, whoever builds
CREATE FUNCTION priv.who(val vector) RETURNS vector(3) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'regress_vchord_owner' THEN
        RAISE EXCEPTION 'run by %', current_user;
    END IF;
    RETURN val;
END $$;
CREATE INDEX p_who ON priv.p USING vchordrq ((priv.who(val)::vector(3)) vector_l2_ops) WITH (lists = 2);
REINDEX INDEX priv.p_who;
VACUUM priv.p;
SELECT * FROM vchordrq_index_check('priv.p_who', true);
DROP INDEX priv.p_who;
-- page content may be granted
GRANT EXECUTE ON FUNCTION vchordrq_index_check TO regress_vchord_owner;
SET ROLE regress_vchord_owner;
SELECT * FROM vchordrq_index_check('priv.p_i', true);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION vchordrq_index_check FROM regress_vchord_owner;
-- no search path is needed
SET search_path = '';
SELECT id FROM priv.p ORDER BY val OPERATOR(public.<->) '[0,0,0]' LIMIT 1;
REINDEX INDEX priv.p_i;
INSERT INTO priv.p VALUES (12, '[0,0,0]');
SELECT id FROM priv.p ORDER BY val OPERATOR(public.<->) '[0,0,0]' LIMIT 1;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA priv CASCADE;
DROP ROLE regress_vchord_owner, regress_vchord_user;
