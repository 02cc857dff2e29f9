# 060_cancel.pl
# Statements on bm25 indexes cancelled at random times: builds, searches, inserts that seal, flush, merge, VACUUM and
# checks.  Afterwards the session and the index work, and no lock, worker or file is left.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcCancel;
use VcTest qw(counts seed new_node);

seed();
my $node = new_node('cancel', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '64MB'
min_parallel_table_scan_size = 0
min_parallel_index_scan_size = 0
search_path = 'public, bm25_catalog'
});
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 900), ' '), '')
	  FROM generate_series(1, n) j $$;
CREATE TABLE t (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, words(i, i % 50) FROM generate_series(1, 6000) i;
CREATE INDEX t_i ON t USING bm25 (body) WITH (text_config = 'simple', growing_limit = 8, merge_fanout = 3);
CREATE INDEX t_two ON t USING bm25 (lower(body)) WITH (text_config = 'simple', positions = on, growing_limit = 20);
CREATE SEQUENCE ids START 1000000;
ANALYZE t;
SQL

my $rows = "INSERT INTO t SELECT i, words(i, 30) FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, %d)) s";
my $build = "CREATE INDEX%s x_i ON t USING bm25 (body) WITH (text_config = 'simple', positions = on)";
my $scan = "SELECT count(*) FROM (SELECT id FROM t %s ORDER BY body <&> to_bm25query('all w1 w2 w3 w4 w5 w6', 't_i') %s) s";
my %statements = (
	'serial build' => 'SET max_parallel_maintenance_workers = 0; ' . sprintf($build, ''),
	'parallel build' => 'SET max_parallel_maintenance_workers = 2; ' . sprintf($build, ''),
	'concurrent build' => sprintf($build, ' CONCURRENTLY'),
	'reindex' => 'REINDEX INDEX t_i',
	'search of all' => sprintf($scan, '', ''),
	'filtered search' => sprintf($scan, 'WHERE id % 1000 = 3', 'LIMIT 100'),
	'exhaustive search' => "SET bm25.algorithm = exhaustive; " . sprintf($scan, '', 'LIMIT 1000'),
	'condition' => "SELECT count(*) FROM t WHERE body @@ to_bm25query('all', 't_i')",
	'insert' => sprintf($rows, 500),
	'flush' => sprintf($rows, 100) . "; SELECT bm25_flush('t_i')",
	'merge' => sprintf($rows, 100) . "; SELECT bm25_merge('t_i', true)",
	'vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM t',
	'check' => "SELECT count(*) FROM bm25_index_check('t_i', true)");

sub sound
{
	my ($name) = @_;
	foreach my $i ('t_i', 't_two')
	{
		is($node->safe_psql('postgres', "SELECT * FROM bm25_index_check('$i', true)"), '', "$name: check of $i");
	}
	return is($node->safe_psql('postgres', "SET enable_seqscan = off;
		SELECT (SELECT count(*) FROM t WHERE body @@ to_bm25query('all', 't_i')) - count(*) FROM t"), '0', "$name: all rows");
}

cancel_rounds($node, statements => \%statements, rounds => counts(1, 25), times => counts(3, 4),
	before => 'SET enable_seqscan = off',
	near => "SELECT count(*) FROM (SELECT id FROM t ORDER BY body <&> to_bm25query('all w1', 't_i') LIMIT 10) s",
	sound => \&sound);
$node->stop;
done_testing();
