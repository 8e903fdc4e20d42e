// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the cross-domain channel, built as those are that carry Wayland from guest to host: two
 * resources of the guest's memory that the host reads and writes, messages, a poll that is always under
 * way on a ring of its own, whose end is an event on the file. The last poll never ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include "ctx.h"

#define CAPSET 5
#define QUERY_RING 0
#define CHANNEL_RING 1
/* Messages: their length is in bytes. */
#define INIT(query, channel) OP(1, 20), 0, (query), (channel), 1
#define POLL OP(3, 16), 0, 0, 0
#define SEND(value) OP(4, 20), 0, 0, 4, (value)

struct channel {
	struct object query, from_host;
};

/* Submits; below 0 no ring is named. */
static int say(const uint32_t *words, uint32_t size, int ring, const struct object *o)
{
	uint32_t handle = o ? o->handle : 0;
	struct drm_virtgpu_execbuffer e = {
		.flags = ring >= 0 ? VIRTGPU_EXECBUF_RING_IDX : 0, .ring_idx = ring >= 0 ? ring : 0, .fence_fd = -1,
		.size = size, .command = (uintptr_t)words, .bo_handles = (uintptr_t)&handle, .num_bo_handles = !!handle,
	};

	if (!call(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e))
		return 0;
	fail("channel: submit");
	return -1;
}

#define SAY(ring, o, ...) ({ \
	const uint32_t words_[] = { __VA_ARGS__ }; \
	say(words_, sizeof(words_), ring, o); \
})

static int shared_memory(struct object *o)
{
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = VIRTGPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE, .size = SIZE };
	struct drm_virtgpu_map m = { 0 };
	void *at;

	if (call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b))
		return -1;
	o->handle = m.handle = b.bo_handle;
	o->res = b.res_handle;
	if (call(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return -1;
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	if (at == MAP_FAILED)
		return -1;
	o->map = at;
	return 0;
}

/* Tells the host where to read and write, and waits for it. */
static int start(const struct channel *c)
{
	if (!SAY(QUERY_RING, &c->query, INIT(c->query.res, c->from_host.res)) && !idle(&c->query))
		return 0;
	fail("channel: init");
	return -1;
}

static int enter_channel(struct channel *c)
{
	uint32_t caps[16] = { 0 };
	struct drm_virtgpu_get_caps get = { .cap_set_id = CAPSET, .addr = (uintptr_t)caps, .size = sizeof(caps) };
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, CAPSET },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 2 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 1 << CHANNEL_RING },
	};
	struct drm_virtgpu_context_init init = { .num_params = 3, .ctx_set_params = (uintptr_t)params };

	fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (fd < 0 || call(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &get) || caps[0] != 1 ||
	    call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init)) {
		fail("channel: context");
		return -1;
	}
	if (shared_memory(&c->query) || shared_memory(&c->from_host)) {
		fail("channel: memory");
		return -1;
	}
	return start(c);
}

/* An event on the file, within that many milliseconds. */
static int event(int ms)
{
	struct drm_event e;

	return signals(fd, ms) && read(fd, &e, sizeof(e)) == sizeof(e) && e.type == VIRTGPU_EVENT_FENCE_SIGNALED;
}

static int has(const struct channel *c, uint32_t value)
{
	const volatile uint32_t *m = c->from_host.map;

	return m[0] == 5 && m[1] == 4 && m[2] == value;
}

/* A client that polls is killed; nothing of it may stay. */
static void killed(void)
{
	int pipes[2], code = 0, own = fd;
	struct channel c;
	char byte = 0;
	pid_t child;

	mark("killed");
	if (pipe(pipes)) {
		fail("channel: pipe");
		return;
	}
	child = fork();
	if (!child) {
		if (!enter_channel(&c) && !SAY(CHANNEL_RING, NULL, POLL) && write(pipes[1], &byte, 1) == 1)
			event(10 * LONG);
		_exit(1);
	}
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1)
		wrong("channel: the other client does not poll");
	kill(child, SIGKILL);
	for (int i = 0; i < LONG / 10 && waitpid(child, &code, WNOHANG) != child; i++)
		sleep_ms(10);
	if (!WIFSIGNALED(code))
		wrong("channel: who polls cannot be killed");
	close(pipes[0]);
	fd = own;
}

void channel(void)
{
	uint32_t poll[] = { POLL };
	struct channel c;
	int fence;

	mark("connect");
	if (enter_channel(&c))
		return;
	for (uint32_t i = 0; i < 4; i++) {
		mark("poll");
		SAY(CHANNEL_RING, NULL, POLL);
		if (event(200))
			wrong("channel: a poll ends and there is nothing to read");
		mark("send");
		SAY(-1, NULL, SEND(77 + i));
		if (!event(LONG))
			wrong("channel: no event");
		if (!has(&c, 77 + i))
			wrong("channel: what was sent is not there");
	}
	/* What was there before the poll is not forgotten: one event for each, and no more. */
	mark("two");
	SAY(-1, NULL, SEND(1));
	SAY(-1, NULL, SEND(2));
	SAY(CHANNEL_RING, NULL, POLL);
	SAY(CHANNEL_RING, NULL, POLL);
	if (!event(LONG) || !event(LONG) || !has(&c, 2))
		wrong("channel: two messages are not two events");
	killed();
	/* So that the host has seen the end of that one before the mark. */
	start(&c);
	/* Nobody will send anything: this one is left alone, and the end comes all the same. */
	mark("last");
	fence = run("channel: last poll", poll, sizeof(poll), CHANNEL_RING, -1);
	if (event(200) || status(fence))
		wrong("channel: the last poll ends");
	/* A mapping would keep the file open. */
	munmap(c.query.map, SIZE);
	munmap(c.from_host.map, SIZE);
	close(fd);
	if (!signals(fence, LONG))
		wrong("channel: a fence outlives its context");
	close(fence);
}
