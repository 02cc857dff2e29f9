-- Tables and functions that the other tests use.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;

-- What a statement does: "ok", or its SQLSTATE and message.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- What the planner does.  18 also says which of its nodes a setting disables.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line !~ 'Disabled: ' THEN
            RETURN NEXT line;
        END IF;
    END LOOP;
END $$;

-- passages: six of ten have the word PostgreSQL once, and are of different lengths: shortest first, they
-- are 8, 9, 4, 1, 7, 2
CREATE TABLE passages (id int PRIMARY KEY, passage text);
INSERT INTO passages VALUES
    (1, 'PostgreSQL is a database server that many companies run for important production work.'),
    (2, 'Full text search in PostgreSQL understands many languages, ranks documents by relevance and highlights matching words in results.'),
    (3, 'BM25 ranks documents by how often terms occur and how rare they are.'),
    (4, 'PostgreSQL indexes make searching large tables quick.'),
    (5, 'Inverted lists map each term to the documents that hold it.'),
    (6, 'Long documents are not better just because they repeat words.'),
    (7, 'Extensions add new types, operators and index methods to PostgreSQL without changing its source code.'),
    (8, 'PostgreSQL is fast.'),
    (9, 'PostgreSQL stores relational data and documents.'),
    (10, 'Relevance feedback asks readers which answers helped.');
ANALYZE passages;
