// SPDX-License-Identifier: GPL-2.0
/*
 * strikes NAME: two rounds, each a client of its own: buffers, a picture, flips and cursors, and whether the host
 * comes to show the last of both; then all is taken away. A call may fail, which a line tells, and is tried
 * again. A client that gets no further is killed, and then it has to go. The host's trace gets the marks NAME.1, NAME.2
 * and NAME.end.
 */
#include <signal.h>
#include <sys/wait.h>
#include "scan.h"

/* Odd, so that the second buffer is shown last. */
#define FRAMES 9
#define CURSOR 64
#define TRIES 3
/* Tenths of a second, as this guest counts them, in which something has to go on. */
#define PATIENCE 300

/* What the parent looks at. */
static volatile struct {
	unsigned int calls;
	int failed, picture, cursor;
	char at[32];
} *seen;

/* One order to the host, at most ten seconds; whether it has answered. */
static int ask(const char *order, char *answer, size_t size)
{
	size_t have = 0;
	struct pollfd p = { .fd = port, .events = POLLIN };

	answer[0] = 0;
	if (port < 0 || write(port, order, strlen(order)) != (ssize_t)strlen(order))
		return 0;
	while (have < size - 1 && poll(&p, 1, 10000) == 1 && p.revents & POLLIN) {
		ssize_t n = read(port, answer + have, size - 1 - have);

		if (n <= 0)
			return 0;
		have += n;
		answer[have] = 0;
		if (answer[have - 1] == '\n')
			return !strncmp(answer, "ok", 2);
	}
	return 0;
}

/* Whether the answer to an order comes to begin with these words. */
static int comes(const char *order, const char *want)
{
	char answer[256] = "";

	for (int i = 0; i < 50; i++) {
		seen->calls++;
		if (!ask(order, answer, sizeof(answer)) && !answer[0])
			return 0;
		if (!strncmp(answer, want, strlen(want)))
			return 1;
		usleep(100000);
	}
	printf("    %.*s: want %s, have %s", (int)strlen(order) - 1, order, want, answer);
	return 0;
}

static void begin(const char *what)
{
	strncpy((char *)seen->at, what, sizeof(seen->at) - 1);
	seen->calls++;
}

static void failed(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	seen->failed++;
}

/* A call, and again if it fails. */
static int attempt(unsigned long request, void *arg, const char *what)
{
	for (int i = 0; i < TRIES; i++) {
		begin(what);
		if (!ioctl(fd, request, arg))
			return 1;
		failed(what);
		if (errno == ENODEV)
			break;
	}
	return 0;
}

static int create(struct buffer *b, uint32_t w, uint32_t h)
{
	struct drm_mode_create_dumb c = { .width = w, .height = h, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = w, .height = h, .pixel_format = DRM_FORMAT_XRGB8888 };

	if (!attempt(DRM_IOCTL_MODE_CREATE_DUMB, &c, "create dumb"))
		return 0;
	map.handle = fb.handles[0] = b->handle = c.handle;
	fb.pitches[0] = b->pitch = c.pitch;
	if (!attempt(DRM_IOCTL_MODE_MAP_DUMB, &map, "map dumb") || !attempt(DRM_IOCTL_MODE_ADDFB2, &fb, "add framebuffer"))
		return 0;
	b->fb = fb.fb_id;
	b->size = c.size;
	b->map = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	return b->map != MAP_FAILED;
}

static void destroy(struct buffer *b)
{
	struct drm_mode_destroy_dumb d = { .handle = b->handle };

	munmap(b->map, b->size);
	attempt(DRM_IOCTL_MODE_RMFB, &b->fb, "remove framebuffer");
	attempt(DRM_IOCTL_MODE_DESTROY_DUMB, &d, "destroy dumb");
}

static int set(struct buffer *b)
{
	struct drm_mode_crtc c = { .crtc_id = crtc, .fb_id = b ? b->fb : 0, .count_connectors = b ? 1 : 0,
		.set_connectors_ptr = (uintptr_t)&connector, .mode_valid = b != NULL };

	if (b)
		c.mode = mode;
	return attempt(DRM_IOCTL_MODE_SETCRTC, &c, b ? "set crtc" : "crtc off");
}

/* A flip, which is over soon whatever the host does. */
static void turn(struct buffer *b)
{
	struct drm_mode_crtc_page_flip f = { .crtc_id = crtc, .fb_id = b->fb, .flags = DRM_MODE_PAGE_FLIP_EVENT };
	struct drm_event_vblank event;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (!attempt(DRM_IOCTL_MODE_PAGE_FLIP, &f, "page flip"))
		return;
	begin("flip event");
	if (poll(&p, 1, 20000) != 1 || read(fd, &event, sizeof(event)) != sizeof(event)) {
		errno = ETIMEDOUT;
		failed("flip event");
	}
}

/* As the host computes it: red, green, blue of each pixel, row by row. */
static uint32_t crc(const struct buffer *b)
{
	uint32_t table[256], c = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (uint32_t y = 0; y < mode.vdisplay; y++)
		for (uint32_t x = 0; x < mode.hdisplay; x++)
			for (int s = 16; s >= 0; s -= 8)
				c = table[(c ^ ((uint32_t *)(b->map + (size_t)y * b->pitch))[x] >> s) & 0xff] ^ c >> 8;
	return ~c;
}

static int client(uint32_t seed)
{
	struct buffer cursors[2] = { 0 };
	struct drm_mode_cursor2 c = { .flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .width = CURSOR, .height = CURSOR };
	char want[64];
	int last = 0;

	begin("open");
	fd = card("virtio_gpu");
	if (fd < 0) {
		failed("open");
		return 1;
	}
	setup(0);
	c.crtc_id = crtc;
	for (int i = 0; i < 2; i++) {
		if (!create(&buffers[i], mode.hdisplay, mode.vdisplay) || !create(&cursors[i], CURSOR, CURSOR))
			return 1;
		draw_all(&cursors[i], CURSOR, CURSOR, seed + i);
	}
	draw_all(&buffers[0], mode.hdisplay, mode.vdisplay, seed);
	if (!set(&buffers[0]))
		return 1;
	for (int n = 1; n <= FRAMES; n++) {
		last = n % 2;
		draw_all(&buffers[last], mode.hdisplay, mode.vdisplay, seed + n);
		turn(&buffers[last]);
		if (n % 2)
			continue;
		c.handle = cursors[n / 2 % 2].handle;
		c.x = seed % 100 + n;
		c.y = n * 2;
		c.hot_x = 3 + n;
		c.hot_y = 4;
		attempt(DRM_IOCTL_MODE_CURSOR2, &c, "cursor");
	}
	snprintf(want, sizeof(want), "ok %08x ", crc(&buffers[last]));
	begin("look");
	seen->picture = comes("crc 0\n", want);
	if (!seen->picture) {
		struct drm_mode_fb_dirty_cmd d = { .fb_id = buffers[last].fb };

		/* 2 if it takes an update. */
		attempt(DRM_IOCTL_MODE_DIRTYFB, &d, "dirty framebuffer");
		seen->picture = 2 * comes("crc 0\n", want);
	}
	/* The resource is a number that nobody knows here. */
	for (int i = 0; i < 100 && !seen->cursor; i++) {
		char answer[256];
		int id, x, y, hot_x, hot_y;

		seen->calls++;
		if (!ask("cursor 0\n", answer, sizeof(answer)))
			break;
		seen->cursor = sscanf(answer, "ok %d %d %d %d %d", &id, &x, &y, &hot_x, &hot_y) == 5 && id && x == c.x &&
			       y == c.y && hot_x == c.hot_x && hot_y == c.hot_y;
		if (!seen->cursor && i == 99)
			printf("    cursor: want %d %d %d %d, have %s", c.x, c.y, c.hot_x, c.hot_y, answer);
		else if (!seen->cursor)
			usleep(100000);
	}
	c.flags = DRM_MODE_CURSOR_BO;
	c.handle = 0;
	attempt(DRM_IOCTL_MODE_CURSOR2, &c, "cursor off");
	set(NULL);
	for (int i = 0; i < 2; i++) {
		destroy(&buffers[i]);
		destroy(&cursors[i]);
	}
	begin("close");
	close(fd);
	return 0;
}

static void mark(const char *name, const char *what)
{
	char order[64], answer[64];

	snprintf(order, sizeof(order), "mark %s.%s\n", name, what);
	ask(order, answer, sizeof(answer));
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "round";

	setvbuf(stdout, NULL, _IOLBF, 0);
	port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		end("mmap");
	for (int round = 1; round <= 2; round++) {
		char number[2] = { '0' + round, 0 };
		unsigned int was = 0;
		int idle = 0, killed = 0, gone = 0, status = 0;
		pid_t pid;

		mark(name, number);
		memset((void *)seen, 0, sizeof(*seen));
		pid = fork();
		if (!pid)
			exit(client(round * 1000));
		while (!gone && idle < PATIENCE) {
			usleep(100000);
			gone = waitpid(pid, &status, WNOHANG) == pid;
			idle = seen->calls == was ? idle + 1 : 0;
			was = seen->calls;
			if (idle == PATIENCE && !killed) {
				killed = 1;
				kill(pid, SIGKILL);
				idle = 0;
			}
		}
		printf("strikes: round=%s.%d failed=%d killed=%d hangs=%d picture=%d cursor=%d at=%s\n", name, round, seen->failed,
		       killed, !gone, seen->picture, seen->cursor, (const char *)seen->at);
		if (!gone)
			return 1;
	}
	mark(name, "end");
	return 0;
}
