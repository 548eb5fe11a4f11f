# SPDX-License-Identifier: GPL-2.0
# Shared by the shell tests; sourced, never run. A test is a TAP program that
# runs as root on a machine with the module loaded (`make vm` boots one):
#
#   . "$(dirname "$0")/lib.sh"
#   transfer "$file" --path sg          # helper_send -> pagewire recv --check
#   check_arrived "ext4, sg: every byte arrives"
#   check_equal "ext4, sg: nothing is copied" "${R[copied_bytes]}" 0
#   finish
#
# Exit status: 0 all passed, 1 something failed, 4 everything was skipped.
# shellcheck shell=bash disable=SC2034

set -u
PATH=$PATH:/usr/sbin:/sbin

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
HELPERS=${PAGEWIRE_HELPERS:-$REPO/build/selftests}
PATH=$REPO/build/tools:$HELPERS:$PATH
SCRIPT=${0##*/}
SCRIPT=${SCRIPT%.sh}
DEVICE=/dev/pagewire
DEBUGFS=/sys/kernel/debug/pagewire
TRACEFS=/sys/kernel/tracing
PAGE=4096

tests=0
failures=0
skips=0
cleanups=()

# --- TAP ---------------------------------------------------------------------

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

diag_file() { [ ! -s "$1" ] || { diag "--- ${1##*/}:" && tail -n 12 "$1" | sed 's/^/#   /'; }; }

ok()
{
	tests=$((tests + 1))
	printf 'ok %d - %s\n' "$tests" "$1"
}

# not_ok NAME [WHY]...
not_ok()
{
	local why name=$1
	tests=$((tests + 1))
	failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$tests" "$name"
	shift
	for why in "$@"; do
		diag "$why"
	done
}

# skip NAME REASON
skip()
{
	tests=$((tests + 1))
	skips=$((skips + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

# skip_all REASON
skip_all()
{
	printf '1..0 # SKIP %s\n' "$1"
	exit 4
}

# Every program ends with this, so that a script that dies early has no plan.
finish()
{
	if [ -e "$DEBUGFS/gauges" ]; then
		check_settled "$SCRIPT: at the end all gauges are 0 and the counters add up"
	fi
	printf '1..%d\n' "$tests"
	[ "$failures" -eq 0 ] || exit 1
	[ "$skips" -lt "$tests" ] || exit 4
	exit 0
}

# cmd_ok NAME COMMAND...: the command succeeds. Its output is kept in $OUT and $ERR.
cmd_ok()
{
	local name=$1 status=0
	shift
	"$@" >"$OUT" 2>"$ERR" || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$name"
		return 0
	fi
	not_ok "$name" "exit status $status of: $*"
	diag_file "$OUT"
	diag_file "$ERR"
	return 1
}

# cmd_fail NAME STATUS COMMAND...: the command fails with this exit status ("any": with any
# but 124 and more, which are a time-out, a crash or a missing program).
cmd_fail()
{
	local name=$1 want=$2 status=0
	shift 2
	"$@" >"$OUT" 2>"$ERR" || status=$?
	if [ "$status" = "$want" ] || { [ "$want" = any ] && [ "$status" -gt 0 ] && [ "$status" -lt 124 ]; }; then
		ok "$name"
		return 0
	fi
	not_ok "$name" "exit status $status, wanted $want, of: $*"
	diag_file "$OUT"
	diag_file "$ERR"
	return 1
}

# check_equal NAME GOT WANT
check_equal()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got '$2', wanted '$3'"
	fi
}

# check_true NAME EXPRESSION: an arithmetic one; all its variables are shown if it is false.
check_true()
{
	if (($2)); then
		ok "$1"
	else
		not_ok "$1" "false: $2"
	fi
}

# check_match NAME TEXT REGEX
check_match()
{
	if [[ $2 =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1" "doesn't match '$3':" "$2"
	fi
}

# --- set-up and tidying up -----------------------------------------------------

# at_exit COMMAND...: run when the script ends, last one first.
at_exit() { cleanups+=("$(printf '%q ' "$@")"); }

tidy_up()
{
	local i
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}" >/dev/null 2>&1
	done
	rm -rf "$TMP"
}

TMP=$(mktemp -d "${TMPDIR:-/tmp}/$SCRIPT.XXXXXX")
OUT=$TMP/stdout
ERR=$TMP/stderr
NOTHING=$TMP/nothing	# an empty file: what a receiver gets of a refused transfer
: >"$NOTHING"
trap tidy_up EXIT
trap 'exit 1' INT TERM HUP

# Most tests need these; those of the tool's own ways don't call it.
need_module()
{
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	[ -c "$DEVICE" ] || skip_all "$DEVICE is missing: load pagewire.ko"
	[ -d "$DEBUGFS" ] || skip_all "$DEBUGFS is missing: mount -t debugfs none /sys/kernel/debug"
	need_tool
}

need_tool()
{
	command -v pagewire >/dev/null || skip_all "no build/tools/pagewire: make tools"
	command -v helper_send >/dev/null || skip_all "no helper_send in $HELPERS: make selftests"
}

have_module() { modprobe "$1" 2>/dev/null || [ -d "/sys/module/$1" ]; }

# The module file for the running kernel; make vm says which one it loaded.
module_file()
{
	local file
	file=$REPO/build/${PAGEWIRE_KERNEL:-$(uname -r | grep -oE '^[0-9]+\.[0-9]+')}/pagewire.ko
	[ ! -e "$file" ] || printf '%s\n' "$file"
}

# A place on the virtio disk (ext4), or where there is room.
disk_dir()
{
	local dir=/mnt/disk
	[ -w "$dir" ] || dir=/scratch
	[ -w "$dir" ] || dir=$TMP
	mkdir -p "$dir/$SCRIPT" && printf '%s\n' "$dir/$SCRIPT"
}

# random_file FILE BYTES
random_file() { head -c "$2" /dev/urandom >"$1"; }

# cut_range FILE OFFSET LENGTH >PART
cut_range() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; }

# make_ext4 DEVICE [OPTION]...
make_ext4()
{
	local device=$1
	shift
	mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 "$@" "$device" >"$OUT" 2>"$ERR" ||
		{ diag_file "$ERR"; return 1; }
}

# mount_at DEVICE DIR [MOUNT OPTION]...
mount_at()
{
	local device=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	mount "$@" "$device" "$dir" 2>"$ERR" || { diag_file "$ERR"; return 1; }
	at_exit umount -l "$dir"
}

# loop_device FILE: attaches it and prints the device. The caller says at_exit losetup -d.
loop_device() { losetup -f --show "$1"; }

# dm_create NAME TABLE; no udev is needed: dmsetup makes the node itself.
dm_create()
{
	export DM_DISABLE_UDEV=1
	dmsetup create --noudevsync --noudevrules "$1" <<<"$2" 2>"$ERR" || return 1
	at_exit dmsetup remove --force "$1"
	[ -e "/dev/mapper/$1" ]
}

dm_reload()
{
	dmsetup suspend --nolockfs "$1" && dmsetup load "$1" <<<"$2" && dmsetup resume --noudevsync "$1"
}

# json FILE KEY...: the values of keys of a file's last line; "a.b" is key b of object a; an
# array's elements are joined by commas. Fails unless every line is a JSON object.
json()
{
	perl -MJSON::PP -e '
		open(my $file, "<", shift) or die;
		my $object;
		$object = decode_json($_) while <$file>;
		die "no JSON at all\n" unless ref $object eq "HASH";
		print join(" ", map {
			my $value = $object;
			$value = ref $value eq "HASH" ? $value->{$_} : undef for split /\./;
			ref $value eq "ARRAY" ? join(",", @$value) : $value // "null";
		} @ARGV), "\n"' "$@"
}

# --- counters --------------------------------------------------------------------

# read_values FILE ARRAY: "name value" lines into an associative array.
read_values()
{
	local name value
	local -n values_=$2
	values_=()
	while read -r name value; do
		[ -z "$name" ] || values_["$name"]=$value
	done <"$1"
}

# counter PATH NAME
counter()
{
	local -A c
	read_values "$DEBUGFS/path/$1" c
	printf '%s\n' "${c[$2]-missing}"
}

gauge()
{
	local -A g
	read_values "$DEBUGFS/gauges" g
	printf '%s\n' "${g[$1]-missing}"
}

# Remember the counters of a path, and how far they went since (into the array DELTA).
declare -A BEFORE DELTA
counters_start() { read_values "$DEBUGFS/path/$1" BEFORE; }

counters_end()
{
	local -A now
	local name
	read_values "$DEBUGFS/path/$1" now
	DELTA=()
	for name in "${!now[@]}"; do
		DELTA[$name]=$((now[$name] - ${BEFORE[$name]-0}))
	done
}

# What speaks against "nothing is in flight and the counters add up"; nothing if all is well.
unsettled()
{
	local -A c
	local path name sum
	while read -r name sum; do
		[ "$sum" = 0 ] || printf 'gauge %s is %s\n' "$name" "$sum"
	done <"$DEBUGFS/gauges"
	for path in "$DEBUGFS"/path/copy "$DEBUGFS"/path/sg; do
		read_values "$path" c
		[ "${c[transfers]}" -eq $((c[completed] + c[failed] + c[cancelled] + c[in_flight])) ] ||
			echo "${path##*/}: transfers != completed + failed + cancelled + in_flight"
		[ "${c[in_flight]}" -eq 0 ] || echo "${path##*/}: in_flight is ${c[in_flight]}"
		[ "${c[bytes]}" -eq $((c[passed_bytes] + c[copied_bytes])) ] ||
			echo "${path##*/}: bytes != passed_bytes + copied_bytes"
		[ "${c[errors]}" -eq $((c[failed] + c[cancelled])) ] ||
			echo "${path##*/}: errors != failed + cancelled"
		sum=0
		for name in "${!c[@]}"; do
			case $name in
			copied_bytes) ;;
			copied_to_user_bytes | copied_from_user_bytes | copied_in_kernel_bytes) ;; # what probes saw
			copied_*_bytes) sum=$((sum + c[$name])) ;;
			esac
		done
		[ "${c[copied_bytes]}" -eq "$sum" ] || echo "${path##*/}: copied_bytes != sum of copied_*_bytes"
	done
}

# check_settled NAME: an exiting process gives back what it holds a little later.
check_settled()
{
	local i left
	for ((i = 0; i < 50; i++)); do
		left=$(unsettled)
		[ -n "$left" ] || { ok "$1"; return; }
		sleep 0.1
	done
	not_ok "$1" "$left"
}

# --- transfers ----------------------------------------------------------------------

ADDRESS=127.0.0.1
SEND_IN=()	# prefix of the sending command, say: ip netns exec NAME
RECV_IN=()
LIMIT=60	# seconds that one transfer may take
next_port=$((10000 + $$ % 200 * 100)) # below those that the kernel gives away

# The receiver says so, be it the tool or helper_peer.
listens() { [[ -s $TMP/recv.out && $(<"$TMP/recv.out") == *listening* ]]; }

# gone PID: no such process, or one that only waits to be reaped.
gone() { [ ! -d "/proc/$1" ] || grep -q "^State:.Z" "/proc/$1/status" 2>/dev/null; }

# wait_until SECONDS COMMAND...
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# receiver COMMAND...: starts one in the background that listens on $PORT.
# Sets RECV_PID; its output goes to $TMP/recv.out.
receiver()
{
	: >"$TMP/recv.out"
	"${RECV_IN[@]}" timeout -k 2 "$LIMIT" "$@" >"$TMP/recv.out" 2>"$TMP/recv.err" &
	RECV_PID=$!
	wait_until 15 listens ||
		diag "no receiver listens on port $PORT: $(<"$TMP/recv.err")"
}

# receive_check FILE [OPTION]...: pagewire recv on a new port compares with FILE.
receive_check()
{
	PORT=$((next_port++))
	local file=$1 listen=$ADDRESS:$PORT
	shift
	[[ $ADDRESS != *:* ]] || listen="[$ADDRESS]:$PORT"
	receiver pagewire recv --listen "$listen" --no-hash --check "$file" "$@"
}

# receive_peer OPTION...: helper_peer on a new port.
receive_peer()
{
	PORT=$((next_port++))
	receiver helper_peer "$@" "$ADDRESS" "$PORT"
}

# Ends the wait for the receiver; sets RECV_STATUS.
receive_end()
{
	RECV_STATUS=0
	{ wait "$RECV_PID" || RECV_STATUS=$?; } 2>/dev/null
}

# send_start ARGUMENT...: helper_send in the background to $PORT; sets SEND_PID.
send_start()
{
	"${SEND_IN[@]}" timeout -k 2 "$LIMIT" helper_send "$@" "$ADDRESS" "$PORT" \
		>"$TMP/send.out" 2>"$TMP/send.err" &
	SEND_PID=$!
}

# Waits for it; sets SEND_STATUS and the array R of its result.
declare -A R PEER
send_end()
{
	local name
	SEND_STATUS=0
	{ wait "$SEND_PID" || SEND_STATUS=$?; } 2>/dev/null
	read_values "$TMP/send.out" R
	# A sender that could not even start must fail the tests, not end the script.
	for name in call status reason bytes passed_bytes copied_bytes descriptors copies copied_why segment \
		segment_bytes disk_waits socket_waits cache_hits cache_misses; do
		R[$name]=${R[$name]-0x0bad}
	done
}

# send_file ARGUMENT...: in the foreground.
send_file()
{
	send_start "$@"
	send_end
}

# transfer FILE [OPTION of helper_send]...: sends FILE, the receiver compares with $EXPECT (if that is
# set) or FILE.
EXPECT=
transfer()
{
	local file=$1
	shift
	receive_check "${EXPECT:-$file}"
	send_file "$@" "$file"
	receive_end
	EXPECT=
}

# What both ends had to say, for a failed test.
diag_transfer()
{
	diag "sender's status $SEND_STATUS, receiver's $RECV_STATUS"
	diag "result:$(for k in "${!R[@]}"; do printf ' %s=%s' "$k" "${R[$k]}"; done)"
	diag_file "$TMP/send.err"
	diag_file "$TMP/recv.out"
	diag_file "$TMP/recv.err"
}

# check_arrived NAME: everything was sent, and the receiver found every byte right.
check_arrived()
{
	if [ "$SEND_STATUS" -eq 0 ] && [ "$RECV_STATUS" -eq 0 ] && [ "${R[status]-}" = 0 ]; then
		ok "$1"
	else
		not_ok "$1"
		diag_transfer
	fi
}

# check_bytes NAME SIZE: the result says so many bytes, passed or copied.
check_bytes()
{
	if [ "${R[bytes]-}" = "$2" ] && [ $((R[passed_bytes] + R[copied_bytes])) -eq "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "wanted $2 bytes"
		diag_transfer
	fi
}
