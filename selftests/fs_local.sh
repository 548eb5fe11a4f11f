#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Local file systems whose page cache path sg may walk: ext4, ext4 with 1 KiB
# blocks, xfs (large folios), tmpfs, each by sg and by copy, whole and in ranges.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

SIZE=$((3 * 1024 * 1024 + 777))

# The matrix that every file system goes through: check_fs NAME DIR
check_fs()
{
	local name=$1 dir=$2 path offset=4097 length=1234567
	random_file "$dir/data" "$SIZE"
	cut_range "$dir/data" "$offset" "$length" >"$TMP/part"

	for path in sg copy; do
		transfer "$dir/data" --path "$path"
		check_arrived "$name, $path: a whole file arrives"
		check_bytes "$name, $path: the result tells its size" "$SIZE"
		check_accounting "$name" "$path" "$SIZE"

		EXPECT=$TMP/part transfer "$dir/data" --path "$path" --offset "$offset" --length "$length"
		check_arrived "$name, $path: a range with odd borders arrives"
		check_accounting "$name, range" "$path" "$length"
	done
}

# check_accounting NAME PATH BYTES: sg copies nothing, copy passes nothing.
check_accounting()
{
	local pages=$((($3 + PAGE - 1) / PAGE + 1))
	if [ "$2" = sg ]; then
		check_equal "$1, sg: every byte went by descriptor" \
			"${R[passed_bytes]} ${R[copied_bytes]} ${R[copies]} ${R[copied_why]}" "$3 0 0 0"
		check_true "$1, sg: no more descriptors than pages" \
			"${R[descriptors]} > 0 && ${R[descriptors]} <= $pages"
	else
		check_equal "$1, copy: every byte was copied, because that was asked for" \
			"${R[passed_bytes]} ${R[copied_bytes]} ${R[descriptors]} ${R[copied_why]}" "0 $3 0 2"
	fi
}

check_empty()
{
	: >"$2/empty"
	transfer "$2/empty"
	check_arrived "$1: an empty file is sent as no bytes"
	check_bytes "$1: an empty file counts as 0 bytes" 0
}

# A file whose middle is a hole, data at both ends.
make_sparse()
{
	random_file "$1" 300000
	truncate -s 3000000 "$1"
	head -c 200000 /dev/urandom >>"$1"
}

# --- ext4 on the virtio disk ---------------------------------------------------
dir=$(disk_dir)
at_exit rm -rf "$dir"
type=$(stat -f -c %T "$dir")
check_match "the disk under test has ext4" "$type" ext
check_fs "ext4" "$dir"
check_empty "ext4" "$dir"
make_sparse "$dir/sparse"
transfer "$dir/sparse"
check_arrived "ext4: a hole arrives as zeros"
check_bytes "ext4: a hole counts as its bytes" 3200000
transfer "$dir/data" --direct
check_arrived "ext4: a file opened with O_DIRECT arrives"
check_bytes "ext4: a file opened with O_DIRECT counts in full" "$SIZE"

# --- ext4 with blocks smaller than a page, on a loop device ----------------------
if have_module loop && truncate -s 64M "$dir/ext4.img" && loop=$(loop_device "$dir/ext4.img"); then
	at_exit losetup -d "$loop"
	if make_ext4 "$loop" -b 1024 && mount_at "$loop" "$TMP/ext4"; then
		check_fs "ext4 with 1 KiB blocks on a loop device" "$TMP/ext4"
		make_sparse "$TMP/ext4/sparse"
		transfer "$TMP/ext4/sparse"
		check_arrived "ext4 with 1 KiB blocks: a hole arrives as zeros"
	else
		not_ok "ext4 with 1 KiB blocks can be made and mounted"
	fi
else
	skip "ext4 with 1 KiB blocks on a loop device" "no loop device"
fi

# --- xfs ---------------------------------------------------------------------------
if have_module xfs && command -v mkfs.xfs >/dev/null && truncate -s 320M "$dir/xfs.img" &&
	loop=$(loop_device "$dir/xfs.img"); then
	at_exit losetup -d "$loop"
	if cmd_ok "xfs can be made" mkfs.xfs -q -f "$loop" && mount_at "$loop" "$TMP/xfs"; then
		check_fs "xfs" "$TMP/xfs"
		check_empty "xfs" "$TMP/xfs"
		make_sparse "$TMP/xfs/sparse"
		transfer "$TMP/xfs/sparse"
		check_arrived "xfs: a hole arrives as zeros"
		# Large folios come from reading ahead.
		umount "$TMP/xfs" && mount "$loop" "$TMP/xfs"
		cat "$TMP/xfs/data" >/dev/null
		transfer "$TMP/xfs/data"
		check_arrived "xfs with large folios: a whole file arrives"
		check_true "xfs with large folios: one descriptor covers several pages" \
			"${R[descriptors]} * 2 <= $SIZE / $PAGE"
	else
		not_ok "xfs can be mounted"
	fi
else
	skip "xfs" "no xfs in this kernel, no mkfs.xfs, or no loop device"
fi

# --- tmpfs -------------------------------------------------------------------------
mount_at tmpfs "$TMP/tmpfs" -t tmpfs -o size=64M
check_fs "tmpfs" "$TMP/tmpfs"
check_empty "tmpfs" "$TMP/tmpfs"

# A page of data, a hole of 64 pages, a page of data.
random_file "$TMP/tmpfs/holes" "$PAGE"
truncate -s $((65 * PAGE)) "$TMP/tmpfs/holes"
head -c "$PAGE" /dev/urandom >>"$TMP/tmpfs/holes"
cp "$TMP/tmpfs/holes" "$TMP/holes" # whoever compares must not touch the hole
counters_start sg
EXPECT=$TMP/holes transfer "$TMP/tmpfs/holes"
counters_end sg
check_arrived "tmpfs: a hole arrives as zeros"
check_bytes "tmpfs: a hole counts as its bytes" $((66 * PAGE))
check_equal "tmpfs: just the hole was copied, for want of a page" \
	"${R[copied_bytes]} ${R[copied_why]} ${DELTA[copied_no_page_bytes]}" \
	"$((64 * PAGE)) $((1 << 5)) $((64 * PAGE))"
check_equal "tmpfs: sending a hole doesn't fill it" "$(stat -c %b "$TMP/tmpfs/holes")" $((2 * PAGE / 512))

receive_check "$NOTHING"
send_file --sg-only "$TMP/tmpfs/holes"
receive_end
check_equal "tmpfs: with --sg-only a hole ends the transfer, for the reason SG_ONLY" \
	"${R[status]} ${R[reason]} ${R[bytes]}" "EOPNOTSUPP 31 $PAGE"

# Pages that were swapped out.
swap=
if [ -b /dev/blank ] && ! findmnt -S /dev/blank >/dev/null; then
	swap=$(readlink -f /dev/blank)
fi
if [ -n "$swap" ] && mkswap "$swap" >/dev/null 2>&1 && swapon "$swap"; then
	at_exit wipefs -qa "$swap"
	at_exit swapoff "$swap"
	cp "$TMP/tmpfs/data" "$TMP/swapped"
	helper_cache pageout "$TMP/tmpfs/data" >"$OUT"
	out=$(awk 'NR > 1 { sum += $4 } END { print sum * 1024 }' /proc/swaps)
	if [ "$out" -gt 0 ]; then
		EXPECT=$TMP/swapped transfer "$TMP/tmpfs/data"
		check_arrived "tmpfs: pages that were swapped out arrive ($out of $SIZE bytes were)"
		check_bytes "tmpfs: pages that were swapped out count in full" "$SIZE"
		check_equal "tmpfs: what was copied was copied for want of a page" "${R[copied_why]}" $((1 << 5))
	else
		skip "tmpfs: pages that were swapped out arrive" "the kernel kept them all in memory"
	fi
else
	skip "tmpfs: pages that were swapped out arrive" "no disk for swap space at /dev/blank"
fi
finish
