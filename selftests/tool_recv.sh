#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `pagewire recv`: what it prints, what --check finds, where it writes. The sender is path
# read-write of user space or bash itself, so that no module is needed.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_tool

SIZE=$((1024 * 1024 + 777))
file=$TMP/data
random_file "$file" "$SIZE"
hash=$(sha256sum "$file" | cut -d' ' -f1)

# receive ARGUMENT...: pagewire recv on a new port
receive()
{
	PORT=$((next_port++))
	receiver pagewire recv --listen "$ADDRESS:$PORT" "$@"
}

# feed FILE: to the receiver, by bash
feed() { cat "$1" >"/dev/tcp/$ADDRESS/$PORT"; }

# --- what it prints -------------------------------------------------------------------
receive
feed "$file"
receive_end
check_equal "recv ends with the connection, status 0" "$RECV_STATUS" 0
check_match "recv prints the number of bytes" "$(tr -d ',' <"$TMP/recv.out")" "$SIZE"
check_match "recv prints the SHA-256" "$(<"$TMP/recv.out")" "$hash"

receive --json
feed "$file"
receive_end
check_match "recv --json tells the same" "$(json "$TMP/recv.out" bytes sha256)" "$SIZE $hash"

receive --discard
feed "$file"
receive_end
check_equal "recv --discard ends well" "$RECV_STATUS" 0
check_match "recv --discard prints the number of bytes" "$(tr -d ',' <"$TMP/recv.out")" "$SIZE"

receive --to "$TMP/copy"
feed "$file"
receive_end
cmd_ok "recv --to writes what arrives" cmp "$file" "$TMP/copy"

: >"$TMP/empty"
receive --check "$TMP/empty"
feed "$TMP/empty"
receive_end
check_equal "an empty connection equals an empty file" "$RECV_STATUS" 0

# --- --check ------------------------------------------------------------------------------
receive_check "$file"
feed "$file"
receive_end
check_equal "recv --check: the same bytes, status 0" "$RECV_STATUS" 0

# A byte that is certain to differ: flip FILE OFFSET
flip()
{
	local was
	was=$(od -An -tu1 -j "$2" -N1 "$1")
	printf '%b' "\\0$(printf %o $((was ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

for at in 0 65535 65536 777777 $((SIZE - 1)); do
	cp "$file" "$TMP/wrong"
	flip "$TMP/wrong" "$at"
	receive_check "$file"
	feed "$TMP/wrong"
	receive_end
	check_equal "recv --check: byte $at differs, status 4" "$RECV_STATUS" 4
	check_match "recv --check: tells that it is byte $at" \
		"$(cat "$TMP/recv.out" "$TMP/recv.err" | tr -d ',')" "(^|[^0-9])$at([^0-9]|$)"
done
flip "$TMP/wrong" 5
receive_check "$file"
feed "$TMP/wrong"
receive_end
check_match "recv --check: with several wrong bytes the first is told" \
	"$(cat "$TMP/recv.out" "$TMP/recv.err")" "[^0-9]5([^0-9]|$)"

head -c -1 "$file" >"$TMP/short"
receive_check "$file"
feed "$TMP/short"
receive_end
check_equal "recv --check: one byte too few, status 4" "$RECV_STATUS" 4
cat "$file" - <<<"" >"$TMP/long"
receive_check "$file"
feed "$TMP/long"
receive_end
check_equal "recv --check: one byte too many, status 4" "$RECV_STATUS" 4
receive --json --check "$file"
feed "$TMP/wrong"
receive_end
check_equal "recv --check --json: status 4" "$RECV_STATUS" 4
cmd_ok "recv --check --json: is JSON" json "$TMP/recv.out" bytes

# --- --keep, addresses, errors --------------------------------------------------------------
receive --keep --check "$file"
for i in 1 2; do
	cmd_ok "recv --keep: connection $i is served" timeout 30 \
		pagewire send "$file" "$ADDRESS:$PORT" --path read-write
done
kill -INT "$(pgrep -P "$RECV_PID")"
receive_end
check_match "recv --keep: ends by a signal, with a report for each connection" \
	"$(grep -c "$hash" "$TMP/recv.out")" 2

PORT=$((next_port++))
receiver pagewire recv --listen "$PORT" --check "$file"
feed "$file"
receive_end
check_equal "recv --listen PORT: listens on all addresses" "$RECV_STATUS" 0
PORT=$((next_port++))
receiver pagewire recv --listen "[::1]:$PORT" --check "$file"
timeout 30 pagewire send "$file" "[::1]:$PORT" --path sendfile >"$OUT" 2>"$ERR"
receive_end
check_equal "recv --listen [::1]:PORT: IPv6" "$RECV_STATUS" 0

receive
port=$PORT pid=$RECV_PID
cmd_fail "a port that is taken: status 1" 1 timeout 10 pagewire recv --listen "$ADDRESS:$port"
check_match "a port that is taken: the error names it and the cause" "$(<"$ERR")" "$port.*in use"
kill "$pid" 2>/dev/null
wait "$pid"
cmd_fail "an address that isn't ours: status 1" 1 timeout 10 pagewire recv --listen 192.0.2.1:2000
check_match "an address that isn't ours: the error names it" "$(<"$ERR")" "192.0.2.1:2000"
cmd_fail "a file to check that is missing: status 1" 1 timeout 10 pagewire recv --listen "$((next_port++))" --check "$TMP/none"
check_match "a file to check that is missing: the error names it" "$(<"$ERR")" "$TMP/none.*No such file"
cmd_fail "a file to write that can't be: status 1" 1 timeout 10 pagewire recv --listen "$((next_port++))" --to /none/copy
check_match "a file to write that can't be: the error names it" "$(<"$ERR")" "/none/copy"
cmd_fail "without --listen: status 2" 2 timeout 10 pagewire recv
cmd_fail "--listen without a port: status 2" 2 timeout 10 pagewire recv --listen "127.0.0.1"
cmd_fail "a port of 65536: status 2" 2 timeout 10 pagewire recv --listen 65536
cmd_fail "--to and --discard together: status 2" 2 timeout 10 pagewire recv --listen 2000 --to "$TMP/copy" --discard

receive --to /dev/full
feed "$file" 2>/dev/null
receive_end
check_equal "a full disk: status 1" "$RECV_STATUS" 1
check_match "a full disk: the error names file and cause" "$(<"$TMP/recv.err")" "/dev/full.*No space left"
finish
