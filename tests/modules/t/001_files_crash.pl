# Virtual files and tapes through crashes and on a standby.
#
# Sessions append to one virtual file beyond 4 GB of logical offset and, several at a time, to one tape
# while a reader verifies both; the server is killed at random moments.  After each restart every
# record that a committed statement reported is there, none is incomplete, and appending goes on.  A
# standby with wal_consistency_checking replays all of it and answers the same.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $seed = $ENV{VC_TEST_SEED} // 1;
my $rounds = $ENV{VC_TEST_LONG} ? 60 : 5;
srand($seed);
note "seed $seed, $rounds rounds";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
wal_consistency_checking = 'generic'
shared_buffers = 4MB
autovacuum = off
checkpoint_timeout = 30s
wal_keep_size = 8GB
fsync = off
restart_after_crash = off
CONF
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vc_test_core;
CREATE TABLE pages () WITH (autovacuum_enabled = off);
CREATE TABLE files (name text, at bigint);
INSERT INTO files SELECT b, vc_test_vpage_create('pages', b) FROM unnest('{4GB,indirect-2}'::text[]) b;
INSERT INTO files SELECT 'tape', vc_test_tape_write('pages', 100) >> 32;
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

sub at { return $primary->safe_psql('postgres', "SELECT at FROM files WHERE name = '$_[0]'"); }
my %at = map { $_ => at($_) } ('4GB', 'indirect-2', 'tape');

# What a session reported before the crash.
my %floor = ('4GB' => 0, 'indirect-2' => 0, map { $_ => 0 } 1 .. 3);

# A psql in the background that runs a statement over and over until the server dies.  Files, because
# IPC::Run moves nothing through pipes while the test does something else.
my $sessions = 0;

sub start_session
{
	my ($sql) = @_;
	my $base = PostgreSQL::Test::Utils::tempdir_short() . '/' . $sessions++;

	PostgreSQL::Test::Utils::append_to_file("$base.sql", "$sql\n" x 5000);
	my $handle = IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $primary->connstr('postgres'),
			'-f', "$base.sql"
		],
		'<', '/dev/null', '>', "$base.out", '2>', "$base.err");
	return { handle => $handle, base => $base };
}

# Waits for its end; what it printed and what it complained about.
sub finish_session
{
	my ($session) = @_;

	eval { IPC::Run::finish($session->{handle}) };
	return (slurp_file("$session->{base}.out"), slurp_file("$session->{base}.err"));
}

# kill -9 for the postmaster and all its children, and waits until they are gone: a survivor would
# hold the shared memory.
sub kill_all
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};
	my @children = split ' ', `ps -o pid= --ppid $postmaster`;

	$node->kill9;
	kill 'KILL', @children;
	for my $pid (@children)
	{
		usleep(10_000) while kill(0, $pid);
	}
}

for my $round (1 .. $rounds)
{
	my %session;
	$session{$_} = start_session("SELECT vc_test_vpage_stream('pages', $at{$_}, 300);")
	  for ('4GB', 'indirect-2');
	$session{$_} = start_session("SELECT vc_test_tape_append('pages', $at{tape}, $_, 100);")
	  for (1 .. 3);
	my $reader = start_session("SELECT vc_test_vpage_verify('pages', $at{'4GB'}), "
		  . "vc_test_tape_count('pages', $at{tape});");

	# not before the reader has read once, however slow the machine is
	for (1 .. 3000)
	{
		last if -s "$reader->{base}.out";
		usleep(20_000);
	}
	usleep(300_000 + int(rand(700_000)));
	if ($round % 3 == 0) { $primary->stop('immediate'); }
	else { kill_all($primary); }
	for my $name (sort keys %session)
	{
		my ($out, $err) = finish_session($session{$name});
		my @lines = grep { /^\d+$/ } split /\n/, $out;

		$floor{$name} = $lines[-1] if @lines;
		unlike($err, qr/ERROR/, "round $round: no error in session $name");
	}
	my ($out, $err) = finish_session($reader);
	my @reads = split /\n/, $out;
	unlike($err, qr/ERROR/, "round $round: no error in the reader");
	cmp_ok(scalar(@reads), '>', 0, "round $round: the reader read " . scalar(@reads) . ' times');

	$primary->start;
	for my $name ('4GB', 'indirect-2')
	{
		my $n = $primary->safe_psql('postgres', "SELECT vc_test_vpage_verify('pages', $at{$name})");
		cmp_ok($n, '>=', $floor{$name}, "round $round: file $name has $n records");
	}
	for my $writer (1 .. 3)
	{
		my $n = $primary->safe_psql('postgres',
			"SELECT vc_test_tape_count('pages', $at{tape}, $writer)");
		cmp_ok($n, '>=', $floor{$writer}, "round $round: writer $writer has $n items");
	}
	if ($round % 2 == 0)
	{
		my $n = $primary->safe_psql('postgres', "SELECT vc_test_vpage_truncate('pages', $at{'4GB'})");
		$floor{'4GB'} = $n;
	}
}
ok($floor{'4GB'} > 0 && $floor{'indirect-2'} > 0 && $floor{1} > 0 && $floor{3} > 0,
	'the sessions got something done');

# The standby has replayed everything, with each page compared, and reads the same.
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
for my $sql ("SELECT vc_test_vpage_verify('pages', $at{'4GB'})",
	"SELECT vc_test_vpage_verify('pages', $at{'indirect-2'})",
	"SELECT vc_test_tape_count('pages', $at{tape})")
{
	is($standby->safe_psql('postgres', $sql), $primary->safe_psql('postgres', $sql), $sql);
}

# Promotion: the standby goes on with both.
$primary->stop;
$standby->promote;
my $before = $standby->safe_psql('postgres', "SELECT vc_test_vpage_verify('pages', $at{'4GB'})");
is($standby->safe_psql('postgres', "SELECT vc_test_vpage_stream('pages', $at{'4GB'}, 500)"),
	$before + 500, 'the promoted standby appends');
$standby->safe_psql('postgres', "SELECT vc_test_vpage_free('pages', $at{'indirect-2'})");
$standby->safe_psql('postgres', "SELECT vc_test_tape_append('pages', $at{tape}, 4, 500)");
is($standby->safe_psql('postgres', "SELECT vc_test_tape_count('pages', $at{tape}, 4)"),
	500, 'and its tape grows');
unlike(slurp_file($standby->logfile), qr/inconsistent page|PANIC/, 'no inconsistent page');
$standby->stop;
done_testing();
