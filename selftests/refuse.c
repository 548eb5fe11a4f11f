// SPDX-License-Identifier: GPL-2.0
/*
 * Wrong files, sockets, ranges and addresses: refused with the right error,
 * reason and segment, before the first byte of the vector is sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * Two good segments, then the wrong one: nothing may be sent of the good
 * ones, and the wrong one is named.
 */
static void expect_segment_refused(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
				   uint32_t path, struct pagewire_segment wrong, int error,
				   uint32_t reason, const char *what)
{
	struct pagewire_segment segments[4] = {
		memory_segment("header", 6),
		file_segment(self->file.fd, 1, 5000),
		wrong,
		memory_segment("trailer", 7),
	};
	struct pagewire_send send = request(path, self->pair.tx, segments, 4);

	expect_refused(_metadata, self->device, &send, error, reason, 2, what);
	send.nr_segments = 3;
	expect_refused(_metadata, self->device, &send, error, reason, 2, what);
	expect_silence(_metadata, self->pair.rx);
}

static void expect_file_refused(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
				uint32_t path, int fd, int error, uint32_t reason, const char *what)
{
	expect_segment_refused(_metadata, self, path, file_segment(fd, 0, 100), error, reason,
			       what);
	expect_segment_refused(_metadata, self, path, file_segment(fd, 0, 0), error, reason, what);
	if (fd >= 0)
		close(fd);
}

TEST_F(send, a_descriptor_that_is_none_is_refused)
{
	struct pagewire_segment wrong = file_segment(-1, 0, 100);
	int closed = dup(self->file.fd);

	close(closed);
	expect_segment_refused(_metadata, self, variant->path, wrong, EBADF, PAGEWIRE_WHY_FILE,
			       "-1");
	wrong.fd = closed;
	expect_segment_refused(_metadata, self, variant->path, wrong, EBADF, PAGEWIRE_WHY_FILE,
			       "closed");
	wrong.fd = INT32_MAX;
	expect_segment_refused(_metadata, self, variant->path, wrong, EBADF, PAGEWIRE_WHY_FILE,
			       "2^31 - 1");
	wrong.fd = INT32_MIN;
	expect_segment_refused(_metadata, self, variant->path, wrong, EBADF, PAGEWIRE_WHY_FILE,
			       "-2^31");
}

TEST_F(send, a_file_that_is_not_open_for_reading_is_refused)
{
	expect_file_refused(_metadata, self, variant->path, testfile_open(&self->file, O_PATH),
			    EBADF, PAGEWIRE_WHY_FILE, "O_PATH");
	expect_file_refused(_metadata, self, variant->path, testfile_open(&self->file, O_WRONLY),
			    EBADF, PAGEWIRE_WHY_FILE_MODE, "O_WRONLY");
}

TEST_F(send, a_directory_is_refused)
{
	expect_file_refused(_metadata, self, variant->path, open("/", O_RDONLY | O_DIRECTORY),
			    EISDIR, PAGEWIRE_WHY_FILE_KIND, "directory");
}

TEST_F(send, a_pipe_is_refused)
{
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(4, write(ends[1], "data", 4));
	expect_file_refused(_metadata, self, variant->path, ends[0], EOPNOTSUPP,
			    PAGEWIRE_WHY_FILE_KIND, "pipe");
	close(ends[1]);
}

TEST_F(send, a_device_a_socket_and_an_epoll_are_refused_as_files)
{
	static const char *const names[] = { "/dev/zero", "/dev/null", "/dev/urandom",
					     "/dev/pagewire" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		expect_file_refused(_metadata, self, variant->path, open(names[i], O_RDWR),
				    EOPNOTSUPP, PAGEWIRE_WHY_FILE_KIND, names[i]);
	expect_file_refused(_metadata, self, variant->path, dup(self->pair.rx), EOPNOTSUPP,
			    PAGEWIRE_WHY_FILE_KIND, "socket");
	expect_file_refused(_metadata, self, variant->path, epoll_create1(0), EOPNOTSUPP,
			    PAGEWIRE_WHY_FILE_KIND, "epoll");
}

TEST_F(send, a_block_device_is_refused)
{
	static const char *const names[] = { "/dev/vda", "/dev/vdb", "/dev/sda", "/dev/loop0" };
	unsigned int i;
	int fd = -1;

	for (i = 0; i < ARRAY_SIZE(names) && fd < 0; i++)
		fd = open(names[i], O_RDONLY);
	if (fd < 0)
		SKIP(return, "a block device as file: this machine has none that can be opened");
	expect_file_refused(_metadata, self, variant->path, fd, EOPNOTSUPP, PAGEWIRE_WHY_FILE_KIND,
			    "block device");
}

TEST_F(send, files_of_pseudo_file_systems_are_refused)
{
	static const char *const names[] = {
		"/proc/self/status", "/proc/self/mem",	      "/proc/sys/kernel/hostname",
		"/sys/kernel/notes", "/sys/class/net/lo/mtu",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = open(names[i], O_RDONLY);

		ASSERT_LE(0, fd)
		{
			TH_LOG("%s", names[i]);
		}
		expect_file_refused(_metadata, self, variant->path, fd, EOPNOTSUPP,
				    PAGEWIRE_WHY_FILE_KIND, names[i]);
	}
}

TEST_F(send, a_range_that_overflows_is_refused)
{
	static const struct {
		uint64_t offset, length;
	} wrong[] = {
		{ INT64_MAX, 1 },	    { 1, INT64_MAX },  { (1ull << 62) + 1, 1ull << 62 },
		{ 1ull << 63, 0 },	    { UINT64_MAX, 0 }, { UINT64_MAX, 1 },
		{ UINT64_MAX, UINT64_MAX }, { 0, 1ull << 63 }, { 4096, UINT64_MAX - 4095 },
		{ 1, UINT64_MAX },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_segment_refused(
			_metadata, self, variant->path,
			file_segment(self->file.fd, wrong[i].offset, wrong[i].length), EINVAL,
			PAGEWIRE_WHY_RANGE, "range");
}

TEST_F(send, the_largest_ranges_are_not_refused)
{
	struct pagewire_segment segments[3] = {
		file_segment(self->file.fd, INT64_MAX, 0),
		file_segment(self->file.fd, INT64_MAX - 1, 1),
		file_segment(self->file.fd, FILE_SIZE, INT64_MAX - FILE_SIZE),
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct pagewire_send send = request(variant->path, self->pair.tx, segments + i, 1);

		EXPECT_EQ(0, device_send(self->device, &send));
		EXPECT_EQ(0, send.result.status);
		EXPECT_EQ(0, send.result.bytes);
	}
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, memory_that_is_not_there_is_refused_and_nothing_is_sent)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *none = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		const void *addr;
		uint64_t length;
		const char *what;
	} wrong[] = {
		{ NULL, 1, "NULL" },
		{ (void *)8, 100, "first page" },
		{ two + page, 1, "unmapped" },
		{ two + page - 1, 2, "second byte unmapped" },
		{ two, page + 1, "last byte unmapped" },
		{ none, page, "PROT_NONE" },
		{ (void *)(UINT64_MAX - 4095), 100, "kernel's end" },
		{ (void *)0xffff888000000000, 100, "kernel's memory" },
		{ (void *)0xffffffff81000000, 100, "kernel's text" },
		{ (void *)(UINT64_MAX - 10), 100, "wraps around" },
	};
	unsigned int i;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_NE(MAP_FAILED, none);
	munmap(two + page, page);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_segment_refused(_metadata, self, variant->path,
				       memory_segment(wrong[i].addr, wrong[i].length), EFAULT,
				       PAGEWIRE_WHY_FAULT, wrong[i].what);
}

TEST_F(send, a_wrong_last_segment_of_1024_sends_nothing)
{
	static struct pagewire_segment segments[PAGEWIRE_MAX_SEGMENTS];
	struct pagewire_send send = request(variant->path, self->pair.tx, segments, 1024);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segments); i++)
		segments[i] =
			i % 2 ? file_segment(self->file.fd, i, 3000) : memory_segment("memory", 6);
	segments[1023] = memory_segment((void *)8, 6);
	expect_refused(_metadata, self->device, &send, EFAULT, PAGEWIRE_WHY_FAULT, 1023, "address");
	segments[1023] = file_segment(-1, 0, 1);
	expect_refused(_metadata, self->device, &send, EBADF, PAGEWIRE_WHY_FILE, 1023, "file");
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, too_much_memory_is_refused)
{
	static uint8_t bytes[PAGEWIRE_MAX_MEMORY_SEGMENT + 1];
	struct pagewire_segment segments[17] = { 0 };
	struct pagewire_send send = request(variant->path, self->pair.tx, segments, 17);
	unsigned int i;

	expect_segment_refused(_metadata, self, variant->path, memory_segment(bytes, sizeof(bytes)),
			       E2BIG, PAGEWIRE_WHY_MEMORY_SIZE, "65537 bytes");
	expect_segment_refused(_metadata, self, variant->path, memory_segment(bytes, UINT64_MAX),
			       E2BIG, PAGEWIRE_WHY_MEMORY_SIZE, "2^64 - 1 bytes");
	expect_segment_refused(_metadata, self, variant->path,
			       memory_segment(bytes, 1ull << 32 | 1), E2BIG,
			       PAGEWIRE_WHY_MEMORY_SIZE, "2^32 + 1 bytes");
	for (i = 0; i < 16; i++)
		segments[i] = memory_segment(bytes, PAGEWIRE_MAX_MEMORY_SEGMENT);
	segments[16] = memory_segment(bytes, 1);
	expect_refused(_metadata, self->device, &send, E2BIG, PAGEWIRE_WHY_MEMORY_SIZE, 16,
		       "1 MiB and a byte");
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, the_first_segment_that_is_not_in_readable_memory_is_told)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pagewire_segment *last = (void *)(two + page - sizeof(*last));
	struct pagewire_send send = request(variant->path, self->pair.tx, NULL, 1);

	ASSERT_NE(MAP_FAILED, two);
	munmap(two + page, page);
	*last = file_segment(self->file.fd, 0, 100);
	expect_refused(_metadata, self->device, &send, EFAULT, PAGEWIRE_WHY_FAULT, 0, "NULL");
	send = request(variant->path, self->pair.tx, last, 2);
	expect_refused(_metadata, self->device, &send, EFAULT, PAGEWIRE_WHY_FAULT, 1,
		       "array over the edge");
	send = request(variant->path, self->pair.tx, (void *)0xffff888000000000, 1);
	expect_refused(_metadata, self->device, &send, EFAULT, PAGEWIRE_WHY_FAULT, 0,
		       "kernel's memory");
	expect_silence(_metadata, self->pair.rx);
}

TEST_F(send, a_bad_address_of_the_structure_gives_efault_and_sends_nothing)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *bytes =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	struct pagewire_send *cut = (void *)(bytes + page - sizeof(*cut) / 2);
	void *wrong[] = { NULL, (void *)8, cut, (void *)0xffff888000000000 };
	struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, bytes);
	munmap(bytes + page, page);
	memcpy(cut, &send, sizeof(send) / 2);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-1, ioctl(self->device, PAGEWIRE_IOC_SEND, wrong[i]));
		EXPECT_EQ(EFAULT, errno);
	}
	expect_silence(_metadata, self->pair.rx);
}

static void expect_socket_refused(struct __test_metadata *_metadata, FIXTURE_DATA(send) * self,
				  uint32_t path, int socket, int error, uint32_t reason,
				  const char *what)
{
	struct pagewire_segment segments[2] = {
		file_segment(self->file.fd, 0, 100),
		memory_segment("trailer", 7),
	};
	struct pagewire_send send = request(path, socket, segments, 2);

	expect_refused(_metadata, self->device, &send, error, reason, 2, what);
	if (socket >= 0)
		close(socket);
}

TEST_F(send, what_is_no_socket_is_refused)
{
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	expect_socket_refused(_metadata, self, variant->path, -1, EBADF, PAGEWIRE_WHY_SOCKET, "-1");
	expect_socket_refused(_metadata, self, variant->path, dup(self->file.wfd), ENOTSOCK,
			      PAGEWIRE_WHY_SOCKET, "file");
	expect_socket_refused(_metadata, self, variant->path, ends[1], ENOTSOCK,
			      PAGEWIRE_WHY_SOCKET, "pipe");
	expect_socket_refused(_metadata, self, variant->path, testfile_open(&self->file, O_PATH),
			      EBADF, PAGEWIRE_WHY_SOCKET, "O_PATH");
	expect_socket_refused(_metadata, self, variant->path, dup(self->device), ENOTSOCK,
			      PAGEWIRE_WHY_SOCKET, "the device itself");
	close(ends[0]);
}

static int connected_udp(int family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT,
				    .sin6_port = htons(9) };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(9) };
	int fd = socket(family, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, family == AF_INET ? (void *)&four : (void *)&six,
			      family == AF_INET ? sizeof(four) : sizeof(six)))
		die("a UDP socket");
	return fd;
}

TEST_F(send, sockets_of_other_kinds_are_refused)
{
	int ends[2], raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	expect_socket_refused(_metadata, self, variant->path, connected_udp(AF_INET), EOPNOTSUPP,
			      PAGEWIRE_WHY_SOCKET_KIND, "UDP");
	expect_socket_refused(_metadata, self, variant->path, connected_udp(AF_INET6), EOPNOTSUPP,
			      PAGEWIRE_WHY_SOCKET_KIND, "UDP over IPv6");
	if (raw >= 0)
		expect_socket_refused(_metadata, self, variant->path, raw, EOPNOTSUPP,
				      PAGEWIRE_WHY_SOCKET_KIND, "raw");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	expect_socket_refused(_metadata, self, variant->path, ends[0], EOPNOTSUPP,
			      PAGEWIRE_WHY_SOCKET_KIND, "UNIX stream");
	expect_silence(_metadata, ends[1]);
	close(ends[1]);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	expect_socket_refused(_metadata, self, variant->path, ends[0], EOPNOTSUPP,
			      PAGEWIRE_WHY_SOCKET_KIND, "UNIX datagram");
	close(ends[1]);
}

TEST_F(send, a_multipath_tcp_socket_is_refused)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		SKIP(return, "multipath TCP: this kernel has none");
	expect_socket_refused(_metadata, self, variant->path, fd, EOPNOTSUPP,
			      PAGEWIRE_WHY_SOCKET_KIND, "MPTCP");
}

TEST_F(send, a_socket_that_is_not_connected_is_refused)
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		int listening = socket(families[i], SOCK_STREAM, 0);

		ASSERT_EQ(0, listen(listening, 1));
		expect_socket_refused(_metadata, self, variant->path,
				      socket(families[i], SOCK_STREAM, 0), ENOTCONN,
				      PAGEWIRE_WHY_SOCKET_STATE, "unconnected");
		expect_socket_refused(_metadata, self, variant->path, listening, ENOTCONN,
				      PAGEWIRE_WHY_SOCKET_STATE, "listening");
	}
}

/* A backlog that is full leaves the next one connecting. */
TEST_F(send, a_socket_that_is_still_connecting_takes_nothing)
{
	struct sockaddr_in where = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pagewire_segment segment = file_segment(self->file.fd, 0, 100);
	int listener = socket(AF_INET, SOCK_STREAM, 0), queued[8];
	socklen_t length = sizeof(where);
	struct pagewire_send send;
	unsigned int i;

	ASSERT_EQ(0, bind(listener, (void *)&where, length));
	ASSERT_EQ(0, listen(listener, 0));
	ASSERT_EQ(0, getsockname(listener, (void *)&where, &length));
	for (i = 0; i < ARRAY_SIZE(queued); i++) {
		queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(queued[i], (void *)&where, length);
	}
	send = request(variant->path, queued[i - 1], &segment, 1);
	EXPECT_EQ(device_send(self->device, &send) ? -ENOTCONN : -EAGAIN, send.result.status);
	EXPECT_EQ(0, send.result.bytes);
	for (i = 0; i < ARRAY_SIZE(queued); i++)
		close(queued[i]);
	close(listener);
}

TEST_F(send, refusals_are_counted_apart_from_transfers)
{
	struct pagewire_segment segment = file_segment(-1, 0, 100);
	struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);
	struct counters before, after;

	if (!counters_available())
		SKIP(return, "counters of refusals: no debugfs");
	counters_read(&before, path_file(variant->path));
	EXPECT_EQ(-EBADF, device_send(self->device, &send));
	counters_read(&after, path_file(variant->path));
	EXPECT_EQ(counter(&before, "refused") + 1, counter(&after, "refused"));
	EXPECT_EQ(counter(&before, "transfers"), counter(&after, "transfers"));
	EXPECT_EQ(counter(&before, "errors"), counter(&after, "errors"));
	EXPECT_EQ(counter(&before, "bytes"), counter(&after, "bytes"));
}

TEST_F(send, the_socket_works_after_refusals)
{
	struct pagewire_segment segment = file_segment(-1, 0, 100);
	struct pagewire_send send = request(variant->path, self->pair.tx, &segment, 1);
	uint8_t seen[100];

	EXPECT_EQ(-EBADF, device_send(self->device, &send));
	segment.fd = self->file.fd;
	EXPECT_EQ(0, device_send(self->device, &send));
	expect_all_sent(_metadata, &send, 100);
	ASSERT_EQ(100, read_available(self->pair.rx, seen, 100, 1000));
	expect_bytes(_metadata, self->file.image, seen, 100, "file");
}

TEST_HARNESS_MAIN
