#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# drop.pl: a client of a spool in one file, to run or to require; the protocol is in ../README.
package Drop;
use strict;
use warnings;
use B ();
use Digest::SHA qw(sha256_hex);
use Encode qw(encode);
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use IO::Handle;
use JSON::PP ();
use Time::HiRes qw(sleep);

my $usage = <<'END';
drop.pl submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
drop.pl wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
drop.pl result SPOOL ID         prints its newest answer
drop.pl id SPOOL < JOB          prints the ID that a job gets
END
my @identity = qw(type model prompt messages input system params user provider sample);
my %short = ("\b" => '\b', "\t" => '\t', "\n" => '\n', "\f" => '\f', "\r" => '\r', '"' => '\"', '\\' => '\\\\');

# A number as ECMAScript prints it: the fewest digits that denote the same double.
sub number {
    my ($value) = @_;
    return '0' if $value == 0;
    return '-' . number(-$value) if $value < 0;
    my $text;
    for my $precision (0 .. 16) {
        $text = sprintf '%.*e', $precision, $value;
        last if $text == $value;
    }
    my ($digits, $point) = $text =~ /^([0-9.]+)e(.*)$/;
    $point += 1;
    $digits =~ s/\.//;
    $digits =~ s/0+$//;
    my $count = length $digits;
    return $digits . '0' x ($point - $count) if $count <= $point && $point <= 21;
    return substr($digits, 0, $point) . '.' . substr($digits, $point) if 0 < $point && $point <= 21;
    return '0.' . '0' x -$point . $digits if -6 < $point && $point <= 0;
    my $fraction = $count > 1 ? '.' . substr($digits, 1) : '';
    return sprintf '%s%se%+d', substr($digits, 0, 1), $fraction, $point - 1;
}

sub text {
    my ($text) = @_;
    $text =~ s/([\x00-\x1f"\\])/$short{$1} \/\/ sprintf '\u%04x', ord $1/ge;
    return "\"$text\"";
}

# The canonical form of RFC 8785, as characters.
sub canonical {
    my ($value) = @_;
    return 'null' unless defined $value;
    return $value ? 'true' : 'false' if JSON::PP::is_bool($value);
    return '[' . join(',', map { canonical($_) } @$value) . ']' if ref $value eq 'ARRAY';
    if (ref $value eq 'HASH') {
        my %order = map { $_ => encode('UTF-16BE', $_) } keys %$value;
        my @keys = sort { $order{$a} cmp $order{$b} } keys %$value;
        return '{' . join(',', map { text($_) . ':' . canonical($value->{$_}) } @keys) . '}';
    }
    return B::svref_2object(\$value)->FLAGS & B::SVf_POK ? text($value) : number($value);
}

sub slurp {
    open my $file, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

sub record { return JSON::PP->new->utf8->decode(slurp($_[0])) }

# The ID of a job (JSON, as bytes) in this spool.
sub job_id {
    my ($spool, $text) = @_;
    my $job = JSON::PP->new->utf8->decode($text);
    my %group = map { exists $job->{$_} ? ($_ => $job->{$_}) : () } @identity;
    my $model = record("$spool/spool.json")->{default_model};
    $group{type} //= 'chat';
    $group{model} //= $model if defined $model;
    $group{user} //= getpwuid $> if (stat "$spool/new")[2] & 020;    # a shared spool
    return sha256_hex(encode('UTF-8', canonical(\%group)));
}

# Drops a job (JSON, as bytes) durably; returns its ID and its name in new/.
sub submit {
    my ($spool, $text) = @_;
    my $id = job_id($spool, $text);
    open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read($random, my $bytes, 16) == 16 or die "/dev/urandom: $!\n";
    my $name = unpack 'H*', $bytes;
    sysopen my $file, "$spool/tmp/$name", O_WRONLY | O_CREAT | O_EXCL, 0640 or die "$spool/tmp: $!\n";
    print $file $text and $file->flush and $file->sync and close $file or die "$spool/tmp/$name: $!\n";
    link "$spool/tmp/$name", "$spool/new/$name.json" or die "$spool/new/$name.json: $!\n";
    open my $folder, '<', "$spool/new" or die "$spool/new: $!\n";
    $folder->sync or die "$spool/new: $!\n";
    unlink "$spool/tmp/$name" or die "$spool/tmp/$name: $!\n";
    return ($id, "$name.json");
}

# Waits until a job has ended; name is that of its drop. Dies of the reason of a failure.
sub wait_for {
    my ($spool, $id, $name) = @_;
    for (my $pause = 0.05;; $pause = $pause < 0.6 ? $pause * 1.5 : 1) {
        my $refused = defined $name ? "$spool/failed/$name.error.json" : '';
        die record($refused)->{message}, "\n" if -e $refused;
        if (!(defined $name && -e "$spool/new/$name") && !-e "$spool/cur/$id.json") {
            die record("$spool/failed/$id.error.json")->{message}, "\n" if -e "$spool/failed/$id.json";
            return if -e "$spool/done/$id.json";
        }
        sleep $pause;
    }
}

# The newest good answer: a text, or the value that was asked for. Dies of the reason of a failure.
sub result {
    my ($spool, $id) = @_;
    my $last = 1;
    if (-e "$spool/done/$id.v1.json") {    # the folder may be large: it is listed last
        $last++ while -e "$spool/done/$id.v" . ($last + 1) . '.json';
    } else {
        opendir my $folder, "$spool/done" or die "$spool/done: $!\n";
        ($last) = sort { $b <=> $a } map { /^$id\.v(\d+)\.json$/ ? $1 : () } readdir $folder;
    }
    for (my $version = $last // 0; -e "$spool/done/$id.v$version.json"; $version--) {
        my $record = record("$spool/done/$id.v$version.json");
        return $record->{output} if $record->{status} eq 'completed';
    }
    my $error = "$spool/failed/$id.error.json";
    die -e $error ? record($error)->{message} : 'there is no answer yet', "\n";
}

sub main {
    my ($verb, $spool, @words) = @_;
    $verb = ($verb // '') . @_;
    binmode STDIN;
    if ($verb eq 'submit2') {
        print join(' ', submit($spool, do { local $/; <STDIN> })), "\n";
    } elsif ($verb eq 'id2') {
        print job_id($spool, do { local $/; <STDIN> }), "\n";
    } elsif ($verb =~ /^wait[34]$/) {
        wait_for($spool, @words);
    } elsif ($verb =~ /^result[34]$/) {
        my $answer = result($spool, $words[0]);
        my $plain = defined $answer && !ref $answer && B::svref_2object(\$answer)->FLAGS & B::SVf_POK;
        print encode('UTF-8', $plain ? $answer : canonical($answer)), "\n";
    } else {
        print STDERR $usage;
        return 64;
    }
    return 0;
}

unless (caller) {
    my $code = eval { main(@ARGV) };
    if (!defined $code) {
        my $reason = $@;
        print STDERR 'drop.pl: ', encode('UTF-8', $reason);
        $code = 1;
    }
    exit $code;
}
1;
