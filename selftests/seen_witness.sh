#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Independent witnesses of what the probes say: in the same run strace, the program itself, the
# scheduler's own counts, the kernel's histograms and the disk's statistics agree. And the negative
# controls: a device without scatter-gather turns sendfile's 0 copied bytes into all of them.
#
#   namespace pwseen-a             pwseen-m (forwards)            pwseen-b
#   helper_seen  va 10.98.1.1 ==== ma 10.98.1.2  mb 10.98.2.2 ==== vb 10.98.2.1  pagewire recv
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module
command -v helper_seen >/dev/null || skip_all "no helper_seen in $HELPERS: make tests"
[ -e "$TRACEFS/trace" ] || mount -t tracefs none "$TRACEFS" 2>/dev/null

EVENTS=$TRACEFS/events
LABEL=witness
SIZE=$((3 * 1024 * 1024 + 777))
ALL="read-write mmap-write zerocopy sendfile splice sg copy"
declare -A OWN CACHE
dir=$(disk_dir)
at_exit rm -rf "$dir"
random_file "$TMP/data" "$SIZE"
file=$TMP/data

# The label's file is made with its first tag: then there is something to subtract from.
cmd_ok "a first tag" helper_seen --way read --label $LABEL "$file"
[ -r "$DEBUGFS/path/$LABEL" ] || skip_all "this kernel can't count for labels: $(<"$ERR")"

# seen OPTION...: sends $file while tagged. OWN: what helper_seen counted; DELTA: what the probes saw, with
# "n/a" for what this kernel hides.
seen()
{
	local name status=0
	local -A before after
	read_values "$DEBUGFS/path/$LABEL" before
	"${SEND_IN[@]}" timeout -k 2 "$LIMIT" "${UNDER[@]}" helper_seen --label $LABEL "$@" \
		>"$TMP/seen.out" 2>"$TMP/seen.err" || status=$?
	read_values "$DEBUGFS/path/$LABEL" after
	read_values "$TMP/seen.out" OWN
	DELTA=()
	for name in "${!after[@]}"; do
		[ "${after[$name]}" = n/a ] && DELTA[$name]=n/a && continue
		DELTA[$name]=$((after[$name] - before[$name]))
	done
	SEND_STATUS=$status
}
UNDER=()

# seen_transfer NAME OPTION...: to a receiver that checks every byte
seen_transfer()
{
	local name=$1
	shift
	receive_check "$file"
	seen "$@" "$file" "$ADDRESS" "$PORT"
	receive_end
	[ "$SEND_STATUS$RECV_STATUS" = 00 ] && return
	not_ok "$name: the file arrives" "sender's status $SEND_STATUS, receiver's $RECV_STATUS"
	diag_file "$TMP/seen.err"
	diag_file "$TMP/recv.err"
}

figures() { for k in "${!DELTA[@]}"; do [ "${DELTA[$k]}" = 0 ] || printf '%s=%s ' "$k" "${DELTA[$k]}"; done; }

# check_figure NAME FIGURE WANTED
check_figure()
{
	if [ "${DELTA[$2]-missing}" = n/a ]; then
		skip "$1" "$2 is n/a in this kernel: see $DEBUGFS/probes"
	elif [ "${DELTA[$2]-missing}" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "$2 is ${DELTA[$2]-missing}, wanted $3" "$(figures)"
	fi
}

# check_bounds NAME EXPRESSION: of DELTA and OWN; all figures are shown if it is false.
check_bounds()
{
	if (($2)) 2>"$ERR"; then
		ok "$1"
	else
		not_ok "$1" "false: $2" "$(figures)"
	fi
}

# hist EVENT KEYS VALUE FILTER: on. hist_sum EVENT VALUE: its total. hist_off EVENT
hist() { echo "hist:keys=$2:vals=$3 if $4" >"$EVENTS/$1/trigger" 2>"$ERR"; }
hist_off() { echo "!$(grep -o '^hist:[^[]*' "$EVENTS/$1/trigger" | head -n 1)" >"$EVENTS/$1/trigger" 2>/dev/null; }
hist_sum() { grep -o "$2: *[0-9]*" "$EVENTS/$1/hist" | awk -F: '{ sum += $2 } END { print sum + 0 }'; }
hist_take()
{
	hist_sum "$1" "$2"
	hist_off "$1"
}
WORKER='comm == "seen-work"'

have_hist=1
if hist raw_syscalls/sys_enter id hitcount "$WORKER"; then
	hist_off raw_syscalls/sys_enter
else
	have_hist=
	diag "no histogram triggers: $(<"$ERR")"
fi

# --- system calls, switches, packets on loopback ----------------------------------------
for way in $ALL; do
	if [ -n "$have_hist" ]; then
		hist raw_syscalls/sys_enter id hitcount "$WORKER"
		hist sched/sched_switch prev_pid hitcount 'prev_comm == "seen-work"'
		hist net/net_dev_start_xmit name data_len 'name == "lo"'
	fi
	seen_transfer "$way" --way "$way"
	check_figure "$way: as many system calls as the program counts" syscalls "${OWN[calls]}"
	check_bounds "$way: two switches of mode for each call and fault" \
		"DELTA[mode_switches] == 2 * (DELTA[syscalls] + DELTA[user_faults])"
	# From the tag to the first getrusage, and after the last one, a switch may be missed by it.
	off=$((DELTA[ctx_switches] - OWN[voluntary] - OWN[involuntary]))
	check_bounds "$way: as many switches as the scheduler counts for the task, but for the edges" \
		"$off >= 0 && $off <= 2"
	off=$((DELTA[ctx_switches_involuntary] - OWN[involuntary]))
	check_bounds "$way: so for those not asked for" "$off >= 0 && $off <= 2"
	check_figure "$way: no probe missed anything" missed 0
	if [ -z "$have_hist" ]; then
		skip "$way: histograms" "no histogram triggers"
		continue
	fi
	# The program has its name from the middle of its first call on.
	check_figure "$way: as many system calls as the kernel's histogram" syscalls \
		$(($(hist_take raw_syscalls/sys_enter hitcount) + 1))
	off=$((DELTA[ctx_switches] - $(hist_take sched/sched_switch hitcount)))
	check_bounds "$way: as many switches as the kernel's histogram, but for the edges" "$off >= 0 && $off <= 2"
	check_figure "$way: no payload in the linear part of packets" tx_linear_bytes 0
	check_bounds "$way: passed and kernel pages are the file, once" \
		"DELTA[passed_bytes] + DELTA[tx_kernel_bytes] == SIZE"
	# lo carries nothing else, and acknowledgments have no data.
	data=$(hist_take net/net_dev_start_xmit data_len)
	check_bounds "$way: as many bytes as the packets on lo had" \
		"DELTA[passed_bytes] + DELTA[tx_kernel_bytes] + DELTA[retransmitted_bytes] == $data"
	check_bounds "$way: retransmissions as the socket counts them" \
		"(DELTA[retransmitted_bytes] > 0) == (OWN[retransmits] > 0)"
done

# --- strace --------------------------------------------------------------------------------
if command -v strace >/dev/null; then
	for way in read-write sendfile; do
		UNDER=(strace -qq -o "$TMP/strace")
		seen_transfer "strace, $way" --way $way
		UNDER=()
		# All lines between the calls that put the tag on and take it off.
		calls=$(sed -n '/0xbd, 0x0*2,/,/0xbd, 0x0*3,/p' "$TMP/strace" | grep -c '(')
		check_figure "strace, $way: as many system calls as strace shows" syscalls $((calls - 2))
	done
else
	skip "strace shows as many system calls" "no strace: apt-get install strace"
fi

# --- the disk ---------------------------------------------------------------------------------
cp "$TMP/data" "$dir/data"
file=$dir/data
device=$(stat -c %d "$file")
stat_file=/sys/dev/block/$((device >> 8)):$((device & 255))/stat
disk_bytes() { awk '{ print $3 * 512 }' "$stat_file"; }

# cold OPTION...: sends or reads the file cold, with the disk's statistics and histogram; sets READ, QUEUED,
# and LEAST: what isn't in the page cache
cold()
{
	sync "$file" && sync
	echo 3 >/proc/sys/vm/drop_caches
	helper_cache resident "$file" >"$OUT"
	read_values "$OUT" CACHE
	LEAST=$(((CACHE[pages] - CACHE[resident] - 1) * PAGE))
	[ -z "$have_hist" ] || hist block/block_bio_queue dev nr_sector "$WORKER"
	READ=$(disk_bytes)
	"$@"
	READ=$(($(disk_bytes) - READ))
	[ -z "$have_hist" ] || QUEUED=$(($(hist_take block/block_bio_queue nr_sector) * 512))
}

if [ -r "$stat_file" ]; then
	for way in read-write sendfile sg; do
		cold seen_transfer "cold, $way" --way $way
		# Whole pages of the file that weren't there; on top, what says where they are: the inode's
		# block and its extents, a block of 4 KiB each, read ahead by up to 128 KiB.
		check_bounds "cold, $way: the disk brings the file once" \
			"LEAST > SIZE / 2 && DELTA[dma_in_bytes] >= LEAST && DELTA[dma_in_bytes] <= SIZE + PAGE + 131072"
		check_bounds "cold, $way: into the page cache" \
			"DELTA[dma_in_cache_bytes] >= LEAST && DELTA[dma_in_user_bytes] == 0"
		[ -z "$have_hist" ] ||
			check_figure "cold, $way: exactly what the task queued by the kernel's histogram" dma_in_bytes "$QUEUED"
		# Others may read as well, the program's own pages for one, which went with the cache.
		check_bounds "cold, $way: no more than the disk's own statistics" \
			"DELTA[dma_in_bytes] <= $READ && $READ <= DELTA[dma_in_bytes] + 8 * 1048576"
	done
	check_figure "cold, sg: nothing is copied" copied_in_kernel_bytes 0
	cold seen --way read --direct "$file"
	# The end of the file is read to the end of its sector, or block.
	check_bounds "O_DIRECT: the disk brings the file into the caller's pages" \
		"DELTA[dma_in_user_bytes] >= SIZE && DELTA[dma_in_user_bytes] < SIZE + PAGE"
	check_figure "O_DIRECT: no byte is copied" copied_to_user_bytes 0
	[ -z "$have_hist" ] ||
		check_figure "O_DIRECT: exactly what the task queued by the kernel's histogram" dma_in_bytes "$QUEUED"
	seen --way read "$file"
	seen --way read "$file"
	check_figure "hot: the disk brings nothing" dma_in_bytes 0
	check_figure "hot: every byte is copied" copied_to_user_bytes "$SIZE"
else
	skip "what the disk brings" "no block device below $dir"
fi
file=$TMP/data

# --- a network of its own ---------------------------------------------------------------------
set_up_links()
{
	local ns
	for ns in pwseen-a pwseen-m pwseen-b; do
		ip netns del $ns 2>/dev/null
		ip netns add $ns || return 1
		at_exit ip netns del $ns
	done
	ip link add va netns pwseen-a type veth peer name ma netns pwseen-m &&
		ip link add vb netns pwseen-b type veth peer name mb netns pwseen-m &&
		ip -n pwseen-a addr add 10.98.1.1/24 dev va && ip -n pwseen-m addr add 10.98.1.2/24 dev ma &&
		ip -n pwseen-b addr add 10.98.2.1/24 dev vb && ip -n pwseen-m addr add 10.98.2.2/24 dev mb &&
		ip -n pwseen-a link set dev va up && ip -n pwseen-m link set dev ma up && ip -n pwseen-m link set dev mb up &&
		ip -n pwseen-b link set dev vb up &&
		ip -n pwseen-a route add default via 10.98.1.2 && ip -n pwseen-b route add default via 10.98.2.2 &&
		ip netns exec pwseen-m sysctl -qw net.ipv4.ip_forward=1
}

if ! have_module veth || ! set_up_links 2>"$ERR"; then
	skip "devices with and without scatter-gather, links that lose" "no veth or no network namespaces: $(<"$ERR")"
	finish
fi
SEND_IN=(ip netns exec pwseen-a)
RECV_IN=(ip netns exec pwseen-b)
ADDRESS=10.98.2.1
offload() { ip netns exec pwseen-a ethtool -K va "$@" >/dev/null 2>"$ERR" || diag_file "$ERR"; }

# check_sent NAME PASSED KERNEL-COPIED: everything was transmitted once, so much of it by descriptor. What
# is copied for the device is copied again for a retransmission.
check_sent()
{
	check_figure "$1: bytes passed to the device by descriptor" passed_bytes "$2"
	check_figure "$1: bytes copied inside the kernel" copied_in_kernel_bytes "$3"
	check_bounds "$1: what was transmitted is the file, once" \
		"DELTA[passed_bytes] + DELTA[tx_kernel_bytes] + DELTA[tx_linear_bytes] == SIZE"
}

for way in sendfile sg; do
	[ -z "$have_hist" ] || hist net/net_dev_start_xmit name data_len 'name == "va"'
	seen_transfer "veth, $way" --way $way
	check_sent "veth, $way" "$SIZE" 0
	[ -z "$have_hist" ] || check_bounds "veth, $way: as many bytes as the packets on va had" \
		"DELTA[passed_bytes] + DELTA[retransmitted_bytes] == $(hist_take net/net_dev_start_xmit data_len)"
	# The negative control.
	offload sg off
	seen_transfer "no scatter-gather, $way" --way $way
	check_sent "no scatter-gather, $way" 0 $((SIZE + DELTA[retransmitted_bytes]))
	offload sg on tso on gso on
	offload tx off
	seen_transfer "no checksums, $way" --way $way
	check_sent "no checksums, $way" 0 $((SIZE + DELTA[retransmitted_bytes]))
	offload tx on sg on tso on gso on
	seen_transfer "offloads on again, $way" --way $way
	check_sent "offloads on again, $way" "$SIZE" 0
done

# A bridge, a tunnel: what is stacked on a device transmits the same bytes twice. Once is right.
if ip -n pwseen-a link add link va name va.7 type vlan id 7 2>"$ERR"; then
	ip -n pwseen-m link add link ma name ma.7 type vlan id 7
	ip -n pwseen-a addr add 10.98.7.1/24 dev va.7
	ip -n pwseen-m addr add 10.98.7.2/24 dev ma.7
	ip -n pwseen-a link set dev va.7 up
	ip -n pwseen-m link set dev ma.7 up
	ip -n pwseen-a route replace default via 10.98.7.2
	seen_transfer "VLAN on veth, sendfile"
	check_sent "VLAN on veth, sendfile" "$SIZE" 0
	ip -n pwseen-a route replace default via 10.98.1.2
	ip -n pwseen-a link del va.7
else
	skip "VLAN on veth, sendfile" "no VLANs in this kernel: $(<"$ERR")"
fi

# --- losses ----------------------------------------------------------------------------------------
# lossy NAMESPACE DEVICE NAME OWN-QUEUE. The file is some 50 packets there, before they are cut: 15 % spare them all
# in 3 runs of 10,000.
lossy()
{
	local way sum="DELTA[passed_bytes] + DELTA[tx_kernel_bytes] + DELTA[tx_linear_bytes]"
	ip netns exec "$1" tc qdisc add dev "$2" root netem delay 2ms loss 15% || return 1
	for way in sendfile read-write; do
		seen_transfer "$3, $way" --way $way
		check_bounds "$3, $way: something was retransmitted, as the socket says" \
			"DELTA[retransmitted_bytes] > 0 && OWN[retransmits] > 0"
		# What the sender's own queue drops never reaches the device, where bytes are counted, and its
		# retransmission is taken off all the same: that much may be missing.
		check_bounds "$3, $way: what was transmitted is the file, less what its own queue dropped" \
			"SIZE - ($4) * DELTA[retransmitted_bytes] <= $sum && $sum <= SIZE"
		check_figure "$3, $way: bytes copied inside the kernel" copied_in_kernel_bytes 0
		[ $way = sendfile ] || check_figure "$3, $way: bytes passed to the device by descriptor" passed_bytes 0
	done
	ip netns exec "$1" tc qdisc del dev "$2" root
}

if have_module sch_netem && lossy pwseen-m mb "lost on the way" 0; then
	lossy pwseen-a va "lost before the device" 1
else
	skip "lost packets" "no netem in this kernel"
fi
finish
