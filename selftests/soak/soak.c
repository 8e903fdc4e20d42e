// SPDX-License-Identifier: GPL-2.0
/*
 * A DRM client for the soak test, driven line by line from the host side: every
 * request is a line on stdin, every answer a line on stdout, "ok" and a value or
 * "err" and an errno. Several requests may be sent at once.
 *
 * Other than the client of the kms group it builds atomic requests out of parts,
 * so that one commit carries both heads and cursors, knows all formats of a
 * plane, and lets a nonblocking commit run while something else goes on.
 * Buffers are named by small numbers; the pattern is that of the kms group.
 */
#include <errno.h>
#include <fcntl.h>
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

#define MAX_BUFS 64
#define MAX_HEADS 4
#define MAX_NUMBERS 256
#define BLOBS 8

enum { FB_ID, CRTC_ID, CRTC_X, CRTC_Y, CRTC_W, CRTC_H, SRC_X, SRC_Y, SRC_W, SRC_H,
       FB_DAMAGE_CLIPS, HOTSPOT_X, HOTSPOT_Y, PLANE_PROPS };
static const char *const plane_props[PLANE_PROPS] = {
	"FB_ID", "CRTC_ID", "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H", "SRC_X", "SRC_Y", "SRC_W", "SRC_H",
	"FB_DAMAGE_CLIPS", "HOTSPOT_X", "HOTSPOT_Y",
};

struct buf {
	uint32_t handle, fb, w, h, pitch;
	uint64_t size;
	uint8_t *map;
	uint32_t *pixels;	/* where the framebuffer starts in it */
	int borrowed;		/* the object is another buffer's */
};

struct plane {
	uint32_t id, props[PLANE_PROPS];
};

struct head {
	uint32_t connector, crtc, prop_crtc_id, prop_active, prop_mode_id;
	struct plane primary, cursor;
	drmModeModeInfo mode;
	uint32_t mode_blob;
	int pending;	/* events on their way */
};

static int fd = -1;
static struct buf bufs[MAX_BUFS];
static struct head heads[MAX_HEADS];
static int n_heads;
static drmModeAtomicReqPtr request;
static uint32_t request_heads, request_blobs[BLOBS];
static int n_request_blobs;

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

	for (uint32_t i = 0; props && i < props->count_props && !id; i++) {
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

static void take_plane(struct plane *to, uint32_t id)
{
	to->id = id;
	for (int i = 0; i < PLANE_PROPS; i++)
		to->props[i] = prop(id, DRM_MODE_OBJECT_PLANE, plane_props[i], NULL);
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
	for (int i = 0; i < n_heads && i < res->count_connectors; i++) {
		struct head *h = &heads[i];

		h->crtc = res->crtcs[i];
		h->connector = res->connectors[i];
		h->prop_crtc_id = prop(h->connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", NULL);
		h->prop_active = prop(h->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", NULL);
		h->prop_mode_id = prop(h->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", NULL);
	}
	for (uint32_t i = 0; i < planes->count_planes; i++) {
		drmModePlanePtr p = drmModeGetPlane(fd, planes->planes[i]);
		uint64_t type = 0;

		prop(p->plane_id, DRM_MODE_OBJECT_PLANE, "type", &type);
		for (int h = 0; h < n_heads; h++) {
			if (!(p->possible_crtcs & (1u << h)))
				continue;
			if (type == DRM_PLANE_TYPE_PRIMARY)
				take_plane(&heads[h].primary, p->plane_id);
			else if (type == DRM_PLANE_TYPE_CURSOR)
				take_plane(&heads[h].cursor, p->plane_id);
		}
		drmModeFreePlane(p);
	}
	drmModeFreePlaneResources(planes);
	drmModeFreeResources(res);
	request = drmModeAtomicAlloc();
	return n_heads;
}

/* Prints the formats of a primary plane: "ok COUNT FOURCC..." as numbers. */
static void formats(struct head *h)
{
	drmModePlanePtr p = drmModeGetPlane(fd, h->primary.id);

	printf("ok %u", p ? p->count_formats : 0);
	for (uint32_t i = 0; p && i < p->count_formats; i++)
		printf(" %u", p->formats[i]);
	printf("\n");
	drmModeFreePlane(p);
}

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

static int free_buf(struct buf *b)
{
	if (b->fb)
		drmModeRmFB(fd, b->fb);
	if (b->map && b->map != MAP_FAILED && !b->borrowed)
		munmap(b->map, b->size);
	if (b->handle && !b->borrowed)
		drmModeDestroyDumbBuffer(fd, b->handle);
	memset(b, 0, sizeof(*b));
	return 0;
}

/* A buffer whose framebuffer starts at x, y of its object. */
static int make_buf(struct buf *b, int w, int h, uint32_t fourcc, int x, int y)
{
	uint32_t offsets[4] = { 0 }, handles[4] = { 0 }, pitches[4] = { 0 };
	uint64_t offset;
	int ret;

	free_buf(b);
	b->w = w;
	b->h = h;
	ret = drmModeCreateDumbBuffer(fd, w + x, h + y, 32, 0, &b->handle, &b->pitch, &b->size);
	if (ret)
		return ret;
	handles[0] = b->handle;
	pitches[0] = b->pitch;
	offsets[0] = y * b->pitch + x * 4;
	ret = drmModeAddFB2(fd, w, h, fourcc, handles, pitches, offsets, &b->fb, 0);
	if (ret)
		return ret;
	ret = drmModeMapDumbBuffer(fd, b->handle, &offset);
	if (ret)
		return ret;
	b->map = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (b->map == MAP_FAILED)
		return -errno;
	b->pixels = (uint32_t *)(b->map + offsets[0]);
	return 0;
}

/* Another framebuffer of the same object, in another format perhaps. */
static int alias(struct buf *b, const struct buf *of, uint32_t fourcc)
{
	uint32_t offsets[4] = { (uint8_t *)of->pixels - of->map }, handles[4] = { of->handle }, pitches[4] = { of->pitch };

	free_buf(b);
	*b = *of;
	b->borrowed = 1;
	b->fb = 0;
	return drmModeAddFB2(fd, b->w, b->h, fourcc, handles, pitches, offsets, &b->fb, 0);
}

static int fill(struct buf *b, uint32_t seed, int x1, int y1, int x2, int y2)
{
	for (int y = y1; y < y2; y++) {
		uint32_t *row = b->pixels + (size_t)y * (b->pitch / 4);

		for (int x = x1; x < x2; x++)
			row[x] = pixel(x, y, seed);
	}
	return 0;
}

static void on_flip(int f, unsigned int seq, unsigned int sec, unsigned int usec, unsigned int crtc,
		    void *data)
{
	for (int i = 0; i < n_heads; i++)
		if (heads[i].crtc == crtc)
			heads[i].pending--;
}

/* Waits until a head has no flip on its way. */
static int wait_head(struct head *h)
{
	drmEventContext ctx = { .version = 3, .page_flip_handler2 = on_flip };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (h->pending > 0) {
		if (poll(&p, 1, 10000) <= 0)
			return -ETIMEDOUT;
		drmHandleEvent(fd, &ctx);
	}
	return 0;
}

static void add(uint32_t obj, uint32_t id, uint64_t v)
{
	if (id)
		drmModeAtomicAddProperty(request, obj, id, v);
}

/* Adds a plane to the request: a[]: head buf src_x src_y x y w h hot_x hot_y [x1 y1 x2 y2]... */
static int add_plane(struct plane *p, struct head *h, struct buf *b, const int *a, int n)
{
	const uint64_t values[FB_DAMAGE_CLIPS] = {
		b->fb, h->crtc, (int64_t)a[4], (int64_t)a[5], a[6], a[7],
		(uint64_t)a[2] << 16, (uint64_t)a[3] << 16, (uint64_t)a[6] << 16, (uint64_t)a[7] << 16,
	};
	uint32_t blob = 0;
	int ret = 0;

	request_heads |= 1u << (h - heads);
	if (!b->fb) {
		add(p->id, p->props[FB_ID], 0);
		add(p->id, p->props[CRTC_ID], 0);
		return 0;
	}
	for (int i = 0; i < FB_DAMAGE_CLIPS; i++)
		add(p->id, p->props[i], values[i]);
	add(p->id, p->props[HOTSPOT_X], a[8]);
	add(p->id, p->props[HOTSPOT_Y], a[9]);
	if (n >= 14 && n_request_blobs < BLOBS) {
		ret = drmModeCreatePropertyBlob(fd, a + 10, (n - 10) / 4 * sizeof(struct drm_mode_rect), &blob);
		if (!ret) {
			add(p->id, p->props[FB_DAMAGE_CLIPS], blob);
			request_blobs[n_request_blobs++] = blob;
		}
	}
	return ret;
}

static int commit(uint32_t flags)
{
	const int event = !!(flags & DRM_MODE_PAGE_FLIP_EVENT);
	int ret = 0;

	for (int i = 0; i < n_heads && !ret; i++)
		if (request_heads & (1u << i))
			ret = wait_head(&heads[i]);
	if (!ret)
		ret = drmModeAtomicCommit(fd, request, flags, NULL);
	for (int i = 0; i < n_heads && !ret && event; i++)
		if (request_heads & (1u << i))
			heads[i].pending++;
	drmModeAtomicFree(request);
	request = drmModeAtomicAlloc();
	while (n_request_blobs)
		drmModeDestroyPropertyBlob(fd, request_blobs[--n_request_blobs]);
	request_heads = 0;
	return ret;
}

static int page_flip(struct head *h, struct buf *b)
{
	int ret = wait_head(h);

	if (!ret)
		ret = drmModePageFlip(fd, h->crtc, b->fb, DRM_MODE_PAGE_FLIP_EVENT, NULL);
	if (!ret)
		h->pending++;
	return ret;
}

static int dirty(struct buf *b, const int *a, int n)
{
	drmModeClip clips[MAX_NUMBERS / 4];
	int count = n / 4;

	for (int i = 0; i < count; i++)
		clips[i] = (drmModeClip){ a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3] };
	return drmModeDirtyFB(fd, b->fb, count ? clips : NULL, count);
}

static int one(char *line)
{
	char word[16] = "";
	int a[MAX_NUMBERS] = { 0 }, used = 0, n = 0;
	struct buf *b;
	struct head *h;

	if (sscanf(line, "%15s%n", word, &used) < 1)
		return -EINVAL;
	for (char *p = line + used; n < MAX_NUMBERS && sscanf(p, "%d%n", &a[n], &used) == 1; n++)
		p += used;
	/* The first number is the head or, where the request names none, not used; then the buffer. */
	h = &heads[a[0] >= 0 && a[0] < MAX_HEADS ? a[0] : 0];
	b = &bufs[a[1] > 0 && a[1] < MAX_BUFS ? a[1] : 0];
	if (!strcmp(word, "open"))
		return open_card("/dev/dri/card0");
	if (!strcmp(word, "mode"))	/* head w h */
		return pick_mode(h, a[1], a[2]);
	if (!strcmp(word, "buf"))	/* - buf w h fourcc x y */
		return make_buf(b, a[2], a[3], a[4], a[5], a[6]);
	if (!strcmp(word, "alias"))	/* - buf of fourcc */
		return alias(b, &bufs[a[2] > 0 && a[2] < MAX_BUFS ? a[2] : 0], a[3]);
	if (!strcmp(word, "free"))	/* - buf */
		return free_buf(b);
	if (!strcmp(word, "fill"))	/* - buf seed x1 y1 x2 y2 */
		return fill(b, a[2], a[3], a[4], a[5], a[6]);
	if (!strcmp(word, "primary"))	/* see add_plane */
		return add_plane(&h->primary, h, b, a, n);
	if (!strcmp(word, "cursor"))
		return add_plane(&h->cursor, h, b, a, n);
	if (!strcmp(word, "crtc")) {	/* head active */
		add(h->connector, h->prop_crtc_id, a[1] ? h->crtc : 0);
		add(h->crtc, h->prop_active, a[1]);
		add(h->crtc, h->prop_mode_id, a[1] ? h->mode_blob : 0);
		request_heads |= 1u << (h - heads);
		return 0;
	}
	if (!strcmp(word, "commit"))	/* flags */
		return commit(a[0]);
	if (!strcmp(word, "flip"))	/* head buf */
		return page_flip(h, b);
	if (!strcmp(word, "wait"))	/* head */
		return wait_head(h);
	if (!strcmp(word, "setcrtc"))	/* head buf x y */
		return wait_head(h) ?: drmModeSetCrtc(fd, h->crtc, b->fb, a[2], a[3], &h->connector, 1, &h->mode);
	if (!strcmp(word, "dirty"))	/* - buf [x1 y1 x2 y2]... */
		return dirty(b, a + 2, n > 2 ? n - 2 : 0);
	if (!strcmp(word, "cursor2"))	/* head buf hot_x hot_y */
		return drmModeSetCursor2(fd, h->crtc, b->handle, b->w, b->h, a[2], a[3]);
	if (!strcmp(word, "move"))	/* head x y */
		return drmModeMoveCursor(fd, h->crtc, a[1], a[2]);
	return -EOPNOTSUPP;
}

int main(void)
{
	static char line[8192];

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n")) {
		int head, ret;

		if (sscanf(line, "formats %d", &head) == 1) {
			formats(&heads[head]);
			continue;
		}
		ret = one(line);
		if (ret < 0)
			printf("err %d\n", ret == -1 ? errno : -ret);
		else
			printf("ok %d\n", ret);
	}
	return 0;
}
