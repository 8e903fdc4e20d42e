// SPDX-License-Identifier: GPL-2.0
/*
 * Files and processes that use contexts: several on one file at once,
 * processes that die in a wait, files closed while the host is busy, and cycles
 * of all of it that leave nothing behind. CYCLES in the environment says how many.
 */
#include "gl.h"

/* Words of a stream of NOPs that the host is busy with for some time; the C driver cannot queue more. */
#define LONG_STREAM (512 * 1024)

static uint32_t *nops;

static int setting(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atoi(value) : otherwise;
}

FIXTURE(machine)
{
	int fd;
};

FIXTURE_SETUP(machine)
{
	self->fd = open(RENDER, O_RDWR);
	ASSERT_LE(0, self->fd);
	nops = calloc(LONG_STREAM, 4);
	ASSERT_NE(NULL, nops);
}

FIXTURE_TEARDOWN(machine)
{
	free(nops);
	close(self->fd);
}

struct worker {
	int fd, flags, failed;
};

static int work(void *arg)
{
	struct worker *w = arg;
	uint32_t stream[16] = { 0 };

	for (int n = 0; n < 100; n++) {
		uint32_t handle = buffer(w->fd, 4096, NULL), so = syncobj(w->fd, 0);
		struct drm_virtgpu_execbuffer_syncobj i = { .handle = so };
		struct drm_virtgpu_execbuffer e = {
			.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | w->flags,
			.command = ptr(stream), .size = sizeof(stream), .bo_handles = ptr(&handle), .num_bo_handles = 1,
			.out_syncobjs = ptr(&i), .num_out_syncobjs = 1, .syncobj_stride = sizeof(i),
		};
		struct drm_syncobj_destroy d = { .handle = so };

		if (exec(w->fd, &e)) {
			w->failed++;
			continue;
		}
		if (n % 16 == 0)
			w->failed += !signals(e.fence_fd, 20000) || wait_for(w->fd, handle, 0);
		w->failed += !!gem_close(w->fd, handle);
		w->failed += !!call(w->fd, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
		close(e.fence_fd);
	}
	return w->failed;
}

/* Row 104. Several at once on one open file. */
TEST_F(machine, r104_together_on_one_file)
{
	int fd = open_rings(1, 0), failed[4];
	struct worker w[4];
	void *args[4];

	ASSERT_LE(0, fd);
	for (int i = 0; i < 4; i++) {
		/* Two on the ring, two outside of it. */
		w[i] = (struct worker){ .fd = fd, .flags = i & 1 ? VIRTGPU_EXECBUF_RING_IDX : 0 };
		args[i] = &w[i];
	}
	together(4, work, args, failed);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, failed[i]);
	}
	close(fd);
}

static int init(void *arg)
{
	return context_init(*(int *)arg, 0, NULL);
}

/* Row 40. Of several that make a context at the same time one does. */
TEST_F(machine, r40_context_init_together)
{
	for (int n = 0; n < 30; n++) {
		int fd = open(RENDER, O_RDWR), good = 0, there = 0, ret[3];
		void *args[3] = { &fd, &fd, &fd };

		together(3, init, args, ret);
		for (int i = 0; i < 3; i++) {
			good += ret[i] == 0;
			there += ret[i] == -EEXIST;
		}
		ASSERT_EQ(1, good);
		ASSERT_EQ(2, there);
		close(fd);
	}
}

/* The state letter of a process. */
static char state(pid_t pid)
{
	char path[64], line[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		return '?';
	close(fd);
	end = strrchr(line, ')');
	return end ? end[2] : '?';
}

/* A child that waits for `what`, killed there; 1 if it was in the wait and died of it. */
static int killed_in(int what, int fd, uint32_t handle, int fence)
{
	volatile int *after = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = fence,
		.bo_handles = ptr(&handle), .num_bo_handles = 1,
	};
	int status, was;
	pid_t child = fork();

	if (child == 0) {
		if (what == 0)
			wait_for(fd, handle, 0);
		else
			exec(fd, &e);
		*after = 1;
		pause();
	}
	for (int n = 0; n < 500 && state(child) != 'S'; n++)
		sleep_ms(10);
	sleep_ms(50);
	was = *after;
	kill(child, SIGKILL);
	for (int n = 0; n < 500; n++) {
		if (waitpid(child, &status, WNOHANG) == child) {
			munmap((void *)after, 4096);
			return WIFSIGNALED(status) && (!was || what == 1);
		}
		sleep_ms(10);
	}
	return 0;
}

/* Rows 102, 105. kill -9 in a wait: the process goes at once, and the file works on. */
TEST_F(machine, r105_killed_in_wait)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1);

	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	EXPECT_EQ(1, killed_in(0, self->fd, handle, fence));
	EXPECT_EQ(1, killed_in(1, self->fd, handle, fence));
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	sw_advance(timeline, 1);
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	EXPECT_EQ(0, exec_words(self->fd, nops, 16, handle));
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	close(fence);
	close(timeline);
}

/* Row 152. Processes that submit and submit die when they are told to, and the host gets through it. */
TEST_F(machine, r152_killed_in_submissions)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);

	for (int n = 0; n < 4; n++) {
		pid_t children[3];
		int status;

		for (int i = 0; i < 3; i++) {
			children[i] = fork();
			if (children[i] == 0) {
				int fd = open(RENDER, O_RDWR);

				for (;;)
					exec_words(fd, nops, 64 * 1024, 0);
			}
		}
		sleep_ms(150);
		for (int i = 0; i < 3; i++) {
			uint64_t from = now_ms();

			kill(children[i], SIGKILL);
			ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
			EXPECT_GE(15000, now_ms() - from);
		}
		ASSERT_EQ(0, exec_words(self->fd, nops, 16, handle));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	}
}

/*
 * Rows 48, 62. A file goes, with streams that the host has not got to. Not on rings: there
 * virglrenderer forgets the fences of a context that goes.
 */
TEST_F(machine, r48_closed_while_busy)
{
	for (int n = 0; n < 10; n++) {
		int fd = open_rings(2, 1), fence = -1;
		uint32_t handle = buffer(fd, 65536, NULL);

		ASSERT_LE(0, fd);
		for (int k = 0; k < 4; k++) {
			struct drm_virtgpu_execbuffer e = {
				.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT,
				.command = ptr(nops), .size = LONG_STREAM * 4, .bo_handles = ptr(&handle), .num_bo_handles = 1,
			};

			ASSERT_EQ(0, exec(fd, &e));
			if (fence >= 0)
				close(fence);
			fence = e.fence_fd;
		}
		close(fd);
		/* The fence is nobody's file's. */
		ASSERT_TRUE(signals(fence, 20000));
		ASSERT_EQ(1, fence_status(fence));
		close(fence);
	}
}

/* Memory of the kernel that is not given back by itself, in KiB. */
static long unreclaimable(void)
{
	char text[4096] = "", *at;
	int fd;

	/* What the driver frees in work items, what RCU frees, what the caches of CPUs hold. */
	sleep_ms(300);
	sync();
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd >= 0) {
		if (write(fd, "3", 1) != 1)
			perror("drop_caches");
		close(fd);
	}
	sleep_ms(300);
	fd = open("/proc/meminfo", O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	at = strstr(text, "SUnreclaim:");
	return at ? atol(at + 11) : -1;
}

static int cycles(int count)
{
	uint32_t stream[64] = { 0 };

	for (int n = 0; n < count; n++) {
		int fd = open_rings(2, 1);
		uint32_t handle = buffer(fd, 8192, NULL);
		struct drm_virtgpu_execbuffer e = {
			.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | (n & 1 ? VIRTGPU_EXECBUF_RING_IDX : 0),
			.command = ptr(stream), .size = sizeof(stream), .bo_handles = ptr(&handle), .num_bo_handles = 1,
		};

		if (fd < 0 || !handle || exec(fd, &e))
			return n;
		/* The fence of a ring does not outlive its context on this host. */
		if ((n % 2 || n % 8 == 0) && wait_for(fd, handle, 0))
			return n;
		close(e.fence_fd);
		if (n % 4 < 2)
			gem_close(fd, handle);
		close(fd);
	}
	return count;
}

/* Rows 37, 48, 62. Memory is back where it was. What the host has left is looked at by the group. */
TEST_F_TIMEOUT(machine, r48_cycles, 900)
{
	const int count = setting("CYCLES", 2000);
	long before, after;

	ASSERT_EQ(count / 4, cycles(count / 4));
	before = unreclaimable();
	ASSERT_EQ(count, cycles(count));
	after = unreclaimable();
	TH_LOG("%d cycles: unreclaimable slab %ld KiB before, %ld KiB after", count, before, after);
	/* Less than the smallest piece of memory a cycle, and what is noise. */
	EXPECT_GE(before + 256 + count * 8 / 1024, after);
}

/* Rows 37, 42, 86. Many contexts with rings at the same time. */
TEST_F_TIMEOUT(machine, r42_contexts_with_rings, 300)
{
	enum { FILES = 64, RINGS = 8 };
	int fds[FILES], fences[FILES];
	long before = 0, after = 0;

	for (int round = 0; round < 4; round++) {
		if (round == 1)
			before = unreclaimable();
		for (int i = 0; i < FILES; i++) {
			fds[i] = open_rings(RINGS, 0);
			ASSERT_LE(0, fds[i]);
		}
		for (int r = 0; r < RINGS; r++)
			for (int i = 0; i < FILES; i++) {
				struct drm_virtgpu_execbuffer e = {
					.flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = r, .command = ptr(nops), .size = 64,
				};

				/* virgl has no fences of other rings than the first. */
				if (!r)
					e.flags |= VIRTGPU_EXECBUF_FENCE_FD_OUT;
				ASSERT_EQ(0, exec(fds[i], &e));
				if (!r)
					fences[i] = e.fence_fd;
			}
		for (int i = 0; i < FILES; i++) {
			ASSERT_TRUE(signals(fences[i], 20000));
			ASSERT_EQ(1, fence_status(fences[i]));
			close(fences[i]);
			close(fds[i]);
		}
	}
	after = unreclaimable();
	TH_LOG("%d contexts with %d rings, three times: unreclaimable slab %ld KiB before, %ld KiB after", FILES, RINGS,
	       before, after);
	EXPECT_GE(before + 256, after);
}

TEST_HARNESS_MAIN
