# SPDX-License-Identifier: GPL-2.0
# What a VM boots from, made from the Debian packages of this machine and kept in the cache:
#   image/root-HASH.ext4        programs, their libraries, the modules of all kernels; boots read-write on a
#                               throw-away overlay, so it never changes
#   image/initramfs-HASH.cpio   busybox and the few modules that reach the root image
# HASH covers the packages' versions, the kernels and this file, so a change of any makes a new image.
# shellcheck shell=bash

# Every file of these packages but documentation and translations; libraries follow by themselves.
IMAGE_PACKAGES="base-files bash dash coreutils util-linux util-linux-extra mount bsdutils procps psmisc sed grep
 diffutils findutils gawk mawk iproute2 ethtool e2fsprogs xfsprogs dmsetup strace kmod perl-base make fuse3
 netbase netcat-openbsd hostname ncurses-base ncurses-bin xz-utils gzip tar libc-bin debianutils time man-db groff-base"

# Libraries that the tool and the test programs may link to.
IMAGE_LIBS="libnl-3 libnl-genl-3 libjson-c libssl libcrypto liburing libfuse3 libm libpthread librt
 libdl libgcc_s libstdc++ libc ld-linux-x86-64 libz"

INITRAMFS_MODULES="virtio_pci virtio_blk virtio_console virtio_rng"

LIBDIR=usr/lib/x86_64-linux-gnu

# Perl's own modules beyond perl-base, if perl is there.
image_packages()
{
	# shellcheck disable=SC2086
	printf '%s\n' $IMAGE_PACKAGES perl-modules-5.36 libperl5.36
}

# Sets IMAGE_ROOT and IMAGE_INITRAMFS for a kernel, building what isn't there.
image_prepare()
{
	local version=$1 release hash dir=$CACHE/image
	release=$(kernel_release "$version")
	# shellcheck disable=SC2046
	hash=$({ dpkg-query -W -f '${Package} ${Version}\n' $(image_packages) 2>/dev/null
		for k in $KERNELS; do kernel_release "$k"; done
		cat "${BASH_SOURCE[0]}" "$REPO/selftests/vm/initramfs"
	} | sha256sum | cut -c1-12)
	IMAGE_ROOT=$dir/root-$hash.ext4
	IMAGE_INITRAMFS=$dir/initramfs-$release-$hash.cpio
	[ ! -e "$IMAGE_ROOT" ] || [ ! -e "$IMAGE_INITRAMFS" ] || return 0
	mkdir -p "$dir"
	exec 9>"$dir/.lock"
	flock 9
	[ -e "$IMAGE_ROOT" ] || {
		say "making the VM's root image (once)"
		find "$dir" -name 'root-*' -mtime +7 -delete
		image_build root_tree root_pack "$IMAGE_ROOT"
	}
	[ -e "$IMAGE_INITRAMFS" ] || image_build initramfs_tree initramfs_pack "$IMAGE_INITRAMFS" "$version"
	exec 9>&-
}

# image_build FILL PACK OUTPUT [KERNEL]: fills a scratch tree and packs it; OUTPUT appears only when complete.
image_build()
{
	local tree
	tree=$(mktemp -d)
	chmod 755 "$tree"
	if (set -e; "$1" "$tree" "${4-}"; "$2" "$tree" "$3.new") >"$tree.log" 2>&1; then
		mv "$3.new" "$3"
		rm -rf "$tree" "$tree.log"
	else
		cat "$tree.log" >&2
		rm -rf "$tree" "$tree.log" "$3.new"
		die "can't make $3"
	fi
}

# The files of the packages, by the names that they have since /bin and the like are links into /usr.
root_files()
{
	# shellcheck disable=SC2046
	dpkg -L $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(image_packages) 2>/dev/null |
		  sed -n 's/^installed //p') |
		sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,; /^\/(etc|usr\/share\/(doc|man|info|locale|bash-completion|lintian|bug|doc-base|gcc))(\/|$)/d
			/^\/usr\/share\/perl\/.*(unicore|\/pod\/|\.pod$)/d' |
		while read -r f; do
			[ -L "$f" ] || [ -f "$f" ] || continue
			printf '%s\n' "${f#/}"
		done
	printf '%s\n' etc/mke2fs.conf etc/protocols etc/services etc/manpath.config etc/groff
	find /usr/share/perl/5.* -path '*unicore*' -name '*.pl' -size -20k 2>/dev/null | sed 's,^/,,'
}

# The libraries that the programs in a tree need, and those of IMAGE_LIBS.
root_libs()
{
	local l
	find "$1"/usr/bin "$1"/usr/sbin "$1"/usr/lib -type f -perm -100 ! -name '*.sh' -exec ldd {} + 2>/dev/null |
		sed -nE 's,^.*(=> )?(/[^ ]*lib[^ ]*) \(0x.*$,\2,p' | sort -u |
		while read -r l; do printf '%s/%s\n' "$LIBDIR" "${l##*/}"; done
	for l in $IMAGE_LIBS; do
		(cd / && ls -d "$LIBDIR/$l".so.* 2>/dev/null) || :
	done
}

root_tree()
{
	local t=$1 k d
	for d in usr/bin usr/sbin usr/lib usr/lib64 "$LIBDIR" etc dev proc sys run tmp root var/tmp var/lib mnt/disk \
		 repo scratch job; do
		mkdir -p "$t/$d"
	done
	for d in bin sbin lib lib64; do
		ln -s "usr/$d" "$t/$d"
	done
	ln -s ../run "$t/var/run"
	root_files | sort -u | tar -C / -c -T - | tar -x -C "$t" --keep-directory-symlink
	root_libs "$t" | sort -u | tar -C / -ch -T - | tar -x -C "$t" --keep-directory-symlink
	ln -sf "/$LIBDIR/ld-linux-x86-64.so.2" "$t/usr/lib64/ld-linux-x86-64.so.2"
	ln -sf gawk "$t/usr/bin/awk"
	ln -sf nc.openbsd "$t/usr/bin/nc"
	cp /usr/bin/busybox "$t/usr/bin/busybox" 2>/dev/null || cp /bin/busybox "$t/usr/bin/busybox"
	# busybox's su needs no PAM.
	for d in su vi less ping wget; do
		[ -x "$t/usr/bin/$d" ] && [ "$d" != su ] || ln -sf busybox "$t/usr/bin/$d"
	done
	mkdir -p "$t/usr/lib/modules"
	for k in $KERNELS; do
		cp -a "$(kernel_dir "$k")/lib/modules/." "$t/usr/lib/modules/"
	done
	root_etc "$t/etc"
	chmod 700 "$t/root"
	chmod 1777 "$t/tmp" "$t/var/tmp"
}

root_etc()
{
	printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >"$1/passwd"
	printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$1/group"
	printf '%s\n' 'root::1::::::' 'nobody:*:1::::::' >"$1/shadow"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' 'services: files' >"$1/nsswitch.conf"
	printf '%s\n' '127.0.0.1 localhost pagewire' '::1 localhost' >"$1/hosts"
	printf 'pagewire\n' >"$1/hostname"
	printf 'user_allow_other\n' >"$1/fuse.conf"
	ln -sf ../proc/self/mounts "$1/mtab"
	chmod 600 "$1/shadow"
}

root_pack()
{
	local mb
	mb=$(($(du -sm "$1" | cut -f1) * 5 / 4 + 200))
	rm -f "$2"
	truncate -s "${mb}M" "$2"
	as_owner_root sh -c 'chown -R 0:0 "$1" && chmod u+s "$1/usr/bin/fusermount3" &&
		mke2fs -q -t ext4 -O ^has_journal -m 0 -L root -d "$1" "$2"' - "$1" "$2"
}

initramfs_tree()
{
	local t=$1 dir release n=10 m
	dir=$(kernel_dir "$2")
	release=$(kernel_release "$2")
	mkdir -p "$t/dev" "$t/sys" "$t/new" "$t/m" "$t/bin"
	cp /usr/bin/busybox "$t/bin/busybox" 2>/dev/null || cp /bin/busybox "$t/bin/busybox"
	for m in $INITRAMFS_MODULES; do
		modprobe -d "$dir" -S "$release" -C /dev/null --show-depends "$m"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
		while read -r m; do
			n=$((n + 1))
			case $m in
			*.xz) xz -dc "$m" ;;
			*) cat "$m" ;;
			esac >"$t/m/$n.ko"
		done
	cp "$REPO/selftests/vm/initramfs" "$t/init"
	chmod 755 "$t/init"
}

initramfs_pack()
{
	(cd "$1" && find . | cpio -o -H newc --quiet -R 0:0) >"$2"
}
