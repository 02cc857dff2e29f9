# 040_standby.pl
# A streaming standby that checks every replayed page, under inserts that seal, deletes, merges, VACUUM and REINDEX:
# same answers there; a long query on it while pages are reused; promotion; unlogged and temporary tables.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node crash client finish_all server_lived patient_psql);

seed();
my $primary = new_node('primary', q{
wal_consistency_checking = 'all'
maintenance_work_mem = '16MB'
shared_buffers = 16MB
max_wal_size = 256MB
search_path = 'public, bm25_catalog'
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
sub caught_up { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); return; }

# small limits, so that much is sealed and merged
my %tables = (
	a => "(body) WITH (text_config = 'simple', growing_limit = 3, merge_fanout = 2)",
	b => "(title, body) WITH (text_config = 'simple', positions = on, growing_limit = 20, merge_fanout = 3)",
	c => "(body) WITH (text_config = 'simple', norms = 'exact', growing_limit = 8)");

$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 900), ' '), '')
	  FROM generate_series(1, n) j $$;
CREATE SEQUENCE ids START 100000;
CREATE UNLOGGED TABLE u (id int, title tsvector, body text);
CREATE INDEX u_i ON u USING bm25 (body) WITH (text_config = 'simple', growing_limit = 4);
SQL

sub rows
{
	my ($t, $from, $to) = @_;
	return "INSERT INTO $t SELECT i, to_tsvector('simple', words(i, i % 4)), words(i, CASE WHEN i % 373 = 0 THEN 3000 ELSE i % 40 END)
		FROM generate_series($from, $to) i;\n";
}

sub same
{
	my ($name) = @_;
	caught_up();
	foreach my $t (sort keys %tables)
	{
		my $answers = "SET enable_seqscan = off; SELECT string_agg(id || ' ' || s, ',') FROM
			(SELECT id, body <&> to_bm25query('w1 w2 w3 w30', '${t}_i') AS s FROM $t
			ORDER BY body <&> to_bm25query('w1 w2 w3 w30', '${t}_i'), id LIMIT 50) x;
			SELECT count(*) FROM $t WHERE body @@ to_bm25query('all', '${t}_i')";
		my $want = $primary->safe_psql('postgres', $answers);
		my $rows = $primary->safe_psql('postgres', "SELECT count(*) FROM $t");
		like($want, qr/^(\d+ -[\d.]+,?){50}\n$rows$/, "$name: $t answers");
		is(patient_psql($standby, $answers), $want, "$name: $t answers alike on the standby");
		is(patient_psql($standby, "SELECT * FROM bm25_index_check('${t}_i', true)"), '', "$name: check of $t on the standby");
	}
	return;
}

sub sound
{
	my ($node, $name, $t) = @_;
	is($node->safe_psql('postgres', "SELECT * FROM bm25_index_check('${t}_i', true)"), '', "$name: check");
	return is($node->safe_psql('postgres', "SET enable_seqscan = off;
		SELECT (SELECT count(*) FROM $t WHERE body @@ to_bm25query('all', '${t}_i')) - count(*) FROM $t"), '0', "$name: all rows");
}

foreach my $t (sort keys %tables)
{
	$primary->safe_psql('postgres', "CREATE TABLE $t (id int, title tsvector, body text) WITH (autovacuum_enabled = off);"
		  . rows($t, 1, 1500) . "CREATE INDEX ${t}_i ON $t USING bm25 $tables{$t}");
}
$primary->safe_psql('postgres', rows('u', 1, 500));
same('built');

my $changes = join '', map { qq(
\\set k random(0, 96)
INSERT INTO $_ SELECT i, to_tsvector('simple', words(i, i % 4)), words(i, i % 60) FROM (SELECT nextval('ids') AS i FROM generate_series(1, 20)) s;
DELETE FROM $_ WHERE id % 97 = :k;
) } sort keys %tables;

# REINDEX CONCURRENTLY exchanges an index: whoever looked its name up just before is told that the index is not valid
# or gone (specs/vanish.spec), and looks again.
$primary->safe_psql('postgres', <<'SQL');
CREATE FUNCTION upkeep(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			PERFORM bm25_flush(name::regclass), bm25_merge(name::regclass, true);
			RETURN;
		EXCEPTION WHEN undefined_table OR object_not_in_prerequisite_state THEN
			NULL;
		END;
	END LOOP;
END $$
SQL
foreach my $round (1 .. counts(2, 20))
{
	my @clients = (client($primary, $changes, '-c', 3, '-T', counts(2, 10)));
	push @clients, client($primary, join '', map { "VACUUM $_;\n" x 5 } sort keys %tables);
	push @clients, client($primary, join '', map { "SELECT upkeep('${_}_i');\n" x 3 } sort keys %tables);
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
	my $rows = patient_psql($standby, 'SELECT count(*) FROM a');
	$in .= qq(
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE c CURSOR FOR SELECT id FROM a ORDER BY body <&> to_bm25query('all', 'a_i');
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
		$primary->safe_psql('postgres', "DELETE FROM a WHERE id % 4 = $i - 1");
		$primary->safe_psql('postgres', "VACUUM a");
		$primary->safe_psql('postgres', "INSERT INTO a SELECT i, NULL, words(i, 30) FROM (SELECT nextval('ids') AS i FROM generate_series(1, 300)) s;
			SELECT bm25_merge('a_i', true)");
		$primary->safe_psql('postgres', "VACUUM a");
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
	sound($standby, "promoted: $t", $t);
	$standby->safe_psql('postgres', rows($t, 900000, 900300) . "DELETE FROM $t WHERE id % 3 = 0");
	$standby->safe_psql('postgres', "VACUUM $t");
	$standby->safe_psql('postgres', "VACUUM $t");
	sound($standby, "promoted, used: $t", $t);
	$standby->safe_psql('postgres', "REINDEX INDEX ${t}_i");
	sound($standby, "promoted, rebuilt: $t", $t);
}
unlike(slurp_file($standby->logfile), qr/inconsistent page/, 'no inconsistent page');

# Unlogged: empty on the promoted node and after a crash, and usable.
foreach my $node ($standby, $primary)
{
	crash($node) if $node == $primary;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM u'), '0', 'unlogged table is empty');
	sound($node, 'unlogged, empty', 'u');
	$node->safe_psql('postgres', rows('u', 1, 500));
	$node->safe_psql('postgres', 'VACUUM u');
	sound($node, 'unlogged, filled again', 'u');
}

# Temporary tables live in local buffers.
is($primary->safe_psql('postgres', q{
SET temp_buffers = '800kB';
CREATE TEMP TABLE tmp (id int, body text);
INSERT INTO tmp SELECT id, body FROM b;
CREATE INDEX tmp_i ON tmp USING bm25 (body) WITH (text_config = 'simple', growing_limit = 3);
DELETE FROM tmp WHERE id % 2 = 0;
VACUUM tmp;
INSERT INTO tmp SELECT id, body FROM b WHERE id % 2 = 0;
VACUUM tmp;
SELECT * FROM bm25_index_check('tmp_i', true);
SET enable_seqscan = off;
SELECT (SELECT count(*) FROM tmp WHERE body @@ to_bm25query('all', 'tmp_i')) - count(*) FROM tmp}), '0', 'temporary table');

server_lived($_, 'no backend died') foreach $standby;
$standby->stop;
$primary->stop;
done_testing();
