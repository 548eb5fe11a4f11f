// SPDX-License-Identifier: GPL-2.0

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "cmd.h"
#include "dev.h"
#include "out.h"

#define TOOL_VERSION "0.1.0"

static const char usage[] =
	"Usage: pagewire version [--json]\n\n"
	"Prints the versions of tool, module and ABI and the paths that the module has.\n"
	"A module that isn't loaded, or may not be asked, is no error: see 'pagewire\n"
	"doctor'.\n\n"
	"      --json   one JSON object\n"
	"  -h, --help   this text\n";

/* What sysfs tells to users that may not open the device. False: not loaded. */
static bool loaded_version(char version[sizeof(((struct pagewire_features *)0)->version)])
{
	FILE *file = fopen("/sys/module/pagewire/version", "re");

	strcpy(version, "unknown");
	if (!file)
		return access("/sys/module/pagewire", F_OK) == 0;
	if (fscanf(file, "%31s", version) != 1)
		strcpy(version, "unknown");
	fclose(file);
	return true;
}

static struct json_object *path_names(const struct pagewire_features *features)
{
	static const char *const names[] = { [PAGEWIRE_PATH_AUTO] = "auto",
					     [PAGEWIRE_PATH_COPY] = "copy",
					     [PAGEWIRE_PATH_SG] = "sg",
					     [PAGEWIRE_PATH_DIRECT] = "direct" };
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (features->paths & (1u << i))
			json_object_array_add(list, json_object_new_string(names[i]));
	return list;
}

static void print_json(bool loaded, const char *version, const struct pagewire_features *features)
{
	struct json_object *object = json_object_new_object(), *module = NULL;

	json_object_object_add(object, "tool", json_object_new_string(TOOL_VERSION));
	json_object_object_add(object, "tool_abi", json_object_new_int(PAGEWIRE_ABI));
	if (loaded) {
		module = json_object_new_object();
		json_object_object_add(module, "version", json_object_new_string(version));
		json_object_object_add(module, "abi",
				       features ? json_object_new_int(features->abi) : NULL);
		json_object_object_add(module, "paths", features ? path_names(features) : NULL);
	}
	json_object_object_add(object, "module", module);
	out_json(object);
}

static void print_text(bool loaded, const char *version, const struct pagewire_features *features)
{
	struct json_object *names;
	size_t i;

	out_text("tool    %s, ABI %d\n", TOOL_VERSION, PAGEWIRE_ABI);
	if (!loaded) {
		out_text("module  not loaded\n");
		return;
	}
	if (!features) {
		out_text("module  %s; " DEV_NAME " can't be asked: see 'pagewire doctor'\n",
			 version);
		return;
	}
	out_text("module  %s, ABI %u\npaths  ", version, features->abi);
	names = path_names(features);
	for (i = 0; i < json_object_array_length(names); i++)
		out_text(" %s", json_object_get_string(json_object_array_get_idx(names, i)));
	out_text("\n");
	json_object_put(names);
}

int cmd_version(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct pagewire_features features = { 0 };
	bool json = false, loaded, asked = false;
	char version[sizeof(features.version)];
	int option, dev;

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

	loaded = loaded_version(version);
	dev = dev_open();
	if (dev >= 0) {
		asked = dev_features(dev, &features) == 0;
		close(dev);
	}
	if (asked) {
		loaded = true;
		snprintf(version, sizeof(version), "%s", features.version);
	}
	(json ? print_json : print_text)(loaded, version, asked ? &features : NULL);
	return EXIT_OK;
}
