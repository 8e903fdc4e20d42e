// SPDX-License-Identifier: GPL-2.0
/*
 * The device is taken away while submissions wait for fences: they end with an error, whoever waits for them wakes
 * up, and the device can come back. By itself, for the host then knows nothing of what there was before.
 */
#include "gl.h"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret = -1;

	if (fd >= 0) {
		ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
		close(fd);
	}
	return ret;
}

/* Rows 20, 22, 104. */
TEST(waiting_submissions)
{
	int fd = open(RENDER, O_RDWR), timeline = sw_timeline(), in = sw_fence(timeline, 1), fences[3], again;
	uint32_t handle = buffer(fd, 4096, NULL), so = syncobj(fd, 0);
	struct drm_virtgpu_execbuffer_syncobj out = { .handle = so };
	struct drm_virtgpu_execbuffer e;

	if (on_c_driver())
		SKIP(return, "the C driver waits for fences inside the ioctl");
	ASSERT_LE(0, fd);
	ASSERT_LE(0, in);
	for (int i = 0; i < 3; i++) {
		e = (struct drm_virtgpu_execbuffer){
			.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = in,
			.bo_handles = ptr(&handle), .num_bo_handles = 1,
			.out_syncobjs = ptr(&out), .num_out_syncobjs = 1, .syncobj_stride = sizeof(out),
		};
		ASSERT_EQ(0, exec(fd, &e));
		fences[i] = e.fence_fd;
	}
	EXPECT_FALSE(signals(fences[0], 100));
	ASSERT_EQ(0, write_file("/sys/class/drm/renderD128/device/remove", "1"));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(signals(fences[i], 5000));
		EXPECT_EQ(-ENODEV, fence_status(fences[i]));
	}
	e.fence_fd = in;
	EXPECT_EQ(-ENODEV, exec(fd, &e));
	/* what was waited for comes too late, and hurts nobody */
	EXPECT_EQ(0, sw_advance(timeline, 1));
	close(fd);
	sleep_ms(1000);
	ASSERT_EQ(0, write_file("/sys/bus/pci/rescan", "1"));
	for (int i = 0; i < 100 && access(RENDER, R_OK); i++)
		sleep_ms(100);
	again = open(RENDER, O_RDWR);
	ASSERT_LE(0, again);
	ASSERT_LE(0, exec_fence(again));
}

TEST_HARNESS_MAIN
