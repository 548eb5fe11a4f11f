#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The device: who may open it, what that allows and what not; many opens; senders that are
# killed while they wait for the peer.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

SIZE=$((6 * 1024 * 1024 + 777))
NOBODY=65534
GROUP=47110
OPENS=1000
chmod 755 "$TMP"
dir=$(disk_dir)
chmod 755 "$dir"
at_exit rm -rf "$dir"
file=$dir/data
random_file "$file" "$SIZE"
chmod 644 "$file"
cp "$file" "$dir/secret"
chmod 600 "$dir/secret"

# --- permissions -----------------------------------------------------------------------
check_equal "the device node belongs to root, mode 0660" "$(stat -c '%a %u %F' "$DEVICE")" \
	"660 0 character special file"
stranger=(setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups)
member=(setpriv --reuid "$NOBODY" --regid "$NOBODY" --groups "$GROUP")

cmd_fail "a stranger can't open the device" any "${stranger[@]}" bash -c ": <>$DEVICE"
check_match "a stranger gets EACCES" "$(<"$ERR")" "Permission denied"
receive_check "$NOTHING"
cmd_fail "for a stranger the tool ends with status 3" 3 \
	timeout 30 "${stranger[@]}" pagewire send "$file" "$ADDRESS:$PORT" --path sg
check_match "the tool's error names the device and the remedy" "$(<"$ERR")" "$DEVICE.*(group|root|permission)"
kill "$RECV_PID" 2>/dev/null
receive_end

at_exit chgrp root "$DEVICE"
chgrp "$GROUP" "$DEVICE"
SEND_IN=("${member[@]}")
transfer "$file"
check_arrived "a member of the device's group can send a file that it can read"
check_bytes "for a member every byte counts" "$SIZE"
receive_check "$NOTHING"
send_file "$dir/secret"
receive_end
check_match "a member can't send a file that it can't open" "$SEND_STATUS $(<"$TMP/send.err")" \
	"^3 .*Permission denied"
SEND_IN=()
chgrp root "$DEVICE"

# --- many opens -----------------------------------------------------------------------------
ulimit -n $((OPENS + 200)) 2>/dev/null
opens=$(gauge opens)
fds=()
for ((i = 0; i < OPENS; i++)); do
	exec {fd}<>"$DEVICE" || break
	fds+=("$fd")
done
check_equal "the device can be opened $OPENS times" "${#fds[@]}" "$OPENS"
check_equal "the gauge counts every open" "$(gauge opens)" $((opens + OPENS))
transfer "$file"
check_arrived "with $OPENS opens a file arrives"
for fd in "${fds[@]}"; do
	exec {fd}>&-
done
check_equal "the gauge counts every close" "$(gauge opens)" "$opens"

# --- killed senders ----------------------------------------------------------------------------
for path in sg copy; do
	for signal in KILL TERM; do
		cancelled=$(counter $path cancelled)
		receive_peer --check "$file" --stall 100000 --rcvbuf 16384
		send_start --path $path --sndbuf 16384 "$file"
		wait_until 10 grep -q stalled "$TMP/recv.out"
		sleep 0.3
		check_equal "$path: a stalled transfer shows in the gauges" \
			"$(gauge transfers) $(gauge files) $(gauge sockets)" "1 1 1"
		kill -$signal "$(pgrep -P "$SEND_PID")"
		cmd_ok "$path: SIG$signal ends a sender that waits for its peer" wait_until 5 gone "$SEND_PID"
		send_end
		check_settled "$path: after SIG$signal all gauges are 0"
		check_equal "$path: after SIG$signal the transfer counts as cancelled" \
			"$(counter $path cancelled)" $((cancelled + 1))
		kill -USR1 "$(pgrep -P "$RECV_PID")"
		receive_end
		check_equal "$path: what a sender ended by SIG$signal had sent is unharmed" "$RECV_STATUS" 0
	done
done
finish
