// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's client of the test host's contexts, on the bare ioctls. What its streams
 * mean stands in Documentation/gpu/test-host.rst. Every wait ends.
 *
 *   gpuctx session     contexts, rings, fences in and out, transfers: what traces are compared by
 *   gpuctx told        the same calls on a host that fails one: whoever called has to be told, by an
 *                      errno, a fence's error or an object that is of no use any more
 *   gpuctx channel     a cross-domain channel: channel.c
 *   gpuctx native      a native context: native.c
 *   gpuctx passing     fences that the host waits for; "passing-unasked" where contexts do not ask,
 *                      "passing-off" where nobody has said that the host can
 *   gpuctx passing-random SECONDS [SEED]    16 contexts at random
 *   gpuctx bench SHAPE WHO MICROSECONDS DEPTH SECONDS    pipelines for time, see bench.c
 *
 * Exit status: 0 done, 1 something failed (each failure is a line), 2 no device.
 */
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
#include <drm/virtgpu_drm.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include "ctx.h"

int fd = -1, failures;
static int port = -1;

void fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	failures++;
}

void wrong(const char *what)
{
	printf("failed: %s\n", what);
	failures++;
}

int call(int on, unsigned long request, void *arg)
{
	int r;

	do {
		r = ioctl(on, request, arg);
	} while (r == -1 && (errno == EINTR || errno == EAGAIN));
	return r;
}

/* Has the host do something; its answer, without the first word. Below 0 where nobody answers. */
int order(const char *line, char *answer, unsigned int len)
{
	struct pollfd p = { .fd = port, .events = POLLIN };
	char text[1000];
	ssize_t n = 0;

	if (port < 0)
		return -1;
	if (write(port, line, strlen(line)) < 0)
		return -1;
	/* Long answers come in parts. */
	while (n < (ssize_t)sizeof(text) - 1 && (!n || text[n - 1] != '\n') && poll(&p, 1, 5000) > 0) {
		ssize_t more = read(port, text + n, sizeof(text) - 1 - n);

		if (more <= 0)
			break;
		n += more;
	}
	text[n] = 0;
	if (strncmp(text, "ok", 2))
		return -1;
	snprintf(answer, len, "%s", text + 2);
	return 0;
}

void mark(const char *name)
{
	char line[100], answer[100];

	if (port < 0)
		return;
	snprintf(line, sizeof(line), "mark %s\n", name);
	if (order(line, answer, sizeof(answer)))
		fail("mark");
}

void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

static int context(uint64_t capset, uint64_t rings, uint64_t polled)
{
	struct drm_virtgpu_context_set_param params[3] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, capset },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, rings },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, polled },
	};
	struct drm_virtgpu_context_init init = { .num_params = 3, .ctx_set_params = (uintptr_t)params };

	return call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

static int map(struct object *o, uint32_t size)
{
	struct drm_virtgpu_map m = { .handle = o->handle };

	if (call(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return -1;
	o->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	if (o->map == MAP_FAILED) {
		o->map = NULL;
		return -1;
	}
	return 0;
}

int buffer(struct object *o)
{
	struct drm_virtgpu_resource_create c = { .target = 0, .format = 64, .bind = 16, .width = SIZE,
		.height = 1, .depth = 1, .array_size = 1, .size = SIZE };

	memset(o, 0, sizeof(*o));
	if (call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c))
		return -1;
	o->handle = c.bo_handle;
	o->res = c.res_handle;
	return map(o, SIZE);
}

static void drop(struct object *o)
{
	struct drm_gem_close c = { .handle = o->handle };

	if (o->map)
		munmap(o->map, SIZE);
	if (o->handle && call(fd, DRM_IOCTL_GEM_CLOSE, &c))
		fail("close object");
}

int transfer(const struct object *o, int to_host)
{
	struct drm_virtgpu_3d_transfer_to_host t = { .bo_handle = o->handle, .box = { .w = SIZE, .h = 1, .d = 1 } };

	return call(fd, to_host ? DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST : DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t);
}

int idle(const struct object *o)
{
	struct drm_virtgpu_3d_wait w = { .handle = o->handle };
	int r = -1;

	/* The driver's own wait ends after 15 s. */
	for (int i = 0; i < 2 && r; i++)
		r = call(fd, DRM_IOCTL_VIRTGPU_WAIT, &w);
	return r;
}

int submit(struct submit *s)
{
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | s->flags, .size = s->size, .command = (uintptr_t)s->words,
		.bo_handles = (uintptr_t)&s->handle, .num_bo_handles = !!s->handle, .fence_fd = -1,
		.syncobj_stride = sizeof(*s->ins), .num_in_syncobjs = s->num_ins, .in_syncobjs = (uintptr_t)s->ins,
	};

	s->out = -1;
	if (s->ring >= 0) {
		e.flags |= VIRTGPU_EXECBUF_RING_IDX;
		e.ring_idx = s->ring;
	}
	if (s->in >= 0) {
		e.flags |= VIRTGPU_EXECBUF_FENCE_FD_IN;
		e.fence_fd = s->in;
	}
	if (call(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e))
		return -errno;
	s->out = e.fence_fd;
	return 0;
}

int signals(int fence, int ms)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return fence >= 0 && poll(&p, 1, ms) == 1;
}

int status(int fence)
{
	struct sync_file_info info = { 0 };

	return call(fence, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

int run(const char *what, const uint32_t *words, uint32_t size, int ring, int in)
{
	struct submit s = { .words = words, .size = size, .ring = ring, .in = in };

	if (submit(&s)) {
		fail(what);
		return -1;
	}
	return s.out;
}

static uint32_t pattern(uint32_t seed, uint32_t i)
{
	return (i ^ seed) * 2654435761u + seed;
}

void done(const char *what, int fence)
{
	if (!signals(fence, LONG) || status(fence) != 1)
		wrong(what);
	close(fence);
}

static void session(void)
{
	uint32_t caps[16] = { 0 };
	struct drm_virtgpu_get_caps get = { .cap_set_id = 30, .cap_set_ver = 1, .addr = (uintptr_t)caps, .size = sizeof(caps) };
	struct drm_event event;
	struct object a, b;
	int slow, fast, fence;

	/* Marks stand where the host has seen all that was sent. */
	mark("upload");
	if (call(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &get) || caps[0] != 0x75706867)
		fail("capability set");
	if (context(30, 4, 1 << 3)) {
		fail("context init");
		return;
	}
	if (buffer(&a) || buffer(&b)) {
		fail("buffer");
		return;
	}
	for (uint32_t i = 0; i < SIZE / 4; i++)
		a.map[i] = pattern(7, i);
	if (transfer(&a, 1) || idle(&a))
		fail("upload");
	mark("rings");
	/* The slow one cannot end before somebody writes a word, however long a guest may sleep. */
	slow = RUN("slow", 1, -1, CHECK(a.res, 0, SIZE, 7), UNTIL(b.res, 64, 1), WAIT(50000), FILL(a.res, 0, SIZE, 9),
		   WRITE(b.res, 0, 1));
	fast = RUN("fast", 2, -1, WAIT(1000));
	if (!signals(fast, LONG) || status(slow))
		wrong("a ring waits for another");
	done("fast", fast);
	mark("in-fence");
	done("go", RUN("go", 0, -1, WRITE(b.res, 64, 1)));
	/* Whoever waits, the guest or the host: the word is there. */
	fence = RUN("in-fence", 2, slow, EXPECT(b.res, 0, 1), ADD(b.res, 0, 4));
	if (signals(fence, 0) && status(slow) != 1)
		wrong("a fence came before what it waits for");
	done("in-fence", fence);
	done("slow", slow);
	mark("no-ring");
	done("no ring", RUN("no ring", -1, -1, EXPECT(b.res, 0, 5)));
	mark("download");
	a.map[5] = 0;
	if (transfer(&a, 0) || idle(&a))
		fail("download");
	for (uint32_t i = 0; i < SIZE / 4; i++)
		if (a.map[i] != pattern(9, i)) {
			wrong("what came back is not what the host wrote");
			break;
		}
	mark("event");
	done("polled", RUN("polled", 3, -1, WAIT(1000)));
	if (!signals(fd, LONG) || read(fd, &event, sizeof(event)) != sizeof(event) || event.type != VIRTGPU_EVENT_FENCE_SIGNALED)
		wrong("no event");
	mark("close");
	drop(&a);
	drop(&b);
}

/* The fence that the object has, as anybody sees it who gets the object; its status. */
static int object_status(const struct object *o)
{
	struct drm_prime_handle p = { .handle = o->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	struct dma_buf_export_sync_file e = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	int s = 0;

	if (call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
		return -errno;
	if (!call(p.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e)) {
		signals(e.fd, LONG);
		s = status(e.fd);
		close(e.fd);
	}
	close(p.fd);
	return s;
}

/* True, and a line, where something tells of a failure. */
static int sign(const char *where, int value)
{
	if (value < 0)
		printf("told: %s: %s\n", where, strerror(-value));
	return value < 0;
}

static void told(void)
{
	struct object o;

	if (sign("context", context(30, 4, 0) ? -errno : 0))
		return;
	sleep_ms(200);
	if (sign("object", buffer(&o) ? -errno : 0))
		return;
	sleep_ms(200);
	o.map[0] = 3;
	if (sign("upload", transfer(&o, 1) ? -errno : 0) || sign("upload's wait", idle(&o) ? -errno : 0) ||
	    sign("upload's fence", object_status(&o)))
		return;
	for (int i = 0; i < 2; i++) {
		const uint32_t words[] = { EXPECT(o.res, 0, 3) };
		struct submit s = { .words = words, .size = sizeof(words), .handle = o.handle, .ring = 1, .in = -1 };

		if (sign("submit", submit(&s)))
			return;
		if (!signals(s.out, LONG)) {
			wrong("a fence does not signal");
			return;
		}
		if (sign("submit's fence", status(s.out)))
			return;
		close(s.out);
	}
	o.map[0] = 0;
	if (sign("download", transfer(&o, 0) ? -errno : 0) || sign("download's wait", idle(&o) ? -errno : 0) ||
	    sign("download's fence", object_status(&o)))
		return;
	if (o.map[0] == 3)
		wrong("nobody was told, and everything works");
	else
		wrong("nobody was told");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "session";

	setvbuf(stdout, NULL, _IOLBF, 0);
	port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < 50 && fd < 0; i++) {
		fd = open(RENDER, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(100000);
	}
	if (fd < 0) {
		puts("no device");
		return 2;
	}
	if (!strcmp(what, "session"))
		session();
	else if (!strcmp(what, "told"))
		told();
	else if (!strcmp(what, "channel"))
		channel();
	else if (!strcmp(what, "native"))
		native();
	else if (!strcmp(what, "passing"))
		passing();
	else if (!strcmp(what, "passing-unasked"))
		passing_unasked();
	else if (!strcmp(what, "passing-off"))
		passing_off();
	else if (!strcmp(what, "passing-random"))
		passing_random(argc > 2 ? atoi(argv[2]) : 5, argc > 3 ? atoi(argv[3]) : 1);
	else if (!strcmp(what, "bench") && argc > 6)
		bench(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]), atof(argv[6]));
	else
		wrong("no such thing to do");
	return failures ? 1 : 0;
}
