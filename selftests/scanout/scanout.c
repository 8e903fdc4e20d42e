// SPDX-License-Identifier: GPL-2.0
/*
 * A client that draws the number of the frame into every row, on the bare ioctls.
 * The host's display reads the rows in its own time and tells whether a picture
 * had several numbers.
 *
 *   scanout animate BUFFERS FRAMES [HZ [WORK]]   flips through so many buffers; each frame takes
 *                                  the client WORK microseconds before it is flipped
 *   scanout foreign FRAMES         the same with two buffers of vgem's; a file with a context may not have them
 *   scanout dirty FRAMES [HZ]      draws into the one buffer that is shown, and says so
 *
 *   scanout fences FRAMES          atomic flips between two buffers that are known as dma-bufs: whether
 *                                  out-fence, dma-buf of the old buffer and event tell the same
 *
 * AT_END is a command that is run while the last frame is shown. HZ is the rate of the mode, that of the monitor without it. The last line has what came of it:
 * words of the form name=number, those of the host as differences. Exit status: 0 done, 1 a
 * call failed or an event did not come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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
/* How long it may take. */
#define MOST_US 140000000

struct buffer {
	uint32_t handle, fb, pitch;
	uint64_t size;
	uint8_t *map;
};

static int fd, port;
static uint32_t crtc, connector;
static struct drm_mode_modeinfo mode;
static struct buffer buffers[BUFFERS];

static void end(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void call(unsigned long request, void *arg, const char *what)
{
	while (ioctl(fd, request, arg))
		if (errno != EINTR)
			end(what);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* What the host has counted. */
static void stats(char *line, size_t size)
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

static long long number(const char *line, const char *name)
{
	char want[32];
	const char *at;

	snprintf(want, sizeof(want), " %s=", name);
	at = strstr(line, want);
	return at ? atoll(at + strlen(want)) : 0;
}

/* The same of the driver, from a file of debugfs; -1 where there is none. */
static long long driver(const char *name)
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

static void setup(int hz)
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

/* A card of that driver; -1 if there is none. */
static int card(const char *driver)
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

/* A buffer of vgem's, as one of ours; and that who renders does not get it. */
static void import(struct buffer *b, int vgem)
{
	struct drm_mode_create_dumb create = { .width = (mode.hdisplay + 63) / 64 * 64, .height = mode.vdisplay, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = mode.hdisplay, .height = mode.vdisplay,
		.pixel_format = DRM_FORMAT_XRGB8888 };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_virtgpu_context_set_param set = { .param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID, .value = 30 };
	struct drm_virtgpu_context_init init = { .num_params = 1, .ctx_set_params = (uintptr_t)&set };
	int other = card("virtio_gpu");

	if (ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		end("create dumb of vgem");
	map.handle = prime.handle = create.handle;
	if (ioctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &map) || ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
		end("export from vgem");
	b->pitch = create.pitch;
	b->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, map.offset);
	if (b->map == MAP_FAILED)
		end("mmap of vgem");
	call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, "import");
	b->handle = fb.handles[0] = prime.handle;
	fb.pitches[0] = b->pitch;
	call(DRM_IOCTL_MODE_ADDFB2, &fb, "add framebuffer");
	b->fb = fb.fb_id;
	if (!ioctl(other, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init) &&
	    (!ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) || errno != ENODEV))
		end("import by who renders");
	close(other);
	close(prime.fd);
}

static void make(struct buffer *b)
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

static void draw(struct buffer *b, uint32_t n)
{
	for (uint32_t y = 0; y < mode.vdisplay; y++)
		*(volatile uint32_t *)(b->map + (size_t)y * b->pitch) = MARK | (n & 0xffffff);
}

static void show(struct buffer *b)
{
	struct drm_mode_crtc c = {
		.crtc_id = crtc, .fb_id = b ? b->fb : 0, .count_connectors = b ? 1 : 0,
		.set_connectors_ptr = (uintptr_t)&connector, .mode_valid = b != NULL,
	};

	if (b)
		c.mode = mode;
	call(DRM_IOCTL_MODE_SETCRTC, &c, b ? "set crtc" : "crtc off");
}

static void flip(struct buffer *b)
{
	struct drm_mode_crtc_page_flip f = { .crtc_id = crtc, .fb_id = b->fb, .flags = DRM_MODE_PAGE_FLIP_EVENT };

	call(DRM_IOCTL_MODE_PAGE_FLIP, &f, "page flip");
}

/* The sequence number of the vertical blank that the flip was over at, and its time. */
static uint32_t flipped(int64_t *at)
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

/*
 * Whether the machine has time for the guest: how often it did not get to run for so long
 * though it had to. A frame in which that happens says nothing about a driver.
 */
#define HICCUP_US 10000
static volatile unsigned int hiccups;

static void *watch(void *unused)
{
	for (;;) {
		int64_t start = now();

		usleep(2000);
		if (now() - start > 2000 + HICCUP_US)
			hiccups++;
	}
	return unused;
}

/* The id of a property of an object, 0 if it has none of that name; and its value. */
static uint32_t property(uint32_t object, uint32_t type, const char *name, uint64_t *value)
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
static uint32_t plane_of(uint32_t fb)
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

/* Whether a file has got that far within so many milliseconds. */
static int ready(int file, short events, int ms)
{
	struct pollfd p = { .fd = file, .events = events };

	return poll(&p, 1, ms) == 1 && p.revents & events;
}

static void fences(int frames)
{
	struct drm_set_client_cap caps[2] = { { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 }, { DRM_CLIENT_CAP_ATOMIC, 1 } };
	int dmabufs[2], early_out = 0, early_buffer = 0, apart = 0;
	uint32_t plane, fb_id, out;

	for (int i = 0; i < 2; i++) {
		struct drm_prime_handle prime = { .handle = buffers[i].handle, .flags = DRM_CLOEXEC };

		call(DRM_IOCTL_SET_CLIENT_CAP, &caps[i], "client cap");
		call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "export");
		dmabufs[i] = prime.fd;
	}
	plane = plane_of(buffers[0].fb);
	fb_id = property(plane, DRM_MODE_OBJECT_PLANE, "FB_ID", NULL);
	out = property(crtc, DRM_MODE_OBJECT_CRTC, "OUT_FENCE_PTR", NULL);
	for (int n = 1; n <= frames; n++) {
		struct buffer *b = &buffers[n % 2];
		int32_t fence = -1;
		int64_t at;
		uint32_t objects[2] = { plane, crtc }, counts[2] = { 1, 1 }, ids[2] = { fb_id, out };
		uint64_t values[2] = { b->fb, (uintptr_t)&fence };
		struct drm_mode_atomic commit = {
			.flags = DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT, .count_objs = 2,
			.objs_ptr = (uintptr_t)objects, .count_props_ptr = (uintptr_t)counts,
			.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values,
		};

		draw(b, n);
		call(DRM_IOCTL_MODE_ATOMIC, &commit, "atomic commit");
		/* The host shows the old one for some time yet. */
		early_out += ready(fence, POLLIN, 0);
		early_buffer += ready(dmabufs[~n & 1], POLLOUT, 0);
		if (!ready(dmabufs[~n & 1], POLLOUT, 60000) || !ready(fence, POLLIN, 60000)) {
			errno = ETIMEDOUT;
			end("fence");
		}
		/* The event comes with the out-fence. */
		apart += !ready(fd, POLLIN, 0);
		flipped(&at);
		apart += !ready(dmabufs[~n & 1], POLLOUT, 0);
		close(fence);
	}
	printf("scan: frames=%d earlyout=%d earlybuffer=%d apart=%d toolate=%lld", frames, early_out, early_buffer, apart,
	       driver("too late"));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int dirty = !strcmp(what, "dirty"), two = !strcmp(what, "fences");
	int vgem = strcmp(what, "foreign") ? -1 : card("vgem"), foreign = !strcmp(what, "foreign");
	int skip = dirty || two || foreign ? 2 : 3;
	int count = dirty ? 1 : two || foreign || argc < 3 ? 2 : atoi(argv[2]);
	char **rest = argv + skip;
	int left = argc - skip;
	int frames = left > 0 ? atoi(rest[0]) : 100, hz = left > 1 ? atoi(rest[1]) : 0;
	int64_t us = left > 2 ? atoll(rest[2]) : 0, start, first = 0, at = 0, read_at = 0, calm_us = 0;
	unsigned int before_last = 0, last = 0;
	pthread_t thread;
	uint32_t seq = 0, was = 0;
	long long missed = 0, odd = 0, calm = 0, calm_missed = 0, late;
	char before[1024], after[1024];
	double seconds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((!dirty && !two && !foreign && strcmp(what, "animate")) || count < 1 || count > BUFFERS)
		return 2;
	port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fd = card("virtio_gpu");
	if (fd < 0 || (foreign && vgem < 0))
		end("open");
	setup(hz);
	for (int i = 0; i < count; i++)
		if (foreign)
			import(&buffers[i], vgem);
		else
			make(&buffers[i]);
	draw(&buffers[0], 0);
	show(&buffers[0]);
	late = driver("too late");
	stats(before, sizeof(before));
	if (pthread_create(&thread, NULL, watch, NULL))
		end("thread");
	start = now();
	if (two)
		fences(frames);
	for (int n = 1; n <= frames && !two; n++) {
		struct buffer *b = &buffers[n % count];
		int64_t then = at, read_before = read_at;

		/* On a slow machine there are fewer. */
		if (n > 1 && now() - start > MOST_US) {
			frames = n - 1;
			break;
		}
		/* Of three, the next can be drawn while the flip to the one before is under way. */
		if (count < 3 || n == 1)
			draw(b, n);
		if (us)
			usleep(us);
		if (dirty) {
			struct drm_mode_fb_dirty_cmd d = { .fb_id = b->fb };

			call(DRM_IOCTL_MODE_DIRTYFB, &d, "dirty framebuffer");
			continue;
		}
		flip(b);
		if (count > 2)
			draw(&buffers[(n + 1) % count], n + 1);
		seq = flipped(&at);
		read_at = now();
		if (n > 1) {
			missed += seq - was - 1;
			/* Calm: neither in this frame nor in the one before. */
			if (hiccups == before_last) {
				calm++;
				calm_missed += seq - was - 1;
				calm_us += read_at - read_before;
			}
			/* Numbers and times grow. */
			odd += (int32_t)(seq - was) <= 0 || at <= then;
		} else {
			first = at;
		}
		was = seq;
		before_last = last;
		last = hiccups;
	}
	seconds = (dirty ? now() - start : at - first) / 1e6;
	stats(after, sizeof(after));
	if (getenv("AT_END") && system(getenv("AT_END")))
		printf("failed: at the end\n");
	show(NULL);
	if (!two)
		printf("scan: frames=%d rate=%.2f missed=%lld odd=%lld hiccups=%u calm=%lld calmmissed=%lld calmus=%lld toolate=%lld", frames,
		       seconds > 0 ? (frames - !dirty) / seconds : 0, missed, odd, hiccups, calm, calm_missed,
		       calm ? calm_us / calm : 0, driver("too late") - late);
	for (const char *const *name = (const char *const[]){ "copied", "beats", "late", "fresh", "samples", "mixed", NULL };
	     *name; name++)
		printf(" %s=%lld", *name, number(after, *name) - number(before, *name));
	printf("\n");
	return 0;
}
