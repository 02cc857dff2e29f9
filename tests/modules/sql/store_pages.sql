-- Page layout: items beside a model, damage, addresses.
CREATE TABLE p (a int);
CREATE INDEX p_idx ON p USING vc_test_am (a);
SELECT vc_test_items('p_idx', seed, 3000) > 500 AS added FROM generate_series(1, 5) seed;
SELECT vc_test_tids(seed) FROM generate_series(1, 3) seed;

-- a good page passes; damage inside the payload is seen by the seal only
SELECT vc_test_damage('p_idx', 'nothing'), vc_test_damage('p_idx', 'payload');
DO $$
DECLARE field text; state text; message text; hint text;
BEGIN
    FOREACH field IN ARRAY ARRAY['size', 'special', 'lower', 'lower small', 'upper', 'id', 'kind',
        'no kind', 'zero', 'item offset', 'item length', 'item empty', 'item overlap', 'item number',
        'block', 'block invalid'] LOOP
        BEGIN
            PERFORM vc_test_damage('p_idx', field);
            RAISE NOTICE '% was not seen', field;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
            RAISE INFO '% -> % % (%)', field, state, message, hint;
        END;
    END LOOP;
END $$;

-- the relation did not grow by a read of the invalid block
SELECT pg_relation_size('p_idx') / 8192;
SELECT vc_test_page('p_idx', 0);

-- values stored apart
SELECT vc_test_redirect('p_idx', 1, 1, true), vc_test_redirect('p_idx', 8136, 8136, true),
       vc_test_redirect('p_idx', 8137, 8137, true), vc_test_redirect('p_idx', 3000000, 3000000, false);
SELECT vc_test_redirect('p_idx', 100, 99, false);
DROP TABLE p;
