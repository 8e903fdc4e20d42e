// SPDX-License-Identifier: GPL-2.0
/*
 * A client that keeps a card in use: open, master, a mapped dumb buffer full of
 * one colour on the screen. Says "held" and then does as signals tell it:
 *
 *   SIGUSR1  the device has gone: every ioctl has to answer ENODEV, poll() has to
 *            come back, and the mapping has to hold or to raise SIGBUS. Says
 *            "stale ok", or what was wrong.
 *   SIGTERM  ends in order: takes everything down again, then exits.
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <virtgpu_drm.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

static uint32_t *map;
static uint64_t size;
static uint32_t handle, fb;
static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, 1);
}

static int show(int fd, uint32_t colour)
{
	drmModeResPtr res = drmModeGetResources(fd);
	drmModeConnectorPtr c;
	uint32_t pitch, w, h;
	uint64_t offset;

	if (!res || !res->count_connectors)
		return -ENODEV;
	c = drmModeGetConnector(fd, res->connectors[0]);
	if (!c || !c->count_modes)
		return -ENOENT;
	w = c->modes[0].hdisplay;
	h = c->modes[0].vdisplay;
	if (drmModeCreateDumbBuffer(fd, w, h, 32, 0, &handle, &pitch, &size) ||
	    drmModeAddFB(fd, w, h, 24, 32, pitch, handle, &fb) ||
	    drmModeMapDumbBuffer(fd, handle, &offset))
		return -errno;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (map == MAP_FAILED)
		return -errno;
	for (uint64_t i = 0; i < size / 4; i++)
		map[i] = colour;
	if (drmModeSetCrtc(fd, res->crtcs[0], fb, 0, 0, res->connectors, 1, &c->modes[0]))
		return -errno;
	drmModeFreeConnector(c);
	drmModeFreeResources(res);
	return 0;
}

static int gone(int fd, unsigned long request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg) == 0)
		printf("%s succeeded\n", what);
	else if (errno != ENODEV)
		printf("%s: %s\n", what, strerror(errno));
	else
		return 0;
	return 1;
}

static void stale(int fd)
{
	uint64_t value = 0;
	struct drm_virtgpu_getparam param = {
		.param = VIRTGPU_PARAM_CAPSET_QUERY_FIX, .value = (uintptr_t)&value,
	};
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = fb };
	struct drm_mode_card_res res = { 0 };
	struct drm_gem_close close_handle = { .handle = handle };
	struct drm_version version = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	volatile uint32_t *m = map;
	volatile int bad = 0;

	bad += gone(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &param, "GETPARAM");
	bad += gone(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb, "CREATE_DUMB");
	bad += gone(fd, DRM_IOCTL_MODE_DIRTYFB, &dirty, "DIRTYFB");
	bad += gone(fd, DRM_IOCTL_MODE_GETRESOURCES, &res, "GETRESOURCES");
	bad += gone(fd, DRM_IOCTL_GEM_CLOSE, &close_handle, "GEM_CLOSE");
	bad += gone(fd, DRM_IOCTL_VERSION, &version, "VERSION");
	if (poll(&p, 1, 100) < 0)
		printf("poll: %s\n", strerror(errno));
	if (!sigsetjmp(bus, 1)) {
		for (uint64_t i = 0; i < size / 4; i += 1024)
			m[i] = ~m[i];
		if (!bad)
			printf("stale ok\n");
	} else if (!bad) {
		printf("stale ok, mapping gone\n");
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_bus };
	sigset_t set;
	int fd, ret, sig;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = open(argc > 1 ? argv[1] : "/dev/dri/card0", O_RDWR | O_CLOEXEC);
	ret = fd < 0 ? -errno : show(fd, argc > 2 ? strtoul(argv[2], NULL, 16) : 0xff0000);
	if (ret) {
		printf("not held: %s\n", strerror(-ret));
		return 1;
	}
	printf("held\n");
	while (!sigwait(&set, &sig)) {
		if (sig == SIGUSR1) {
			stale(fd);
			continue;
		}
		munmap(map, size);
		drmModeRmFB(fd, fb);
		drmModeDestroyDumbBuffer(fd, handle);
		close(fd);
		return 0;
	}
	return 1;
}
