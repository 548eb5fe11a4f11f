// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <json-c/json.h>

#include "cmd.h"
#include "dev.h"
#include "meters.h"
#include "out.h"

static const char usage[] =
	"Usage: pagewire doctor [--json]\n\n"
	"Looks at everything that the module and its counters need on this machine, and\n"
	"says what to do about what is missing. Exit status 0: all is well; 3: something\n"
	"is missing.\n\n"
	"      --json   one JSON object\n"
	"  -h, --help   this text\n";

enum verdict {
	FINE,
	WRONG,
	SKIPPED, /* can't be told before something else is put right */
};

struct finding {
	const char *name;
	enum verdict verdict;
	char text[200];
	const char *remedy;
};

/* What one check finds makes others pointless. */
struct patient {
	bool loaded;
	int dev; /* opened, or -errno */
};

static void find(struct finding *finding, enum verdict verdict, const char *remedy,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void find(struct finding *finding, enum verdict verdict, const char *remedy,
		 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
	finding->verdict = verdict;
	finding->remedy = remedy;
}

static void check_kernel(struct patient *patient, struct finding *finding)
{
	unsigned int major = 0, minor = 0, version;
	struct utsname name;

	(void)patient;
	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	version = major * 1000 + minor;
	if (version >= 6001 && version <= 6012)
		find(finding, FINE, NULL, "%s is supported", name.release);
	else
		find(finding, WRONG,
		     "boot Debian's 6.1 or 6.12; 'make vm' of the sources does so in a VM",
		     "%s is not supported: the module is for 6.1 to 6.12", name.release);
}

static void check_module(struct patient *patient, struct finding *finding)
{
	char lockdown[64] = "";
	FILE *file;

	patient->loaded = access("/sys/module/pagewire", F_OK) == 0;
	if (patient->loaded) {
		find(finding, FINE, NULL, "loaded");
		return;
	}
	file = fopen("/sys/kernel/security/lockdown", "re");
	if (file) {
		if (!fgets(lockdown, sizeof(lockdown), file))
			lockdown[0] = 0;
		fclose(file);
	}
	if (lockdown[0] && !strstr(lockdown, "[none]"))
		find(finding, WRONG,
		     "sign the module with a key that the machine trusts (mokutil), or switch "
		     "Secure Boot off; then load it as root",
		     "not loaded, and kernel lockdown lets only signed modules in");
	else if (access("/proc/modules", F_OK) < 0)
		find(finding, WRONG, "boot a kernel with modules, such as Debian's 6.1 or 6.12",
		     "not loaded, and this kernel can't load modules at all");
	else
		find(finding, WRONG,
		     "load it as root: modprobe pagewire, or 'make module' and insmod "
		     "pagewire.ko",
		     "not loaded");
}

static void check_device(struct patient *patient, struct finding *finding)
{
	unsigned int major_number = 0, minor_number = 0;
	struct stat status;
	FILE *file;

	if (!patient->loaded && access(DEV_NAME, F_OK) < 0) {
		find(finding, SKIPPED, NULL, "comes with the module");
		return;
	}
	if (stat(DEV_NAME, &status) < 0) {
		find(finding, WRONG,
		     "mount -t devtmpfs none /dev, or mknod it as /sys/class/misc/pagewire/dev "
		     "says",
		     "%s", strerror(errno));
		return;
	}
	file = fopen("/sys/class/misc/pagewire/dev", "re");
	if (file) {
		if (fscanf(file, "%u:%u", &major_number, &minor_number) != 2)
			major_number = 0;
		fclose(file);
	}
	if (!S_ISCHR(status.st_mode) ||
	    (major_number && status.st_rdev != makedev(major_number, minor_number)))
		find(finding, WRONG, "remove it and load the module again: it makes a new one",
		     "not the module's device");
	else
		find(finding, FINE, NULL, "there, mode %04o", status.st_mode & 07777);
}

static void check_permission(struct patient *patient, struct finding *finding)
{
	patient->dev = dev_open();
	if (patient->dev >= 0)
		find(finding, FINE, NULL, "you may use it");
	else if (patient->dev == -EACCES || patient->dev == -EPERM)
		find(finding, WRONG, "run as root, or as root: chgrp YOUR-GROUP " DEV_NAME,
		     "you may not open it (user %u)", geteuid());
	else if (!patient->loaded)
		find(finding, SKIPPED, NULL, "no module, nothing to open");
	else
		find(finding, WRONG, "see the checks above", "can't be opened: %s",
		     strerror(-patient->dev));
}

static void check_abi(struct patient *patient, struct finding *finding)
{
	struct pagewire_features features;
	int error;

	if (patient->dev < 0) {
		find(finding, SKIPPED, NULL, "the device has to be opened for that");
		return;
	}
	error = dev_features(patient->dev, &features);
	if (error)
		find(finding, WRONG, "unload it and load the module that came with this tool",
		     "the module doesn't answer as pagewire does: %s", strerror(-error));
	else if (features.abi < PAGEWIRE_ABI)
		find(finding, WRONG, "unload it and load the module that came with this tool",
		     "module %s is too old: ABI %u, this tool takes %u", features.version,
		     features.abi, PAGEWIRE_ABI);
	else
		find(finding, FINE, NULL, "module %s, ABI %u; tool ABI %u", features.version,
		     features.abi, PAGEWIRE_ABI);
}

static void check_debugfs(struct patient *patient, struct finding *finding)
{
	enum meters_state state = meters_state();

	if (state == METERS_READABLE)
		find(finding, FINE, NULL, "counters readable");
	else if (state == METERS_NO_MODULE && !patient->loaded)
		find(finding, SKIPPED, NULL, "mounted; the counters come with the module");
	else if (state == METERS_NO_MODULE)
		find(finding, WRONG, "is the kernel built with CONFIG_DEBUG_FS?",
		     "the module is loaded, but has no folder there");
	else
		find(finding, WRONG, meters_state_remedy(state), "%s", meters_state_text(state));
}

static const struct {
	const char *name;
	void (*check)(struct patient *patient, struct finding *finding);
} checks[] = {
	{ "kernel", check_kernel }, { "module", check_module },
	{ DEV_NAME, check_device }, { "permission", check_permission },
	{ "ABI", check_abi },	    { "debugfs", check_debugfs },
};

#define NR_CHECKS (sizeof(checks) / sizeof(checks[0]))

static const char *verdict_word(enum verdict verdict)
{
	return verdict == FINE ? "ok" : verdict == WRONG ? "WRONG" : "-";
}

static void print_text(const struct finding *findings, bool well)
{
	size_t i;

	for (i = 0; i < NR_CHECKS; i++) {
		out_text("%-6s %-14s %s\n", verdict_word(findings[i].verdict), findings[i].name,
			 findings[i].text);
		if (findings[i].remedy)
			out_text("%-6s %-14s remedy: %s\n", "", "", findings[i].remedy);
	}
	out_text(well ? "all is well\n" : "not ready: see the remedies\n");
}

static void print_json(const struct finding *findings, bool well)
{
	static const char *const words[] = { "ok", "wrong", "skipped" };
	struct json_object *object = json_object_new_object(), *list = json_object_new_array(),
			   *one;
	size_t i;

	for (i = 0; i < NR_CHECKS; i++) {
		one = json_object_new_object();
		json_object_object_add(one, "check", json_object_new_string(findings[i].name));
		json_object_object_add(one, "verdict",
				       json_object_new_string(words[findings[i].verdict]));
		json_object_object_add(one, "text", json_object_new_string(findings[i].text));
		json_object_object_add(
			one, "remedy",
			findings[i].remedy ? json_object_new_string(findings[i].remedy) : NULL);
		json_object_array_add(list, one);
	}
	json_object_object_add(object, "well", json_object_new_boolean(well));
	json_object_object_add(object, "checks", list);
	out_json(object);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct finding findings[NR_CHECKS] = { 0 };
	struct patient patient = { 0 };
	bool json = false, well = true;
	int option;
	size_t i;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			out_text("%s", usage);
			return EXIT_OK;
		default:
			return out_usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return out_usage_error("unexpected argument '%s'", argv[optind]);

	for (i = 0; i < NR_CHECKS; i++) {
		findings[i].name = checks[i].name;
		checks[i].check(&patient, &findings[i]);
		if (findings[i].verdict == WRONG)
			well = false;
	}
	(json ? print_json : print_text)(findings, well);
	return well ? EXIT_OK : EXIT_MISSING;
}
