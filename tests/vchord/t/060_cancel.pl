# 060_cancel.pl
# Statements cancelled at random times: builds, scans, inserts, VACUUM and checks.  Afterwards the session
# and the index work, and no lock, thread or file is left.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcCancel;
use VcTest;

seed();
my $dim = 128;
my $node = new_node('cancel', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '64MB'
min_parallel_table_scan_size = 0
min_parallel_index_scan_size = 0
});
generate($node, 't', 'vector', $dim, 12000);
$node->safe_psql('postgres', 'CREATE INDEX t_i ON t USING vchordrq (v vector_l2_ops) WITH (lists = 100);
	CREATE INDEX t_half ON t USING vchordrq ((v::halfvec(128)) halfvec_cosine_ops) WITH (lists = 50);
	CREATE SEQUENCE ids START 1000000; ANALYZE t');
generate($node, 'graph', 'vector', 32, 3000);
generate($node, 'graph_wide', 'vector', 2500, 150);
$node->safe_psql('postgres', 'CREATE INDEX graph_i ON graph USING vchordg (v vector_l2_ops) WITH (m = 8);
	CREATE INDEX graph_wide_i ON graph_wide USING vchordg (v vector_cosine_ops) WITH (m = 16); ANALYZE graph, graph_wide');
my $qg = $node->safe_psql('postgres', 'SELECT vc_vector(5, 32)');
my $qw = $node->safe_psql('postgres', 'SELECT vc_vector(5, 2500)');
my $q = $node->safe_psql('postgres', "SELECT vc_vector(5, $dim)");

my $build = 'CREATE INDEX%s x_i ON t USING vchordrq (v vector_l2_ops) WITH (lists = 200, build_threads = 2)';
my %statements = (
	'serial build' => 'SET max_parallel_maintenance_workers = 0; ' . sprintf($build, ''),
	'parallel build' => 'SET max_parallel_maintenance_workers = 2; ' . sprintf($build, ''),
	'concurrent build' => sprintf($build, ' CONCURRENTLY'),
	'reindex' => 'REINDEX INDEX t_i',
	'scan of all' => "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '$q') s",
	'filtered scan' => "SELECT count(*) FROM (SELECT id FROM t WHERE id % 1000 = 3 ORDER BY v <-> '$q' LIMIT 100) s",
	'insert' => "INSERT INTO t SELECT i, vc_vector(i, $dim)::vector FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 500)) s",
	'vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM t',
	'parallel vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM (PARALLEL 2) t',
	'graph build' => 'CREATE INDEX x_i ON graph USING vchordg (v vector_l2_ops) WITH (m = 8)',
	'graph scan' => "SELECT count(*) FROM (SELECT id FROM graph ORDER BY v <-> '$qg') s",
	'graph insert' => "INSERT INTO graph SELECT i, vc_vector(i, 32)::vector FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 300)) s",
	'graph vacuum' => 'DELETE FROM graph WHERE id % 20 = %d; VACUUM graph',
	'wide graph insert' => "INSERT INTO graph_wide SELECT i, vc_vector(i, 2500)::vector FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 20)) s",
	'wide graph vacuum' => 'DELETE FROM graph_wide WHERE id % 20 = %d; VACUUM graph_wide',
	'graph check' => "SELECT count(*) FROM vchordg_index_check('graph_i', true)",
	'check' => "SELECT count(*) FROM vchordrq_index_check('t_i', true)",
	'info' => "SELECT rows FROM vchordrq_index_info('t_i')");

sub indexes_sound
{
	my ($name) = @_;
	is($node->safe_psql('postgres', "SELECT count(*) FROM vchordrq_index_check('t_half', true)"), '0',
		"$name: index over an expression");
	sound($node, "$name: graph", 'graph', 'graph_i', 'l2', $qg);
	sound($node, "$name: wide graph", 'graph_wide', 'graph_wide_i', 'cosine', $qw);
	return sound($node, $name, 't', 't_i', 'l2', $q);
}

cancel_rounds($node, statements => \%statements, rounds => counts(2, 25), times => counts(2, 4),
	before => 'SELECT vc_use_index(true)',
	near => "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '$q' LIMIT 10) s",
	sound => \&indexes_sound);
$node->stop;
done_testing();
