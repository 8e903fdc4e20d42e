/* SPDX-License-Identifier: GPL-2.0 */
/* Fences that signal when a test wants it: the kernel's sw_sync, whose calls no header has. */
#ifndef SW_SYNC_H
#define SW_SYNC_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

struct sw_sync_create_fence_data {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW('W', 1, uint32_t)

/* A timeline of the kernel's own, at 0; below 0 where the kernel has none. */
static inline int sw_timeline(void)
{
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	return open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
}

/* A fence that signals when the timeline gets to `value`. */
static inline int sw_fence(int timeline, uint32_t value)
{
	struct sw_sync_create_fence_data d = { .value = value, .name = "test", .fence = -1 };

	return ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &d) ? -errno : d.fence;
}

static inline int sw_advance(int timeline, uint32_t by)
{
	return ioctl(timeline, SW_SYNC_IOC_INC, &by) ? -errno : 0;
}

#endif
