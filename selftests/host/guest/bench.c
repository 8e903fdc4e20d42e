// SPDX-License-Identifier: GPL-2.0
/*
 * Pipelines over contexts, for time: how many frames a second get through where jobs of one
 * context depend on jobs of another. A frame is, in ping-pong, eight jobs of two contexts in
 * turns, each of which needs the one before; in fan-in, a job each of eight contexts, and one of
 * a ninth that needs them all. Clients know of each other's jobs by shared sync objects, as a
 * compositor and its clients do. Who waits is the caller's choice:
 *
 *   wait	the guest, as contexts have it that do not ask for more
 *   pass	the host
 *   bound	the host, of which the guest does not know: ping-pong is a chain on one ring, which is
 *		kept in order; in fan-in the jobs leave words in memory, and the last waits for them
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>
#include "ctx.h"

#define JOBS 8
#define SLOTS (SIZE / 4 / JOBS)
#define SLOT(i, frame) (4 * ((i) * SLOTS + (frame) % SLOTS))
#define MAX_DEPTH 64

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static long count(const char *name, char end)
{
	char answer[1000], *at;
	long a, b = 0;

	if (order("stats\n", answer, sizeof(answer)))
		return -1;
	at = strstr(answer, name);
	if (!at || sscanf(at + strlen(name), end ? "%ld+%ld" : "%ld", &a, &b) < 1)
		return -1;
	return a;
}

static long switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_nvcsw;
}

/* A client; its sync object, by the names that each client has for it. */
struct side {
	struct party p;
	uint32_t names[JOBS + 1];
};

static struct side sides[JOBS + 1];

static int share(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct drm_syncobj_create c = { 0 };
		struct drm_syncobj_handle h = { 0 };

		if (call(sides[i].p.fd, DRM_IOCTL_SYNCOBJ_CREATE, &c))
			return -1;
		h.handle = c.handle;
		if (call(sides[i].p.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h))
			return -1;
		for (unsigned int k = 0; k < n; k++) {
			if (k != i && call(sides[k].p.fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h))
				return -1;
			sides[i].names[k] = k == i ? c.handle : h.handle;
		}
		close(h.fd);
	}
	return 0;
}

/* A job in the making. */
struct job {
	uint32_t words[4 * JOBS + 2], count;
};

#define ADD_WORDS(job, ...) do { \
	const uint32_t more_[] = { __VA_ARGS__ }; \
	memcpy((job)->words + (job)->count, more_, sizeof(more_)); \
	(job)->count += sizeof(more_) / 4; \
} while (0)

/* Submits for client `by`, after what clients `first` to `end` have submitted. The fence, if it is wanted. */
static int give_job(unsigned int by, const struct job *job, uint32_t flags, unsigned int first, unsigned int end, int wanted)
{
	struct drm_virtgpu_execbuffer_syncobj ins[JOBS] = { 0 }, out = { .handle = sides[by].names[by] };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_RING_IDX | flags | (wanted ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0),
		.ring_idx = 1, .size = 4 * job->count, .command = (uintptr_t)job->words, .fence_fd = -1,
		.syncobj_stride = sizeof(out), .num_in_syncobjs = end - first, .in_syncobjs = (uintptr_t)ins,
		.num_out_syncobjs = 1, .out_syncobjs = (uintptr_t)&out,
	};

	for (unsigned int i = first; i < end; i++)
		ins[i - first].handle = sides[i].names[by];
	if (call(sides[by].p.fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e))
		fail("submit");
	return e.fence_fd;
}

/* The same of a job that only takes its time. */
static int job(unsigned int by, uint32_t us, uint32_t flags, unsigned int first, unsigned int end, int wanted)
{
	struct job j = { .count = 0 };

	if (us)
		ADD_WORDS(&j, WAIT(us));
	return give_job(by, &j, flags, first, end, wanted);
}

/* Submits the jobs of frame `n`; the fence of the last. */
static int frame(int fan, int bound, uint32_t us, uint32_t flags, uint32_t n)
{
	const uint32_t res = sides[0].p.o.res;
	struct job last = { .count = 0 };

	if (fan && bound) {
		for (unsigned int i = 0; i < JOBS; i++) {
			struct job j = { .count = 0 };

			ADD_WORDS(&j, WAIT(us), WRITE(res, SLOT(i, n), n + 1));
			give_job(i, &j, flags, 0, 0, 0);
			ADD_WORDS(&last, UNTIL(res, SLOT(i, n), n + 1));
		}
		ADD_WORDS(&last, WAIT(us));
		return give_job(JOBS, &last, flags, 0, 0, 1);
	}
	if (fan) {
		for (unsigned int i = 0; i < JOBS; i++)
			job(i, us, flags, 0, 0, 0);
		return job(JOBS, us, flags, 0, JOBS, 1);
	}
	for (unsigned int i = 0; i < JOBS - 1; i++) {
		if (bound)
			job(0, us, flags, 0, 0, 0);
		else
			job(i % 2, us, flags, !(i % 2), !(i % 2) + 1, 0);
	}
	return bound ? job(0, us, flags, 0, 0, 1) : job(1, us, flags, 0, 1, 1);
}

/* Bounded, and told of. */
static int over(int fence)
{
	int good = signals(fence, 20000);

	if (!good)
		wrong("a frame does not end");
	close(fence);
	return good;
}

int bench(const char *shape, const char *who, uint32_t us, unsigned int depth, double limit)
{
	int fan = !strcmp(shape, "fan-in"), pass = !strcmp(who, "pass"), bound = !strcmp(who, "bound");
	uint32_t flags = pass ? PASS_FLAG : 0;
	unsigned int n = fan ? JOBS + 1 : 2, frames = 0;
	int queue[MAX_DEPTH];
	double start, took;
	long kicks, irqs, woken;

	if (depth < 1 || depth > MAX_DEPTH)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		if (enter(&sides[i].p, i ? &sides[0].p : NULL, pass ? 1 : -1))
			return -1;
	if (share(n)) {
		fail("share");
		return -1;
	}
	/* The first job of a context makes it. */
	for (unsigned int i = 0; i < n; i++)
		if (!over(job(i, 0, 0, 0, 0, 1)))
			return -1;
	kicks = count("kicks=", '+');
	irqs = count("interrupts=", 0);
	woken = switches();
	start = seconds_now();
	do {
		if (frames >= depth && !over(queue[frames % depth]))
			return -1;
		queue[frames % depth] = frame(fan, bound, us, flags, frames);
		frames++;
	} while (seconds_now() < start + limit && !failures);
	for (unsigned int i = frames > depth ? frames - depth : 0; i < frames; i++)
		if (!over(queue[i % depth]))
			return -1;
	took = seconds_now() - start;
	printf("bench: shape=%s who=%s us=%u depth=%u frames=%u seconds=%.3f kicks=%ld interrupts=%ld wakeups=%ld\n",
	       shape, who, us, depth, frames, took, count("kicks=", '+') - kicks, count("interrupts=", 0) - irqs,
	       switches() - woken);
	for (unsigned int i = 0; i < n; i++)
		close(sides[i].p.fd);
	return 0;
}
