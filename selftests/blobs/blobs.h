/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs of this group share: blobs, the window of host memory,
 * and who else in the guest has dma-bufs.
 */
#ifndef BLOBS_H
#define BLOBS_H

#include "gl.h"
#include "create_blob.h"
#include <linux/udmabuf.h>
#include <sys/stat.h>

#define PAGE 4096u
#define CAPSET_VENUS 4

#ifndef DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING
#define DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING 1
#endif

static inline int create_blob(int fd, struct create_blob *b)
{
	return call(fd, CREATE_BLOB, b);
}

/* A blob of `size` bytes; its handle, 0 if there is none. */
static inline uint32_t blob(int fd, uint32_t mem, uint32_t flags, uint64_t size, uint32_t hints)
{
	struct create_blob b = { .blob_mem = mem, .blob_flags = flags, .size = size, .blob_hints = hints };

	return create_blob(fd, &b) ? 0 : b.bo_handle;
}

static inline int info(int fd, uint32_t handle, struct drm_virtgpu_resource_info *i)
{
	i->bo_handle = handle;
	return call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, i);
}

/* The offset of an object in the device file, below 0: an error. */
static inline int64_t offset_of(int fd, uint32_t handle)
{
	struct drm_virtgpu_map m = { .handle = handle };
	int ret = call(fd, DRM_IOCTL_VIRTGPU_MAP, &m);

	return ret ? ret : (int64_t)m.offset;
}

/* Maps the first `size` bytes: 0 or -errno. */
static inline int map_at(int fd, uint32_t handle, size_t size, int flags, uint8_t **p)
{
	int64_t offset = offset_of(fd, handle);

	if (offset < 0)
		return offset;
	*p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
	return *p == MAP_FAILED ? -errno : 0;
}

/* Bytes of the window that are in use, or free; below 0: there is none. */
static inline long long window(const char *what)
{
	char line[256], format[32];
	long long bytes = -1;
	FILE *f;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	f = fopen("/sys/kernel/debug/dri/0/virtio-gpu-host-visible-mm", "r");
	if (!f)
		return -1;
	snprintf(format, sizeof(format), "%s %%lld", what);
	while (fgets(line, sizeof(line), f)) {
		char *at = strncmp(line, "total:", 6) ? NULL : strstr(line, what);

		if (at)
			sscanf(at, format, &bytes);
	}
	fclose(f);
	return bytes;
}

/* Waits until so much of the window is in use: the host has to let go first. */
static inline long long window_settles(long long used)
{
	for (int i = 0; i < 200 && window("used") != used; i++)
		sleep_ms(20);
	return window("used");
}

/* A file whose context is Venus's, which has memory for whoever asks. */
static inline int open_venus(void)
{
	const uint64_t params[][2] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, CAPSET_VENUS },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 64 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 0 },
	};
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && context_init(fd, 3, params)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void fill(uint8_t *p, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++)
		p[i] = pattern(seed, i);
}

/* How many bytes are not as filled. */
static inline size_t differ(const uint8_t *p, size_t size, uint32_t seed)
{
	size_t wrong = 0;

	for (size_t i = 0; i < size; i++)
		wrong += p[i] != pattern(seed, i);
	return wrong;
}

#endif
