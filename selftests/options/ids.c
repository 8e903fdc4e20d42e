// SPDX-License-Identifier: GPL-2.0
/*
 * ids up|again    makes and closes 20 resources, one after the other; succeeds where each has a larger number
 * than the one before (up), or where a number comes back within that time (again).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>

int main(int argc, char **argv)
{
	int fd = open("/dev/dri/renderD128", O_RDWR), up = 1, again = 0;
	uint32_t seen[20];

	for (int i = 0; i < 20; i++) {
		struct drm_virtgpu_resource_create c = {
			.target = 2, .format = 2, .bind = 2, .width = 16, .height = 16, .depth = 1, .array_size = 1,
		};
		struct drm_gem_close g = { 0 };

		if (ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c)) {
			perror("RESOURCE_CREATE");
			return 2;
		}
		printf("%u ", c.res_handle);
		seen[i] = c.res_handle;
		if (i && seen[i] <= seen[i - 1])
			up = 0;
		for (int k = 0; k < i; k++)
			again |= seen[k] == seen[i];
		g.handle = c.bo_handle;
		ioctl(fd, DRM_IOCTL_GEM_CLOSE, &g);
		usleep(20000); /* the host's answer */
	}
	printf("\n");
	return argc > 1 && !strcmp(argv[1], "up") ? !up : !again;
}
