-- Text analysis: what an index on a text column finds in a text.
CREATE FUNCTION bm25_catalog.bm25_tokenize(config regconfig, document text) RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', 'bm25_tokenize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bm25_catalog.bm25_tokenize(regconfig, text) IS
    'lexemes of a text, counted; the id of a lexeme is the 32-bit FNV-1a hash of its bytes';

CREATE FUNCTION bm25_catalog.bm25_analyze(config regconfig, document text)
    RETURNS TABLE (lexeme text, positions int[])
    AS '$libdir/vchord_bm25', 'bm25_analyze_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 100;
COMMENT ON FUNCTION bm25_catalog.bm25_analyze(regconfig, text) IS
    'lexemes of a text and where they are, as a bm25 index on text finds them';
