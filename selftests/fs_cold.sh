#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cold page cache: read-ahead keeps a slow disk busy, hits and misses are counted, an
# error of the disk in the middle of a file ends the transfer and loses nothing.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

DELAY_MS=30
SIZE=$((8 * 1024 * 1024))
PAGES=$((SIZE / PAGE))

command -v dmsetup >/dev/null || skip_all "no dmsetup: apt-get install dmsetup"
have_module dm_mod || skip_all "no device mapper in this kernel"
dir=$(disk_dir)
at_exit rm -rf "$dir"
truncate -s 48M "$dir/disk.img"
disk=$(loop_device "$dir/disk.img") || skip_all "no loop device"
at_exit losetup -d "$disk"
sectors=$(blockdev --getsz "$disk")
linear="0 $sectors linear $disk 0"
dm_create pwtest "$linear" || skip_all "no device mapper target 'linear': $(<"$ERR")"
at_exit umount -l "$TMP/mnt"
device=/dev/mapper/pwtest
mkdir -p "$TMP/mnt"
make_ext4 "$device" || skip_all "mkfs.ext4 fails on a mapped device"
mount "$device" "$TMP/mnt" || skip_all "ext4 can't be mounted from a mapped device"
file=$TMP/mnt/data
random_file "$TMP/expected" "$SIZE"
cp "$TMP/expected" "$file"
sync

# Only a new mount is certain to have no page of the file.
make_cold() { umount "$TMP/mnt" && mount "$device" "$TMP/mnt"; }

# --- hits and misses, on a fast disk ---------------------------------------------
make_cold
counters_start sg
EXPECT=$TMP/expected transfer "$file"
counters_end sg
check_arrived "cold: a file arrives"
check_bytes "cold: a file counts in full" "$SIZE"
check_true "cold: there are misses" "${R[cache_misses]} > 0"
check_equal "cold: nothing is copied" "${R[copied_bytes]}" 0
check_equal "cold: the counters got what the result says" \
	"${DELTA[cache_hits]} ${DELTA[cache_misses]} ${DELTA[disk_waits]}" \
	"${R[cache_hits]} ${R[cache_misses]} ${R[disk_waits]}"
check_true "cold: read-ahead brought the file, and hardly more" \
	"${DELTA[readahead_pages]} > 0 && ${DELTA[readahead_pages]} <= $PAGES + 64"

EXPECT=$TMP/expected transfer "$file"
check_arrived "hot: the file arrives again"
check_equal "hot: no misses, and the disk isn't waited for" "${R[cache_misses]} ${R[disk_waits]}" "0 0"
check_true "hot: there are hits, no more than pages" \
	"${R[cache_hits]} > 0 && ${R[cache_hits]} <= $PAGES"

make_cold
EXPECT=$TMP/expected transfer "$file" --path copy
check_arrived "cold, copy: a file arrives"
check_true "cold, copy: there are misses" "${R[cache_misses]} > 0"
EXPECT=$TMP/expected transfer "$file" --path copy
check_equal "hot, copy: no misses, and the disk isn't waited for" "${R[cache_misses]} ${R[disk_waits]}" "0 0"

# A range in the middle that starts nowhere special.
make_cold
cut_range "$TMP/expected" 2000001 1500000 >"$TMP/part"
EXPECT=$TMP/part transfer "$file" --offset 2000001 --length 1500000
check_arrived "cold: a range in the middle arrives"

# --- a slow disk -------------------------------------------------------------------
if have_module dm_delay && umount "$TMP/mnt" &&
	dm_reload pwtest "0 $sectors delay $disk 0 $DELAY_MS $disk 0 0" && mount "$device" "$TMP/mnt"; then
	start=$(date +%s%N)
	counters_start sg
	EXPECT=$TMP/expected transfer "$file"
	counters_end sg
	took=$((($(date +%s%N) - start) / 1000000))
	diag "slow disk: $SIZE bytes in $took ms, ${R[disk_waits]} disk waits," \
		"${DELTA[readahead_pages]} pages read ahead, ${R[cache_misses]} misses"
	check_arrived "slow disk: a cold file arrives"
	check_true "slow disk: it is waited for" "${R[disk_waits]} > 0"
	check_true "slow disk: at most one wait for 16 pages, so that read-ahead works" \
		"${R[disk_waits]} <= $PAGES / 16"
	check_true "slow disk: nearly all pages came by read-ahead" \
		"${DELTA[readahead_pages]} >= $PAGES * 9 / 10"
	umount "$TMP/mnt"
	dm_reload pwtest "$linear"
	mount "$device" "$TMP/mnt"
else
	skip "a slow disk" "no device mapper target 'delay'"
	mountpoint -q "$TMP/mnt" || mount "$device" "$TMP/mnt"
fi

# --- an error in the middle -----------------------------------------------------------
# The device block of the file's block 1000: it can't be read from now on.
block_size=$(stat -f -c %S "$file")
bad_at=$((1000 * PAGE))
physical=$(filefrag -b"$block_size" -v "$file" | awk -F '[ :.]+' -v b=$((bad_at / block_size)) '
	$2 ~ /^[0-9]+$/ && b >= $3 && b <= $4 { print $5 + b - $3; exit }')
if [ -n "$physical" ]; then
	bad=$((physical * block_size / 512))
	n=$((PAGE / 512))
	umount "$TMP/mnt"
	dm_reload pwtest "0 $bad linear $disk 0
$bad $n error
$((bad + n)) $((sectors - bad - n)) linear $disk $((bad + n))"
	mount "$device" "$TMP/mnt"
	readable=$(dd if="$file" bs=$PAGE 2>/dev/null | wc -c)
	check_equal "bad block: read(2) stops at it, so the disk is as bad as intended" "$readable" "$bad_at"

	for path in sg copy; do
		make_cold
		io_errors=$(counter $path errors_io)
		receive_peer --check "$TMP/expected"
		send_file --path $path "$file"
		receive_end
		read_values "$TMP/recv.out" PEER
		check_equal "bad block, $path: the transfer ends with EIO" "$SEND_STATUS ${R[call]} ${R[status]}" "2 0 EIO"
		check_equal "bad block, $path: what was reported is what arrived, unharmed" \
			"${PEER[bytes]} ${PEER[differs_at]}" "${R[bytes]} -1"
		check_equal "bad block, $path: everything before it was sent" "${R[bytes]}" "$bad_at"
		check_equal "bad block, $path: segment and position tell where to go on" \
			"${R[segment]} ${R[segment_bytes]}" "0 ${R[bytes]}"
		check_equal "bad block, $path: it counts as an I/O error" "$(counter $path errors_io)" $((io_errors + 1))
		check_settled "bad block, $path: no page stays pinned"
	done

	EXPECT=$TMP/part
	cut_range "$TMP/expected" $((bad_at + PAGE)) 100000 >"$EXPECT"
	transfer "$file" --offset $((bad_at + PAGE)) --length 100000
	check_arrived "bad block: what comes after it can be sent"

	umount "$TMP/mnt"
	dm_reload pwtest "$linear"
	mount "$device" "$TMP/mnt"
	EXPECT=$TMP/expected transfer "$file"
	check_arrived "bad block: when the disk is well again, the file arrives whole"
else
	skip "an error of the disk in the middle of a file" "filefrag doesn't tell where the file is"
fi
finish
