#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same file over routes of every kind, IPv4 and IPv6:
#
#   namespace pwtest-a                     namespace pwtest-b
#   helper_send  va 10.97.0.1/24 ======== vb 10.97.0.2/24  pagewire recv
#                   fd97::1/64               fd97::2/64
#
# The offloads of va decide whether pages can go by descriptor; the bytes are
# right in any case, and what is reported is consistent.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module
have_module veth || skip_all "no veth in this kernel"
ip netns add pwtest-probe 2>/dev/null || skip_all "no network namespaces"
ip netns del pwtest-probe

A=pwtest-a
B=pwtest-b
V4=10.97.0.2
V6=fd97::2
SIZE=$((3 * 1024 * 1024 + 777))
WHY_NO_SG=$((1 << 6))

set_up_link()
{
	local ns
	for ns in $A $B; do
		ip netns del "$ns" 2>/dev/null
		ip netns add "$ns"
		at_exit ip netns del "$ns"
		ip -n "$ns" link set lo up
		# No waiting for duplicate address detection.
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.keep_addr_on_down=1
	done
	ip link add va netns $A type veth peer name vb netns $B
	ip -n $A addr add 10.97.0.1/24 dev va
	ip -n $B addr add $V4/24 dev vb
	ip -n $A addr add fd97::1/64 dev va nodad
	ip -n $B addr add $V6/64 dev vb nodad
	ip -n $A link set va up
	ip -n $B link set vb up
}

# offload FEATURE on|off ...: of the sending side
offload() { ip netns exec $A ethtool -K va "$@" >/dev/null 2>"$ERR"; }

# check_route NAME: what the result says is consistent, the bytes are right
check_route()
{
	local path
	for path in sg copy; do
		transfer "$file" --path $path
		check_arrived "$1, $path: a file arrives"
		check_bytes "$1, $path: passed and copied bytes add up to it" "$SIZE"
	done
}

check_passed()
{
	transfer "$file"
	check_arrived "$1, sg: a file arrives"
	check_equal "$1, sg: every byte went by descriptor" "${R[passed_bytes]} ${R[copied_bytes]}" "$SIZE 0"
}

# Without scatter-gather the CPU copies: for the reason NO_SG, and not at all if that's forbidden. (A module
# may leave the copying to the device, which then doesn't appear here.)
check_no_sg()
{
	transfer "$file"
	check_arrived "$1, sg: a file arrives"
	check_bytes "$1, sg: passed and copied bytes add up to it" "$SIZE"
	if [ "${R[copied_bytes]}" -gt 0 ]; then
		check_equal "$1, sg: what was copied was copied for want of scatter-gather" \
			"${R[copied_why]}" "$WHY_NO_SG"
		receive_check "$NOTHING"
		send_file --sg-only "$file"
		receive_end
		check_equal "$1, sg only: refused" "$SEND_STATUS ${R[call]} ${R[bytes]} $RECV_STATUS" "1 EOPNOTSUPP 0 0"
	else
		diag "$1: the module passes descriptors, whatever becomes of them below"
	fi
}

# The sender has a connection (state 1: established).
# shellcheck disable=SC2317
connected() { grep -q ' 01 ' "/proc/$SEND_PID/net/tcp"; }

file=$(disk_dir)/data
at_exit rm -rf "${file%/*}"
random_file "$file" "$SIZE"

# --- loopback --------------------------------------------------------------------
for ADDRESS in 127.0.0.1 ::1; do
	check_passed "loopback $ADDRESS"
done

# --- veth, with everything a good card has -------------------------------------------
set_up_link
SEND_IN=(ip netns exec "$A")
RECV_IN=(ip netns exec "$B")
for ADDRESS in $V4 $V6; do
	check_passed "veth $ADDRESS"
done
ADDRESS=$V4
check_route "veth"

# --- fewer offloads ------------------------------------------------------------------
for ADDRESS in $V4 $V6; do
	offload tso off gso off && check_passed "veth $ADDRESS without TSO and GSO"
	offload tso on gso on
	offload sg off && check_no_sg "veth $ADDRESS without scatter-gather"
	offload sg on tso on gso on
	offload tx off && check_no_sg "veth $ADDRESS without TX checksums"
	offload tx on sg on tso on gso on
done
ADDRESS=$V4
check_passed "veth, offloads on again"

# Scatter-gather goes off after the socket learnt of it.
receive_check "$file"
send_start --gate "$TMP/gate" "$file"
wait_until 10 connected || diag "the sender doesn't connect"
offload sg off
: >"$TMP/gate"
send_end
receive_end
check_arrived "scatter-gather goes off when the socket is connected: a file arrives"
check_bytes "scatter-gather goes off when the socket is connected: bytes add up" "$SIZE"
offload sg on tso on gso on

# --- packet sizes ------------------------------------------------------------------------
for mtu in 9000 1280; do
	ip -n $A link set va mtu $mtu
	ip -n $B link set vb mtu $mtu
	for ADDRESS in $V4 $V6; do
		check_passed "veth $ADDRESS, MTU $mtu"
	done
done
ip -n $A link set va mtu 1500
ip -n $B link set vb mtu 1500
offload tso off gso off
ADDRESS=$V4
ip -n $A link set va mtu 9000
ip -n $B link set vb mtu 9000
check_passed "veth, MTU 9000 without TSO and GSO"
ip -n $A link set va mtu 1500
ip -n $B link set vb mtu 1500
offload tso on gso on

# --- a bad network -----------------------------------------------------------------------
if have_module sch_netem && ip netns exec $A tc qdisc add dev va root netem delay 2ms 1ms reorder 10% loss 2%; then
	for ADDRESS in $V4 $V6; do
		check_passed "veth $ADDRESS with loss and reordering"
	done
	ADDRESS=$V4
	transfer "$file" --path copy
	check_arrived "veth with loss and reordering, copy: a file arrives"
	ip netns exec $A tc qdisc change dev va root netem corrupt 1%
	check_passed "veth with corrupted packets"
	ip netns exec $A tc qdisc change dev va root netem duplicate 10%
	check_passed "veth with duplicated packets"
	ip netns exec $A tc qdisc del dev va root
else
	skip "a network that loses and reorders" "no netem in this kernel"
fi

# --- the link goes away for a while -----------------------------------------------------
receive_peer --check "$file" --stall 100000 --rcvbuf 16384
send_start --sndbuf 16384 "$file"
wait_until 10 grep -q stalled "$TMP/recv.out"
ip -n $A link set va down
kill -USR1 "$(pgrep -P "$RECV_PID")"
sleep 1
check_equal "the link is down: the transfer waits" "$(gauge transfers)" 1
ip -n $A link set va up
send_end
receive_end
read_values "$TMP/recv.out" PEER
check_equal "the link goes down and up again: everything is sent" \
	"$SEND_STATUS ${R[status]} ${R[bytes]}" "0 0 $SIZE"
check_equal "the link goes down and up again: everything arrives" "${PEER[bytes]} ${PEER[differs_at]}" "$SIZE -1"
finish
