-- Text analysis: what an index finds in a text is what to_tsvector finds, without its limits.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

SELECT * FROM bm25_analyze('english', 'The quick foxes jumped over http://example.com/a/b.html, up-to-date: 12.5e3');
SELECT * FROM bm25_analyze('simple', '');
SELECT * FROM bm25_analyze('simple', NULL);

-- Is it the same as to_tsvector, lexeme by lexeme and position by position?
CREATE FUNCTION same(config regconfig, document text) RETURNS boolean LANGUAGE sql AS $$
    SELECT coalesce((SELECT array_agg((lexeme, positions)::text ORDER BY lexeme COLLATE "C") FROM bm25_analyze(config, document)), '{}')
         = coalesce((SELECT array_agg((lexeme, positions::int[])::text ORDER BY lexeme COLLATE "C") FROM unnest(to_tsvector(config, document))), '{}')
$$;
SELECT same('english', 'a test'), (SELECT count(*) FROM bm25_analyze('english', 'a test'));

-- real texts
SELECT count(*) > 1000 AS enough, bool_and(same('english', description)) AS english, bool_and(same('simple', description)) AS simple,
       bool_and(same('german', description)) AS german
FROM pg_description;

-- odd texts
CREATE TABLE odd (t text);
INSERT INTO odd VALUES (''), (' '), ('-'), ('the'), ('a a a'),
    ('http://a.b.c/d?e=f&g=h#i ftp://x.y user@host.example.org'),
    ('up-to-date well-known-but-long-compound-word x-1 1-x -1 -1.5e-10 +3'),
    ('<a href="x y z">link</a> <!-- comment --> &amp; &#32; &nbsp; x<y>z a<b c>d'),
    ('/usr/local/bin ~/x ../y /a/b.c foo_bar __init__ a.b@c @x #y $z %w'),
    ('Überraschung Straße ГОД год 東京 ひらがな ὈΔΥΣΣΕΎΣ مرحبا بالعالم'),
    ('1.2.3 1.2.3.4 v1.2 a.b.c 123abc abc123 0x1F 1e5 1E+5 .5 5. 5.e'),
    (E'don''t it''s O''Reilly a\tb\nc\rd'),
    (repeat(' ', 3000) || 'tail'),
    (repeat('x', 2045) || ' ' || repeat('y', 2046)),
    ((SELECT string_agg('w' || i, ' ') FROM generate_series(1, 16000) i));
SET client_min_messages = warning;
SELECT config, count(*), count(*) FILTER (WHERE NOT same(config::regconfig, t)) AS different
FROM odd, unnest('{english,simple,german,russian,arabic}'::text[]) config
GROUP BY config ORDER BY config COLLATE "C";
RESET client_min_messages;
SELECT same('simple', repeat('x', 2048) || ' tail');

-- configurations with other dictionaries: several variants, filters, synonyms, unknown words, phrases
CREATE TEXT SEARCH DICTIONARY synonyms (TEMPLATE = synonym, SYNONYMS = synonym_sample);
CREATE TEXT SEARCH DICTIONARY ispell_words (TEMPLATE = ispell, DICTFILE = ispell_sample, AFFFILE = ispell_sample);
CREATE TEXT SEARCH DICTIONARY phrases (TEMPLATE = thesaurus, DICTFILE = thesaurus_sample, DICTIONARY = english_stem);
CREATE TEXT SEARCH CONFIGURATION with_synonyms (COPY = english);
ALTER TEXT SEARCH CONFIGURATION with_synonyms ALTER MAPPING FOR asciiword WITH synonyms, english_stem;
CREATE TEXT SEARCH CONFIGURATION with_ispell (COPY = english);
ALTER TEXT SEARCH CONFIGURATION with_ispell ALTER MAPPING FOR asciiword, word, hword_asciipart WITH ispell_words;
CREATE TEXT SEARCH CONFIGURATION with_phrases (COPY = english);
ALTER TEXT SEARCH CONFIGURATION with_phrases
    ALTER MAPPING FOR asciiword, word, numword, asciihword, hword, numhword, hword_asciipart, hword_part,
    hword_numpart, int, uint, float, host, email, url, url_path, file, version, sfloat WITH phrases, english_stem;
CREATE TEXT SEARCH CONFIGURATION few (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION few ADD MAPPING FOR asciiword WITH synonyms;

SELECT * FROM bm25_analyze('with_phrases', 'one two three, one two four; supernovae and supernovae stars: booking of tickets, booking tickets, one');
SELECT * FROM bm25_analyze('with_ispell', 'footballklubber and bookings');
SELECT * FROM bm25_analyze('few', 'nothing known but postgres and postgresql');

SELECT setseed(0.3);
CREATE TABLE random_texts AS
SELECT (SELECT coalesce(string_agg(w[1 + floor(random() * cardinality(w))::int + 0 * j], ' '), '')
        FROM generate_series(1, i % 13) j) AS t
FROM generate_series(1, 1500) i,
     (SELECT '{one,two,three,supernovae,stars,booking,tickets,order,invitation,cards,the,a,supernova,postgres,
               postgresql,skies,bookings,footballklubber,foot,ball,klubb,unbook,re-booked,Hôtel,élan,12,3.5,
               one-two,gogle,indices,foot-ball,x@y.z,<b>,_,"one two",sn,café}'::text[] AS w) words;
SELECT config, count(*), count(*) FILTER (WHERE NOT same(config::regconfig, t)) AS different,
       count(*) FILTER (WHERE to_tsvector(config::regconfig, t) <> to_tsvector('english', t)) > 100 AS special
FROM random_texts, unnest('{with_synonyms,with_ispell,with_phrases,few}'::text[]) config
GROUP BY config ORDER BY config COLLATE "C";

-- a dictionary that changes is noticed, also within a statement that keeps its cache of tokens
DO $$
DECLARE
    document text := 'postgres';
    found bm25vector;
BEGIN
    FOR i IN 1..2 LOOP
        found := bm25_tokenize('with_synonyms', document);
        RAISE NOTICE 'postgres is %', CASE WHEN found = bm25_vector('pgsql:1') THEN 'pgsql' WHEN found = bm25_vector('postgres:1') THEN 'postgres' END;
        IF i = 1 THEN
            ALTER TEXT SEARCH CONFIGURATION with_synonyms ALTER MAPPING FOR asciiword WITH simple;
        END IF;
    END LOOP;
END
$$;

-- beyond the limits of tsvector: each occurrence, at any position, in more than 1 MB
SELECT lexeme, cardinality(positions), positions[20000]
FROM bm25_analyze('simple', repeat('tick tock ', 20000)) ORDER BY 1;
SELECT count(*), sum(length(lexeme))
FROM bm25_analyze('simple', (SELECT string_agg(md5(i::text), ' ') FROM generate_series(1, 40000) i));

-- ids are FNV-1a hashes, the same as those of the tsvector
SELECT bm25_tokenize('simple', ''), bm25_tokenize('simple', 'a'), bm25_tokenize('simple', 'foobar foobar');
SELECT x'e40c292c'::bigint AS a, x'bf9cf968'::bigint AS foobar;
SELECT bm25_tokenize('english', NULL);
SELECT count(*) > 1000 AS enough,
       bool_and(bm25_tokenize('english', description) = bm25_vector(to_tsvector('english', description))) AS equal
FROM pg_description;
-- two lexemes of equal hash are one term
SELECT bm25_tokenize('simple', 'costarring liquid costarring'), length(to_tsvector('simple', 'costarring liquid'));

DROP TABLE odd, random_texts;
DROP FUNCTION same(regconfig, text);
DROP TEXT SEARCH CONFIGURATION with_synonyms;
DROP TEXT SEARCH CONFIGURATION with_ispell;
DROP TEXT SEARCH CONFIGURATION with_phrases;
DROP TEXT SEARCH CONFIGURATION few;
DROP TEXT SEARCH DICTIONARY synonyms;
DROP TEXT SEARCH DICTIONARY ispell_words;
DROP TEXT SEARCH DICTIONARY phrases;
