#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# File systems whose page cache isn't theirs alone (overlayfs, FUSE): path sg reads them
# through their own read_iter, counts every byte as copied for the reason FILESYSTEM,
# and refuses them when copies are forbidden.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

SIZE=$((3 * 1024 * 1024 + 777))
WHY_FILESYSTEM=$((1 << 3))

# check_fallback NAME DIR: DIR/data has SIZE bytes, $TMP/expected the same
check_fallback()
{
	local name=$1 file=$2/data pages=$((SIZE / PAGE + 1))

	counters_start sg
	transfer "$file" --path sg
	counters_end sg
	check_arrived "$name, sg: a whole file arrives"
	check_equal "$name, sg: every byte was copied, for the file system's sake" \
		"${R[passed_bytes]} ${R[copied_bytes]} ${R[copied_why]}" "0 $SIZE $WHY_FILESYSTEM"
	check_equal "$name, sg: the counters say so too" \
		"${DELTA[passed_bytes]} ${DELTA[copied_bytes]} ${DELTA[copied_filesystem_bytes]}" "0 $SIZE $SIZE"
	check_true "$name, sg: copies are counted, and no more than one for a page" \
		"${R[copies]} > 0 && ${R[copies]} <= $pages"

	EXPECT=$TMP/part transfer "$file" --path sg --offset 4097 --length 1234567
	check_arrived "$name, sg: a range with odd borders arrives"
	check_bytes "$name, sg: the range counts in full" 1234567

	transfer "$file" --path copy
	check_arrived "$name, copy: a whole file arrives"
	check_bytes "$name, copy: every byte counts" "$SIZE"
	check_equal "$name, copy: nothing was passed" "${R[passed_bytes]}" 0

	check_refused "$name" "$file"
}

check_refused()
{
	local refused
	refused=$(counter sg refused)
	receive_check "$NOTHING"
	send_file --sg-only "$2"
	receive_end
	check_equal "$1, sg only: refused before a byte is sent" \
		"$SEND_STATUS ${R[call]} ${R[status]} ${R[bytes]} $RECV_STATUS" "1 EOPNOTSUPP EOPNOTSUPP 0 0"
	check_match "$1, sg only: the reason and the segment are told" "${R[reason]} ${R[segment]}" '^(31|3) 0$'
	check_equal "$1, sg only: it counts as refused" "$(counter sg refused)" $((refused + 1))

	receive_check "$NOTHING"
	cmd_fail "$1, sg only: the tool fails as well" any \
		timeout 30 pagewire send "$2" "$ADDRESS:$PORT" --path sg --sg-only
	check_match "$1, sg only: the tool's error names the file and why" "$(<"$ERR")" \
		"$2.*([Cc]op|file system|filesystem)"
	kill "$RECV_PID" 2>/dev/null
	receive_end
}

mkdir -p "$TMP/lower" "$TMP/upper" "$TMP/work" "$TMP/mnt"
random_file "$TMP/lower/data" "$SIZE"
cp "$TMP/lower/data" "$TMP/expected"
cut_range "$TMP/lower/data" 4097 1234567 >"$TMP/part"

# overlayfs, with its layers on the disk, as containers have them
dir=$(disk_dir)
at_exit rm -rf "$dir"
mkdir -p "$dir/lower" "$dir/upper" "$dir/work"
cp "$TMP/lower/data" "$dir/lower/data"
if have_module overlay &&
	mount_at overlay "$TMP/mnt" -t overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work"; then
	check_fallback "overlayfs" "$TMP/mnt"

	# A copy-up gives the name another file; an old page cache would show the old bytes.
	printf 'changed' | dd of="$TMP/mnt/data" conv=notrunc status=none
	cp "$TMP/mnt/data" "$TMP/changed"
	EXPECT=$TMP/changed transfer "$TMP/mnt/data"
	check_arrived "overlayfs: a file changed after copy-up arrives as it is now"
else
	skip "overlayfs" "this kernel has none"
fi

# FUSE
mkdir -p "$TMP/fuse"
if have_module fuse || grep -qw fuse /proc/filesystems; then
	helper_fuse "$TMP/lower" "$TMP/fuse" >"$TMP/fuse.out" 2>&1 &
	at_exit umount -l "$TMP/fuse"
	wait_until 10 grep -q mounted "$TMP/fuse.out"
	check_fallback "FUSE" "$TMP/fuse"
	umount "$TMP/fuse"

	# The server can't read the byte at 1,000,000.
	at=1000000
	helper_fuse --fail-at "$at" "$TMP/lower" "$TMP/fuse" >"$TMP/fuse.out" 2>&1 &
	wait_until 10 grep -q mounted "$TMP/fuse.out"
	receive_peer --check "$TMP/expected"
	send_file "$TMP/fuse/data"
	receive_end
	read_values "$TMP/recv.out" PEER
	check_equal "FUSE: a read error ends the transfer with EIO" "$SEND_STATUS ${R[status]}" "2 EIO"
	check_equal "FUSE: after a read error, what was reported is what arrived, unharmed" \
		"${PEER[bytes]} ${PEER[differs_at]}" "${R[bytes]} -1"
	check_true "FUSE: no byte after the error was sent" "${R[bytes]} <= $at"
	umount "$TMP/fuse"
else
	skip "FUSE" "this kernel has none"
fi
finish
