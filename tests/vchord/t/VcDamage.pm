# VcDamage.pm
# Files of indexes damaged at random, for the tests of all extensions: structural fields, payload, lost and exchanged
# pages, file ends.  Whatever is done with such an index succeeds or fails with a clean error; the server never
# dies, nothing runs for ever, REINDEX brings everything back.
package VcDamage;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

our @EXPORT = qw(PAGE one_of odd32 flip damage damage_rounds);

use constant PAGE => 8192;

sub one_of { return $_[ int(rand(@_)) ]; }

# a value that field checks are prone to let through
sub odd32
{
	my ($pages) = @_;
	return one_of(0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, $pages, $pages - 1,
		int(rand($pages)), int(rand($pages)), int(rand(1 << 16)), int(rand(0xFFFFFFFF)));
}

sub flip
{
	my ($bytes) = @_;
	my $at = int(rand(length $bytes));
	substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1)) ^ (1 << int(rand(8))));
	return $bytes;
}

# Damages one file; returns what was done.  kinds: mask of the kind of a page; body: first byte of its contents;
# hows: what may be done, as often as it is named; fields: of a page with contents up to $lower, offsets of which
# one is chosen; own: further ways, by name, each damages the file itself and may give itself another name; finish:
# gets the page and what was done to it before it is written.
sub damage
{
	my ($path, %o) = @_;
	my $file = slurp_file($path);
	my $pages = length($file) / PAGE;
	my %kinds;
	push @{ $kinds{ unpack('S', substr($file, $_ * PAGE + 8188, 2)) & $o{kinds} } }, $_ foreach 0 .. $pages - 1;

	# every kind of page alike, however many there are of it
	my $kind = one_of(sort keys %kinds);
	my $blk = one_of(@{ $kinds{$kind} });
	my $page = substr($file, $blk * PAGE, PAGE);
	my $lower = unpack('S', substr($page, 12, 2));
	my $how = one_of(@{ $o{hows} });
	my $where = "block $blk of $pages, kind $kind";

	$lower = 4000 if $lower < $o{body} + 36 || $lower > 8160;
	return ($o{own}{$how}->($path, $file, $blk) // $how) . ", $where" if $o{own}{$how};
	if ($how eq 'truncate' || $how eq 'cut')
	{
		truncate($path, $blk * PAGE + ($how eq 'cut' ? 1 + int(rand(PAGE - 1)) : 0)) or die $!;
		return "$how, $where";
	}
	if ($how eq 'special') { substr($page, 8160) = flip(substr($page, 8160)) }
	elsif ($how eq 'header') { substr($page, 8, 16) = flip(substr($page, 8, 16)) }
	elsif ($how eq 'limits')
	{
		# limits that a page may have, but not with these contents: what is appended would go to the wrong place
		my ($from, $upper) = unpack('SS', substr($page, 12, 4));
		my $most = $upper >= 24 && $upper <= 8160 ? $upper : 8160;
		my $to = one_of($from - 4, $from + 4, $from - 8, $from + 8, 24, $most, 24 + 4 * int(rand(($most - 24) / 4 + 1)));

		$to = 24 if $to < 24 || $to > $most;
		$how .= " $from to $to";
		substr($page, 12, 2) = pack('S', $to);
	}
	elsif ($how eq 'hole')
	{
		my ($from, $to) = unpack('SS', substr($page, 12, 4));
		substr($page, $from + int(rand($to - $from)), 1) = chr(1 + int(rand(255))) if $from >= 24 && $to > $from && $to <= 8160;
	}
	elsif ($how eq 'body')
	{
		my $n = 1 + int(rand(8));
		substr($page, $o{body} + int(rand($lower - $o{body} - $n)), $n) = pack('C*', map { int(rand(256)) } 1 .. $n);
	}
	elsif ($how eq 'field')
	{
		my $from = one_of($o{fields}->($lower));
		$how .= " $from";
		substr($page, $from, 4) = pack('L', odd32($pages));
	}
	elsif ($how eq 'zero') { $page = "\0" x PAGE }
	elsif ($how eq 'garbage') { $page = pack('C*', map { int(rand(256)) } 1 .. PAGE) }
	elsif ($how eq 'copy')
	{
		my $from = int(rand($pages));
		$how .= " of $from";
		$page = substr($file, $from * PAGE, PAGE);
	}
	else { die $how }
	($page, $how) = $o{finish}->($page, $how, $lower) if $o{finish};
	patch_file($path, $blk * PAGE, $page);
	return "$how, $where";
}

# our error; the server's for a page or a file end it cannot read; another format
my %clean = map { $_ => 1 } qw(XX002 XX001 0A000);

# The files of the stopped server as they are now are damaged `cycles` times.  paths: table => file of its index;
# damage: of a file, says what was done; script: for a table, ends with 'alive' and what matches `end`, which
# shows that nothing was lost.
sub damage_rounds
{
	my ($node, %o) = @_;
	my $pristine = $node->basedir . '/pristine';
	my ($cases, $refused, @bad) = (0, 0);

	system_or_bail('cp', '-a', $node->data_dir, $pristine);
	foreach my $cycle (1 .. $o{cycles})
	{
		my %done;
		system_or_bail('rm', '-rf', $node->data_dir);
		system_or_bail('cp', '-a', $pristine, $node->data_dir);
		$done{$_} = $o{damage}->($node->data_dir . "/$o{paths}{$_}") foreach sort keys %{ $o{paths} };
		$node->start;
		foreach my $t (sort keys %{ $o{paths} })
		{
			my $client = client($node, $o{script}->($t));
			my $said = finish_all($client);
			my @codes = $said =~ /(?:ERROR|FATAL|PANIC):  (\w{5})/g;
			my @wrong = grep { !$clean{$_} } @codes;
			my ($end) = $client->{out} =~ /alive\n(.*)/s;

			$cases++;
			$refused++ if @codes;
			$end //= 'no end';
			next if !@wrong && $said !~ /server closed|connection/ && $end =~ $o{end};
			push @bad, "cycle $cycle, $t, $done{$t}: "
			  . join(" ", (map { s/\s+$//r =~ s/^\S+client//r } grep { /ERROR|FATAL|server/ } split /\n/, $said), $end =~ tr/\n/ /r);
		}
		$node->stop('immediate');
	}
	diag($_) foreach @bad[ 0 .. ($#bad > 30 ? 30 : $#bad) ];
	is(scalar(@bad), 0, "$cases damaged indexes: clean errors, all back after REINDEX");
	cmp_ok($refused, '>', $cases / 10, "damage is noticed ($refused of $cases)");
	return server_lived($node, 'the server never died');
}

1;
