#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `pagewire send`: by every path, with headers and trailers, ranges and several files; its
# JSON; its errors. Without the module, just the paths of user space.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_tool

USER_PATHS="read-write pread-write mmap-write sendfile splice msg-zerocopy"
MODULE_PATHS="sg copy"
SIZE=$((1024 * 1024 + 777))
dir=$(disk_dir)
at_exit rm -rf "$dir"
file=$dir/data
random_file "$file" "$SIZE"
printf 'HTTP/1.1 200 OK\r\n\r\n' >"$dir/header"
printf 'the end\n' >"$dir/trailer"
[ -c "$DEVICE" ] || MODULE_PATHS=
paths="$USER_PATHS $MODULE_PATHS"

# send_by_tool EXPECTED ARGUMENT...: FILE... first; sets SEND_STATUS and RECV_STATUS
send_by_tool()
{
	local where
	receive_check "$1"
	shift
	where=$ADDRESS:$PORT
	[[ $ADDRESS != *:* ]] || where="[$ADDRESS]:$PORT"
	SEND_STATUS=0
	timeout 30 pagewire send "$@" "$where" >"$TMP/send.out" 2>"$TMP/send.err" || SEND_STATUS=$?
	receive_end
}

# check_sent NAME
check_sent()
{
	if [ "$SEND_STATUS$RECV_STATUS" = 00 ]; then
		ok "$1"
	else
		not_ok "$1" "sender's status $SEND_STATUS, receiver's $RECV_STATUS"
		diag_file "$TMP/send.out"
		diag_file "$TMP/send.err"
		diag_file "$TMP/recv.out"
		diag_file "$TMP/recv.err"
	fi
}

cut_range "$file" 4097 500001 | cat "$dir/header" - "$dir/trailer" >"$TMP/part"
cat "$dir/header" "$file" "$dir/trailer" >"$TMP/all"
cat "$file" "$dir/trailer" "$file" >"$TMP/several"
for path in $paths; do
	send_by_tool "$TMP/several" "$file" "$dir/trailer" "$file" --path "$path" --json
	check_sent "$path: several files arrive in order"
	check_equal "$path: --json tells path, bytes and status" \
		"$(json "$TMP/send.out" path bytes status)" "$path $((2 * SIZE + 8)) ok"
	send_by_tool "$TMP/part" "$file" --path "$path" --offset 4097 --length 500001 \
		--header "$dir/header" --trailer "$dir/trailer"
	check_sent "$path: header, a range of a file and trailer arrive in order"
	check_match "$path: the report tells the bytes" "$(<"$TMP/send.out")" "500,?028 bytes.*$file.* by $path"
done

ADDRESS=::1
send_by_tool "$file" "$file" --path sendfile
check_sent "IPv6: a file arrives"
ADDRESS=127.0.0.1

receive_check "$file"
cmd_ok "a host's name will do" timeout 30 pagewire send "$file" "localhost:$PORT" --path read-write
receive_end

if [ -n "$MODULE_PATHS" ]; then
	send_by_tool "$file" "$file" --json
	check_equal "path sg is the default" "$(json "$TMP/send.out" path)" sg
	check_equal "sg: --json tells one system call, all bytes passed, none copied" \
		"$(json "$TMP/send.out" system_calls passed_bytes copied_bytes)" "1 $SIZE 0"
	send_by_tool "$file" "$file" --path copy --json
	check_equal "copy: --json tells why bytes were copied" \
		"$(json "$TMP/send.out" copied_bytes copied_why)" "$SIZE asked"
	send_by_tool "$TMP/all" "$file" --sg-only --header "$dir/header" --trailer "$dir/trailer" --json
	check_sent "sg only: memory segments may be copied all the same"
	check_equal "sg only: just header and trailer were copied" "$(json "$TMP/send.out" copied_bytes)" \
		"$(cat "$dir/header" "$dir/trailer" | wc -c)"
	head -c 200000 /dev/zero >"$dir/long"
	cat "$dir/long" "$file" >"$TMP/all"
	send_by_tool "$TMP/all" "$file" --header "$dir/long"
	check_sent "a header of more than one memory segment arrives"
	check_equal "a refused file leaves status 6" "$(
		receive_check "$NOTHING"
		timeout 30 pagewire send /proc/version "$ADDRESS:$PORT" >"$OUT" 2>"$ERR"
		echo $?
		receive_end)" 6
	check_match "the error names the refused file and the cause" "$(<"$ERR")" "/proc/version: .*"
	receive_check "$NOTHING"
	cmd_fail "a refused file with --json: status 6" 6 timeout 30 pagewire send /proc/version "$ADDRESS:$PORT" --json
	check_match "a refused file with --json tells errno and file" \
		"$(json "$OUT" status error.errno error.file bytes)" \
		"^refused EOPNOTSUPP /proc/version 0$"
	receive_end
else
	skip "paths sg and copy" "$DEVICE is missing: load pagewire.ko"
fi

# --- errors ------------------------------------------------------------------------------
path=sendfile
cmd_fail "a missing file: status 1" 1 pagewire send "$dir/none" 127.0.0.1:9 --path $path
check_match "a missing file: the error names file and cause" "$(<"$ERR")" "$dir/none.*No such file"
cmd_fail "nobody listens: status 1" 1 pagewire send "$file" 127.0.0.1:9 --path $path
check_match "nobody listens: the error names peer, cause and remedy" "$(<"$ERR")" \
	"127.0.0.1:9.*refused.*recv"
cmd_fail "no such host: status 1" 1 timeout 60 pagewire send "$file" no-such-host.invalid:9 --path $path
check_match "no such host: the error names it" "$(<"$ERR")" "no-such-host.invalid"
cmd_fail "a directory by a path of user space: status 1" 1 pagewire send "$dir" 127.0.0.1:9 --path $path
check_match "a directory: the error names it" "$(<"$ERR")" "$dir"
if [ ! -c "$DEVICE" ]; then
	cmd_fail "path sg without the module: status 3" 3 pagewire send "$file" 127.0.0.1:9 --path sg
	check_match "path sg without the module: the error names the device and the remedy" "$(<"$ERR")" \
		"/dev/pagewire.*(insmod|modprobe|load|doctor)"
fi

receive_peer --reset 100000 --rcvbuf 16384
truncate -s 20M "$dir/large"
cmd_fail "a peer that resets: status 5" 5 timeout 30 pagewire send "$dir/large" "$ADDRESS:$PORT" --path $path
check_match "a peer that resets: the error names file, peer and cause" "$(<"$ERR")" \
	"$ADDRESS:$PORT.*(reset|[Bb]roken pipe)"
receive_end

# A signal, once the peer has stopped reading
for path in $path ${MODULE_PATHS:+sg copy}; do
	receive_peer --stall 100000 --rcvbuf 16384
	timeout 30 pagewire send "$dir/large" "$ADDRESS:$PORT" --path "$path" >"$OUT" 2>"$ERR" &
	pid=$!
	wait_until 15 grep -q stalled "$TMP/recv.out"
	kill -INT "$(pgrep -P "$pid")"
	wait "$pid"
	check_equal "$path: interrupted by a signal: status 5" "$?" 5
	check_match "$path: interrupted by a signal: the error says so, and how far it came" "$(<"$ERR")" \
		"signal.* of 20971520 bytes"
	kill "$RECV_PID" 2>/dev/null
	receive_end
done
finish
