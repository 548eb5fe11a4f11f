#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Peers that misbehave: that accept late, read slowly, stop, reset, close, or vanish. A
# transfer then waits or ends, and what it reports is what the socket took.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

SIZE=$((6 * 1024 * 1024 + 777))
file=$(disk_dir)/data
at_exit rm -rf "${file%/*}"
random_file "$file" "$SIZE"

for path in sg copy; do
	receive_peer --check "$file" --accept-delay 1000
	send_file --path $path "$file"
	receive_end
	check_arrived "$path: a peer that accepts late gets everything"
	check_true "$path: the socket was waited for meanwhile" "${R[socket_waits]} > 0"

	receive_peer --check "$file" --slow 5 --rcvbuf 16384
	send_file --path $path --sndbuf 16384 "$file"
	receive_end
	check_arrived "$path: a slow peer with small buffers gets everything"

	# One that resets. What was reported is at least what it has read.
	peer_errors=$(counter $path errors_peer)
	receive_peer --check "$file" --reset 100000 --rcvbuf 16384
	send_file --path $path --sndbuf 16384 "$file"
	receive_end
	check_match "$path: a peer that resets ends the transfer" "$SEND_STATUS ${R[call]} ${R[status]}" \
		"^2 0 (ECONNRESET|EPIPE)$"
	check_true "$path: after a reset the result counts what the socket took" \
		"100000 <= ${R[bytes]} && ${R[bytes]} < $SIZE"
	check_equal "$path: after a reset the position tells how far it came" \
		"${R[segment]} ${R[segment_bytes]}" "0 ${R[bytes]}"
	check_equal "$path: a reset counts as an error of the peer" "$(counter $path errors_peer)" $((peer_errors + 1))
	check_settled "$path: after a reset nothing stays pinned"

	# A peer that stops reading: SO_SNDTIMEO, then O_NONBLOCK.
	again=$(counter $path errors_again)
	receive_peer --check "$file" --stall 100000 --rcvbuf 16384
	send_file --path $path --sndbuf 16384 --timeout 300 "$file"
	kill -USR1 "$(pgrep -P "$RECV_PID")"
	receive_end
	read_values "$TMP/recv.out" PEER
	check_equal "$path: a stalled peer and SO_SNDTIMEO end in EAGAIN" "$SEND_STATUS ${R[call]} ${R[status]}" "2 0 EAGAIN"
	check_equal "$path: after SO_SNDTIMEO just what was reported arrives, unharmed" \
		"${PEER[bytes]} ${PEER[differs_at]}" "${R[bytes]} -1"

	receive_peer --check "$file" --stall 0 --rcvbuf 16384
	send_file --path $path --sndbuf 16384 --nonblock "$file"
	kill -USR1 "$(pgrep -P "$RECV_PID")"
	receive_end
	read_values "$TMP/recv.out" PEER
	check_equal "$path: a full socket with O_NONBLOCK gives EAGAIN" "$SEND_STATUS ${R[call]} ${R[status]}" "2 0 EAGAIN"
	check_equal "$path: with O_NONBLOCK just what was reported arrives, unharmed" \
		"${PEER[bytes]} ${PEER[differs_at]}" "${R[bytes]} -1"
	check_equal "$path: both count as errors_again" "$(counter $path errors_again)" $((again + 2))

	# The receiver is killed while it stalls.
	receive_peer --stall 100000 --rcvbuf 16384
	send_start --path $path --sndbuf 16384 "$file"
	wait_until 10 grep -q stalled "$TMP/recv.out"
	kill -KILL "$(pgrep -P "$RECV_PID")"
	receive_end
	send_end
	check_match "$path: a killed receiver ends the transfer" "$SEND_STATUS ${R[status]}" "^2 (ECONNRESET|EPIPE)$"
	check_settled "$path: after a killed receiver nothing stays pinned"
done

# Two files, one of them empty, and the second transfer on one socket
cat "$file" "$file" >"$TMP/twice"
receive_check "$TMP/twice"
send_file --repeat 2 "$file"
receive_end
check_arrived "two transfers on one socket arrive one after the other"
: >"$TMP/empty"
receive_check "$TMP/twice"
send_file "$file" "$TMP/empty" "$file"
receive_end
check_arrived "three files, the middle one empty, arrive in order"
check_equal "three files: the position is behind the last" "${R[segment]} ${R[bytes]}" "3 $((2 * SIZE))"
finish
