-- The library is loaded when it is first needed; settings made before that count from then on.
SET vchordrq.probes = '2';
SET vchordrq."order" = strict;
SELECT attempt('SELECT current_setting(''vchordrq.epsilon'')');
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = 4);
SHOW vchordrq.probes;
SHOW vchordrq."order";
SHOW vchordrq.epsilon;
SET enable_seqscan = off;
SELECT count(*) < 1000 AS some FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]') s;
-- a session whose first use is a query
\c
SET enable_seqscan = off;
SET vchordrq.probes = '0';
SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]') s;
-- bad values are found then, and dropped
\c
SET vchordrq.probes = 'many';
SET vchordrq.epsilon = 1000;
SET vchordrq.nothing = 1;
SELECT vchord_version() IS NOT NULL AS loaded;
SHOW vchordrq.probes;
SHOW vchordrq.epsilon;
SHOW vchordrq.nothing;
SET vchordrq.probes = 'many';
-- LOAD is enough
\c
LOAD 'vchordrq';
SHOW vchordrq.probes;
-- roles without privileges: once the library is loaded they may keep settings
CREATE ROLE regress_vchord_late;
SET ROLE regress_vchord_late;
SELECT attempt('ALTER ROLE regress_vchord_late SET vchordrq.probes = ''3''');
\c
SET ROLE regress_vchord_late;
SELECT attempt('ALTER ROLE regress_vchord_late SET vchordrq.probes = ''3''');
SELECT vchord_version() IS NOT NULL AS loaded;
SELECT attempt('ALTER ROLE regress_vchord_late SET vchordrq.probes = ''3''');
RESET ROLE;
DROP ROLE regress_vchord_late;
-- within a transaction that is rolled back
\c
BEGIN;
SET LOCAL vchordrq.probes = '3';
SELECT vchord_version() IS NOT NULL AS loaded;
SHOW vchordrq.probes;
ROLLBACK;
SELECT current_setting('vchordrq.probes') = '' AS reset;
DROP INDEX i;
-- without pgvector there is nothing to install; any schema will do
CREATE DATABASE regress_vchord_bare;
\c regress_vchord_bare
CREATE EXTENSION vchord;
CREATE SCHEMA types;
CREATE EXTENSION vector SCHEMA types;
CREATE EXTENSION vchord SCHEMA types;
CREATE TABLE t (id int, val types.vector(2));
CREATE INDEX ON t USING vchordrq (val types.vector_l2_ops);
INSERT INTO t SELECT i, ARRAY[i, i]::types.vector FROM generate_series(1, 10) i;
SET enable_seqscan = off;
SELECT id FROM t ORDER BY val OPERATOR(types.<->) '[0,0]' LIMIT 2;
DROP TABLE t;
DROP EXTENSION vector;
DROP EXTENSION vector CASCADE;
SELECT count(*) FROM pg_am WHERE amname = 'vchordrq';
\c postgres
DROP DATABASE regress_vchord_bare;
