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
	'check' => "SELECT count(*) FROM vchordrq_index_check('t_i', true)",
	'info' => "SELECT rows FROM vchordrq_index_info('t_i')");

sub indexes_sound
{
	my ($name) = @_;
	is($node->safe_psql('postgres', "SELECT count(*) FROM vchordrq_index_check('t_half', true)"), '0',
		"$name: index over an expression");
	return sound($node, $name, 't', 't_i', 'l2', $q);
}

cancel_rounds($node, statements => \%statements, rounds => counts(2, 25), times => counts(2, 4),
	before => 'SELECT vc_use_index(true)',
	near => "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '$q' LIMIT 10) s",
	sound => \&indexes_sound);
$node->stop;
done_testing();
