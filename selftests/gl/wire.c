// SPDX-License-Identifier: GPL-2.0
/*
 * EXECBUFFER: what of a submission goes to the host, as the kernel traces it, and in
 * which order its arguments are looked at (rows 88, 89 and 101 of the list of what both
 * drivers have to do).
 */
#include "gl.h"
#include <sys/time.h>

#define TRACING "/sys/kernel/tracing"
#define CMD_SUBMIT_3D 0x207
#define FLAG_FENCE 1
#define FLAG_RING_IDX 2

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = open_rings(2, 1 << 1);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

struct queued {
	uint32_t flags;
	uint64_t fence;
};

static int trace_begin(void)
{
	mount("tracefs", TRACING, "tracefs", 0, NULL);
	return write_to(TRACING "/trace", "") ?: write_to(TRACING "/events/virtio_gpu/virtio_gpu_cmd_queue/enable", "1");
}

/* The streams that went out since then; how many. */
static int trace_end(struct queued *found, int room)
{
	FILE *f = fopen(TRACING "/trace", "r");
	char line[1000];
	int n = 0;

	write_to(TRACING "/events/virtio_gpu/virtio_gpu_cmd_queue/enable", "0");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, " type=0x"), *fence = strstr(line, " fence_id=");
		unsigned int type;

		if (at && fence && n < room && sscanf(at, " type=0x%x flags=0x%x", &type, &found[n].flags) == 2 &&
		    type == CMD_SUBMIT_3D)
			found[n++].fence = strtoull(fence + 10, NULL, 10);
	}
	fclose(f);
	return n;
}

/* Row 88. A stream has a fence if somebody could wait for it. */
TEST_F(file, r88_who_has_a_fence)
{
	uint32_t nop[4] = { 0 }, handle = buffer(self->fd, 4096, NULL), so = syncobj(self->fd, 0);
	struct drm_virtgpu_execbuffer_syncobj item = { .handle = so };
	const struct drm_virtgpu_execbuffer kinds[] = {
		{ .flags = 0 },
		{ .flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = 0 },
		{ .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT },
		{ .num_out_syncobjs = 1, .out_syncobjs = ptr(&item), .syncobj_stride = sizeof(item) },
		{ .num_bo_handles = 1, .bo_handles = ptr(&handle) },
		{ .flags = VIRTGPU_EXECBUF_RING_IDX | VIRTGPU_EXECBUF_FENCE_FD_OUT, .ring_idx = 0 },
		{ .flags = 0 },
	};
	static const uint32_t flags[] = {
		0, 0, FLAG_FENCE, FLAG_FENCE, FLAG_FENCE, FLAG_FENCE | FLAG_RING_IDX, 0,
	};
	struct queued found[16];

	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	ASSERT_EQ(0, trace_begin());
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct drm_virtgpu_execbuffer e = kinds[i];

		e.command = ptr(nop);
		e.size = sizeof(nop);
		e.fence_fd = -1;
		ASSERT_EQ(0, exec(self->fd, &e));
		if (e.fence_fd >= 0) {
			EXPECT_TRUE(signals(e.fence_fd, 10000));
			close(e.fence_fd);
		}
	}
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	ASSERT_EQ((int)ARRAY_SIZE(kinds), trace_end(found, 16));
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		EXPECT_EQ(flags[i], found[i].flags) {
			TH_LOG("submission %u", i);
		}
		EXPECT_EQ(!!(flags[i] & FLAG_FENCE), found[i].fence != 0);
	}
}

/* Row 89. Numbers of fences go up in the order in which the commands go out, on rings and off them. */
TEST_F(file, r89_numbers)
{
	uint32_t nop[4] = { 0 };
	struct queued found[64];
	int fences[32];

	ASSERT_EQ(0, trace_begin());
	for (int i = 0; i < 32; i++) {
		struct drm_virtgpu_execbuffer e = {
			.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | (i % 3 ? VIRTGPU_EXECBUF_RING_IDX : 0),
			.command = ptr(nop), .size = sizeof(nop),
		};

		ASSERT_EQ(0, exec(self->fd, &e));
		fences[i] = e.fence_fd;
	}
	for (int i = 0; i < 32; i++) {
		EXPECT_TRUE(signals(fences[i], 10000));
		close(fences[i]);
	}
	ASSERT_EQ(32, trace_end(found, 64));
	for (int i = 0; i < 32; i++) {
		EXPECT_EQ(i % 3 ? FLAG_FENCE | FLAG_RING_IDX : FLAG_FENCE, found[i].flags);
		if (i) {
			EXPECT_LT(found[i - 1].fence, found[i].fence);
		}
	}
}

static void nothing(int signal)
{
}

/* Row 101. What is wrong with a submission is said before anything is waited for, and nothing goes out. */
TEST_F(file, r101_errors_before_waits)
{
	struct itimerval t = { .it_value.tv_usec = 300000, .it_interval.tv_usec = 300000 };
	struct drm_virtgpu_execbuffer_syncobj none = { .handle = UINT32_MAX }, empty = { .handle = syncobj(self->fd, 0) };
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1);
	struct sigaction action = { .sa_handler = nothing };
	uint32_t nop[4] = { 0 }, handle = UINT32_MAX;
	const struct {
		struct drm_virtgpu_execbuffer e;
		int want;
	} wrong[] = {
		{ { .flags = 0x100 }, -EINVAL },
		{ { .flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = 2 }, -EINVAL },
		{ { .num_bo_handles = 1, .bo_handles = ptr(&handle) }, -ENOENT },
		{ { .num_out_syncobjs = 1, .out_syncobjs = ptr(&none), .syncobj_stride = sizeof(none) }, -EINVAL },
		{ { .num_in_syncobjs = 1, .in_syncobjs = ptr(&none), .syncobj_stride = sizeof(none) }, -ENOENT },
		{ { .num_in_syncobjs = 1, .in_syncobjs = ptr(&empty), .syncobj_stride = sizeof(empty) }, -EINVAL },
		{ { .command = 1 }, -EFAULT },
	};
	struct queued found[4];

	ASSERT_LE(0, fence);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	ASSERT_EQ(0, trace_begin());
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct drm_virtgpu_execbuffer e = wrong[i].e;

		e.command = e.command ?: ptr(nop);
		e.size = sizeof(nop);
		e.flags |= VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT;
		e.fence_fd = fence;
		EXPECT_EQ(wrong[i].want, exec(self->fd, &e)) {
			TH_LOG("submission %u", i);
		}
		EXPECT_EQ(fence, e.fence_fd);
	}
	EXPECT_EQ(0, trace_end(found, 4));
	memset(&t, 0, sizeof(t));
	setitimer(ITIMER_REAL, &t, NULL);
	sw_advance(timeline, 1);
	close(fence);
	close(timeline);
}

TEST_HARNESS_MAIN
