// SPDX-License-Identifier: GPL-2.0
/*
 * Memory shared with other devices of the guest, both ways: bytes compared, and pictures that the test host
 * shows, compared pixel for pixel. Nothing of it is copied: the host reads the guest's pages in place, and
 * its trace has what it copied.
 *
 * The other devices are vgem, udmabuf, and the module copier, which goes where an attachment's segments are.
 * The number in a case's name is the row of the acceptance list.
 */
#include "blobs.h"
#include "shown.h"
#include <sys/syscall.h>

FIXTURE(card)
{
	int fd, vgem, copier, module;
	struct screen screen;
	uint32_t pitch;
	size_t size;
};

FIXTURE_SETUP(card)
{
	self->module = open("/vgpu/copier.ko", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, syscall(SYS_finit_module, self->module, "", 0));
	for (int i = 0; i < 50; i++) {
		self->copier = open("/dev/vgpu-copier", O_RDWR | O_CLOEXEC);
		if (self->copier >= 0)
			break;
		sleep_ms(100);
	}
	ASSERT_GE(self->copier, 0);
	self->fd = open(CARD, O_RDWR | O_CLOEXEC);
	self->vgem = card_of("vgem");
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->vgem, 0);
	ASSERT_EQ(0, find_screen(self->fd, &self->screen));
	/* As other GPUs want it: lines of multiples of 256 bytes, which are more than the mode has. */
	self->pitch = (self->screen.mode.hdisplay * 4 + 255) & ~255u;
	ASSERT_GT(self->pitch, self->screen.mode.hdisplay * 4u);
	self->size = ((size_t)self->pitch * self->screen.mode.vdisplay + PAGE - 1) & ~(size_t)(PAGE - 1);
}

FIXTURE_TEARDOWN(card)
{
	show_nothing(self->fd, &self->screen);
	close(self->fd);
	close(self->vgem);
	close(self->copier);
	close(self->module);
	/* It cannot go while somebody has a buffer of it or it of somebody. */
	EXPECT_EQ(0, syscall(SYS_delete_module, "copier", O_NONBLOCK));
}

static int dirty(int fd, uint32_t fb_id)
{
	struct drm_mode_fb_dirty_cmd d = { .fb_id = fb_id };

	return call(fd, DRM_IOCTL_MODE_DIRTYFB, &d);
}

static uint8_t *map_fd(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int sync_cpu(int fd, uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags | DMA_BUF_SYNC_RW };

	return call(fd, DMA_BUF_IOCTL_SYNC, &s);
}

/* What the copier finds from the start on, or puts there. */
static int copied(int copier, int dmabuf, uint8_t *bytes, size_t size, int to_it)
{
	if (ioctl(copier, 0, dmabuf) || lseek(copier, 0, SEEK_SET))
		return -1;
	return (to_it ? write(copier, bytes, size) : read(copier, bytes, size)) == (ssize_t)size ? 0 : -1;
}

/* A buffer of vgem's for a picture: its dma-buf, mapped at *p by vgem. */
static int of_vgem(FIXTURE_DATA(card) *self, uint8_t **p, size_t *size)
{
	struct drm_mode_create_dumb d = { .width = self->pitch / 4, .height = self->screen.mode.vdisplay, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };

	if (call(self->vgem, DRM_IOCTL_MODE_CREATE_DUMB, &d) || d.pitch != self->pitch || d.pitch % 256)
		return -1;
	m.handle = d.handle;
	if (call(self->vgem, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return -1;
	*size = d.size;
	*p = mmap(NULL, d.size, PROT_READ | PROT_WRITE, MAP_SHARED, self->vgem, m.offset);
	return *p == MAP_FAILED ? -1 : export_fd(self->vgem, d.handle);
}

/* A foreign buffer that is drawn in by its own mapping: shown, then drawn in again while it is shown. */
static void shown_in_place(struct __test_metadata *_metadata, FIXTURE_DATA(card) *self, int dmabuf, uint8_t *p)
{
	uint32_t handle, fb_id, crc = draw(&self->screen, p, self->pitch, 1);

	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle));
	ASSERT_EQ(0, show(self->fd, &self->screen, handle, self->pitch, 0, &fb_id));
	EXPECT_EQ(crc, shown(crc, 1));
	crc = draw(&self->screen, p, self->pitch, 2);
	ASSERT_EQ(0, dirty(self->fd, fb_id));
	EXPECT_EQ(crc, shown(crc, 1));
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_MODE_RMFB, &fb_id));
	EXPECT_EQ(0, gem_close(self->fd, handle));
}

TEST_F_TIMEOUT(card, r118_r131_vgem_is_shown, 100)
{
	size_t size;
	uint8_t *p;
	int dmabuf = of_vgem(self, &p, &size);

	ASSERT_GE(dmabuf, 0);
	shown_in_place(_metadata, self, dmabuf, p);
	munmap(p, size);
	close(dmabuf);
}

static int of_udmabuf(size_t size, uint8_t **p)
{
	int memory = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC), device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;
	struct udmabuf_create c = { .memfd = memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };

	if (ftruncate(memory, size) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		return -1;
	*p = map_fd(memory, size);
	fd = ioctl(device, UDMABUF_CREATE, &c);
	close(device);
	close(memory);
	return fd;
}

TEST_F_TIMEOUT(card, r118_r131_udmabuf_is_shown, 100)
{
	uint8_t *p;
	int dmabuf = of_udmabuf(self->size, &p);

	ASSERT_GE(dmabuf, 0);
	shown_in_place(_metadata, self, dmabuf, p);
	munmap(p, self->size);
	close(dmabuf);
}

/* Bytes of others, taken in and handed on by us: whoever writes, everybody reads the same. */
static void bytes_of_others(struct __test_metadata *_metadata, FIXTURE_DATA(card) *self, int dmabuf, uint8_t *p, size_t size)
{
	uint8_t *q, *bytes = malloc(size);
	uint32_t handle;
	int on;

	ASSERT_EQ(0, import_fd(self->fd, dmabuf, &handle));
	on = export_fd(self->fd, handle);
	ASSERT_GE(on, 0);
	q = map_fd(on, size);
	ASSERT_NE(MAP_FAILED, q);
	fill(p, size, 1);
	EXPECT_EQ(0, sync_cpu(on, DMA_BUF_SYNC_START));
	EXPECT_EQ(0, differ(q, size, 1));
	fill(q, size, 2);
	EXPECT_EQ(0, sync_cpu(on, DMA_BUF_SYNC_END));
	EXPECT_EQ(0, differ(p, size, 2));
	EXPECT_EQ(0, copied(self->copier, on, bytes, size, 0));
	EXPECT_EQ(0, differ(bytes, size, 2));
	fill(bytes, size, 3);
	EXPECT_EQ(0, copied(self->copier, on, bytes, size, 1));
	EXPECT_EQ(0, differ(p, size, 3));
	munmap(q, size);
	close(on);
	EXPECT_EQ(0, gem_close(self->fd, handle));
	free(bytes);
}

TEST_F(card, r119_vgem_bytes)
{
	size_t size;
	uint8_t *p;
	int dmabuf = of_vgem(self, &p, &size);

	ASSERT_GE(dmabuf, 0);
	bytes_of_others(_metadata, self, dmabuf, p, size);
	munmap(p, size);
	close(dmabuf);
}

TEST_F(card, r119_udmabuf_bytes)
{
	uint8_t *p;
	int dmabuf = of_udmabuf(37 * PAGE, &p);

	ASSERT_GE(dmabuf, 0);
	bytes_of_others(_metadata, self, dmabuf, p, 37 * PAGE);
	munmap(p, 37 * PAGE);
	close(dmabuf);
}

/* A linear blob of ours, which others draw in: through vgem's handle, and where the segments are. */
TEST_F_TIMEOUT(card, r111_r131_others_draw_in_ours, 100)
{
	uint32_t handle = blob(self->fd, VIRTGPU_BLOB_MEM_GUEST, VIRTGPU_BLOB_FLAG_USE_MAPPABLE | VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
			       self->size, 0), there, fb_id, crc;
	uint8_t *p, *q, *bytes = calloc(1, self->size);
	int dmabuf, on;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, self->size, MAP_SHARED, &p));
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, import_fd(self->vgem, dmabuf, &there));
	on = export_fd(self->vgem, there);
	ASSERT_GE(on, 0);
	q = map_fd(on, self->size);
	ASSERT_NE(MAP_FAILED, q);

	EXPECT_EQ(0, sync_cpu(on, DMA_BUF_SYNC_START));
	crc = draw(&self->screen, q, self->pitch, 3);
	EXPECT_EQ(0, sync_cpu(on, DMA_BUF_SYNC_END));
	EXPECT_EQ(0, memcmp(p, q, self->size));
	ASSERT_EQ(0, show(self->fd, &self->screen, handle, self->pitch, 0, &fb_id));
	EXPECT_EQ(crc, shown(crc, 1));

	/* Now a device, by its DMA. */
	crc = draw(&self->screen, bytes, self->pitch, 4);
	ASSERT_EQ(0, copied(self->copier, dmabuf, bytes, self->size, 1));
	EXPECT_EQ(0, memcmp(p, bytes, self->size));
	ASSERT_EQ(0, dirty(self->fd, fb_id));
	EXPECT_EQ(crc, shown(crc, 1));
	/* And what we draw it reads. */
	draw(&self->screen, p, self->pitch, 5);
	ASSERT_EQ(0, copied(self->copier, dmabuf, bytes, self->size, 0));
	EXPECT_EQ(0, memcmp(p, bytes, self->size));

	ASSERT_EQ(0, ioctl(self->copier, 0, -1) ? 0 : 1);
	munmap(q, self->size);
	munmap(p, self->size);
	close(on);
	close(dmabuf);
	EXPECT_EQ(0, gem_close(self->vgem, there));
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_MODE_RMFB, &fb_id));
	EXPECT_EQ(0, gem_close(self->fd, handle));
	free(bytes);
}

TEST_HARNESS_MAIN
