// SPDX-License-Identifier: GPL-2.0
/*
 * Fences that the host forgets. QEMU's virgl never signals those of rings of
 * contexts, and the commands keep their descriptors: who waits for such a fence
 * hears of it when the context goes, and whoever makes no use of rings goes on.
 *
 * Run last in a boot, as what the host has forgotten it does not give back.
 */
#include "../gl/gl.h"

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

TEST_F_TIMEOUT(host, fails_what_goes_with_a_context, 60)
{
	int fd = open_rings(2, 0), fences[8], other = exec_fence(self->fd);

	ASSERT_LE(0, fd);
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, submit_on_ring(fd, &fences[i]));
	ASSERT_FALSE(signals(fences[7], 500));
	close(fd);
	for (int i = 0; i < 8; i++) {
		ASSERT_TRUE(signals(fences[i], 20000));
		/* Which of them depends on whether it has got to the host: there may be no room left for rings. */
		EXPECT_TRUE(fence_status(fences[i]) == -EIO || fence_status(fences[i]) == -ECANCELED);
		close(fences[i]);
	}
	/* Not another file's. */
	ASSERT_TRUE(signals(other, 10000));
	EXPECT_EQ(1, fence_status(other));
	close(other);
}

/* One with a context of its own, killed when it has submitted `count` times; 0 if it has. */
static int forget(int count)
{
	volatile int *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t until = now_ms() + 10000;
	pid_t child = fork();
	int ret;

	if (child == 0) {
		int fd = open_rings(2, 0), fence;

		for (int n = 0; n < count; n++) {
			if (fd < 0 || submit_on_ring(fd, &fence))
				_exit(1);
			close(fence);
			++*done;
		}
		pause();
	}
	while (*done < count && now_ms() < until && !waitpid(child, NULL, WNOHANG))
		sleep_ms(5);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ret = *done != count;
	munmap((void *)done, 4096);
	return ret;
}

TEST_F_TIMEOUT(host, leaves_room_for_the_rest, 120)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);

	/* More than a ring has descriptors. */
	for (int i = 0; i < 16; i++)
		ASSERT_EQ(0, forget(20));
	for (int i = 0; i < 20; i++) {
		int fence = exec_fence(self->fd);

		ASSERT_TRUE(signals(fence, 10000));
		ASSERT_EQ(1, fence_status(fence));
		close(fence);
		ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	}
}

/* Jobs of the device that wait, by debugfs. */
static int waiting(void)
{
	char text[1024] = "", *jobs;
	int file = open("/sys/kernel/debug/dri/0/virtio-gpu-queues", O_RDONLY);

	if (file < 0 || read(file, text, sizeof(text) - 1) <= 0)
		return -1;
	close(file);
	jobs = strstr(text, "waiting");
	return jobs ? atoi(strchr(jobs, ':') + 1) : -1;
}

/* What waits for a place on a ring that never comes is given up some time after its client has gone. */
TEST_F_TIMEOUT(host, gives_up_what_nobody_waits_for, 60)
{
	int fd = open_rings(2, 0), fence = -1;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	ASSERT_LE(0, fd);
	for (int i = 0; i < 300; i++) {
		close(fence);
		ASSERT_EQ(0, submit_on_ring(fd, &fence));
	}
	EXPECT_LE(44, waiting());
	close(fd);
	EXPECT_TRUE(signals(fence, 30000));
	EXPECT_GT(0, fence_status(fence));
	for (int i = 0; i < 200 && waiting(); i++)
		sleep_ms(100);
	EXPECT_EQ(0, waiting());
}

TEST_HARNESS_MAIN
