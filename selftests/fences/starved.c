// SPDX-License-Identifier: GPL-2.0
/*
 * More to be mapped for DMA than there is room for: the device is behind the DMA API, all goes through bounce buffers,
 * and of those there is 1 MiB (swiotlb=512,force). What does not fit now goes later; what never fits fails
 * its fence, with an errno; nothing hangs, and everything that was mapped is given back.
 */
#include "gl.h"

#define STREAMS 48
#define LEN (192 * 1024)
#define TOO_LONG (1536 * 1024)

FIXTURE(file)
{
	int fd;
	void *nops;
};

FIXTURE_SETUP(file)
{
	if (on_c_driver())
		SKIP(return, "the C driver warns, and loses the command");
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	/* A word of 0 is a command without an effect. */
	self->nops = calloc(1, TOO_LONG);
	ASSERT_NE(NULL, self->nops);
}

FIXTURE_TEARDOWN(file)
{
	free(self->nops);
	close(self->fd);
}

static int submit(int fd, const void *words, uint32_t size, int in)
{
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | (in >= 0 ? VIRTGPU_EXECBUF_FENCE_FD_IN : 0),
		.command = ptr(words), .size = size, .fence_fd = in,
	};
	int ret = exec(fd, &e);

	return ret ? ret : e.fence_fd;
}

static int ended(struct __test_metadata *_metadata, int fence)
{
	int status;

	EXPECT_TRUE(signals(fence, 60000));
	status = fence_status(fence);
	close(fence);
	EXPECT_TRUE(status == 1 || status == -ENOMEM);
	return status == 1;
}

/* From the ioctl, and from the worker that sends what was parked. */
TEST_F_TIMEOUT(file, more_than_fits, 170)
{
	int timeline = sw_timeline(), gate = sw_fence(timeline, 1), fences[STREAMS], good = 0;

	for (int i = 0; i < STREAMS; i++) {
		fences[i] = submit(self->fd, self->nops, LEN, i == STREAMS / 2 ? gate : -1);
		ASSERT_LE(0, fences[i]);
	}
	ASSERT_EQ(0, sw_advance(timeline, 1));
	for (int i = 0; i < STREAMS; i++)
		good += ended(_metadata, fences[i]);
	TH_LOG("%d of %d streams got there", good, STREAMS);
	EXPECT_LT(STREAMS / 2, good);
}

TEST_F_TIMEOUT(file, never_fits, 170)
{
	int before = submit(self->fd, self->nops, 4096, -1), out = submit(self->fd, self->nops, TOO_LONG, -1), after;
	uint32_t handle = buffer(self->fd, 4096, NULL);

	ASSERT_LE(0, out);
	after = submit(self->fd, self->nops, 4096, -1);
	EXPECT_TRUE(ended(_metadata, before));
	EXPECT_FALSE(ended(_metadata, out));
	EXPECT_TRUE(ended(_metadata, after));
	/* Nothing is lost: what was mapped is free again, a hundred times over. */
	for (int i = 0; i < 100; i++)
		ASSERT_TRUE(ended(_metadata, submit(self->fd, self->nops, LEN, -1)));
	ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
}

TEST_HARNESS_MAIN
