#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Tags and the module's life: it stays while a tag is on, its probes go with the last tag and it goes with
# them, also after tagged tasks were killed; labels run out with a clear error and are gone with the module.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module
command -v helper_seen >/dev/null || skip_all "no helper_seen in $HELPERS: make tests"
module=$(module_file)
[ -n "$module" ] || skip_all "no pagewire.ko for $(uname -r) under build/: make module"
at_exit insmod "$module"

SIZE=$((2 * 1024 * 1024 + 777))
file=$TMP/data
random_file "$file" "$SIZE"

# shellcheck disable=SC2317
removed() { [ ! -d /sys/module/pagewire ] && [ ! -e "$DEBUGFS" ]; }
# shellcheck disable=SC2317
present() { [ -c "$DEVICE" ] && [ -e "$DEBUGFS/gauges" ]; }
# shellcheck disable=SC2317
tagged() { grep -qs '^syscalls [1-9]' "$DEBUGFS/path/$1"; }
armed() { grep -c ': live' "$DEBUGFS/probes"; }

# stuck LABEL: a tagged sender sleeps in sendfile to a peer that doesn't read
stuck()
{
	receive_peer --check "$file" --stall 100000 --rcvbuf 16384
	timeout -k 2 "$LIMIT" helper_seen --label "$1" "$file" "$ADDRESS" "$PORT" >"$TMP/seen.out" 2>"$TMP/seen.err" &
	SEND_PID=$!
	wait_until 20 tagged "$1" && wait_until 20 grep -q stalled "$TMP/recv.out"
}

end_peer()
{
	pkill -USR1 -P "$RECV_PID" 2>/dev/null
	receive_end
}

# --- rmmod ---------------------------------------------------------------------------------
cmd_ok "a tagged task sleeps in its transfer" stuck module-1
cmd_fail "rmmod is refused while a task is tagged" any rmmod pagewire
check_match "rmmod says that it is in use" "$(<"$ERR")" "in use"
end_peer
status=0
wait "$SEND_PID" || status=$?
check_equal "the tagged transfer ends well" "$status" 0
check_settled "its tag is gone with it"
cmd_ok "rmmod works after the tag" rmmod pagewire
cmd_ok "nothing of it is left" wait_until 5 removed
cmd_ok "the module comes back" insmod "$module"
cmd_ok "with its folder" wait_until 5 present
cmd_fail "labels are gone with the module" any test -e "$DEBUGFS/path/module-1"

# --- a killed task ---------------------------------------------------------------------------
for round in 1 2 3; do
	stuck module-2 || diag "round $round: the tagged task doesn't get going: $(<"$TMP/seen.err")"
	pkill -KILL -P "$SEND_PID"
	wait "$SEND_PID" 2>/dev/null
	end_peer
	wait_until 10 rmmod pagewire 2>"$ERR" || break
	wait_until 5 removed || break
	insmod "$module" 2>"$ERR" || break
	wait_until 5 present || break
done
[ "$round" = 3 ] || diag_file "$ERR"
check_equal "rmmod works right after a tagged task was killed in a call (round)" "$round" 3

# --- probes come and go --------------------------------------------------------------------------
check_equal "a fresh module has no probe armed" "$(armed)" 0
stuck module-3
check_true "with a tag they are armed" "$(armed) > 5"
end_peer
wait "$SEND_PID"
check_equal "with the last tag they go" "$(armed)" 0

# --- labels run out ---------------------------------------------------------------------------------
# A child holds one tag, so that the probes needn't be armed for each label. Prints how many labels there
# could be, and the error then.
cat >"$TMP/labels.pl" <<'END'
use strict; use warnings; use Errno;
my ($tag, $untag) = (0x4040bd02, 0xbd03);
sub label { my ($device, $name, $pid) = @_; my $arg = pack("Z32 l L Q3", $name, $pid, 0, 0, 0, 0);
	return ioctl($device, $tag, $arg) }
open(my $hold, "+<", "/dev/pagewire") or die; open(my $device, "+<", "/dev/pagewire") or die;
my $pid = fork; if (!$pid) { sleep 600; exit }
label($hold, "run-out-0", $pid) or die "first label: $!";
my $made = 1;
for (; $made < 5000; $made++) {
	label($device, "run-out-$made", 0) or last;
	ioctl($device, $untag, 0) or die "untag: $!";
}
print "made $made\nerror ", $!{ENOSPC} ? "ENOSPC" : "$!", "\n";
print "again ", label($device, "run-out-0", 0) ? "works" : "$!", "\n";
kill 9, $pid; waitpid $pid, 0;
END
declare -A LABELS
cmd_ok "labels until there is no more" timeout 300 perl "$TMP/labels.pl"
read_values "$OUT" LABELS
check_true "there are a dozen labels at least" "${LABELS[made]-0} >= 12"
check_equal "one too many: no space" "${LABELS[error]-}" ENOSPC
check_equal "a label that exists can be used still" "${LABELS[again]-}" works
for table in paths places probes; do
	cmd_ok "with all labels in use, $table can be read" cat "$DEBUGFS/$table"
done
receive_check "$file"
send_file "$file"
receive_end
check_arrived "with all labels in use, a transfer runs"
cmd_ok "rmmod works with all labels in use" rmmod pagewire
cmd_ok "the module comes back again" insmod "$module"
cmd_ok "and works" wait_until 5 present
finish
