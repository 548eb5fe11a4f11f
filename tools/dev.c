// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dev.h"
#include "out.h"

int dev_open(void)
{
	int dev = open(DEV_NAME, O_RDWR | O_CLOEXEC);

	return dev < 0 ? -errno : dev;
}

void dev_open_error(int error)
{
	const char *remedy = "run 'pagewire doctor': it says what is missing";

	switch (-error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		if (access("/sys/module/pagewire", F_OK) < 0) {
			out_error("load it as root (modprobe pagewire, or insmod pagewire.ko), or "
				  "take a path of user space such as --path sendfile",
				  DEV_NAME ": the module pagewire is not loaded");
			return;
		}
		remedy = "the module is loaded: let udev or devtmpfs make the node, or run "
			 "'pagewire doctor'";
		break;
	case EACCES:
	case EPERM:
		remedy = "run as root, or give your group the node: chgrp GROUP " DEV_NAME;
		break;
	}
	out_error(remedy, DEV_NAME ": %s", strerror(-error));
}

int dev_features(int dev, struct pagewire_features *features)
{
	return ioctl(dev, PAGEWIRE_IOC_GET_FEATURES, features) < 0 ? -errno : 0;
}

int dev_send(int dev, struct pagewire_send *request)
{
	return ioctl(dev, PAGEWIRE_IOC_SEND, request) < 0 ? -errno : 0;
}

int dev_tag(int dev, const char *label, pid_t pid, bool children)
{
	struct pagewire_tag tag = { .pid = pid, .flags = children ? PAGEWIRE_TAG_CHILDREN : 0 };

	if (strlen(label) >= sizeof(tag.label))
		return -EINVAL;
	strcpy(tag.label, label);
	return ioctl(dev, PAGEWIRE_IOC_TAG, &tag) < 0 ? -errno : 0;
}

int dev_untag(int dev)
{
	return ioctl(dev, PAGEWIRE_IOC_UNTAG) < 0 ? -errno : 0;
}

void dev_tag_error(int error, const char *label, pid_t pid)
{
	switch (-error) {
	case ESRCH:
		out_error("give the number of a process, as 'ps -e' shows it, not that of a thread",
			  "there is no process %d", (int)pid);
		break;
	case EPERM:
		out_error("run as the user that the process belongs to, or as root",
			  "no permission to look at process %d", (int)pid);
		break;
	case EBUSY:
		out_error("end the other 'pagewire observe' first",
			  "process %d is being counted already", (int)pid);
		break;
	case EINVAL:
		out_error("a label has up to 31 letters, digits and -_.: and begins with no dot",
			  "the module refuses the label '%s'", label);
		break;
	case ENOSPC:
		out_error("use one that there is, or load the module anew",
			  "the module has no room for another label");
		break;
	case EOPNOTSUPP:
		out_error("use a kernel with tracepoints, kretprobes and ftrace, such as Debian's",
			  "this kernel has no probes to count with");
		break;
	case ENOTTY:
		out_error("load the module that belongs to this tool; see 'pagewire version'",
			  "the loaded module can't count what programs do");
		break;
	default:
		out_error(NULL, "cannot count process %d: %s", (int)pid, strerror(-error));
	}
}

static const struct {
	const char *name, *text, *remedy;
} reasons[] = {
	[PAGEWIRE_WHY_NONE] = { "none", "no particular reason", NULL },
	[PAGEWIRE_WHY_ASKED] = { "asked", "path copy was asked for", NULL },
	[PAGEWIRE_WHY_MEMORY] = { "memory", "headers and trailers are copied", NULL },
	[PAGEWIRE_WHY_FILESYSTEM] = { "filesystem",
				      "the file system's page cache is not authoritative", NULL },
	[PAGEWIRE_WHY_DAX] = { "dax", "the file has no page cache (DAX)", NULL },
	[PAGEWIRE_WHY_NO_PAGE] = { "no_page", "holes and swapped-out pages of tmpfs have no page",
				   NULL },
	[PAGEWIRE_WHY_NO_SG] = { "no_sg", "the route's device can't gather pages", NULL },
	[PAGEWIRE_WHY_TLS] = { "tls", "the CPU encrypts for kernel TLS", NULL },
	[PAGEWIRE_WHY_REQUEST] = { "request",
				   "the request has a flag or field that the module doesn't know",
				   "tool and module may differ in age: run 'pagewire doctor'" },
	[PAGEWIRE_WHY_PATH] = { "path", "the loaded module doesn't have this path",
				"run 'pagewire version' for the paths it has" },
	[PAGEWIRE_WHY_SEGMENT] = { "segment",
				   "a segment has a kind or flag that the module doesn't know",
				   "tool and module may differ in age: run 'pagewire doctor'" },
	[PAGEWIRE_WHY_RANGE] = { "range", "offset and length reach past the largest file there is",
				 "give a smaller --offset or --length" },
	[PAGEWIRE_WHY_MEMORY_SIZE] = { "memory_size", "header and trailer are too large",
				       "send them as files instead" },
	[PAGEWIRE_WHY_FAULT] = { "fault", "memory of the request can't be read", NULL },
	[PAGEWIRE_WHY_FILE] = { "file", "not an open file", NULL },
	[PAGEWIRE_WHY_FILE_MODE] = { "file_mode", "not opened for reading", NULL },
	[PAGEWIRE_WHY_FILE_KIND] = { "file_kind",
				     "not a regular file with contents in the page cache",
				     "copy it into a regular file first; pipes, devices and files "
				     "of /proc or /sys can't be sent" },
	[PAGEWIRE_WHY_FILE_DENIED] = { "file_denied", "a security module denies reading it",
				       "look for the denial in the kernel's audit log" },
	[PAGEWIRE_WHY_SOCKET] = { "socket", "not a socket", NULL },
	[PAGEWIRE_WHY_SOCKET_KIND] = { "socket_kind", "not a TCP socket", NULL },
	[PAGEWIRE_WHY_SOCKET_ULP] = { "socket_ulp", "something other than kernel TLS sits on it",
				      NULL },
	[PAGEWIRE_WHY_SOCKET_STATE] = { "socket_state", "the socket is not connected", NULL },
	[PAGEWIRE_WHY_LIMIT] = { "limit", "a limit of the module is reached",
				 "try again when other transfers have ended, or raise the limit in "
				 "/sys/module/pagewire/parameters" },
	[PAGEWIRE_WHY_SG_ONLY] = { "sg_only",
				   "bytes would have to be copied, and that was forbidden",
				   "leave out --sg-only" },
};

#define NR_REASONS (sizeof(reasons) / sizeof(reasons[0]))

const char *dev_reason(unsigned int reason)
{
	if (reason < NR_REASONS && reasons[reason].text)
		return reasons[reason].text;
	return "a reason that this tool doesn't know; the module is newer";
}

const char *dev_reason_remedy(unsigned int reason)
{
	return reason < NR_REASONS ? reasons[reason].remedy : NULL;
}

const char *dev_reason_name(unsigned int reason)
{
	return reason < NR_REASONS && reasons[reason].name ? reasons[reason].name : "unknown";
}
