#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The files under debugfs: what they are called, their form, what they say while a transfer is
# in flight, and what `reset` does and does not.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

COUNTERS="transfers completed failed cancelled in_flight refused segments bytes passed_bytes
descriptors copied_bytes copies copied_asked_bytes copied_memory_bytes copied_filesystem_bytes
copied_dax_bytes copied_no_page_bytes copied_no_sg_bytes copied_tls_bytes cache_hits cache_misses
readahead_pages disk_waits socket_waits sendmsgs errors errors_again errors_interrupted errors_io
errors_peer errors_other"
GAUGES="transfers pinned_pages memory_pages files sockets user_bytes opens"
SIZE=$((6 * 1024 * 1024 + 777))
dir=$(disk_dir)
at_exit rm -rf "$dir"
file=$dir/data
random_file "$file" "$SIZE"

# --- names and form -------------------------------------------------------------------
one_line() { tr -s ' \n' ' ' <<<"$1" | sed 's/ *$//'; }
names() { one_line "$(cut -d' ' -f1 "$1")"; }

# Labels have files beside them, and probes add lines behind the counters: tests before may have left some.
check_equal "path/ has one file for each path" "$(cd "$DEBUGFS/path" && echo ./copy ./sg)" \
	"$(cd "$DEBUGFS/path" && ls -d ./copy ./sg | tr '\n' ' ' | sed 's/ $//')"
for path in copy sg; do
	check_match "path/$path: the names, in their order" "$(names "$DEBUGFS/path/$path") " \
		"^$(one_line "$COUNTERS") (syscalls |\$)"
	check_equal "path/$path: every line is a name, a space and a number" \
		"$(grep -cvE '^[a-z_]+ ([0-9]+|n/a)$' "$DEBUGFS/path/$path")" 0
done
check_equal "gauges: the names, in their order" "$(names "$DEBUGFS/gauges")" "$(one_line "$GAUGES")"
check_equal "gauges: every line is a name, a space and a number" \
	"$(grep -cvE '^[a-z_]+ [0-9]+$' "$DEBUGFS/gauges")" 0

transfer "$file" --path copy
transfer "$file" --path sg
missing=
wrong=
for name in $COUNTERS; do
	row=$(grep -wE "^ *$name" "$DEBUGFS/paths" | head -n 1 | tr -d ',')
	[ -n "$row" ] || missing="$missing $name"
	[[ $row =~ (^| )$(counter copy "$name")( .*)?\ $(counter sg "$name")( |$) ]] || wrong="$wrong $name"
done
check_equal "paths: has a row for each counter (missing)" "$missing" ""
check_equal "paths: shows the numbers of copy and sg (wrong)" "$wrong" ""
check_match "paths: names its columns" "$(head -n 2 "$DEBUGFS/paths")" "copy +.*sg"
for table in paths transfers gauges; do
	check_equal "$table: no line is wider than 200 columns" "$(awk 'length > 200' "$DEBUGFS/$table" | wc -l)" 0
done
cmd_fail "$DEBUGFS/paths can't be written" any bash -c "echo x >$DEBUGFS/paths"

# --- exact numbers for known transfers ---------------------------------------------------
: >"$dir/empty"
counters_start sg
cat "$file" "$file" >"$TMP/twice"
receive_check "$TMP/twice"
send_file "$file" "$dir/empty" "$file"
receive_end
counters_end sg
check_arrived "three segments arrive"
check_equal "three segments are one transfer" \
	"${DELTA[transfers]} ${DELTA[completed]} ${DELTA[errors]} ${DELTA[segments]}" "1 1 0 3"
check_equal "the counters agree with the result" \
	"${DELTA[bytes]} ${DELTA[passed_bytes]} ${DELTA[descriptors]} ${DELTA[copies]} ${DELTA[cache_hits]} ${DELTA[cache_misses]} ${DELTA[socket_waits]} ${DELTA[disk_waits]}" \
	"${R[bytes]} ${R[passed_bytes]} ${R[descriptors]} ${R[copies]} ${R[cache_hits]} ${R[cache_misses]} ${R[socket_waits]} ${R[disk_waits]}"
least=$(((2 * SIZE + 1048575) / 1048576))
check_true "batches hold up to 1 MiB: no fewer calls into the socket than that takes" "${DELTA[sendmsgs]} >= $least"
check_true "batches hold up to 1 MiB: few more calls than that, but for waits" \
	"${DELTA[sendmsgs]} <= $least + 3 + 2 * ${DELTA[socket_waits]}"

# --- requests for paths that aren't there ---------------------------------------------------
all_counters() { cat "$DEBUGFS/path/copy" "$DEBUGFS/path/sg"; }
before=$(all_counters)
receive_check "$NOTHING"
send_file --path 0 "$file"
receive_end
check_equal "path auto isn't in this version" "${R[call]} ${R[reason]} ${R[bytes]}" "EOPNOTSUPP 17 0"
receive_check "$NOTHING"
send_file --path 77 "$file"
receive_end
check_equal "there is no path 77" "${R[call]} ${R[bytes]}" "EINVAL 0"
check_equal "a request for an unknown path is counted nowhere" "$(all_counters)" "$before"

# --- a transfer in flight ----------------------------------------------------------------------
# A file name can hold anything: a line must stay a line.
odd=$dir/$'new\nline \xff'
ln "$file" "$odd"
receive_peer --stall 100000 --rcvbuf 16384
send_start --sndbuf 16384 --offset 1000 --length 5000000 "$odd"
wait_until 10 grep -q stalled "$TMP/recv.out"
sleep 0.3
pid=$(pgrep -P "$SEND_PID")
check_equal "transfers: a header and one line, whatever the file's name" "$(wc -l <"$DEBUGFS/transfers")" 2
line=$(tail -n 1 "$DEBUGFS/transfers")
diag "$(cat -v <<<"$line")"
check_match "transfers: tells process and command" "$line" "(^|[^0-9])${pid}[^0-9].*helper_send"
check_match "transfers: tells the path" "$line" " sg "
check_match "transfers: tells the file" "$line" "new.*line"
check_match "transfers: tells the range" "$line" "1000.*(5000000|5001000|5000999)"
check_match "transfers: tells the peer" "$line" "$ADDRESS:$PORT"
check_match "transfers: tells that it waits for the socket" "$line" "socket"
read -r _ _ _ _ progress _ <<<"$line"
check_true "transfers: tells how many bytes went: what the peer has read, and what is in the socket" \
	"100000 <= $progress && $progress < 5000000"
check_true "transfers: the header names as many columns as a line has" \
	"$(head -n 1 "$DEBUGFS/transfers" | wc -w) == $(wc -w <<<"$line")"
check_equal "the gauges show it" "$(gauge transfers) $(gauge files) $(gauge sockets) $(counter sg in_flight)" "1 1 1 1"

# --- reset, with that in flight ------------------------------------------------------------------
cmd_ok "reset can be written" bash -c "echo 1 >$DEBUGFS/reset"
check_equal "reset leaves the gauges alone" "$(gauge transfers) $(gauge files) $(gauge sockets)" "1 1 1"
check_equal "reset: what is in flight still counts" "$(counter sg transfers) $(counter sg in_flight)" "1 1"
check_equal "reset: all else starts from 0" "$(counter sg completed) $(counter copy transfers) $(counter copy bytes)" "0 0 0"
kill -USR1 "$(pgrep -P "$RECV_PID")"
send_end
receive_end
check_equal "the transfer ends well after a reset" "$SEND_STATUS ${R[bytes]}" "0 5000000"
check_equal "and counts as completed" "$(counter sg transfers) $(counter sg completed) $(counter sg in_flight)" "1 1 0"
check_settled "after a reset in flight the counters still add up"
check_equal "transfers: just the header when nothing is in flight" "$(wc -l <"$DEBUGFS/transfers")" 1
finish
