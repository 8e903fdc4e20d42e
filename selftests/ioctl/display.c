// SPDX-License-Identifier: GPL-2.0
/*
 * The display as programs see it: modes, atomic updates and what they refuse, fences in and out, vertical
 * blanks, flips, cursors, DIRTYFB, the console's framebuffer. What is on the host's screen then is not
 * looked at here. The first connected display is used; a case names its row of the acceptance list.
 * Uses nothing but the kernel's headers, so that it also builds for 32 bits.
 */
#include <linux/fb.h>
#include <poll.h>
#include <time.h>
#include "card.h"
#include "sw_sync.h"

#define CRTC DRM_MODE_OBJECT_CRTC
#define PLANE DRM_MODE_OBJECT_PLANE
#define CONNECTOR DRM_MODE_OBJECT_CONNECTOR

/* Whether the file can be read within so many milliseconds. */
static int readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

/* An atomic update that is put together word by word. */
struct update {
	int fd, n;
	uint32_t objects[32], counts[32], props[32];
	uint64_t values[32];
};

static void set(struct update *u, uint32_t object, uint32_t type, const char *name, uint64_t value)
{
	uint64_t before;

	u->objects[u->n] = object;
	u->counts[u->n] = 1;
	u->props[u->n] = find_property(u->fd, object, type, name, &before);
	u->values[u->n++] = value;
}

static int commit(struct update *u, uint32_t flags, uint64_t user_data)
{
	struct drm_mode_atomic a = {
		.flags = flags, .count_objs = u->n, .objs_ptr = (uintptr_t)u->objects,
		.count_props_ptr = (uintptr_t)u->counts, .props_ptr = (uintptr_t)u->props,
		.prop_values_ptr = (uintptr_t)u->values, .user_data = user_data,
	};

	return call(u->fd, DRM_IOCTL_MODE_ATOMIC, &a);
}

struct buffer {
	uint32_t handle, fb, pitch, w, h;
	uint64_t size;
};

static int make(int fd, struct buffer *b, uint32_t w, uint32_t h, uint32_t format)
{
	struct drm_mode_create_dumb d = { .width = w, .height = h, .bpp = 32 };
	int ret = call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d);
	struct drm_mode_fb_cmd2 fb = {
		.width = w, .height = h, .pixel_format = format, .handles[0] = d.handle, .pitches[0] = d.pitch,
	};

	if (!ret)
		ret = call(fd, DRM_IOCTL_MODE_ADDFB2, &fb);
	*b = (struct buffer){ d.handle, fb.fb_id, d.pitch, w, h, d.size };
	return ret;
}

FIXTURE(display)
{
	int fd;
	uint32_t crtc, connector, primary, cursor;
	struct drm_mode_modeinfo mode;
	uint32_t mode_blob;
	struct buffer a, b;
};

static uint32_t blob(int fd, const void *data, uint32_t length)
{
	struct drm_mode_create_blob c = { .data = (uintptr_t)data, .length = length };

	return call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &c) ? 0 : c.blob_id;
}

static void show(struct update *u, uint32_t plane, uint32_t crtc, const struct buffer *b, int x, int y, uint32_t w, uint32_t h)
{
	set(u, plane, PLANE, "FB_ID", b->fb);
	set(u, plane, PLANE, "CRTC_ID", crtc);
	set(u, plane, PLANE, "SRC_X", 0);
	set(u, plane, PLANE, "SRC_Y", 0);
	set(u, plane, PLANE, "SRC_W", (uint64_t)w << 16);
	set(u, plane, PLANE, "SRC_H", (uint64_t)h << 16);
	set(u, plane, PLANE, "CRTC_X", (uint64_t)(int64_t)x);
	set(u, plane, PLANE, "CRTC_Y", (uint64_t)(int64_t)y);
	set(u, plane, PLANE, "CRTC_W", w);
	set(u, plane, PLANE, "CRTC_H", h);
}

FIXTURE_SETUP(display)
{
	uint32_t crtcs[16], connectors[16], ids[32];
	struct drm_mode_card_res res = {
		.count_crtcs = 16, .crtc_id_ptr = (uintptr_t)crtcs,
		.count_connectors = 16, .connector_id_ptr = (uintptr_t)connectors,
	};
	struct drm_mode_get_plane_res planes = { .count_planes = 32, .plane_id_ptr = (uintptr_t)ids };
	struct drm_mode_modeinfo modes[128];
	struct drm_mode_get_connector c = { .count_modes = 128, .modes_ptr = (uintptr_t)modes };
	struct update u = { 0 };

	self->fd = open(CARD, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, client_cap(self->fd, DRM_CLIENT_CAP_ATOMIC, 1));
	ASSERT_EQ(0, client_cap(self->fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1));
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETRESOURCES, &res));
	ASSERT_LE(1, res.count_connectors);
	/* A display's parts have the same place in their lists. */
	self->connector = connectors[0];
	self->crtc = crtcs[0];
	c.connector_id = self->connector;
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	ASSERT_EQ(1, c.connection);
	ASSERT_LT(0, c.count_modes);
	self->mode = modes[0];
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &planes));
	for (unsigned int i = 0; i < planes.count_planes && i < 32; i++) {
		struct drm_mode_get_plane p = { .plane_id = ids[i] };
		int64_t type = property(self->fd, ids[i], PLANE, "type");

		ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETPLANE, &p));
		if (p.possible_crtcs & 1)
			*(type == 1 ? &self->primary : &self->cursor) = ids[i];
	}
	ASSERT_NE(0, self->primary);
	ASSERT_NE(0, self->cursor);
	self->mode_blob = blob(self->fd, &self->mode, sizeof(self->mode));
	ASSERT_NE(0, self->mode_blob);
	ASSERT_EQ(0, make(self->fd, &self->a, self->mode.hdisplay, self->mode.vdisplay, DRM_FORMAT_XRGB8888));
	ASSERT_EQ(0, make(self->fd, &self->b, self->mode.hdisplay, self->mode.vdisplay, DRM_FORMAT_XRGB8888));
	u.fd = self->fd;
	set(&u, self->connector, CONNECTOR, "CRTC_ID", self->crtc);
	set(&u, self->crtc, CRTC, "MODE_ID", self->mode_blob);
	set(&u, self->crtc, CRTC, "ACTIVE", 1);
	show(&u, self->primary, self->crtc, &self->a, 0, 0, self->a.w, self->a.h);
	ASSERT_EQ(0, commit(&u, DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
}

FIXTURE_TEARDOWN(display)
{
	close(self->fd);
}

/* The next event of the file is a flip with this word, within ms; its sequence, or -1. */
static int64_t flipped(int fd, uint64_t word, int ms)
{
	struct drm_event_vblank e;

	if (!readable(fd, ms) || read(fd, &e, sizeof(e)) != sizeof(e) || e.base.type != DRM_EVENT_FLIP_COMPLETE ||
	    e.user_data != word)
		return -1;
	return e.sequence;
}

#define FLIP (DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT)

/* Row 127: modes are within the limits, sane in their rate, and one of them is preferred. */
TEST_F(display, r127_modes)
{
	struct drm_mode_modeinfo modes[128];
	struct drm_mode_get_connector c = {
		.connector_id = self->connector, .count_modes = 128, .modes_ptr = (uintptr_t)modes,
	};
	int preferred = 0;

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	ASSERT_GE(128, c.count_modes);
	for (unsigned int i = 0; i < c.count_modes; i++) {
		EXPECT_GE(8192, modes[i].hdisplay);
		EXPECT_GE(8192, modes[i].vdisplay);
		EXPECT_LE(20, modes[i].vrefresh);
		EXPECT_GE(240, modes[i].vrefresh);
		preferred += !!(modes[i].type & DRM_MODE_TYPE_PREFERRED);
	}
	EXPECT_EQ(1, preferred);
}

/* Row 128: only the host's preferred mode is held against its size; a user may ask for any other. */
TEST_F(display, r128_modes_of_a_user)
{
	struct drm_mode_modeinfo mode = self->mode;
	struct update u = { .fd = self->fd };
	struct buffer large;

	ASSERT_EQ(0, make(self->fd, &large, 2560, 1600, DRM_FORMAT_XRGB8888));
	mode.hdisplay = mode.hsync_start = mode.hsync_end = mode.htotal = 2560;
	mode.vdisplay = mode.vsync_start = mode.vsync_end = mode.vtotal = 1600;
	mode.hsync_start += 16, mode.hsync_end += 32, mode.htotal += 64;
	mode.vsync_start += 4, mode.vsync_end += 8, mode.vtotal += 16;
	mode.clock = (uint64_t)mode.htotal * mode.vtotal * 60 / 1000;
	mode.type = DRM_MODE_TYPE_USERDEF;
	set(&u, self->crtc, CRTC, "MODE_ID", blob(self->fd, &mode, sizeof(mode)));
	show(&u, self->primary, self->crtc, &large, 0, 0, 2560, 1600);
	EXPECT_EQ(0, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
	/* nor may it be larger than what can be shown */
	u.n = 0;
	mode.hdisplay = 8200, mode.hsync_start = 8216, mode.hsync_end = 8232, mode.htotal = 8264;
	set(&u, self->crtc, CRTC, "MODE_ID", blob(self->fd, &mode, sizeof(mode)));
	EXPECT_NE(0, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
}

/* Row 138: the primary plane covers the display and nothing is scaled; the cursor goes anywhere. */
TEST_F(display, r138_places)
{
	struct buffer cursor;
	struct update u;

	ASSERT_EQ(0, make(self->fd, &cursor, 64, 64, DRM_FORMAT_ARGB8888));
	u = (struct update){ .fd = self->fd };
	show(&u, self->primary, self->crtc, &self->b, 8, 0, self->b.w, self->b.h);
	EXPECT_EQ(-EINVAL, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0));
	u = (struct update){ .fd = self->fd };
	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w, self->b.h);
	set(&u, self->primary, PLANE, "SRC_W", (uint64_t)(self->b.w / 2) << 16);
	EXPECT_EQ(-ERANGE, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0));
	u = (struct update){ .fd = self->fd };
	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w + 1, self->b.h);
	EXPECT_EQ(-ENOSPC, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0));
	for (int place = -63; place < 2000; place += 500) {
		u = (struct update){ .fd = self->fd };
		show(&u, self->cursor, self->crtc, &cursor, place, place / 2, 64, 64);
		EXPECT_EQ(0, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0));
	}
	u = (struct update){ .fd = self->fd };
	show(&u, self->cursor, self->crtc, &cursor, 0, 0, 64, 64);
	set(&u, self->cursor, PLANE, "SRC_W", 32ull << 16);
	EXPECT_EQ(-ERANGE, commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0));
}

/* Row 138: planes of a display that is off can be changed, and show when it is on. */
TEST_F(display, r138_planes_of_a_display_that_is_off)
{
	struct update u = { .fd = self->fd };

	set(&u, self->crtc, CRTC, "ACTIVE", 0);
	ASSERT_EQ(0, commit(&u, DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
	u = (struct update){ .fd = self->fd };
	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w, self->b.h);
	EXPECT_EQ(0, commit(&u, 0, 0));
	/* nothing ever flips there */
	EXPECT_EQ(-EINVAL, commit(&u, FLIP, 1));
	u = (struct update){ .fd = self->fd };
	set(&u, self->crtc, CRTC, "ACTIVE", 1);
	EXPECT_EQ(0, commit(&u, DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
}

/* Row 142: a host's cursor has 64 by 64 pixels; larger ones are refused. */
TEST_F(display, r142_cursor_sizes)
{
	const uint32_t sizes[][2] = { { 64, 64 }, { 128, 128 }, { 64, 128 }, { 128, 64 } };

	for (unsigned int i = 0; i < 4; i++) {
		struct update u = { .fd = self->fd };
		struct buffer cursor;
		int ret;

		ASSERT_EQ(0, make(self->fd, &cursor, sizes[i][0], sizes[i][1], DRM_FORMAT_ARGB8888));
		show(&u, self->cursor, self->crtc, &cursor, 5, 6, sizes[i][0], sizes[i][1]);
		ret = commit(&u, DRM_MODE_ATOMIC_TEST_ONLY, 0);
		if (i == 0) {
			EXPECT_EQ(0, ret);
		} else if (!on_c_driver()) {
			EXPECT_EQ(-EINVAL, ret);
		}
	}
}

/* Row 137: a flip waits for the fence that it was given, and does not block its caller. */
TEST_F(display, r137_fence_in)
{
	int line = sw_timeline(), in;
	struct update u = { .fd = self->fd };

	if (line < 0)
		SKIP(return, "this kernel has no sw_sync");
	in = sw_fence(line, 1);
	ASSERT_LE(0, in);
	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w, self->b.h);
	set(&u, self->primary, PLANE, "IN_FENCE_FD", in);
	ASSERT_EQ(0, commit(&u, FLIP, 7));
	EXPECT_EQ(0, readable(self->fd, 300));
	/* what comes after it waits its turn */
	EXPECT_EQ(-EBUSY, commit(&u, FLIP, 8));
	ASSERT_EQ(0, sw_advance(line, 1));
	EXPECT_LE(0, flipped(self->fd, 7, 3000));
	close(in);
	close(line);
}

/* Row 137: a fence that ends with an error does not hold the picture back. */
TEST_F(display, r137_fence_in_with_an_error)
{
	int line = sw_timeline(), in;
	struct update u = { .fd = self->fd };

	if (line < 0)
		SKIP(return, "this kernel has no sw_sync");
	in = sw_fence(line, 1);
	ASSERT_LE(0, in);
	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w, self->b.h);
	set(&u, self->primary, PLANE, "IN_FENCE_FD", in);
	ASSERT_EQ(0, commit(&u, FLIP, 9));
	/* a timeline that is closed ends its fences with -ENOENT */
	close(line);
	EXPECT_LE(0, flipped(self->fd, 9, 3000));
	close(in);
}

/* Row 137: a fence for a plane without a picture is nothing to wait for, and no reason for the kernel to complain. */
TEST_F(display, r137_fence_in_without_a_picture)
{
	int line = sw_timeline(), in;
	struct update u = { .fd = self->fd };

	if (line < 0)
		SKIP(return, "this kernel has no sw_sync");
	if (on_c_driver())
		SKIP(return, "the C driver waits, and the kernel warns");
	in = sw_fence(line, 1);
	ASSERT_LE(0, in);
	set(&u, self->cursor, PLANE, "FB_ID", 0);
	set(&u, self->cursor, PLANE, "CRTC_ID", 0);
	set(&u, self->cursor, PLANE, "IN_FENCE_FD", in);
	EXPECT_EQ(0, commit(&u, 0, 0));
	close(in);
	close(line);
}

/* Row 143: the fence out signals with the flip, whose event has a time and a count. */
TEST_F(display, r143_fence_out)
{
	struct update u = { .fd = self->fd };
	int32_t out = -1;

	show(&u, self->primary, self->crtc, &self->b, 0, 0, self->b.w, self->b.h);
	set(&u, self->crtc, CRTC, "OUT_FENCE_PTR", (uintptr_t)&out);
	ASSERT_EQ(0, commit(&u, FLIP, 11));
	ASSERT_LE(0, out);
	EXPECT_EQ(1, readable(out, 3000));
	EXPECT_LE(0, flipped(self->fd, 11, 3000));
	close(out);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Row 143: vertical blanks are counted one by one, and their times go with the count. */
TEST_F(display, r143_vertical_blanks)
{
	uint32_t last = 0;
	int64_t at = 0;

	for (int i = 0; i < 5; i++) {
		union drm_wait_vblank v = { .request.type = _DRM_VBLANK_RELATIVE, .request.sequence = 1 };
		int64_t t;

		ASSERT_EQ(0, call(self->fd, DRM_IOCTL_WAIT_VBLANK, &v));
		t = v.reply.tval_sec * 1000000ll + v.reply.tval_usec;
		EXPECT_LT(last, v.reply.sequence);
		EXPECT_LT(at, t);
		EXPECT_GE((int64_t)(now_ns() / 1000), t);
		last = v.reply.sequence;
		at = t;
	}
}

/* Row 144: a flip and its event; the second one before the first has ended; never without waiting for the blank. */
TEST_F(display, r144_flips)
{
	struct drm_mode_crtc_page_flip f = {
		.crtc_id = self->crtc, .fb_id = self->b.fb, .flags = DRM_MODE_PAGE_FLIP_EVENT, .user_data = 21,
	};
	uint64_t asked = now_ns();
	struct drm_event_vblank e;
	int ret;

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_PAGE_FLIP, &f));
	f.user_data = 22;
	ret = call(self->fd, DRM_IOCTL_MODE_PAGE_FLIP, &f);
	/* a blank may come between the two */
	if (ret) {
		EXPECT_EQ(-EBUSY, ret);
	} else {
		EXPECT_EQ(1, readable(self->fd, 0));
	}
	ASSERT_EQ(1, readable(self->fd, 3000));
	ASSERT_EQ((int)sizeof(e), (int)read(self->fd, &e, sizeof(e)));
	EXPECT_EQ(DRM_EVENT_FLIP_COMPLETE, e.base.type);
	EXPECT_EQ(21, e.user_data);
	EXPECT_EQ(self->crtc, e.crtc_id);
	/* not before it was asked for */
	EXPECT_LE(asked / 1000, e.tv_sec * 1000000ull + e.tv_usec);
	if (!ret) {
		EXPECT_LE(0, flipped(self->fd, 22, 3000));
	}
	f.flags = DRM_MODE_PAGE_FLIP_ASYNC;
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_MODE_PAGE_FLIP, &f));
}

/* Row 144: the event of a flip after a pause of the display also has a time that was not before it. */
TEST_F(display, r144_flips_after_a_pause)
{
	for (int i = 0; i < 4; i++) {
		struct update u = { .fd = self->fd };
		struct drm_event_vblank e;
		uint64_t asked;

		if (i < 2) {
			set(&u, self->crtc, CRTC, "ACTIVE", 0);
			ASSERT_EQ(0, commit(&u, DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
			u = (struct update){ .fd = self->fd };
			set(&u, self->crtc, CRTC, "ACTIVE", 1);
			ASSERT_EQ(0, commit(&u, DRM_MODE_ATOMIC_ALLOW_MODESET, 0));
			u = (struct update){ .fd = self->fd };
		} else {
			usleep(150000 * i);
		}
		show(&u, self->primary, self->crtc, i & 1 ? &self->a : &self->b, 0, 0, self->b.w, self->b.h);
		asked = now_ns();
		ASSERT_EQ(0, commit(&u, FLIP, 30 + i));
		ASSERT_EQ(1, readable(self->fd, 3000));
		ASSERT_EQ((int)sizeof(e), (int)read(self->fd, &e, sizeof(e)));
		if (!on_c_driver()) {
			EXPECT_LE(asked / 1000, e.tv_sec * 1000000ull + e.tv_usec);
		}
		EXPECT_GE(now_ns() / 1000, e.tv_sec * 1000000ull + e.tv_usec);
	}
}

/* Row 135: DIRTYFB with good and with bad words. */
TEST_F(display, r135_dirtyfb)
{
	struct drm_clip_rect clips[] = { { 0, 0, 10, 10 }, { 20, 20, 65535, 65535 }, { 9, 9, 3, 3 } };
	struct drm_mode_fb_dirty_cmd d = { .fb_id = self->a.fb, .num_clips = 2, .clips_ptr = (uintptr_t)clips };

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
	d.num_clips = 0;
	d.clips_ptr = 0;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
	d.num_clips = 3;
	d.clips_ptr = (uintptr_t)clips;
	EXPECT_NE(-EFAULT, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
	d.clips_ptr = 8;
	EXPECT_EQ(-EFAULT, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
	d.clips_ptr = (uintptr_t)clips;
	d.num_clips = UINT32_MAX;
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
	d.num_clips = 1;
	d.fb_id = 0x7fffffff;
	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_MODE_DIRTYFB, &d));
}

/*
 * Row 134: damage that is empty or has no sane place is refused by the core. Up to the framebuffer's edges
 * and beyond them it is taken (the core's limit is the size in 16.16), and nothing happens there.
 */
TEST_F(display, r134_odd_damage)
{
	const int w = self->a.w, h = self->a.h;
	const struct drm_mode_rect rects[][2] = {
		{ { 0, 0, w, h }, { w - 1, h - 1, w, h } },
		{ { 100000, 100000, 200000, 200000 }, { 0, 0, 10, 10 } },
		{ { 0, 0, 1, 1 }, { 5, 5, 5, 5 } },
		{ { -50, -50, 10, 10 }, { 10, 10, INT32_MAX, INT32_MAX } },
	};

	for (unsigned int i = 0; i < 4; i++) {
		struct update u = { .fd = self->fd };

		show(&u, self->primary, self->crtc, &self->a, 0, 0, self->a.w, self->a.h);
		set(&u, self->primary, PLANE, "FB_DAMAGE_CLIPS", blob(self->fd, rects[i], sizeof(rects[i])));
		EXPECT_EQ(i > 1 ? -EINVAL : 0, commit(&u, 0, 0)) {
			TH_LOG("damage %u", i);
		}
	}
}

/* Row 63: a name that another file opens; a render node has no names. */
TEST_F(display, r63_names)
{
	struct drm_gem_flink f = { .handle = self->a.handle };
	struct drm_gem_open o;
	int other = open(CARD, O_RDWR), render = open("/dev/dri/renderD128", O_RDWR);

	ASSERT_LE(0, other);
	ASSERT_LE(0, render);
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_GEM_FLINK, &f));
	o = (struct drm_gem_open){ .name = f.name };
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_GEM_OPEN, &o));
	EXPECT_EQ(self->a.size, o.size);
	o = (struct drm_gem_open){ .name = f.name };
	EXPECT_EQ(0, call(other, DRM_IOCTL_GEM_OPEN, &o));
	EXPECT_EQ(self->a.size, o.size);
	EXPECT_EQ(-EACCES, call(render, DRM_IOCTL_GEM_OPEN, &o));
	o = (struct drm_gem_open){ .name = f.name + 1000 };
	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_GEM_OPEN, &o));
	close(other);
	close(render);
}

/* Row 145: the console's framebuffer, its name, and that it can be drawn on. */
TEST_F(display, r145_console)
{
	int fb = open("/dev/fb0", O_RDWR);
	struct fb_fix_screeninfo fix;
	struct fb_var_screeninfo var;
	volatile uint32_t *pixels;

	if (fb < 0)
		SKIP(return, "the console is switched off here");
	ASSERT_EQ(0, call(fb, FBIOGET_FSCREENINFO, &fix));
	ASSERT_EQ(0, call(fb, FBIOGET_VSCREENINFO, &var));
	EXPECT_EQ(0, strncmp(fix.id, "virtio_gpudrmfb", 15));
	EXPECT_EQ(32, var.bits_per_pixel);
	EXPECT_LE(var.xres * 4, fix.line_length);
	pixels = mmap(NULL, fix.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, fb, 0);
	ASSERT_NE(MAP_FAILED, (void *)pixels);
	for (uint32_t i = 0; i < fix.smem_len / 4; i += 1024)
		pixels[i] = 0x00112233;
	EXPECT_EQ(0x00112233, pixels[1024]);
	munmap((void *)pixels, fix.smem_len);
	close(fb);
}

TEST_HARNESS_MAIN
