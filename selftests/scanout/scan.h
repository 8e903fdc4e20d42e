/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs that draw numbers into rows: buffers, flips and the host's counters, on the bare ioctls.
 */
#ifndef VGPU_SCAN_H
#define VGPU_SCAN_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>

#define MARK 0xa5000000u
#define BUFFERS 4

struct buffer {
	uint32_t handle, fb, pitch;
	uint64_t size;
	uint8_t *map;
};

static int fd, port = -1;
static uint32_t crtc, connector;
static struct drm_mode_modeinfo mode;
static struct buffer buffers[BUFFERS];

static inline void end(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void call(unsigned long request, void *arg, const char *what)
{
	while (ioctl(fd, request, arg))
		if (errno != EINTR)
			end(what);
}

static inline int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* What the host has counted. */
static inline void stats(char *line, size_t size)
{
	size_t have = 0;
	struct pollfd p = { .fd = port, .events = POLLIN };

	line[0] = 0;
	if (port < 0 || write(port, "stats\n", 6) != 6)
		return;
	while (have < size - 1 && poll(&p, 1, 10000) == 1) {
		ssize_t n = read(port, line + have, size - 1 - have);

		if (n <= 0)
			return;
		have += n;
		line[have] = 0;
		if (line[have - 1] == '\n')
			return;
	}
}

static inline long long number(const char *line, const char *name)
{
	char want[32];
	const char *at;

	snprintf(want, sizeof(want), " %s=", name);
	at = strstr(line, want);
	return at ? atoll(at + strlen(want)) : 0;
}

/* The same when there is a picture more than in `line`, or after some time without one. */
static inline void stats_with_picture(char *line, size_t size)
{
	long long was = number(line, "frames");

	for (int i = 0; port >= 0 && i < 500; i++) {
		stats(line, size);
		if (number(line, "frames") > was)
			return;
		usleep(10000);
	}
}

/* The same of the driver, from a file of debugfs; -1 where there is none. */
static inline long long driver(const char *name)
{
	char line[256];
	long long n = -1;
	FILE *f = fopen("/sys/kernel/debug/dri/0/virtio-gpu-scanouts", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && strchr(line, ':'))
			n = (n < 0 ? 0 : n) + atoll(strchr(line, ':') + 1);
	if (f)
		fclose(f);
	return n;
}

static inline void setup(int hz)
{
	uint32_t crtcs[16], connectors[16];
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_card_res r = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 16,
		.connector_id_ptr = (uintptr_t)connectors, .count_connectors = 16,
	};
	struct drm_mode_get_connector c = { 0 };

	call(DRM_IOCTL_MODE_GETRESOURCES, &r, "get resources");
	crtc = crtcs[0];
	c.connector_id = connector = connectors[0];
	call(DRM_IOCTL_MODE_GETCONNECTOR, &c, "probe connector");
	c = (struct drm_mode_get_connector){ .connector_id = connector,
		.modes_ptr = (uintptr_t)modes, .count_modes = 256 };
	call(DRM_IOCTL_MODE_GETCONNECTOR, &c, "get connector");
	mode = modes[0];
	if (hz) {
		mode.clock = hz * mode.htotal * mode.vtotal / 1000;
		mode.vrefresh = hz;
		mode.type = DRM_MODE_TYPE_USERDEF;
	}
}

/* The id of a property of an object, 0 if it has none of that name; and its value. */
static inline uint32_t property(uint32_t object, uint32_t type, const char *name, uint64_t *value)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties all = {
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values, .count_props = 64,
		.obj_id = object, .obj_type = type,
	};

	call(DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &all, "properties");
	for (uint32_t k = 0; k < all.count_props && k < 64; k++) {
		struct drm_mode_get_property one = { .prop_id = ids[k] };

		call(DRM_IOCTL_MODE_GETPROPERTY, &one, "property");
		if (!strcmp(one.name, name)) {
			if (value)
				*value = values[k];
			return ids[k];
		}
	}
	return 0;
}

/* The primary plane: the one that shows the framebuffer. */
static inline uint32_t plane_of(uint32_t fb)
{
	uint32_t planes[32];
	struct drm_mode_get_plane_res r = { .plane_id_ptr = (uintptr_t)planes, .count_planes = 32 };

	call(DRM_IOCTL_MODE_GETPLANERESOURCES, &r, "planes");
	for (uint32_t i = 0; i < r.count_planes && i < 32; i++) {
		struct drm_mode_get_plane p = { .plane_id = planes[i] };

		call(DRM_IOCTL_MODE_GETPLANE, &p, "plane");
		if (p.fb_id == fb)
			return planes[i];
	}
	errno = ENOENT;
	end("primary plane");
	return 0;
}

/* A card of that driver; -1 if there is none. */
static inline int card(const char *driver)
{
	for (int i = 0; i < 8; i++) {
		char path[32], name[32] = "";
		struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };
		int file;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		file = open(path, O_RDWR | O_CLOEXEC);
		if (file >= 0 && !ioctl(file, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver))
			return file;
		if (file >= 0)
			close(file);
	}
	return -1;
}

static inline void make(struct buffer *b)
{
	struct drm_mode_create_dumb create = { .width = mode.hdisplay, .height = mode.vdisplay, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = mode.hdisplay, .height = mode.vdisplay,
		.pixel_format = DRM_FORMAT_XRGB8888 };

	call(DRM_IOCTL_MODE_CREATE_DUMB, &create, "create dumb");
	map.handle = fb.handles[0] = b->handle = create.handle;
	fb.pitches[0] = b->pitch = create.pitch;
	call(DRM_IOCTL_MODE_MAP_DUMB, &map, "map dumb");
	b->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (b->map == MAP_FAILED)
		end("mmap");
	call(DRM_IOCTL_MODE_ADDFB2, &fb, "add framebuffer");
	b->fb = fb.fb_id;
}

static inline void draw(struct buffer *b, uint32_t n)
{
	for (uint32_t y = 0; y < mode.vdisplay; y++)
		*(volatile uint32_t *)(b->map + (size_t)y * b->pitch) = MARK | (n & 0xffffff);
}

/* A picture in which no pixel is like another; pattern() in qemu.py is the same. */
static inline uint32_t pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	uint32_t v = x * 0x9e3779b1u ^ y * 0x85ebca6bu ^ seed * 0xc2b2ae35u;

	v ^= v >> 15;
	v *= 0x2c1b3c6du;
	return v ^ v >> 12;
}

static inline void draw_all(const struct buffer *b, uint32_t w, uint32_t h, uint32_t seed)
{
	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++)
			*(volatile uint32_t *)(b->map + (size_t)y * b->pitch + 4 * x) = pixel(x, y, seed);
}

static inline void show(struct buffer *b)
{
	struct drm_mode_crtc c = {
		.crtc_id = crtc, .fb_id = b ? b->fb : 0, .count_connectors = b ? 1 : 0,
		.set_connectors_ptr = (uintptr_t)&connector, .mode_valid = b != NULL,
	};

	if (b)
		c.mode = mode;
	call(DRM_IOCTL_MODE_SETCRTC, &c, b ? "set crtc" : "crtc off");
}

static inline void flip(struct buffer *b)
{
	struct drm_mode_crtc_page_flip f = { .crtc_id = crtc, .fb_id = b->fb, .flags = DRM_MODE_PAGE_FLIP_EVENT };

	call(DRM_IOCTL_MODE_PAGE_FLIP, &f, "page flip");
}

/* The sequence number of the vertical blank that the flip was over at, and its time. */
static inline uint32_t flipped(int64_t *at)
{
	struct drm_event_vblank event;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* A starved machine may take long; a driver that waits for a host for ever takes longer. */
	if (poll(&p, 1, 60000) != 1 || read(fd, &event, sizeof(event)) != sizeof(event)) {
		errno = ETIMEDOUT;
		end("flip event");
	}
	*at = event.tv_sec * 1000000ll + event.tv_usec;
	return event.sequence;
}

/* The driver's card, and two buffers of its first mode. */
static inline void two_buffers(void)
{
	fd = card("virtio_gpu");
	if (fd < 0)
		end("open");
	setup(0);
	for (int i = 0; i < 2; i++)
		make(&buffers[i]);
}

/* So many flips through them, every frame all of the screen. */
static inline void flip_through(int frames)
{
	int64_t at;

	for (int n = 1; n <= frames; n++) {
		draw_all(&buffers[n % 2], mode.hdisplay, mode.vdisplay, n);
		flip(&buffers[n % 2]);
		flipped(&at);
	}
}

#endif
