// SPDX-License-Identifier: GPL-2.0
/*
 * The interface is frozen: numbers, sizes, places of fields, what is zero,
 * and what an unknown number, flag or field gets.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "fixture.h"

#define EXPECT_FIELD(type, field, offset, size)                     \
	do {                                                        \
		EXPECT_EQ(offset, offsetof(struct type, field));    \
		EXPECT_EQ(size, sizeof(((struct type *)0)->field)); \
	} while (0)

TEST(ioctl_numbers_never_change)
{
	EXPECT_EQ(0x8080bd00, PAGEWIRE_IOC_GET_FEATURES);
	EXPECT_EQ(0xc0b8bd01, PAGEWIRE_IOC_SEND);
}

TEST(struct_pagewire_segment_never_changes)
{
	EXPECT_EQ(40, sizeof(struct pagewire_segment));
	EXPECT_FIELD(pagewire_segment, kind, 0, 4);
	EXPECT_FIELD(pagewire_segment, fd, 4, 4);
	EXPECT_FIELD(pagewire_segment, offset, 8, 8);
	EXPECT_FIELD(pagewire_segment, length, 16, 8);
	EXPECT_FIELD(pagewire_segment, addr, 24, 8);
	EXPECT_FIELD(pagewire_segment, flags, 32, 4);
	EXPECT_FIELD(pagewire_segment, reserved, 36, 4);
}

TEST(struct_pagewire_result_never_changes)
{
	EXPECT_EQ(128, sizeof(struct pagewire_result));
	EXPECT_FIELD(pagewire_result, cookie, 0, 8);
	EXPECT_FIELD(pagewire_result, bytes, 8, 8);
	EXPECT_FIELD(pagewire_result, passed_bytes, 16, 8);
	EXPECT_FIELD(pagewire_result, copied_bytes, 24, 8);
	EXPECT_FIELD(pagewire_result, descriptors, 32, 8);
	EXPECT_FIELD(pagewire_result, copies, 40, 8);
	EXPECT_FIELD(pagewire_result, segment_bytes, 48, 8);
	EXPECT_FIELD(pagewire_result, segment, 56, 4);
	EXPECT_FIELD(pagewire_result, status, 60, 4);
	EXPECT_FIELD(pagewire_result, reason, 64, 4);
	EXPECT_FIELD(pagewire_result, copied_why, 68, 4);
	EXPECT_FIELD(pagewire_result, flags, 72, 4);
	EXPECT_FIELD(pagewire_result, path, 76, 4);
	EXPECT_FIELD(pagewire_result, disk_waits, 80, 4);
	EXPECT_FIELD(pagewire_result, socket_waits, 84, 4);
	EXPECT_FIELD(pagewire_result, cache_hits, 88, 8);
	EXPECT_FIELD(pagewire_result, cache_misses, 96, 8);
	EXPECT_FIELD(pagewire_result, reserved, 104, 24);
}

TEST(struct_pagewire_send_never_changes)
{
	EXPECT_EQ(184, sizeof(struct pagewire_send));
	EXPECT_FIELD(pagewire_send, segments, 0, 8);
	EXPECT_FIELD(pagewire_send, nr_segments, 8, 4);
	EXPECT_FIELD(pagewire_send, socket, 12, 4);
	EXPECT_FIELD(pagewire_send, path, 16, 4);
	EXPECT_FIELD(pagewire_send, flags, 20, 4);
	EXPECT_FIELD(pagewire_send, cookie, 24, 8);
	EXPECT_FIELD(pagewire_send, reserved, 32, 24);
	EXPECT_FIELD(pagewire_send, result, 56, 128);
}

TEST(struct_pagewire_features_never_changes)
{
	EXPECT_EQ(128, sizeof(struct pagewire_features));
	EXPECT_FIELD(pagewire_features, abi, 0, 4);
	EXPECT_FIELD(pagewire_features, paths, 4, 4);
	EXPECT_FIELD(pagewire_features, features, 8, 8);
	EXPECT_FIELD(pagewire_features, send_flags, 16, 4);
	EXPECT_FIELD(pagewire_features, segment_kinds, 20, 4);
	EXPECT_FIELD(pagewire_features, max_segments, 24, 4);
	EXPECT_FIELD(pagewire_features, max_memory_segment, 28, 4);
	EXPECT_FIELD(pagewire_features, max_memory, 32, 4);
	EXPECT_FIELD(pagewire_features, max_batch, 36, 4);
	EXPECT_FIELD(pagewire_features, max_transfers, 40, 4);
	EXPECT_FIELD(pagewire_features, reserved0, 44, 4);
	EXPECT_FIELD(pagewire_features, max_user_bytes, 48, 8);
	EXPECT_FIELD(pagewire_features, version, 56, 32);
	EXPECT_FIELD(pagewire_features, reserved, 88, 40);
}

TEST(constants_never_change)
{
	EXPECT_EQ(1024, PAGEWIRE_MAX_SEGMENTS);
	EXPECT_EQ(65536, PAGEWIRE_MAX_MEMORY_SEGMENT);
	EXPECT_EQ(1048576, PAGEWIRE_MAX_MEMORY);
	EXPECT_EQ(0, PAGEWIRE_PATH_AUTO);
	EXPECT_EQ(1, PAGEWIRE_PATH_COPY);
	EXPECT_EQ(2, PAGEWIRE_PATH_SG);
	EXPECT_EQ(3, PAGEWIRE_PATH_DIRECT);
	EXPECT_EQ(1, PAGEWIRE_SEGMENT_FILE);
	EXPECT_EQ(2, PAGEWIRE_SEGMENT_MEMORY);
	EXPECT_EQ(1, PAGEWIRE_SEND_SG_ONLY);
	EXPECT_EQ(2, PAGEWIRE_SEND_MORE);
	EXPECT_EQ(1, PAGEWIRE_RESULT_SHORT);
	EXPECT_EQ(1, PAGEWIRE_WHY_ASKED);
	EXPECT_EQ(2, PAGEWIRE_WHY_MEMORY);
	EXPECT_EQ(3, PAGEWIRE_WHY_FILESYSTEM);
	EXPECT_EQ(4, PAGEWIRE_WHY_DAX);
	EXPECT_EQ(5, PAGEWIRE_WHY_NO_PAGE);
	EXPECT_EQ(6, PAGEWIRE_WHY_NO_SG);
	EXPECT_EQ(7, PAGEWIRE_WHY_TLS);
	EXPECT_EQ(16, PAGEWIRE_WHY_REQUEST);
	EXPECT_EQ(17, PAGEWIRE_WHY_PATH);
	EXPECT_EQ(18, PAGEWIRE_WHY_SEGMENT);
	EXPECT_EQ(19, PAGEWIRE_WHY_RANGE);
	EXPECT_EQ(20, PAGEWIRE_WHY_MEMORY_SIZE);
	EXPECT_EQ(21, PAGEWIRE_WHY_FAULT);
	EXPECT_EQ(22, PAGEWIRE_WHY_FILE);
	EXPECT_EQ(23, PAGEWIRE_WHY_FILE_MODE);
	EXPECT_EQ(24, PAGEWIRE_WHY_FILE_KIND);
	EXPECT_EQ(25, PAGEWIRE_WHY_FILE_DENIED);
	EXPECT_EQ(26, PAGEWIRE_WHY_SOCKET);
	EXPECT_EQ(27, PAGEWIRE_WHY_SOCKET_KIND);
	EXPECT_EQ(28, PAGEWIRE_WHY_SOCKET_ULP);
	EXPECT_EQ(29, PAGEWIRE_WHY_SOCKET_STATE);
	EXPECT_EQ(30, PAGEWIRE_WHY_LIMIT);
	EXPECT_EQ(31, PAGEWIRE_WHY_SG_ONLY);
}

TEST(features_say_what_the_module_has)
{
	struct pagewire_features f;
	int device = device_open();
	unsigned int i;

	memset(&f, 0xa5, sizeof(f));
	ASSERT_EQ(0, ioctl(device, PAGEWIRE_IOC_GET_FEATURES, &f));
	EXPECT_EQ(PAGEWIRE_ABI, f.abi);
	EXPECT_EQ(1u << PAGEWIRE_PATH_COPY | 1u << PAGEWIRE_PATH_SG, f.paths);
	EXPECT_EQ(0, f.features & ~PAGEWIRE_FEATURE_TAG);
	EXPECT_EQ(PAGEWIRE_SEND_SG_ONLY | PAGEWIRE_SEND_MORE, f.send_flags);
	EXPECT_EQ(1u << PAGEWIRE_SEGMENT_FILE | 1u << PAGEWIRE_SEGMENT_MEMORY, f.segment_kinds);
	EXPECT_EQ(PAGEWIRE_MAX_SEGMENTS, f.max_segments);
	EXPECT_EQ(PAGEWIRE_MAX_MEMORY_SEGMENT, f.max_memory_segment);
	EXPECT_EQ(PAGEWIRE_MAX_MEMORY, f.max_memory);
	EXPECT_EQ(MIB, f.max_batch);
	EXPECT_EQ(0, f.reserved0);
	EXPECT_NE(NULL, memchr(f.version, 0, sizeof(f.version)));
	EXPECT_NE(0, f.version[0]);
	for (i = 0; i < ARRAY_SIZE(f.reserved); i++)
		EXPECT_EQ(0, f.reserved[i]);
	if (parameter_writable("max_transfers")) {
		EXPECT_EQ(parameter_get("max_transfers"), f.max_transfers);
		EXPECT_EQ(parameter_get("max_user_bytes"), f.max_user_bytes);
	}
	close(device);
}

TEST(features_to_a_bad_address_give_efault)
{
	int device = device_open();

	EXPECT_EQ(-1, ioctl(device, PAGEWIRE_IOC_GET_FEATURES, 8));
	EXPECT_EQ(EFAULT, errno);
	close(device);
}

TEST(unknown_ioctl_numbers_give_enotty)
{
	static const unsigned long other[] = {
		_IOWR(PAGEWIRE_IOC_MAGIC, 1, char[8]),
		_IOWR(PAGEWIRE_IOC_MAGIC, 1, char[192]),
		_IOW(PAGEWIRE_IOC_MAGIC, 1, struct pagewire_send),
		_IO(PAGEWIRE_IOC_MAGIC, 0),
		_IOR(PAGEWIRE_IOC_MAGIC, 0, char[8]),
		_IOWR(0xbc, 1, struct pagewire_send),
		0x5401, /* TCGETS */
		0,
		0xffffffff,
	};
	struct pagewire_send send = { 0 }, before;
	int device = device_open();
	unsigned int i;

	memset(&send.result, 0xa5, sizeof(send.result));
	before = send;
	for (i = 2; i < 256; i++) {
		EXPECT_EQ(-1,
			  ioctl(device, _IOWR(PAGEWIRE_IOC_MAGIC, i, struct pagewire_send), &send));
		EXPECT_EQ(ENOTTY, errno);
	}
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		EXPECT_EQ(-1, ioctl(device, other[i], &send))
		{
			TH_LOG("number %#lx", other[i]);
		}
		EXPECT_EQ(ENOTTY, errno)
		{
			TH_LOG("number %#lx", other[i]);
		}
	}
	EXPECT_EQ(0, memcmp(&before, &send, sizeof(send)));
	close(device);
}

TEST_F(send, every_unknown_flag_is_refused)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	unsigned int bit;

	for (bit = 2; bit < 32; bit++) {
		struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);

		send.flags = 1u << bit;
		expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_REQUEST, 1,
			       "unknown flag");
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, every_reserved_field_of_the_request_must_be_zero)
{
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	unsigned int i, bit;

	for (i = 0; i < 3; i++) {
		for (bit = 0; bit < 64; bit += 9) {
			struct pagewire_send send =
				request(variant->path, self->pair.tx, &segment, 1);

			send.reserved[i] = 1ull << bit;
			expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_REQUEST,
				       1, "reserved field of the request");
		}
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, every_segment_flag_and_reserved_bit_is_refused)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		struct pagewire_segment segments[2] = {
			file_segment(self->file.fd, 0, 100),
			bit & 1 ? memory_segment("x", 1) : file_segment(self->file.fd, 0, 1),
		};
		struct pagewire_send send = request(variant->path, self->pair.tx, segments, 2);

		if (bit < 32)
			segments[1].flags = 1u << bit;
		else
			segments[1].reserved = 1u << (bit - 32);
		expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_SEGMENT, 1,
			       "flag or reserved field of a segment");
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, fields_that_a_kind_does_not_use_must_be_zero)
{
	struct pagewire_segment wrong[3] = {
		file_segment(self->file.fd, 0, 100),
		memory_segment("x", 1),
		memory_segment("x", 1),
	};
	unsigned int i;

	wrong[0].addr = (uintptr_t)wrong;
	wrong[1].fd = self->file.fd;
	wrong[2].offset = 1;
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct pagewire_send send = request(variant->path, self->pair.tx, wrong + i, 1);

		expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_SEGMENT, 0,
			       i ? "memory with a file field" : "file with an address");
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, unknown_segment_kinds_are_refused)
{
	static const uint32_t kinds[] = { 0, 3, 4, 0x101, 0x80000001, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
		struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);

		segment.kind = kinds[i];
		expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_SEGMENT, 0,
			       "unknown kind");
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, paths_that_this_version_lacks_are_refused)
{
	static const struct {
		uint32_t path;
		int error;
	} wrong[] = {
		{ PAGEWIRE_PATH_AUTO, EOPNOTSUPP },
		{ PAGEWIRE_PATH_DIRECT, EOPNOTSUPP },
		{ 4, EINVAL },
		{ 31, EINVAL },
		{ 32 + PAGEWIRE_PATH_SG, EINVAL },
		{ 0x80000001, EINVAL },
		{ 0xffffffff, EINVAL },
	};
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct pagewire_send send = request(wrong[i].path, self->pair.tx, &segment, 1);

		expect_refused(_metadata, self->device, &send, wrong[i].error, PAGEWIRE_WHY_PATH, 1,
			       "path");
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, the_number_of_segments_is_from_1_to_1024)
{
	static struct pagewire_segment segments[PAGEWIRE_MAX_SEGMENTS + 1];
	struct pagewire_send send;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segments); i++)
		segments[i] = file_segment(self->file.fd, i, 1);
	send = request(variant->path, self->pair.tx, segments, 0);
	expect_refused(_metadata, self->device, &send, EINVAL, PAGEWIRE_WHY_REQUEST, 0, "none");
	send = request(variant->path, self->pair.tx, segments, PAGEWIRE_MAX_SEGMENTS + 1);
	expect_refused(_metadata, self->device, &send, E2BIG, PAGEWIRE_WHY_REQUEST,
		       PAGEWIRE_MAX_SEGMENTS + 1, "1025");
	send = request(variant->path, self->pair.tx, segments, 0xffffffff);
	expect_refused(_metadata, self->device, &send, E2BIG, PAGEWIRE_WHY_REQUEST, 0xffffffff,
		       "2^32 - 1");
	expect_silence(_metadata, self->pair.rx);
}

/*
 * What a 32-bit program does: the ioctl by the old gate, with addresses
 * below 4 GiB. It has to run in a process of its own, for a kernel without
 * CONFIG_IA32_EMULATION answers the gate with a signal.
 */
#ifdef __x86_64__
static long ioctl_32bit(int fd, unsigned long number, void *argument)
{
	long answer;

	__asm__ volatile("int $0x80"
			 : "=a"(answer)
			 : "a"(54l), "b"((long)fd), "c"(number), "d"(argument)
			 : "memory", "r8", "r9", "r10", "r11");
	return answer;
}

struct low_memory {
	struct pagewire_features features;
	struct pagewire_send send;
	struct pagewire_segment segments[2];
	char header[16];
	long answer[3];
};

static bool run_32bit(int device, struct low_memory *low)
{
	int status;
	pid_t child = fork();

	if (!child) {
		low->answer[0] = ioctl_32bit(device, PAGEWIRE_IOC_GET_FEATURES, &low->features);
		low->answer[1] = ioctl_32bit(device, PAGEWIRE_IOC_SEND, &low->send);
		low->answer[2] = ioctl_32bit(device, _IO(PAGEWIRE_IOC_MAGIC, 99), &low->send);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status);
}

TEST_F(send, a_32_bit_caller_gets_the_same)
{
	struct low_memory *low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint8_t seen[4096];

	ASSERT_NE(MAP_FAILED, low);
	strcpy(low->header, "header");
	low->segments[0] = memory_segment(low->header, 6);
	low->segments[1] = file_segment(self->file.fd, 4095, 1000);
	low->send = request(variant->path, self->pair.tx, low->segments, 2);
	if (!run_32bit(self->device, low))
		SKIP(return, "a 32-bit caller: this kernel has no CONFIG_IA32_EMULATION");
	EXPECT_EQ(0, low->answer[0]);
	EXPECT_EQ(PAGEWIRE_ABI, low->features.abi);
	EXPECT_EQ(0, low->answer[1]);
	EXPECT_EQ(-ENOTTY, low->answer[2]);
	expect_all_sent(_metadata, &low->send, 1006);
	ASSERT_EQ(1006, read_available(self->pair.rx, seen, sizeof(seen), 200));
	expect_bytes(_metadata, (uint8_t *)"header", seen, 6, "header");
	expect_bytes(_metadata, self->file.image + 4095, seen + 6, 1000, "file");
}
#else
TEST(a_32_bit_caller_gets_the_same)
{
	SKIP(return, "a 32-bit caller: only written for x86-64");
}
#endif

TEST_HARNESS_MAIN
