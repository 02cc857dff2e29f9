# 040_standby.pl
# A streaming standby that checks every replayed page, under inserts, deletes, VACUUM and REINDEX: same
# answers there; a long query on it while pages are reused; promotion; unlogged and temporary tables.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

seed();
my $dim = 96;
my $primary = new_node('primary', q{
wal_consistency_checking = 'all'
maintenance_work_mem = '64MB'
shared_buffers = 16MB
max_wal_size = 256MB
}, allows_streaming => 1);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
max_standby_streaming_delay = 0
hot_standby_feedback = off
wal_receiver_status_interval = 1
});
$standby->start;
my $q = $primary->safe_psql('postgres', "SELECT vc_vector(4711, $dim)");

sub caught_up { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); return; }

my %tables = (
	a => [ 'vector', 'l2', '<->', 'lists = 30' ],
	b => [ 'halfvec', 'cosine', '<=>', 'lists = 10, rerank_in_table = on' ],
	c => [ 'vector', 'ip', '<#>', "lists = '4,16'" ],
	d => [ 'rabitq8', 'cosine', '<=>', 'lists = 10, rerank_in_table = off' ],
	e => [ 'vector', 'maxsim', '@#', 'lists = 20' ],
	graph => [ 'halfvec', 'l2', '<->', 'm = 12' ]);

# a query for a table
sub point
{
	my ($t) = @_;
	my ($type, $metric) = @{ $tables{$t} };
	return $metric eq 'maxsim' ? "{\"$q\"}" : $primary->safe_psql('postgres', "SELECT '$q'::text::$type");
}

sub same
{
	my ($name) = @_;
	caught_up();
	foreach my $t (sort keys %tables)
	{
		my ($type, $metric, $op) = @{ $tables{$t} };
		my $q = point($t);
		my $answers = "SELECT vc_use_index(true); SELECT vc_needs_index('SELECT id FROM $t ORDER BY v $op '
			|| quote_literal('$q') || ' LIMIT 100', 0); SELECT string_agg(id::text, ',') FROM
			(SELECT id FROM $t ORDER BY v $op '$q' LIMIT 100) s";
		my $want = $primary->safe_psql('postgres', $answers);
		cmp_ok(length($want), '>', 200, "$name: $t answers");
		is(patient_psql($standby, $answers), $want, "$name: $t answers alike on the standby");
		like(enumeration($standby, $t, $metric, $q), qr/^\d{3,} missing=0 extra=0$/,
			"$name: all rows of $t on the standby");
	}
	return;
}

foreach my $t (sort keys %tables)
{
	my ($type, $metric, $op, $with) = @{ $tables{$t} };
	generate_rows($primary, $t, $type, $metric, $dim, $metric eq 'maxsim' ? 500 : 2000);
	$primary->safe_psql('postgres',
		"CREATE INDEX ${t}_i ON $t USING @{[ method($t) ]} (v ${type}_${metric}_ops) WITH ($with)");
}
$primary->safe_psql('postgres', qq(
CREATE SEQUENCE ids START 100000;
CREATE UNLOGGED TABLE u (id int, v vector($dim));
INSERT INTO u SELECT id, v FROM a;
CREATE INDEX u_i ON u USING vchordrq (v vector_l2_ops);
CREATE UNLOGGED TABLE graph_u (id int, v vector($dim));
INSERT INTO graph_u SELECT id, v FROM a;
CREATE INDEX graph_u_i ON graph_u USING vchordg (v vector_l2_ops);
));
same('built');

my $changes = join '', map {
	my ($type, $metric) = @{ $tables{$_} };
	qq(
\\set k random(0, 96)
INSERT INTO $_ SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 20)) s;
DELETE FROM $_ WHERE id % 97 = :k;
)
} sort keys %tables;
foreach my $round (1 .. counts(2, 20))
{
	my @clients = (client($primary, $changes, '-c', 3, '-T', counts(2, 10)));
	push @clients, client($primary, join '', map { "VACUUM $_;\n" x 5 } sort keys %tables);
	push @clients, client($primary, "REINDEX INDEX a_i; REINDEX INDEX CONCURRENTLY b_i;\n") if $round % 2 == 0;
	is(finish_all(@clients), '', "round $round: work");
	$primary->safe_psql('postgres', "VACUUM $_") foreach sort keys %tables;
	same("round $round");
}

# A query on the standby that is under way while the primary frees and reuses its pages: it ends with a
# conflict, or is protected by feedback; it never answers wrongly.
my ($cancelled, $survived) = (0, 0);
foreach my $feedback ('off', 'on')
{
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = $feedback\n");
	$standby->reload;
	caught_up();
	$standby->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_wal_receiver');
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start([ 'psql', '-X', '-At', $standby->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my $rows = patient_psql($standby, 'SELECT count(v) FROM a');
	$in .= qq(
SELECT vc_use_index(true);
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE c CURSOR FOR SELECT id FROM a ORDER BY v <-> '$q';
FETCH 3 FROM c;
SELECT 'open';
);
	$session->pump until $out =~ /open/ || $err =~ /ERROR|FATAL/;
	if ($feedback eq 'on')
	{
		ok($primary->poll_query_until('postgres',
			"SELECT coalesce(bool_or(backend_xmin IS NOT NULL), false) FROM pg_stat_replication"), 'feedback arrived');
	}
	foreach my $i (1 .. 4)
	{
		$primary->safe_psql('postgres', qq(
DELETE FROM a WHERE id % 4 = $i - 1;
VACUUM a;
INSERT INTO a SELECT i, vc_vector(i, $dim)::vector FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 500)) s;
VACUUM a;));
	}
	caught_up();
	$out = '';
	$in .= "SELECT 'begin';\nFETCH ALL FROM c;\nSELECT 'end';\n\\q\n";
	eval { $session->finish; 1 };
	if ($err =~ /conflict with recovery|terminating connection|server closed/)
	{
		$cancelled++;
		unlike($out, qr/^\d+$/m, "feedback $feedback: cancelled before it answers");
	}
	else
	{
		my ($body) = $out =~ /begin\n(.*?)end/s;
		my %ids = map { $_ => 1 } split /\n/, $body // '';
		$survived++;
		is($err, '', "feedback $feedback: no error");
		is(scalar(keys %ids), $rows - 3, "feedback $feedback: every row of its snapshot");
	}
}
is("$cancelled $survived", '1 1', 'cancelled without feedback, protected with it');
same('after the long queries');

# Promotion.
caught_up();
$standby->promote;
foreach my $t (sort keys %tables)
{
	sound($standby, "promoted: $t", $t, "${t}_i", $tables{$t}[1], point($t));
	$standby->safe_psql('postgres', "INSERT INTO $t SELECT i, @{[ row_value(@{ $tables{$t} }[0, 1], $dim, 'i') ]} FROM generate_series(900000, 900300) i;
		DELETE FROM $t WHERE id % 3 = 0; VACUUM $t; VACUUM $t");
	sound($standby, "promoted, used: $t", $t, "${t}_i", $tables{$t}[1], point($t));
	$standby->safe_psql('postgres', "REINDEX INDEX ${t}_i");
	sound($standby, "promoted, rebuilt: $t", $t, "${t}_i", $tables{$t}[1], point($t));
}
unlike(slurp_file($standby->logfile), qr/inconsistent page/, 'no inconsistent page');

# Unlogged: empty on the promoted node and after a crash, and usable.
foreach my $node ($standby, $primary)
{
	crash($node) if $node == $primary;
	foreach my $u ('u', 'graph_u')
	{
		is($node->safe_psql('postgres', "SELECT count(*) FROM $u"), '0', "unlogged table $u is empty");
		sound($node, "$u: unlogged, empty", $u, "${u}_i", 'l2', $q);
		$node->safe_psql('postgres',
			"INSERT INTO $u SELECT i, vc_vector(i, $dim)::vector FROM generate_series(1, 500) i; VACUUM $u");
		sound($node, "$u: unlogged, filled again", $u, "${u}_i", 'l2', $q);
	}
}

# Temporary tables live in local buffers.
foreach my $am ('vchordrq', 'vchordg')
{
	my $temporary = $primary->safe_psql('postgres', qq(
CREATE TEMP TABLE tmp (id int, v vector($dim));
SET temp_buffers = '800kB';
INSERT INTO tmp SELECT id, v FROM a;
CREATE INDEX tmp_i ON tmp USING $am (v vector_l2_ops);
DELETE FROM tmp WHERE id % 2 = 0;
VACUUM tmp;
INSERT INTO tmp SELECT id, v FROM a WHERE id % 2 = 0;
VACUUM tmp;
SELECT count(*) FROM ${am}_index_check('tmp_i', true);
SELECT vc_enumerate('tmp', '<->', '$q');
));
	like($temporary, qr/^0\n\d+ missing=0 extra=0$/, "temporary table, $am");
}

server_lived($_, 'no backend died') foreach $standby;
$standby->stop;
$primary->stop;
done_testing();
