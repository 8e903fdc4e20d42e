// SPDX-License-Identifier: GPL-2.0
/*
 * DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT on a host that behaves: every source of an answer, and
 * every shape of the call. layout.h says how the host is told apart.
 */
#include "layout.h"

FIXTURE(file)
{
	int fd, card, has_3d, has_blobs;
};

FIXTURE_SETUP(file)
{
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	self->card = open(CARD, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->card, 0);
	self->has_3d = getparam(self->fd, VIRTGPU_PARAM_3D_FEATURES);
	self->has_blobs = getparam(self->fd, VIRTGPU_PARAM_RESOURCE_BLOB);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	close(self->card);
}

/* What a picture for 3D gets. */
static int is_told(void)
{
	return !host_is("silent");
}

/* -- shapes of the call -------------------------------------------------------------- */

TEST_F(file, unknown_handle)
{
	layout_t q, was;

	memset(&was, 0xa5, sizeof(was));
	was.handle = 4711;
	EXPECT_EQ(-ENOENT, query(self->fd, 4711, &q));
	/* Nothing of an answer that there is not. */
	EXPECT_EQ(0, memcmp(&was, &q, sizeof(q)));
}

TEST_F(file, nowhere_to_write)
{
	EXPECT_EQ(-EFAULT, call(self->fd, QUERY, (void *)16));
}

TEST_F(file, the_112_bytes_of_another_patch)
{
	static const unsigned int directions[] = { _IOC_READ | _IOC_WRITE, _IOC_WRITE, _IOC_READ, _IOC_NONE };
	uint8_t arg[112], was[112];
	uint32_t pitch, handle = dumb(self->card, 64, 64, &pitch);

	ASSERT_NE(0, handle);
	memset(arg, 0xa5, sizeof(arg));
	/* It begins with a handle as well, so the rest would be taken for an answer. */
	memcpy(arg, &handle, sizeof(handle));
	memcpy(was, arg, sizeof(arg));
	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		EXPECT_EQ(-EINVAL, call(self->card, _IOC(directions[i], 'd', 0x4c, 112), arg));
		EXPECT_EQ(0, memcmp(arg, was, sizeof(arg)));
	}
	/* A number that is another driver's to refuse. */
	EXPECT_EQ(-ENOTTY, call(self->card, _IOC(_IOC_READ | _IOC_WRITE, 'e', 0x4c, 112), arg));
}

TEST_F(file, other_sizes)
{
	static const size_t sizes[] = { 24, 32, 48, 64, 104, 128, 1024 };
	uint8_t arg[1024];
	uint32_t pitch, handle = dumb(self->card, 100, 10, &pitch);
	layout_t q;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, query(self->card, handle, &q));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t common = sizes[i] < sizeof(q) ? sizes[i] : sizeof(q);

		memset(arg, 0xa5, sizeof(arg));
		memcpy(arg, &handle, sizeof(handle));
		EXPECT_EQ(0, call(self->card, _IOC(_IOC_READ | _IOC_WRITE, 'd', 0x4c, sizes[i]), arg)) {
			TH_LOG("%zu bytes", sizes[i]);
		}
		/* As much as there is room for, and not a byte more. */
		EXPECT_EQ(0, memcmp(arg, &q, common));
		for (size_t at = common; at < sizeof(arg); at++)
			ASSERT_EQ(0xa5, arg[at]);
	}
}

/* -- what the guest knows -------------------------------------------------------------- */

TEST_F(file, dumb_buffers)
{
	static const uint32_t widths[] = { 1, 64, 65, 100, 1000, 1024 };

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		uint32_t pitch, handle = dumb(self->card, widths[i], 7, &pitch);
		layout_t q;

		ASSERT_NE(0, handle);
		ASSERT_EQ(0, query(self->card, handle, &q));
		EXPECT_TRUE(is_layout(&q, 0, pitch));
		/* What was asked with stays. */
		EXPECT_EQ(handle, q.handle);
		EXPECT_EQ(0xa5a5a5a5, q.width);
		EXPECT_EQ(0xa5a5a5a5, q.bind);
	}
}

TEST_F(file, dumb_buffer_of_another_file)
{
	uint32_t pitch, handle = dumb(self->card, 300, 7, &pitch), there;
	int dmabuf = export_fd(self->card, handle);
	layout_t q;

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &there));
	ASSERT_EQ(0, query(self->fd, there, &q));
	EXPECT_TRUE(is_layout(&q, 0, pitch));
	close(dmabuf);
}

TEST_F(file, guest_blob)
{
	uint32_t handle;
	layout_t q;

	if (!self->has_blobs)
		SKIP(return, "no blobs");
	handle = blob(self->fd, VIRTGPU_BLOB_MEM_GUEST, VIRTGPU_BLOB_FLAG_USE_SHAREABLE, 64 * PAGE);
	ASSERT_NE(0, handle);
	/* Memory from its start to its end, without rows of its own. */
	ASSERT_EQ(0, query(self->fd, handle, &q));
	EXPECT_TRUE(is_layout(&q, 0, 0));
}

TEST_F(file, memory_of_another_device)
{
	struct drm_mode_create_dumb d = { .width = 256, .height = 256, .bpp = 32 };
	int vgem = card_of("vgem"), dmabuf;
	uint32_t handle;
	layout_t q;

	if (self->has_3d || !self->has_blobs)
		SKIP(return, "the device takes no memory of others");
	ASSERT_GE(vgem, 0);
	ASSERT_EQ(0, call(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	dmabuf = export_fd(vgem, d.handle);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle));
	/* Whoever made it knows. */
	EXPECT_EQ(-ENOSYS, query(self->fd, handle, &q));
	close(dmabuf);
	close(vgem);
}

TEST_F(file, picture_without_3d)
{
	struct drm_virtgpu_resource_create c = {
		.target = TARGET_2D, .format = FORMAT_BGRX8, .width = 100, .height = 50, .depth = 1, .array_size = 1,
		.size = 100 * 50 * 4,
	};
	layout_t q;

	if (self->has_3d)
		SKIP(return, "the device has 3D");
	ASSERT_EQ(0, resource_create(self->fd, &c));
	ASSERT_EQ(0, query(self->fd, c.bo_handle, &q));
	EXPECT_TRUE(is_layout(&q, 0, 400));
}

/* -- what the host tells ---------------------------------------------------------------- */

TEST_F(file, picture)
{
	uint32_t handle;
	layout_t q;

	if (!self->has_3d)
		SKIP(return, "no 3D");
	handle = picture(self->fd, 100, 50, 1, NULL);
	ASSERT_NE(0, handle);
	/* At once, before the host has answered anything; and once more. */
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(is_told() ? 0 : -ENOSYS, query(self->fd, handle, &q));
		if (is_told())
			EXPECT_TRUE(is_layout(&q, host_modifier(), align256(400)));
	}
}

struct asking {
	int fd;
	uint32_t handle;
};

static int ask(void *arg)
{
	struct asking *a = arg;
	layout_t q;
	int ret = query(a->fd, a->handle, &q);

	return ret ? ret : (int)q.planes[0].stride;
}

TEST_F(file, many_ask_at_once)
{
	struct asking a = { .fd = self->fd };
	void *args[12];
	int results[12];

	if (!self->has_3d || !is_told())
		SKIP(return, "nobody to ask");
	a.handle = picture(self->fd, 333, 3, 1, NULL);
	ASSERT_NE(0, a.handle);
	for (int i = 0; i < 12; i++)
		args[i] = &a;
	together(12, ask, args, results);
	for (int i = 0; i < 12; i++)
		EXPECT_EQ((int)align256(333 * 4), results[i]);
}

TEST_F(file, memory_of_the_host)
{
	const uint64_t params[][2] = { { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 6 } };
	uint32_t handle;
	layout_t q;

	/* The page of a context that is shaped like a native one. */
	if (!self->has_3d || !self->has_blobs || context_init(self->fd, 1, params))
		SKIP(return, "no such context");
	handle = blob(self->fd, VIRTGPU_BLOB_MEM_HOST3D, VIRTGPU_BLOB_FLAG_USE_SHAREABLE, 0x4000);
	ASSERT_NE(0, handle);
	/* The host has no layout for it, and says so where it can be asked. */
	EXPECT_EQ(host_is("first") || host_is("second") ? -EIO : -ENOSYS, query(self->fd, handle, &q));
	EXPECT_EQ(host_is("first") || host_is("second") ? -EIO : -ENOSYS, query(self->fd, handle, &q));
}

/* -- what would be ------------------------------------------------------------------------ */

TEST_F(file, handle_0_is_how_to_find_out)
{
	layout_t q;

	/* Not EINVAL, which is what a driver without the call says. */
	EXPECT_EQ(host_is("second") ? 0 : -ENOSYS, query_new(self->fd, 64, 64, FORMAT_BGRX8, BIND_LINEAR, &q));
	/* All zero is no picture, but where nobody can be asked that comes first. */
	EXPECT_EQ(host_is("second") ? -EINVAL : -ENOSYS, query_new(self->fd, 0, 0, 0, 0, &q));
}

TEST_F(file, handle_0)
{
	layout_t q;

	if (!host_is("second")) {
		EXPECT_EQ(-ENOSYS, query_new(self->fd, 100, 50, FORMAT_BGRX8, BIND_LINEAR, &q));
		return;
	}
	for (uint32_t w = 1; w < 200; w += 33) {
		ASSERT_EQ(0, query_new(self->fd, w, 50, FORMAT_BGRX8, BIND_LINEAR, &q));
		EXPECT_TRUE(is_layout(&q, host_modifier(), align256(4 * w)));
		EXPECT_EQ(w, q.width);
		EXPECT_EQ(0, q.handle);
	}
	/* Each of these keeps the host from being asked. */
	EXPECT_EQ(-EINVAL, query_new(self->fd, 0, 50, FORMAT_BGRX8, 0, &q));
	EXPECT_EQ(-EINVAL, query_new(self->fd, 100, 0, FORMAT_BGRX8, 0, &q));
	EXPECT_EQ(-EINVAL, query_new(self->fd, 100, 50, 0, 0, &q));
	/* What the host refuses. */
	EXPECT_EQ(-EIO, query_new(self->fd, 100, 50, 600, 0, &q));
	EXPECT_EQ(-EIO, query_new(self->fd, UINT32_MAX, 1, FORMAT_BGRX8, 0, &q));
}

TEST_HARNESS_MAIN
