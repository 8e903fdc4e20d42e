// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the control queue full: processes that make and destroy small buffers, which
 * waits for no answer, until they are killed.
 *
 *   crowd CARD PROCESSES
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

int main(int argc, char **argv)
{
	uint32_t handle, pitch;
	uint64_t size;
	int fd;

	if (argc < 3)
		return 2;
	for (int n = atoi(argv[2]); n > 1 && fork(); n--)
		;
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	while (!drmModeCreateDumbBuffer(fd, 64, 64, 32, 0, &handle, &pitch, &size) &&
	       !drmModeDestroyDumbBuffer(fd, handle))
		;
	perror("a buffer");
	return 1;
}
