// SPDX-License-Identifier: GPL-2.0
/*
 * The system sleeps while a context has work that does not end, and a flip waits for it: its
 * fences fail, what is asked of it fails, and a new one works. Ends with a line as scanout.c's, numbers that are 1
 * where it is so, and then with the guest: its ways out do not come back from sleep, but for
 * the kernel's log.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include <linux/sync_file.h>

/* The capability set of the host's own language: a word is the number of an operation, with its length above. */
#define TEST_SET 30
#define NOP (1u << 16)
#define WAIT (2u << 16 | 1)

static int call(int fd, unsigned long request, void *arg)
{
	int r;

	do {
		r = ioctl(fd, request, arg);
	} while (r && errno == EINTR);
	return r ? errno : 0;
}

static int context(int fd)
{
	struct drm_virtgpu_context_set_param set = { .param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID, .value = TEST_SET };
	struct drm_virtgpu_context_init init = { .num_params = 1, .ctx_set_params = (uintptr_t)&set };

	return call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

/* Work on the object `handle`, if it is not 0. */
static int submit(int fd, const uint32_t *words, uint32_t size, uint32_t handle, int *fence)
{
	struct drm_virtgpu_execbuffer exec = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .size = size,
		.command = (uintptr_t)words, .bo_handles = (uintptr_t)&handle, .num_bo_handles = !!handle, .fence_fd = -1 };
	int error = call(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);

	*fence = exec.fence_fd;
	return error;
}

static int resource(int fd)
{
	struct drm_virtgpu_resource_create create = { .format = 64, .width = 4096, .height = 1, .depth = 1,
		.array_size = 1, .size = 4096 };

	return call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
}

/* How a fence has ended, 0 if it has not within so many milliseconds, 1 for well. */
static int ended(int fence, int ms)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = { 0 };

	if (poll(&p, 1, ms) != 1 || ioctl(fence, SYNC_IOC_FILE_INFO, &info))
		return 0;
	return info.status;
}

/* A buffer that can be shown, with a picture. */
struct picture {
	uint32_t handle, fb;
};

static int draw(int fd, const struct drm_mode_modeinfo *mode, struct picture *picture)
{
	struct drm_mode_create_dumb create = { .width = mode->hdisplay, .height = mode->vdisplay, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = mode->hdisplay, .height = mode->vdisplay, .pixel_format = DRM_FORMAT_XRGB8888 };
	uint8_t *at;

	if (call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -1;
	map.handle = fb.handles[0] = create.handle;
	fb.pitches[0] = create.pitch;
	if (call(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return -1;
	at = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (at == MAP_FAILED || call(fd, DRM_IOCTL_MODE_ADDFB2, &fb))
		return -1;
	for (uint32_t y = 0; y < fb.height; y++)
		*(volatile uint32_t *)(at + (size_t)y * create.pitch) = 0xa5000001;
	*picture = (struct picture){ .handle = create.handle, .fb = fb.fb_id };
	return 0;
}

/* Shows one picture, and draws another. */
static int show(int fd, uint32_t *crtc, struct picture *other)
{
	uint32_t crtcs[16], connectors[16];
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_card_res r = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 16,
		.connector_id_ptr = (uintptr_t)connectors, .count_connectors = 16,
	};
	struct drm_mode_get_connector c = { 0 };
	struct drm_mode_crtc set = { .count_connectors = 1, .mode_valid = 1 };
	struct picture first;

	if (call(fd, DRM_IOCTL_MODE_GETRESOURCES, &r))
		return -1;
	c.connector_id = connectors[0];
	if (call(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		return -1;
	c = (struct drm_mode_get_connector){ .connector_id = connectors[0],
		.modes_ptr = (uintptr_t)modes, .count_modes = 256 };
	if (call(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) || draw(fd, &modes[0], &first) || draw(fd, &modes[0], other))
		return -1;
	set.crtc_id = *crtc = crtcs[0];
	set.fb_id = first.fb;
	set.set_connectors_ptr = (uintptr_t)&connectors[0];
	set.mode = modes[0];
	return call(fd, DRM_IOCTL_MODE_SETCRTC, &set);
}

static int power(const char *file, const char *word)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), good;

	good = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);
	if (!good)
		printf("failed: %s to %s: %s\n", word, file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

int main(void)
{
	const uint32_t endless[] = { WAIT, 4000000000u }, nop[] = { NOP };
	int fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC), other, fence, again, slept, error, now;
	char line[256];
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), exec, create, failed;

	struct drm_mode_crtc_page_flip flip = { 0 };
	struct picture next;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fd < 0 || show(fd, &flip.crtc_id, &next) || context(fd) || resource(fd) ||
	    submit(fd, endless, sizeof(endless), next.handle, &fence)) {
		printf("failed: set-up: %s\n", strerror(errno));
		return 1;
	}
	flip.fb_id = next.fb;
	if (call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip)) {
		printf("failed: flip: %s\n", strerror(errno));
		return 1;
	}
	now = ended(fence, 0);
	slept = power("/sys/power/pm_test", "devices") && power("/sys/power/state", "mem");
	failed = ended(fence, 10000);
	exec = submit(fd, nop, sizeof(nop), 0, &again);
	create = resource(fd);
	other = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	error = other < 0 || context(other) || resource(other) || submit(other, nop, sizeof(nop), 0, &again);
	now = now ? 0 : 1;
	error = error || ended(again, 10000) != 1;
	close(other);
	close(fd);
	snprintf(line, sizeof(line), "scan: frames=1 copied=0 slept=%d pending=%d fence=%d exec=%d create=%d anew=%d\n", slept,
		 now, failed < 0, exec == EIO, create == EIO, !error);
	error = write(log, line, strlen(line)) < 0;
	sleep(1);
	reboot(RB_POWER_OFF);
	return error;
}
