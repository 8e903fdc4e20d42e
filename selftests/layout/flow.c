// SPDX-License-Identifier: GPL-2.0
/*
 * What layouts are asked for: another GPU of the guest draws into memory that the virtio-gpu shows.
 * vgem stands for that GPU. It draws through its own handle with the stride and the offset that the
 * query has told, and the host's screen has to have that picture, pixel for pixel.
 */
#include "layout.h"
#include "shown.h"

FIXTURE(card)
{
	int fd, vgem;
	struct screen screen;
};

FIXTURE_SETUP(card)
{
	self->fd = open(CARD, O_RDWR | O_CLOEXEC);
	self->vgem = card_of("vgem");
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->vgem, 0);
	ASSERT_EQ(0, find_screen(self->fd, &self->screen));
}

FIXTURE_TEARDOWN(card)
{
	show_nothing(self->fd, &self->screen);
	close(self->fd);
	close(self->vgem);
}

/* The picture, drawn through another device. Its CRC. */
static uint32_t draw_through(int vgem, int dmabuf, const layout_t *q, const struct screen *screen)
{
	size_t size = lseek(dmabuf, 0, SEEK_END);
	struct dma_buf_sync s = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	uint32_t handle, crc;
	uint8_t *p;
	int own;

	if (import_fd(vgem, dmabuf, &handle))
		return 0;
	own = export_fd(vgem, handle);
	if (own < 0)
		return 0;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	if (p == MAP_FAILED || call(own, DMA_BUF_IOCTL_SYNC, &s))
		return 0;
	crc = draw(screen, p + q->planes[0].offset, q->planes[0].stride, 0);
	s.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	call(own, DMA_BUF_IOCTL_SYNC, &s);
	munmap(p, size);
	close(own);
	gem_close(vgem, handle);
	return crc;
}

TEST_F_TIMEOUT(card, a_dumb_buffer_by_way_of_vgem, 90)
{
	uint32_t w = self->screen.mode.hdisplay, h = self->screen.mode.vdisplay, pitch, handle = dumb(self->fd, w, h, &pitch), fb_id, crc;
	layout_t q;
	int dmabuf;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, query(self->fd, handle, &q));
	ASSERT_TRUE(is_layout(&q, 0, pitch));
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	crc = draw_through(self->vgem, dmabuf, &q, &self->screen);
	ASSERT_NE(0, crc);
	ASSERT_EQ(0, show(self->fd, &self->screen, handle, q.planes[0].stride, q.planes[0].offset, &fb_id));
	EXPECT_EQ(crc, shown(crc, 0));
	close(dmabuf);
}

/* The layout first, then memory for it: what handle 0 is for. */
TEST_F_TIMEOUT(card, a_blob_laid_out_as_the_host_wants_it, 90)
{
	uint32_t w = self->screen.mode.hdisplay, h = self->screen.mode.vdisplay, handle, fb_id, crc;
	layout_t q;
	int dmabuf;

	if (!host_is("second") || getparam(self->fd, VIRTGPU_PARAM_RESOURCE_BLOB) != 1)
		SKIP(return, "the host cannot be asked that");
	ASSERT_EQ(0, query_new(self->fd, w, h, FORMAT_BGRX8, BIND_LINEAR, &q));
	EXPECT_GT(q.planes[0].stride, 4 * w);
	handle = blob(self->fd, VIRTGPU_BLOB_MEM_GUEST, VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
		      (q.planes[0].offset + (uint64_t)q.planes[0].stride * h + PAGE - 1) & ~(uint64_t)(PAGE - 1));
	ASSERT_NE(0, handle);
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	crc = draw_through(self->vgem, dmabuf, &q, &self->screen);
	ASSERT_NE(0, crc);
	ASSERT_EQ(0, show(self->fd, &self->screen, handle, q.planes[0].stride, q.planes[0].offset, &fb_id));
	EXPECT_EQ(crc, shown(crc, 0));
	close(dmabuf);
}

TEST_HARNESS_MAIN
