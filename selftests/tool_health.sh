#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `pagewire doctor`, `stats`, `reset` and `version` on a healthy machine, without debugfs, as a
# stranger, and with the module unloaded.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_module

stranger=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 755 "$TMP"
SIZE=$((1024 * 1024 + 777))
file=$TMP/data
random_file "$file" "$SIZE"

# --- healthy ---------------------------------------------------------------------------
cmd_ok "doctor: all is well, status 0" pagewire doctor
check_equal "doctor: no remedies when all is well" "$(grep -ciE 'remedy:|WRONG' "$OUT")" 0
cmd_ok "doctor --json: status 0" pagewire doctor --json
check_match "doctor --json: says so" "$(json "$OUT" well)" "^(1|true)$"
cmd_ok "version: status 0" pagewire version
check_match "version: tells tool, module and their ABI" "$(tr '\n' ' ' <"$OUT")" "tool.*ABI 2.*module.*ABI 2"
cmd_ok "version --json: status 0" pagewire version --json
check_equal "version --json: tells ABI and paths of the module" "$(json "$OUT" module.abi module.paths)" "2 copy,sg"

# --- stats and reset -----------------------------------------------------------------------
cmd_ok "reset: status 0" pagewire reset
check_equal "reset: the counters are 0" "$(counter sg transfers) $(counter copy bytes)" "0 0"
transfer "$file"
transfer "$file" --path copy
cmd_ok "stats: status 0" pagewire stats
check_match "stats: shows the transfers of both paths and their sum" "$(<"$OUT")" \
	$'\n'"completed +1 +1 +2"$'\n'
cmd_ok "stats --json: status 0" pagewire stats --json
check_equal "stats --json: agrees with debugfs" \
	"$(json "$OUT" paths.sg.passed_bytes paths.copy.copied_bytes total.bytes gauges.transfers)" \
	"$SIZE $SIZE $((2 * SIZE)) 0"
for path in sg copy; do
	mapfile -t names < <(cut -d' ' -f1 "$DEBUGFS/path/$path")
	check_equal "stats --json: agrees with path/$path in every counter" \
		"$(json "$OUT" "${names[@]/#/paths.$path.}")" "$(cut -d' ' -f2 "$DEBUGFS/path/$path" | paste -sd' ')"
done
cmd_ok "stats sg --json: status 0" pagewire stats sg --json
check_equal "stats sg: just that path" "$(json "$OUT" paths.sg.completed paths.copy)" "1 null"
cmd_fail "stats for an unknown path: status 2" 2 pagewire stats warp
check_match "stats for an unknown path: the error names it" "$(<"$ERR")" "warp"
cmd_ok "stats --watch --count: ends" timeout 20 pagewire stats --watch=0.2 --count=2 --json
check_equal "stats --watch --count=2: tells two times" "$(wc -l <"$OUT")" 2
check_match "stats --watch --json: each line is an object" "$(json "$OUT" seconds)" "^0\.[0-9]+|^[1-9]"

# --- without debugfs ----------------------------------------------------------------------------
no_debugfs=(unshare -m bash -c 'umount -l /sys/kernel/debug; exec "$@"' bash)
cmd_fail "doctor without debugfs: status 3" 3 "${no_debugfs[@]}" pagewire doctor
check_match "doctor without debugfs: names it and the remedy" "$(<"$OUT")" "WRONG +debugfs.*mount -t debugfs"
check_match "doctor without debugfs: the rest is well" "$(<"$OUT")" "ok +module"
cmd_fail "doctor --json without debugfs: status 3" 3 "${no_debugfs[@]}" pagewire doctor --json
check_match "doctor --json without debugfs: says so" "$(json "$OUT" well)" "^(0|false)$"
for command in stats reset; do
	cmd_fail "$command without debugfs: status 3" 3 "${no_debugfs[@]}" pagewire $command
	check_match "$command without debugfs: the error tells the remedy" "$(<"$ERR")" "debugfs.*mount -t debugfs"
done
cmd_ok "version without debugfs: status 0" "${no_debugfs[@]}" pagewire version

# --- a stranger ------------------------------------------------------------------------------------
cmd_fail "doctor as a stranger: status 3" 3 "${stranger[@]}" pagewire doctor
check_match "doctor as a stranger: names the permission and the remedy" "$(<"$OUT")" \
	"WRONG +permission.*(root|chgrp)"
cmd_fail "stats as a stranger: status 3" 3 "${stranger[@]}" pagewire stats
check_match "stats as a stranger: the error tells the remedy" "$(<"$ERR")" "root"
cmd_fail "reset as a stranger: status 3" 3 "${stranger[@]}" pagewire reset

# --- the module unloaded ------------------------------------------------------------------------------
module=$(module_file)
if [ -n "$module" ] && rmmod pagewire; then
	at_exit insmod "$module"
	cmd_fail "doctor without the module: status 3" 3 pagewire doctor
	check_match "doctor without the module: names it and the remedy" "$(<"$OUT")" "WRONG +module.*(insmod|modprobe)"
	for command in stats reset; do
		cmd_fail "$command without the module: status 3" 3 pagewire $command
		check_match "$command without the module: the error tells the remedy" "$(<"$ERR")" "(insmod|modprobe|load)"
	done
	cmd_ok "version without the module: status 0" pagewire version
	check_match "version without the module: says so" "$(<"$OUT")" "module +not loaded"
	cmd_fail "send by sg without the module: status 3" 3 timeout 20 pagewire send "$file" 127.0.0.1:9 --path sg
	check_match "send by sg without the module: the error tells the remedy" "$(<"$ERR")" "(insmod|modprobe|load)"
	receive_check "$file"
	cmd_ok "send by sendfile needs no module" timeout 20 pagewire send "$file" "127.0.0.1:$PORT" --path sendfile
	receive_end
	cmd_ok "the module can be loaded again" insmod "$module"
	cmd_ok "doctor: all is well again" pagewire doctor
else
	skip "the tool without the module" "no pagewire.ko for $(uname -r) under build/: make module"
fi
finish
