// SPDX-License-Identifier: GPL-2.0
/*
 * How a program finds out whether the host can be asked to wait, on any driver: it asks, with the parameter first,
 * and where that is refused it asks again without. Mesa's patch does so (Documentation/gpu/fence-passing-mesa.patch).
 * ABLE: whether it should be had here.
 */
#include "fences.h"

static int ask(int fd, int pass)
{
	const struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_FENCE_PASSING, 1 },
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, NATIVE_CAPSET },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, RINGS },
	};
	struct drm_virtgpu_context_init c = { .num_params = 2 + pass, .ctx_set_params = ptr(params + !pass) };

	return call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
}

TEST(asking_costs_nothing)
{
	const char *able = getenv("ABLE");
	int fd = open(RENDER, O_RDWR | O_CLOEXEC), pass = able && *able == '1', out;

	ASSERT_LE(0, fd);
	ASSERT_EQ(pass ? 0 : -EINVAL, ask(fd, 1));
	if (!pass)
		ASSERT_EQ(0, ask(fd, 0));
	/* The context is of the type and has the rings that were asked for. */
	out = GIVE(fd, 63, -1, pass ? SHARED : 0, 1, 16, 1, 0);
	ASSERT_LE(0, out);
	EXPECT_TRUE(signals(out, 20000));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_EQ(-EINVAL, GIVE(fd, 63, -1, pass ? 0x10 : SHARED, 1, 16, 1, 0));
	close(out);
	close(fd);
}

TEST_HARNESS_MAIN
