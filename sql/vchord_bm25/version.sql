-- Version of the loaded library.  Calling it loads the module and with it the module's settings.
CREATE FUNCTION bm25_catalog.bm25_version() RETURNS text
    AS '$libdir/vchord_bm25', 'bm25_version'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
