CREATE FUNCTION vc_test_bm25_segment(rel regclass, sink text, seed bigint, docs int, fields int,
        flags int, small int)
    RETURNS bigint AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_abandon(rel regclass, pages int, step int, full_header bool)
    RETURNS bigint AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_make(rel regclass, seed bigint, docs int, fields int, flags int)
    RETURNS int AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_damage(rel regclass, seed bigint) RETURNS bigint
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_restore(rel regclass) RETURNS void
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_read(rel regclass) RETURNS bigint
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_bench(rel regclass, docs int, terms int) RETURNS text
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_dump(index regclass)
    RETURNS TABLE (tid tid, field int, term bytea, tf int, positions int[], length int)
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;

-- Pages (kind, owner, incarnation, number) that nothing refers to; returns the first.
CREATE FUNCTION vc_test_bm25_lose(index regclass, kind int, owner int, incarnation int, pages int) RETURNS bigint
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;

-- Compares an index on text columns (field 0, 1 ..) with its table: number of postings, or an error that
-- tells what differs.  visible_only: without documents whose rows nobody sees, which VACUUM removes.  No row
-- was updated without a new index entry.
CREATE FUNCTION vc_test_bm25_compare(index regclass, visible_only boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    tab regclass := (SELECT indrelid FROM pg_index WHERE indexrelid = index);
    options text[] := (SELECT reloptions FROM pg_class WHERE oid = index);
    config text := coalesce((SELECT substr(o, 13) FROM unnest(options) o WHERE o LIKE 'text_config=%'), 'simple');
    with_positions bool := coalesce('positions=on' = ANY (options), false);
    exact bool := coalesce('norms=exact' = ANY (options), false);
    col text;
    field int := 0;
    parts text[] := '{}';
    lengths text[] := '{}';
    n bigint;
    postings bigint;
    wanted numeric;
    found numeric;
BEGIN
    FOR col IN SELECT quote_ident(attname) FROM pg_attribute a, pg_index i, unnest(i.indkey) WITH ORDINALITY k (num, ord)
                WHERE i.indexrelid = index AND a.attrelid = tab AND a.attnum = k.num ORDER BY k.ord LOOP
        parts := parts || format('SELECT t.ctid AS tid, %s AS field, convert_to(a.lexeme, ''UTF8'') AS term,
            cardinality(a.positions) AS tf, a.positions FROM %s t, LATERAL bm25_catalog.bm25_analyze(%L, t.%s) a',
            field, tab, config, col);
        field := field + 1;
    END LOOP;
    DROP TABLE IF EXISTS want, have, want_length;
    EXECUTE 'CREATE TEMP TABLE want AS ' || array_to_string(parts, ' UNION ALL ');
    CREATE TEMP TABLE have AS SELECT * FROM vc_test_bm25_dump(index);
    IF visible_only THEN
        EXECUTE format('DELETE FROM have h WHERE NOT EXISTS (SELECT FROM %s t WHERE t.ctid = h.tid)', tab);
    END IF;
    SELECT count(*) INTO postings FROM have WHERE term IS NOT NULL;

    -- as a set, by number and sum of hashes; a posting twice makes another sum
    SELECT count(*), coalesce(sum(hash_record_extended(ROW (w.tid, w.field, w.term, w.tf,
           CASE WHEN with_positions THEN w.positions END), 0)::numeric), 0) INTO n, wanted FROM want w;
    SELECT coalesce(sum(hash_record_extended(ROW (h.tid, h.field, h.term, h.tf, h.positions), 0)::numeric), 0)
      INTO found FROM have h WHERE h.term IS NOT NULL;
    IF n <> postings OR wanted <> found THEN
        RAISE 'index % has % postings, the table % (%)', index, postings, n,
            CASE WHEN n = postings THEN 'and others' ELSE 'or more differences' END;
    END IF;
    IF EXISTS (SELECT FROM have h WHERE h.term IS NULL GROUP BY h.tid, h.field HAVING count(*) > 1) THEN
        RAISE 'index %: a document twice', index;
    END IF;

    EXECUTE format('SELECT count(*) FROM %s t WHERE %s', tab, (SELECT string_agg(format('t.%s IS NOT NULL',
        quote_ident(attname)), ' OR ') FROM pg_attribute a, pg_index i WHERE i.indexrelid = index
        AND a.attrelid = tab AND a.attnum = ANY (i.indkey))) INTO n;
    IF n <> (SELECT count(*) FROM have h WHERE h.term IS NULL AND h.field = 0) THEN
        RAISE 'index %: % rows, other number of documents', index, n;
    END IF;

    CREATE TEMP TABLE want_length AS SELECT w.tid, w.field, sum(w.tf)::int AS length FROM want w GROUP BY 1, 2;
    SELECT count(*) INTO n FROM (SELECT * FROM have h WHERE h.term IS NULL) h LEFT JOIN want_length w USING (tid, field)
     WHERE coalesce(h.length, 0) <> coalesce(w.length, 0);
    IF n > 0 THEN
        RAISE 'index %: % lengths differ', index, n;
    END IF;
    -- quantised: by less than 1/8, downwards
    SELECT count(*) INTO n FROM have h JOIN want_length w USING (tid, field) WHERE h.term IS NOT NULL
       AND (h.length > w.length OR h.length * 8 < w.length * 7 OR (exact AND h.length <> w.length));
    IF n > 0 THEN
        RAISE 'index %: norms of % postings differ', index, n;
    END IF;
    RETURN postings;
END $$;
