#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `pagewire observe`: what it says of programs that pass, copy, or send nothing; the status of
# the command; JSON; errors. And what `stats` and `compare` make of the same counters.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

stranger=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 755 "$TMP"
SIZE=$((4 * 1024 * 1024))
file=$TMP/data
random_file "$file" "$SIZE"

# Somebody is observed all the time, so that the probes are armed once and not for each test.
sleep 3600 &
at_exit kill $!
pagewire observe --pid $! --label keeper --interval 0.2 --output "$TMP/keeper" 2>"$ERR" &
keeper=$!
at_exit kill "$keeper"
wait_until 60 test -s "$TMP/keeper" || diag "the first observation doesn't begin"
! grep -q "no probes" "$ERR" || skip_all "this kernel has no probes"

# observe_send PATH OPTION...: observes a transfer to a receiver that compares; the report goes to
# $TMP/report.
observe_send()
{
	local path=$1
	shift
	receive_check "$file"
	SEND_STATUS=0
	timeout 60 pagewire observe --output "$TMP/report" "$@" -- \
		pagewire send "$file" "127.0.0.1:$PORT" --path "$path" >"$OUT" 2>"$ERR" || SEND_STATUS=$?
	receive_end
	check_equal "$path, observed: status 0, every byte arrives" "$SEND_STATUS $RECV_STATUS" "0 0"
}

# --- verdicts ------------------------------------------------------------------------------
for path in sendfile splice; do
	observe_send $path --label "passes-$path" --json
	check_equal "$path: all that was sent is passed" \
		"$(json "$TMP/report" event verdict sent_bytes passed_part counters.passed_bytes)" \
		"end passed $SIZE 1 $SIZE"
	check_equal "$path: the debugfs file of the label says the same" \
		"$(counter "passes-$path" passed_bytes) $(counter "passes-$path" tx_kernel_bytes)" "$SIZE 0"
	copied=$(json "$TMP/report" copied_bytes)
	# What the program does beside it: it is loaded, and writes its report.
	check_true "$path: little is copied" "$copied < 65536"
done
observe_send read-write --label copies --json
check_equal "read-write: all that was sent is copied" \
	"$(json "$TMP/report" verdict sent_bytes passed_part counters.passed_bytes)" "copied $SIZE 0 0"
copied=$(json "$TMP/report" copied_bytes)
check_true "read-write: two copies of each byte" "2 * SIZE <= $copied && $copied < 2 * SIZE + 65536"
check_equal "read-write: --output leaves standard output to the command" "$(grep -c event "$OUT")" 0
check_match "read-write: the place of the copies is named" "$(<"$TMP/report")" '"function":"tcp_sendmsg'
observe_send msg-zerocopy --label undone --json
check_equal "msg-zerocopy on loopback: passed, and undone" \
	"$(json "$TMP/report" verdict counters.passed_bytes)" "undone $SIZE"
# What TCP sends again is copied again.
check_equal "msg-zerocopy on loopback: all of it is undone" "$(json "$TMP/report" counters.zerocopy_undone_bytes)" \
	$((SIZE + $(json "$TMP/report" counters.retransmitted_bytes)))

observe_send sendfile --label text
check_match "the text: all by descriptor" "$(<"$TMP/report")" \
	"100 % of the 4.00 MiB it sent were passed by descriptor; 0 % were copied"
observe_send read-write --label text
check_match "the text: all copied, although the label is used again" "$(<"$TMP/report")" \
	"[^0]0 % of the 4.00 MiB it sent were passed by descriptor; 100 % were copied"
check_match "the text: who copied" "$(<"$TMP/report")" "tcp_sendmsg[a-z_]* 4.00 MiB"
check_match "the text: zero-copy undone is told" \
	"$(observe_send msg-zerocopy --label text >/dev/null; cat "$TMP/report")" "zero-copy was undone: 4.00 MiB"

cmd_ok "a command that sends nothing" pagewire observe --json -- true
check_equal "a command that sends nothing: so it says" \
	"$(json "$OUT" label verdict sent_bytes passed_part status ended)" "true nothing sent 0 null 0 exited"
check_true "a command that sends nothing: its execve(2) at least was counted" \
	"$(json "$OUT" counters.syscalls) > 0"

# --- children ---------------------------------------------------------------------------------
# dd makes as many calls as it is told; the shell around it makes a few hundred.
blocks='dd if=/dev/zero of=/dev/null bs=1 count=5000 2>/dev/null; exit 0'
cmd_ok "children are counted" pagewire observe --label with --json -- bash -c "$blocks"
with=$(json "$OUT" counters.syscalls)
cmd_ok "--no-children" pagewire observe --label without --no-children --json -- bash -c "$blocks"
without=$(json "$OUT" counters.syscalls)
check_true "children are counted, unless --no-children" "$with > 10000 && $without < 5000 && $without > 0"

# --- the command's status ----------------------------------------------------------------------
cmd_fail "the command's status is passed on" 7 pagewire observe --label shell -- sh -c 'exit 7'
cmd_fail "the command's end by a signal: 128 + signal" 137 pagewire observe --label shell -- sh -c 'kill -9 $$'
check_match "the command's end by a signal: told" "$(<"$OUT")" "killed, status 137"
cmd_fail "a command that isn't there: status 127" 127 pagewire observe -- /no/such/command
check_match "a command that isn't there: the error names it" "$(<"$ERR")" "/no/such/command.*No such file"
cmd_fail "a command that can't be run: status 126" 126 pagewire observe -- "$file"
cmd_fail "options after the command are the command's" 3 pagewire observe --label shell sh -c 'exit 3' --json
check_match "... and no JSON comes" "$(head -n 1 "$OUT")" "^shell, process"

# --- processes that run already --------------------------------------------------------------------
(while :; do sleep 0.1; done) &
loop=$!
at_exit kill "$loop"
pagewire observe --pid "$loop" --interval 0.5 --json >"$TMP/live" &
first=$!
two_lines() { [ "$(grep -c '"event":"interval"' "$TMP/live")" -ge 2 ]; }
wait_until 30 two_lines
cmd_fail "a process that is observed already: status 3" 3 timeout 20 pagewire observe --pid "$loop" --output "$TMP/second"
check_match "a process that is observed already: the error tells" "$(<"$ERR")" "counted already"
kill -INT "$first"
status=0
wait "$first" || status=$?
check_equal "--pid until SIGINT: status 0" "$status" 0
check_equal "--pid until SIGINT: says so" "$(json "$TMP/live" label ended pid status)" "pid-$loop interrupted $loop null"
check_match "--pid: its calls were counted" "$(json "$TMP/live" counters.syscalls)" "^[1-9]"
check_true "--interval: lines in between" "$(grep -c '"event":"interval"' "$TMP/live") > 0"
sum=$(grep '"event":"interval"' "$TMP/live" | sed 's/.*"syscalls":\([0-9]*\).*/\1/' | paste -sd+)
check_true "--interval: what they tell adds up to no more than all" "$sum <= $(json "$TMP/live" counters.syscalls)"
sleep 2 &
cmd_ok "--pid: ends with the process" timeout 20 pagewire observe --pid $! --json
check_equal "--pid: ends with the process, and says so" "$(json "$OUT" ended)" exited

# --- stats ---------------------------------------------------------------------------------------
cmd_ok "stats --json: status 0" pagewire stats --json
check_match "stats --json: has the label, and not among the paths" "$(<"$OUT")" \
	'"paths":\{"copy":\{[^}]*\},"sg":\{[^}]*\}\},"labels":\{.*"copies":\{'
cmd_ok "stats LABEL" pagewire stats copies
check_match "stats LABEL: its counters" "$(<"$OUT")" "tx_kernel_bytes +4,194,304"
cmd_fail "stats of an unknown label: status 2" 2 pagewire stats warp
check_match "stats of an unknown label: names those there are" "$(<"$ERR")" "warp.*copies.*passes-sendfile.*sg"

# --- compare ---------------------------------------------------------------------------------------
cmd_ok "compare counts" timeout 120 pagewire compare "$file" --repeat 1 --json --paths read-write,sendfile,copy,sg
cp "$OUT" "$TMP/compare"
# figure PATH KEY: a number of what was counted of it
figure() { perl -MJSON::PP -e '
	my ($path, $part, $key) = @ARGV;
	my ($found) = grep { $_->{path} eq $path } @{decode_json(<STDIN>)->{sizes}[0]{paths}};
	print $found->{$part}{$key} // "null", "\n"' "$1" "$2" "$3" <"$TMP/compare"; }
check_equal "compare: read-write copies twice" "$(figure read-write counted cpu_copied_bytes)" $((2 * SIZE))
check_equal "compare: copy copies once" "$(figure copy counted cpu_copied_bytes)" "$SIZE"
for path in sendfile sg; do
	check_equal "compare: $path copies nothing, passes all, with one call" \
		"$(figure $path counted cpu_copied_bytes) $(figure $path counted passed_bytes) $(figure $path counted mode_switches)" \
		"0 $SIZE 2"
	check_equal "compare: $path agrees with what articles say" \
		"$(figure $path claim switches_agree) $(figure $path claim copies_agree)" "1 1"
done
check_equal "compare: read-write's calls are as many as it makes" \
	"$(figure read-write counted syscalls)" "$(figure read-write median syscalls)"
check_equal "compare: read-write has more switches, and it is told why" \
	"$(figure read-write claim switches_agree) $(figure read-write claim why | grep -c 'more switches')" "0 1"
cmd_ok "compare, as a stranger: works" "${stranger[@]}" pagewire compare "$file" --repeat 1 --paths read-write,sendfile
check_match "compare, as a stranger: says why nothing was counted" "$(tr -s '\n ' ' ' <"$OUT")" \
	"probes counted nothing: no permission"

# --- errors ------------------------------------------------------------------------------------------
cmd_fail "an unknown process: status 1" 1 pagewire observe --pid 4194303
check_match "an unknown process: the error names it" "$(<"$ERR")" "4194303.*remedy"
cmd_fail "a stranger: status 3" 3 "${stranger[@]}" pagewire observe -- true
check_match "a stranger: the error tells the remedy" "$(<"$ERR")" "root"
cmd_fail "no command and no process: status 2" 2 pagewire observe
cmd_fail "command and process: status 2" 2 pagewire observe --pid 1 -- true
cmd_fail "a label with a space: status 2" 2 pagewire observe --label "a b" -- true
cmd_fail "the module's own name as label: status 2" 2 pagewire observe --label sg -- true
cmd_fail "an interval that is no time: status 2" 2 pagewire observe --interval x -- true
cmd_fail "without debugfs: status 3" 3 unshare -m bash -c 'umount -l /sys/kernel/debug; exec "$@"' bash \
	pagewire observe -- true
check_match "without debugfs: the error tells the remedy" "$(<"$ERR")" "mount -t debugfs"
# The module can't go while it is used.
kill "$keeper"
wait "$keeper"
module=$(module_file)
if [ -n "$module" ] && rmmod pagewire; then
	at_exit insmod "$module"
	cmd_fail "without the module: status 3" 3 pagewire observe -- true
	check_match "without the module: the error tells the remedy" "$(<"$ERR")" "(insmod|modprobe)"
	cmd_ok "compare without the module: works" pagewire compare "$file" --repeat 1 --paths read-write,sendfile
	check_match "compare without the module: says why nothing was counted" "$(tr -s '\n ' ' ' <"$OUT")" \
		"probes counted nothing: the module pagewire is not loaded"
	insmod "$module"
else
	skip "without the module" "no pagewire.ko for $(uname -r) under build/: make module"
fi
finish
