-- Version of the loaded library.  Calling it loads the module and with it the module's settings.
CREATE FUNCTION vchord_version() RETURNS text
    AS '$libdir/vchordrq', 'vchord_version'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
