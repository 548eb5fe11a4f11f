#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The module's life: it can't be removed while somebody uses it, it can afterwards, and it
# comes and goes any number of times.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

module=$(module_file)
[ -n "$module" ] || skip_all "no pagewire.ko for $(uname -r) under build/: make module"
at_exit insmod "$module"

SIZE=$((6 * 1024 * 1024 + 777))
ROUNDS=20
file=$(disk_dir)/data
at_exit rm -rf "${file%/*}"
random_file "$file" "$SIZE"

# shellcheck disable=SC2317
removed() { [ ! -d /sys/module/pagewire ] && [ ! -e "$DEVICE" ] && [ ! -e "$DEBUGFS" ]; }
# shellcheck disable=SC2317
present() { [ -c "$DEVICE" ] && [ -e "$DEBUGFS/gauges" ]; }

# --- in flight ---------------------------------------------------------------------
receive_peer --check "$file" --stall 100000 --rcvbuf 16384
send_start --sndbuf 16384 "$file"
wait_until 10 grep -q stalled "$TMP/recv.out"
cmd_fail "rmmod is refused while a transfer is in flight" any rmmod pagewire
check_match "rmmod says that it is in use" "$(<"$ERR")" "in use"
check_true "the transfer is still in flight" "$(gauge transfers) == 1"
kill -USR1 "$(pgrep -P "$RECV_PID")"
send_end
receive_end
check_arrived "the transfer that was in flight ends well"

# --- merely open -----------------------------------------------------------------------
exec {fd}<>"$DEVICE"
cmd_fail "rmmod is refused while the device is open" any rmmod pagewire
exec {fd}>&-
check_settled "before removal nothing is in use"
cmd_ok "rmmod works when nothing is in use" rmmod pagewire
wait_until 5 removed
cmd_ok "device node and debugfs folder go with the module" removed
cmd_ok "the module can be loaded again" insmod "$module"
cmd_ok "device node and debugfs folder are back" wait_until 5 present

# --- pages still in a socket whose sender is gone ------------------------------------------
receive_peer --check "$file" --stall 0
send_file --length 65536 "$file"
check_equal "a small file is in the socket, unread" "$SEND_STATUS ${R[bytes]}" "0 65536"
cmd_ok "rmmod works while pages wait in a socket" rmmod pagewire
kill -USR1 "$(pgrep -P "$RECV_PID")"
receive_end
read_values "$TMP/recv.out" PEER
check_equal "pages that waited in a socket arrive after rmmod" "${PEER[bytes]} ${PEER[differs_at]}" "65536 -1"

# --- again and again --------------------------------------------------------------------------
for ((round = 1; round <= ROUNDS; round++)); do
	bad=$round
	insmod "$module" 2>"$ERR" || break
	wait_until 5 present || break
	if [ $((round % 5)) -eq 0 ]; then
		transfer "$file" --length 0
		[ "$SEND_STATUS$RECV_STATUS" = 00 ] || break
	fi
	bad=0
	[ "$round" -lt "$ROUNDS" ] || break
	bad=$round
	rmmod pagewire 2>"$ERR" || break
	wait_until 5 removed || break
	bad=0
done
[ "$bad" -eq 0 ] || diag_file "$ERR"
check_equal "insmod and rmmod $ROUNDS times, with transfers in between (number of the round that failed)" "$bad" 0
check_equal "a fresh module has counted just the transfer since" "$(counter sg transfers)" 1
finish
