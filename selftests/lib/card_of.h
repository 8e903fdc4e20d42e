/* SPDX-License-Identifier: GPL-2.0 */
/* Other devices of the guest that have buffers. */
#ifndef CARD_OF_H
#define CARD_OF_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/drm.h>

/* The card of another driver by its name, or -1; the first card is the GPU's. */
static inline int card_of(const char *name)
{
	for (int i = 1; i < 8; i++) {
		char path[32], is[32] = "";
		struct drm_version v = { .name = is, .name_len = sizeof(is) - 1 };
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(is, name))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

#endif
