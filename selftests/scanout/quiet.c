// SPDX-License-Identifier: GPL-2.0
/*
 * quiet COUNT: so many flips between two buffers, then so many moves of a cursor, and how many interrupts either
 * has taken.
 */
#include <glob.h>
#include "scan.h"

#define CURSOR 64

/* Interrupts for the device's queues so far, on all processors. */
static long long interrupts(void)
{
	char line[1024], name[32], *at;
	long long n = 0;
	glob_t g;
	FILE *f;

	if (glob("/sys/bus/virtio/drivers/virtio_gpu*/virtio*", 0, NULL, &g))
		end("the device");
	snprintf(name, sizeof(name), " %s", strrchr(g.gl_pathv[0], '/') + 1);
	f = fopen("/proc/interrupts", "r");
	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, name);
		if (!at || !strchr("\n,-", at[strlen(name)]) || strstr(at, "-config"))
			continue;
		at = strchr(line, ':') + 1;
		for (char *next; ; at = next) {
			long long one = strtoll(at, &next, 10);

			if (next == at)
				break;
			n += one;
		}
	}
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	struct drm_mode_create_dumb create = { .width = CURSOR, .height = CURSOR, .bpp = 32 };
	struct drm_mode_cursor2 c = { .flags = DRM_MODE_CURSOR_BO, .width = CURSOR, .height = CURSOR };
	long long before, flips;

	two_buffers();
	show(&buffers[0]);
	call(DRM_IOCTL_MODE_CREATE_DUMB, &create, "create cursor");
	c.handle = create.handle;
	c.crtc_id = crtc;
	call(DRM_IOCTL_MODE_CURSOR2, &c, "cursor");
	sleep(1);
	before = interrupts();
	if (!before) {
		errno = ENOENT;
		end("interrupts");
	}
	flip_through(count);
	flips = interrupts() - before;
	c.flags = DRM_MODE_CURSOR_MOVE;
	for (int n = 0; n < count; n++) {
		c.x = c.y = n % 100;
		call(DRM_IOCTL_MODE_CURSOR2, &c, "move");
	}
	printf("scan: frames=%d flips=%lld moves=%lld\n", count, flips, interrupts() - before - flips);
	return 0;
}
