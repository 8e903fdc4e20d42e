// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a blob can be made that the host takes: of as many bytes as it wants multiples of (REAL, a
 * page where it does not). Needs nothing of ours, so it also tells what the C driver makes of bit 5.
 */
#include "layout.h"

TEST(a_blob_that_the_host_takes)
{
	const char *real = getenv("REAL");
	uint32_t size = real ? atoi(real) : PAGE;
	int fd = open(RENDER, O_RDWR | O_CLOEXEC), alignment, ret;
	struct drm_virtgpu_resource_create_blob b = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE, .size = size,
	};

	ASSERT_GE(fd, 0);
	alignment = getparam(fd, VIRTGPU_PARAM_BLOB_ALIGNMENT);
	ret = call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b);
	if (ret)
		printf("failed: a blob of %u bytes, with an alignment of %u: %s\n", size, (uint32_t)alignment,
		       strerror(-ret));
	EXPECT_EQ(0, ret);
	/* None where nobody asks for one. */
	EXPECT_EQ(size == PAGE ? -ENOENT : (int)size, alignment);
	close(fd);
}

TEST_HARNESS_MAIN
