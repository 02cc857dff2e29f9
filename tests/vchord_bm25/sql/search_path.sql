-- Three search paths and the scripts of both generations: the same names are found.
CREATE SCHEMA sp;
CREATE FUNCTION sp.generation_a(prefix text, OUT ids text, OUT score text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE replace('CREATE TABLE sp.a (id int, v PREFIXbm25vector)', 'PREFIX', prefix);
    INSERT INTO sp.a VALUES (1, '{1:2, 2:1}'), (2, '{1:1, 3:4}'), (3, '{2:3}'), (4, '{4:50}');
    CREATE INDEX a_bm25 ON sp.a USING bm25 (v bm25_ops);
    SET LOCAL enable_seqscan = off;
    EXECUTE replace('SELECT array_agg(id), array_agg(round(s::numeric, 9)) FROM (SELECT id, v <&> to_bm25query(''sp.a_bm25'', ''{1:1,2:1}''::PREFIXbm25vector) s
        FROM sp.a ORDER BY v <&> to_bm25query(''sp.a_bm25'', ARRAY[2, 1]) LIMIT 10) t', 'PREFIX', prefix) INTO ids, score;
    DROP TABLE sp.a;
END $$;
CREATE FUNCTION sp.generation_b(OUT ids text, OUT score text) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE sp.b (id int, v tsvector);
    INSERT INTO sp.b VALUES (1, 'a:1,2 b:3'), (2, 'a:1 c:2,3,4,5'), (3, 'b:1,2,3');
    CREATE INDEX b_bm25 ON sp.b USING bm25 (v bm25_ops);
    SET LOCAL enable_seqscan = off;
    SELECT array_agg(id), array_agg(round(s::numeric, 9)) INTO ids, score FROM (SELECT id, v <&> to_bm25query(to_tsvector('simple', 'a b'), 'sp.b_bm25') s
        FROM sp.b ORDER BY v <&> to_bm25query(to_tsvector('simple', 'b a'), 'sp.b_bm25') LIMIT 10) t;
    DROP TABLE sp.b;
END $$;
CREATE FUNCTION sp.newcomer(OUT ids text, OUT score text) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE sp.t (id int, body text);
    INSERT INTO sp.t VALUES (1, 'cats and cats and dogs'), (2, 'a cat with two birds'), (3, 'nothing');
    CREATE INDEX t_bm25 ON sp.t USING bm25 (body) WITH (text_config = 'english');
    SET LOCAL enable_seqscan = off;
    SELECT array_agg(id), array_agg(round(s::numeric, 9)) INTO ids, score FROM (SELECT id, body <&> to_bm25query('cat dog', 'sp.t_bm25') s
        FROM sp.t ORDER BY body <&> to_bm25query('dogs, cats', 'sp.t_bm25') LIMIT 10) u;
    DROP TABLE sp.t;
END $$;
SET search_path = "$user", public;
SELECT * FROM sp.generation_a('bm25_catalog.');
SELECT * FROM sp.generation_b();
SELECT * FROM sp.newcomer();
SELECT attempt('SELECT * FROM sp.generation_a('''')');
SET search_path TO "$user", public, bm25_catalog;
SELECT * FROM sp.generation_a('');
SELECT * FROM sp.generation_a('bm25_catalog.');
SELECT * FROM sp.generation_b();
SELECT * FROM sp.newcomer();
SET search_path = pg_catalog;
SELECT * FROM sp.generation_a('bm25_catalog.');
SELECT * FROM sp.generation_b();
SELECT * FROM sp.newcomer();
SET search_path = bm25_catalog, pg_catalog;
SELECT * FROM sp.generation_a('');
SELECT * FROM sp.generation_b();
SELECT * FROM sp.newcomer();
-- nobody's temporary objects come before
SET search_path = pg_temp, public;
CREATE FUNCTION pg_temp.to_bm25query(text, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE pg_temp.bm25query AS (a int);
SELECT * FROM sp.generation_b();
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA sp CASCADE;
