// SPDX-License-Identifier: GPL-2.0
/*
 * The interface of tags is frozen: numbers, sizes, places of fields; and what a wrong
 * label, flag, field, process or user gets.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fixture.h"
#include "seen.h"

#define NOBODY 65534

TEST(numbers_and_layout_never_change)
{
	EXPECT_EQ(0x4040bd02, PAGEWIRE_IOC_TAG);
	EXPECT_EQ(0x0000bd03, PAGEWIRE_IOC_UNTAG);
	EXPECT_EQ(64, sizeof(struct pagewire_tag));
	EXPECT_EQ(0, offsetof(struct pagewire_tag, label));
	EXPECT_EQ(32, sizeof(((struct pagewire_tag *)0)->label));
	EXPECT_EQ(32, offsetof(struct pagewire_tag, pid));
	EXPECT_EQ(4, sizeof(((struct pagewire_tag *)0)->pid));
	EXPECT_EQ(36, offsetof(struct pagewire_tag, flags));
	EXPECT_EQ(4, sizeof(((struct pagewire_tag *)0)->flags));
	EXPECT_EQ(40, offsetof(struct pagewire_tag, reserved));
	EXPECT_EQ(24, sizeof(((struct pagewire_tag *)0)->reserved));
	EXPECT_EQ(1, PAGEWIRE_TAG_CHILDREN);
	EXPECT_EQ(32, PAGEWIRE_LABEL_MAX);
	EXPECT_EQ(1, PAGEWIRE_FEATURE_TAG);
}

FIXTURE(tag)
{
	int device;
	struct pagewire_tag tag;
	unsigned int rest_ms;
};

FIXTURE_SETUP(tag)
{
	self->rest_ms = rest_ms();
	self->device = device_open();
	self->tag = (struct pagewire_tag){ .label = "test-abi" };
}

FIXTURE_TEARDOWN(tag)
{
	close(self->device);
	expect_rest(_metadata, self->rest_ms);
}

static int tag(FIXTURE_DATA(tag) * self)
{
	return ioctl(self->device, PAGEWIRE_IOC_TAG, &self->tag) ? -errno : 0;
}

/* No tag is on: one can be made, and taken back. */
static void expect_untagged(struct __test_metadata *_metadata, int device)
{
	EXPECT_EQ(0, job_tag(device, "test-abi", 0, 0));
	EXPECT_EQ(0, job_untag(device));
}

TEST_F(tag, the_features_announce_it)
{
	struct pagewire_features features;

	ASSERT_EQ(0, ioctl(self->device, PAGEWIRE_IOC_GET_FEATURES, &features));
	EXPECT_NE(0, features.features & PAGEWIRE_FEATURE_TAG);
	EXPECT_EQ(0, features.features & ~(uint64_t)PAGEWIRE_FEATURE_TAG);
	EXPECT_EQ(PAGEWIRE_ABI, features.abi);
}

TEST_F(tag, unknown_flags_are_refused)
{
	unsigned int bit;

	for (bit = 1; bit < 32; bit++) {
		self->tag.flags = 1u << bit;
		EXPECT_EQ(-EINVAL, tag(self));
		self->tag.flags |= PAGEWIRE_TAG_CHILDREN;
		EXPECT_EQ(-EINVAL, tag(self));
	}
	expect_untagged(_metadata, self->device);
}

TEST_F(tag, reserved_fields_must_be_zero)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(self->tag.reserved); i++) {
		self->tag.reserved[i] = 1;
		EXPECT_EQ(-EINVAL, tag(self));
		self->tag.reserved[i] = 1ull << 63;
		EXPECT_EQ(-EINVAL, tag(self));
		self->tag.reserved[i] = 0;
	}
	expect_untagged(_metadata, self->device);
}

TEST_F(tag, bad_labels_are_refused)
{
	static const char *const bad[] = {
		"",	 ".",	  "..",	  ".hidden",  "../sg", "a/b", "/",   "a b",  "a\n", "\tlab",
		"a\x7f", "a\xff", "n/a*", "\xc3\xa4", "a\\",   "a,b", "a%n", "a\"b", "a;b", "a=b",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(self->tag.label, 0, sizeof(self->tag.label));
		strcpy(self->tag.label, bad[i]);
		EXPECT_EQ(-EINVAL, tag(self))
		{
			TH_LOG("that was label '%s'", bad[i]);
		}
	}
	/* No zero at the end. */
	memset(self->tag.label, 'a', sizeof(self->tag.label));
	EXPECT_EQ(-EINVAL, tag(self));
	expect_untagged(_metadata, self->device);
}

TEST_F(tag, good_labels_are_taken_and_have_a_file)
{
	static const char *const good[] = {
		"x",	  "-",	"test-abi_1.2:3", "0123456789012345678901234567890",
		"ABCxyz", "sg", "copy",
	};
	char file[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, job_tag(self->device, good[i], 0, 0))
		{
			TH_LOG("that was label '%s'", good[i]);
		}
		snprintf(file, sizeof(file), "/sys/kernel/debug/pagewire/path/%s", good[i]);
		if (counters_available())
			EXPECT_EQ(0, access(file, R_OK));
		EXPECT_EQ(0, job_untag(self->device));
		/* It stays when the tag is gone. */
		if (counters_available())
			EXPECT_EQ(0, access(file, R_OK));
	}
}

TEST_F(tag, a_structure_that_isn_t_there_is_a_fault)
{
	uint8_t *page =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(-1, ioctl(self->device, PAGEWIRE_IOC_TAG, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->device, PAGEWIRE_IOC_TAG, -4096l));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_NE(MAP_FAILED, page);
	memcpy(page + 4096 - 32, &self->tag, 32);
	munmap(page + 4096, 4096);
	EXPECT_EQ(-1, ioctl(self->device, PAGEWIRE_IOC_TAG, page + 4096 - 32));
	EXPECT_EQ(EFAULT, errno);
	expect_untagged(_metadata, self->device);
}

TEST_F(tag, no_such_process)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-ESRCH, job_tag(self->device, "test-abi", pid, 0));
	EXPECT_EQ(-ESRCH, job_tag(self->device, "test-abi", 0x7fffffff, 0));
	EXPECT_EQ(-ESRCH, job_tag(self->device, "test-abi", -1, 0));
	expect_untagged(_metadata, self->device);
}

TEST_F(tag, one_process_has_one_tag)
{
	int other = device_open();

	EXPECT_EQ(0, job_tag(self->device, "test-abi", 0, 0));
	EXPECT_EQ(-EBUSY, job_tag(self->device, "test-abi", 0, 0));
	EXPECT_EQ(-EBUSY, job_tag(self->device, "test-abi", getpid(), 0));
	EXPECT_EQ(-EBUSY, job_tag(self->device, "test-abi-2", 0, 0));
	EXPECT_EQ(-EBUSY, job_tag(other, "test-abi-2", 0, PAGEWIRE_TAG_CHILDREN));
	/* Only the description that made it takes it back. */
	EXPECT_EQ(0, job_untag(other));
	EXPECT_EQ(-EBUSY, job_tag(other, "test-abi-2", 0, 0));
	EXPECT_EQ(0, job_untag(self->device));
	EXPECT_EQ(0, job_tag(other, "test-abi-2", 0, 0));
	close(other);
	expect_untagged(_metadata, self->device);
	/* Nothing to take back is no error. */
	EXPECT_EQ(0, job_untag(self->device));
}

/* What nobody may: exit status 0 when all is as it should be, else the number of what isn't. */
static int as_nobody(int device, pid_t root)
{
	pid_t child;
	int status;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (job_tag(device, "test-abi", root, 0) != -EPERM)
		return 2;
	if (job_tag(device, "test-abi", 1, 0) != -EPERM)
		return 3;
	/* Its own processes it may; a change of user has made it undumpable. */
	if (job_tag(device, "test-abi", 0, 0) || job_untag(device))
		return 4;
	if (prctl(PR_SET_DUMPABLE, 1))
		return 5;
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	status = job_tag(device, "test-abi", child, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (status)
		return 6;
	return job_untag(device) ? 7 : 0;
}

TEST_F(tag, somebody_else_s_process_is_refused)
{
	pid_t root = getpid(), pid;
	int status;

	if (getuid())
		SKIP(return, "becoming another user: needs root");
	pid = fork();
	if (!pid)
		_exit(as_nobody(self->device, root));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* The other way round root may, whoever it is. */
	pid = fork();
	if (!pid) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			_exit(1);
		pause();
	}
	EXPECT_EQ(0, job_tag(self->device, "test-abi", pid, 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(tag, numbers_beyond_are_unknown)
{
	EXPECT_EQ(-1, ioctl(self->device, _IO(PAGEWIRE_IOC_MAGIC, 4)));
	EXPECT_EQ(ENOTTY, errno);
	/* The number is right, the size isn't. */
	EXPECT_EQ(-1, ioctl(self->device, _IOC(_IOC_WRITE, PAGEWIRE_IOC_MAGIC, 2, 72), &self->tag));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_HARNESS_MAIN
