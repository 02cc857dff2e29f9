# 020_recall.pl
# Recall of scans with no setting at all against the sequential scan, by distance: real sets, metrics and
# types, before and after churn, with filters, for data that arrive in any order, and for an index larger
# than shared buffers.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

seed();
my $node = new_node('recall', "fsync = off\nmaintenance_work_mem = '256MB'\nshared_buffers = '16MB'\n");
my %sets = real_sets();

# The floor is that of recall@10.  Few queries of the short form leave the other k more to chance: with k = 1
# and 40 queries a true recall of 0.97 has a standard deviation of 0.027, so 0.88 is three of them below.
sub floors { return (floors => $long ? {} : { 1 => 0.88, 1000 => 0.92 }) }

# rows of the short form
my %part = (mnist784 => 4000, arxiv_lsa256 => 8000, letter16 => 10000);

sub pick { return $_[ int(rand(@_)) ]; }

sub build
{
	my ($table, $type, $metric, $with) = @_;
	$node->safe_psql('postgres',
		"DROP INDEX IF EXISTS ${table}_i; CREATE INDEX ${table}_i ON $table USING vchordrq (v ${type}_${metric}_ops) "
		  . ($with // ''));
	return;
}

# Takes away half of the rows, then brings them back.  Rows of a table (id, v).
sub halve { $node->safe_psql('postgres', "DELETE FROM $_[0] WHERE hashint4(id) & 1 = 0") }

sub restore
{
	$node->safe_psql('postgres',
		"INSERT INTO $_[0] SELECT a.id, a.v FROM $_[0]_all a WHERE hashint4(a.id) & 1 = 0");
	return;
}

foreach my $name (sort keys %sets)
{
	my ($base, $query, $dim) = @{ $sets{$name} };
	my %rows = $long || !$part{$name} ? () : (rows => $part{$name});
	my @metrics = qw(l2 ip cosine);
	my $churned = pick(@metrics);

	foreach my $type ($long ? qw(vector halfvec rabitq8 rabitq4) : pick(qw(vector halfvec rabitq8 rabitq4)))
	{
		load_file($node, 's', $type, $dim, $base, order => pick(qw(natural shuffled clustered)), %rows);
		load_file($node, 'q', $type, $dim, $query, rows => counts(40, 200));
		$node->safe_psql('postgres', 'CREATE TABLE few AS SELECT * FROM q LIMIT ' . counts(8, 40) . '; ANALYZE s');
		foreach my $metric (@metrics)
		{
			build('s', $type, $metric);
			recall_ok($node, "$name $type $metric", 's', 'q', $metric, ks => [ 1, 10 ], floors());
			recall_ok($node, "$name $type $metric, many", 's', 'few', $metric, ks => [ 100, 1000 ], floors());
			next if !$long && $metric ne $churned;

			$node->safe_psql('postgres', 'CREATE TABLE s_all AS SELECT * FROM s');
			halve('s');
			recall_ok($node, "$name $type $metric, half deleted", 's', 'few', $metric);
			$node->safe_psql('postgres', 'VACUUM s');
			recall_ok($node, "$name $type $metric, vacuumed", 's', 'few', $metric);
			restore('s');
			recall_ok($node, "$name $type $metric, reinserted", 's', 'few', $metric);
			halve('s');
			restore('s');
			$node->safe_psql('postgres', 'VACUUM s');
			recall_ok($node, "$name $type $metric, churned", 's', 'q', $metric, ks => [ 1, 10 ], floors());
			recall_ok($node, "$name $type $metric, churned, many", 's', 'few', $metric, ks => [ 100, 1000 ], floors());
			$node->safe_psql('postgres', 'DROP TABLE s_all');
		}
		$node->safe_psql('postgres', 'DROP TABLE s, q, few');
	}
}

SKIP:
{
	skip 'real sets: no data (VCHORD_DATA)', 1 if !%sets;
	cmp_ok(scalar(keys %sets), '>=', 7, 'all real sets were there');
}

# Quantised columns: the same ids as exact search over the f32 vectors, nearly as often as an index over these, in a
# fraction of the space.
sub bytes { return $node->safe_psql('postgres', "SELECT pg_total_relation_size('$_[0]')") }

sub same_ids
{
	my ($table, $queries) = @_;
	my $found = "SELECT q.id AS q, f.id FROM $queries q, LATERAL (SELECT id FROM $table ORDER BY v <-> q.v LIMIT 10) f";
	like($node->safe_psql('postgres', "SELECT vc_use_index(true); EXPLAIN $found"), qr/Index Scan using ${table}_i/, "$table: plan");
	return $node->safe_psql('postgres', "SELECT vc_use_index(true); WITH f AS MATERIALIZED ($found)
		SELECT count(*)::float8 / (SELECT count(*) FROM truth) FROM f JOIN truth USING (q, id)") =~ s/^\n//r;
}

foreach my $name (qw(bible_bge1024 sp500_openai1536))
{
  SKIP:
	{
		skip "quantised $name: no data (VCHORD_DATA)", 1 if !$sets{$name};
		my ($base, $query, $dim) = @{ $sets{$name} };
		load_file($node, 's', 'vector', $dim, $base);
		load_file($node, 'q', 'vector', $dim, $query, rows => 200);
		$node->safe_psql('postgres', 'VACUUM ANALYZE s; SELECT vc_use_index(false); CREATE TABLE truth AS
			SELECT q.id AS q, f.id FROM q, LATERAL (SELECT id FROM s ORDER BY v <-> q.v LIMIT 10) f');
		build('s', 'vector', 'l2');
		my ($f32, $f32_bytes) = (same_ids('s', 'q'), bytes('s'));
		note(sprintf '%s f32: recall %.4f, %d bytes', $name, $f32, $f32_bytes);
		foreach my $type (qw(rabitq8 rabitq4))
		{
			$node->safe_psql('postgres', "CREATE TABLE z (id int, v $type($dim)); INSERT INTO z SELECT id, quantize_to_$type(v) FROM s;
				CREATE TABLE z_q AS SELECT id, quantize_to_$type(v) AS v FROM q; VACUUM ANALYZE z");
			foreach my $with ('', 'WITH (rerank_in_table = off)')
			{
				build('z', $type, 'l2', $with);
				my ($recall, $share) = (same_ids('z', 'z_q'), bytes('z') / $f32_bytes);
				note(sprintf '%s %s %s: recall %.4f, %.3f of the space', $name, $type, $with, $recall, $share);
				cmp_ok($recall, '>=', $f32 - ($type eq 'rabitq8' ? 0.01 : 0.15), "$name $type $with: recall");
				# 2 * 1048 bytes of values, against 2 * 4104 that TOAST and groups round up
				cmp_ok($share, '<=', $with ? 0.24 : 0.15, "$name $type $with: table and index");
			}
			$node->safe_psql('postgres', 'DROP TABLE z, z_q');
		}
		$node->safe_psql('postgres', 'DROP TABLE s, q, truth');
	}
}

# Filters: cheap ones that match rows anywhere, and ones whose matches lie far from the query.
SKIP:
{
	skip 'filters on arxiv_lsa256: no data (VCHORD_DATA)', 1 if !$sets{arxiv_lsa256};
	my ($base, $query, $dim) = @{ $sets{arxiv_lsa256} };
	load_file($node, 's', 'vector', $dim, $base, $long ? () : (rows => 10000));
	load_file($node, 'q', 'vector', $dim, $query, rows => counts(30, 200));
	build('s', 'vector', 'cosine');
	$node->safe_psql('postgres', 'ANALYZE s');
	foreach my $prefilter (qw(auto on off))
	{
		my %o = (settings => "SET vchordrq.prefilter = $prefilter");
		recall_ok($node, "1 %, prefilter $prefilter", 's', 'q', 'cosine', where => 'id % 100 = 7', %o);
		recall_ok($node, "10 %, prefilter $prefilter", 's', 'q', 'cosine', where => 'id % 10 = 3', %o);
		recall_ok($node, "ten rows, prefilter $prefilter", 's', 'q', 'cosine', where => 'id % 1000 = 3',
			ks => [ 10, 100 ], %o);
		recall_ok($node, "nothing, prefilter $prefilter", 's', 'q', 'cosine', where => 'id < 0', %o);
		recall_ok($node, "everything, prefilter $prefilter", 's', 'q', 'cosine', where => 'id >= 0', %o);
	}
	is($node->safe_psql('postgres', 'SELECT vc_use_index(true); SELECT count(*) FROM
		(SELECT id FROM s WHERE id < 0 ORDER BY v <=> (SELECT v FROM q LIMIT 1) LIMIT 10) x') =~ s/^\n//r,
		'0', 'a filter that matches nothing');
	$node->safe_psql('postgres', 'DROP TABLE s, q');
}

# Arrays of vectors, by MaxSim, against the given answers: the documents of the ten best sums.
SKIP:
{
	my $path = ($ENV{VCHORD_DATA} // '') . '/vec/mv_rootsift128';
	skip 'mv_rootsift128: no data (VCHORD_DATA)', 1 if !-r "$path/gt_maxsim.tsv.gz";
	load_file($node, 'tokens', 'vector', 128, "$path/doc_vecs.fvecs.gz");
	load_file($node, 'q_tokens', 'vector', 128, "$path/query_vecs.fvecs.gz");
	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE documents (id int, name text, first int, n int, PRIMARY KEY (id));
CREATE TABLE queries (LIKE documents INCLUDING ALL);
CREATE TABLE answers (query int, rank int, id int, score float8);
COPY documents FROM '$path/docs.tsv';
COPY queries FROM '$path/queries.tsv';
COPY answers FROM PROGRAM 'gzip -dc $path/gt_maxsim.tsv.gz';
CREATE INDEX ON tokens (id);
CREATE INDEX ON q_tokens (id);
ANALYZE;
CREATE TABLE mv AS SELECT d.id, (SELECT array_agg(v ORDER BY t.id) FROM tokens t WHERE t.id >= d.first AND t.id < d.first + d.n)::vector(128)[] AS v FROM documents d;
CREATE TABLE mv_q AS SELECT d.id, (SELECT array_agg(v ORDER BY t.id) FROM q_tokens t WHERE t.id >= d.first AND t.id < d.first + d.n)::vector(128)[] AS v
	FROM queries d WHERE d.id < @{[ counts(25, 100) ]};
CREATE TABLE best AS SELECT query, id FROM (SELECT *, min(score) FILTER (WHERE rank <= 10) OVER (PARTITION BY query) AS tenth FROM answers) a WHERE score > tenth - 1e-5;
SQL
	foreach my $type ('vector', 'halfvec')
	{
		$node->safe_psql('postgres', "ALTER TABLE mv ALTER v TYPE $type(128)[]; ALTER TABLE mv_q ALTER v TYPE $type(128)[];
			CREATE INDEX mv_i ON mv USING vchordrq (v ${type}_maxsim_ops); ANALYZE mv");
		my $ten = 'SELECT id FROM mv ORDER BY v @# (SELECT v FROM mv_q WHERE id = 0) LIMIT 10';
		my $sql = "SELECT vc_use_index(true); SELECT vc_needs_index('$ten', 0);
			SELECT sum(found) / sum(10.0), count(*) FROM (SELECT (SELECT count(*) FROM
			(SELECT id FROM mv ORDER BY v @# q.v LIMIT 10) s JOIN best b ON b.query = q.id AND b.id = s.id) AS found FROM mv_q q) r";
		my ($recall, $n) = split /\|/, (split /\n/, $node->safe_psql('postgres', $sql))[-1];
		is($n, counts(25, 100), "mv_rootsift128 $type: queries");
		cmp_ok($recall, '>=', 0.95, "mv_rootsift128 $type: recall\@10 against the given answers");
		note("mv_rootsift128 $type: recall $recall");
		recall_ok($node, "mv_rootsift128 $type", 'mv', '(SELECT * FROM mv_q LIMIT 5) x', 'maxsim', ks => [ 1, 10, 100 ]);
		recall_ok($node, "mv_rootsift128 $type, 10 %", 'mv', '(SELECT * FROM mv_q LIMIT 5) x', 'maxsim', where => 'id % 10 = 3');
		$node->safe_psql('postgres', 'DELETE FROM mv WHERE id % 2 = 0; VACUUM mv;
			INSERT INTO mv SELECT d.id, (SELECT array_agg(v ORDER BY t.id) FROM tokens t WHERE t.id >= d.first AND t.id < d.first + d.n) FROM documents d WHERE id % 2 = 0') if $type eq 'vector';
		recall_ok($node, "mv_rootsift128 $type, half inserted again", 'mv', '(SELECT * FROM mv_q LIMIT 5) x', 'maxsim') if $type eq 'vector';
		is($node->safe_psql('postgres', "SELECT count(*) FROM vchordrq_index_check('mv_i')"), '0', "mv_rootsift128 $type: check");
		$node->safe_psql('postgres', 'DROP INDEX mv_i');
	}
	$node->safe_psql('postgres', 'DROP TABLE tokens, q_tokens, documents, queries, answers, mv, mv_q, best');
}

# Matches far from the query: clusters, and the filter takes the rows farthest from it.
generate($node, 's', 'vector', 96, counts(8000, 60000), clusters => 50);
generate($node, 'q', 'vector', 96, 20, clusters => 50);
build('s', 'vector', 'l2');
$node->safe_psql('postgres', q{CREATE TABLE far AS SELECT s.id, s.v, s.v <-> (SELECT v FROM q LIMIT 1) AS d FROM s;
	CREATE INDEX far_i ON far USING vchordrq (v vector_l2_ops); ANALYZE far});
foreach my $count (7, 40, 400)
{
	my $at = $node->safe_psql('postgres', "SELECT d FROM far ORDER BY d DESC OFFSET $count LIMIT 1");
	recall_ok($node, "$count matches far away", 'far', '(SELECT * FROM q LIMIT 8) x', 'l2',
		where => "d > $at", ks => [ 10, 100 ]);
}

# Rows in any order; inserts after a build over a part of them, also drifted to where no row was.
foreach my $order (qw(shuffled clustered drifted))
{
	my $rows = counts(4000, 40000);
	generate($node, 'o', 'halfvec', 80, $rows / 4, order => $order, first => 0);
	generate($node, 'o_q', 'halfvec', 80, 30);
	build('o', 'halfvec', 'l2');

	# the same rows in the same order, so the rest is what lies beyond
	generate($node, 'o_rest', 'halfvec', 80, $rows, order => $order, base => 1000000);
	$node->safe_psql('postgres', 'INSERT INTO o SELECT * FROM o_rest; ANALYZE o');
	recall_ok($node, "$order inserts", 'o', 'o_q', 'l2', ks => [ 1, 10, 100 ], floors());
	$node->safe_psql('postgres', 'VACUUM o');
	recall_ok($node, "$order inserts, vacuumed", 'o', 'o_q', 'l2', ks => [ 1, 10, 100 ], floors());
	$node->safe_psql('postgres', 'DROP TABLE o, o_q, o_rest');
}

# Inserts into an index built over part of drifted real data.
SKIP:
{
	skip 'drifted siftsmall: no data (VCHORD_DATA)', 1 if !$sets{siftsmall};
	my ($base, $query, $dim) = @{ $sets{siftsmall} };
	load_file($node, 'o', 'vector', $dim, $base, order => 'drifted', rows => 2000);
	load_file($node, 'o_q', 'vector', $dim, $query, rows => counts(40, 100));
	build('o', 'vector', 'l2');
	load_file($node, 'o', 'vector', $dim, $base, order => 'drifted', first => 2000, rows => 8000);
	$node->safe_psql('postgres', 'ANALYZE o');
	recall_ok($node, 'drifted siftsmall', 'o', 'o_q', 'l2', ks => [ 1, 10, 100 ], floors());
	$node->safe_psql('postgres', 'VACUUM o');
	recall_ok($node, 'drifted siftsmall, vacuumed', 'o', 'o_q', 'l2', ks => [ 1, 10, 100 ], floors());
	$node->safe_psql('postgres', 'DROP TABLE o, o_q');
}

# Ten inserts into an empty index, with one list and with more lists than rows.  What is missed, is missed by the
# bounds of codes alone: at epsilon 1.9 one bound in 35 is above the distance, and with k = 1 that loses the row
# if the second nearest is nearer than this bound, too.  Of 12,000 such queries 0.4 % missed (0.9 % in the worst of
# twelve groups), 2.3 % at epsilon 1.2 and none at 3.  So 400 queries expect 1.6 misses, 3.6 at worst, and 13 of them,
# which the floor does not forgive, come once in 10,000 of the worst groups; with 20 queries it would be one miss.
generate($node, 'e_q', 'vector', 96, 400, clusters => 50);
foreach my $with ('', 'WITH (lists = 100)')
{
	foreach my $metric (qw(l2 ip cosine))
	{
		$node->safe_psql('postgres', 'CREATE TABLE e (id int, v vector(96))');
		build('e', 'vector', $metric, $with);
		recall_ok($node, "empty $metric $with", 'e', 'e_q', $metric);
		$node->safe_psql('postgres', 'INSERT INTO e SELECT id, v FROM s ORDER BY id LIMIT 10');
		recall_ok($node, "ten inserts $metric $with", 'e', 'e_q', $metric, ks => [ 1, 5, 10, 100 ], floor => 0.97);
		$node->safe_psql('postgres', 'VACUUM e');
		recall_ok($node, "ten inserts $metric $with, vacuumed", 'e', 'e_q', $metric, ks => [ 1, 10, 100 ], floor => 0.97);
		$node->safe_psql('postgres', 'DROP TABLE e');
	}
}

# An index larger than shared buffers, built, read, churned with hardly any.
$node->append_conf('postgresql.conf', 'shared_buffers = 1MB');
$node->restart;
foreach my $with ('', 'WITH (rerank_in_table = on)')
{
	build('s', 'vector', 'l2', $with);
	cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('s_i') + pg_relation_size('s')}),
		'>', 3 << 20, "larger than shared buffers $with");
	recall_ok($node, "1 MB of shared buffers $with", 's', 'q', 'l2', ks => [ 1, 10, 100 ], floors());
}
$node->safe_psql('postgres', 'CREATE TABLE s_all AS SELECT * FROM s');
halve('s');
restore('s');
$node->safe_psql('postgres', 'VACUUM s');
recall_ok($node, 'churned in 1 MB of shared buffers', 's', 'q', 'l2', ks => [ 1, 10, 100 ], floors());

# Rows of another kind than those of the build: under cosine their lists are not the nearest by direction.  A row
# is found by its own vector all the same.
load_file($node, 'unlike', 'halfvec', 96, 'generate:96', rows => 2000, seed => 1);
build('unlike', 'halfvec', 'cosine', 'WITH (lists = 20, rerank_in_table = on)');
is($node->safe_psql('postgres', <<'SQL'), '3000|0', 'rows unlike those of the build are found');
INSERT INTO unlike SELECT i, vc_vector(i, 96)::halfvec FROM generate_series(1000001, 1003000) i;
ANALYZE unlike;
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE NOT found) FROM (SELECT (SELECT bool_or(s.id = u.id)
	FROM (SELECT id FROM unlike ORDER BY v <=> u.v LIMIT 5) s) AS found FROM unlike u WHERE id > 1000000) t;
SQL

server_lived($node, 'no backend died');
$node->stop;
done_testing();
