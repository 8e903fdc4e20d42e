// SPDX-License-Identifier: GPL-2.0
/*
 * lost [disk]: the system sleeps while a context has work that does not end, and a flip waits for it: its
 * fences fail, what is asked of it fails, and a new one works. Ends with a line as scanout.c's, numbers that are 1
 * where it is so, and then with the guest: its ways out do not come back from sleep, but for
 * the kernel's log. Its devices alone sleep, as for sleep in memory or, with disk, for the picture that
 * hibernation takes.
 */
#include <sys/reboot.h>
#include <linux/sync_file.h>
#include "scan.h"

/* The capability set of the host's own language: a word is the number of an operation, with its length above. */
#define TEST_SET 30
#define NOP (1u << 16)
#define WAIT (2u << 16 | 1)

/* 0, or with what it has failed. */
static int try(int fd, unsigned long request, void *arg)
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

	return try(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

/* Work on the object `handle`, if it is not 0. */
static int submit(int fd, const uint32_t *words, uint32_t size, uint32_t handle, int *fence)
{
	struct drm_virtgpu_execbuffer exec = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .size = size,
		.command = (uintptr_t)words, .bo_handles = (uintptr_t)&handle, .num_bo_handles = !!handle, .fence_fd = -1 };
	int error = try(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);

	*fence = exec.fence_fd;
	return error;
}

static int resource(int fd)
{
	struct drm_virtgpu_resource_create create = { .format = 64, .width = 4096, .height = 1, .depth = 1,
		.array_size = 1, .size = 4096 };

	return try(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
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

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "mem";
	const uint32_t endless[] = { WAIT, 4000000000u }, nop[] = { NOP };
	int other, fence, again, slept, error, pending;
	char line[256];
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), exec, create, failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		end("open");
	setup(0);
	for (int i = 0; i < 2; i++) {
		make(&buffers[i]);
		draw(&buffers[i], 1);
	}
	show(&buffers[0]);
	if (context(fd) || resource(fd) || submit(fd, endless, sizeof(endless), buffers[1].handle, &fence))
		end("set-up");
	flip(&buffers[1]);
	pending = !ended(fence, 0);
	slept = power("/sys/power/pm_test", "devices") && power("/sys/power/state", how);
	failed = ended(fence, 10000);
	exec = submit(fd, nop, sizeof(nop), 0, &again);
	create = resource(fd);
	other = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	error = other < 0 || context(other) || resource(other) || submit(other, nop, sizeof(nop), 0, &again);
	error = error || ended(again, 10000) != 1;
	close(other);
	close(fd);
	snprintf(line, sizeof(line), "scan: frames=1 copied=0 slept=%d pending=%d fence=%d exec=%d create=%d anew=%d\n", slept,
		 pending, failed < 0, exec == EIO, create == EIO, !error);
	error = write(log, line, strlen(line)) < 0;
	sleep(1);
	reboot(RB_POWER_OFF);
	return error;
}
