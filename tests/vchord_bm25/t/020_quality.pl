# 020_quality.pl
# Real text sets against BM25 computed elsewhere (reference.py): scores of the twenty best within 1e-9 relative,
# nDCG@10 within 0.0005, with lengths in one byte and exact ones; what the index finds is what a sequential
# scan finds, bit for bit; and the same after churn and in an index that grew from nothing.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed server_lived $long);

seed();
my $root = $ENV{VCHORD_DATA};
my @sets = $long ? map { basename($_) } glob(($root // '') . '/text/*') : qw(cranfield cisi med cacm scifact arcd);

if (!defined $root || !-d "$root/text")
{
	plan skip_all => 'no data: text/{' . join(',', @sets) . '} (VCHORD_DATA)';
}

my $node = PostgreSQL::Test::Cluster->new('quality');
# In the C locale every letter beyond ASCII is a letter to the parser.
$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
fsync = off
jit = off
maintenance_work_mem = '64MB'
max_parallel_workers_per_gather = 0
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vchord_bm25');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE docs (id int, body text);
CREATE TABLE queries (q int PRIMARY KEY, body text);
CREATE TABLE top (norms text, q int, rank int, id int, score float8);
CREATE TABLE qrels (q int, id int, grade int);
CREATE TABLE found (run text, q int, rank int, id int, score float8);

-- The twenty best for the first `most` queries, by the index or without it.
CREATE FUNCTION ask(run text, by_index boolean, most int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one queries;
	scan text := 'SELECT id, body <&> $1 AS s FROM docs ORDER BY body <&> $1 LIMIT 20';
	line text;
	seen boolean := false;
BEGIN
	PERFORM set_config('enable_seqscan', CASE WHEN by_index THEN 'off' ELSE 'on' END, true),
		set_config('enable_indexscan', CASE WHEN by_index THEN 'on' ELSE 'off' END, true);
	IF by_index THEN
		FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || scan USING to_bm25query('x'::text, 'docs_i'::regclass) LOOP
			seen := seen OR line ~ 'Index Scan using docs_i';
		END LOOP;
		IF NOT seen THEN
			RAISE 'no index scan';
		END IF;
	ELSE
		-- the index gives ties in the order of the table
		scan := 'SELECT id, s FROM (SELECT id, ctid AS t, body <&> $1 AS s FROM docs OFFSET 0) x WHERE s < 0 '
			|| 'ORDER BY s, t LIMIT 20';
	END IF;
	FOR one IN SELECT * FROM queries ORDER BY q LIMIT most LOOP
		EXECUTE 'INSERT INTO found SELECT $2, $3, row_number() OVER (), id, -s FROM (' || scan || ') x'
			USING to_bm25query(one.body, 'docs_i'::regclass), run, one.q;
	END LOOP;
END $$;

-- What a run found that the reference did not, or with another score; both by rank, because ties may come
-- in another order.
CREATE FUNCTION differences(run_ text, norms_ text, OUT compared bigint, OUT wrong bigint)
	LANGUAGE sql AS $$
	WITH f AS (SELECT * FROM found WHERE run = run_),
		t AS (SELECT * FROM top WHERE norms = norms_ AND q IN (SELECT q FROM f)),
		missing AS (SELECT q FROM top WHERE norms = norms_ AND q NOT IN (SELECT q FROM f)
			AND q <= (SELECT max(q) FROM f)),
		ranks AS (SELECT t.score IS NULL OR f.score IS NULL OR abs(t.score - f.score) > 1e-9 * t.score AS bad
			FROM t FULL JOIN f USING (q, rank)),
		docs AS (SELECT abs(t.score - f.score) > 1e-9 * t.score AS bad FROM t JOIN f USING (q, id))
	SELECT (SELECT count(*) FROM ranks) + (SELECT count(*) FROM docs),
		(SELECT count(*) FROM ranks WHERE bad) + (SELECT count(*) FROM docs WHERE bad) + (SELECT count(*) FROM missing)
$$;

-- nDCG@10: the mean over the queries with a relevant document.
CREATE FUNCTION ndcg(rows_ text, run_ text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	result float8;
BEGIN
	EXECUTE format('WITH ideal AS (
			SELECT q, sum(grade / log(2, n + 1)) AS gain FROM
				(SELECT q, grade, row_number() OVER (PARTITION BY q ORDER BY grade DESC) AS n FROM qrels WHERE grade > 0) x
			WHERE n <= 10 GROUP BY q),
		got AS (SELECT q, sum(grade / log(2, rank + 1)) AS gain FROM %I JOIN qrels USING (q, id)
			WHERE %I = $1 AND rank <= 10 GROUP BY q)
		SELECT avg(coalesce(got.gain, 0) / ideal.gain) FROM ideal LEFT JOIN got USING (q)',
		rows_, CASE rows_ WHEN 'top' THEN 'norms' ELSE 'run' END) INTO result USING run_;
	RETURN result;
END $$;
SQL

sub load_set
{
	my ($set, $queries) = @_;
	my $out = PostgreSQL::Test::Utils::tempdir;
	my ($said, $err);
	my @command = ('/usr/bin/env', 'python3', dirname(__FILE__) . '/reference.py', "$root/text/$set", $out);

	push @command, '--queries', $queries if $queries;
	IPC::Run::run(\@command, '>', \$said, '2>', \$err) or die "reference.py: $err";
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS docs_i; TRUNCATE docs, queries, top, qrels, found');
	$node->safe_psql('postgres', "COPY $_ FROM '$out/$_'") foreach qw(docs queries top qrels);
	$node->safe_psql('postgres', 'VACUUM ANALYZE');
	unlink glob "$out/*";
	return $node->safe_psql('postgres', 'SELECT count(*) FROM queries');
}

sub build
{
	my ($norms) = @_;
	$node->safe_psql('postgres', "DROP INDEX IF EXISTS docs_i; CREATE INDEX docs_i ON docs USING bm25 (body bm25_ops)
		WITH (text_config = 'pg_catalog.simple'" . ($norms eq 'exact' ? ", norms = 'exact')" : ')'));
	return;
}

# The run's answers are those of the reference.
sub as_reference
{
	my ($name, $run, $norms) = @_;
	my ($compared, $wrong) = split /\|/,
	  $node->safe_psql('postgres', "SELECT * FROM differences('$run', '$norms')");

	cmp_ok($compared, '>', 20, "$name: something was compared");
	return is($wrong, 0, "$name: scores of the reference");
}

foreach my $set (@sets)
{
	my $queries = load_set($set, $long ? 0 : 40);
	my $few = counts(8, 20);
	foreach my $norms (qw(quantised exact))
	{
		my $name = "$set, $norms";

		build($norms);
		$node->safe_psql('postgres', "SELECT ask('$norms', true, $queries)");
		as_reference($name, $norms, $norms);
		my ($ours, $theirs) = split /\|/,
		  $node->safe_psql('postgres', "SELECT ndcg('found', '$norms'), ndcg('top', '$norms')");
		cmp_ok(abs($ours - $theirs), '<=', 0.0005, "$name: nDCG\@10 $ours, reference $theirs");
		cmp_ok($ours, '>', 0.1, "$name: documents are found at all");

		# One statement scores alike whatever its plan.
		next if !$long && $norms eq 'exact' && $set ne 'cranfield';
		$node->safe_psql('postgres', "SELECT ask('$norms seq', false, $few)");
		is( $node->safe_psql('postgres', "
			WITH a AS (SELECT q, rank, id, score FROM found WHERE run = '$norms' AND q < $few),
				b AS (SELECT q, rank, id, score FROM found WHERE run = '$norms seq')
			SELECT (SELECT count(*) FROM a) = (SELECT count(*) FROM b),
				(SELECT count(*) FROM (SELECT * FROM a EXCEPT ALL SELECT * FROM b) x), (SELECT count(*) > 0 FROM b)"),
			't|0|t', "$name: index and sequential scan agree to the last bit");
	}
}

# With a condition in the same scan, by every algorithm.
load_set('scifact', 12);
build('quantised');
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION ask_with_condition(run text, by_index boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one queries;
	words text[];
	condition bm25query;
BEGIN
	PERFORM set_config('enable_seqscan', CASE WHEN by_index THEN 'off' ELSE 'on' END, true),
		set_config('enable_indexscan', CASE WHEN by_index THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', 'off', true);
	FOR one IN SELECT * FROM queries ORDER BY q LOOP
		words := string_to_array(one.body, ' ');
		condition := to_bm25query((quote_literal(words[1]) || ' | ' || quote_literal(words[2]) || ' & !'
			|| quote_literal(words[3]))::tsquery, 'docs_i'::regclass);
		INSERT INTO found SELECT run, one.q, row_number() OVER (ORDER BY s, id), id, -s FROM
			(SELECT id, body <&> to_bm25query(one.body, 'docs_i'::regclass) AS s FROM docs WHERE body @@ condition
				ORDER BY body <&> to_bm25query(one.body, 'docs_i'::regclass), id LIMIT 50) x;
	END LOOP;
END $$;
SQL
$node->safe_psql('postgres', q{SELECT ask_with_condition('seq', false)});
foreach my $algorithm (qw(auto wand maxscore exhaustive))
{
	$node->safe_psql('postgres', "SET bm25.algorithm = $algorithm; SELECT ask_with_condition('$algorithm', true)");
	is( $node->safe_psql('postgres', "
		WITH a AS (SELECT q, rank, id, score FROM found WHERE run = '$algorithm'),
			b AS (SELECT q, rank, id, score FROM found WHERE run = 'seq' AND score > 0)
		SELECT (SELECT count(*) FROM a) = (SELECT count(*) FROM b),
			(SELECT count(*) FROM (SELECT * FROM a EXCEPT ALL SELECT * FROM b) x), (SELECT count(*) > 50 FROM b)"),
		't|0|t', "a condition and $algorithm: the rows of a sequential scan");
}

# The same documents by other ways.
load_set('cranfield');
my $runs = 0;
my $same = sub {
	my $run = 'run ' . $runs++;
	$node->safe_psql('postgres', "SELECT ask('$run', true, 225)");
	return as_reference($_[0], $run, 'quantised');
};
$node->safe_psql('postgres', 'CREATE TABLE spare AS SELECT * FROM docs; TRUNCATE docs');
build('quantised');
$node->safe_psql('postgres', 'INSERT INTO docs SELECT * FROM spare WHERE id < 500');
$node->safe_psql('postgres', q{SELECT bm25_catalog.bm25_flush('docs_i')});
$node->safe_psql('postgres', 'INSERT INTO docs SELECT * FROM spare WHERE id BETWEEN 500 AND 999');
$node->safe_psql('postgres', q{SELECT bm25_catalog.bm25_flush('docs_i')});
$node->safe_psql('postgres', 'INSERT INTO docs SELECT * FROM spare WHERE id >= 1000');
$same->('two segments and documents without one');
$node->safe_psql('postgres', q{SELECT bm25_catalog.bm25_flush('docs_i'); SELECT bm25_catalog.bm25_merge('docs_i', true)});
$same->('merged');
$node->safe_psql('postgres', 'DELETE FROM docs WHERE id % 3 = 1');
$node->safe_psql('postgres', 'VACUUM docs');
$node->safe_psql('postgres', 'INSERT INTO docs SELECT * FROM spare WHERE id % 3 = 1');
$same->('a third deleted, vacuumed, and inserted again');
$node->safe_psql('postgres', 'VACUUM docs');
$same->('vacuumed once more');
$node->safe_psql('postgres', 'UPDATE docs SET body = body; VACUUM docs');
$same->('updated');

server_lived($node, 'no backend died');
$node->stop;
done_testing();
