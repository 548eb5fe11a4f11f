// SPDX-License-Identifier: GPL-2.0
/* The probes' figures, and tagged workers, for the test programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <linux/sockios.h>

#include "seen.h"

#define PATHS "/sys/kernel/debug/pagewire/path/"

const char *const seen_names[NR_SEEN] = {
	"syscalls",
	"user_faults",
	"kernel_faults",
	"mode_switches",
	"ctx_switches",
	"ctx_switches_involuntary",
	"copied_to_user_bytes",
	"copied_from_user_bytes",
	"copied_in_kernel_bytes",
	"copies",
	"zerocopy_undone_bytes",
	"passed_bytes",
	"tx_kernel_bytes",
	"tx_linear_bytes",
	"retransmitted_bytes",
	"dma_in_bytes",
	"dma_in_cache_bytes",
	"dma_in_user_bytes",
	"missed",
};

static void take_line(struct seen *s, uint32_t *found, const char *name, const char *value)
{
	unsigned int i;

	for (i = 0; i < NR_SEEN; i++) {
		if (strcmp(name, seen_names[i]) || *found & 1u << i)
			continue;
		*found |= 1u << i;
		if (!strcmp(value, "n/a"))
			s->hidden |= 1u << i;
		else
			s->v[i] = strtoull(value, NULL, 10);
		return;
	}
}

void seen_read(struct seen *s, const char *label)
{
	char name[128], value[32];
	uint32_t found = 0;
	unsigned int i;
	FILE *f;

	memset(s, 0, sizeof(*s));
	snprintf(name, sizeof(name), PATHS "%s", label);
	f = fopen(name, "r");
	if (!f && errno == ENOENT)
		return;
	if (!f)
		die("%s: is debugfs mounted?", name);
	while (fscanf(f, "%127s %31s\n", name, value) == 2)
		take_line(s, &found, name, value);
	fclose(f);
	/* The module's own paths have their lines before a tag adds the probes'. */
	for (i = 0; i < NR_SEEN && found & 1u << SYSCALLS; i++) {
		if (!(found & 1u << i))
			die("path/%s has no line %s", label, seen_names[i]);
	}
}

struct seen seen_since(const struct seen *before, const char *label)
{
	struct seen now;
	unsigned int i;

	seen_read(&now, label);
	for (i = 0; i < NR_SEEN; i++)
		now.v[i] -= before->v[i];
	return now;
}

void seen_print(const struct seen *s, const char *what)
{
	char line[1024];
	int n = 0;
	unsigned int i;

	for (i = 0; i < NR_SEEN; i++) {
		if (s->hidden & 1u << i)
			n += snprintf(line + n, sizeof(line) - n, " %s n/a", seen_names[i]);
		else if (s->v[i])
			n += snprintf(line + n, sizeof(line) - n, " %s %lld", seen_names[i],
				      (long long)s->v[i]);
	}
	note("%s:%s", what, n ? line : " all 0");
}

static void work(struct worker *w, const struct workload *load)
{
	struct shared *s = w->shared;
	struct job job = load->job;
	int error = 0;

	/* A fork doesn't bring shared pages along: touched here, it's not a fault of the job's. */
	s->done = 0;
	job.device = w->device;
	if (!load->cold)
		error = load->run(&job);
	job.calls = 0;
	if (!error)
		error = job_tag(w->device, load->label, 0, load->flags);
	if (!error)
		error = load->run(&job);
	s->calls = job.calls;
	s->error = error;
	s->done = 1;
	while (!s->go_on)
		__builtin_ia32_pause();
	if (!error)
		error = job_untag(w->device);
	_exit(error ? 1 : 0);
}

void worker_start(struct worker *w, const struct workload *load)
{
	w->device = device_open();
	w->shared = mmap(NULL, sizeof(*w->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (w->shared == MAP_FAILED)
		die("a page of memory");
	w->pid = fork();
	if (w->pid < 0)
		die("fork");
	if (!w->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(w, load);
	}
}

/* Nothing is left that the socket would have to send. */
static bool acknowledged(int fd)
{
	int left = 0;

	return fd < 0 || ioctl(fd, SIOCOUTQ, &left) || !left;
}

int worker_end(struct worker *w, const struct workload *load)
{
	uint64_t until = now_ms() + 60000;
	int status, error;

	while ((!w->shared->done || !acknowledged(load->job.socket)) && now_ms() < until)
		sleep_ms(5);
	if (!w->shared->done)
		kill(w->pid, SIGKILL);
	w->shared->go_on = 1;
	if (waitpid(w->pid, &status, 0) != w->pid)
		die("waiting for a worker");
	close(w->device);
	error = !WIFEXITED(status) ? -ETIME : w->shared->error;
	if (!error && WEXITSTATUS(status))
		error = -EPROTO;
	return error;
}
