// SPDX-License-Identifier: GPL-2.0
/*
 * Every call with its first allocation or copy failing, with its second, and so
 * on until it comes through: each time it must end with an error that says so
 * or do its work all the same, and the same call must work right after it.
 * Needs a kernel with fault injection; what it leaks is for kmemleak to find,
 * and for the host.
 *
 * ONLY= runs the calls whose name begins so, START= those from that one on.
 */
#include "failnth.h"

int gl, card;
static int nth_fd;

void must(int ret, const char *what)
{
	if (ret < 0) {
		printf("# cannot go on: %s: %s\n", what, strerror(-ret));
		exit(1);
	}
}

static int setup(const struct test *t, struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->dmabuf = s->fence = -1;
	return t->setup ? t->setup(s) : 0;
}

static void cleanup(struct state *s)
{
	struct drm_mode_destroy_dumb d = { .handle = s->handle };

	if (s->map)
		munmap(s->map, 4 * PAGE);
	if (s->fence >= 0)
		close(s->fence);
	if (s->dmabuf >= 0)
		close(s->dmabuf);
	if (s->fb2)
		call(card, DRM_IOCTL_MODE_RMFB, &s->fb2);
	if (s->fb)
		call(card, DRM_IOCTL_MODE_RMFB, &s->fb);
	if (s->fd > 0) {
		close(s->fd);
	} else if (s->handle) {
		call(card, DRM_IOCTL_MODE_DESTROY_DUMB, &d);
	}
	d.handle = s->handle2;
	if (s->handle2 && (s->fd == 0 || s->name))
		call(card, DRM_IOCTL_MODE_DESTROY_DUMB, &d);
}

static void set_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	/* Reading what is written is itself one of the things that fail. */
	for (int i = 0; i < 2; i++)
		if (pwrite(nth_fd, text, len, 0) == len)
			return;
	perror("fail-nth");
	exit(1);
}

/* Whether the failure has struck. */
static int struck(void)
{
	char text[16] = "";

	/* If it strikes here, it had not before. */
	return pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
}

static int sensible(int ret)
{
	return ret == 0 || ret == -ENOMEM || ret == -EFAULT || ret == -ENOSPC;
}

/* 0 if the call has come through all its failures well. */
static int sweep(const struct test *t)
{
	struct state s;
	int failed = 0, errors = 0, n;

	for (n = 1; n < 3000 && failed < 3; n++) {
		int ret, again, hit;

		must(setup(t, &s), t->name);
		set_nth(n);
		ret = t->run(&s);
		hit = struck();
		set_nth(0);
		if (!hit) {
			cleanup(&s);
			if (ret) {
				printf("# %s: %s, without a failure\n", t->name, strerror(-ret));
				failed++;
			}
			break;
		}
		errors += !!ret;
		if (!sensible(ret)) {
			printf("# %s: failure %d gives %s\n", t->name, n, strerror(-ret));
			failed++;
		}
		if (ret && !t->once) {
			again = t->run(&s);
			/* Where the failure was to say that it was done, it was done, and is not to be had twice. */
			if (again && !(ret == -EFAULT && (again == -ENOENT || again == -EBUSY || again == -EEXIST ||
							  again == -EINVAL))) {
				printf("# %s: after failure %d, %s: %s\n", t->name, n, strerror(-ret), strerror(-again));
				failed++;
			}
		}
		cleanup(&s);
	}
	printf("# %s: %d failures, %d of them errors of the call\n", t->name, n - 1, errors);
	/* One that meets none, or never gets through, has not been tested. */
	return failed || n >= 3000 || (n == 1 && !t->none);
}

int main(void)
{
	const char *only = getenv("ONLY"), *start = getenv("START");
	int failed = 0, number = 0, started = !start || !*start;

	setvbuf(stdout, NULL, _IOLBF, 0);
	gl = getenv("GL") && *getenv("GL");
	card = open(CARD, O_RDWR | O_CLOEXEC);
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (card < 0 || nth_fd < 0) {
		printf("# card %d, fail-nth %d\n", card, nth_fd);
		return 1;
	}
	learn();
	for (int set = 0; set < 2; set++)
		for (const struct test *t = set ? kms_tests : tests; t->name; t++) {
			int bad;

			started = started || !strcmp(t->name, start);
			if (!started || (t->gl && !gl))
				continue;
			if (only && *only && strncmp(t->name, only, strlen(only)))
				continue;
			bad = sweep(t);
			printf("%sok %d - fail-nth: %s\n", bad ? "not " : "", ++number, t->name);
			failed |= bad;
		}
	return failed;
}
