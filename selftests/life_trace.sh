#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Independent witnesses. The module's five tracepoints tell a transfer's life in order; the
# kernel's own tracepoints and strace agree on system calls and on what the disk delivered.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module
[ -e "$TRACEFS/trace" ] || mount -t tracefs none "$TRACEFS" 2>/dev/null
[ -e "$TRACEFS/trace" ] || skip_all "no tracefs: mount -t tracefs none $TRACEFS"

EVENTS=$TRACEFS/events
SIZE=$((6 * 1024 * 1024 + 777))
dir=$(disk_dir)
at_exit rm -rf "$dir"
file=$dir/data
random_file "$file" "$SIZE"
sync

# A slow disk, so that a cold file must be waited for:
# ext4 on pwtrace (30 ms a read) on a loop device on the disk.
DELAY_MS=30
command -v dmsetup >/dev/null || skip_all "no dmsetup: apt-get install dmsetup"
have_module dm_mod || skip_all "no device mapper in this kernel"
have_module dm_delay || skip_all "no device mapper target 'delay' in this kernel"
truncate -s 32M "$dir/disk.img"
disk=$(loop_device "$dir/disk.img") || skip_all "no loop device"
at_exit losetup -d "$disk"
dm_create pwtrace "0 $(blockdev --getsz "$disk") delay $disk 0 $DELAY_MS $disk 0 0" ||
	skip_all "no slow disk: $(<"$ERR")"
make_ext4 /dev/mapper/pwtrace || skip_all "mkfs.ext4 fails on the slow disk"
mount_at /dev/mapper/pwtrace "$TMP/mnt" || skip_all "no ext4 on the slow disk"
cold=$TMP/mnt/data
cp "$file" "$cold"
sync

# Only a new mount is certain to have no page of the file.
make_cold() { umount "$TMP/mnt" && mount /dev/mapper/pwtrace "$TMP/mnt"; }

# --- the module's own -----------------------------------------------------------------
for event in start descriptors disk_wait socket_wait "done"; do
	cmd_ok "there is a tracepoint pagewire_$event" test -r "$EVENTS/pagewire/pagewire_$event/format"
done

# The number FIELD=... of each line of an event: field EVENT FIELD
field() { sed -n "s/.*pagewire_$1: .*\b$2=\([0-9-]*\).*/\1/p" "$TMP/trace"; }
count() { grep -c "pagewire_$1:" "$TMP/trace"; }
first() { grep -n "pagewire_$1:" "$TMP/trace" | head -n 1 | cut -d: -f1; }
last() { grep -n "pagewire_$1:" "$TMP/trace" | tail -n 1 | cut -d: -f1; }
total() { awk '{ sum += $1 } END { print sum + 0 }'; }

make_cold
echo 0 >"$TRACEFS/tracing_on"
echo >"$TRACEFS/trace"
at_exit eval "echo 0 >$EVENTS/pagewire/enable; echo 1 >$TRACEFS/tracing_on"
echo 1 >"$EVENTS/pagewire/enable"
echo 1 >"$TRACEFS/tracing_on"
counters_start sg
receive_peer --check "$file" --accept-delay 500 --rcvbuf 65536
send_file --sndbuf 65536 "$cold"
receive_end
counters_end sg
echo 0 >"$TRACEFS/tracing_on"
echo 0 >"$EVENTS/pagewire/enable"
grep pagewire_ "$TRACEFS/trace" | grep -v '^#' >"$TMP/trace"
diag "$(cut -c1-150 "$TMP/trace" | sed -n '1,4p;$p')"

check_arrived "a traced transfer arrives"
check_equal "one start, one done" "$(count start) $(count "done")" "1 1"
check_equal "start comes first, done last" "$(first start) $(last "done")" "1 $(wc -l <"$TMP/trace")"
check_true "a cold file waits for the disk, a late peer's socket is waited for" \
	"$(count disk_wait) > 0 && $(count socket_wait) > 0 && $(count descriptors) > 0"
check_equal "as many waits as the result says" "$(count disk_wait) $(count socket_wait)" \
	"${R[disk_waits]} ${R[socket_waits]}"
check_true "descriptors come between start and done" \
	"$(first start) < $(first descriptors) && $(last descriptors) < $(last "done")"
check_equal "done tells the bytes" "$(field "done" bytes)" "$SIZE"
check_equal "the bytes of all descriptors are the file's" "$(field descriptors bytes | total)" "$SIZE"
check_equal "as many descriptors as the result says" "$(field descriptors descriptors | total)" "${R[descriptors]}"
check_equal "done tells the status" "$(field "done" status)" 0

# --- strace ------------------------------------------------------------------------------
if command -v strace >/dev/null; then
	receive_check "$file"
	SEND_IN=(strace -qq -f -o "$TMP/strace" -e "trace=ioctl,sendfile,write,writev,sendmsg,sendto,splice")
	send_file "$file"
	SEND_IN=()
	receive_end
	check_arrived "under strace a file arrives"
	check_equal "strace: one ioctl sends everything" "$(grep -c 'ioctl(.*0xbd, 0x1, 0xb8' "$TMP/strace")" 1
	receive_check "$file"
	strace -qq -f -o "$TMP/strace" -e "trace=ioctl,sendfile,write,writev,sendmsg,sendto,splice" \
		timeout 30 pagewire send "$file" "$ADDRESS:$PORT" --path sg --json >"$TMP/send.json" 2>"$TMP/send.err"
	receive_end
	check_equal "strace: the tool, too, sends by one ioctl" "$(grep -c 'ioctl(.*0xbd, 0x1, 0xb8' "$TMP/strace")" 1
	check_equal "strace: and by no other call" \
		"$(grep -cE '(sendfile|splice|sendmsg|sendto|writev)\(' "$TMP/strace")" 0
else
	skip "strace counts system calls" "no strace: apt-get install strace"
fi

# --- the kernel's histograms ---------------------------------------------------------------
# hist EVENT KEYS VALUE FILTER: on; hist_sum EVENT: the total of the value; hist_off EVENT
hist() { echo "hist:keys=$2:vals=$3 if $4" >"$EVENTS/$1/trigger" 2>"$ERR"; }
hist_off() { echo "!$(grep -o '^hist:[^[]*' "$EVENTS/$1/trigger" | head -n 1)" >"$EVENTS/$1/trigger" 2>/dev/null; }
hist_sum() { grep -o "$2: *[0-9]*" "$EVENTS/$1/hist" | awk -F: '{ sum += $2 } END { print sum + 0 }'; }

number=$(stat -c '%Hr %Lr' "$disk")
if hist block/block_rq_issue dev nr_sector "dev == $(((${number% *} << 20) | ${number#* })) && rwbs ~ \"R*\""; then
	at_exit hist_off block/block_rq_issue
	make_cold
	EXPECT=$file transfer "$cold"
	sectors=$(hist_sum block/block_rq_issue nr_sector)
	hist_off block/block_rq_issue
	check_arrived "with a histogram on the disk a cold file arrives"
	check_true "the disk delivered the file" "$sectors * 512 >= $SIZE"
	check_true "the disk delivered the file once" "$sectors * 512 <= $SIZE + 1048576"
else
	skip "the disk delivered the file" "no histogram triggers: $(<"$ERR")"
fi

if hist raw_syscalls/sys_enter id hitcount 'comm == "helper_send" && id == 16'; then
	at_exit hist_off raw_syscalls/sys_enter
	transfer "$file"
	calls=$(sed -n 's/.*} hitcount: *//p' "$EVENTS/raw_syscalls/sys_enter/hist")
	hist_off raw_syscalls/sys_enter
	check_equal "the kernel counted one ioctl for one transfer" "$calls" 1
else
	skip "the kernel counted one ioctl for one transfer" "no histogram triggers: $(<"$ERR")"
fi
finish
