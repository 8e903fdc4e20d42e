/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs of this group share: calls that return -errno, objects,
 * submissions, a little of virgl's wire format, fences that signal when a test
 * wants it. Includes the harness, so a program includes nothing before this.
 */
#ifndef GL_H
#define GL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include "kselftest_harness.h"
#include "card_of.h"
#include "sw_sync.h"

#ifndef VIRTGPU_PARAM_BLOB_ALIGNMENT
#define VIRTGPU_PARAM_BLOB_ALIGNMENT 9
#endif

#define CANARY 0xa5a5a5a5a5a5a5a5ull
#define CARD "/dev/dri/card0"
#define RENDER "/dev/dri/renderD128"
#define MIB (1u << 20)

/* Gallium's names for what virgl has: targets, formats, uses. */
#define TARGET_BUFFER 0
#define TARGET_2D 2
#define FORMAT_BGRA8 1
#define FORMAT_R8 64
#define BIND_RENDER_TARGET 2
#define BIND_SAMPLER_VIEW 8
#define BIND_VERTEX_BUFFER 16

/* Commands of a virgl stream: a head, and that many words behind it. */
#define VIRGL(cmd, object, len) ((cmd) | (object) << 8 | (uint32_t)(len) << 16)
#define VIRGL_NOP 0
#define VIRGL_CREATE_OBJECT 1
#define VIRGL_SET_FRAMEBUFFER_STATE 5
#define VIRGL_CLEAR 7
#define VIRGL_RESOURCE_INLINE_WRITE 9
#define VIRGL_RESOURCE_COPY_REGION 17
#define VIRGL_OBJECT_SURFACE 8

static inline uint64_t ptr(const void *p)
{
	return (uintptr_t)p;
}

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

/* The C driver keeps some known faults; what runs into one is left out on it, by name. */
static inline int on_c_driver(void)
{
	const char *driver = getenv("VGPU_DRIVER");

	return driver && !strcmp(driver, "c");
}

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

/*
 * Runs `f` with each of `args` in a process of its own, all at the same time on the
 * same open files; what each returned goes to `results`. Processes, as threads of 32
 * bits need calls that a kernel of 64 bits need not have.
 */
static inline void together(int count, int (*f)(void *), void **args, int *results)
{
	volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[16];

	for (int i = 0; i < count; i++) {
		shared[i] = -12345;
		children[i] = fork();
		if (children[i] == 0) {
			shared[i] = f(args[i]);
			_exit(0);
		}
	}
	for (int i = 0; i < count; i++) {
		waitpid(children[i], NULL, 0);
		results[i] = shared[i];
	}
	munmap((void *)shared, 4096);
}

/* Whether the fence of a sync file signals within `ms`. */
static inline int signals(int fence, int ms)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

/* 1: signalled, 0: not yet, below: an error. */
static inline int fence_status(int fence)
{
	struct sync_file_info info = { 0 };
	int ret = call(fence, SYNC_IOC_FILE_INFO, &info);

	return ret ? ret : info.status;
}

static inline int getparam(int fd, uint64_t param)
{
	uint32_t value = 0;
	struct drm_virtgpu_getparam g = { .param = param, .value = ptr(&value) };
	int ret = call(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &g);

	return ret ? ret : (int)value;
}

/* -- objects --------------------------------------------------------------------- */

static inline int resource_create(int fd, struct drm_virtgpu_resource_create *c)
{
	return call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, c);
}

/* A buffer of `size` bytes; its handle, 0 if there is none. */
static inline uint32_t buffer(int fd, uint32_t size, uint32_t *resource)
{
	struct drm_virtgpu_resource_create c = {
		.target = TARGET_BUFFER, .format = FORMAT_R8, .bind = BIND_VERTEX_BUFFER, .width = size,
		.height = 1, .depth = 1, .array_size = 1, .size = size,
	};

	if (resource_create(fd, &c))
		c.bo_handle = c.res_handle = 0;
	if (resource)
		*resource = c.res_handle;
	return c.bo_handle;
}

/* A picture with `levels` levels, one behind the other in its pages; its handle, 0 if there is none. */
static inline uint32_t picture(int fd, uint32_t w, uint32_t h, uint32_t levels, uint32_t *resource)
{
	struct drm_virtgpu_resource_create c = {
		.target = TARGET_2D, .format = FORMAT_BGRA8, .bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW,
		.width = w, .height = h, .depth = 1, .array_size = 1, .last_level = levels - 1, .size = w * h * 8,
	};

	if (resource_create(fd, &c))
		c.bo_handle = c.res_handle = 0;
	if (resource)
		*resource = c.res_handle;
	return c.bo_handle;
}

static inline int gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	return call(fd, DRM_IOCTL_GEM_CLOSE, &c);
}

static inline void *map(int fd, uint32_t handle, size_t size)
{
	struct drm_virtgpu_map m = { .handle = handle };
	void *p = MAP_FAILED;

	if (!call(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	return p == MAP_FAILED ? NULL : p;
}

static inline int wait_for(int fd, uint32_t handle, uint32_t flags)
{
	struct drm_virtgpu_3d_wait w = { .handle = handle, .flags = flags };

	return call(fd, DRM_IOCTL_VIRTGPU_WAIT, &w);
}

static inline int export_fd(int fd, uint32_t handle)
{
	struct drm_prime_handle p = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	return ret ? ret : p.fd;
}

static inline int import_fd(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle p = { .fd = dmabuf };
	int ret = call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	*handle = p.handle;
	return ret;
}

/* Another file's handle of an object. */
static inline int hand_over(int from, uint32_t handle, int to, uint32_t *there)
{
	int dmabuf = export_fd(from, handle), ret = dmabuf;

	*there = 0;
	if (dmabuf >= 0) {
		ret = import_fd(to, dmabuf, there);
		close(dmabuf);
	}
	return ret;
}

/* Bytes that differ from place to place and from seed to seed. */
static inline uint8_t pattern(uint32_t seed, uint32_t i)
{
	uint32_t x = (i + 1) * 2654435761u ^ seed * 40503u;

	return x >> 24 ^ x >> 11;
}

/* -- transfers ------------------------------------------------------------------- */

struct area {
	uint32_t x, y, w, h, level, offset;
};

static inline int to_host(int fd, uint32_t handle, struct area a)
{
	struct drm_virtgpu_3d_transfer_to_host t = {
		.bo_handle = handle, .level = a.level, .offset = a.offset,
		.box = { .x = a.x, .y = a.y, .w = a.w, .h = a.h, .d = 1 },
	};

	return call(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &t);
}

static inline int from_host(int fd, uint32_t handle, struct area a)
{
	struct drm_virtgpu_3d_transfer_from_host t = {
		.bo_handle = handle, .level = a.level, .offset = a.offset,
		.box = { .x = a.x, .y = a.y, .w = a.w, .h = a.h, .d = 1 },
	};

	return call(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t);
}

/* -- contexts and submissions ----------------------------------------------------- */

static inline int context_init(int fd, uint32_t count, const uint64_t (*params)[2])
{
	struct drm_virtgpu_context_init c = { .num_params = count, .ctx_set_params = ptr(params) };

	return call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
}

/* A file whose context has rings, some of them polled. */
static inline int open_rings(unsigned int rings, uint64_t polled)
{
	const uint64_t params[][2] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 2 },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, rings },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, polled },
	};
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && context_init(fd, 3, params)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int exec(int fd, struct drm_virtgpu_execbuffer *e)
{
	return call(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, e);
}

/* The stream in `words`. */
static inline int exec_words(int fd, const uint32_t *words, size_t count, uint32_t bo)
{
	struct drm_virtgpu_execbuffer e = {
		.command = ptr(words), .size = count * 4, .bo_handles = ptr(&bo), .num_bo_handles = bo ? 1 : 0,
	};

	return exec(fd, &e);
}

/* The fence of an empty submission. */
static inline int exec_fence(int fd)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = -1 };
	int ret = exec(fd, &e);

	return ret ? ret : e.fence_fd;
}

/* -- sync objects ------------------------------------------------------------------ */

static inline uint32_t syncobj(int fd, int signalled)
{
	struct drm_syncobj_create c = { .flags = signalled ? DRM_SYNCOBJ_CREATE_SIGNALED : 0 };

	return call(fd, DRM_IOCTL_SYNCOBJ_CREATE, &c) ? 0 : c.handle;
}

static inline int syncobj_wait(int fd, uint32_t handle, uint64_t point, int ms)
{
	struct timespec t;
	struct drm_syncobj_timeline_wait w = {
		.handles = ptr(&handle), .points = ptr(&point), .count_handles = 1,
	};

	clock_gettime(CLOCK_MONOTONIC, &t);
	w.timeout_nsec = t.tv_sec * 1000000000ll + t.tv_nsec + ms * 1000000ll;
	return call(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w);
}

/* -- fences that signal when the test wants it ------------------------------------- */

/* Makes an object busy until `fence` signals. */
static inline int make_busy(int fd, uint32_t handle, int fence)
{
	struct dma_buf_import_sync_file d = { .flags = DMA_BUF_SYNC_WRITE, .fd = fence };
	int dmabuf = export_fd(fd, handle), ret;

	if (dmabuf < 0)
		return dmabuf;
	ret = call(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &d);
	close(dmabuf);
	return ret;
}

#endif
