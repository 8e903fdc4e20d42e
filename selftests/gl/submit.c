// SPDX-License-Identifier: GPL-2.0
/*
 * EXECBUFFER: streams, objects, fences (rows 85 to 104 of the list of what both
 * drivers have to do). Sync objects and events are in sync.c.
 */
#include "gl.h"
#include <sys/resource.h>
#include <sys/time.h>

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

/* Row 85. */
TEST_F(file, r85_unknown_flags)
{
	for (int bit = 3; bit < 32; bit++) {
		struct drm_virtgpu_execbuffer e = { .flags = 1u << bit, .fence_fd = 55 };

		EXPECT_EQ(-EINVAL, exec(self->fd, &e));
		e.flags |= VIRTGPU_EXECBUF_FENCE_FD_OUT;
		EXPECT_EQ(-EINVAL, exec(self->fd, &e));
		EXPECT_EQ(55, e.fence_fd);
	}
}

/* Row 86. */
TEST_F(file, r86_rings)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_RING_IDX };
	int fd = open_rings(3, 0);

	/* A file without a context, and one whose context has no rings. */
	EXPECT_EQ(-EINVAL, exec(self->fd, &e));
	EXPECT_EQ(0, exec_words(self->fd, NULL, 0, 0));
	EXPECT_EQ(-EINVAL, exec(self->fd, &e));
	ASSERT_LE(0, fd);
	for (e.ring_idx = 0; e.ring_idx < 3; e.ring_idx++) {
		EXPECT_EQ(0, exec(fd, &e));
	}
	EXPECT_EQ(-EINVAL, exec(fd, &e));
	e.ring_idx = 64;
	EXPECT_EQ(-EINVAL, exec(fd, &e));
	e.ring_idx = UINT32_MAX;
	EXPECT_EQ(-EINVAL, exec(fd, &e));
	/* Without the flag nobody looks. */
	e.flags = 0;
	EXPECT_EQ(0, exec(fd, &e));
	close(fd);
	fd = open_rings(64, 0);
	e = (struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = 63 };
	EXPECT_EQ(0, exec(fd, &e));
	close(fd);
}

/* Row 87. As IGT has it: nothing at all, for one object. */
TEST_F(file, r87_empty)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);

	EXPECT_EQ(0, exec_words(self->fd, NULL, 0, handle));
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	EXPECT_EQ(0, exec_words(self->fd, NULL, 0, 0));
}

/* Row 87 and the calls of older clients: 40 bytes end before the ring. */
TEST_F(file, r87_short_and_long)
{
	const unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, 'd', DRM_COMMAND_BASE + DRM_VIRTGPU_EXECBUFFER, 0);
	struct {
		struct drm_virtgpu_execbuffer e;
		uint8_t more[64];
	} longer = { 0 };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = -1,
		/* Behind the 40 bytes, so not looked at. */
		.syncobj_stride = 77, .num_in_syncobjs = 77, .num_out_syncobjs = 77, .in_syncobjs = 77, .out_syncobjs = 77,
	};

	ASSERT_EQ(64, sizeof(e));
	EXPECT_EQ(0, call(self->fd, request | 40u << _IOC_SIZESHIFT, &e));
	ASSERT_LE(0, e.fence_fd);
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	EXPECT_EQ(77, e.num_in_syncobjs);
	close(e.fence_fd);
	longer.e.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	memset(longer.more, 0xff, sizeof(longer.more));
	EXPECT_EQ(0, call(self->fd, request | (unsigned int)sizeof(longer) << _IOC_SIZESHIFT, &longer));
	EXPECT_TRUE(signals(longer.e.fence_fd, 10000));
	close(longer.e.fence_fd);
}

/* -- streams --------------------------------------------------------------------- */

/* A stream that writes what `pattern` says into a buffer; the words it has. */
static size_t write_stream(uint32_t *to, uint32_t resource, uint32_t size, uint32_t seed)
{
	const uint32_t piece = 60000 * 4;
	uint32_t *w = to;

	for (uint32_t at = 0; at < size; at += piece) {
		uint32_t n = size - at < piece ? size - at : piece;

		*w++ = VIRGL(VIRGL_RESOURCE_INLINE_WRITE, 0, 11 + n / 4);
		*w++ = resource;
		for (int i = 0; i < 4; i++)
			*w++ = 0;	/* level, usage, two strides */
		*w++ = at;
		*w++ = 0;
		*w++ = 0;
		*w++ = n;
		*w++ = 1;
		*w++ = 1;
		for (uint32_t i = 0; i < n; i++)
			((uint8_t *)w)[i] = pattern(seed, at + i);
		w += n / 4;
	}
	return w - to;
}

/* Row 103. Streams of many sizes arrive as they are: what they write is read back. QEMU takes 4 MiB. */
TEST_F_TIMEOUT(file, r103_streams_arrive, 120)
{
	static const uint32_t sizes[] = { 4, 4000, 4096, 65536, MIB, 2 * MIB, 3 * MIB, 4 * MIB - 4096 };
	uint32_t resource, handle = buffer(self->fd, 4 * MIB, &resource);
	uint32_t *stream = malloc(4 * MIB);
	uint8_t *mem = map(self->fd, handle, 4 * MIB);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, stream);
	for (unsigned int n = 0; n < ARRAY_SIZE(sizes); n++) {
		/* One descriptor a page there, and the host takes 1024. */
		if (sizes[n] > 2 * MIB && on_c_driver())
			break;
		size_t words = write_stream(stream, resource, sizes[n], n);

		ASSERT_EQ(0, exec_words(self->fd, stream, words, handle));
		/* The caller may use its memory again at once. */
		memset(stream, 0, words * 4);
		ASSERT_EQ(0, from_host(self->fd, handle, (struct area){ .w = sizes[n], .h = 1 }));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		for (uint32_t i = 0; i < sizes[n]; i++) {
			ASSERT_EQ(pattern(n, i), mem[i]) {
				TH_LOG("size %u, byte %u", sizes[n], i);
			}
		}
	}
	free(stream);
	munmap(mem, 4 * MIB);
}

/* Row 103. A stream that is more than the host takes: carried out, or its fence tells. */
TEST_F(file, r103_more_than_the_host_takes)
{
	uint32_t resource, handle = buffer(self->fd, 16 * MIB, &resource);
	uint8_t *mem = map(self->fd, handle, 16 * MIB);
	uint32_t *stream = malloc(17 * MIB);
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .command = ptr(stream) };
	int wrong = 0;

	if (on_c_driver())
		SKIP(return, "the C driver breaks the device with so many descriptors");
	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, stream);
	e.size = write_stream(stream, resource, 16 * MIB, 5) * 4;
	ASSERT_EQ(0, exec(self->fd, &e));
	ASSERT_TRUE(signals(e.fence_fd, 20000));
	ASSERT_EQ(0, from_host(self->fd, handle, (struct area){ .w = 16 * MIB, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	for (uint32_t i = 0; i < 16 * MIB; i++)
		wrong |= mem[i] != pattern(5, i);
	TH_LOG("16 MiB: fence %d, contents %s", fence_status(e.fence_fd), wrong ? "old" : "new");
	if (wrong) {
		EXPECT_GT(0, fence_status(e.fence_fd));
	} else {
		EXPECT_EQ(1, fence_status(e.fence_fd));
	}
	close(e.fence_fd);
	free(stream);
}

/* Row 103. A picture is cleared and part of it copied into another one. */
TEST_F(file, r103_clear_and_copy)
{
	uint32_t res[2], h[2] = { picture(self->fd, 64, 64, 1, &res[0]), picture(self->fd, 64, 64, 1, &res[1]) };
	uint32_t *mem[2] = { map(self->fd, h[0], 16384), map(self->fd, h[1], 16384) };
	const uint32_t stream[] = {
		VIRGL(VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SURFACE, 5), 1, res[0], FORMAT_BGRA8, 0, 0,
		VIRGL(VIRGL_SET_FRAMEBUFFER_STATE, 0, 3), 1, 0, 1,
		/* Colour 0, to red 1, green 0, blue 1, alpha 1 as floating point. */
		VIRGL(VIRGL_CLEAR, 0, 8), 4, 0x3f800000, 0, 0x3f800000, 0x3f800000, 0, 0, 0,
		VIRGL(VIRGL_RESOURCE_COPY_REGION, 0, 13), res[1], 0, 8, 4, 0, res[0], 0, 16, 16, 0, 32, 8, 1,
	};
	uint32_t both[] = { h[0], h[1] };
	struct drm_virtgpu_execbuffer e = {
		.command = ptr(stream), .size = sizeof(stream), .bo_handles = ptr(both), .num_bo_handles = 2,
	};

	ASSERT_NE(NULL, mem[0]);
	ASSERT_NE(NULL, mem[1]);
	memset(mem[1], 0x11, 16384);
	ASSERT_EQ(0, to_host(self->fd, h[1], (struct area){ .w = 64, .h = 64 }));
	ASSERT_EQ(0, exec(self->fd, &e));
	for (int n = 0; n < 2; n++) {
		ASSERT_EQ(0, from_host(self->fd, h[n], (struct area){ .w = 64, .h = 64 }));
		ASSERT_EQ(0, wait_for(self->fd, h[n], 0));
	}
	for (int y = 0; y < 64; y++)
		for (int x = 0; x < 64; x++) {
			int in = x >= 8 && x < 40 && y >= 4 && y < 12;

			ASSERT_EQ(0xffff00ff, mem[0][y * 64 + x]);
			ASSERT_EQ(in ? 0xffff00ff : 0x11111111, mem[1][y * 64 + x]) {
				TH_LOG("pixel %d,%d", x, y);
			}
		}
}

/* Row 103. Sizes that are no words, and bytes that are no stream, are between client and host. */
TEST_F(file, r103_nonsense)
{
	uint32_t words[1024];

	for (int i = 0; i < 1024; i++)
		words[i] = 0xdeadbeef * (i + 1);
	for (uint32_t size = 1; size < 10; size++) {
		struct drm_virtgpu_execbuffer e = {
			.command = ptr(words), .size = size, .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT,
		};

		ASSERT_EQ(0, exec(self->fd, &e));
		EXPECT_TRUE(signals(e.fence_fd, 10000));
		close(e.fence_fd);
	}
	EXPECT_EQ(0, exec_words(self->fd, words, 1024, 0));
	EXPECT_LE(0, fence_status(exec_fence(self->fd)));
}

/* Row 103. */
TEST_F(file, r103_stream_pointers)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct drm_virtgpu_execbuffer e = { .command = ptr(two + page - 4), .size = 4 };

	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	EXPECT_EQ(0, exec(self->fd, &e));
	e.size = 8;
	EXPECT_EQ(-EFAULT, exec(self->fd, &e));
	e = (struct drm_virtgpu_execbuffer){ .size = 4 };
	EXPECT_EQ(-EFAULT, exec(self->fd, &e));
	e.size = MIB;
	EXPECT_EQ(-EFAULT, exec(self->fd, &e));
	munmap(two, 2 * page);
}

/* -- objects --------------------------------------------------------------------- */

/* Row 90. */
TEST_F(file, r90_bad_objects)
{
	int other = open(RENDER, O_RDWR), timeline = sw_timeline(), fence = sw_fence(timeline, 1);
	uint32_t theirs = 0, good = buffer(self->fd, 4096, NULL), list[3] = { good, 0, good };
	struct drm_virtgpu_execbuffer e = { .bo_handles = ptr(list), .num_bo_handles = 2 };

	for (int n = 0; n < 10; n++)
		theirs = buffer(other, 4096, NULL);
	EXPECT_EQ(-ENOENT, exec(self->fd, &e));
	list[1] = UINT32_MAX;
	EXPECT_EQ(-ENOENT, exec(self->fd, &e));
	list[1] = theirs;
	EXPECT_EQ(-ENOENT, exec(self->fd, &e));
	e.bo_handles = 0;
	EXPECT_EQ(-EFAULT, exec(self->fd, &e));
	/* What is refused makes nothing busy and leaves nothing behind. */
	e.bo_handles = ptr(list);
	e.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	e.fence_fd = 33;
	EXPECT_EQ(-ENOENT, exec(self->fd, &e));
	EXPECT_EQ(33, e.fence_fd);
	EXPECT_EQ(0, wait_for(self->fd, good, 0));
	close(fence);
	close(timeline);
	close(other);
}

/* Row 91. An object that is named twice is meant once. */
TEST_F(file, r91_objects_twice)
{
	uint32_t a = buffer(self->fd, 4096, NULL), b = buffer(self->fd, 4096, NULL);
	uint32_t list[6] = { a, b, a, a, b, b };
	struct drm_virtgpu_execbuffer e = { .bo_handles = ptr(list), .num_bo_handles = 6 };

	if (on_c_driver())
		SKIP(return, "the C driver cannot lock an object twice (EALREADY)");
	EXPECT_EQ(0, exec(self->fd, &e));
	EXPECT_EQ(0, wait_for(self->fd, a, 0));
	EXPECT_EQ(0, wait_for(self->fd, b, 0));
}

/* Row 90. Many, and orders that two threads would stumble over. */
TEST_F(file, r90_many_objects)
{
	enum { N = 300 };
	uint32_t list[N];
	struct drm_virtgpu_execbuffer e = { .bo_handles = ptr(list), .num_bo_handles = N };

	for (int i = 0; i < N; i++) {
		list[i] = buffer(self->fd, 4096, NULL);
		ASSERT_LT(0, list[i]);
	}
	ASSERT_EQ(0, exec(self->fd, &e));
	for (int i = 0; i < N / 2; i++) {
		uint32_t t = list[i];

		list[i] = list[N - 1 - i];
		list[N - 1 - i] = t;
	}
	ASSERT_EQ(0, exec(self->fd, &e));
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(0, wait_for(self->fd, list[i], 0));
	}
}

/* Rows 90, 96. Counts beyond everything give an errno, and no warning in the log. */
TEST_F(file, r90_huge_counts)
{
	static const uint32_t counts[] = { 1 << 20, 1 << 24, 1 << 28, 1 << 29, 1u << 30, 1u << 31, UINT32_MAX };
	uint64_t memory[4] = { 0 };

	if (on_c_driver())
		SKIP(return, "the C driver lets these run into a warning of the kernel");
	for (unsigned int n = 0; n < ARRAY_SIZE(counts); n++) {
		struct drm_virtgpu_execbuffer e = { .bo_handles = ptr(memory), .num_bo_handles = counts[n] };

		EXPECT_GT(0, exec(self->fd, &e));
		e = (struct drm_virtgpu_execbuffer){
			.syncobj_stride = 16, .in_syncobjs = ptr(memory), .num_in_syncobjs = counts[n],
		};
		EXPECT_GT(0, exec(self->fd, &e));
		e = (struct drm_virtgpu_execbuffer){
			.syncobj_stride = 16, .out_syncobjs = ptr(memory), .num_out_syncobjs = counts[n],
		};
		EXPECT_GT(0, exec(self->fd, &e));
		if (counts[n] >= 1u << 30) {
			e = (struct drm_virtgpu_execbuffer){ .command = ptr(memory), .size = counts[n] - 1 };
			EXPECT_GT(0, exec(self->fd, &e));
		}
	}
	EXPECT_EQ(0, exec_words(self->fd, NULL, 0, 0));
}

/* Row 92. The fence is the object's, for everybody; what the object waits for is not the submission's matter. */
TEST_F(file, r92_implicit)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1), dmabuf;
	struct dma_buf_export_sync_file s = { .flags = DMA_BUF_SYNC_READ };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .bo_handles = ptr(&handle), .num_bo_handles = 1,
	};
	struct pollfd p;

	dmabuf = export_fd(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	ASSERT_EQ(0, exec(self->fd, &e));
	ASSERT_EQ(0, call(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &s));
	EXPECT_TRUE(signals(s.fd, 10000));
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	close(s.fd);
	close(e.fence_fd);
	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	ASSERT_EQ(0, exec(self->fd, &e));
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	close(e.fence_fd);
	/* Both fences count: the other one is still there. */
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	p = (struct pollfd){ .fd = dmabuf, .events = POLLOUT };
	EXPECT_EQ(0, poll(&p, 1, 50));
	sw_advance(timeline, 1);
	EXPECT_EQ(1, poll(&p, 1, 10000));
	EXPECT_EQ(0, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	close(dmabuf);
	close(fence);
	close(timeline);
}

/* -- fences ---------------------------------------------------------------------- */

/* Row 93. No sync file. */
TEST_F(file, r93_no_sync_file)
{
	static const int bad[] = { -1, INT_MAX, 12345 };
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_IN };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		e.fence_fd = bad[i];
		EXPECT_EQ(-EINVAL, exec(self->fd, &e));
		EXPECT_EQ(bad[i], e.fence_fd);
	}
	e.fence_fd = self->fd;
	EXPECT_EQ(-EINVAL, exec(self->fd, &e));
	e.flags |= VIRTGPU_EXECBUF_FENCE_FD_OUT;
	EXPECT_EQ(-EINVAL, exec(self->fd, &e));
	EXPECT_EQ(self->fd, e.fence_fd);
}

/* Row 94. */
TEST_F(file, r94_fence_out)
{
	int fence = exec_fence(self->fd);
	struct sync_file_info info = { 0 };

	ASSERT_LE(0, fence);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fence, F_GETFD));
	EXPECT_TRUE(signals(fence, 10000));
	EXPECT_EQ(0, call(fence, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(1, info.status);
	close(fence);
}

/* Row 94. No file descriptor left; nothing was queued, and it works again later. */
TEST_F(file, r94_no_descriptor)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = 44 };
	struct rlimit old, low;
	int fence;

	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &low);
	EXPECT_EQ(-EMFILE, exec(self->fd, &e));
	EXPECT_EQ(44, e.fence_fd);
	setrlimit(RLIMIT_NOFILE, &old);
	fence = exec_fence(self->fd);
	EXPECT_TRUE(signals(fence, 10000));
	close(fence);
}

/* Rows 93, 95. The stream comes after the fence, which is given and got in one field. */
TEST_F(file, r95_fence_in_and_out)
{
	int timeline = sw_timeline(), in = sw_fence(timeline, 1), status;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource), stream[1100];
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = in,
		.command = ptr(stream),
	};
	/* Looks from a context of its own: what comes after the stream in the same one may wait for it. */
	int other = open(RENDER, O_RDWR), dmabuf = export_fd(self->fd, handle);
	struct drm_prime_handle p = { .fd = dmabuf };
	uint8_t *mem;
	pid_t child;

	ASSERT_LE(0, in);
	ASSERT_EQ(0, call(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p));
	mem = map(other, p.handle, 4096);
	ASSERT_NE(NULL, mem);
	e.size = write_stream(stream, resource, 4000, 1) * 4;
	ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
	child = fork();
	if (child == 0) {
		int saw = 0;

		/* Looks whether something of the stream is carried out, and only then lets it go. */
		for (int n = 0; n < 10; n++) {
			sleep_ms(20);
			memset(mem, 0x5a, 4096);
			if (from_host(other, p.handle, (struct area){ .w = 4096, .h = 1 }) || wait_for(other, p.handle, 0))
				saw = 1;
			for (int i = 0; i < 4096; i++)
				saw |= mem[i];
		}
		sw_advance(timeline, 1);
		_exit(saw ? 1 : 0);
	}
	ASSERT_EQ(0, exec(self->fd, &e));
	EXPECT_NE(in, e.fence_fd);
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	EXPECT_EQ(1, fence_status(e.fence_fd));
	/* The one that was given is still its owner's, and was first. */
	EXPECT_EQ(1, fence_status(in));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, from_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	for (int i = 0; i < 4000; i++) {
		ASSERT_EQ(pattern(1, i), mem[i]);
	}
	close(in);
	close(e.fence_fd);
	close(timeline);
}

/* Row 93. Own fences, those of another file, several in one. */
TEST_F(file, r93_fences_in)
{
	int other = open(RENDER, O_RDWR), a = exec_fence(self->fd), b = exec_fence(other);
	struct sync_merge_data m = { .name = "both", .fd2 = b };
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_IN };
	int fences[3];

	ASSERT_EQ(0, call(a, SYNC_IOC_MERGE, &m));
	fences[0] = a;
	fences[1] = b;
	fences[2] = m.fence;
	for (int i = 0; i < 3; i++) {
		struct drm_virtgpu_execbuffer both = {
			.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = fences[i],
		};

		e.fence_fd = fences[i];
		EXPECT_EQ(0, exec(self->fd, &e));
		EXPECT_EQ(0, exec(other, &both));
		EXPECT_TRUE(signals(both.fence_fd, 10000));
		EXPECT_TRUE(signals(fences[i], 0));
		close(both.fence_fd);
	}
	for (int i = 0; i < 3; i++)
		close(fences[i]);
	close(other);
}

static void nothing(int signal)
{
}

/* Row 102. Interrupted before anything has happened; or taken, if the driver waits elsewhere. */
TEST_F(file, r102_interrupted)
{
	struct itimerval t = { .it_value.tv_usec = 200000, .it_interval.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = nothing };
	int timeline = sw_timeline(), in = sw_fence(timeline, 1), ret;
	uint32_t handle = buffer(self->fd, 4096, NULL);
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = in,
		.bo_handles = ptr(&handle), .num_bo_handles = 1,
	};

	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	ret = exec(self->fd, &e);
	memset(&t, 0, sizeof(t));
	setitimer(ITIMER_REAL, &t, NULL);
	if (ret) {
		EXPECT_EQ(-EINTR, ret);
		EXPECT_EQ(in, e.fence_fd);
		EXPECT_EQ(0, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	} else {
		EXPECT_FALSE(signals(e.fence_fd, 100));
		EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	}
	sw_advance(timeline, 1);
	e.fence_fd = in;
	EXPECT_EQ(0, exec(self->fd, &e));
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	close(timeline);
}

/* Rows 89, 104. Fences of a ring signal in the order of their submissions, and so do those of no ring. */
TEST_F(file, r104_order)
{
	int fd = open_rings(2, 0), fences[64];

	ASSERT_LE(0, fd);
	for (int i = 0; i < 64; i++) {
		struct drm_virtgpu_execbuffer e = {
			.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | (i & 1 ? VIRTGPU_EXECBUF_RING_IDX : 0),
		};

		ASSERT_EQ(0, exec(fd, &e));
		fences[i] = e.fence_fd;
	}
	for (int i = 63; i >= 62; i--) {
		ASSERT_TRUE(signals(fences[i], 10000));
		for (int k = i; k >= 0; k -= 2) {
			ASSERT_EQ(1, fence_status(fences[k]));
		}
	}
	for (int i = 0; i < 64; i++)
		close(fences[i]);
	close(fd);
}

TEST_HARNESS_MAIN
