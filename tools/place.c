// SPDX-License-Identifier: GPL-2.0

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <linux/magic.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "place.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

static const struct {
	unsigned int magic;
	const char *name;
} filesystems[] = {
	{ EXT4_SUPER_MAGIC, "ext4" },
	{ XFS_SUPER_MAGIC, "xfs" },
	{ TMPFS_MAGIC, "tmpfs" },
	{ BTRFS_SUPER_MAGIC, "btrfs" },
	{ OVERLAYFS_SUPER_MAGIC, "overlayfs" },
	{ F2FS_SUPER_MAGIC, "f2fs" },
	{ NFS_SUPER_MAGIC, "nfs" },
	{ FUSE_SUPER_MAGIC, "fuse" },
	{ V9FS_MAGIC, "9p" },
	{ SQUASHFS_MAGIC, "squashfs" },
	{ RAMFS_MAGIC, "ramfs" },
};

static const char *filesystem_name(int file)
{
	struct statfs fs;

	if (fstatfs(file, &fs) < 0)
		return "an unknown file system";
	for (size_t i = 0; i < sizeof(filesystems) / sizeof(filesystems[0]); i++)
		if ((unsigned int)fs.f_type == filesystems[i].magic)
			return filesystems[i].name;
	return "another file system";
}

/* The value after the colon of the first line that starts with @key. */
static bool cpuinfo(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
		found = true;
	}
	fclose(file);
	return found;
}

/* Hypervisors sign their name into a CPUID leaf made for it. */
static void find_hypervisor(struct place *place)
{
#if defined(__x86_64__) || defined(__i386__)
	static const struct {
		const char *signature, *name;
	} known[] = {
		{ "KVMKVMKVM", "KVM" },	       { "TCGTCGTCGTCG", "TCG" },
		{ "Microsoft Hv", "Hyper-V" }, { "VMwareVMware", "VMware" },
		{ "XenVMMXenVMM", "Xen" },     { "VBoxVBoxVBox", "VirtualBox" },
	};
	unsigned int eax, ebx, ecx, edx;
	char signature[13] = "";

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 31))
		return;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(signature, &ebx, 4);
	memcpy(signature + 4, &ecx, 4);
	memcpy(signature + 8, &edx, 4);
	snprintf(place->hypervisor, sizeof(place->hypervisor), "%s", signature);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(signature, known[i].signature))
			snprintf(place->hypervisor, sizeof(place->hypervisor), "%s", known[i].name);
#else
	(void)place;
#endif
}

static enum place_kind find_kind(const struct place *place)
{
	char vendor[64];

	if (cpuinfo("vendor_id", vendor, sizeof(vendor)) && !strcmp(vendor, "User Mode Linux"))
		return PLACE_UML;
	if (!strcmp(place->hypervisor, "TCG") || strstr(place->cpu, "QEMU TCG"))
		return PLACE_EMULATED;
	return place->hypervisor[0] ? PLACE_VIRTUAL : PLACE_MACHINE;
}

void place_find(struct place *place, int file)
{
	struct utsname name;
	cpu_set_t set;

	memset(place, 0, sizeof(*place));
	uname(&name);
	snprintf(place->kernel, sizeof(place->kernel), "%s %s %s", name.sysname, name.release,
		 name.machine);
	if (!cpuinfo("model name", place->cpu, sizeof(place->cpu)))
		snprintf(place->cpu, sizeof(place->cpu), "unknown CPU");
	find_hypervisor(place);
	place->kind = find_kind(place);
	place->filesystem = filesystem_name(file);
	place->cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

const char *place_kind_name(enum place_kind kind)
{
	static const char *const names[] = { "machine", "virtual", "emulated", "uml" };

	return names[kind];
}

const char *place_meaning(enum place_kind kind)
{
	switch (kind) {
	case PLACE_EMULATED:
		return "The CPU is emulated in software: no figure is a throughput of any machine, "
		       "a copy looks several times dearer than it is, and with several CPUs the "
		       "time of one may hold what another did. Calls and bytes are exact.";
	case PLACE_UML:
		return "User-Mode Linux: kernel code runs at native speed, but a system call costs "
		       "20 us "
		       "and more, so paths with many calls look too bad.";
	case PLACE_VIRTUAL:
		return "A virtual machine: other guests may disturb; trust ratios rather than "
		       "rates.";
	default:
		return NULL;
	}
}
