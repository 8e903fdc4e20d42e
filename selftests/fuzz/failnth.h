/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sweep of failures (failnth.c) and the calls that it makes
 * (failnth-calls.c) share.
 */
#ifndef FAILNTH_H
#define FAILNTH_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>

#define CARD "/dev/dri/card0"
#define RENDER "/dev/dri/renderD128"
#define PAGE 4096

/* What a call has to work with, new each time. */
struct state {
	int fd;				/* a file of its own */
	uint32_t handle, handle2, fb, fb2, syncobj, name;
	int dmabuf, fence;
	void *map;
};

struct test {
	const char *name;
	int (*setup)(struct state *s), (*run)(struct state *s);
	/* Whether it needs 3D; whether what it gets is kept, so that only the first one counts; whether there may be nothing to fail. */
	int gl, once, none;
};

extern const struct test tests[], kms_tests[];
/* Whether there is 3D; the display's file, whose owner is the master. */
extern int gl, card;

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static inline uint64_t ptr(const void *p)
{
	return (uintptr_t)p;
}

/* Ends the program if `ret` is an error. */
void must(int ret, const char *what);
int create_dumb(int fd, uint32_t w, uint32_t h, uint32_t *handle);
/* Looks up what there is of a display. */
void learn(void);

#endif
