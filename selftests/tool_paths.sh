#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every path that `pagewire send` has: all bytes arrive, of files and ranges of all alignments, on
# a disk and on tmpfs; the system calls that it tells are those that strace sees; and what comes in the
# middle of a transfer. Without the module, just the paths of user space.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_tool

DIRECT_PATHS="sendfile-odirect uring-direct uring-direct-zc"
URING_PATHS="uring-splice uring-direct uring-direct-zc"
NEW_PATHS="pread-nowait sendfile-odirect $URING_PATHS"
SIZES="0 1 511 4096 1048575 1048576 1048577"
MIB=1048576

mapfile -t paths < <(pagewire send --help | sed '1,/Paths:$/d; s/^  *\([a-z-]*\) .*/\1/')
user_paths=()
for path in "${paths[@]}"; do
	case $path in
	sg | copy) [ -c "$DEVICE" ] || continue ;;
	*) user_paths+=("$path") ;;
	esac
	usable+=("$path")
done
cmd_ok "the help lists paths" test "${#user_paths[@]}" -ge 11

received() { [ "$(grep -c '"received"' "$TMP/recv.out")" -ge "$1" ]; }

# send_kept ARGUMENT...: to the receiver that keeps listening; why it went wrong goes to stdout.
connections=0
send_kept()
{
	local status=0
	timeout 60 pagewire send "$@" "$ADDRESS:$PORT" --json >"$TMP/send.out" 2>"$TMP/send.err" || status=$?
	if [ $status = 3 ]; then
		echo "unavailable: $(<"$TMP/send.err")"
		return
	fi
	connections=$((connections + 1))
	wait_until 20 received $connections || echo "the receiver didn't tell"
	[ $status = 0 ] || echo "sender's status $status: $(<"$TMP/send.err")"
	[ "$(json "$TMP/recv.out" same)" = 1 ] || echo "receiver: $(tail -n 1 "$TMP/recv.out")"
}

# check_paths NAME EXPECTED ARGUMENT...: by every path; EXPECTED is what must arrive.
check_paths()
{
	local name=$1 expected=$2 path why
	shift 2
	connections=0
	receive_check "$expected" --keep --json
	for path in "${usable[@]}"; do
		why=$(send_kept "$@" --path "$path"; echo "$connections" >"$TMP/connections")
		connections=$(<"$TMP/connections")
		if [[ $why == unavailable:* ]]; then
			skip "$name, $path" "${why#*: path }"
		elif [ -n "$why" ]; then
			not_ok "$name, $path" "$why"
		else
			ok "$name, $path"
		fi
	done
	kill "$RECV_PID" 2>/dev/null
	receive_end
}

# --- sizes and ranges ------------------------------------------------------------------------
for where in ${TEST_DIRS:-$(disk_dir) /tmp}; do
	dir=$(mktemp -d "$where/paths.XXXXXX") || continue
	at_exit rm -rf "$dir"
	fs=$(findmnt -n -o FSTYPE -T "$dir" | tail -n 1)
	files=()
	for size in $SIZES; do
		random_file "$dir/$size" "$size"
		files+=("$dir/$size")
	done
	cat "${files[@]}" >"$TMP/all"
	check_paths "$fs: files of $SIZES bytes in one connection" "$TMP/all" "${files[@]}"
	printf 'first\n' >"$dir/header"
	printf 'last\n' >"$dir/trailer"
	random_file "$dir/data" $((3 * MIB + 777))
	for range in "1 1" "511 2" "4095 4097" "512 $((2 * MIB))" "$((MIB - 1)) $((MIB + 2))" \
		"4097 $((3 * MIB + 777 - 4097))"; do
		read -r offset length <<<"$range"
		cut_range "$dir/data" "$offset" "$length" | cat "$dir/header" - "$dir/trailer" >"$TMP/part"
		check_paths "$fs: $length bytes from $offset on" "$TMP/part" "$dir/data" --offset "$offset" \
			--length "$length" --header "$dir/header" --trailer "$dir/trailer"
	done
done

dir=$(disk_dir)
at_exit rm -rf "$dir"
random_file "$dir/data" $((MIB + 333))
truncate -s 5G "$dir/sparse"
dd if="$dir/data" of="$dir/sparse" bs=1M seek=$((4096 * MIB - 500001)) oflag=seek_bytes conv=notrunc status=none
check_paths "a range across 4 GiB" "$dir/data" "$dir/sparse" --offset $((4096 * MIB - 500001)) \
	--length $((MIB + 333))

# --- system calls -----------------------------------------------------------------------------
# The path's own calls lie between the look for a terminal and the end of the connection. Reading
# the clock is a call where the clock can't be read without.
if command -v strace >/dev/null; then
	random_file "$dir/data" $((5 * MIB + 777))
	for path in "${user_paths[@]}"; do
		receive_check "$dir/data"
		timeout 60 strace -o "$TMP/strace" pagewire send "$dir/data" "$ADDRESS:$PORT" --path "$path" --json \
			>"$TMP/send.out" 2>"$TMP/send.err"
		receive_end
		calls=$(awk '/^rt_sigaction|^ioctl\(2, TCGETS/ { n = 0; next } /^clock_/ { next }
			/^shutdown/ { print n; exit } { n++ }' "$TMP/strace")
		check_equal "$path: as many system calls as strace sees" "$(json "$TMP/send.out" system_calls)" "$calls"
	done
else
	skip "system calls" "no strace here: apt-get install strace"
fi

# --- what was copied ----------------------------------------------------------------------------
size=$((2 * MIB + 99))
random_file "$dir/data" $size
for path in pread-nowait uring-direct uring-direct-zc; do
	receive_check "$dir/data"
	pagewire send "$dir/data" "$ADDRESS:$PORT" --path "$path" --json >"$TMP/send.out" 2>"$TMP/send.err"
	receive_end
	got=$(json "$TMP/send.out" copied_bytes passed_bytes)
	case $path in
	pread-nowait) want="^$((2 * size)) 0$" ;;
	uring-direct) want="^($size|null) 0$" ;;
	# The local route makes the kernel copy, and it says so.
	uring-direct-zc) want="^($size|null) 0$" ;;
	esac
	check_match "$path: tells what was copied and passed" "$got" "$want"
done

# --- in the middle --------------------------------------------------------------------------------
truncate -s 30M "$dir/large"
for path in $NEW_PATHS; do
	receive_peer --stall 100000 --rcvbuf 16384
	timeout -s INT -k 5 1 pagewire send "$dir/large" "$ADDRESS:$PORT" --path "$path" >"$OUT" 2>"$ERR"
	check_match "$path: interrupted by a signal: says so, and how far it came" "$(<"$ERR")" \
		"signal.* of 31457280 bytes"
	kill "$RECV_PID" 2>/dev/null
	receive_end
	receive_peer --reset 100000 --rcvbuf 16384
	cmd_fail "$path: a peer that resets: status 5" 5 timeout 30 pagewire send "$dir/large" "$ADDRESS:$PORT" \
		--path "$path"
	receive_end
done

# The peer takes nothing until the file has become shorter.
random_file "$dir/whole" $((24 * MIB))
for path in $NEW_PATHS; do
	cp "$dir/whole" "$dir/shrinks"
	sync "$dir/shrinks"
	PORT=$((next_port++))
	receiver pagewire recv --listen "$ADDRESS:$PORT" --no-hash --to "$dir/taken"
	pid=$(pgrep -P "$RECV_PID" pagewire)
	kill -STOP "$pid"
	timeout 30 pagewire send "$dir/shrinks" "$ADDRESS:$PORT" --path "$path" --json >"$TMP/send.out" 2>"$TMP/send.err" &
	SEND_PID=$!
	sleep 1
	truncate -s $((12 * MIB + 1)) "$dir/shrinks"
	kill -CONT "$pid"
	wait "$SEND_PID"
	receive_end
	bytes=$(json "$TMP/send.out" bytes)
	check_true "$path: a file that shrinks: ends early ($bytes bytes)" "bytes >= 12 * MIB + 1 && bytes < 24 * MIB"
	check_equal "$path: a file that shrinks: the peer got just what was told" "$(stat -c %s "$dir/taken")" "$bytes"
	cmd_ok "$path: a file that shrinks: what went out is its beginning" \
		cmp -n "$((12 * MIB + 1))" "$dir/whole" "$dir/taken"
done

# --- what isn't there -------------------------------------------------------------------------------
for path in $DIRECT_PATHS; do
	cmd_fail "$path: a file system without O_DIRECT: status 3" 3 \
		pagewire send /proc/version "$ADDRESS:9" --path "$path"
	check_match "$path: a file system without O_DIRECT: says so" "$(<"$ERR")" "/proc/version: path $path: .*O_DIRECT"
done
if [ -w /proc/sys/kernel/io_uring_disabled ]; then
	before=$(</proc/sys/kernel/io_uring_disabled)
	at_exit eval "echo $before >/proc/sys/kernel/io_uring_disabled"
	echo 2 >/proc/sys/kernel/io_uring_disabled
	for path in $URING_PATHS; do
		cmd_fail "$path: io_uring switched off: status 3" 3 pagewire send "$dir/data" "$ADDRESS:9" --path "$path"
		check_match "$path: io_uring switched off: says how" "$(<"$ERR")" "io_uring_disabled"
	done
	cmd_ok "compare goes on without io_uring" pagewire compare "$dir/data" --repeat 1
	check_match "compare shows why a path is unavailable" "$(<"$OUT")" "uring-splice +unavailable: .*io_uring_disabled"
	echo "$before" >/proc/sys/kernel/io_uring_disabled
else
	skip "io_uring switched off" "this kernel has no kernel.io_uring_disabled"
fi

# Who may not pin memory: nobody, with a limit of nothing.
chmod 711 "$TMP"
chmod 755 "$dir"
cp "$(command -v pagewire)" "$dir/tool"
chmod 644 "$dir/data"
receive_check "$NOTHING"
cmd_fail "uring-direct-zc without room to pin memory fails" any bash -c "ulimit -l 0
	exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all \
	timeout 30 '$dir/tool' send '$dir/data' '$ADDRESS:$PORT' --path uring-direct-zc"
check_match "uring-direct-zc without room to pin memory: names the limit" "$(cat "$OUT" "$ERR")" "RLIMIT_MEMLOCK"
receive_end
finish
