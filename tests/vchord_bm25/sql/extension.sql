-- Installation: by a user who may create in the database, where names are, and removal without a trace.
CREATE ROLE vb_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO vb_owner', current_database()); END $$;
SET ROLE vb_owner;
CREATE EXTENSION vchord_bm25;
RESET ROLE;
SELECT extversion = bm25_catalog.bm25_version() AS same_version, extnamespace::regnamespace AS schema
    FROM pg_extension WHERE extname = 'vchord_bm25';
-- no vector code, no pgvector
SELECT count(*) FROM pg_extension WHERE extname IN ('vector', 'vchord');
-- what everyone finds without a search path
SET search_path = '';
SELECT 'bm25query'::regtype, to_regtype('bm25vector') AS vector;
SELECT oid::regprocedure FROM pg_proc WHERE proname = 'to_bm25query'
    ORDER BY oid::regprocedure::text COLLATE "C";
SELECT oid::regoperator FROM pg_operator WHERE oprname IN ('<&>', '@@') AND oprright = 'bm25query'::regtype ORDER BY oid;
SELECT opcname, opcnamespace::regnamespace, opcdefault FROM pg_opclass
    WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'bm25');
SELECT amopstrategy, amoppurpose, amopopr::regoperator, amvalidate(opc.oid) FROM pg_amop, pg_opclass opc
    WHERE amopmethod = (SELECT oid FROM pg_am WHERE amname = 'bm25') AND opcmethod = amopmethod 
    ORDER BY 1, amopopr::regoperator::text COLLATE "C";
-- what the access method can do
SELECT name, pg_indexam_has_property(oid, name) FROM pg_am,
    unnest('{can_order,can_unique,can_multi_col,can_exclude,can_include}'::text[]) name WHERE amname = 'bm25';
SELECT proname, provolatile, proparallel, proisstrict FROM pg_proc
    WHERE pronamespace IN ('pg_catalog'::regnamespace, 'bm25_catalog'::regnamespace)
    AND proname IN ('to_bm25query', 'bm25_score', 'bm25_match') ORDER BY 1, 2, 3, 4, oid;
-- everyone may use it
CREATE ROLE vb_user;
SET ROLE vb_user;
SELECT '{1:1}'::bm25_catalog.bm25vector;
RESET ROLE;
-- its members stay
DROP FUNCTION pg_catalog.to_bm25query(text, text, double precision);
RESET search_path;
-- and go
SET ROLE vb_owner;
DROP EXTENSION vchord_bm25;
RESET ROLE;
SELECT to_regtype('bm25query'), to_regproc('to_bm25query'),
    (SELECT count(*) FROM pg_am WHERE amname = 'bm25') AS methods,
    (SELECT count(*) FROM pg_operator WHERE oprname = '<&>') AS operators;
-- but for the schema, which core makes for an extension and leaves to its owner
DROP SCHEMA bm25_catalog;
DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM vb_owner', current_database()); END $$;
DROP ROLE vb_owner, vb_user;
