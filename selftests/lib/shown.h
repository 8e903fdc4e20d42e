/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A picture on the first screen of the guest's, and what the test host says that it shows: they are
 * the same when their CRCs are.
 */
#ifndef SHOWN_H
#define SHOWN_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>

struct screen {
	uint32_t crtc, connector;
	struct drm_mode_modeinfo mode;
};

/* The first screen, with the mode that it likes best; 0 or -errno. */
static inline int find_screen(int fd, struct screen *s)
{
	struct drm_mode_modeinfo modes[64];
	struct drm_mode_card_res r = { .crtc_id_ptr = (uintptr_t)&s->crtc, .count_crtcs = 1,
		.connector_id_ptr = (uintptr_t)&s->connector, .count_connectors = 1 };
	struct drm_mode_get_connector c = { 0 };

	if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r))
		return -errno;
	/* Without room for modes it looks for them. */
	c.connector_id = s->connector;
	if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		return -errno;
	c = (struct drm_mode_get_connector){ .connector_id = s->connector, .modes_ptr = (uintptr_t)modes, .count_modes = 64 };
	if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		return -errno;
	if (!c.count_modes)
		return -ENODEV;
	s->mode = modes[0];
	return 0;
}

/* As the host computes it: red, green, blue of each pixel, row by row. */
static inline uint32_t crc_add(uint32_t crc, uint32_t pixel)
{
	for (int s = 16; s >= 0; s -= 8) {
		crc ^= (pixel >> s) & 0xff;
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
	}
	return crc;
}

/* Draws a picture for the screen; its CRC. */
static inline uint32_t draw(const struct screen *s, void *p, uint32_t pitch, uint32_t seed)
{
	uint32_t crc = ~0u;

	for (uint32_t y = 0; y < s->mode.vdisplay; y++)
		for (uint32_t x = 0; x < s->mode.hdisplay; x++) {
			uint32_t pixel = x * 2654435761u ^ (y + seed) * 40503u << 8 ^ 0x5a5a5a;

			((uint32_t *)((uint8_t *)p + (size_t)y * pitch))[x] = pixel;
			crc = crc_add(crc, pixel);
		}
	return ~crc;
}

/* Shows what stands in an object; 0 or -errno. */
static inline int show(int fd, const struct screen *s, uint32_t handle, uint32_t pitch, uint32_t offset, uint32_t *fb_id)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = s->mode.hdisplay, .height = s->mode.vdisplay, .pixel_format = 0x34325258 /* XR24 */,
		.handles = { handle }, .pitches = { pitch }, .offsets = { offset },
	};
	struct drm_mode_crtc c = { .crtc_id = s->crtc, .count_connectors = 1, .set_connectors_ptr = (uintptr_t)&s->connector,
		.mode_valid = 1, .mode = s->mode };
	int ret = ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &fb);

	*fb_id = c.fb_id = fb.fb_id;
	return ret || ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &c) ? -errno : 0;
}

static inline void show_nothing(int fd, const struct screen *s)
{
	struct drm_mode_crtc off = { .crtc_id = s->crtc };

	ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &off);
}

/* What the host says that it shows, once that is `want`; 0 where it has to read it `in_place` and does not. */
static inline uint32_t shown(uint32_t want, int in_place)
{
	int port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned int got = 0;
	char answer[200] = "";

	for (int i = 0; i < 200 && port >= 0 && got != want; i++) {
		struct pollfd p = { .fd = port, .events = POLLIN };

		memset(answer, 0, sizeof(answer));
		if (write(port, "crc 0\n", 6) != 6 || poll(&p, 1, 20000) != 1 || read(port, answer, sizeof(answer) - 1) <= 0)
			break;
		sscanf(answer, "ok %x", &got);
		usleep(100000);
	}
	if (port >= 0)
		close(port);
	if (got != want)
		printf("# the host says %s\n", answer);
	return in_place && !strstr(answer, "place") ? 0 : got;
}

#endif
