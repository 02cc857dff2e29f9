-- Parsers that cut words into n-grams, and configurations with them.  A string is found as the phrase of
-- its n-grams: phraseto_tsquery('bm25_catalog.ngram', '...').
CREATE FUNCTION bm25_catalog.bm25_ngram_start(internal, int) RETURNS internal
    AS '$libdir/vchord_bm25', 'bm25_ngram_start'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25_trigram_start(internal, int) RETURNS internal
    AS '$libdir/vchord_bm25', 'bm25_trigram_start'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25_ngram_token(internal, internal, internal) RETURNS internal
    AS '$libdir/vchord_bm25', 'bm25_ngram_token'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25_ngram_end(internal) RETURNS void
    AS '$libdir/vchord_bm25', 'bm25_ngram_end'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25_ngram_types(internal) RETURNS internal
    AS '$libdir/vchord_bm25', 'bm25_ngram_types'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TEXT SEARCH PARSER bm25_catalog.ngram (
    START = bm25_catalog.bm25_ngram_start,
    GETTOKEN = bm25_catalog.bm25_ngram_token,
    END = bm25_catalog.bm25_ngram_end,
    LEXTYPES = bm25_catalog.bm25_ngram_types
);
COMMENT ON TEXT SEARCH PARSER bm25_catalog.ngram IS
    'words, and bigrams of Chinese, Japanese and Korean';

CREATE TEXT SEARCH PARSER bm25_catalog.trigram (
    START = bm25_catalog.bm25_trigram_start,
    GETTOKEN = bm25_catalog.bm25_ngram_token,
    END = bm25_catalog.bm25_ngram_end,
    LEXTYPES = bm25_catalog.bm25_ngram_types
);
COMMENT ON TEXT SEARCH PARSER bm25_catalog.trigram IS
    'trigrams of words, and bigrams of Chinese, Japanese and Korean';

CREATE TEXT SEARCH CONFIGURATION bm25_catalog.ngram (PARSER = bm25_catalog.ngram);
ALTER TEXT SEARCH CONFIGURATION bm25_catalog.ngram
    ADD MAPPING FOR word, cjk, gram WITH pg_catalog.simple;
COMMENT ON TEXT SEARCH CONFIGURATION bm25_catalog.ngram IS
    'lower-case words, and bigrams of Chinese, Japanese and Korean';

CREATE TEXT SEARCH CONFIGURATION bm25_catalog.trigram (PARSER = bm25_catalog.trigram);
ALTER TEXT SEARCH CONFIGURATION bm25_catalog.trigram
    ADD MAPPING FOR word, cjk, gram WITH pg_catalog.simple;
COMMENT ON TEXT SEARCH CONFIGURATION bm25_catalog.trigram IS
    'lower-case trigrams of words, and bigrams of Chinese, Japanese and Korean';
