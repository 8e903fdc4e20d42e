// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of the test host: a DRM client on the bare ioctls, linked
 * statically, that can ask the host what it shows. Every wait ends.
 *
 *   gpuctl list           connectors, their state and first mode
 *   gpuctl session        the scripted session that traces are compared by
 *   gpuctl flips N        N page flips; fails where an event does not come
 *   gpuctl plug N WxH     has the host plug a monitor in and waits for it
 *   gpuctl unplug N       ... and pull it out
 *   gpuctl heads N        shows a picture of its own on each of N scanouts
 *   gpuctl place N X Y    waits until connector N suggests that place to userspace
 *   gpuctl host WORDS     one order to the host, prints the answer
 *
 * Exit status: 0 done, 1 something failed (each failure is a line), 2 no device.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
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

#define PORT "/dev/vgpu-gpuhost"
#define MAX 16

struct buffer {
	uint32_t handle, fb, width, height, pitch;
	uint64_t size;
	uint32_t *map;
};

static int fd = -1, port = -1, failures;
static uint32_t crtcs[MAX], connectors[MAX];
static int n_crtcs, n_connectors;

static void fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	failures++;
}

static int call(unsigned long request, void *arg, const char *what)
{
	int r;

	do {
		r = ioctl(fd, request, arg);
	} while (r == -1 && errno == EINTR);
	if (r && what)
		fail(what);
	return r;
}

/* One order to the host, at most five seconds. The answer without "ok ", or NULL. */
static char *host(const char *format, ...)
{
	static char answer[512];
	char line[256];
	size_t have = 0;
	va_list args;

	if (port < 0)
		return NULL;
	va_start(args, format);
	vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	if (write(port, line, strlen(line)) < 0)
		return NULL;
	while (have < sizeof(answer) - 1) {
		struct pollfd p = { .fd = port, .events = POLLIN };

		if (poll(&p, 1, 5000) <= 0 || !(p.revents & POLLIN))
			return NULL;
		ssize_t n = read(port, answer + have, sizeof(answer) - 1 - have);

		if (n <= 0)
			return NULL;
		have += n;
		answer[have] = 0;
		if (answer[have - 1] == '\n') {
			answer[have - 1] = 0;
			return strncmp(answer, "ok", 2) ? NULL : answer + 2 + (answer[2] == ' ');
		}
	}
	return NULL;
}

static void mark(const char *name)
{
	host("mark %s", name);
}

static uint32_t crc_table[256];

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
		crc_table[i] = c;
	}
}

/* As the host computes it: red, green, blue of each pixel, row by row. */
static uint32_t crc(const struct buffer *b)
{
	uint32_t c = ~0u;

	for (uint32_t y = 0; y < b->height; y++) {
		const uint32_t *row = b->map + (size_t)y * b->pitch / 4;

		for (uint32_t x = 0; x < b->width; x++)
			for (int s = 16; s >= 0; s -= 8)
				c = crc_table[(c ^ (row[x] >> s)) & 0xff] ^ (c >> 8);
	}
	return ~c;
}

static void expect_picture(int scanout, const struct buffer *b, const char *what)
{
	char want[16], *got = NULL;

	if (port < 0)
		return;
	snprintf(want, sizeof(want), "%08x", crc(b));
	/* A driver may show a flip a little later than it says so. */
	for (int i = 0; i < 20; i++) {
		got = host("crc %d", scanout);
		if (got && !strncmp(got, want, 8)) {
			printf("picture %s: %s\n", what, got);
			return;
		}
		usleep(50000);
	}
	printf("failed: picture %s: want %s, host shows %s\n", what, want, got ? got : "nothing");
	failures++;
}

static void fill(struct buffer *b, uint32_t seed, uint32_t y0, uint32_t y1)
{
	for (uint32_t y = y0; y < y1 && y < b->height; y++)
		for (uint32_t x = 0; x < b->width; x++)
			b->map[(size_t)y * b->pitch / 4 + x] =
				(x * 0x01000193u) ^ (y * 0x0100a1b3u) ^ (seed * 0x9e3779b9u);
}

static int make(struct buffer *b, uint32_t w, uint32_t h, uint32_t format)
{
	struct drm_mode_create_dumb create = { .width = w, .height = h, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = w, .height = h, .pixel_format = format };

	memset(b, 0, sizeof(*b));
	if (call(DRM_IOCTL_MODE_CREATE_DUMB, &create, "create dumb"))
		return -1;
	*b = (struct buffer){ .handle = create.handle, .width = w, .height = h,
		.pitch = create.pitch, .size = create.size };
	map.handle = b->handle;
	if (call(DRM_IOCTL_MODE_MAP_DUMB, &map, "map dumb"))
		return -1;
	b->map = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (b->map == MAP_FAILED) {
		b->map = NULL;
		fail("mmap");
		return -1;
	}
	fb.handles[0] = b->handle;
	fb.pitches[0] = b->pitch;
	if (call(DRM_IOCTL_MODE_ADDFB2, &fb, "add framebuffer"))
		return -1;
	b->fb = fb.fb_id;
	return 0;
}

static void drop(struct buffer *b)
{
	struct drm_mode_destroy_dumb destroy = { .handle = b->handle };

	if (b->fb)
		call(DRM_IOCTL_MODE_RMFB, &b->fb, "remove framebuffer");
	if (b->map)
		munmap(b->map, b->size);
	if (b->handle)
		call(DRM_IOCTL_MODE_DESTROY_DUMB, &destroy, "destroy dumb");
}

static int resources(void)
{
	uint32_t ignored[3][64];
	struct drm_mode_card_res r = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = MAX,
		.connector_id_ptr = (uintptr_t)connectors, .count_connectors = MAX,
		.encoder_id_ptr = (uintptr_t)ignored[0], .count_encoders = 64,
		.fb_id_ptr = (uintptr_t)ignored[1], .count_fbs = 64,
	};

	if (call(DRM_IOCTL_MODE_GETRESOURCES, &r, "get resources"))
		return -1;
	n_crtcs = r.count_crtcs < MAX ? r.count_crtcs : MAX;
	n_connectors = r.count_connectors < MAX ? r.count_connectors : MAX;
	return 0;
}

/* State of a connector (1 connected), and its first mode. */
static int connector(int i, struct drm_mode_modeinfo *mode)
{
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_get_connector c = { .connector_id = connectors[i] };

	memset(mode, 0, sizeof(*mode));
	/* Count 0 probes; the second call fetches. */
	if (call(DRM_IOCTL_MODE_GETCONNECTOR, &c, "probe connector"))
		return -1;
	c = (struct drm_mode_get_connector){ .connector_id = connectors[i],
		.modes_ptr = (uintptr_t)modes, .count_modes = 256 };
	if (call(DRM_IOCTL_MODE_GETCONNECTOR, &c, "get connector"))
		return -1;
	if (c.count_modes)
		*mode = modes[0];
	return c.connection;
}

static int show(int i, const struct buffer *b, const struct drm_mode_modeinfo *mode)
{
	struct drm_mode_crtc c = {
		.crtc_id = crtcs[i], .fb_id = b ? b->fb : 0, .count_connectors = b ? 1 : 0,
		.set_connectors_ptr = (uintptr_t)&connectors[i], .mode_valid = b != NULL,
	};

	if (b)
		c.mode = *mode;
	return call(DRM_IOCTL_MODE_SETCRTC, &c, b ? "set crtc" : "crtc off");
}

/* A flip, and its event within three seconds. */
static int flip(int i, const struct buffer *b)
{
	struct drm_mode_crtc_page_flip f = { .crtc_id = crtcs[i], .fb_id = b->fb,
		.flags = DRM_MODE_PAGE_FLIP_EVENT };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char event[256];

	if (call(DRM_IOCTL_MODE_PAGE_FLIP, &f, "page flip"))
		return -1;
	if (poll(&p, 1, 3000) != 1 || read(fd, event, sizeof(event)) <= 0) {
		errno = ETIMEDOUT;
		fail("flip event");
		return -1;
	}
	return 0;
}

static void dirty(const struct buffer *b, uint16_t x, uint16_t y, uint16_t w, uint16_t h)
{
	struct drm_clip_rect clip = { .x1 = x, .y1 = y, .x2 = x + w, .y2 = y + h };
	struct drm_mode_fb_dirty_cmd d = { .fb_id = b->fb, .num_clips = 1, .clips_ptr = (uintptr_t)&clip };

	call(DRM_IOCTL_MODE_DIRTYFB, &d, "dirty framebuffer");
}

static void cursor(uint32_t flags, uint32_t handle, int x, int y)
{
	struct drm_mode_cursor2 c = { .flags = flags, .crtc_id = crtcs[0], .x = x, .y = y,
		.width = handle ? 64 : 0, .height = handle ? 64 : 0, .handle = handle, .hot_x = 3, .hot_y = 4 };

	call(DRM_IOCTL_MODE_CURSOR2, &c, "cursor");
}

/* A driver may show a cursor a little later than it says so, and the host hear of it after a mark. */
static void wait_cursor(int shown, const char *place)
{
	for (int i = 0; i < 100 && port >= 0; i++) {
		char *at = host("cursor 0");

		if (!at || (!!strncmp(at, "0 ", 2) == shown && strstr(at, place)))
			return;
		usleep(50000);
	}
}

static void session(void)
{
	struct drm_mode_modeinfo mode;
	struct buffer a, b, c;

	mark("probe");
	if (connector(0, &mode) != 1 || !mode.hdisplay) {
		printf("failed: connector 0 has no monitor or no mode\n");
		failures++;
		return;
	}
	printf("mode %ux%u\n", mode.hdisplay, mode.vdisplay);
	mark("create");
	if (make(&a, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888) ||
	    make(&b, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888))
		return;
	fill(&a, 1, 0, a.height);
	fill(&b, 2, 0, b.height);
	mark("modeset");
	if (!show(0, &a, &mode))
		expect_picture(0, &a, "modeset");
	mark("dirty");
	fill(&a, 3, 100, 164);
	dirty(&a, 0, 100, mode.hdisplay, 64);
	expect_picture(0, &a, "dirty");
	mark("flip");
	for (int i = 0; i < 4; i++)
		if (flip(0, i & 1 ? &a : &b))
			break;
	expect_picture(0, &a, "flip");
	mark("cursor");
	if (!make(&c, 64, 64, DRM_FORMAT_ARGB8888)) {
		fill(&c, 5, 0, 64);
		cursor(DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, c.handle, 10, 20);
		wait_cursor(1, "");
		for (int i = 1; i <= 3; i++)
			cursor(DRM_MODE_CURSOR_MOVE, 0, 10 * i, 20 * i);
		wait_cursor(1, " 30 60 ");
		if (port >= 0) {
			char *at = host("cursor 0");

			printf("cursor %s\n", at ? at : "unknown");
		}
		cursor(DRM_MODE_CURSOR_BO, 0, 0, 0);
		wait_cursor(0, "");
		drop(&c);
	}
	mark("off");
	show(0, NULL, NULL);
	mark("destroy");
	drop(&a);
	drop(&b);
	mark("end");
}

static void flips(int n)
{
	struct drm_mode_modeinfo mode;
	struct buffer b[2];
	int done = 0;

	if (connector(0, &mode) != 1 || make(&b[0], mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888) ||
	    make(&b[1], mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888) || show(0, &b[0], &mode)) {
		failures++;
		return;
	}
	while (done < n && !flip(0, &b[~done & 1]))
		done++;
	printf("flips %d of %d\n", done, n);
}

/* Changes the picture and the cursor while the host may be silent, then does nothing: within a minute
 * the host shows what was drawn last. */
static void behind(int n)
{
	struct drm_mode_modeinfo mode;
	struct buffer a, c[2];
	char want[16];
	int resource = 0, good = 0;

	if (connector(0, &mode) != 1 || make(&a, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888) ||
	    make(&c[0], 64, 64, DRM_FORMAT_ARGB8888) || make(&c[1], 64, 64, DRM_FORMAT_ARGB8888) || show(0, &a, &mode)) {
		failures++;
		return;
	}
	cursor(DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, c[0].handle, 10, 20);
	for (int i = 0; i < n; i++) {
		fill(&a, i, i % a.height, i % a.height + 1);
		dirty(&a, 0, i % a.height, a.width, 1);
	}
	cursor(DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, c[1].handle, 30, 40);
	for (int i = 0; i < 40; i++)
		cursor(DRM_MODE_CURSOR_MOVE, 0, 30 + i, 40);
	fill(&a, n, 0, a.height);
	dirty(&a, 0, 0, a.width, a.height);
	printf("behind: %d updates, all still\n", n + 1);
	snprintf(want, sizeof(want), "%08x", crc(&a));
	for (int i = 0; i < 120 && !good; i++) {
		char *got = host("crc 0");

		good = got && !strncmp(got, want, 8);
		got = good ? host("cursor 0") : NULL;
		good = got && sscanf(got, "%d", &resource) == 1 && resource && strstr(got, " 69 40 ");
		usleep(500000);
	}
	if (!good) {
		printf("failed: the host does not come to show picture %s and the cursor; it has %s\n", want,
		       host("crc 0") ?: "nothing");
		failures++;
	}
	show(0, NULL, NULL);
}

static void wait_monitor(int i, int connected, int w, int h)
{
	struct drm_mode_modeinfo mode;

	for (int t = 0; t < 50; t++) {
		int state = connector(i, &mode);

		if (state == (connected ? 1 : 2) && (!connected || (mode.hdisplay == w && mode.vdisplay == h))) {
			printf("monitor %d %s %ux%u\n", i, connected ? "in" : "out", mode.hdisplay, mode.vdisplay);
			return;
		}
		usleep(100000);
	}
	errno = ETIMEDOUT;
	fail(connected ? "plug" : "unplug");
}

static void heads(int n)
{
	struct drm_mode_modeinfo mode;
	struct buffer b[MAX];

	for (int i = 0; i < n && i < n_connectors; i++) {
		if (connector(i, &mode) != 1 || make(&b[i], mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888)) {
			failures++;
			continue;
		}
		fill(&b[i], 100 + i, 0, b[i].height);
		if (!show(i, &b[i], &mode))
			expect_picture(i, &b[i], "head");
	}
}

/* The value of a connector's property; -1 if there is none of that name. */
static int64_t property(int i, const char *name)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties all = {
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values, .count_props = 64,
		.obj_id = connectors[i], .obj_type = DRM_MODE_OBJECT_CONNECTOR,
	};

	if (call(DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &all, "OBJ_GETPROPERTIES"))
		return -1;
	for (uint32_t k = 0; k < all.count_props && k < 64; k++) {
		struct drm_mode_get_property one = { .prop_id = ids[k] };

		if (!call(DRM_IOCTL_MODE_GETPROPERTY, &one, "GETPROPERTY") && !strcmp(one.name, name))
			return values[k];
	}
	return -1;
}

static void place(int i, int x, int y)
{
	int64_t at[2] = { -1, -1 };

	for (int t = 0; t < 50 && i >= 0 && i < n_connectors; t++) {
		at[0] = property(i, "suggested X");
		at[1] = property(i, "suggested Y");
		if (at[0] == x && at[1] == y) {
			printf("place of %d: %d,%d\n", i, x, y);
			return;
		}
		usleep(100000);
	}
	printf("failed: place of %d: %lld,%lld instead of %d,%d\n", i, (long long)at[0], (long long)at[1], x, y);
	failures++;
}

static void list(void)
{
	struct drm_mode_modeinfo mode;

	printf("crtcs %d connectors %d\n", n_crtcs, n_connectors);
	for (int i = 0; i < n_connectors; i++) {
		int state = connector(i, &mode);

		printf("connector %d state %d mode %ux%u\n", i, state, mode.hdisplay, mode.vdisplay);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "list";
	int n = argc > 2 ? atoi(argv[2]) : 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	crc_init();
	/* Not blocking: a write to a port whose host has died would wait for ever. */
	port = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (!strcmp(what, "host")) {
		char line[200] = "";

		for (int i = 2; i < argc; i++)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s ", argv[i]);
		char *answer = host("%s", line);

		puts(answer ? answer : "no answer");
		return !answer;
	}
	for (int i = 0; i < 50 && fd < 0; i++) {
		fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(100000);
	}
	if (fd < 0) {
		puts("no device");
		return 2;
	}
	if (resources() || !n_crtcs || !n_connectors) {
		puts("no display");
		return 2;
	}
	if (!strcmp(what, "session")) {
		session();
	} else if (!strcmp(what, "flips")) {
		flips(n);
	} else if (!strcmp(what, "behind")) {
		behind(n);
	} else if (!strcmp(what, "heads")) {
		heads(n);
	} else if (!strcmp(what, "place")) {
		place(n, argc > 3 ? atoi(argv[3]) : 0, argc > 4 ? atoi(argv[4]) : 0);
	} else if (!strcmp(what, "plug") || !strcmp(what, "unplug")) {
		unsigned int w = 0, h = 0;
		int in = what[0] == 'p';

		if (in && argc > 3)
			sscanf(argv[3], "%ux%u", &w, &h);
		if (!(in ? host("plug %d %ux%u", n, w, h) : host("unplug %d", n)))
			fail("order to the host");
		wait_monitor(n, in, w, h);
	} else {
		list();
	}
	return failures ? 1 : 0;
}
