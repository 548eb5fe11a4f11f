# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts in this folder; sourced, never run. Sets:
#   REPO   the top of the source tree
#   CACHE  downloads, kernels and disk images (outside the source tree, may be deleted at any time)
#   KERNELS  the kernels that the module is built for and tested on
# shellcheck shell=bash disable=SC2034

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${PAGEWIRE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pagewire}
KERNELS="6.1 6.12"

# mke2fs, debugfs, modprobe and friends live in sbin, which an ordinary user's PATH leaves out.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die()
{
	say "$*"
	exit 1
}

# Runs a command as root, by sudo where need be.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "root is needed for '$*': run it as root, or install sudo"
	fi
}

# Runs a command that builds an image whose files shall belong to root, whoever builds it.
as_owner_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		fakeroot -- "$@"
	fi
}

kernel_dir() { printf '%s/kernel/%s\n' "$CACHE" "$1"; }

# The full release of an unpacked kernel ("6.12.117+deb12-cloud-amd64").
kernel_release() { cat "$(kernel_dir "$1")/release"; }

# The files of the source tree, each name ended by a zero byte: what git knows or would add; all but build/ where
# there is no git, or where it refuses a tree that belongs to somebody else.
source_files()
{
	(cd "$REPO" && if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -z --cached --others --exclude-standard | sort -zu |
			while read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done
	else
		find . \( -path ./build -o -path ./.git \) -prune -o -type f -printf '%P\0'
	fi)
}
