// SPDX-License-Identifier: GPL-2.0
/*
 * A DRM client driven line by line from the host side of the test, which can
 * then compare what the host shows with what it ordered.
 *
 * Every request is one line on stdin, every answer one line on stdout: "ok" and
 * values, or "err" and an errno. Buffers are named by small numbers. The
 * pattern is a hash of coordinate and seed, computed again by the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define MAX_BUFS 32
#define MAX_HEADS 16
#define MAX_CLIPS 20

struct buf {
	uint32_t handle, fb, w, h, pitch;
	uint64_t size;
	uint8_t *map;
	int alias;		/* the memory is another buffer's */
};

static const char *const formats[] = { "XR24", "AR24", "XB24", "AB24", "RX24" };
#define N_FORMATS (int)(sizeof(formats) / sizeof(formats[0]))

struct head {
	uint32_t connector, crtc, primary, cursor;
	drmModeModeInfo mode;
	uint32_t mode_blob;
};

static int fd = -1;
static struct buf bufs[MAX_BUFS];
static struct head heads[MAX_HEADS];
static int n_heads;
static unsigned int flip_seq, flip_user;
static int flips_seen;

static uint32_t pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	uint32_t v = (x * 0x9e3779b1u) ^ (y * 0x85ebca6bu) ^ (seed * 0xc2b2ae35u);

	v ^= v >> 15;
	v *= 0x2c1b3c6du;
	v ^= v >> 12;
	return v;
}

/* The id of a property by name, and its value; 0 when the object lacks it. */
static uint32_t prop(uint32_t obj, uint32_t type, const char *name, uint64_t *value)
{
	drmModeObjectPropertiesPtr props = drmModeObjectGetProperties(fd, obj, type);
	uint32_t id = 0;

	if (!props)
		return 0;
	for (uint32_t i = 0; i < props->count_props && !id; i++) {
		drmModePropertyPtr p = drmModeGetProperty(fd, props->props[i]);

		if (p && !strcmp(p->name, name)) {
			id = p->prop_id;
			if (value)
				*value = props->prop_values[i];
		}
		drmModeFreeProperty(p);
	}
	drmModeFreeObjectProperties(props);
	return id;
}

static void set(drmModeAtomicReqPtr req, uint32_t obj, uint32_t type, const char *name, uint64_t v)
{
	drmModeAtomicAddProperty(req, obj, prop(obj, type, name, NULL), v);
}

static void set_plane(drmModeAtomicReqPtr req, uint32_t plane, uint32_t crtc, const struct buf *b,
		      const int *dst, const int *src)
{
	const uint32_t type = DRM_MODE_OBJECT_PLANE;

	set(req, plane, type, "FB_ID", b ? b->fb : 0);
	set(req, plane, type, "CRTC_ID", b ? crtc : 0);
	if (!b)
		return;
	set(req, plane, type, "CRTC_X", (int64_t)dst[0]);
	set(req, plane, type, "CRTC_Y", (int64_t)dst[1]);
	set(req, plane, type, "CRTC_W", dst[2]);
	set(req, plane, type, "CRTC_H", dst[3]);
	set(req, plane, type, "SRC_X", (uint64_t)src[0] << 16);
	set(req, plane, type, "SRC_Y", (uint64_t)src[1] << 16);
	set(req, plane, type, "SRC_W", (uint64_t)dst[2] << 16);
	set(req, plane, type, "SRC_H", (uint64_t)dst[3] << 16);
}

static int open_card(const char *path)
{
	drmModeResPtr res;
	drmModePlaneResPtr planes;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1);
	drmSetClientCap(fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
	res = drmModeGetResources(fd);
	planes = drmModeGetPlaneResources(fd);
	if (!res || !planes)
		return -errno;
	n_heads = res->count_crtcs < MAX_HEADS ? res->count_crtcs : MAX_HEADS;
	for (int i = 0; i < n_heads; i++) {
		heads[i].crtc = res->crtcs[i];
		heads[i].connector = i < res->count_connectors ? res->connectors[i] : 0;
	}
	for (uint32_t i = 0; i < planes->count_planes; i++) {
		drmModePlanePtr p = drmModeGetPlane(fd, planes->planes[i]);
		uint64_t type = 0;

		if (!p)
			continue;
		prop(p->plane_id, DRM_MODE_OBJECT_PLANE, "type", &type);
		for (int h = 0; h < n_heads; h++) {
			if (!(p->possible_crtcs & (1u << h)))
				continue;
			if (type == DRM_PLANE_TYPE_PRIMARY)
				heads[h].primary = p->plane_id;
			else if (type == DRM_PLANE_TYPE_CURSOR)
				heads[h].cursor = p->plane_id;
		}
		drmModeFreePlane(p);
	}
	drmModeFreePlaneResources(planes);
	drmModeFreeResources(res);
	return n_heads;
}

/* Takes the mode of this size from the connector's list. */
static int pick_mode(struct head *h, int w, int ht)
{
	drmModeConnectorPtr c = drmModeGetConnector(fd, h->connector);
	int ret = -ENOENT;

	for (int i = 0; c && i < c->count_modes && ret; i++) {
		if (c->modes[i].hdisplay != w || c->modes[i].vdisplay != ht)
			continue;
		h->mode = c->modes[i];
		if (h->mode_blob)
			drmModeDestroyPropertyBlob(fd, h->mode_blob);
		ret = drmModeCreatePropertyBlob(fd, &h->mode, sizeof(h->mode), &h->mode_blob);
	}
	drmModeFreeConnector(c);
	return ret;
}

static void free_buf(struct buf *b)
{
	if (!b->handle)
		return;
	drmModeRmFB(fd, b->fb);
	if (!b->alias) {
		if (b->map && b->map != MAP_FAILED)
			munmap(b->map, b->size);
		drmModeDestroyDumbBuffer(fd, b->handle);
	}
	memset(b, 0, sizeof(*b));
}

static int add_fb(struct buf *b, const char *format)
{
	uint32_t fourcc = fourcc_code(format[0], format[1], format[2], format[3]);
	uint32_t offsets[4] = { 0 }, handles[4] = { b->handle }, pitches[4] = { b->pitch };

	return drmModeAddFB2(fd, b->w, b->h, fourcc, handles, pitches, offsets, &b->fb, 0);
}

/* Another framebuffer on the memory of a buffer, with the colours elsewhere. */
static int alias_buf(struct buf *b, const struct buf *of, const char *format)
{
	free_buf(b);
	*b = *of;
	b->alias = 1;
	b->fb = 0;
	return add_fb(b, format);
}

static int make_buf(struct buf *b, int w, int h, const char *format)
{
	uint64_t offset;
	int ret;

	free_buf(b);
	b->w = w;
	b->h = h;
	ret = drmModeCreateDumbBuffer(fd, w, h, 32, 0, &b->handle, &b->pitch, &b->size);
	if (ret)
		return ret;
	ret = add_fb(b, format);
	if (ret)
		return ret;
	ret = drmModeMapDumbBuffer(fd, b->handle, &offset);
	if (ret)
		return ret;
	b->map = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	return b->map == MAP_FAILED ? -errno : 0;
}

static int fill(struct buf *b, uint32_t seed, int x1, int y1, int x2, int y2)
{
	for (int y = y1; y < y2; y++) {
		uint32_t *row = (uint32_t *)(b->map + (size_t)y * b->pitch);

		for (int x = x1; x < x2; x++)
			row[x] = pixel(x, y, seed);
	}
	return 0;
}

static void on_flip(int f, unsigned int seq, unsigned int sec, unsigned int usec, unsigned int crtc,
		    void *data)
{
	flip_seq = seq;
	flip_user = (uintptr_t)data;
	flips_seen++;
}

/* Waits for the event of a flip; its sequence number or a negative error. */
static int wait_flip(unsigned int user)
{
	drmEventContext ctx = { .version = 3, .page_flip_handler2 = on_flip };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	flips_seen = 0;
	while (!flips_seen) {
		if (poll(&p, 1, 5000) <= 0)
			return -ETIMEDOUT;
		drmHandleEvent(fd, &ctx);
	}
	return flip_user == user ? (int)(flip_seq & 0x7fffffff) : -EBADMSG;
}

static int commit(struct head *h, struct buf *b, int w, int ht, int sx, int sy, uint32_t flags)
{
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int dst[4] = { 0, 0, w, ht }, src[2] = { sx, sy };
	int ret;

	set_plane(req, h->primary, h->crtc, b, dst, src);
	if (flags & DRM_MODE_ATOMIC_ALLOW_MODESET) {
		set(req, h->connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", b ? h->crtc : 0);
		set(req, h->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", b ? 1 : 0);
		set(req, h->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", b ? h->mode_blob : 0);
	}
	ret = drmModeAtomicCommit(fd, req, flags, (void *)7);
	drmModeAtomicFree(req);
	return ret;
}

/* An update that tells which parts of the picture change. */
static int commit_damage(struct head *h, struct buf *b, const int *a, int count)
{
	struct drm_mode_rect clips[MAX_CLIPS];
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int dst[4] = { 0, 0, h->mode.hdisplay, h->mode.vdisplay }, src[2] = { 0, 0 };
	uint32_t blob = 0;
	int ret;

	for (int i = 0; i < count; i++, a += 4)
		clips[i] = (struct drm_mode_rect){ a[0], a[1], a[2], a[3] };
	ret = drmModeCreatePropertyBlob(fd, clips, count * sizeof(*clips), &blob);
	if (!ret) {
		set_plane(req, h->primary, h->crtc, b, dst, src);
		set(req, h->primary, DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS", blob);
		ret = drmModeAtomicCommit(fd, req, 0, NULL);
		drmModeDestroyPropertyBlob(fd, blob);
	}
	drmModeAtomicFree(req);
	return ret;
}

static int cursor_plane(struct head *h, struct buf *b, int x, int y, int hot_x, int hot_y)
{
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int dst[4] = { x, y, b ? (int)b->w : 0, b ? (int)b->h : 0 }, src[2] = { 0, 0 };
	int ret;

	set_plane(req, h->cursor, h->crtc, b, dst, src);
	if (b && prop(h->cursor, DRM_MODE_OBJECT_PLANE, "HOTSPOT_X", NULL)) {
		set(req, h->cursor, DRM_MODE_OBJECT_PLANE, "HOTSPOT_X", hot_x);
		set(req, h->cursor, DRM_MODE_OBJECT_PLANE, "HOTSPOT_Y", hot_y);
	}
	ret = drmModeAtomicCommit(fd, req, 0, NULL);
	drmModeAtomicFree(req);
	return ret;
}

/* Switches the CRTC on or off and leaves everything else as it is. */
static int set_active(struct head *h, int on)
{
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int ret;

	set(req, h->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", on);
	ret = drmModeAtomicCommit(fd, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	drmModeAtomicFree(req);
	return ret;
}

/* The mode with other timings: same size, other pixel clock. */
static int retime(struct head *h, int khz)
{
	h->mode.clock += khz;
	if (h->mode_blob)
		drmModeDestroyPropertyBlob(fd, h->mode_blob);
	return drmModeCreatePropertyBlob(fd, &h->mode, sizeof(h->mode), &h->mode_blob);
}

/* How far vertical blanks are from the beat of the first one, after pauses in which
 * nobody wants to know of them: the largest distance, in thousandths of a frame. */
static int vblank_phase(struct head *h, int pauses)
{
	double period = (double)h->mode.htotal * h->mode.vtotal / h->mode.clock / 1000, first = 0, worst = 0;
	unsigned int first_seq = 0;

	for (int i = 0; i <= pauses; i++) {
		drmVBlank v = { .request = { .type = DRM_VBLANK_RELATIVE, .sequence = 1 } };
		double at, beats;
		int ret = drmWaitVBlank(fd, &v);

		if (ret)
			return -errno;
		at = v.reply.tval_sec + v.reply.tval_usec / 1e6;
		if (!i) {
			first = at;
			first_seq = v.reply.sequence;
		}
		beats = (at - first) / period;
		/* The sequence counts the beats. */
		beats -= v.reply.sequence - first_seq;
		if (beats < 0)
			beats = -beats;
		if (beats > worst)
			worst = beats;
		/* Longer than the core keeps the timer going, which is told by drm.vblankoffdelay. */
		usleep(137000 + 7770 * i);
	}
	return worst * 1000;
}

/* A lease of a head: its mode is set through the lease, and what is not in it is not there. */
static int lease(struct head *h, const struct head *other, const struct buf *b)
{
	uint32_t objects[] = { h->connector, h->crtc, h->primary, h->cursor }, lessee, fb, handle;
	int leased = drmModeCreateLease(fd, objects, 4, O_CLOEXEC, &lessee), old = fd, ret, prime;
	drmModeResPtr res;

	if (leased < 0)
		return leased;
	ret = drmPrimeHandleToFD(fd, b->handle, O_CLOEXEC, &prime);
	if (!ret)
		ret = drmPrimeFDToHandle(leased, prime, &handle);
	if (!ret)
		ret = drmModeAddFB(leased, b->w, b->h, 24, 32, b->pitch, handle, &fb);
	if (!ret)
		ret = drmModeSetCrtc(leased, h->crtc, fb, 0, 0, &h->connector, 1, &h->mode);
	res = drmModeGetResources(leased);
	if (!ret && (!res || res->count_crtcs != 1 || res->count_connectors != 1))
		ret = -EBADMSG;
	if (!ret && other != h && !drmModeSetCrtc(leased, other->crtc, 0, 0, 0, NULL, 0, NULL))
		ret = -EEXIST;
	drmModeFreeResources(res);
	fd = old;
	if (ret) {
		close(leased);
		return ret;
	}
	return leased;
}

/* A checksum of the EDID as userspace has it, 0 without one; errors where nothing is connected. */
static int edid_sum(struct head *h)
{
	drmModeConnectorPtr c = drmModeGetConnector(fd, h->connector);
	uint64_t id = 0;
	int sum = 0;

	if (!c || c->connection != DRM_MODE_CONNECTED)
		return -ENOTCONN;
	drmModeFreeConnector(c);
	prop(h->connector, DRM_MODE_OBJECT_CONNECTOR, "EDID", &id);
	if (id) {
		drmModePropertyBlobPtr blob = drmModeGetPropertyBlob(fd, id);

		for (uint32_t i = 0; blob && i < blob->length; i++)
			sum = (sum * 31 + ((uint8_t *)blob->data)[i]) & 0xffffff;
		drmModeFreePropertyBlob(blob);
	}
	return sum;
}

/* Writes to the first file of that name, a pattern. */
static int write_file(const char *name, const void *text, size_t len)
{
	glob_t found;
	int ret = -ENOENT, f;

	if (glob(name, 0, NULL, &found))
		return ret;
	f = open(found.gl_pathv[0], O_WRONLY);
	if (f < 0)
		ret = -errno;
	else
		ret = write(f, text, len) < 0 ? -errno : 0;
	close(f);
	globfree(&found);
	return ret;
}

/* The refresh rate of the mode that the display prefers, after its EDID has been given that one there, in
 * debugfs, as a user may do; 0 gives the EDID back that it had. */
static int refresh(struct head *h, int hz)
{
	drmModeConnectorPtr c = drmModeGetConnector(fd, h->connector);
	char pattern[64];
	uint64_t id = 0;
	int ret = -ENOENT;

	if (!c)
		return -errno;
	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/dri/*/Virtual-%u/edid_override", c->connector_type_id);
	drmModeFreeConnector(c);
	if (!hz) {
		ret = write_file(pattern, "reset", 5);
	} else if (prop(h->connector, DRM_MODE_OBJECT_CONNECTOR, "EDID", &id) && id) {
		drmModePropertyBlobPtr blob = drmModeGetPropertyBlob(fd, id);
		/* The first detailed timing: its clock in 10 kHz, pixels and lines with and without the blanks. */
		uint8_t *edid = blob->data, *d = edid + 54;
		uint32_t across = d[2] + d[3] + ((d[4] >> 4) + (d[4] & 15)) * 256;
		uint32_t down = d[5] + d[6] + ((d[7] >> 4) + (d[7] & 15)) * 256;
		uint32_t clock = across * down / 1000 * hz / 10;

		d[0] = clock;
		d[1] = clock >> 8;
		edid[127] = 0;
		for (int i = 0; i < 127; i++)
			edid[127] -= edid[i];
		ret = write_file(pattern, blob->data, blob->length);
		drmModeFreePropertyBlob(blob);
	}
	if (ret)
		return ret;
	c = drmModeGetConnector(fd, h->connector);
	ret = -ENOENT;
	for (int i = 0; c && i < c->count_modes; i++)
		if (c->modes[i].type & DRM_MODE_TYPE_PREFERRED)
			ret = c->modes[i].vrefresh;
	drmModeFreeConnector(c);
	return ret;
}

/* Where the display should be: its column. */
static int suggested(struct head *h)
{
	uint64_t x = 0;

	return prop(h->connector, DRM_MODE_OBJECT_CONNECTOR, "suggested X", &x) ? (int)x : -ENOENT;
}

static int answer(int ret)
{
	if (ret < 0)
		printf("err %d\n", ret == -1 ? errno : -ret);
	else
		printf("ok %d\n", ret);
	return 0;
}

static int one(char *line)
{
	char word[16] = "", text[64] = "";
	int a[2 + 4 * MAX_CLIPS] = { 0 }, used = 0, n = 0;
	struct buf *b;
	struct head *h;

	if (sscanf(line, "%15s%n", word, &used) < 1)
		return answer(-EINVAL);
	if (!strcmp(word, "open"))	/* path */
		return answer(sscanf(line + used, "%63s", text) == 1 ? open_card(text) : -EINVAL);
	if (!strcmp(word, "write")) {	/* path word */
		char value[16];

		if (sscanf(line + used, "%63s %15s", text, value) != 2)
			return answer(-EINVAL);
		return answer(write_file(text, value, strlen(value)));
	}
	if (!strcmp(word, "close"))
		return answer(close(fd));
	for (char *p = line + used; n < 2 + 4 * MAX_CLIPS && sscanf(p, "%d%n", &a[n], &used) == 1; n++)
		p += used;
	/* The first number is the head or the buffer, as the request has it. */
	h = &heads[a[0] >= 0 && a[0] < MAX_HEADS ? a[0] : 0];
	b = &bufs[a[1] > 0 && a[1] < MAX_BUFS ? a[1] : 0];
	if (!strcmp(word, "mode"))	/* head w h */
		return answer(pick_mode(h, a[1], a[2]));
	if (!strcmp(word, "buf"))	/* - buf w h [format] */
		return answer(make_buf(b, a[2], a[3], formats[a[4] >= 0 && a[4] < N_FORMATS ? a[4] : 0]));
	if (!strcmp(word, "argb"))	/* - buf w h */
		return answer(make_buf(b, a[2], a[3], "AR24"));
	if (!strcmp(word, "alias"))	/* - buf of format */
		return answer(alias_buf(b, &bufs[a[2] > 0 && a[2] < MAX_BUFS ? a[2] : 0],
					formats[a[3] >= 0 && a[3] < N_FORMATS ? a[3] : 0]));
	if (!strcmp(word, "free")) {	/* - buf */
		free_buf(b);
		return answer(0);
	}
	if (!strcmp(word, "fill"))	/* - buf seed x1 y1 x2 y2 */
		return answer(fill(b, a[2], a[3], a[4], a[5], a[6]));
	if (!strcmp(word, "show"))	/* head buf src_x src_y */
		return answer(commit(h, b, h->mode.hdisplay, h->mode.vdisplay, a[2], a[3],
				     DRM_MODE_ATOMIC_ALLOW_MODESET));
	if (!strcmp(word, "test"))	/* head buf src_x src_y */
		return answer(commit(h, b, h->mode.hdisplay, h->mode.vdisplay, a[2], a[3],
				     DRM_MODE_ATOMIC_ALLOW_MODESET | DRM_MODE_ATOMIC_TEST_ONLY));
	if (!strcmp(word, "pan"))	/* head buf src_x src_y */
		return answer(commit(h, b, h->mode.hdisplay, h->mode.vdisplay, a[2], a[3], 0));
	if (!strcmp(word, "active"))	/* head 0|1 */
		return answer(set_active(h, a[1]));
	if (!strcmp(word, "retime"))	/* head khz */
		return answer(retime(h, a[1]));
	if (!strcmp(word, "phase"))	/* head pauses */
		return answer(vblank_phase(h, a[1]));
	if (!strcmp(word, "lease"))	/* head buf other; a file that "closefd" closes */
		return answer(lease(h, &heads[a[2] >= 0 && a[2] < MAX_HEADS ? a[2] : 0], b));
	if (!strcmp(word, "closefd"))	/* file */
		return answer(close(a[0]));
	if (!strcmp(word, "suggested"))	/* head */
		return answer(suggested(h));
	if (!strcmp(word, "refresh"))	/* head hz */
		return answer(refresh(h, a[1]));
	if (!strcmp(word, "edid"))	/* head */
		return answer(edid_sum(h));
	if (!strcmp(word, "off"))	/* head */
		return answer(commit(h, NULL, 0, 0, 0, 0, DRM_MODE_ATOMIC_ALLOW_MODESET));
	if (!strcmp(word, "nonblock")) {	/* head buf */
		int ret = commit(h, b, h->mode.hdisplay, h->mode.vdisplay, 0, 0,
				 DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
		return answer(ret < 0 ? ret : wait_flip(7));
	}
	if (!strcmp(word, "damage"))	/* head buf [x1 y1 x2 y2]... */
		return answer(commit_damage(h, b, a + 2, (n - 2) / 4));
	if (!strcmp(word, "setcrtc"))	/* head buf x y */
		return answer(drmModeSetCrtc(fd, h->crtc, b->fb, a[2], a[3], &h->connector, 1, &h->mode));
	if (!strcmp(word, "flip")) {	/* head buf */
		int ret = drmModePageFlip(fd, h->crtc, b->fb, DRM_MODE_PAGE_FLIP_EVENT, (void *)9);

		return answer(ret < 0 ? ret : wait_flip(9));
	}
	if (!strcmp(word, "dirty")) {	/* - buf [x1 y1 x2 y2]... */
		drmModeClip clips[MAX_CLIPS];
		int count = n > 2 ? (n - 2) / 4 : 0;

		for (int i = 0; i < count; i++)
			clips[i] = (drmModeClip){ a[2 + 4 * i], a[3 + 4 * i], a[4 + 4 * i], a[5 + 4 * i] };
		return answer(drmModeDirtyFB(fd, b->fb, count ? clips : NULL, count));
	}
	if (!strcmp(word, "cursor"))	/* head buf x y hot_x hot_y */
		return answer(cursor_plane(h, a[1] ? b : NULL, a[2], a[3], a[4], a[5]));
	if (!strcmp(word, "cursor2"))	/* head buf hot_x hot_y */
		return answer(drmModeSetCursor2(fd, h->crtc, a[1] ? b->handle : 0, b->w, b->h, a[2], a[3]));
	if (!strcmp(word, "move"))	/* head x y */
		return answer(drmModeMoveCursor(fd, h->crtc, a[1], a[2]));
	return answer(-EOPNOTSUPP);
}

int main(void)
{
	char line[1024];

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n"))
		one(line);
	return 0;
}
