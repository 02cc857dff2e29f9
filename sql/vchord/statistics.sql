-- Cumulative counters of scans.
CREATE FUNCTION _vchordrq_stat_get(
    OUT indexrelid oid,
    OUT scans bigint,
    OUT rounds bigint,
    OUT lists_probed bigint,
    OUT codes_scanned bigint,
    OUT exact_reranks bigint,
    OUT prefilter_rows bigint,
    OUT prefilter_removed bigint,
    OUT prefilter_invisible bigint,
    OUT rows_emitted bigint,
    OUT stats_reset timestamptz)
    RETURNS SETOF record
    AS '$libdir/vchordrq', '_vchordrq_stat_get'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION _vchordrq_stat_scope() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_stat_scope'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE VIEW vchordrq_stat_indexes AS
    SELECT t.oid AS relid, i.oid AS indexrelid, n.nspname AS schemaname, t.relname, i.relname AS indexrelname,
        coalesce(s.scans, 0) AS scans,
        coalesce(s.rounds, 0) AS rounds,
        coalesce(s.lists_probed, 0) AS lists_probed,
        coalesce(s.codes_scanned, 0) AS codes_scanned,
        coalesce(s.exact_reranks, 0) AS exact_reranks,
        coalesce(s.prefilter_rows, 0) AS filtered_candidates,
        coalesce(s.prefilter_removed, 0) AS filtered_removed,
        coalesce(s.prefilter_invisible, 0) AS filtered_invisible,
        coalesce(s.rows_emitted, 0) AS rows_emitted,
        _vchordrq_stat_scope() AS stats_scope,
        s.stats_reset
    FROM pg_catalog.pg_class i
        JOIN pg_catalog.pg_am a ON a.oid = i.relam AND a.amname = 'vchordrq'
        JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid
        JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
        LEFT JOIN _vchordrq_stat_get() s ON s.indexrelid = i.oid
    WHERE i.relkind = 'i';
COMMENT ON VIEW vchordrq_stat_indexes IS 'what scans of vchordrq indexes did since the server (stats_scope: or the session) began';
GRANT SELECT ON vchordrq_stat_indexes TO PUBLIC;

CREATE FUNCTION vchordrq_stat_reset(index regclass DEFAULT NULL) RETURNS void
    AS '$libdir/vchordrq', 'vchordrq_stat_reset'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_stat_reset IS 'set the counters of an index to zero (owner of the table), or of all (owner of the database)';
