// SPDX-License-Identifier: GPL-2.0
/*
 * Fences that the host forgets. QEMU's virgl never signals those of rings of
 * contexts, and the commands keep their descriptors: who waits for such a fence
 * hears of it when the context goes, and whoever makes no use of rings goes on.
 *
 * Run last in a boot, as what the host has forgotten it does not give back.
 */
#include "../gl/gl.h"
#include <sys/time.h>

static int submit_on_ring(int fd, int *fence)
{
	static uint32_t words[4];
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_RING_IDX | VIRTGPU_EXECBUF_FENCE_FD_OUT, .ring_idx = 1,
		.command = ptr(words), .size = sizeof(words), .fence_fd = -1,
	};
	int ret = exec(fd, &e);

	*fence = e.fence_fd;
	return ret;
}

FIXTURE(host)
{
	int fd;
};

FIXTURE_SETUP(host)
{
	if (on_c_driver())
		SKIP(return, "it waits for ever, and everybody with it");
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(host)
{
	close(self->fd);
}

TEST_F(host, fails_what_goes_with_a_context)
{
	int fd = open_rings(2, 0), fences[8], other = exec_fence(self->fd);

	ASSERT_LE(0, fd);
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, submit_on_ring(fd, &fences[i]));
	ASSERT_FALSE(signals(fences[7], 500));
	close(fd);
	for (int i = 0; i < 8; i++) {
		ASSERT_TRUE(signals(fences[i], 10000));
		EXPECT_EQ(-EIO, fence_status(fences[i]));
		close(fences[i]);
	}
	/* Not another file's. */
	ASSERT_TRUE(signals(other, 10000));
	EXPECT_EQ(1, fence_status(other));
	close(other);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Submits until that has to wait; how many it was. */
static int submit_all(int fd, int most)
{
	struct sigaction alarm = { .sa_handler = on_alarm };
	struct itimerval soon = { { 0, 200000 }, { 0, 400000 } };
	int n, ret = 0, fence;

	sigaction(SIGALRM, &alarm, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (n = 0; n < most; n++) {
		uint64_t from = now_ms();

		ret = submit_on_ring(fd, &fence);
		/* A signal that came by chance is no wait. */
		if (ret == -EINTR && now_ms() - from < 100)
			continue;
		if (ret)
			break;
		close(fence);
	}
	return ret && ret != -EINTR ? 255 : n;
}

/* One with a context of its own; how many submissions it has made before it had to wait, 255 for an error. */
static int forget(int most)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		int fd = open_rings(2, 0);

		_exit(fd < 0 ? 255 : submit_all(fd, most));
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_F_TIMEOUT(host, leaves_room_for_the_rest, 120)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int total = 0, n;

	/* Many more than a ring has descriptors. */
	for (int i = 0; i < 40; i++) {
		n = forget(20);
		ASSERT_NE(255, n);
		total += n;
		if (n < 20)
			break;
	}
	TH_LOG("%d submissions without an answer", total);
	EXPECT_GT(20, n);
	for (int i = 0; i < 20; i++) {
		int fence = exec_fence(self->fd);

		ASSERT_TRUE(signals(fence, 10000));
		ASSERT_EQ(1, fence_status(fence));
		close(fence);
		ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	}
}

TEST_HARNESS_MAIN
