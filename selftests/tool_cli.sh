#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The command line as a whole: help, wrong arguments, exit codes, and a man page that leaves
# nothing out. Needs no module.
# shellcheck source=selftests/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
need_tool

COMMANDS="send recv compare observe stats reset doctor version"
man=$REPO/tools/pagewire.1
where=127.0.0.1:9
: >"$TMP/file"

# --- help ---------------------------------------------------------------------------------
cmd_fail "without arguments: the list of commands, status 2" 2 pagewire
check_match "without arguments: the commands are listed" "$(cat "$OUT" "$ERR")" "send.*recv.*doctor"
for args in --help -h help; do
	cmd_ok "pagewire $args: status 0" pagewire $args
	for command in $COMMANDS; do
		grep -qE "^ +$command " "$OUT" || not_ok "pagewire $args lists $command"
	done
	check_equal "pagewire $args: nothing on standard error" "$(<"$ERR")" ""
done
for command in $COMMANDS; do
	cmd_ok "pagewire $command --help: status 0" pagewire "$command" --help
	check_match "pagewire $command --help: begins with its usage" "$(head -n 1 "$OUT")" "^Usage: pagewire $command"
	cp "$OUT" "$TMP/help.$command"
	check_equal "pagewire $command --help: fits 80 columns" "$(awk 'length > 80' "$OUT" | wc -l)" 0
	check_equal "pagewire help $command: is the same" "$(pagewire help "$command" 2>&1)" "$(<"$TMP/help.$command")"
done
cmd_ok "pagewire --version" pagewire --version
check_match "--version tells tool and ABI" "$(<"$OUT")" "[0-9]+\.[0-9]+.*ABI [0-9]+"
cmd_ok "pagewire version --json" pagewire version --json
check_match "version --json parses, and tells the tool's version" \
	"$(json "$OUT" tool)" "^[0-9]+\.[0-9]+"

# --- wrong arguments: status 2, and one line that points to the help -----------------------
# wrong NAME PATTERN ARGUMENT...
wrong()
{
	local name=$1 pattern=$2
	shift 2
	cmd_fail "$name: status 2" 2 timeout 10 pagewire "$@"
	check_match "$name: the error tells what is wrong" "$(<"$ERR")" "^pagewire.*$pattern"
	check_match "$name: the error points to the help" "$(<"$ERR")" "--help"
	check_equal "$name: nothing on standard output" "$(<"$OUT")" ""
}

wrong "an unknown command" "frobnicate" frobnicate
wrong "help for an unknown command" "frobnicate" help frobnicate
wrong "an unknown option" "--frobnicate" send --frobnicate "$TMP/file" "$where"
wrong "an option without its value" "--path" send "$TMP/file" "$where" --path
wrong "an unknown path" "warp" send "$TMP/file" "$where" --path warp
wrong "no file" "FILE" send "$where"
wrong "no peer" "HOST:PORT" send "$TMP/file" "$TMP/file"
wrong "nothing to send, nowhere" "FILE" send
wrong "a port of 0" "127.0.0.1:0" send "$TMP/file" 127.0.0.1:0
wrong "a port of 65536" "127.0.0.1:65536" send "$TMP/file" 127.0.0.1:65536
wrong "an IPv6 address without brackets" "::1:9" send "$TMP/file" ::1:9
wrong "an offset that is no number" "ten" send "$TMP/file" "$where" --offset ten
wrong "a negative offset" "-1" send "$TMP/file" "$where" --offset=-1
wrong "an offset beyond 64 bits" "99999999999999999999" send "$TMP/file" "$where" --offset 99999999999999999999
wrong "a length with an unknown unit" "1X" send "$TMP/file" "$where" --length 1X
wrong "a range of several files" "--offset" send "$TMP/file" "$TMP/file" "$where" --offset 1
wrong "--sg-only for another path" "--sg-only" send "$TMP/file" "$where" --path sendfile --sg-only
wrong "an argument too many for version" "surplus" version surplus
wrong "an argument too many for reset" "surplus" reset surplus
wrong "an unknown option of doctor" "--frobnicate" doctor --frobnicate
[ ! -r "$DEBUGFS/paths" ] || wrong "stats for an unknown path" "warp" stats warp
wrong "observe of nothing" "command" observe
wrong "observe of no process" "zero" observe --pid zero
wrong "compare without a file" "file" compare
wrong "compare with an unknown path" "warp" compare "$TMP/file" --paths sendfile,warp
wrong "compare with no rounds" "0" compare "$TMP/file" --repeat 0

cmd_fail "standard output that can't be written: status 1" 1 bash -c 'pagewire --help >/dev/full'
check_match "standard output that can't be written: the error tells" "$(<"$ERR")" "No space left"

# --- the man page -----------------------------------------------------------------------------
cmd_ok "there is a man page" test -s "$man"
text=$(sed 's/\\-/-/g; s/\\f[BIRP]//g' "$man" 2>/dev/null)
for command in $COMMANDS; do
	[[ $text == *"$command"* ]] || not_ok "the man page describes $command"
	while read -r option; do
		[[ $text =~ $option([^a-z-]|$) ]] || not_ok "the man page describes $option of $command"
	done < <(grep -oE -- '--[a-z][a-z-]+' "$TMP/help.$command" | sort -u)
done
ok "the man page was searched for every command and option"
for code in 0 1 2 3 4 5 6; do
	grep -qE "^\.(TP|IP|B|BR|It).*\b$code\b|^\\\\?f?B?\.?B? ?$code\$|^$code\$" "$man" ||
		not_ok "the man page describes exit status $code"
done
if command -v man >/dev/null && command -v groff >/dev/null; then
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$man" >/dev/null 2>"$ERR"
	check_equal "the man page has no troff warnings" "$(<"$ERR")" ""
else
	skip "the man page has no troff warnings" "no man-db or groff here: apt-get install man-db groff"
fi
finish
