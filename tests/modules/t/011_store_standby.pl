# 011_store_standby.pl
# A standby: replay of every kind of page change with consistency checks, and reuse of freed pages
# against a query there: cancelled without feedback, protected with it.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nautovacuum = off\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
max_standby_streaming_delay = 0
hot_standby_feedback = off
wal_receiver_status_interval = 1
});
$standby->start;

sub caught_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
}

$primary->safe_psql('postgres', q{
	CREATE EXTENSION vc_test_core;
	CREATE TABLE s (a int);
	CREATE INDEX s_idx ON s USING vc_test_am (a);
	SELECT vc_test_write('s_idx', 100, 'append'), vc_test_write('s_idx', 100, 'run');
	SELECT vc_test_alloc('s_idx', 4, 1, 1);
	SELECT vc_test_put('s_idx', 201, 'old'), vc_test_pair('s_idx', 202, 203, 'pair', 'commit');
	SELECT vc_test_redirect('s_idx', 30000, 30000, false);
	CREATE UNLOGGED TABLE u (a int);
	CREATE INDEX u_idx ON u USING vc_test_am (a);
});
caught_up();
is($standby->safe_psql('postgres', q{SELECT vc_test_verify('s_idx', 1, 200), vc_test_page('s_idx', 202)}),
	"200|kind 2, owner 1.1, 'pair'", 'pages on the standby');

# Returns the error of a standby query whose snapshot is open while the primary frees and reuses.
sub reuse_under_query
{
	my ($first, $feedback) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $query = IPC::Run::start(
		[ 'psql', '-X', '-At', $standby->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	$in .= "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 'open ' || count(*) FROM s;\n";
	$query->pump until $out =~ /open/;
	# feedback, where it is on, has to reach the primary first; what is sent later is never older
	ok($primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_replication WHERE backend_xmin IS '
			. ($feedback ? 'NOT NULL' : 'NULL')), 'feedback');
	$primary->safe_psql('postgres', "SELECT vc_test_free('s_idx', $first, 4, 1, 1)");
	$primary->safe_psql('postgres', 'SELECT pg_current_xact_id()') foreach (1 .. 3);
	my $at = $primary->safe_psql('postgres', "SELECT vc_test_alloc('s_idx', 4, 1, 1)");
	caught_up();
	$in .= "SELECT 'still ' || vc_test_page('s_idx', $first);\nCOMMIT;\n\\q\n";
	$query->finish;
	return ($at, $out, $err);
}

my ($at, $out, $err) = reuse_under_query(201, 0);
is($at, '201', 'without feedback the primary reuses the pages');
like($err, qr/conflict with recovery|terminating connection/, 'and the standby query is cancelled');
unlike($out, qr/still/, 'before it reads them');

$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->reload;
($at, $out, $err) = reuse_under_query(201, 1);
isnt($at, '201', 'with feedback the primary extends');
like($out, qr/still kind 2 free, owner 1\.1/, 'and the query reads on');
is($err, '', 'without an error');

# Promotion: allocation goes on, the unlogged index comes out of its init fork.
$standby->promote;
is($standby->safe_psql('postgres', q{SELECT vc_test_verify('s_idx', 1, 200)}), '200', 'promoted');
cmp_ok($standby->safe_psql('postgres', q{SELECT vc_test_sweep('s_idx')}), '>', 0, 'sweep');
$standby->safe_psql('postgres', 'SELECT pg_current_xact_id()');
is($standby->safe_psql('postgres', q{SELECT vc_test_alloc('s_idx', 4, 1, 2)}), '201', 'reuse');
is($standby->safe_psql('postgres', q{SELECT vc_test_page('u_idx', 0)}), "kind 1, owner 0.0, ''",
	'unlogged');

$standby->stop;
$primary->stop;
done_testing();
