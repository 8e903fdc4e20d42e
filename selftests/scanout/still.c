// SPDX-License-Identifier: GPL-2.0
/*
 * still FRAMES: flips through two buffers, every frame all of the screen, and keeps the last one shown.
 */
#include "scan.h"

int main(int argc, char **argv)
{
	int frames = argc > 1 ? atoi(argv[1]) : 1;
	int64_t at;

	fd = card("virtio_gpu");
	if (fd < 0)
		end("open");
	setup(0);
	for (int i = 0; i < 2; i++)
		make(&buffers[i]);
	draw_all(&buffers[0], mode.hdisplay, mode.vdisplay, 0);
	show(&buffers[0]);
	for (int n = 1; n <= frames; n++) {
		draw_all(&buffers[n % 2], mode.hdisplay, mode.vdisplay, n);
		flip(&buffers[n % 2]);
		flipped(&at);
	}
	printf("still: %dx%d, %d frames\n", mode.hdisplay, mode.vdisplay, frames);
	fflush(stdout);
	for (;;)
		pause();
}
