// SPDX-License-Identifier: GPL-2.0
/*
 * A client that does everything at once while its device goes away: four processes
 * with one open card flip, move the cursor, draw by DIRTYFB and wait for vertical
 * blanks. Each goes on until the answer is ENODEV, and says then, in a line,
 *
 *   NAME TIMES FIRST  how often it was done, and the first error there was
 *
 * after "busy", once all of them have begun. When the last one has ended, "ended":
 * the card and its mappings are held until SIGTERM, which takes them down in order.
 * Somebody who still gets other answers after ten seconds says "NAME goes on" instead.
 *
 *   busy CARD
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define NO_EVENT ETIME		/* a flip whose event has not come */
#define NO_MEMORY EFAULT	/* a mapping that has gone */

struct buf {
	uint32_t handle, fb, w, h, pitch;
	uint64_t size;
	uint32_t *map;
};

static int fd;
static uint32_t crtc;
static struct buf screens[2], cursors[2];
static volatile unsigned int *done;	/* shared: how often each was done */
static unsigned int flips_seen;
static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, 1);
}

static int make(struct buf *b, uint32_t w, uint32_t h, uint32_t format)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { 0 }, offsets[4] = { 0 };
	uint64_t offset;

	b->w = w;
	b->h = h;
	if (drmModeCreateDumbBuffer(fd, w, h, 32, 0, &b->handle, &b->pitch, &b->size))
		return -1;
	handles[0] = b->handle;
	pitches[0] = b->pitch;
	if (drmModeAddFB2(fd, w, h, format, handles, pitches, offsets, &b->fb, 0) ||
	    drmModeMapDumbBuffer(fd, b->handle, &offset))
		return -1;
	b->map = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (b->map == MAP_FAILED)
		return -1;
	memset(b->map, 0x55, b->size);
	return 0;
}

static void on_flip(int f, unsigned int seq, unsigned int sec, unsigned int usec, unsigned int c, void *data)
{
	flips_seen++;
}

static int flip(unsigned int n)
{
	drmEventContext ctx = { .version = 3, .page_flip_handler2 = on_flip };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (drmModePageFlip(fd, crtc, screens[n % 2].fb, DRM_MODE_PAGE_FLIP_EVENT, NULL))
		return -1;
	for (flips_seen = 0; !flips_seen;) {
		if (poll(&p, 1, 5000) <= 0) {
			errno = NO_EVENT;
			return -1;
		}
		drmHandleEvent(fd, &ctx);
	}
	return 0;
}

static int cursor(unsigned int n)
{
	if (n % 8 == 0 && drmModeSetCursor2(fd, crtc, cursors[n / 8 % 2].handle, 64, 64, n % 64, n % 64))
		return -1;
	return drmModeMoveCursor(fd, crtc, n * 7 % screens[0].w, n * 5 % screens[0].h);
}

static int draw(unsigned int n)
{
	struct buf *b = &screens[n % 2];
	uint32_t x = n * 13 % (b->w - 64), y = n * 11 % (b->h - 64);
	drmModeClip clips[2] = { { x, y, x + 64, y + 64 }, { 0, 0, 16, 16 } };

	if (sigsetjmp(bus, 1)) {
		errno = NO_MEMORY;
		return -1;
	}
	for (uint32_t i = 0; i < 64; i++)
		memset((char *)b->map + (y + i) * b->pitch + 4 * x, n, 4 * 64);
	return drmModeDirtyFB(fd, b->fb, clips, 1 + n % 2);
}

static int vblank(unsigned int n)
{
	drmVBlank v = { .request = { .type = DRM_VBLANK_RELATIVE, .sequence = 1 + n % 2 } };

	return drmWaitVBlank(fd, &v);
}

static const struct {
	const char *name;
	int (*once)(unsigned int n);
} jobs[] = { { "flip", flip }, { "cursor", cursor }, { "draw", draw }, { "vblank", vblank } };
#define N_JOBS (sizeof(jobs) / sizeof(jobs[0]))

/* Does a job until the device has gone. */
static int work(unsigned int job)
{
	unsigned int n = 0;
	time_t since = 0;
	int first = 0;

	for (;;) {
		if (!jobs[job].once(n)) {
			done[job] = ++n;
			continue;
		}
		if (!first) {
			first = errno;
			since = time(NULL);
		}
		if (errno == ENODEV)
			break;
		if (time(NULL) - since > 10) {
			printf("%s goes on: %s\n", jobs[job].name, strerror(errno));
			return 1;
		}
		usleep(1000);
		n++;
	}
	printf("%s %u %s\n", jobs[job].name, n, strerrorname_np(first));
	return 0;
}

static int start(const char *card)
{
	drmModeResPtr res;
	drmModeConnectorPtr c;

	fd = open(card, O_RDWR | O_CLOEXEC);
	res = fd < 0 ? NULL : drmModeGetResources(fd);
	if (!res || !res->count_connectors)
		return -1;
	c = drmModeGetConnector(fd, res->connectors[0]);
	if (!c || !c->count_modes)
		return -1;
	crtc = res->crtcs[0];
	for (int i = 0; i < 2; i++)
		if (make(&screens[i], c->modes[0].hdisplay, c->modes[0].vdisplay, DRM_FORMAT_XRGB8888) ||
		    make(&cursors[i], 64, 64, DRM_FORMAT_ARGB8888))
			return -1;
	return drmModeSetCrtc(fd, crtc, screens[0].fb, 0, 0, &c->connector_id, 1, &c->modes[0]);
}

static void finish(void)
{
	struct buf *all[] = { &screens[0], &screens[1], &cursors[0], &cursors[1] };

	for (int i = 0; i < 4; i++) {
		munmap(all[i]->map, all[i]->size);
		drmModeRmFB(fd, all[i]->fb);
		drmModeDestroyDumbBuffer(fd, all[i]->handle);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_bus };
	unsigned int begun = 0;
	sigset_t set;
	int sig;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (done == MAP_FAILED || argc < 2 || start(argv[1])) {
		printf("not busy: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned int i = 0; i < N_JOBS; i++)
		if (!fork())
			return work(i);
	while (begun < N_JOBS) {
		usleep(1000);
		for (begun = 0; begun < N_JOBS && done[begun]; begun++)
			;
	}
	printf("busy\n");
	while (wait(NULL) > 0)
		;
	printf("ended\n");
	while (sigwait(&set, &sig))
		;
	finish();
	return 0;
}
