// SPDX-License-Identifier: GPL-2.0
/*
 * What flips, damage and moves of the cursor cost the guest: instructions, where the clock counts those (QEMU's
 * -icount with a shift of 0) and there is one processor. A thread takes what time is left and counts its own
 * instructions; all others are the operation's: the call, the driver's threads, interrupts. What the timer's interrupts
 * cost in the same time is taken off, and what the waiting costs between operations that do not wait for anything
 * themselves. A line for each: the least and the median of many, and how many of them the caller has executed.
 *
 *   display        flip: to the other buffer, until the event is there
 *                  damage: the same by an atomic commit with a clip
 *                  dirty: DIRTYFB with a clip
 *                  cursor: a move
 */
#include <pthread.h>
#include <sched.h>
#include "../scanout/scan.h"

#define HZ 250
#define ROUNDS 20
#define BATCH 10
/* Between operations that do not wait for anything. */
#define APART_US 2000
#define QUIET_US 500000
#define CURSOR 64

static volatile uint64_t spins;
static double idle_share;
static uint32_t plane, fb_id, damage_id, blob;

static uint64_t instructions(void)
{
	return __builtin_ia32_rdtsc();
}

static void *spin(void *unused)
{
	struct sched_param p = { 0 };

	if (sched_setscheduler(0, SCHED_IDLE, &p))
		end("idle thread");
	/* Two instructions a time. */
	__asm__ volatile("1: incq %0; jmp 1b" : "+m"(spins));
	return unused;
}

static int64_t caller(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void wait_us(int64_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static void find_plane(uint32_t fb)
{
	struct drm_set_client_cap caps[2] = { { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 }, { DRM_CLIENT_CAP_ATOMIC, 1 } };
	struct drm_mode_rect clip = { 100, 100, 164, 116 };
	struct drm_mode_create_blob create = { .data = (uintptr_t)&clip, .length = sizeof(clip) };

	for (int i = 0; i < 2; i++)
		call(DRM_IOCTL_SET_CLIENT_CAP, &caps[i], "client cap");
	plane = plane_of(fb);
	fb_id = property(plane, DRM_MODE_OBJECT_PLANE, "FB_ID", NULL);
	damage_id = property(plane, DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS", NULL);
	if (!fb_id || !damage_id) {
		errno = ENOENT;
		end("properties of the plane");
	}
	call(DRM_IOCTL_MODE_CREATEPROPBLOB, &create, "blob");
	blob = create.blob_id;
}

static void op_flip(int n)
{
	int64_t at;

	flip(&buffers[n % 2]);
	flipped(&at);
}

static void op_damage(int n)
{
	uint32_t count = 2, ids[2] = { fb_id, damage_id };
	uint64_t values[2] = { buffers[n % 2].fb, blob };
	struct drm_mode_atomic commit = {
		.flags = DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT, .count_objs = 1,
		.objs_ptr = (uintptr_t)&plane, .count_props_ptr = (uintptr_t)&count,
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values,
	};
	int64_t at;

	call(DRM_IOCTL_MODE_ATOMIC, &commit, "atomic commit");
	flipped(&at);
}

static void op_dirty(int n)
{
	struct drm_clip_rect clip = { 100, 100, 164, 116 };
	struct drm_mode_fb_dirty_cmd d = { .fb_id = buffers[0].fb, .num_clips = 1, .clips_ptr = (uintptr_t)&clip };

	clip.x1 += n % 8;
	call(DRM_IOCTL_MODE_DIRTYFB, &d, "dirty framebuffer");
	wait_us(APART_US);
}

static void op_cursor(int n)
{
	struct drm_mode_cursor2 c = { .flags = DRM_MODE_CURSOR_MOVE, .crtc_id = crtc, .x = n % 100, .y = 50 };

	call(DRM_IOCTL_MODE_CURSOR2, &c, "cursor move");
	wait_us(APART_US);
}

/* Nothing, to know what the waiting costs. */
static void op_nothing(int n)
{
	(void)n;
	wait_us(APART_US);
}

/* What share of the instructions is not the thread's that takes what is left, while nothing is done. */
static double quiet(void)
{
	uint64_t start = instructions(), before = spins, all;

	wait_us(QUIET_US);
	all = instructions() - start;
	return 1 - 2.0 * (spins - before) / all;
}

/* `off` is taken off each. */
static double measure(const char *what, void (*op)(int), double off)
{
	static double took[ROUNDS], own[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = instructions(), before = spins, all, idle;
		int64_t mine = caller();

		for (int i = 0; i < BATCH; i++)
			op(round * BATCH + i + 1);
		all = instructions() - start;
		idle = 2 * (spins - before);
		own[round] = (double)(caller() - mine) / BATCH;
		took[round] = ((double)all - idle - idle_share * all) / BATCH - off;
	}
	qsort(took, ROUNDS, sizeof(took[0]), ascending);
	qsort(own, ROUNDS, sizeof(own[0]), ascending);
	if (what)
		printf("display: what=%s least=%.0f median=%.0f caller=%.0f\n", what, took[0], took[ROUNDS / 2], own[ROUNDS / 2]);
	return took[ROUNDS / 2];
}

int main(void)
{
	struct drm_mode_create_dumb create = { .width = CURSOR, .height = CURSOR, .bpp = 32 };
	struct drm_mode_cursor2 set = { .flags = DRM_MODE_CURSOR_BO, .width = CURSOR, .height = CURSOR };
	pthread_t thread;
	double waiting;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = card("virtio_gpu");
	if (fd < 0)
		end("open");
	if (pthread_create(&thread, NULL, spin, NULL))
		end("thread");
	setup(HZ);
	for (int i = 0; i < 2; i++)
		make(&buffers[i]);
	show(&buffers[0]);
	call(DRM_IOCTL_MODE_CREATE_DUMB, &create, "create cursor");
	set.handle = create.handle;
	set.crtc_id = crtc;
	call(DRM_IOCTL_MODE_CURSOR2, &set, "cursor");
	find_plane(buffers[0].fb);
	wait_us(200000);
	idle_share = quiet();
	waiting = measure(NULL, op_nothing, 0);
	measure("cursor", op_cursor, waiting);
	measure("dirty", op_dirty, waiting);
	measure("flip", op_flip, 0);
	measure("damage", op_damage, 0);
	return 0;
}
