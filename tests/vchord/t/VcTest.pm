# VcTest.pm
# What the server tests of vchordrq and vchordg share: seed and counts, real and generated data, recall against the
# sequential scan, full enumeration, checks of an index, crashes and clients in the background.
package VcTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(counts seed new_node patient_psql real_sets load_file generate generate_rows row_value recall_ok enumeration method sound crash
  client finish_all server_lived index_path wait_until patch_file crc32c watch $long);

# Full counts; the short form is for every run.
our $long = $ENV{VC_TEST_LONG} ? 1 : 0;

my $seed = $ENV{VC_TEST_SEED} // int(rand(1 << 31));
my $loader = dirname(__FILE__) . '/vectors.py';

# The number of rounds of the short or the long form.
sub counts { return $_[$long]; }

# Starts the random numbers of a suite; the wrapper has printed the seed, a run by hand prints it here.
sub seed
{
	srand($seed);
	note("VC_TEST_SEED=$seed, " . ($long ? 'long' : 'short') . ' form');
	return $seed;
}

# A running server with the extension and the functions of this file.  autovacuum is off: suites say
# themselves when a table is vacuumed.  So is jit: a plan node that is disabled costs so much that each of thousands
# of little queries would be compiled (pg_regress runs with jit).  `damaged` is for tests that write into the
# server's files: without checksums, which 18 has by default.
sub new_node
{
	my ($name, $conf, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	push @{ $init{extra} }, '--no-data-checksums' if delete $init{damaged} && $node->pg_version >= 18;
	$node->init(%init);
	$node->append_conf('postgresql.conf', <<"CONF");
autovacuum = off
client_min_messages = warning
jit = off
max_connections = 40
max_worker_processes = 16
$conf
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION vchord CASCADE');
	$node->safe_psql('postgres', sql_functions());
	return $node;
}

# What a query answers.  On a standby replay may cancel it: that is a conflict, not an answer, so it is asked again
# when replay has gone on, for half a minute at most.
sub patient_psql
{
	my ($node, $sql) = @_;
	my ($status, $out, $err);
	foreach my $attempt (1 .. 100)
	{
		($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
		return $out if $status == 0;
		last if $err !~ /conflict with recovery/;
		note("attempt $attempt: cancelled by recovery");
		usleep(300_000);
	}
	die "psql: exit code $status: $err with $sql";
}

sub sql_functions
{
	return <<'SQL';
-- Lets the planner use the index only, or anything but the index.
CREATE FUNCTION vc_use_index(use boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_indexscan', CASE WHEN use THEN 'on' ELSE 'off' END, false),
		set_config('enable_seqscan', CASE WHEN use THEN 'off' ELSE 'on' END, false),
		set_config('enable_sort', CASE WHEN use THEN 'off' ELSE 'on' END, false),
		set_config('enable_bitmapscan', 'off', false);
END $$;

-- Fails unless an index scan answers the query.
CREATE FUNCTION vc_needs_index(query text, q anyelement) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query USING q LOOP
		IF line ~ 'Index Scan using' THEN
			RETURN;
		END IF;
	END LOOP;
	RAISE 'no index scan in the plan of %', query;
END $$;

-- Recall by distance (ties count as found) of the index for each k, over the queries of a table;
-- short = rows that the index left out of a LIMIT it could have filled, beyond = rows that do not
-- exist in the table or came twice.
CREATE FUNCTION vc_recall(tab text, qtab text, op text, cond text, ks int[],
	OUT k int, OUT recall float8, OUT worst float8, OUT short bigint, OUT twice bigint, OUT queries bigint)
	RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	q record;
	most int := (SELECT max(x) FROM unnest(ks) x);
	form text := format('SELECT array_agg(d), array_agg(id) FROM (SELECT id, v %s $1 AS d FROM %s WHERE %s '
		|| 'ORDER BY v %s $1 LIMIT ', op, tab, cond, op);
	truth float8[];
	found float8[];
	ids int[];
	n int;
	hits float8;
	seen bool := false;
	sums float8[] := array_fill(0::float8, ARRAY[cardinality(ks)]);
	worsts float8[] := array_fill(1::float8, ARRAY[cardinality(ks)]);
	shorts bigint[] := array_fill(0::bigint, ARRAY[cardinality(ks)]);
	twices bigint[] := array_fill(0::bigint, ARRAY[cardinality(ks)]);
BEGIN
	queries := 0;
	FOR q IN EXECUTE 'SELECT v FROM ' || qtab LOOP
		queries := queries + 1;
		PERFORM vc_use_index(false);
		EXECUTE form || most || ') s' INTO truth, ids USING q.v;
		PERFORM vc_use_index(true);
		FOR i IN 1 .. cardinality(ks) LOOP
			IF NOT seen THEN
				PERFORM vc_needs_index(form || ks[i] || ') s', q.v);
			END IF;
			EXECUTE form || ks[i] || ') s' INTO found, ids USING q.v;
			n := least(ks[i], coalesce(cardinality(truth), 0));
			shorts[i] := shorts[i] + n - coalesce(cardinality(found), 0);
			twices[i] := twices[i] + coalesce(cardinality(ids), 0)
				- (SELECT count(DISTINCT x) FROM unnest(ids) x);
			IF n = 0 THEN
				sums[i] := sums[i] + 1;
				CONTINUE;
			END IF;
			SELECT least(count(*), n) / n::float8 INTO hits FROM unnest(found) x
				WHERE x <= truth[n] + 1e-6 * abs(truth[n]) + 1e-9;
			sums[i] := sums[i] + hits;
			worsts[i] := least(worsts[i], hits);
		END LOOP;
		seen := true;
	END LOOP;
	FOR i IN 1 .. cardinality(ks) LOOP
		k := ks[i];
		recall := sums[i] / greatest(queries, 1);
		worst := worsts[i];
		short := shorts[i];
		twice := twices[i];
		RETURN NEXT;
	END LOOP;
END $$;

-- Every row through the index against every row of the table: 'rows missing=0 extra=0'.
CREATE FUNCTION vc_enumerate(tab text, op text, q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	scan text := format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY v %s %L) s', tab, op, q);
	by_index int[];
	by_table int[];
BEGIN
	PERFORM vc_use_index(false);
	EXECUTE format('SELECT array_agg(id) FROM %s WHERE v IS NOT NULL', tab) INTO by_table;
	PERFORM vc_use_index(true);
	PERFORM vc_needs_index(scan, q);
	EXECUTE scan INTO by_index;
	RETURN format('%s missing=%s extra=%s', coalesce(cardinality(by_index), 0),
		(SELECT count(*) FROM (SELECT unnest(by_table) EXCEPT ALL SELECT unnest(by_index)) s),
		(SELECT count(*) FROM (SELECT unnest(by_index) EXCEPT ALL SELECT unnest(by_table)) s));
END $$;

-- Text forms of vectors become quantised values where a cast asks for them, as they become vectors.
CREATE FUNCTION vc_rabitq8(text) RETURNS rabitq8 LANGUAGE sql IMMUTABLE STRICT AS 'SELECT quantize_to_rabitq8($1::vector)';
CREATE FUNCTION vc_rabitq4(text) RETURNS rabitq4 LANGUAGE sql IMMUTABLE STRICT AS 'SELECT quantize_to_rabitq4($1::vector)';
CREATE CAST (text AS rabitq8) WITH FUNCTION vc_rabitq8(text);
CREATE CAST (text AS rabitq4) WITH FUNCTION vc_rabitq4(text);

-- Vectors with clusters, the same for the same number.
CREATE FUNCTION vc_vector(n bigint, dim int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT '[' || string_agg((((hashint8(n * 4096 + i) & 65535) / 32768.0 - 1) * 0.5
		+ ((hashint8((n & 31) * 4096 + i) & 65535) / 32768.0 - 1))::real::text, ',') || ']'
	FROM generate_series(1, dim) i $$;

-- One to seven of them, as an array, the same for the same number.
CREATE FUNCTION vc_document(n bigint, dim int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT '{"' || string_agg(vc_vector(n * 8 + t, dim), '","') || '"}'
	FROM generate_series(0, (n % 7)::int) t $$;
SQL
}

# Names of the real vector sets => [base, queries, dimension]; none without the data.
sub real_sets
{
	my $root = $ENV{VCHORD_DATA};
	my %sets;

	return () if !defined $root || !-d "$root/vec";
	foreach my $base (glob "$root/vec/*/*base.[fb]vecs.gz")
	{
		my $query = $base =~ s/base\.([fb])vecs\.gz$/query.$1vecs.gz/r;
		my ($dim) = basename(dirname($base)) =~ /(\d+)$/;
		$dim = 128 if basename(dirname($base)) eq 'siftsmall';
		$sets{ basename(dirname($base)) } = [ $base, $query, $dim ] if -r $query;
	}
	return %sets;
}

my $files = 0;

# Makes `table` (id int, v type) and fills it; source and options are those of vectors.py.
sub load_file
{
	my ($node, $table, $type, $dim, $source, %options) = @_;
	if ($type =~ /^rabitq/)
	{
		load_file($node, "${table}_f32", 'vector', $dim, $source, %options, kind => '');
		$node->safe_psql('postgres', "CREATE " . ($options{kind} // '') . " TABLE IF NOT EXISTS $table (id int, v $type($dim));
			INSERT INTO $table SELECT id, quantize_to_$type(v) FROM ${table}_f32; DROP TABLE ${table}_f32");
		return;
	}
	my $file = $node->basedir . '/load' . $files++;
	my @command = ('/usr/bin/env', 'python3', $loader, $source, $file, '--type', $type, '--seed', $seed);

	push @command, "--$_", $options{$_} foreach grep { $_ ne 'kind' } sort keys %options;
	my ($out, $err);
	IPC::Run::run(\@command, '>', \$out, '2>', \$err) or die "vectors.py: $err";
	$node->safe_psql('postgres', "CREATE " . ($options{kind} // '') . qq( TABLE IF NOT EXISTS $table
		(id int, v $type($dim)); COPY $table FROM '$file' (FORMAT binary)));
	unlink $file;
	return;
}

sub generate
{
	my ($node, $table, $type, $dim, $rows, %options) = @_;
	return load_file($node, $table, $type, $dim, "generate:$dim", rows => $rows, %options);
}

# SQL of the value of row number `n` (SQL, too): a vector, or under maxsim an array of some.
sub row_value
{
	my ($type, $metric, $dim, $n) = @_;
	return $metric eq 'maxsim' ? "vc_document($n, $dim)::${type}[]" : "vc_vector($n, $dim)::$type";
}

# As generate, for any metric: rows 0 to rows - 1.
sub generate_rows
{
	my ($node, $table, $type, $metric, $dim, $rows, %options) = @_;
	return generate($node, $table, $type, $dim, $rows, %options) if $metric ne 'maxsim';
	$node->safe_psql('postgres', "CREATE TABLE $table (id int, v $type($dim)[]);
		INSERT INTO $table SELECT i, " . row_value($type, $metric, $dim, 'i') . " FROM generate_series(0, $rows - 1) i");
	return;
}

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', maxsim => '@#');

# Recall of an index on `table` for the queries of `qtable`: at least `floor` for each k, every LIMIT
# filled, no row twice.  `floors` has those of other k.
sub recall_ok
{
	my ($node, $name, $table, $qtable, $metric, %o) = @_;
	my @ks = @{ $o{ks} // [10] };
	my $floor = $o{floor} // 0.95;
	my $cond = $o{where} // 'true';
	my @bad;
	my @told;

	my $rows = $node->safe_psql('postgres', ($o{settings} // '') . ";SELECT * FROM vc_recall('$table',
		'$qtable', '$operators{$metric}', '" . ($cond =~ s/'/''/gr) . "', ARRAY[" . join(',', @ks) . "])");
	foreach my $row (split /\n/, $rows)
	{
		my ($k, $recall, $worst, $short, $twice, $queries) = split /\|/, $row;
		push @told, sprintf('%d: %.4f', $k, $recall);
		push @bad, "recall\@$k is $recall over $queries queries (worst $worst)" if $recall < ($o{floors}{$k} // $floor);
		push @bad, "$short rows short of LIMIT $k" if $short != 0;
		push @bad, "$twice rows twice with LIMIT $k" if $twice != 0;
		push @bad, 'no query' if $queries == 0;
	}
	push @bad, 'no answer' if !@told;
	is(join('; ', @bad), '', "$name: recall and LIMIT");
	note("$name: recall " . join(', ', @told));
	return;
}

# What vc_enumerate says, in one snapshot; on a standby, too.
sub enumeration
{
	my ($node, $table, $metric, $q) = @_;
	return patient_psql($node, "BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT vc_enumerate('$table', '$operators{$metric}', '$q'); COMMIT");
}

# Access method of the indexes of a test's table, by its name.
sub method { return $_[0] =~ /^graph/ ? 'vchordg' : 'vchordrq'; }

# Access method of an index; its functions begin with the name.
sub method_of
{
	my ($node, $index) = @_;
	return $node->safe_psql('postgres',
		"SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = '$index'::regclass");
}

# The index is as it should be: the check finds nothing, and it holds exactly the rows of the table.
sub sound
{
	my ($node, $name, $table, $index, $metric, $q) = @_;
	my $am = method_of($node, $index);
	my $found = $node->safe_psql('postgres', "SELECT count(*),
		string_agg(coalesce(block::text, '') || ' ' || message, '; ') FROM ${am}_index_check('$index', true)");
	my $rows = $node->safe_psql('postgres', "SELECT count(v) FROM $table");

	is($found, '0|', "$name: index check");
	return is(enumeration($node, $table, $metric, $q), "$rows missing=0 extra=0", "$name: all rows");
}

# Ends the server at once, by kill -9 of the postmaster or by immediate stop, and starts it again.
# Until the postmaster is reaped and its backends have noticed, a new one refuses to start.
sub crash
{
	my ($node, $how) = @_;
	my $pid = $node->{_pid};

	if (($how // 'kill') ne 'kill')
	{
		$node->stop('immediate');
		return $node->start;
	}
	$node->kill9;
	foreach my $attempt (1 .. 300)
	{
		return if !kill(0, $pid) && $node->start(fail_ok => 1);
		usleep(100_000);
	}
	die 'the server does not start after kill -9';
}

# Starts psql (SQL text) or pgbench (SQL text, then its options) in the background.  Files, not pipes: nobody
# attends to a client before finish_all.
sub client
{
	my ($node, $sql, @pgbench) = @_;
	my $path = $node->basedir . '/client' . $files++;
	my @command = ('psql', '-X', '-At', '-v', 'VERBOSITY=verbose', '-f', $path, $node->connstr('postgres'));

	@command = ('pgbench', '-n', @pgbench, '-f', $path, $node->connstr('postgres')) if @pgbench;
	append_to_file($path, $sql);
	return {
		path => $path,
		run => IPC::Run::start(\@command, '<', '/dev/null', '>', "$path.out", '2>', "$path.err",
			IPC::Run::timeout(counts(180, 1800)))
	};
}

# Waits for clients; {out} of each is what it said, the result are the complaints of all together.
sub finish_all
{
	my @said;
	foreach my $client (@_)
	{
		eval { $client->{run}->finish; 1 } or push @said, "client did not end: $@";
		$client->{out} = slurp_file("$client->{path}.out");
		push @said, grep { !/^pgbench \(|^pgbench: setting random seed|INFO:|NOTICE:|LOCATION:/ } split /^/, slurp_file("$client->{path}.err");
		unlink map { "$client->{path}$_" } '', '.out', '.err';
	}
	return join('', @said);
}

# MB of a process: what is its own, and what it shares with others beyond shared buffers (dynamic segments)
sub memory_of
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/status" or return (0, 0, 0);
	my $text = join '', <$f>;
	my ($anon) = $text =~ /RssAnon:\s+(\d+)/;
	my ($shm) = $text =~ /RssShmem:\s+(\d+)/;
	my ($peak) = $text =~ /VmHWM:\s+(\d+)/;
	return map { ($_ // 0) / 1024 } ($anon, $shm, $peak);
}

sub children
{
	my ($postmaster) = @_;
	my %found;
	foreach my $path (glob '/proc/[0-9]*')
	{
		open my $f, '<', "$path/cmdline" or next;
		my $line = <$f> // '';
		next if $line !~ /^postgres: .*(parallel worker|CREATE INDEX|SELECT|VACUUM|INSERT)/;
		open my $s, '<', "$path/stat" or next;
		my ($parent) = (<$s> // '') =~ /\) \S (\d+)/;
		$found{ $path =~ s/.*\///r } = $line =~ /parallel worker/ ? 'worker' : 'leader'
		  if defined $parent && $parent == $postmaster;
	}
	return %found;
}

# Runs SQL; returns the most memory that all its processes had at one time beside shared buffers of $shared
# MB, the most workers seen, and what it said.
sub watch
{
	my ($node, $shared, $sql) = @_;
	my $client = client($node, $sql);
	my ($most, $workers, $text) = (0, 0, '');
	while ($client->{run}->pumpable && eval { $client->{run}->pump_nb; 1 })
	{
		my %pids = children($node->{_pid});
		my ($sum, $shm, $n, $now) = (0, 0, 0, '');
		foreach my $pid (sort keys %pids)
		{
			my ($own, $with, $peak) = memory_of($pid);
			$sum += $own;
			$shm = $with if $with > $shm;
			$n++ if $pids{$pid} eq 'worker';
			$now .= sprintf ' %s %.0f+%.0f(%.0f)', $pids{$pid}, $own, $with, $peak;
		}
		$sum += $shm - $shared if $shm > $shared;
		($most, $text) = ($sum, $now) if $sum > $most;
		$workers = $n if $n > $workers;
		usleep(15_000);
	}
	is(finish_all($client), '', 'no complaint');
	note(sprintf 'at most %.0f MB, %d workers; own+shared(peak):%s', $most, $workers, $text);
	return ($most, $workers, $client->{out});
}

# Nothing in the log tells of a backend that died or an assertion that failed.
sub server_lived
{
	my ($node, $name) = @_;
	my @lines = grep { /terminated by signal|PANIC|TRAP:|server process .* exited with exit code [^01]/ }
	  split /\n/, slurp_file($node->logfile);
	return is(join("\n", @lines[ 0 .. ($#lines > 4 ? 4 : $#lines) ]), '', $name);
}

sub index_path
{
	my ($node, $index) = @_;
	return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
}

# Writes bytes into a file at an offset.
sub patch_file
{
	my ($path, $offset, $bytes) = @_;
	open my $file, '+<:raw', $path or die "$path: $!";
	seek $file, $offset, 0;
	print {$file} $bytes;
	close $file or die "$path: $!";
	return;
}

# CRC-32C, as pages carry it.
my @crc_table = map {
	my $c = $_;
	$c = $c & 1 ? 0x82F63B78 ^ ($c >> 1) : $c >> 1 for 1 .. 8;
	$c
} 0 .. 255;

sub crc32c
{
	my $c = 0xFFFFFFFF;
	$c = $crc_table[($c ^ $_) & 255] ^ ($c >> 8) for unpack('C*', $_[0]);
	return $c ^ 0xFFFFFFFF;
}

# Waits until a query gives true.
sub wait_until
{
	my ($node, $query, $seconds) = @_;
	my $end = time + ($seconds // 60);
	while (time < $end)
	{
		return 1 if $node->safe_psql('postgres', $query) eq 't';
		usleep(50_000);
	}
	return 0;
}

1;
