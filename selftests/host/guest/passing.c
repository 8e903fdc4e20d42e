// SPDX-License-Identifier: GPL-2.0
/*
 * Fences that the host waits for in place of the guest. Who has waited is seen in the host's
 * counters: "named" counts the fences that it was told to wait for, "held" those of them that
 * were not over. That the order is kept is seen in a buffer that all contexts have: what has
 * to come first has written there, and a stream that does not find it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/sync_file.h>
#include <drm/virtgpu_drm_ext.h>
#include "ctx.h"
#include "../../lib/sw_sync.h"

#define RINGS 64
#define SHARED VIRTGPU_EXECBUF_SHARED_FENCE
#define TEST 30				/* the host's own language */

static int init(const struct drm_virtgpu_context_set_param *params, unsigned int count)
{
	struct drm_virtgpu_context_init c = { .num_params = count, .ctx_set_params = (uintptr_t)params };

	return call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c) ? -errno : 0;
}

/* Context of that type; `pass` is what its parameter says, below 0 for none. */
static int context(uint64_t capset, int pass)
{
	const struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, capset },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, RINGS },
		{ VIRTGPU_CONTEXT_PARAM_FENCE_PASSING, pass },
	};

	return init(params, pass < 0 ? 2 : 3);
}

/* Opens a client. It gets the buffer of `from`, or makes one. */
int enter(struct party *p, const struct party *from, int pass)
{
	struct drm_prime_handle h = { .flags = DRM_CLOEXEC | DRM_RDWR };

	p->pass = pass;
	p->fd = fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (fd < 0 || context(TEST, pass)) {
		fail("context");
		return -1;
	}
	if (!from) {
		if (!buffer(&p->o))
			return 0;
		fail("buffer");
		return -1;
	}
	p->o = from->o;
	h.handle = from->o.handle;
	if (call(from->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &h) || call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &h)) {
		fail("share");
		return -1;
	}
	p->o.handle = h.handle;
	close(h.fd);
	return 0;
}

/* Submits for a client; the fence, or -1. */
int give(const struct party *p, int ring, int in, uint32_t flags, const uint32_t *words, uint32_t size)
{
	struct submit s = { .words = words, .size = size, .ring = ring, .in = in, .flags = flags };

	fd = p->fd;
	if (submit(&s)) {
		fail("submit");
		return -1;
	}
	return s.out;
}

#define GIVE(party, ring, in, flags, ...) ({ \
	const uint32_t words_[] = { __VA_ARGS__ }; \
	give(party, ring, in, flags, words_, sizeof(words_)); \
})

static long counter(const char *name)
{
	char answer[1000], *at;

	if (order("stats\n", answer, sizeof(answer)))
		return -1;
	at = strstr(answer, name);
	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static long named_before, held_before;

static void count(void)
{
	named_before = counter(" named=");
	held_before = counter(" held=");
	if (named_before < 0 || held_before < 0)
		wrong("no counters");
}

/* The host was told of that many fences, and waits for that many, soon. */
static void counted(const char *what, long named, long held)
{
	long n = 0, h = 0;

	for (int i = 0; i < 100; i++) {
		n = counter(" named=") - named_before;
		h = counter(" held=") - held_before;
		if (n >= named && h >= held)
			break;
		sleep_ms(10);
	}
	if (n != named || h != held) {
		printf("failed: %s: %ld named, %ld held, not %ld and %ld\n", what, n, h, named, held);
		failures++;
	}
}

int merged(int a, int b)
{
	struct sync_merge_data m = { .name = "merged", .fd2 = b };

	if (call(a, SYNC_IOC_MERGE, &m)) {
		fail("merge");
		return -1;
	}
	close(a);
	close(b);
	return m.fence;
}

static uint32_t syncobj(int from)
{
	struct drm_syncobj_create c = { 0 };
	struct drm_syncobj_handle h = { .flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, .fd = from };

	if (call(fd, DRM_IOCTL_SYNCOBJ_CREATE, &c))
		fail("sync object");
	h.handle = c.handle;
	if (call(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h))
		fail("fence to sync object");
	return c.handle;
}

/* What a call says of parameters and flags that are not right. */
static void refused(int able)
{
	const struct drm_virtgpu_context_set_param five[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, TEST },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 4 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 0 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 2 },
		{ VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, (uintptr_t)"five" },
	};
	struct drm_virtgpu_context_set_param with[5];
	const uint32_t nop[] = { OP(0, 1) };
	struct submit s = { .words = nop, .size = sizeof(nop), .ring = 1, .in = -1, .flags = SHARED };
	int was = fd;

	mark("refused");
	fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (context(TEST, 2) != -EINVAL)
		wrong("a parameter of 2");
	if (init(five, 5) != -EINVAL)
		wrong("five parameters without ours");
	if (context(5, 1) != -EINVAL)
		wrong("a type that takes no fences");
	if (!able && context(TEST, 1) != -EINVAL)
		wrong("a host that cannot");
	/* What cannot be had can be done without. */
	memcpy(with, five, sizeof(with));
	with[2] = (struct drm_virtgpu_context_set_param){ VIRTGPU_CONTEXT_PARAM_FENCE_PASSING, able };
	/* A fifth is taken where there can be one more. */
	if (init(with, 5) != (able ? 0 : -EINVAL))
		wrong("five parameters with ours");
	if (!able && init(with, 4))
		wrong("ours with a value of 0");
	if (submit(&s) != (able ? 0 : -EINVAL))
		wrong("the flag in such a context");
	if (s.out >= 0)
		done("nothing", s.out);
	close(fd);
	fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (context(TEST, -1))
		fail("context without");
	if (submit(&s) != -EINVAL)
		wrong("the flag in a context that does not pass");
	s.flags = 0x10;
	if (submit(&s) != -EINVAL)
		wrong("a flag that nobody knows");
	close(fd);
	fd = was;
}

static void pair(const struct party *a, const struct party *b)
{
	int first, second;

	mark("pair");
	count();
	first = GIVE(a, 1, -1, SHARED, WAIT(1500000), WRITE(a->o.res, 0, 1));
	second = GIVE(b, 1, first, 0, EXPECT(b->o.res, 0, 1), ADD(b->o.res, 0, 4));
	counted("a pair", 1, 1);
	if (status(first))
		wrong("the first was over before anybody looked");
	done("second", second);
	done("first", first);
	done("sum", GIVE(b, 2, -1, 0, EXPECT(b->o.res, 0, 5)));
	counted("a pair that is over", 1, 1);
}

/* What the guest has to wait for. */
static void guest_waits(const struct party *a, const struct party *b, const struct party *plain)
{
	int first;

	mark("guest-waits");
	count();
	first = GIVE(a, 1, -1, 0, WAIT(100000), WRITE(a->o.res, 4, 1));
	done("not offered", GIVE(b, 1, first, 0, EXPECT(b->o.res, 4, 1)));
	close(first);
	first = GIVE(a, 1, -1, SHARED, WAIT(100000), WRITE(a->o.res, 4, 2));
	done("not taken", GIVE(plain, 1, first, 0, EXPECT(plain->o.res, 4, 2)));
	close(first);
	/* Outside of rings hosts keep no fences. */
	first = GIVE(a, -1, -1, SHARED, WAIT(100000), WRITE(a->o.res, 4, 3));
	done("no ring", GIVE(b, 1, first, 0, EXPECT(b->o.res, 4, 3)));
	close(first);
	/* Its own timeline, and one that has signalled. */
	first = GIVE(a, 1, -1, SHARED, WAIT(100000), WRITE(a->o.res, 4, 4));
	done("own timeline", GIVE(a, 1, first, 0, EXPECT(a->o.res, 4, 4)));
	done("over", GIVE(b, 1, first, 0, EXPECT(b->o.res, 4, 4)));
	close(first);
	counted("what the guest waits for", 0, 0);
}

static void other_ring(const struct party *a)
{
	int first;

	mark("other-ring");
	count();
	first = GIVE(a, 1, -1, SHARED, WAIT(500000), WRITE(a->o.res, 8, 1));
	done("other ring", GIVE(a, 2, first, 0, EXPECT(a->o.res, 8, 1)));
	close(first);
	counted("another ring of the same context", 1, 1);
}

/* Of a timeline the newest fence is enough. */
static void newest(const struct party *a, const struct party *b)
{
	struct drm_virtgpu_execbuffer_syncobj ins[3] = { 0 };
	const uint32_t words[] = { EXPECT(b->o.res, 12, 3), EXPECT(b->o.res, 16, 7) };
	struct submit s = { .words = words, .size = sizeof(words), .ring = 1, .in = -1, .ins = ins, .num_ins = 3 };
	int fences[3];

	mark("newest");
	count();
	fences[0] = GIVE(a, 1, -1, SHARED, WRITE(a->o.res, 12, 1), WAIT(500000));
	fences[1] = GIVE(a, 1, -1, SHARED, ADD(a->o.res, 12, 2), WAIT(500000));
	fences[2] = GIVE(a, 2, -1, SHARED, WAIT(1200000), WRITE(a->o.res, 16, 7));
	fd = b->fd;
	for (int i = 0; i < 3; i++) {
		ins[i].handle = syncobj(fences[(i + 1) % 3]);
		close(fences[(i + 1) % 3]);
	}
	if (submit(&s)) {
		fail("three before it");
		return;
	}
	done("three before it", s.out);
	counted("two timelines", 2, 2);
}

static void fan_in(const struct party *a, const struct party *b)
{
	enum { MANY = 8 };
	uint32_t words[MANY * 4];
	struct party p[MANY];
	int all = -1, fence;

	mark("fan-in");
	for (int i = 0; i < MANY; i++)
		if (enter(&p[i], a, 1))
			return;
	count();
	for (uint32_t i = 0; i < MANY; i++) {
		const uint32_t expect[] = { EXPECT(b->o.res, 64 + 4 * i, 100 + i) };

		memcpy(words + 4 * i, expect, sizeof(expect));
		fence = GIVE(&p[i], 1 + i, -1, SHARED, WAIT(1500000 + 20000 * (i ^ 5)), WRITE(a->o.res, 64 + 4 * i, 100 + i));
		all = i ? merged(all, fence) : fence;
	}
	fence = give(b, 3, all, 0, words, sizeof(words));
	counted("fan-in", MANY, MANY);
	done("fan-in", fence);
	close(all);
	for (int i = 0; i < MANY; i++)
		close(p[i].fd);
}

/* More than a submission brings: the guest waits for the others. */
static void many(const struct party *a, const struct party *b)
{
	enum { MANY = 40 };
	int all = -1, fence;

	mark("many");
	for (int i = 0; i < 2 * MANY; i++) {
		const struct party *p = i % 2 ? a : b;

		fence = GIVE(p, 10 + i / 2, -1, SHARED, WAIT(200000), ADD(p->o.res, 128, 1));
		all = i ? merged(all, fence) : fence;
	}
	done("many", GIVE(a, 1, all, 0, EXPECT(a->o.res, 128, 2 * MANY), WRITE(a->o.res, 128, 0)));
	close(all);
}

/* The first one waits in the guest: the second one goes with it, and not when it is over. */
static void parked(const struct party *a, const struct party *b, int timeline)
{
	static uint32_t now;
	int gate = sw_fence(timeline, now + 1), first, second, third;

	mark("parked");
	count();
	first = GIVE(a, 1, gate, SHARED, WAIT(1500000), WRITE(a->o.res, 20, 1));
	second = GIVE(b, 1, first, SHARED, EXPECT(b->o.res, 20, 1), WAIT(100000), WRITE(b->o.res, 20, 2));
	third = GIVE(a, 2, second, 0, EXPECT(a->o.res, 20, 2), WRITE(a->o.res, 20, 0));
	sleep_ms(200);
	counted("while it is parked", 0, 0);
	if (status(first) || status(second) || status(third))
		wrong("a parked one is over");
	sw_advance(timeline, 1);
	now++;
	counted("when it has gone", 2, 2);
	if (status(first))
		wrong("the first was over before anybody looked");
	done("third", third);
	done("second", second);
	done("first", first);
	/* A fence of the guest's and one of the host's. */
	count();
	gate = merged(gate, sw_fence(timeline, now + 1));
	first = GIVE(a, 1, -1, SHARED, WAIT(2000000), WRITE(a->o.res, 20, 5));
	gate = merged(gate, dup(first));
	second = GIVE(b, 1, gate, 0, EXPECT(b->o.res, 20, 5), WRITE(b->o.res, 20, 0));
	sleep_ms(100);
	counted("while the guest waits", 0, 0);
	sw_advance(timeline, 1);
	now++;
	counted("when the guest does not", 1, 1);
	done("both", second);
	close(first);
	close(gate);
}

static void chain(const struct party *a, const struct party *b)
{
	int fence = GIVE(a, 1, -1, SHARED, WAIT(1500000), WRITE(a->o.res, 24, 1)), next;

	mark("chain");
	count();
	for (uint32_t i = 1; i < 16; i++) {
		const struct party *p = i % 2 ? b : a;

		next = GIVE(p, 1, fence, SHARED, EXPECT(p->o.res, 24, i), WAIT(2000), ADD(p->o.res, 24, 1));
		close(fence);
		fence = next;
	}
	counted("a chain", 15, 15);
	done("a chain", fence);
}

/* What the host has answered is not named, and holds all the same what it did before. */
static void failing(const struct party *a, const struct party *b)
{
	int before, first;

	mark("failing");
	count();
	before = GIVE(a, 1, -1, 0, WAIT(1500000), WRITE(a->o.res, 28, 1));
	first = GIVE(a, 1, -1, SHARED, OP(9, 2), 0x1205);
	sleep_ms(100);
	if (status(before) || status(first))
		wrong("an error came before those before it");
	done("after an error", GIVE(b, 1, first, 0, EXPECT(b->o.res, 28, 1)));
	if (status(first) != -EIO)
		wrong("no error");
	close(first);
	counted("an error", 0, 0);
	first = GIVE(a, 1, -1, SHARED, WAIT(500000), WRITE(a->o.res, 28, 2), FAIL(0x1201));
	done("after a failure", GIVE(b, 1, first, 0, EXPECT(b->o.res, 28, 2)));
	if (status(first) != -EIO)
		wrong("no failure");
	close(first);
	close(before);
	counted("a failure", 1, 1);
}

/* A context goes with what others wait for. */
static void ending(const struct party *a, const struct party *b, int timeline)
{
	static const uint32_t never[] = { OP(11, 1) };
	struct party p;
	int first, second, gate;

	mark("ending");
	if (enter(&p, a, 1))
		return;
	count();
	first = give(&p, 1, -1, SHARED, never, sizeof(never));
	second = GIVE(b, 1, first, 0, OP(0, 1));
	counted("before the end", 1, 1);
	close(p.fd);
	done("after the end", second);
	if (!signals(first, 5000))
		wrong("a fence outlives its context");
	close(first);
	/* The same when the second one is parked, and goes when the context has gone. */
	if (enter(&p, a, 1))
		return;
	gate = sw_fence(timeline, 1000);
	first = give(&p, 1, -1, SHARED, never, sizeof(never));
	second = GIVE(b, 1, merged(gate, dup(first)), 0, OP(0, 1));
	close(p.fd);
	if (!signals(first, 5000))
		wrong("a fence outlives its context");
	sleep_ms(200);
	count();
	sw_advance(timeline, 1000);
	done("long after the end", second);
	close(first);
	counted("long after the end", 0, 0);
}

void passing(void)
{
	struct party a, b, plain;
	int timeline = sw_timeline();

	if (timeline < 0)
		fail("sw_sync");
	refused(1);
	if (enter(&a, NULL, 1) || enter(&b, &a, 1) || enter(&plain, &a, 0))
		return;
	pair(&a, &b);
	guest_waits(&a, &b, &plain);
	other_ring(&a);
	newest(&a, &b);
	fan_in(&a, &b);
	many(&a, &b);
	parked(&a, &b, timeline);
	chain(&a, &b);
	failing(&a, &b);
	ending(&a, &b, timeline);
	mark("end");
	close(a.fd);
	close(b.fd);
	close(plain.fd);
}

/* Nobody asks, and the module's parameter says that they are to have it. */
void passing_unasked(void)
{
	struct party a, b, channel = { 0 };
	int first;

	if (enter(&a, NULL, -1) || enter(&b, &a, 0))
		return;
	count();
	first = GIVE(&a, 1, -1, 0, WAIT(500000), WRITE(a.o.res, 0, 1));
	done("unasked", GIVE(&b, 1, first, 0, EXPECT(b.o.res, 0, 1)));
	close(first);
	counted("unasked", 1, 1);
	/* A native context, too. */
	fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (context(6, -1)) {
		fail("native context");
		return;
	}
	count();
	first = RUN("native", 5, -1, 3, 16 + 2 * 4, 1, 0, WAIT(500000));
	done("native", RUN("native", 63, first, 3, 16 + 2 * 4, 2, 0, WAIT(1000)));
	close(first);
	counted("native", 1, 1);
	close(fd);
	/* A channel takes none. */
	channel.fd = fd = open(RENDER, O_RDWR | O_CLOEXEC);
	if (context(5, -1)) {
		fail("channel");
		return;
	}
	count();
	first = GIVE(&a, 1, -1, 0, WAIT(100000));
	done("channel", give(&channel, 1, first, 0, NULL, 0));
	close(first);
	counted("a type that takes none", 0, 0);
}

/* The host can, but nobody has said so: everything is as it always was. */
void passing_off(void)
{
	struct party a, b;
	int first;

	refused(0);
	if (enter(&a, NULL, 0) || enter(&b, &a, -1))
		return;
	count();
	first = GIVE(&a, 1, -1, 0, WAIT(100000), WRITE(a.o.res, 0, 1));
	done("off", GIVE(&b, 1, first, 0, EXPECT(b.o.res, 0, 1)));
	close(first);
	counted("off", 0, 0);
}

/*
 * Contexts at random: each job writes its number, and finds those of what it depends on. A job may be
 * offered or not, depend on some others or on the guest's own fence, and contexts end and come back.
 */
void passing_random(unsigned int seconds, unsigned int seed)
{
	enum { PARTIES = 16, JOBS = 64 };
	struct job {
		int fence;
		uint32_t number;
	} jobs[JOBS] = { 0 };
	struct party p[PARTIES], keeper;
	uint32_t number = 0, now = 0;
	time_t end = time(NULL) + seconds;
	int timeline = sw_timeline();

	srandom(seed);
	if (enter(&keeper, NULL, 1))
		return;
	for (int i = 0; i < PARTIES; i++)
		if (enter(&p[i], &keeper, 1))
			return;
	count();
	while (time(NULL) < end && !failures) {
		uint32_t words[3 + 4 * 4 + 4], n = 0, i = random() % PARTIES, slot = random() % JOBS;
		int in = -1, fence;

		if (random() % 200 == 0) {
			/* What it had is cut short, and what depends on that goes wrong: all of it is forgotten. */
			int first = random() % 2;

			if (first)
				close(p[i].fd);
			sw_advance(timeline, 3);
			now += 3;
			for (int k = 0; k < JOBS; k++)
				if (jobs[k].number) {
					if (!signals(jobs[k].fence, 10000) || (!first && status(jobs[k].fence) != 1))
						wrong("the end of a context, at random");
					close(jobs[k].fence);
					jobs[k].number = 0;
				}
			if (!first)
				close(p[i].fd);
			if (enter(&p[i], &keeper, random() % 8 != 0))
				return;
		}
		for (int k = random() % 4; k > 0; k--) {
			struct job *d = &jobs[random() % JOBS];
			const uint32_t expect[] = { EXPECT(keeper.o.res, (uint32_t)(d - jobs) * 4, d->number) };

			if (!d->number || d == &jobs[slot])
				continue;
			in = in < 0 ? dup(d->fence) : merged(in, dup(d->fence));
			memcpy(words + n, expect, sizeof(expect));
			n += 4;
		}
		if (jobs[slot].number) {
			/* Its place is written again, so all that have looked for it come first. */
			for (int k = 0; k < JOBS; k++)
				if (jobs[k].number)
					in = in < 0 ? dup(jobs[k].fence) : merged(in, dup(jobs[k].fence));
			close(jobs[slot].fence);
		}
		if (random() % 20 == 0) {
			fence = sw_fence(timeline, now + 1 + random() % 3);
			in = in < 0 ? fence : merged(in, fence);
		}
		{
			const uint32_t rest[] = { WAIT(random() % 3 ? random() % 500 : random() % 5000),
						  WRITE(keeper.o.res, slot * 4, ++number) };

			memcpy(words + n, rest, sizeof(rest));
			n += sizeof(rest) / 4;
		}
		fence = give(&p[i], random() % 4, in, p[i].pass && random() % 8 ? SHARED : 0, words, n * 4);
		if (fence < 0)
			break;
		close(in);
		jobs[slot] = (struct job){ .fence = fence, .number = number };
		if (random() % 10 == 0) {
			sw_advance(timeline, 1);
			now++;
		}
		if (random() % 50 == 0)
			sleep_ms(random() % 20);
	}
	sw_advance(timeline, 1000000);
	for (int k = 0; k < JOBS; k++)
		if (jobs[k].number)
			done("a job at random", jobs[k].fence);
	printf("random: %u jobs, %ld named, %ld held\n", number, counter(" named=") - named_before,
	       counter(" held=") - held_before);
}
