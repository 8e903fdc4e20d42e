// SPDX-License-Identifier: GPL-2.0
/*
 * Pipelines over contexts, for time: how many frames a second get through where jobs of one
 * context depend on jobs of another. Who waits is the caller's choice:
 *
 *   wait	the guest, as contexts have it that do not ask for more
 *   pass	the host
 *   bound	nobody: the same jobs without their dependencies; ping-pong, which is a chain, as a
 *		chain on one ring, which the host keeps in order
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>
#include "ctx.h"

#define PRODUCERS 8
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

static int job(const struct party *p, uint32_t us, int in, uint32_t flags)
{
	const uint32_t words[] = { WAIT(us) };

	return give(p, 1, in, flags, words, us ? sizeof(words) : 0);
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
	struct party p[PRODUCERS + 1];
	unsigned int n = fan ? PRODUCERS + 1 : 2, frames = 0;
	int queue[MAX_DEPTH], last = -1;
	double start, took;
	long kicks, irqs, woken;

	if (depth < 1 || depth > MAX_DEPTH)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		if (enter(&p[i], i ? &p[0] : NULL, pass ? 1 : -1))
			return -1;
	/* The first job of a context makes it. */
	for (unsigned int i = 0; i < n; i++)
		if (!over(job(&p[i], 0, -1, 0)))
			return -1;
	kicks = count("kicks=", '+');
	irqs = count("interrupts=", 0);
	woken = switches();
	start = seconds_now();
	do {
		int in = -1, fence;

		if (frames >= depth && !over(queue[frames % depth]))
			return -1;
		if (fan) {
			for (int i = 0; i < PRODUCERS; i++) {
				fence = job(&p[i], us, -1, flags);
				in = in < 0 ? fence : merged(in, fence);
			}
			fence = job(&p[PRODUCERS], us, bound ? -1 : in, flags);
			close(in);
		} else {
			in = job(&p[0], us, bound ? -1 : last, flags);
			fence = job(&p[!bound], us, bound ? -1 : in, flags);
			close(in);
			if (last >= 0)
				close(last);
			last = dup(fence);
		}
		queue[frames % depth] = fence;
		frames++;
	} while (seconds_now() < start + limit && !failures);
	for (unsigned int i = frames > depth ? frames - depth : 0; i < frames; i++)
		if (!over(queue[i % depth]))
			return -1;
	took = seconds_now() - start;
	printf("bench: shape=%s who=%s us=%u depth=%u frames=%u seconds=%.3f kicks=%ld interrupts=%ld wakeups=%ld\n",
	       shape, who, us, depth, frames, took, count("kicks=", '+') - kicks, count("interrupts=", 0) - irqs,
	       switches() - woken);
	if (last >= 0)
		close(last);
	for (unsigned int i = 0; i < n; i++)
		close(p[i].fd);
	return 0;
}
