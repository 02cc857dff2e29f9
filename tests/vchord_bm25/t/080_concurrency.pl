# 080_concurrency.pl
# Clients that insert, update, delete, roll back and use savepoints, beside VACUUM, flush, merge, REINDEX [CONCURRENTLY]
# and CREATE INDEX CONCURRENTLY, on indexes of every kind of key.  All the while others compare, in one snapshot, what the
# index finds with what the operators say of each row: the same rows, order and scores, to the last bit.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node client finish_all server_lived);

my $seed = seed();
my $seconds = counts(5, 180);
my $node = new_node('concurrency', q{
fsync = off
shared_buffers = 16MB
maintenance_work_mem = '64MB'
max_connections = 60
max_pred_locks_per_transaction = 512
search_path = 'public, bm25_catalog'
});

# Each table has all columns, and one index: what it is on, its options; how rows are ranked ($1) and chosen ($2 a bm25query,
# $3 the tsquery that it was made of); what core says of the choice, if it can.
my %tables = (
	plain => [ '(body)', 'growing_limit = 2, merge_fanout = 2', 'body <&> $1', 'body @@ $2', "to_tsvector('simple', body) @@ \$3" ],
	places => [ '(title, body)', 'positions = on, growing_limit = 6, merge_fanout = 3', "body <&> bm25_field(\$1, 'body')",
		"body @@ bm25_field(\$2, 'body')", "to_tsvector('simple', body) @@ \$3" ],
	tags => [ '(tags)', "positions = on, norms = 'exact', growing_limit = 4", 'tags <&> $1', 'tags @@ $2', '' ],
	sums => [ '((ARRAY[title, body]))', "weights = '2, 1', positions = on, growing_limit = 3, merge_fanout = 2",
		'ARRAY[title, body] <&> $1', 'ARRAY[title, body] @@ $2', '' ],
	tsvs => [ '(words)', 'positions = on, growing_limit = 5, merge_fanout = 2', 'words <&> $1', 'words @@ $3', 'words @@ $3' ],
	vecs => [ '(v)', "norms = 'exact', growing_limit = 2, merge_fanout = 2", 'v <&> $1', 'v @@ $2', '' ]);

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE SEQUENCE ids START 100000;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 150), ' '), '')
	  FROM generate_series(1, n) j $$;
-- a NULL here and there, and a document larger than a page
CREATE FUNCTION docs(first bigint, n bigint, salt bigint DEFAULT 0) RETURNS TABLE (id bigint, title text, body text) LANGUAGE sql AS $$
	SELECT i, CASE WHEN i % 7 > 0 THEN words(i + salt, i % 6) END,
		CASE WHEN i % 23 > 0 THEN words(i + salt, CASE WHEN i % 311 = 5 THEN 2500 ELSE i % 30 END) END
	FROM generate_series(first, first + n - 1) i $$;
CREATE FUNCTION pick(seed bigint, salt int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
	SELECT (abs(hashint8(seed * 100 + salt)::bigint) % n)::int $$;
CREATE FUNCTION explained(query text, q bm25query, g bm25query, t tsquery) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query USING q, g, t LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END $$;
CREATE UNLOGGED TABLE tally (name name, compared int);

-- REINDEX CONCURRENTLY exchanges an index: whoever looked its name up just before is told that the index is not valid
-- or gone (specs/vanish.spec), and looks again.
CREATE FUNCTION upkeep(name text, work int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			IF work % 3 = 0 THEN
				PERFORM bm25_flush(name::regclass);
			ELSE
				PERFORM bm25_merge(name::regclass, work % 3 = 1);
			END IF;
			RETURN;
		EXCEPTION WHEN undefined_table OR object_not_in_prerequisite_state THEN
			NULL;
		END;
	END LOOP;
END $$;

-- In a REPEATABLE READ transaction that has locked the table: one statement, so one view of each index.
CREATE FUNCTION compare(name text, ranking text, matching text, reference text, seed bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	index regclass := name || '_i';
	asked text := (ARRAY['w1', 'w3 w9', 'all w20 w77', 'w0 w1 w2 w3 w4 w5 w6 w7 w8', 'absent w120', 'w5 w5 w1', 'all'])[1 + pick(seed, 1, 7)];
	gate tsquery := (ARRAY['w3', 'w1 & w2', 'w1 & !w2', 'w0 <-> w1', 'all <-> w1', 'w1:*', '!w1', '!(w0 | w1)', 'w1 | w7 & w2',
		'(w1 | w2) <-> w3:*', 'w0 <2> w1', 'all & w3 & !(w1 <-> w0)', 'absent | w9', 'w10:* & w1', '!absent & w33'])[1 + pick(seed, 2, 15)];
	k int := (ARRAY[1, 3, 10, 40, 1000, NULL, NULL])[1 + pick(seed, 3, 7)];
	gated boolean := pick(seed, 4, 2) = 1;
	algorithm text := (ARRAY['auto', 'auto', 'wand', 'maxscore', 'exhaustive'])[1 + pick(seed, 5, 5)];
	-- a prefix in the ranking; rows below a score
	prefix tsquery := CASE WHEN pick(seed, 8, 4) = 0 THEN 'w7:* | w3' END;
	least float8 := CASE WHEN pick(seed, 9, 4) = 0 THEN 1 + pick(seed, 10, 20) / 7.0 ELSE 0 END;
	question text := format('%s: %s, %s, k %s, %s, %s, least %s', name, coalesce(prefix::text, asked), CASE WHEN gated THEN gate END, k,
		algorithm, ranking, least);
	rank bm25query;
	chosen bm25query;
	query text;
	plan text;
	one record;
	want text[];
	got text[] := '{}';
	other text[];
	want_scores float8[];
	got_scores float8[] := '{}';
BEGIN
	IF name = 'vecs' THEN
		rank := to_bm25query(index, bm25_tokenize('simple', asked), least);
		chosen := to_bm25query(index, bm25_tokenize('simple', 'w3 w50'));
	ELSIF name = 'tsvs' THEN
		rank := CASE WHEN prefix IS NULL THEN to_bm25query(to_tsvector('simple', asked), index, least) ELSE to_bm25query(prefix, index, least) END;
	ELSE
		rank := CASE WHEN prefix IS NULL THEN to_bm25query(asked, index, least) ELSE to_bm25query(prefix, index, least) END;
		chosen := to_bm25query(gate, index);
	END IF;

	PERFORM set_config('bm25.algorithm', algorithm, true), set_config('enable_seqscan', 'on', true);
	EXECUTE format('SELECT coalesce(array_agg(id || '' '' || score), ''{}''), coalesce(array_agg(score ORDER BY score), ''{}'')
		FROM (SELECT id, %s AS score, %s AS hit FROM %I OFFSET 0) s WHERE score < 0 AND score <= %L AND (hit OR %L)',
		ranking, matching, name, -least, NOT gated) INTO want, want_scores USING rank, chosen, gate;
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
		set_config('enable_bitmapscan', 'off', true);
	query := format('SELECT id, %1$s AS score FROM %2$I %3$s ORDER BY %1$s LIMIT %4$s', ranking, name,
		CASE WHEN gated THEN 'WHERE ' || matching ELSE '' END, coalesce(k::text, 'ALL'));
	plan := explained(query, rank, chosen, gate);
	-- a snapshot may be too old for an index that was built again
	IF plan !~ 'Index Scan' THEN
		INSERT INTO tally VALUES (name, 0);
		RETURN;
	END IF;
	FOR one IN EXECUTE query USING rank, chosen, gate LOOP
		got := got || (one.id || ' ' || one.score);
		got_scores := got_scores || one.score;
		-- others change the index while the scan is under way
		IF cardinality(got) IN (3, 150) AND pick(seed, 6, 2) = 1 THEN
			PERFORM pg_sleep(0.02);
		END IF;
	END LOOP;
	-- among rows of equal score the index goes by the place of a HOT chain, which is not that of the row that is seen
	IF got_scores IS DISTINCT FROM (CASE WHEN k IS NULL THEN want_scores ELSE want_scores[:k] END) OR NOT got <@ want
		OR cardinality(got) <> (SELECT count(DISTINCT x) FROM unnest(got) x) THEN
		RAISE EXCEPTION '% (% rows of %): by index alone %, by table alone %; first %, %; %', question,
			cardinality(got), cardinality(want), (SELECT (array_agg(x))[:4] FROM (SELECT unnest(got) EXCEPT SELECT unnest(want)) s(x)),
			(SELECT (array_agg(x))[:4] FROM (SELECT unnest(want) EXCEPT SELECT unnest(got)) s(x)), got_scores[:3], want_scores[:3], plan;
	END IF;

	-- the condition alone, as a plain or a bitmap scan
	PERFORM set_config('enable_bitmapscan', CASE WHEN pick(seed, 7, 2) = 1 THEN 'on' ELSE 'off' END, true);
	query := format('SELECT coalesce(array_agg(id::text ORDER BY id), ''{}'') FROM %I WHERE %s', name, matching);
	EXECUTE query INTO got USING rank, chosen, gate;
	PERFORM set_config('enable_seqscan', 'on', true);
	EXECUTE format('SELECT coalesce(array_agg(id::text ORDER BY id) FILTER (WHERE hit), ''{}''), coalesce(array_agg(id::text ORDER BY id) FILTER (WHERE core), ''{}'')
		FROM (SELECT id, %s AS hit, %s AS core FROM %I OFFSET 0) s', matching, CASE WHEN reference = '' THEN 'NULL::boolean' ELSE reference END,
		name) INTO want, other USING rank, chosen, gate;
	IF got IS DISTINCT FROM want OR (reference <> '' AND other IS DISTINCT FROM want) THEN
		RAISE EXCEPTION '%: condition %: % rows by index, % by operator, % by core; by index alone %, by table alone %; %', name, gate, cardinality(got),
			cardinality(want), cardinality(other), (SELECT (array_agg(x))[:4] FROM (SELECT unnest(got) EXCEPT SELECT unnest(want)) s(x)),
			(SELECT (array_agg(x))[:4] FROM (SELECT unnest(want) EXCEPT SELECT unnest(got)) s(x)), explained(query, rank, chosen, gate);
	END IF;
	INSERT INTO tally VALUES (name, 1);
END $$;
SQL

sub rows
{
	my ($t, $first, $n, $salt) = @_;
	$salt //= 0;
	return "INSERT INTO $t SELECT id, title, body, ARRAY[title, body], to_tsvector('simple', body), bm25_tokenize('simple', body) FROM docs($first, $n, $salt)";
}

sub compared
{
	my ($t, $number, $sum) = @_;
	my (undef, undef, $ranking, $matching, $reference) = @{ $tables{$t} };
	# an order by both columns
	$ranking = "(title <&> bm25_field(\$1, 'title')) + ($ranking)" if $sum && $t eq 'places';
	return 'SELECT compare(' . join(', ', map { '$q$' . $_ . '$q$' } $t, $ranking, $matching, $reference) . ", $number)";
}

foreach my $t (sort keys %tables)
{
	my ($on, $with) = @{ $tables{$t} };
	my $config = $t =~ /tsvs|vecs/ ? '' : "text_config = 'simple', ";
	$tables{$t}[5] = "USING bm25 $on WITH ($config$with)";
	$node->safe_psql('postgres', "CREATE TABLE $t (id bigint, title text, body text, tags text[], words tsvector, v bm25vector) WITH (autovacuum_enabled = off);"
		  . rows($t, 1, 300) . "; CREATE INDEX ${t}_i ON $t $tables{$t}[5]; " . rows($t, 301, 100) . "; ANALYZE $t");
}

# All statements that may wait for one another by their nature are tried again (deadlocks of rows, snapshots too old to update).
my @clients;
sub bench
{
	my ($sql, $n) = @_;
	return push @clients, client($node, $sql, '-c', $n, '-T', $seconds, '--max-tries=1000', '--random-seed=' . ($seed + @clients));
}

foreach my $t (sort keys %tables)
{
	my $insert = rows($t, ':id', ':n');
	bench(qq(
\\set n random(1, 15)
\\set k random(0, 40)
SELECT nextval('ids') * 20 AS id \\gset
$insert;
DELETE FROM $t WHERE id % 41 = :k AND id % 3 <> 0;
UPDATE $t SET title = d.title, body = d.body, tags = ARRAY[d.title, d.body], words = to_tsvector('simple', d.body), v = bm25_tokenize('simple', d.body)
	FROM docs(:id, 1, :k) d WHERE $t.id % 41 = 40 - :k AND $t.id % 4 = 0;
UPDATE $t SET id = id WHERE id % 41 = :k;
SELECT nextval('ids') * 20 AS id \\gset
BEGIN;
SAVEPOINT a;
$insert;
ROLLBACK TO a;
@{[ rows($t, ':id', 2, 1) ]};
\\if :k > 20
ROLLBACK;
\\else
COMMIT;
\\endif
DELETE FROM $t WHERE id > (SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY id) FROM $t) AND id % 5 = :k % 5 AND (SELECT count(*) FROM $t) > 700;
), 2);

	# The lock comes before the snapshot; a stronger one later could deadlock with REINDEX.
	bench(qq(
\\set number random(1, 1000000000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE $t IN ACCESS SHARE MODE;
@{[ compared($t, ':number') ]};
SELECT pg_sleep(0.01 * (:number % 5));
@{[ compared($t, ':number + 1', 1) ]};
COMMIT;
), 1);
	bench(qq(
\\set number random(1, 1000000000)
SELECT nextval('ids') * 20 AS id \\gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE $t IN ROW EXCLUSIVE MODE;
@{[ rows($t, ':id', 3) ]};
SAVEPOINT a;
DELETE FROM $t WHERE id = :id;
@{[ rows($t, ':id + 5', 3, 5) ]};
@{[ compared($t, ':number') ]};
ROLLBACK TO a;
@{[ compared($t, ':number + 1') ]};
\\if :number % 2 = 0
COMMIT;
\\else
ROLLBACK;
\\endif
), 1);
	bench(qq(
\\set work random(0, 5)
VACUUM $t;
SELECT upkeep('${t}_i', :work);
SELECT pg_sleep(0.1);
SELECT upkeep('${t}_i', :work + 1);
), 1);
}

# One after another: two such commands on one table may deadlock, whatever the access method.
bench(join('', map { qq(
REINDEX INDEX CONCURRENTLY ${_}_i;
CREATE INDEX CONCURRENTLY ${_}_cic ON $_ $tables{$_}[5];
SELECT pg_sleep(0.05);
DROP INDEX CONCURRENTLY ${_}_cic;
REINDEX INDEX ${_}_i;
) } sort keys %tables), 1);

is(finish_all(@clients), '', 'no client met an error or another answer');
my $work = join ' ', map { $_->{out} =~ /processed: (\d+)/g } @clients;
note("transactions: $work");
cmp_ok((sort { $a <=> $b } split ' ', $work)[0], '>', 0, 'every client worked');
note($node->safe_psql('postgres', 'SELECT name, count(*), sum(compared) FROM tally GROUP BY 1 ORDER BY 1'));
foreach my $t (sort keys %tables)
{
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM tally WHERE name = '$t' AND compared = 1"), '>', 3, "$t: answers were compared");
	# the client that made it was at work when the time was over
	$node->safe_psql('postgres', "DROP INDEX IF EXISTS ${t}_cic");
	is($node->safe_psql('postgres', "SELECT * FROM bm25_index_check('${t}_i', true)"), '', "$t: check");
	my ($status, undef, $err) = $node->psql('postgres', join '', map { "BEGIN ISOLATION LEVEL REPEATABLE READ; " . compared($t, $_) . "; COMMIT;\n" } 1 .. counts(8, 100));
	is($err, '', "$t: answers afterwards");
	$node->safe_psql('postgres', "VACUUM $t");
	is($node->safe_psql('postgres', "SELECT documents - (SELECT count(*) FROM $t WHERE @{[ $t eq 'sums' ? 'title IS NOT NULL OR body'
			: { plain => 'body', places => 'coalesce(title, body)', tags => 'tags', tsvs => 'words', vecs => 'v' }->{$t} ]} IS NOT NULL) FROM bm25_stats('${t}_i')"),
		'0', "$t: documents are counted right");
	is($node->safe_psql('postgres', "SELECT bm25_merge('${t}_i', true) IS NULL; SELECT * FROM bm25_index_check('${t}_i', true)"), 'f', "$t: check of what was merged");
}
server_lived($node, 'no backend died');
$node->stop;
done_testing();
