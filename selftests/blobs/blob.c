// SPDX-License-Identifier: GPL-2.0
/*
 * Blob resources: what can be made, what is refused and how, and mapping them.
 * The number in a case's name is the row of the acceptance list.
 *
 * Runs on a host with 3D, where there is memory of the host's, and on one without.
 */
#include "blobs.h"

#define GUEST VIRTGPU_BLOB_MEM_GUEST
#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define SHADOWED VIRTGPU_BLOB_MEM_HOST3D_GUEST
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SHAREABLE VIRTGPU_BLOB_FLAG_USE_SHAREABLE
#define CROSS_DEVICE VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE
#define DEFERRED DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING

FIXTURE(file)
{
	int fd;
	int has_3d;
};

FIXTURE_SETUP(file)
{
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(1, getparam(self->fd, VIRTGPU_PARAM_RESOURCE_BLOB));
	self->has_3d = getparam(self->fd, VIRTGPU_PARAM_3D_FEATURES);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

TEST_F(file, r65_flags)
{
	int uuid = getparam(self->fd, VIRTGPU_PARAM_CROSS_DEVICE);

	for (uint32_t flags = 0; flags < 8; flags++) {
		struct create_blob b = { .blob_mem = GUEST, .blob_flags = flags, .size = PAGE };

		EXPECT_EQ(flags & CROSS_DEVICE && !uuid ? -EINVAL : 0, create_blob(self->fd, &b)) {
			TH_LOG("flags %u", flags);
		}
	}
	for (uint32_t flags = 8; flags; flags <<= 1) {
		struct create_blob b = { .blob_mem = GUEST, .blob_flags = flags, .size = PAGE };

		EXPECT_EQ(-EINVAL, create_blob(self->fd, &b)) {
			TH_LOG("flags %#x", flags);
		}
	}
}

TEST_F(file, r66_memory)
{
	const uint32_t none[] = { 0, 4, 5, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct create_blob b = { .blob_mem = none[i], .size = PAGE };

		EXPECT_EQ(-EINVAL, create_blob(self->fd, &b));
	}
}

TEST_F(file, r67_host_memory_needs_3d)
{
	struct create_blob b = { .blob_mem = HOST, .size = PAGE };

	if (self->has_3d)
		SKIP(return, "the host has 3D");
	EXPECT_EQ(-EINVAL, create_blob(self->fd, &b));
	b.blob_mem = SHADOWED;
	EXPECT_EQ(-EINVAL, create_blob(self->fd, &b));
}

TEST_F(file, r67_command_of_words)
{
	uint32_t words[4] = { 0 };
	struct create_blob b = { .blob_mem = HOST, .size = PAGE, .cmd = ptr(words) };

	for (b.cmd_size = 1; b.cmd_size < 16; b.cmd_size += b.cmd_size % 4 == 3 ? 2 : 1)
		EXPECT_EQ(-EINVAL, create_blob(self->fd, &b));
}

TEST_F(file, r68_guest_memory_alone)
{
	uint32_t words[4] = { 0 };
	struct create_blob named = { .blob_mem = GUEST, .size = PAGE, .blob_id = 1 };
	struct create_blob command = { .blob_mem = GUEST, .size = PAGE, .cmd_size = 4, .cmd = ptr(words) };

	EXPECT_EQ(-EINVAL, create_blob(self->fd, &named));
	EXPECT_EQ(-EINVAL, create_blob(self->fd, &command));
}

TEST_F(file, r69_alignment)
{
	int alignment = getparam(self->fd, VIRTGPU_PARAM_BLOB_ALIGNMENT);
	struct create_blob b = { .blob_mem = GUEST, .size = 3 * PAGE + 1 };

	if (alignment <= 0) {
		ASSERT_EQ(-ENOENT, alignment);
		EXPECT_EQ(0, create_blob(self->fd, &b));
		return;
	}
	for (b.size = 1; b.size < (uint64_t)alignment; b.size *= 2)
		EXPECT_EQ(-EINVAL, create_blob(self->fd, &b));
	b.size = 3ull * alignment;
	EXPECT_EQ(0, create_blob(self->fd, &b));
}

TEST_F(file, r70_command_from_nowhere)
{
	struct create_blob b = { .blob_mem = HOST, .size = PAGE, .cmd_size = 64, .cmd = 16 };

	if (!self->has_3d)
		SKIP(return, "the host has no 3D");
	EXPECT_EQ(-EFAULT, create_blob(self->fd, &b));
}

TEST_F(file, r72_pads_and_r71_hints_are_ignored)
{
	struct create_blob b = {
		.blob_mem = GUEST, .size = PAGE, .pad = 7, .pad2 = 8, .blob_hints = 0xfffffffe,
	};

	EXPECT_EQ(0, create_blob(self->fd, &b));
}

/* Programs from before the hints. */
TEST_F(file, short_form)
{
	struct create_blob b = { .blob_mem = GUEST, .size = PAGE, .blob_hints = 0xa5a5a5a5, .pad2 = 0x5a5a5a5a };
	unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
				     DRM_COMMAND_BASE + DRM_VIRTGPU_RESOURCE_CREATE_BLOB, 48);

	EXPECT_EQ(0, call(self->fd, request, &b));
	EXPECT_NE(0, b.bo_handle);
	EXPECT_EQ(0xa5a5a5a5, b.blob_hints);
	EXPECT_EQ(0x5a5a5a5a, b.pad2);
}

TEST_F(file, r73_guest_memory)
{
	const size_t size = 3 * MIB + 5 * PAGE;
	struct create_blob b = { .blob_mem = GUEST, .blob_flags = MAPPABLE | SHAREABLE, .size = size };
	struct drm_virtgpu_resource_info i = { .blob_mem = 99 };
	uint8_t *p, *q;

	ASSERT_EQ(0, create_blob(self->fd, &b));
	EXPECT_NE(0, b.bo_handle);
	EXPECT_NE(0, b.res_handle);
	ASSERT_EQ(0, info(self->fd, b.bo_handle, &i));
	EXPECT_EQ(GUEST, i.blob_mem);
	EXPECT_EQ(size, i.size);
	EXPECT_EQ(b.res_handle, i.res_handle);
	ASSERT_EQ(0, map_at(self->fd, b.bo_handle, size, MAP_SHARED, &p));
	ASSERT_EQ(0, map_at(self->fd, b.bo_handle, size, MAP_SHARED, &q));
	fill(p, size, 1);
	EXPECT_EQ(0, differ(q, size, 1));
	munmap(p, size);
	munmap(q, size);
	EXPECT_EQ(0, wait_for(self->fd, b.bo_handle, 0));
}

TEST_F(file, r56_guest_memory_is_always_mapped)
{
	uint32_t handle = blob(self->fd, GUEST, 0, PAGE, 0);
	uint8_t *p;

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, map_at(self->fd, handle, PAGE, MAP_SHARED, &p));
}

TEST_F(file, r84_absurd_sizes)
{
	const uint64_t sizes[] = {
		0, 1ull << 40, 1ull << 44, 1ull << 52, 1ull << 62, 1ull << 63, UINT64_MAX, UINT64_MAX - PAGE + 1,
		UINT64_MAX - 2 * PAGE + 1,
	};

	if (on_c_driver())
		SKIP(return, "C warns at some of them (W21)");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint32_t mem = GUEST; mem <= SHADOWED; mem++) {
			for (uint32_t flags = 0; flags <= MAPPABLE; flags++) {
				struct create_blob b = { .blob_mem = mem, .blob_flags = flags, .size = sizes[i] };
				int ret = create_blob(self->fd, &b);

				/* Host memory that is not mapped may be as large as the host likes. */
				if (mem == HOST && !flags && sizes[i] && sizes[i] <= 1ull << 44)
					continue;
				EXPECT_TRUE(ret == -EINVAL || ret == -ENOMEM || ret == -ENOSPC || ret == -E2BIG) {
					TH_LOG("memory %u flags %u size %#llx: %d", mem, flags,
					       (unsigned long long)sizes[i], ret);
				}
			}
		}
	}
}

TEST_F(file, r106_nothing_to_copy)
{
	uint32_t handle = blob(self->fd, GUEST, MAPPABLE, PAGE, 0);
	struct area a = { .w = 4, .h = 1 };

	ASSERT_NE(0, handle);
	EXPECT_EQ(-EINVAL, to_host(self->fd, handle, a));
	EXPECT_EQ(self->has_3d ? -EINVAL : -ENOSYS, from_host(self->fd, handle, a));
}

TEST_F(file, r59_dumb_buffer)
{
	struct drm_mode_create_dumb d = { .width = 100, .height = 10, .bpp = 32 };
	struct drm_virtgpu_resource_info i = { .blob_mem = 99 };
	int card = open(CARD, O_RDWR | O_CLOEXEC);

	ASSERT_GE(card, 0);
	ASSERT_EQ(0, call(card, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	/* A blob where the host has no 3D, and its lines as others want them then. */
	if (!on_c_driver())
		EXPECT_EQ(self->has_3d ? 400 : 512, d.pitch);
	EXPECT_GE(d.size, (uint64_t)d.pitch * 10);
	ASSERT_EQ(0, info(card, d.handle, &i));
	if (!on_c_driver())
		EXPECT_EQ(0, i.blob_mem);
	close(card);
}

/* What is closed is given back, whatever the order. */
TEST_F_TIMEOUT(file, many, 120)
{
	const char *cycles = getenv("CYCLES");
	long count = cycles ? atol(cycles) : 1000;

	for (long i = 0; i < count; i++) {
		uint32_t handle = blob(self->fd, GUEST, MAPPABLE | SHAREABLE, PAGE * (1 + i % 7), 0);
		uint8_t *p = NULL;

		ASSERT_NE(0, handle);
		ASSERT_EQ(0, map_at(self->fd, handle, PAGE, MAP_SHARED, &p));
		p[i % PAGE] = i;
		if (i % 2)
			munmap(p, PAGE);
		ASSERT_EQ(0, gem_close(self->fd, handle));
		if (i % 2 == 0)
			munmap(p, PAGE);
	}
}

TEST_HARNESS_MAIN
