# SPDX-License-Identifier: MIT OR Apache-2.0
# Work for perl that allocates a great deal. Its argument says which part; each prints digests of
# what it made, so that a single wrong byte shows.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Storable qw(dclone freeze thaw);
use threads;
use Thread::Queue;

my $state = 20_011;

# The same numbers on every machine (the constants are those of the C standard's example).
sub random_below {
    my ($limit) = @_;
    $state = ($state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return ($state >> 8) % $limit;
}

sub random_word {
    return join '', map { chr(97 + random_below(26)) } 1 .. 2 + random_below(shift);
}

# A big hash of arrays; sorting; regular expressions; strings that grow and shrink.
sub words {
    my (%places, @all);
    for my $i (0 .. 149_999) {
        my $word = random_word(6);
        push @{ $places{$word} }, $i;
        push @all, $word;
    }
    print scalar(keys %places), " words\n";
    my @sorted = sort { @{ $places{$b} } <=> @{ $places{$a} } || $a cmp $b } keys %places;
    print md5_hex(join ',', map {"$_:@{ $places{$_} }"} @sorted), "\n";

    my $text = join ' ', @all;
    my $vowels = () = $text =~ /\b[aeiou]\w*[aeiou]\b/g;
    (my $changed = $text) =~ s/(\w)(\w+)/\u$2$1/g;
    $changed =~ s/([A-Z])([a-z]*)/length($2) > 3 ? reverse($2) : $1 x 3/ge;
    print "$vowels ", md5_hex($changed), "\n";

    my $grown = '';
    for my $word (@all) {
        $grown .= $word x random_below(12);
        substr($grown, 0, length($grown) / 2, '') if length $grown > 200_000;
    }
    print length($grown), ' ', md5_hex($grown), "\n";

    delete $places{$_} for grep { random_below(3) } sort keys %places;
    print scalar(keys %places), ' ', md5_hex(join ',', sort keys %places), "\n";
}

# A tree of small nodes that point to each other both ways, copied, frozen and thawed.
sub graph {
    my @nodes = ({ name => 'root', children => [] });
    for my $i (1 .. 59_999) {
        my $parent = $nodes[ random_below($i) ];
        my $node = { name => random_word(40), parent => $parent, children => [] };
        push @{ $parent->{children} }, $node;
        push @nodes, $node;
    }
    my $copy = dclone(\@nodes);
    $Storable::canonical = 1;
    my $frozen = freeze(\@nodes);
    print length($frozen), ' ', md5_hex($frozen), "\n";
    for my $made (\@nodes, $copy, thaw($frozen)) {
        print md5_hex(join ',', map { ($_->{name}, map { $_->{name} } @{ $_->{children} }) } @$made),
            "\n";
        delete $_->{parent} for @$made;    # no cycles: perl frees all of it
    }
}

# A queue of closures, each with its own strings, run in an order that is not that of their making.
sub closures {
    my @waiting;
    my $digest = '';
    for my $i (0 .. 199_999) {
        my $captured = random_word(120);
        push @waiting, sub { return $captured . shift };
        next if @waiting < 5_000;
        my $chosen = splice @waiting, random_below(scalar @waiting), 1;
        $digest = md5_hex($chosen->($digest));
    }
    print scalar(@waiting), " $digest\n";
}

# Eight interpreters: each gets a copy of all that the first has, made and destroyed concurrently.
sub in_threads {
    my %shared_by_copy = map { $_ => [ map { random_word(20) } 1 .. 10 ] } 1 .. 2_000;
    my $queue = Thread::Queue->new;
    my @threads = map {
        my $number = $_;
        threads->create(
            sub {
                my @digests;
                while (defined(my $job = $queue->dequeue)) {
                    my @words = map { @{ $shared_by_copy{$_} } } grep { $_ % $job == 0 } 1 .. 2_000;
                    push @digests, "$job " . md5_hex(join ',', sort map { $_ x 3 } @words);
                }
                return @digests;
            }
        );
    } 1 .. 8;
    $queue->enqueue($_ % 40 + 1) for 0 .. 399;
    $queue->end;
    print "$_\n" for sort map { $_->join } @threads;
}

my %parts = (words => \&words, graph => \&graph, closures => \&closures, threads => \&in_threads);
$parts{ $ARGV[0] }->();
