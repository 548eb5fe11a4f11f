// SPDX-License-Identifier: GPL-2.0
/*
 * init of the bench-uml kernel: mounts, modules, the benchmark, power off
 *
 * Runs /pairs with its own arguments. Makes the file /started first; leaves
 * what /pairs printed in /output, the kernel's log in /kernel.log and the exit
 * status in /status: no such file means that the kernel died.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
}

static void mount_all(void)
{
	check(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	check(mount("sysfs", "/sys", "sysfs", 0, NULL), "mount /sys");
	check(mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL), "mount debugfs");
	check(mount("devtmpfs", "/dev", "devtmpfs", 0, NULL), "mount /dev");
	check(mount("tmpfs", "/tmp", "tmpfs", 0, "size=90%"), "mount /tmp");
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return; /* left out by run --no-pagewire */
	check(fd, path);
	check(syscall(SYS_finit_module, fd, "", 0), path);
	close(fd);
}

static int run_pairs(char **argv)
{
	int status = 0;
	pid_t child = fork();

	check(child, "fork");
	if (child == 0) {
		int out = open("/output", O_WRONLY | O_CREAT | O_TRUNC, 0644);

		check(out, "/output");
		check(dup2(out, STDOUT_FILENO), "dup2");
		check(dup2(out, STDERR_FILENO), "dup2");
		argv[0] = "/pairs";
		execv(argv[0], argv);
		perror("init: /pairs");
		_exit(127);
	}
	check(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void leave_number(const char *path, int number)
{
	FILE *out = fopen(path, "w");

	if (!out || fprintf(out, "%d\n", number) < 0 || fclose(out))
		perror(path);
}

/* The kernel's warnings must not get lost between boot and power off. */
static void save_kernel_log(void)
{
	static char line[8192];
	int in = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	int out = open("/kernel.log", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t length;

	check(in, "/dev/kmsg");
	check(out, "/kernel.log");
	while ((length = read(in, line, sizeof(line))) > 0)
		check(write(out, line, length), "/kernel.log");
}

int main(int argc, char **argv)
{
	int status;

	(void)argc;
	leave_number("/started", 1);
	mount_all();
	load("/pagewire.ko");
	load("/pagewire-limit.ko");
	status = run_pairs(argv);
	save_kernel_log();
	leave_number("/status", status);
	reboot(RB_POWER_OFF);
	return 1;
}
