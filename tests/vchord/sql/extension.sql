-- Installation brings pgvector along, and the library reports the version of the scripts.
CREATE EXTENSION vchord CASCADE;
SELECT extversion = vchord_version() AS same_version FROM pg_extension WHERE extname = 'vchord';
SELECT count(*) FROM pg_extension WHERE extname = 'vector';
DROP EXTENSION vchord;
CREATE SCHEMA elsewhere;
CREATE EXTENSION vchord SCHEMA elsewhere;
SELECT elsewhere.vchord_version() IS NOT NULL AS found;
ALTER EXTENSION vchord SET SCHEMA public;
SELECT vchord_version() IS NOT NULL AS found;
