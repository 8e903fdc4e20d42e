// SPDX-License-Identifier: GPL-2.0
/*
 * What a call of EXECBUFFER costs in the guest: instructions, where the clock counts those
 * (QEMU's -icount with a shift of 0). The stream is one word that does nothing; what differs is
 * what comes with it. A line for each: the least and the median of many calls. What the host's
 * answer costs is not in it, but where it comes in between.
 */
/* The harness comes with it, and is not used. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "../gl/gl.h"

#define ROUNDS 40
#define BATCH 16

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(int fd, const char *what, const struct drm_virtgpu_execbuffer *with)
{
	static uint64_t took[ROUNDS * BATCH];
	const uint32_t nop = VIRGL(VIRGL_NOP, 0, 0);
	uint64_t start;
	int n = 0;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < BATCH; i++) {
			struct drm_virtgpu_execbuffer e = *with;

			e.size = sizeof(nop);
			e.command = ptr(&nop);
			start = now_ns();
			if (ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e)) {
				printf("submit: %s: %s\n", what, strerror(errno));
				exit(1);
			}
			took[n++] = now_ns() - start;
			if (e.flags & VIRTGPU_EXECBUF_FENCE_FD_OUT)
				close(e.fence_fd);
		}
		/* The ring is empty again. */
		int fence = exec_fence(fd);

		if (!signals(fence, 20000)) {
			printf("submit: %s: the host does not answer\n", what);
			exit(1);
		}
		close(fence);
	}
	qsort(took, n, sizeof(took[0]), ascending);
	printf("submit: what=%s least=%llu median=%llu\n", what, (unsigned long long)took[0], (unsigned long long)took[n / 2]);
}

int main(void)
{
	int fd = open(RENDER, O_RDWR), over;
	uint32_t bo = buffer(fd, 4096, NULL);
	struct drm_virtgpu_execbuffer_syncobj s = { .handle = syncobj(fd, 0) };

	over = exec_fence(fd);
	if (!bo || !s.handle || !signals(over, 20000))
		return 1;
	measure(fd, "plain", &(struct drm_virtgpu_execbuffer){ 0 });
	measure(fd, "object", &(struct drm_virtgpu_execbuffer){ .bo_handles = ptr(&bo), .num_bo_handles = 1 });
	measure(fd, "out-fence", &(struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT });
	measure(fd, "out-syncobj", &(struct drm_virtgpu_execbuffer){
		.syncobj_stride = sizeof(s), .num_out_syncobjs = 1, .out_syncobjs = ptr(&s) });
	/* In-fences that have signalled: what asking for them costs. */
	measure(fd, "in-fence", &(struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_IN, .fence_fd = over });
	return 0;
}
