// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of mode setting that the sweep of failures goes through.
 */
#include "failnth.h"

static struct drm_mode_modeinfo mode;
static uint32_t crtc, connector, plane;

struct property {
	char name[DRM_PROP_NAME_LEN];
	uint32_t id;
};

static struct property plane_properties[48];

void learn(void)
{
	struct drm_mode_card_res r = { .crtc_id_ptr = ptr(&crtc), .count_crtcs = 1, .connector_id_ptr = ptr(&connector), .count_connectors = 1 };
	struct drm_mode_modeinfo modes[64];
	struct drm_mode_get_connector c = { 0 };
	uint32_t planes[8], ids[48];
	uint64_t values[48];
	struct drm_mode_get_plane_res p = { .plane_id_ptr = ptr(planes), .count_planes = 8 };
	struct drm_set_client_cap atomic = { DRM_CLIENT_CAP_ATOMIC, 1 };
	struct drm_mode_obj_get_properties o = {
		.props_ptr = ptr(ids), .prop_values_ptr = ptr(values), .count_props = 48, .obj_type = DRM_MODE_OBJECT_PLANE,
	};

	must(call(card, DRM_IOCTL_SET_CLIENT_CAP, &atomic), "atomic");
	must(call(card, DRM_IOCTL_MODE_GETRESOURCES, &r), "resources");
	c.connector_id = connector;
	must(call(card, DRM_IOCTL_MODE_GETCONNECTOR, &c), "connector");
	c.count_props = c.count_encoders = 0;
	c.count_modes = 64;
	c.modes_ptr = ptr(modes);
	must(call(card, DRM_IOCTL_MODE_GETCONNECTOR, &c), "modes");
	mode = modes[0];
	for (unsigned int i = 1; i < c.count_modes && i < 64; i++)
		if (modes[i].hdisplay * modes[i].vdisplay < mode.hdisplay * mode.vdisplay)
			mode = modes[i];
	mode.flags &= ~DRM_MODE_FLAG_PIC_AR_MASK;
	must(call(card, DRM_IOCTL_MODE_GETPLANERESOURCES, &p), "planes");
	plane = o.obj_id = planes[0];
	must(call(card, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &o), "properties");
	for (unsigned int i = 0; i < o.count_props && i < 48; i++) {
		struct drm_mode_get_property g = { .prop_id = ids[i] };

		if (!call(card, DRM_IOCTL_MODE_GETPROPERTY, &g)) {
			memcpy(plane_properties[i].name, g.name, sizeof(g.name));
			plane_properties[i].id = ids[i];
		}
	}
}

static int addfb(int fd, uint32_t w, uint32_t h, uint32_t format, uint32_t handle, uint32_t *fb)
{
	struct drm_mode_fb_cmd2 c = { .width = w, .height = h, .pixel_format = format };
	int ret;

	c.handles[0] = handle;
	c.pitches[0] = w * 4;
	ret = call(fd, DRM_IOCTL_MODE_ADDFB2, &c);
	*fb = ret ? 0 : c.fb_id;
	return ret;
}

static int setcrtc(int fd, uint32_t fb)
{
	struct drm_mode_crtc c = {
		.crtc_id = crtc, .fb_id = fb, .set_connectors_ptr = ptr(&connector), .count_connectors = !!fb, .mode_valid = !!fb,
	};

	if (fb)
		c.mode = mode;
	return call(fd, DRM_IOCTL_MODE_SETCRTC, &c);
}

/* The display's file is one, for the master is one. */
static int dumb(struct state *s)
{
	return create_dumb(card, mode.hdisplay, mode.vdisplay, &s->handle);
}

static int a_framebuffer(struct state *s)
{
	int ret = dumb(s);

	return ret ? ret : addfb(card, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888, s->handle, &s->fb);
}

static int shown(struct state *s)
{
	int ret = a_framebuffer(s);

	return ret ? ret : setcrtc(card, s->fb);
}

static int two_shown(struct state *s)
{
	int ret = shown(s);

	if (!ret)
		ret = create_dumb(card, mode.hdisplay, mode.vdisplay, &s->handle2);
	return ret ? ret : addfb(card, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888, s->handle2, &s->fb2);
}

static int shown_and_cursor(struct state *s)
{
	int ret = shown(s);

	return ret ? ret : create_dumb(card, 64, 64, &s->handle2);
}

static int map_dumb(struct state *s)
{
	struct drm_mode_map_dumb m = { .handle = s->handle };
	int ret = call(card, DRM_IOCTL_MODE_MAP_DUMB, &m);

	if (ret)
		return ret;
	s->map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, card, m.offset);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return -errno;
	}
	return 0;
}

static int do_addfb(struct state *s)
{
	return addfb(card, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888, s->handle, &s->fb);
}

/* A format that is not that of the object. */
static int addfb_other(struct state *s)
{
	return addfb(card, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XBGR8888, s->handle, &s->fb);
}

static int rmfb(struct state *s)
{
	uint32_t fb = s->fb;
	int ret = call(card, DRM_IOCTL_MODE_RMFB, &fb);

	if (!ret)
		s->fb = 0;
	return ret;
}

static int do_setcrtc(struct state *s)
{
	return setcrtc(card, s->fb);
}

static int setcrtc_off(struct state *s)
{
	(void)s;
	return setcrtc(card, 0);
}

static int dirtyfb(struct state *s)
{
	struct drm_clip_rect clip = { 1, 2, 30, 40 };
	struct drm_mode_fb_dirty_cmd d = { .fb_id = s->fb, .num_clips = 1, .clips_ptr = ptr(&clip) };

	return call(card, DRM_IOCTL_MODE_DIRTYFB, &d);
}

static int page_flip(struct state *s)
{
	struct drm_mode_crtc_page_flip p = { .crtc_id = crtc, .fb_id = s->fb2, .flags = DRM_MODE_PAGE_FLIP_EVENT };
	struct pollfd poll_card = { .fd = card, .events = POLLIN };
	char event[64];
	int ret = call(card, DRM_IOCTL_MODE_PAGE_FLIP, &p);

	if (!ret && poll(&poll_card, 1, 10000) == 1 && read(card, event, sizeof(event)) < 0)
		return -errno;
	return ret;
}

static int cursor(struct state *s)
{
	struct drm_mode_cursor2 c = {
		.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .crtc_id = crtc, .width = 64, .height = 64,
		.handle = s->handle2, .x = 10,
	};

	return call(card, DRM_IOCTL_MODE_CURSOR2, &c);
}

/* A cursor stays on its plane when its file goes, so it is taken away again for what the host has at the end. */
static int no_cursor(struct state *s)
{
	struct drm_mode_cursor c = { .flags = DRM_MODE_CURSOR_BO, .crtc_id = crtc };

	(void)s;
	return call(card, DRM_IOCTL_MODE_CURSOR, &c);
}

static int atomic_with(struct state *s, uint32_t flags)
{
	const struct { const char *name; uint64_t value; } values[] = {
		{ "FB_ID", s->fb2 }, { "CRTC_ID", crtc }, { "SRC_X", 0 }, { "SRC_Y", 0 },
		{ "SRC_W", (uint64_t)mode.hdisplay << 16 }, { "SRC_H", (uint64_t)mode.vdisplay << 16 },
		{ "CRTC_X", 0 }, { "CRTC_Y", 0 }, { "CRTC_W", mode.hdisplay }, { "CRTC_H", mode.vdisplay },
	};
	uint32_t ids[16], count = 0;
	uint64_t numbers[16];
	struct drm_mode_atomic a = {
		.flags = flags, .count_objs = 1, .objs_ptr = ptr(&plane), .count_props_ptr = ptr(&count), .props_ptr = ptr(ids),
		.prop_values_ptr = ptr(numbers),
	};
	struct pollfd poll_card = { .fd = card, .events = POLLIN };
	char event[64];
	int ret;

	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		for (int k = 0; k < 48; k++)
			if (!strcmp(plane_properties[k].name, values[i].name)) {
				ids[count] = plane_properties[k].id;
				numbers[count++] = values[i].value;
			}
	ret = call(card, DRM_IOCTL_MODE_ATOMIC, &a);
	if (!ret && flags & DRM_MODE_PAGE_FLIP_EVENT && poll(&poll_card, 1, 10000) == 1 && read(card, event, sizeof(event)) < 0)
		return -errno;
	return ret;
}

static int atomic_test(struct state *s) { return atomic_with(s, DRM_MODE_ATOMIC_TEST_ONLY); }
static int atomic_commit(struct state *s) { return atomic_with(s, 0); }
static int atomic_nonblock(struct state *s) { return atomic_with(s, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT); }

static int get_connector(struct state *s)
{
	struct drm_mode_get_connector c = { .connector_id = connector };

	(void)s;
	return call(card, DRM_IOCTL_MODE_GETCONNECTOR, &c);
}

const struct test kms_tests[] = {
	{ "map_dumb", dumb, map_dumb },
	{ "addfb2", dumb, do_addfb },
	{ "addfb2, another format", dumb, addfb_other },
	{ "rmfb", a_framebuffer, rmfb },
	{ "setcrtc", a_framebuffer, do_setcrtc },
	{ "setcrtc off", shown, setcrtc_off },
	{ "rmfb of what is shown", shown, rmfb },
	{ "dirtyfb", shown, dirtyfb },
	{ "page_flip", two_shown, page_flip },
	{ "cursor", shown_and_cursor, cursor },
	{ "cursor off", shown_and_cursor, no_cursor },
	{ "atomic, test only", two_shown, atomic_test },
	{ "atomic", two_shown, atomic_commit },
	{ "atomic, not blocking", two_shown, atomic_nonblock },
	{ "get_connector", NULL, get_connector },
	{ 0 }
};
