// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of mode setting: framebuffers, planes by all ways there are, cursors,
 * flips, vertical blanks, properties.
 */
#include "fuzz.h"

/* -- what there is ------------------------------------------------------------------ */

static void learn_properties(int fd, uint32_t object, uint32_t type)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties p = {
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values, .count_props = 64, .obj_id = object,
		.obj_type = type,
	};

	if (ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &p))
		return;
	for (unsigned int i = 0; i < p.count_props && i < 64 && shared->properties < 128; i++) {
		struct drm_mode_get_property g = { .prop_id = ids[i] };

		/* What cannot be set has a commit fail at once. */
		if (!ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &g) && !(g.flags & DRM_MODE_PROP_IMMUTABLE))
			shared->property[shared->properties++] = (struct property){ object, ids[i], values[i] };
	}
}

static int show_on(struct file *f);

void learn_kms(struct file *f)
{
	int fd = f->fd;
	struct drm_mode_card_res r = {
		.crtc_id_ptr = (uintptr_t)shared->crtcs, .count_crtcs = 4,
		.connector_id_ptr = (uintptr_t)shared->connectors, .count_connectors = 4,
	};
	struct drm_mode_get_plane_res planes = { .plane_id_ptr = (uintptr_t)shared->planes, .count_planes = 8 };
	struct drm_mode_modeinfo modes[64];
	struct drm_mode_get_connector c = { .modes_ptr = (uintptr_t)modes, .count_modes = 64 };
	struct drm_set_client_cap all = { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 };
	struct drm_mode_create_blob blob = { .data = (uintptr_t)&shared->mode, .length = sizeof(shared->mode) };
	struct drm_mode_crtc crtc = { 0 };

	if (shared->properties)
		goto known;
	ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &all);
	ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r);
	ioctl(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &planes);
	c.connector_id = shared->connectors[0];
	/* The first time has it look what is connected. */
	c.count_modes = 0;
	ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c);
	c.count_props = c.count_encoders = 0;
	c.count_modes = 64;
	if (!ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) && c.count_modes)
		shared->mode = modes[0];
	/* A small one, as its pictures take memory. */
	for (unsigned int i = 1; i < c.count_modes && i < 64; i++)
		if (modes[i].hdisplay * modes[i].vdisplay < shared->mode.hdisplay * shared->mode.vdisplay)
			shared->mode = modes[i];
	/* Which not every client may give. */
	shared->mode.flags &= ~DRM_MODE_FLAG_PIC_AR_MASK;
	/* With a picture on the screen, so that values are those of one. */
	show_on(f);
	crtc.crtc_id = shared->crtcs[0];
	ioctl(fd, DRM_IOCTL_MODE_GETCRTC, &crtc);
	shared->fb = crtc.fb_id;
	for (int i = 0; i < 4; i++) {
		learn_properties(fd, shared->crtcs[i], DRM_MODE_OBJECT_CRTC);
		learn_properties(fd, shared->connectors[i], DRM_MODE_OBJECT_CONNECTOR);
	}
	for (int i = 0; i < 8; i++)
		learn_properties(fd, shared->planes[i], DRM_MODE_OBJECT_PLANE);
	for (uint32_t i = 0; i < shared->properties; i++) {
		struct drm_mode_get_property p = { .prop_id = shared->property[i].id };

		if (!ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &p) && !strcmp(p.name, "MODE_ID"))
			shared->mode_blob = shared->property[i].value;
	}
known:
	if (!ioctl(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob))
		shared->my_mode_blob = blob.blob_id;
}

static uint32_t a_crtc(void)
{
	return once_in(24) ? edge() : shared->crtcs[0];
}

static uint32_t a_connector(void)
{
	return once_in(24) ? edge() : shared->connectors[0];
}

static uint32_t a_plane(void)
{
	return a_number(shared->planes, 3);
}

static uint32_t an_fb(struct file *f)
{
	return a_number(f->fbs, FBS);
}

/* -- calls ---------------------------------------------------------------------------- */

static void addfb2(struct file *f)
{
	int whole = once_in(2);
	struct drm_mode_fb_cmd2 c = {
		.width = mostly(whole ? shared->mode.hdisplay : 64), .height = mostly(whole ? shared->mode.vdisplay : 64),
		.pixel_format = mostly(one_of(DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888)),
		.flags = once_in(8) ? mostly(below(4)) : 0,
	};
	uint32_t old;

	c.handles[0] = a_handle(f);
	/* Mostly one that it could be. */
	for (int i = 0; i < 16; i++) {
		struct object *o = an_object(f);

		if (o->size == c.width * c.height * 4 && !once_in(16)) {
			c.handles[0] = o->handle;
			break;
		}
	}
	c.pitches[0] = mostly(c.width * 4);
	c.offsets[0] = once_in(8) ? mostly(4 * below(1024)) : 0;
	if (once_in(32)) {
		c.handles[below(4)] = a_handle(f);
		c.modifier[0] = edge();
		c.flags |= once_in(2) ? DRM_MODE_FB_MODIFIERS : 0;
	}
	if (CALL(f->fd, DRM_IOCTL_MODE_ADDFB2, &c))
		return;
	old = put_number(f->fbs, FBS, c.fb_id);
	if (old)
		ioctl(f->fd, DRM_IOCTL_MODE_RMFB, &old);
}

/* A picture on the screen, as it should be. */
static int show_on(struct file *f)
{
	struct drm_mode_create_dumb d = { .width = shared->mode.hdisplay, .height = shared->mode.vdisplay, .bpp = 32 };
	struct drm_mode_fb_cmd2 c = { .width = d.width, .height = d.height, .pixel_format = DRM_FORMAT_XRGB8888 };
	struct drm_mode_crtc crtc = {
		.crtc_id = shared->crtcs[0], .set_connectors_ptr = (uintptr_t)&shared->connectors[0], .count_connectors = 1,
		.mode_valid = 1, .mode = shared->mode,
	};
	uint32_t old;
	int ret;

	if (ioctl(f->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d))
		return -1;
	add_object(f, d.handle, d.size, 0);
	c.handles[0] = d.handle;
	c.pitches[0] = d.pitch;
	if (ioctl(f->fd, DRM_IOCTL_MODE_ADDFB2, &c))
		return -1;
	crtc.fb_id = c.fb_id;
	ret = ioctl(f->fd, DRM_IOCTL_MODE_SETCRTC, &crtc);
	f->shown = c.fb_id;
	old = put_number(f->fbs, FBS, c.fb_id);
	if (old)
		ioctl(f->fd, DRM_IOCTL_MODE_RMFB, &old);
	return ret;
}

static void show(struct file *f)
{
	begin(DRM_IOCTL_MODE_SETCRTC);
	end(show_on(f));
}

static void rmfb(struct file *f)
{
	uint32_t id = an_fb(f);
	struct drm_mode_closefb c = { .fb_id = id, .pad = mostly(0) };

	if (once_in(2))
		CALL(f->fd, DRM_IOCTL_MODE_RMFB, &id);
	else
		CALL(f->fd, DRM_IOCTL_MODE_CLOSEFB, &c);
}

static void getfb(struct file *f)
{
	struct drm_mode_fb_cmd2 c = { .fb_id = an_fb(f) };

	if (!CALL(f->fd, DRM_IOCTL_MODE_GETFB2, &c) && c.handles[0])
		add_object(f, c.handles[0], PAGE, 0);
}

static void setcrtc(struct file *f)
{
	uint32_t connectors[2] = { a_connector(), a_connector() };
	struct drm_mode_crtc c = {
		.crtc_id = a_crtc(), .fb_id = once_in(4) ? 0 : an_fb(f), .x = mostly(0), .y = mostly(0),
		.count_connectors = mostly(1), .mode_valid = mostly(1), .mode = shared->mode,
	};

	if (once_in(16)) {
		uint8_t *byte = (uint8_t *)&c.mode;

		byte[below(sizeof(c.mode))] = rnd();
	}
	if (!c.fb_id && once_in(2))
		c.mode_valid = c.count_connectors = 0;
	c.set_connectors_ptr = in(connectors, sizeof(connectors));
	CALL(f->fd, DRM_IOCTL_MODE_SETCRTC, &c);
}

static void setplane(struct file *f)
{
	struct drm_mode_set_plane p = {
		.plane_id = a_plane(), .crtc_id = a_crtc(), .fb_id = once_in(4) ? 0 : an_fb(f), .flags = mostly(0),
		.crtc_x = mostly(below(64)), .crtc_y = mostly(below(64)), .crtc_w = mostly(64), .crtc_h = mostly(64),
		.src_x = mostly(0), .src_y = mostly(0), .src_w = mostly(64 << 16), .src_h = mostly(64 << 16),
	};

	if (once_in(2)) {
		p.crtc_x = p.crtc_y = 0;
		p.crtc_w = shared->mode.hdisplay;
		p.crtc_h = shared->mode.vdisplay;
		p.src_w = p.crtc_w << 16;
		p.src_h = p.crtc_h << 16;
	}
	CALL(f->fd, DRM_IOCTL_MODE_SETPLANE, &p);
}

static void cursor(struct file *f)
{
	struct drm_mode_cursor2 c = {
		.flags = mostly(1 + below(3)), .crtc_id = a_crtc(), .x = mostly(below(600)), .y = mostly(below(400)),
		.width = mostly(64), .height = mostly(64), .handle = once_in(4) ? 0 : a_handle(f), .hot_x = mostly(0), .hot_y = mostly(0),
	};

	call(f->fd, once_in(2) ? DRM_IOCTL_MODE_CURSOR : DRM_IOCTL_MODE_CURSOR2, &c,
	     once_in(2) ? sizeof(c) : sizeof(struct drm_mode_cursor));
}

static void page_flip(struct file *f)
{
	struct drm_mode_crtc_page_flip p = {
		.crtc_id = a_crtc(), .fb_id = an_fb(f), .flags = mostly(below(4)), .user_data = rnd(),
	};

	CALL(f->fd, DRM_IOCTL_MODE_PAGE_FLIP, &p);
}

static void dirtyfb(struct file *f)
{
	struct drm_clip_rect clips[8];
	struct drm_mode_fb_dirty_cmd d = {
		.fb_id = an_fb(f), .flags = once_in(4) ? mostly(below(4)) : 0, .num_clips = mostly(below(8)), .color = rnd(),
	};

	for (int i = 0; i < 8; i++)
		clips[i] = (struct drm_clip_rect){ mostly(0), mostly(0), mostly(below(800)), mostly(below(600)) };
	if (d.num_clips)
		d.clips_ptr = in(clips, sizeof(clips));
	CALL(f->fd, DRM_IOCTL_MODE_DIRTYFB, &d);
}

static void vblank(struct file *f)
{
	union drm_wait_vblank w = {
		.request = { .type = _DRM_VBLANK_RELATIVE | (once_in(2) ? _DRM_VBLANK_EVENT : 0), .sequence = mostly(below(3)) },
	};
	struct drm_crtc_get_sequence g = { .crtc_id = a_crtc() };
	struct drm_crtc_queue_sequence q = { .crtc_id = a_crtc(), .flags = mostly(1 + below(2)), .sequence = mostly(1) };

	if (once_in(8))
		w.request.type = mostly(below(8)) | (edge() & 0xff000000);
	switch (below(3)) {
	case 0:
		CALL(f->fd, DRM_IOCTL_CRTC_GET_SEQUENCE, &g);
		break;
	case 1:
		CALL(f->fd, DRM_IOCTL_CRTC_QUEUE_SEQUENCE, &q);
		break;
	default:
		CALL(f->fd, DRM_IOCTL_WAIT_VBLANK, &w);
	}
}

/* A value of the kind that a property has now: an id, a number, at times something else. */
static uint64_t a_value(struct file *f, struct property *p)
{
	switch (below(9)) {
	case 8:
		return out(8);
	case 0:
		return an_fb(f);
	case 1:
		return shared->crtcs[0];
	case 2:
		return a_number(f->blobs, BLOBS);
	case 3:
		return edge();
	case 4:
		return 0;
	case 5:
		return (uint64_t)(once_in(2) ? shared->mode.hdisplay : shared->mode.vdisplay) << (once_in(2) ? 16 : 0);
	case 6:
		/* A fence of a submission ends; those of rings are never kept (see execbuffer). */
		return a_fd();
	default:
		return p->value;
	}
}

static void atomic(struct file *f)
{
	uint32_t objects[8], counts[8], ids[8], n = 1 + below(8);
	uint64_t values[8];
	struct drm_mode_atomic a = {
		.flags = mostly(one_of(0x100, 0x100, 0x400, 0x500, 0, 0x200, 0x201, 0x401, 0x601)), .count_objs = mostly(n),
		.user_data = rnd(),
	};

	for (int i = 0; i < 8; i++) {
		struct property *p = &shared->property[below(shared->properties)];

		objects[i] = mostly(p->object);
		counts[i] = once_in(16) ? below(4) : 1;
		ids[i] = mostly(p->id);
		values[i] = a_value(f, p);
	}
	/* With counts that are not 1 the kernel may read beyond these, which is more of the same memory. */
	if (a.count_objs > 64 && a.count_objs < 1u << 24)
		a.count_objs = 64;
	a.objs_ptr = in(objects, sizeof(objects));
	a.count_props_ptr = in(counts, sizeof(counts));
	a.props_ptr = in(ids, sizeof(ids));
	a.prop_values_ptr = in(values, sizeof(values));
	CALL(f->fd, DRM_IOCTL_MODE_ATOMIC, &a);
}

/* A frame by an atomic commit that is right, but for what is not. */
static void atomic_frame(struct file *f)
{
	uint32_t objects[3], counts[3] = { 0 }, ids[24], n = 0, n_objects = 0, fb = once_in(4) ? an_fb(f) : f->shown;
	uint32_t which[3] = { shared->planes[below(2)], shared->crtcs[0], shared->connectors[0] };
	uint64_t values[24];
	struct drm_mode_atomic a = { .flags = one_of(0x100, 0x400, 0x500, 0x401, 0x600, 0x200, 0), .user_data = rnd() };

	/* The plane alone, or all three. */
	for (int o = 0; o < (once_in(2) ? 1 : 3); o++) {
		objects[n_objects] = which[o];
		for (uint32_t i = 0; i < shared->properties && n < 24; i++) {
			struct property *p = &shared->property[i];

			if (p->object != which[o] || once_in(24))
				continue;
			ids[n] = p->id;
			values[n] = p->value;
			if (p->value && p->value == shared->fb)
				values[n] = fb;
			if (p->value && p->value == shared->mode_blob)
				values[n] = shared->my_mode_blob;
			if (once_in(48))
				values[n] = a_value(f, p);
			n++;
			counts[n_objects]++;
		}
		n_objects++;
	}
	a.count_objs = n_objects;
	a.objs_ptr = in(objects, sizeof(objects));
	a.count_props_ptr = in(counts, sizeof(counts));
	a.props_ptr = in(ids, sizeof(ids));
	a.prop_values_ptr = in(values, sizeof(values));
	CALL(f->fd, DRM_IOCTL_MODE_ATOMIC, &a);
}

static void blob(struct file *f)
{
	struct drm_mode_create_blob c = { .length = mostly(once_in(2) ? sizeof(shared->mode) : 8 * below(16)) };
	struct drm_mode_destroy_blob d = { 0 };
	struct drm_mode_get_blob g = { .blob_id = a_number(f->blobs, BLOBS), .length = mostly(below(128)) };

	if (once_in(3)) {
		g.data = out(256);
		CALL(f->fd, DRM_IOCTL_MODE_GETPROPBLOB, &g);
		return;
	}
	if (c.length > PAGE && c.length < 0x80000000u)
		c.length = PAGE;
	c.data = in(c.length == sizeof(shared->mode) ? &shared->mode : NULL, c.length < PAGE ? c.length : PAGE);
	if (CALL(f->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &c))
		return;
	d.blob_id = put_number(f->blobs, BLOBS, c.blob_id);
	if (d.blob_id)
		ioctl(f->fd, DRM_IOCTL_MODE_DESTROYPROPBLOB, &d);
}

static void set_property(struct file *f)
{
	struct property *p = &shared->property[below(shared->properties)];
	struct drm_mode_obj_set_property s = { .value = a_value(f, p), .prop_id = mostly(p->id), .obj_id = mostly(p->object) };

	CALL(f->fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &s);
}

static void query(struct file *f)
{
	struct drm_mode_card_res r = { .count_crtcs = mostly(4), .count_fbs = mostly(8) };
	struct drm_mode_get_connector c = { .connector_id = a_connector(), .count_modes = mostly(below(3)) };
	struct drm_mode_get_plane p = { .plane_id = a_plane() };
	struct drm_mode_crtc crtc = { .crtc_id = a_crtc() };

	switch (below(4)) {
	case 0:
		r.crtc_id_ptr = out(64);
		r.fb_id_ptr = out(64);
		CALL(f->fd, DRM_IOCTL_MODE_GETRESOURCES, &r);
		break;
	case 1:
		c.modes_ptr = out(sizeof(struct drm_mode_modeinfo) * 4);
		CALL(f->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c);
		break;
	case 2:
		CALL(f->fd, DRM_IOCTL_MODE_GETPLANE, &p);
		break;
	default:
		CALL(f->fd, DRM_IOCTL_MODE_GETCRTC, &crtc);
	}
}

static void master(struct file *f)
{
	if (f == &shared->files[0] && !once_in(4))
		return;
	begin(0);
	end(ioctl(f->fd, once_in(3) ? DRM_IOCTL_DROP_MASTER : DRM_IOCTL_SET_MASTER, 0));
	ioctl(shared->files[0].fd, DRM_IOCTL_SET_MASTER, 0);
}

const struct op kms_ops[] = {
	{ "addfb2", 10, addfb2 },
	{ "show", 4, show },
	{ "rmfb", 3, rmfb },
	{ "getfb", 2, getfb },
	{ "setcrtc", 4, setcrtc },
	{ "setplane", 4, setplane },
	{ "cursor", 6, cursor },
	{ "page_flip", 4, page_flip },
	{ "dirtyfb", 6, dirtyfb },
	{ "vblank", 3, vblank },
	{ "atomic", 6, atomic },
	{ "atomic_frame", 10, atomic_frame },
	{ "blob", 4, blob },
	{ "set_property", 2, set_property },
	{ "query", 4, query },
	{ "master", 1, master },
	{ 0 }
};
