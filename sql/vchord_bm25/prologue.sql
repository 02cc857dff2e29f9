-- vchord_bm25: joined from sql/vchord_bm25 by the build
\echo Use "CREATE EXTENSION vchord_bm25" to load this file. \quit

-- What a query needs is in pg_catalog, so that it is found with any search_path: bm25query, its
-- constructors, the operators and the operator class.  Everything else is in bm25_catalog, and so are twins of
-- the names that scripts of the older generation write with that schema in front.
GRANT USAGE ON SCHEMA bm25_catalog TO PUBLIC;
