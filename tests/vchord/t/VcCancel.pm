# VcCancel.pm
# Statements cancelled at random times, for the tests of all extensions.  Afterwards the session and the index work,
# and no lock, worker, thread or file is left.
package VcCancel;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use VcTest;

our @EXPORT = qw(cancel_rounds);

my $others = "pg_stat_activity WHERE pid <> pg_backend_pid()";

# files of the database that belong to no relation
sub stray_files
{
	my ($node) = @_;
	my $folder = $node->data_dir . '/base/'
	  . $node->safe_psql('postgres', 'CHECKPOINT; SELECT oid FROM pg_database WHERE datname = current_database()');
	my %known = map { $_ => 1 } split /\n/,
	  $node->safe_psql('postgres', 'SELECT pg_relation_filenode(oid) FROM pg_class WHERE relkind IN (\'r\', \'i\', \'S\', \'t\', \'m\')');
	my @stray = grep { /^t?\d/ && !$known{ $_ =~ s/[._].*//r } } map { s/.*\///r } glob("$folder/*");
	push @stray, glob($node->data_dir . '/base/pgsql_tmp/*');
	return "@stray";
}

# statements: name => SQL, which may make the index x_i, and where '= %d' takes a number below 20; one is called
# 'parallel build'.  rounds, times of each statement in a round; before: SQL that begins a session; near: a query
# that counts 10 rows with the index; sound: called with the name of a round, tests the indexes.
sub cancel_rounds
{
	my ($node, %o) = @_;
	my $prepare = "DROP INDEX IF EXISTS x_i;\n$o{before};\n";
	my $after = "RESET statement_timeout;\n"
	  . "SELECT 'threads ' || substring(pg_read_file('/proc/self/status', 0, 8000) from 'Threads:\\s+(\\d+)');\n"
	  . "SELECT 'near ' || ($o{near});\n";
	my $wanted = "threads 1\nnear 10\n";
	my ($cancelled, $done) = (0, 0);
	my %hit;

	foreach my $round (1 .. $o{rounds})
	{
		foreach my $name (sort keys %{ $o{statements} })
		{
			my $residue = int(rand(20));
			my $sql = $o{statements}{$name} =~ s/= %d/= $residue/r;

			# how long it takes uncancelled, but not over and over
			my $since = time;
			$node->safe_psql('postgres', "$prepare$sql");
			my $ms = (time - $since) * 1000;
			foreach my $i (1 .. $o{times})
			{
				my $timeout = 1 + int(rand($ms));
				my $client = client($node, "${prepare}SET statement_timeout = $timeout;\n$sql;\n$after");
				my $said = join '', grep { /ERROR|FATAL|WARNING|closed/ } split /^/, finish_all($client);
				if ($said =~ /^(\S+ ERROR:  57014[^\n]*\n)+$/) { $cancelled++; $hit{$name}++ }
				# one that came to its end had too much time
				elsif ($said eq '') { $done++; $ms = $timeout }
				else { is($said, '', "$name cancelled after $timeout ms") }
				if ($client->{out} !~ /\Q$wanted\E$/)
				{
					is($client->{out}, $wanted, "$name cancelled after $timeout ms: session works");
				}
			}
		}

		# an outright cancel and a termination, too
		foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
		{
			my $build = "$o{statements}{'parallel build'};\nDROP INDEX IF EXISTS x_i;\n";
			my $client = client($node, "DROP INDEX IF EXISTS x_i;\n" . $build x 50);
			ok(wait_until($node, "SELECT count(*) > 0 FROM $others AND query LIKE '%CREATE INDEX x_i%' AND state = 'active'"),
				"round $round: a build is under way");
			usleep(int(rand(300_000)));
			$node->safe_psql('postgres', "SELECT $_(pid) FROM $others AND query LIKE '%x_i%' AND backend_type = 'client backend'")
			  foreach $how, 'pg_terminate_backend';
			finish_all($client);
		}
		ok(wait_until($node, "SELECT count(*) = 0 FROM $others AND backend_type ~ 'parallel|client'"),
			"round $round: no worker is left");
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS x_i');
		is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype IN ('relation', 'page')"),
			'0', "round $round: no lock is left");
		is(stray_files($node), '', "round $round: no file is left");
		$o{sound}->("round $round");
	}
	note("$cancelled cancelled, $done came to their end: " . join(', ', map { "$_ $hit{$_}" } sort keys %hit));
	cmp_ok($cancelled, '>', $done / 4, 'cancels hit');
	$node->safe_psql('postgres', 'VACUUM t');
	$o{sound}->('in the end');
	return server_lived($node, 'no backend died');
}

1;
