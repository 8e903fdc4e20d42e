// SPDX-License-Identifier: GPL-2.0
/*
 * What layouts are asked for: another GPU of the guest draws into memory that the virtio-gpu shows.
 * vgem stands for that GPU. It draws through its own handle with the stride and the offset that the
 * query has told, and the host's screen has to have that picture, pixel for pixel.
 */
#include "layout.h"

#define PORT "/dev/vgpu-gpuhost"

FIXTURE(card)
{
	int fd, vgem;
	uint32_t crtc, connector;
	struct drm_mode_modeinfo mode;
};

FIXTURE_SETUP(card)
{
	struct drm_mode_modeinfo modes[64];
	struct drm_mode_card_res r = { .crtc_id_ptr = ptr(&self->crtc), .count_crtcs = 1,
		.connector_id_ptr = ptr(&self->connector), .count_connectors = 1 };
	struct drm_mode_get_connector c = { 0 };

	self->fd = open(CARD, O_RDWR | O_CLOEXEC);
	self->vgem = card_of("vgem");
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->vgem, 0);
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETRESOURCES, &r));
	c.connector_id = self->connector;
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	c = (struct drm_mode_get_connector){ .connector_id = self->connector, .modes_ptr = ptr(modes), .count_modes = 64 };
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	ASSERT_GE(c.count_modes, 1);
	self->mode = modes[0];
}

FIXTURE_TEARDOWN(card)
{
	struct drm_mode_crtc off = { .crtc_id = self->crtc };

	call(self->fd, DRM_IOCTL_MODE_SETCRTC, &off);
	close(self->fd);
	close(self->vgem);
}

/* As the host computes it: red, green, blue of each pixel, row by row. */
static uint32_t crc_add(uint32_t crc, uint32_t pixel)
{
	for (int s = 16; s >= 0; s -= 8) {
		crc ^= (pixel >> s) & 0xff;
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
	}
	return crc;
}

/* What the host says that it shows, once that is `want`; 0 where it never is. */
static uint32_t shown(uint32_t want)
{
	int port = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned int got = 0;

	for (int i = 0; i < 200 && port >= 0 && got != want; i++) {
		struct pollfd p = { .fd = port, .events = POLLIN };
		char answer[200] = "";

		if (write(port, "crc 0\n", 6) != 6 || poll(&p, 1, 5000) != 1 ||
		    read(port, answer, sizeof(answer) - 1) <= 0)
			break;
		sscanf(answer, "ok %x", &got);
		sleep_ms(100);
	}
	if (port >= 0)
		close(port);
	return got;
}

/* The pattern, drawn through another device. Its CRC. */
static uint32_t draw(int vgem, int dmabuf, const layout_t *q, uint32_t w, uint32_t h)
{
	size_t size = lseek(dmabuf, 0, SEEK_END);
	struct dma_buf_sync s = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	uint32_t handle, crc = ~0u;
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
	for (uint32_t y = 0; y < h; y++) {
		uint32_t *row = (uint32_t *)(p + q->planes[0].offset + (size_t)y * q->planes[0].stride);

		for (uint32_t x = 0; x < w; x++) {
			row[x] = x * 2654435761u ^ y * 40503u << 8 ^ 0x5a5a5a;
			crc = crc_add(crc, row[x]);
		}
	}
	s.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	call(own, DMA_BUF_IOCTL_SYNC, &s);
	munmap(p, size);
	close(own);
	gem_close(vgem, handle);
	return ~crc;
}

/* Shows an object that is laid out so. */
static int show(int fd, uint32_t crtc, uint32_t connector, struct drm_mode_modeinfo *mode, uint32_t handle,
		const layout_t *q)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = mode->hdisplay, .height = mode->vdisplay, .pixel_format = 0x34325258 /* XR24 */,
		.handles = { handle }, .pitches = { q->planes[0].stride }, .offsets = { q->planes[0].offset },
	};
	struct drm_mode_crtc c = { .crtc_id = crtc, .count_connectors = 1, .set_connectors_ptr = ptr(&connector),
		.mode_valid = 1, .mode = *mode };
	int ret = call(fd, DRM_IOCTL_MODE_ADDFB2, &fb);

	c.fb_id = fb.fb_id;
	return ret ? ret : call(fd, DRM_IOCTL_MODE_SETCRTC, &c);
}

TEST_F_TIMEOUT(card, a_dumb_buffer_by_way_of_vgem, 90)
{
	uint32_t pitch, w = self->mode.hdisplay, h = self->mode.vdisplay, handle = dumb(self->fd, w, h, &pitch), crc;
	layout_t q;
	int dmabuf;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, query(self->fd, handle, &q));
	ASSERT_TRUE(is_layout(&q, 0, pitch));
	dmabuf = export_fd(self->fd, handle);
	ASSERT_GE(dmabuf, 0);
	crc = draw(self->vgem, dmabuf, &q, w, h);
	ASSERT_NE(0, crc);
	ASSERT_EQ(0, show(self->fd, self->crtc, self->connector, &self->mode, handle, &q));
	EXPECT_EQ(crc, shown(crc));
	close(dmabuf);
}

/* The layout first, then memory for it: what handle 0 is for. */
TEST_F_TIMEOUT(card, a_blob_laid_out_as_the_host_wants_it, 90)
{
	uint32_t w = self->mode.hdisplay, h = self->mode.vdisplay, handle, crc;
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
	crc = draw(self->vgem, dmabuf, &q, w, h);
	ASSERT_NE(0, crc);
	ASSERT_EQ(0, show(self->fd, self->crtc, self->connector, &self->mode, handle, &q));
	EXPECT_EQ(crc, shown(crc));
	close(dmabuf);
}

TEST_HARNESS_MAIN
