// SPDX-License-Identifier: GPL-2.0
/*
 * still FRAMES: flips through two buffers, every frame all of the screen, and keeps the last one shown.
 */
#include "scan.h"

int main(int argc, char **argv)
{
	int frames = argc > 1 ? atoi(argv[1]) : 1;

	two_buffers();
	draw_all(&buffers[0], mode.hdisplay, mode.vdisplay, 0);
	show(&buffers[0]);
	flip_through(frames);
	printf("still: %dx%d, %d frames\n", mode.hdisplay, mode.vdisplay, frames);
	fflush(stdout);
	for (;;)
		pause();
}
