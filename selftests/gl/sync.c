// SPDX-License-Identifier: GPL-2.0
/*
 * EXECBUFFER: sync objects and events (rows 96 to 100 of the list of what both
 * drivers have to do). Only ring 0 is fenced: virgl has no fences of others.
 */
#include "gl.h"

/* What the kernel keeps for a file that does not read its events, in events of 8 bytes. */
#define EVENTS (4096 / 8)

typedef struct drm_virtgpu_execbuffer_syncobj item;

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

static int exec_in(int fd, const void *items, uint32_t count, uint32_t stride)
{
	struct drm_virtgpu_execbuffer e = {
		.in_syncobjs = ptr(items), .num_in_syncobjs = count, .syncobj_stride = stride,
	};

	return exec(fd, &e);
}

static int exec_out(int fd, const void *items, uint32_t count, uint32_t stride)
{
	struct drm_virtgpu_execbuffer e = {
		.out_syncobjs = ptr(items), .num_out_syncobjs = count, .syncobj_stride = stride,
	};

	return exec(fd, &e);
}

/* Row 96. Elements of any size: what the caller does not have is 0, what it has more is not looked at. */
TEST_F(file, r96_strides)
{
	uint8_t many[4][64];
	uint32_t handles[4], n;

	for (n = 0; n < 4; n++) {
		item i = { .handle = handles[n] = syncobj(self->fd, 0) };

		ASSERT_LT(0, handles[n]);
		memset(many[n], 0xff, sizeof(many[n]));
		memcpy(many[n], &i, sizeof(i));
	}
	/* Out: a handle alone, handle and flags, all of it, more than all of it. */
	EXPECT_EQ(0, exec_out(self->fd, handles, 4, 4));
	for (n = 0; n < 4; n++) {
		EXPECT_EQ(0, syncobj_wait(self->fd, handles[n], 0, 10000));
	}
	EXPECT_EQ(0, exec_in(self->fd, handles, 4, 4));
	EXPECT_EQ(0, exec_out(self->fd, many, 4, 64));
	EXPECT_EQ(0, exec_in(self->fd, many, 4, 64));
	for (n = 0; n < 4; n++) {
		const uint32_t two[2] = { handles[n], 0 };
		const item one = { .handle = handles[n] };

		EXPECT_EQ(0, exec_out(self->fd, two, 1, 8));
		EXPECT_EQ(0, exec_in(self->fd, two, 1, 8));
		EXPECT_EQ(0, exec_out(self->fd, &one, 1, 16));
		EXPECT_EQ(0, exec_in(self->fd, &one, 1, 16));
	}
	/* No bytes at all are handle 0, which nobody has. */
	EXPECT_EQ(-ENOENT, exec_in(self->fd, handles, 1, 0));
	EXPECT_EQ(-EINVAL, exec_out(self->fd, handles, 1, 0));
}

/* Row 96. */
TEST_F(file, r96_flags_and_pointers)
{
	const uint32_t handle = syncobj(self->fd, 1);
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	item i = { .handle = handle };

	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	for (int bit = 0; bit < 32; bit++) {
		i.flags = 1u << bit;
		if (bit) {
			EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
		}
		EXPECT_EQ(-EINVAL, exec_out(self->fd, &i, 1, sizeof(i)));
	}
	i.flags = 0;
	EXPECT_EQ(-EFAULT, exec_in(self->fd, NULL, 1, sizeof(i)));
	EXPECT_EQ(-EFAULT, exec_out(self->fd, NULL, 1, sizeof(i)));
	memcpy(two + page - sizeof(i), &i, sizeof(i));
	EXPECT_EQ(0, exec_in(self->fd, two + page - sizeof(i), 1, sizeof(i)));
	EXPECT_EQ(0, exec_in(self->fd, two + page - sizeof(i), 1, 4096));
	EXPECT_EQ(-EFAULT, exec_in(self->fd, two + page - sizeof(i), 2, sizeof(i)));
	EXPECT_EQ(0, exec_out(self->fd, two + page - sizeof(i), 1, sizeof(i)));
	EXPECT_EQ(-EFAULT, exec_out(self->fd, two + page - sizeof(i), 2, sizeof(i)));
	munmap(two, 2 * page);
}

/* Row 97. */
TEST_F(file, r97_in_errors)
{
	int other = open(RENDER, O_RDWR);
	item i = { .handle = 9999 };

	EXPECT_EQ(-ENOENT, exec_in(self->fd, &i, 1, sizeof(i)));
	for (int n = 0; n < 10; n++)
		i.handle = syncobj(other, 1);
	EXPECT_EQ(-ENOENT, exec_in(self->fd, &i, 1, sizeof(i)));
	/* Nothing in it yet: that is not waited for. */
	i.handle = syncobj(self->fd, 0);
	EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
	i.point = 1;
	EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
	ASSERT_EQ(0, exec_out(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(0, exec_in(self->fd, &i, 1, sizeof(i)));
	i.point = 2;
	EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
	close(other);
}

/* Row 98. */
TEST_F(file, r98_reset)
{
	item i = { .handle = syncobj(self->fd, 1), .flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET };

	EXPECT_EQ(0, exec_in(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
	i.flags = 0;
	EXPECT_EQ(-EINVAL, exec_in(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(0, exec_out(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(0, exec_in(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(0, exec_in(self->fd, &i, 1, sizeof(i)));
}

/* Row 98. A submission that fails resets nothing. */
TEST_F(file, r98_reset_only_on_success)
{
	item list[2] = {
		{ .handle = syncobj(self->fd, 1), .flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET }, { .handle = 9999 },
	};
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_IN, .fence_fd = -1,
		.in_syncobjs = ptr(list), .num_in_syncobjs = 1, .syncobj_stride = sizeof(item),
	};

	EXPECT_EQ(-ENOENT, exec_in(self->fd, list, 2, sizeof(item)));
	EXPECT_EQ(0, syncobj_wait(self->fd, list[0].handle, 0, 0));
	if (!on_c_driver()) {
		/* There it resets what was read, when a later step fails. */
		EXPECT_EQ(-EINVAL, exec(self->fd, &e));
		EXPECT_EQ(0, syncobj_wait(self->fd, list[0].handle, 0, 0));
	}
}

/* Row 99. */
TEST_F(file, r99_out)
{
	item i = { .handle = syncobj(self->fd, 0) }, line[3];
	uint32_t timeline = syncobj(self->fd, 0);

	/* No fence before, one afterwards. */
	EXPECT_EQ(-EINVAL, syncobj_wait(self->fd, i.handle, 0, 0));
	EXPECT_EQ(0, exec_out(self->fd, &i, 1, sizeof(i)));
	EXPECT_EQ(0, syncobj_wait(self->fd, i.handle, 0, 10000));
	for (int n = 0; n < 3; n++)
		line[n] = (item){ .handle = timeline, .point = 5 + 5 * n };
	EXPECT_EQ(0, exec_out(self->fd, line, 3, sizeof(item)));
	EXPECT_EQ(0, syncobj_wait(self->fd, timeline, 4, 10000));
	EXPECT_EQ(0, syncobj_wait(self->fd, timeline, 15, 10000));
	EXPECT_EQ(-EINVAL, syncobj_wait(self->fd, timeline, 16, 0));
	for (int n = 0; n < 3; n++) {
		EXPECT_EQ(0, exec_in(self->fd, &line[n], 1, sizeof(item)));
	}
	i.handle = 9999;
	EXPECT_EQ(-EINVAL, exec_out(self->fd, &i, 1, sizeof(i)));
	i.point = 1;
	EXPECT_EQ(-EINVAL, exec_out(self->fd, &i, 1, sizeof(i)));
	/* One bad handle, and none of the others has got anything. */
	line[0] = (item){ .handle = syncobj(self->fd, 0) };
	line[1] = (item){ .handle = 9999 };
	EXPECT_EQ(-EINVAL, exec_out(self->fd, line, 2, sizeof(item)));
	EXPECT_EQ(-EINVAL, syncobj_wait(self->fd, line[0].handle, 0, 0));
}

/* Rows 97, 99. The fence of one file comes before the stream of another. */
TEST_F(file, r99_between_files)
{
	int other = open(RENDER, O_RDWR), fence;
	struct drm_syncobj_handle h = { 0 };
	item i = { .handle = syncobj(self->fd, 0), .point = 7 };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .in_syncobjs = ptr(&i), .num_in_syncobjs = 1,
		.syncobj_stride = sizeof(i),
	};

	ASSERT_EQ(0, exec_out(self->fd, &i, 1, sizeof(i)));
	h.handle = i.handle;
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h));
	ASSERT_EQ(0, call(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h));
	i.handle = h.handle;
	ASSERT_EQ(0, exec(other, &e));
	fence = e.fence_fd;
	EXPECT_TRUE(signals(fence, 10000));
	EXPECT_EQ(0, syncobj_wait(other, h.handle, 7, 0));
	close(fence);
	close(h.fd);
	close(other);
}

/* -- events ------------------------------------------------------------------------ */

static int submit_ring(int fd, uint32_t ring)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = ring };

	return exec(fd, &e);
}

/* An event within `ms`: 1, none: 0, something else: -1. */
static int event(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct drm_event e = { 0 };

	if (poll(&p, 1, ms) != 1)
		return 0;
	return read(fd, &e, sizeof(e)) == 8 && e.type == VIRTGPU_EVENT_FENCE_SIGNALED && e.length == 8 ? 1 : -1;
}

/* Row 100. Polled rings tell, others do not. */
TEST_F(file, r100_events)
{
	int fd = open_rings(3, 1 << 0), quiet = open_rings(3, 1 << 1);
	struct drm_virtgpu_execbuffer e = { .ring_idx = 0 };

	ASSERT_LE(0, fd);
	ASSERT_LE(0, quiet);
	ASSERT_EQ(0x90000000, VIRTGPU_EVENT_FENCE_SIGNALED);
	for (int n = 0; n < 5; n++) {
		EXPECT_EQ(0, submit_ring(fd, 0));
		EXPECT_EQ(1, event(fd, 10000));
	}
	EXPECT_EQ(0, event(fd, 50));
	EXPECT_EQ(0, submit_ring(quiet, 0));
	EXPECT_EQ(0, submit_ring(fd, 2));
	EXPECT_EQ(0, event(quiet, 100));
	EXPECT_EQ(0, exec(fd, &e));
	EXPECT_EQ(0, event(fd, 200));
	/* One each, and a fence as well. */
	e = (struct drm_virtgpu_execbuffer){
		.flags = VIRTGPU_EXECBUF_RING_IDX | VIRTGPU_EXECBUF_FENCE_FD_OUT, .ring_idx = 0,
	};
	for (int n = 0; n < 20; n++) {
		EXPECT_EQ(0, submit_ring(fd, 0));
	}
	EXPECT_EQ(0, exec(fd, &e));
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	for (int n = 0; n < 21; n++) {
		EXPECT_EQ(1, event(fd, 10000));
	}
	EXPECT_EQ(0, event(fd, 50));
	close(e.fence_fd);
	close(quiet);
	close(fd);
}

/* Row 100. Several in one read, and a buffer that has room for none. */
TEST_F(file, r100_reads)
{
	int fd = open_rings(1, 1), got = 0;
	uint32_t words[256];

	ASSERT_LE(0, fd);
	for (int n = 0; n < 10; n++) {
		EXPECT_EQ(0, submit_ring(fd, 0));
	}
	while (got < 10 * 8) {
		int n = read(fd, words, sizeof(words));

		ASSERT_LT(0, n);
		ASSERT_EQ(0, n % 8);
		for (int i = 0; i < n / 4; i += 2) {
			ASSERT_EQ(VIRTGPU_EVENT_FENCE_SIGNALED, words[i]);
			ASSERT_EQ(8, words[i + 1]);
		}
		got += n;
	}
	EXPECT_EQ(80, got);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(-1, read(fd, words, sizeof(words)));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

/* Row 100. A client that does not read gets no more, until it does. */
TEST_F(file, r100_no_room)
{
	int fd = open_rings(2, 1);

	ASSERT_LE(0, fd);
	for (int n = 0; n < EVENTS; n++) {
		ASSERT_EQ(0, submit_ring(fd, 0)) {
			TH_LOG("submission %d", n);
		}
	}
	EXPECT_EQ(-ENOMEM, submit_ring(fd, 0));
	EXPECT_EQ(-ENOMEM, submit_ring(fd, 0));
	EXPECT_EQ(0, submit_ring(fd, 1));
	EXPECT_EQ(1, event(fd, 10000));
	EXPECT_EQ(0, submit_ring(fd, 0));
	EXPECT_EQ(-ENOMEM, submit_ring(fd, 0));
	for (int n = 0; n < EVENTS; n++) {
		ASSERT_EQ(1, event(fd, 10000));
	}
	EXPECT_EQ(0, event(fd, 50));
	close(fd);
}

/* Row 100. What fails gives its room back, whatever it failed for. */
TEST_F(file, r100_room_of_failures)
{
	int fd = open_rings(1, 1);
	const uint32_t none = 9999;
	item i = { .handle = 9999 };

	ASSERT_LE(0, fd);
	for (int n = 0; n < 2 * EVENTS; n++) {
		struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_RING_IDX };

		switch (n % 5) {
		case 0:
			e.bo_handles = ptr(&none);
			e.num_bo_handles = 1;
			break;
		case 1:
			e.size = 4;
			break;
		case 2:
			e.flags |= VIRTGPU_EXECBUF_FENCE_FD_IN;
			e.fence_fd = -1;
			break;
		case 3:
			e.in_syncobjs = ptr(&i);
			e.num_in_syncobjs = 1;
			e.syncobj_stride = sizeof(i);
			break;
		case 4:
			e.out_syncobjs = ptr(&i);
			e.num_out_syncobjs = 1;
			e.syncobj_stride = sizeof(i);
			break;
		}
		ASSERT_GT(0, exec(fd, &e));
		ASSERT_NE(-ENOMEM, exec(fd, &e));
	}
	EXPECT_EQ(0, event(fd, 50));
	EXPECT_EQ(0, submit_ring(fd, 0));
	EXPECT_EQ(1, event(fd, 10000));
	close(fd);
}

/* Row 100. A file that is closed with events that nobody has read. */
TEST_F(file, r100_closed_unread)
{
	for (int n = 0; n < 20; n++) {
		int fd = open_rings(2, 1);
		struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_RING_IDX | VIRTGPU_EXECBUF_FENCE_FD_OUT };

		ASSERT_LE(0, fd);
		for (int k = 0; k < 40; k++) {
			ASSERT_EQ(0, submit_ring(fd, 0));
		}
		ASSERT_EQ(0, exec(fd, &e));
		if (n & 1) {
			ASSERT_EQ(1, event(fd, 10000));
		}
		/* virglrenderer forgets the fences of a ring whose context goes. */
		ASSERT_TRUE(signals(e.fence_fd, 20000));
		close(e.fence_fd);
		close(fd);
	}
}

TEST_HARNESS_MAIN
