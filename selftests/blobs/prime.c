// SPDX-License-Identifier: GPL-2.0
/*
 * Objects as dma-bufs, and dma-bufs of others as objects: vgem's, udmabuf's.
 * The number in a case's name is the row of the acceptance list.
 *
 * Without 3D the device takes memory of others (row 118); with it, it does not.
 */
#include "blobs.h"

#define GUEST VIRTGPU_BLOB_MEM_GUEST
#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SHAREABLE VIRTGPU_BLOB_FLAG_USE_SHAREABLE
#define CROSS_DEVICE VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE
#define DEFERRED DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING
#define SIZE (16 * PAGE)

FIXTURE(file)
{
	int fd, has_3d;
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

static uint8_t *map_fd(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static int sync_cpu(int fd, uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return call(fd, DMA_BUF_IOCTL_SYNC, &s);
}

/* Which dma-buf it is. */
static ino_t which(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

TEST_F(file, r111_export)
{
	uint32_t handle = blob(self->fd, GUEST, MAPPABLE | SHAREABLE, SIZE, 0);
	uint8_t *p, *q;
	int dmabuf;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, SIZE, MAP_SHARED, &p));
	fill(p, SIZE, 1);
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(SIZE, lseek(dmabuf, 0, SEEK_END));
	/* It lives on without its handle. */
	munmap(p, SIZE);
	EXPECT_EQ(0, gem_close(self->fd, handle));
	q = map_fd(dmabuf, SIZE, 0);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_EQ(0, sync_cpu(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, differ(q, SIZE, 1));
	EXPECT_EQ(0, sync_cpu(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	munmap(q, SIZE);
	/* The kernel's helpers for guest memory take no notice of where a part begins, only of its end. */
	EXPECT_EQ(MAP_FAILED, map_fd(dmabuf, 2 * PAGE, 15 * PAGE));
	close(dmabuf);
}

TEST_F(file, r111_export_classic)
{
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	int card = open(CARD, O_RDWR | O_CLOEXEC);
	ino_t first;
	int dmabuf;

	ASSERT_GE(card, 0);
	ASSERT_EQ(0, call(card, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	/* W20: twice. */
	for (int i = 0; i < 2; i++) {
		dmabuf = export_fd(card, d.handle);
		ASSERT_GE(dmabuf, 0);
		first = which(dmabuf);
		EXPECT_NE(0, first);
		close(dmabuf);
	}
	close(card);
}

TEST_F(file, r117_self_import)
{
	struct create_blob b = { .blob_mem = GUEST, .blob_flags = MAPPABLE | SHAREABLE, .size = SIZE };
	struct drm_virtgpu_resource_info i = { 0 };
	int other = open(RENDER, O_RDWR | O_CLOEXEC);
	uint32_t same, there;
	uint8_t *p, *q;
	int dmabuf, again;

	ASSERT_EQ(0, create_blob(self->fd, &b));
	dmabuf = export_fd(self->fd, b.bo_handle);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &same));
	EXPECT_EQ(b.bo_handle, same);
	ASSERT_EQ(0, import_fd(other, dmabuf, &there));
	ASSERT_EQ(0, info(other, there, &i));
	EXPECT_EQ(b.res_handle, i.res_handle);
	EXPECT_EQ(GUEST, i.blob_mem);
	ASSERT_EQ(0, map_at(self->fd, b.bo_handle, SIZE, MAP_SHARED, &p));
	ASSERT_EQ(0, map_at(other, there, SIZE, MAP_SHARED, &q));
	fill(p, SIZE, 2);
	EXPECT_EQ(0, differ(q, SIZE, 2));
	again = export_fd(other, there);
	EXPECT_EQ(which(dmabuf), which(again));
	close(again);
	close(dmabuf);
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(other);
}

TEST_F(file, r116_host_memory)
{
	int venus = open_venus();
	uint32_t handle;
	uint8_t *p = NULL, *q;
	int dmabuf;

	if (venus < 0)
		SKIP(return, "the host has no memory for us");
	for (int i = 0; i < 2; i++) {
		handle = blob(venus, HOST, MAPPABLE, SIZE, i ? DEFERRED : 0);
		ASSERT_NE(0, handle);
		dmabuf = export_fd(venus, handle);
		ASSERT_GE(dmabuf, 0);
		q = map_fd(dmabuf, SIZE, 0);
		ASSERT_NE(MAP_FAILED, q);
		fill(q, SIZE, 3);
		ASSERT_EQ(0, map_at(venus, handle, SIZE, MAP_SHARED, &p));
		EXPECT_EQ(0, differ(p, SIZE, 3));
		munmap(q, SIZE);
		q = map_fd(dmabuf, 2 * PAGE, 7 * PAGE);
		ASSERT_NE(MAP_FAILED, q);
		EXPECT_EQ(p[7 * PAGE + 5], q[5]);
		EXPECT_EQ(p[9 * PAGE - 1], q[2 * PAGE - 1]);
		munmap(q, 2 * PAGE);
		EXPECT_EQ(MAP_FAILED, map_fd(dmabuf, 2 * PAGE, 15 * PAGE));
		munmap(p, SIZE);
		close(dmabuf);
		gem_close(venus, handle);
	}
	close(venus);
	EXPECT_EQ(0, window_settles(0));
}

TEST_F(file, r116_host_memory_not_mappable)
{
	int venus = open_venus();
	uint32_t handle;
	int dmabuf;

	if (venus < 0)
		SKIP(return, "the host has no memory for us");
	handle = blob(venus, HOST, SHAREABLE, SIZE, 0);
	ASSERT_NE(0, handle);
	dmabuf = export_fd(venus, handle);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(MAP_FAILED, map_fd(dmabuf, PAGE, 0));
	EXPECT_EQ(EINVAL, errno);
	close(dmabuf);
	close(venus);
}

/* What others see of ours. */
TEST_F(file, r115_vgem_takes_ours)
{
	uint32_t handle = blob(self->fd, GUEST, MAPPABLE | SHAREABLE, SIZE, 0), there;
	int vgem = card_of("vgem"), dmabuf, again;
	uint8_t *p, *q;

	ASSERT_GE(vgem, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, SIZE, MAP_SHARED, &p));
	fill(p, SIZE, 4);
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(vgem, dmabuf, &there));
	/* The core maps no object that is another device's; what vgem hands on is ours. */
	again = export_fd(vgem, there);
	ASSERT_GE(again, 0);
	close(dmabuf);
	ASSERT_EQ(0, gem_close(self->fd, handle));
	q = map_fd(again, SIZE, 0);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_EQ(0, differ(q, SIZE, 4));
	fill(q, SIZE, 5);
	EXPECT_EQ(0, differ(p, SIZE, 5));
	munmap(q, SIZE);
	munmap(p, SIZE);
	close(again);
	close(vgem);
}

/* A dma-buf of vgem's with a picture of 256 bytes a line, as a file. */
static int vgem_buffer(int vgem, uint32_t width, uint32_t height, uint8_t **p, size_t *size)
{
	struct drm_mode_create_dumb d = { .width = width, .height = height, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };

	if (call(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &d))
		return -1;
	m.handle = d.handle;
	if (call(vgem, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return -1;
	*size = d.size;
	*p = mmap(NULL, d.size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, m.offset);
	return export_fd(vgem, d.handle);
}

TEST_F(file, r118_vgem)
{
	int vgem = card_of("vgem"), dmabuf, again;
	struct drm_virtgpu_resource_info i = { .blob_mem = 99 };
	uint32_t handle;
	size_t size;
	uint8_t *p;

	ASSERT_GE(vgem, 0);
	dmabuf = vgem_buffer(vgem, 64, 64, &p, &size);
	ASSERT_GE(dmabuf, 0);
	if (self->has_3d) {
		int ret = import_fd(self->fd, dmabuf, &handle);

		EXPECT_TRUE(ret == -ENODEV || ret == -EINVAL) {
			TH_LOG("%d", ret);
		}
		return;
	}
	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle));
	ASSERT_EQ(0, info(self->fd, handle, &i));
	EXPECT_EQ(size, i.size);
	EXPECT_NE(0, i.res_handle);
	if (!on_c_driver())
		EXPECT_EQ(0, i.blob_mem);
	/* Row 120. */
	EXPECT_EQ(-EINVAL, offset_of(self->fd, handle));
	again = export_fd(self->fd, handle);
	EXPECT_EQ(which(dmabuf), which(again));
	close(again);
	EXPECT_EQ(0, gem_close(self->fd, handle));
	munmap(p, size);
	close(dmabuf);
	close(vgem);
}

TEST_F(file, r118_udmabuf)
{
	int memory = memfd_create("memory", MFD_ALLOW_SEALING), device, dmabuf;
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE };
	uint32_t handle;

	mknod("/dev/udmabuf", S_IFCHR | 0600, 0);
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_GE(device, 0);
	ASSERT_EQ(0, ftruncate(memory, SIZE));
	ASSERT_EQ(0, fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
	c.memfd = memory;
	dmabuf = ioctl(device, UDMABUF_CREATE, &c);
	ASSERT_GE(dmabuf, 0);
	if (self->has_3d) {
		EXPECT_GT(0, import_fd(self->fd, dmabuf, &handle));
		return;
	}
	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle));
	EXPECT_EQ(0, gem_close(self->fd, handle));
	close(dmabuf);
	close(device);
	close(memory);
}

/* Row 121: what was taken in is let go of, again and again. */
TEST_F_TIMEOUT(file, r121_many, 120)
{
	int vgem = card_of("vgem"), dmabuf;
	uint32_t handle;
	size_t size;
	uint8_t *p;

	if (self->has_3d)
		SKIP(return, "not with 3D");
	ASSERT_GE(vgem, 0);
	for (int i = 0; i < 300; i++) {
		dmabuf = vgem_buffer(vgem, 64, 16 + i % 32, &p, &size);
		ASSERT_GE(dmabuf, 0);
		ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle)) {
			TH_LOG("round %d", i);
		}
		munmap(p, size);
		close(dmabuf);
		ASSERT_EQ(0, gem_close(self->fd, handle));
	}
	close(vgem);
}

/* A picture in vgem's memory, shown without a copy: what is drawn later is seen as well. */
TEST_F(file, r131_shown)
{
	int vgem = card_of("vgem"), card = open(CARD, O_RDWR | O_CLOEXEC), dmabuf;
	struct drm_mode_fb_cmd2 fb = { .width = 64, .height = 64, .pixel_format = 0x34325258 };
	size_t size;
	uint8_t *p;

	if (self->has_3d)
		SKIP(return, "not with 3D");
	ASSERT_GE(vgem, 0);
	dmabuf = vgem_buffer(vgem, 64, 64, &p, &size);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(card, dmabuf, &fb.handles[0]));
	fb.pitches[0] = 256;
	EXPECT_EQ(0, call(card, DRM_IOCTL_MODE_ADDFB2, &fb));
	EXPECT_EQ(0, call(card, DRM_IOCTL_MODE_RMFB, &fb.fb_id));
	munmap(p, size);
	close(dmabuf);
	close(card);
	close(vgem);
}

TEST_HARNESS_MAIN
