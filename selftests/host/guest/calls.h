/* SPDX-License-Identifier: GPL-2.0 */
/* What clients of blobs share: the device, its calls, failures, of which each is a line. */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <fcntl.h>
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
#include "create_blob.h"

#define PAGE 4096ul

static int fd = -1, failures;

static inline void fail(const char *what, long n)
{
	printf("failed: %s %ld: %s\n", what, n, strerror(errno));
	failures++;
}

static inline void wrong(const char *what)
{
	printf("failed: %s\n", what);
	failures++;
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline uint8_t *map(uint32_t handle, size_t size)
{
	struct drm_virtgpu_map m = { .handle = handle };
	void *p;

	if (ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	return p == MAP_FAILED ? NULL : p;
}

static inline void drop(uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	if (ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c))
		fail("close", handle);
}

/* Opens the device; it may take a moment to be there. */
static inline int open_device(const char *path)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 50 && fd < 0; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(100000);
	}
	if (fd < 0)
		puts("no device");
	return fd < 0;
}

#endif
