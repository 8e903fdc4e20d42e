// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the native context, built as Mesa's vdrm works: requests with numbers that are gathered and
 * go on ring 0, a page in which the host says how far it is and answers, objects that are named before
 * anybody knows that they exist, work on rings 1 to 63 with fences. Any error loses the context.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include "ctx.h"

#define CAPSET 6
#define RINGS 64
#define PAGE_BYTES 0x4000u
#define OBJECT_BYTES 8192u

/* Words of the page, and of a request's head. */
enum { PAGE_NUMBER, PAGE_ANSWERS, PAGE_LOST };
enum { NOTHING = 1, MAKE, WORK, ASK };

struct client {
	int fd;
	struct object page;
	uint32_t number;			/* of the last request */
	uint32_t batch[1024], len;		/* requests that have not gone, in words */
};

/* What a submission has besides its requests. */
struct with {
	int ring, in;
	int *out;				/* gets a fence */
	const struct object *uses;
	uint32_t in_syncobj, out_syncobj;
};

static int execute(const struct client *c, const uint32_t *words, uint32_t len, const struct with *w)
{
	struct drm_virtgpu_execbuffer_syncobj in = { .handle = w->in_syncobj }, out = { .handle = w->out_syncobj };
	uint32_t handle = w->uses ? w->uses->handle : 0;
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_RING_IDX | (w->out ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0) |
			 (w->in >= 0 ? VIRTGPU_EXECBUF_FENCE_FD_IN : 0),
		.size = len * 4, .command = (uintptr_t)words, .fence_fd = w->in, .ring_idx = w->ring,
		.bo_handles = (uintptr_t)&handle, .num_bo_handles = !!handle, .syncobj_stride = sizeof(in),
		.num_in_syncobjs = !!in.handle, .num_out_syncobjs = !!out.handle,
		.in_syncobjs = (uintptr_t)&in, .out_syncobjs = (uintptr_t)&out,
	};

	if (call(c->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e)) {
		fail("native: submit");
		return -1;
	}
	if (w->out)
		*w->out = e.fence_fd;
	return 0;
}

/* What has been gathered goes; `fence` gets a fence where one is wanted. */
static int flush(struct client *c, int *fence)
{
	const struct with w = { .in = -1, .out = fence };
	uint32_t len = c->len;

	c->len = 0;
	return len ? execute(c, c->batch, len, &w) : 0;
}

static void put(struct client *c, uint32_t *to, uint32_t what, uint32_t answer, const uint32_t *words, uint32_t n)
{
	const uint32_t head[] = { what, 16 + 4 * n, ++c->number, answer };

	memcpy(to, head, sizeof(head));
	memcpy(to + 4, words, 4 * n);
}

/* Gathers a request. */
#define GATHER(c, what, answer, ...) ({ \
	const uint32_t words_[] = { __VA_ARGS__ }; \
	put(c, (c)->batch + (c)->len, what, answer, words_, sizeof(words_) / 4); \
	(c)->len += 4 + sizeof(words_) / 4; \
})

static int reached(const struct client *c)
{
	volatile uint32_t *at = &c->page.map[PAGE_NUMBER];

	for (int i = 0; i < LONG && (int32_t)(*at - c->number) < 0; i++)
		sleep_ms(1);
	return (int32_t)(*at - c->number) >= 0;
}

/* The host has done all that was gathered. */
static int synced(struct client *c)
{
	int fence = -1;

	if (flush(c, &fence))
		return 0;
	if (fence >= 0)
		done("native: requests", fence);
	return reached(c);
}

/* A program of the host's for a ring, behind what was gathered. */
static int work(struct client *c, const struct with *w, const uint32_t *program, uint32_t bytes)
{
	uint32_t words[256];

	if (flush(c, NULL))
		return -1;
	put(c, words, WORK, 0, program, bytes / 4);
	return execute(c, words, 4 + bytes / 4, w);
}

#define DO(c, with, ...) ({ \
	const uint32_t program_[] = { __VA_ARGS__ }; \
	work(c, with, program_, sizeof(program_)); \
})

static int map(const struct client *c, struct object *o, uint32_t size)
{
	struct drm_virtgpu_map m = { .handle = o->handle };
	void *at;

	if (call(c->fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return -1;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, m.offset);
	if (at == MAP_FAILED)
		return -1;
	o->map = at;
	return 0;
}

static uint32_t res_of(const struct client *c, uint32_t handle)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = handle };

	return call(c->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i) ? 0 : i.res_handle;
}

/* The blob of the host's that has this name; `cmd` goes right before it. */
static int named(struct client *c, struct object *o, uint64_t id, uint32_t size, const uint32_t *cmd, uint32_t len)
{
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = VIRTGPU_BLOB_MEM_HOST3D, .size = size, .blob_id = id,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE | (id ? VIRTGPU_BLOB_FLAG_USE_SHAREABLE : 0),
		.cmd = (uintptr_t)cmd, .cmd_size = len * 4 };

	memset(o, 0, sizeof(*o));
	if (call(c->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b))
		return -1;
	o->handle = b.bo_handle;
	o->res = res_of(c, o->handle);
	return o->res == b.res_handle ? map(c, o, size) : -1;
}

/* An object; the request for it rides with the blob, or has gone before with others. */
static int make(struct client *c, struct object *o, uint32_t id, int rides)
{
	const uint32_t what[] = { id, 0, OBJECT_BYTES, 0 };
	uint32_t cmd[8];

	if (!rides)
		GATHER(c, MAKE, 0, id, 0, OBJECT_BYTES, 0);
	if (flush(c, NULL))
		return -1;
	if (rides)
		put(c, cmd, MAKE, 0, what, 4);
	return named(c, o, id, OBJECT_BYTES, cmd, rides ? 8 : 0);
}

/* Closes an object, behind what was gathered. */
static void let_go(struct client *c, struct object *o)
{
	struct drm_gem_close g = { .handle = o->handle };

	flush(c, NULL);
	munmap(o->map, OBJECT_BYTES);
	if (call(c->fd, DRM_IOCTL_GEM_CLOSE, &g))
		fail("native: close");
}

static int enter_native(struct client *c)
{
	uint32_t caps[16] = { 0 };
	struct drm_virtgpu_get_caps get = { .cap_set_id = CAPSET, .addr = (uintptr_t)caps, .size = sizeof(caps) };
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, CAPSET },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, RINGS },
	};
	struct drm_virtgpu_context_init init = { .num_params = 2, .ctx_set_params = (uintptr_t)params };

	memset(c, 0, sizeof(*c));
	c->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (c->fd < 0 || call(c->fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &get) || caps[4] != 0x7f) {
		fail("native: capability set");
		return -1;
	}
	if (call(c->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init)) {
		fail("native: context");
		return -1;
	}
	if (named(c, &c->page, 0, PAGE_BYTES, NULL, 0)) {
		fail("native: page");
		return -1;
	}
	return 0;
}

static void leave_native(struct client *c)
{
	munmap(c->page.map, PAGE_BYTES);
	close(c->fd);
}

/* Until a word says that; the host writes it while we look. */
static int comes(volatile uint32_t *word, uint32_t value)
{
	for (int i = 0; i < LONG && *word != value; i++)
		sleep_ms(1);
	return *word == value;
}

/* A mark in the host's trace, behind all that was sent. */
static void section(struct client *c, const char *name)
{
	GATHER(c, NOTHING, 0, 0);
	if (!synced(c))
		wrong("native: a request is not done");
	mark(name);
}

static void requests(struct client *c)
{
	const uint32_t *answers = c->page.map + c->page.map[PAGE_ANSWERS] / 4;

	/* Three at once, and nobody waits before the last. */
	section(c, "requests");
	GATHER(c, ASK, 0, 41, 0);
	GATHER(c, NOTHING, 0, 0);
	GATHER(c, ASK, 8, 99, 0);
	if (!synced(c) || answers[0] != 8 || answers[1] != 42 || answers[2] != 8 || answers[3] != 100)
		wrong("native: no answer in the page");
}

/* Rings do not wait for each other, and ring 0 for none. */
static void timelines(struct client *c, const struct object *o)
{
	int held, behind, free, all = -1, last;

	section(c, "timelines");
	DO(c, (&(struct with){ .ring = 5, .in = -1, .out = &held, .uses = o }), UNTIL(o->res, 64, 1), ADD(o->res, 0, 1));
	DO(c, (&(struct with){ .ring = 5, .in = -1, .out = &behind }), EXPECT(o->res, 0, 1), ADD(o->res, 0, 10));
	DO(c, (&(struct with){ .ring = 63, .in = -1, .out = &free }), ADD(o->res, 4, 7));
	GATHER(c, NOTHING, 0, 0);
	if (!synced(c))
		wrong("native: the processor's ring waits for another");
	done("native: free", free);
	if (status(held) || status(behind) || o->map[0] || o->map[1] != 7)
		wrong("native: a ring does not wait for what it should");
	/* The processor writes what the work waits for; the host looks when it has something to do. */
	o->map[16] = 1;
	GATHER(c, NOTHING, 0, 0);
	if (!synced(c))
		wrong("native: requests");
	done("native: held", held);
	done("native: behind", behind);
	if (o->map[0] != 11)
		wrong("native: the work is not in the memory");

	section(c, "all-rings");
	for (int ring = 1; ring < RINGS; ring++) {
		int fence = -1;

		DO(c, (&(struct with){ .ring = ring, .in = -1, .out = &fence }), ADD(o->res, 8, 1));
		all = ring == 1 ? fence : merged(all, fence);
	}
	DO(c, (&(struct with){ .ring = 1, .in = all, .out = &last }), EXPECT(o->res, 8, RINGS - 1));
	done("native: all rings", last);
	close(all);
}

static void objects_of_fences(struct client *c, const struct object *o)
{
	struct drm_syncobj_create s = { 0 };
	struct drm_virtgpu_3d_wait w = { .handle = o->handle };
	int fence;

	section(c, "sync-object");
	if (call(c->fd, DRM_IOCTL_SYNCOBJ_CREATE, &s)) {
		fail("native: sync object");
		return;
	}
	DO(c, (&(struct with){ .ring = 2, .in = -1, .out_syncobj = s.handle, .uses = o }), WAIT(20000), WRITE(o->res, 12, 3));
	DO(c, (&(struct with){ .ring = 3, .in = -1, .out = &fence, .in_syncobj = s.handle }), EXPECT(o->res, 12, 3));
	done("native: sync object", fence);
	section(c, "wait");
	DO(c, (&(struct with){ .ring = 4, .in = -1, .uses = o }), WAIT(20000), WRITE(o->res, 12, 4));
	if (call(c->fd, DRM_IOCTL_VIRTGPU_WAIT, &w) || o->map[3] != 4)
		wrong("native: an object is idle while work uses it");
}

/* Another client works with the same memory, behind the first one's fence. */
static void sharing(struct client *c, struct client *other, const struct object *o)
{
	struct drm_prime_handle p = { .handle = o->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_gem_close g = { 0 };
	int first, second;

	section(c, "second-client");
	if (enter_native(other))
		return;
	section(other, "share");
	if (call(c->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p) || call(other->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p) ||
	    res_of(other, p.handle) != o->res) {
		fail("native: share");
		return;
	}
	DO(c, (&(struct with){ .ring = 1, .in = -1, .out = &first }), WAIT(20000), WRITE(o->res, 20, 5));
	DO(other, (&(struct with){ .ring = 1, .in = first, .out = &second }), EXPECT(o->res, 20, 5), ADD(o->res, 20, 1));
	done("native: shared", second);
	if (status(first) != 1 || o->map[5] != 6)
		wrong("native: what is shared is not the same");
	close(first);
	g.handle = p.handle;
	if (call(other->fd, DRM_IOCTL_GEM_CLOSE, &g))
		fail("native: close what is shared");
	close(p.fd);
}

/* One mistake, and the context takes no more; others go on. */
static void losing(struct client *c, struct client *other)
{
	uint32_t before;
	int fence = -1;

	section(c, "lost");
	GATHER(c, 99, 0, 0);
	before = c->number - 1;
	flush(c, &fence);
	if (!signals(fence, LONG) || !comes(&c->page.map[PAGE_LOST], 1))
		wrong("native: a mistake does not lose the context");
	close(fence);
	mark("after");
	GATHER(c, NOTHING, 0, 0);
	flush(c, &fence);
	if (!signals(fence, LONG) || c->page.map[PAGE_NUMBER] != before)
		wrong("native: a lost context goes on");
	close(fence);
	GATHER(other, NOTHING, 0, 0);
	if (!synced(other) || other->page.map[PAGE_LOST])
		wrong("native: another context is lost, too");
}

void native(void)
{
	static struct client c, other, again;
	struct object rides, before;

	mark("connect");
	if (enter_native(&c))
		return;
	requests(&c);
	section(&c, "objects");
	if (make(&c, &rides, 5, 1) || make(&c, &before, 6, 0)) {
		fail("native: object");
		return;
	}
	timelines(&c, &rides);
	objects_of_fences(&c, &before);
	sharing(&c, &other, &rides);
	section(&c, "close");
	GATHER(&c, NOTHING, 0, 0);
	let_go(&c, &before);
	losing(&c, &other);
	/* What a program does that has lost its context. */
	section(&other, "again");
	if (enter_native(&again))
		return;
	/* The last mark: when the host sees what is closed behind it nobody knows. */
	section(&again, "end");
	let_go(&c, &rides);
	leave_native(&c);
	leave_native(&other);
	leave_native(&again);
}
