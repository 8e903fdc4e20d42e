// SPDX-License-Identifier: GPL-2.0
/*
 * Submissions whose turn has not come: EXECBUFFER returns at once, whatever the fences in do, and the order that
 * userspace relies on holds all the same. What a submission does is seen in buffers that are written by one
 * stream and read back. The C driver waits inside the ioctl, so nothing of this can be asked of it.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include "gl.h"

#define WORDS 16

FIXTURE(file)
{
	int fd, timeline;
};

FIXTURE_SETUP(file)
{
	if (on_c_driver())
		SKIP(return, "the C driver waits for fences inside the ioctl");
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->timeline = sw_timeline();
	ASSERT_LE(0, self->timeline);
}

FIXTURE_TEARDOWN(file)
{
	close(self->timeline);
	close(self->fd);
}

/* Submits a stream that fills a buffer of WORDS words with `value`, after the fence `in` if that is one. */
static int write_after(int fd, uint32_t resource, uint32_t handle, uint32_t value, int in, int *out)
{
	uint32_t stream[12 + WORDS] = {
		VIRGL(VIRGL_RESOURCE_INLINE_WRITE, 0, 11 + WORDS), resource, 0, 0, 0, 0, 0, 0, 0, WORDS * 4, 1, 1,
	};
	struct drm_virtgpu_execbuffer e = {
		.flags = (in >= 0 ? VIRTGPU_EXECBUF_FENCE_FD_IN : 0) | (out ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0),
		.command = ptr(stream), .size = sizeof(stream), .bo_handles = ptr(&handle),
		.num_bo_handles = handle ? 1 : 0, .fence_fd = in,
	};
	int ret;

	for (int i = 0; i < WORDS; i++)
		stream[12 + i] = value;
	ret = exec(fd, &e);
	if (!ret && out)
		*out = e.fence_fd;
	return ret;
}

/* The first word that the host has of a buffer. */
static uint32_t value_of(int fd, uint32_t handle)
{
	struct area all = { .w = WORDS * 4, .h = 1 };
	uint32_t *words = map(fd, handle, 4096), value;

	words[0] = 0xdeadbeef;
	from_host(fd, handle, all);
	wait_for(fd, handle, 0);
	value = words[0];
	munmap(words, 4096);
	return value;
}

/* Rows 93, 99. The call returns, what it hands out is there, and signals when it should. */
TEST_F(file, returns_at_once)
{
	int in = sw_fence(self->timeline, 1);
	uint32_t resource, handle = buffer(self->fd, 4096, &resource), so = syncobj(self->fd, 0);
	struct drm_virtgpu_execbuffer_syncobj out = { .handle = so };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = in,
		.bo_handles = ptr(&handle), .num_bo_handles = 1,
		.out_syncobjs = ptr(&out), .num_out_syncobjs = 1, .syncobj_stride = sizeof(out),
	};
	uint64_t from;

	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	from = now_ms();
	ASSERT_EQ(0, exec(self->fd, &e));
	EXPECT_GE(1000, now_ms() - from);
	EXPECT_FALSE(signals(e.fence_fd, 200));
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	EXPECT_EQ(-ETIME, syncobj_wait(self->fd, so, 0, 1));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(signals(e.fence_fd, 10000));
	EXPECT_EQ(1, fence_status(e.fence_fd));
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	EXPECT_EQ(0, syncobj_wait(self->fd, so, 0, 1000));
}

/* Row 93. A fence that ends with an error lets go all the same, and is not handed on. */
TEST_F(file, error_of_what_is_before)
{
	int timeline = sw_timeline(), in = sw_fence(timeline, 1), out;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource);

	ASSERT_EQ(0, write_after(self->fd, resource, handle, 7, in, &out));
	EXPECT_FALSE(signals(out, 100));
	close(timeline);
	EXPECT_TRUE(signals(out, 10000));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_EQ(7, value_of(self->fd, handle));
}

/* Row 104. A thousand of them wait for one fence, and are carried out in their order. */
TEST_F_TIMEOUT(file, thousand_in_order, 120)
{
	int in = sw_fence(self->timeline, 1), first = -1, last = -1, *fences = calloc(1000, sizeof(int));
	uint32_t resource, handle = buffer(self->fd, 4096, &resource);

	ASSERT_NE(NULL, fences);
	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(0, write_after(self->fd, resource, handle, i + 1, i % 10 ? -1 : in, &fences[i]));
	first = fences[0];
	last = fences[999];
	EXPECT_FALSE(signals(first, 200));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	ASSERT_TRUE(signals(last, 60000));
	for (int i = 0; i < 1000; i++) {
		EXPECT_EQ(1, fence_status(fences[i]));
		close(fences[i]);
	}
	EXPECT_EQ(1000, value_of(self->fd, handle));
	free(fences);
}

/* Each waits for a fence of its own, and they signal from the last to the first. */
TEST_F(file, fences_the_other_way_round)
{
	int timelines[8], out[8];
	uint32_t resource, handle = buffer(self->fd, 4096, &resource);

	for (int i = 0; i < 8; i++) {
		timelines[i] = sw_timeline();
		ASSERT_EQ(0, write_after(self->fd, resource, handle, i + 1, sw_fence(timelines[i], 1), &out[i]));
	}
	for (int i = 7; i > 0; i--) {
		ASSERT_EQ(0, sw_advance(timelines[i], 1));
		EXPECT_FALSE(signals(out[i], 20));
	}
	ASSERT_EQ(0, sw_advance(timelines[0], 1));
	ASSERT_TRUE(signals(out[7], 10000));
	EXPECT_EQ(8, value_of(self->fd, handle));
}

/* Other files go on, those whose own fences wait and those that share nothing. */
TEST_F(file, others_go_on)
{
	int other = open(RENDER, O_RDWR), in = sw_fence(self->timeline, 1), out, quick;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource), mine, theirs;

	ASSERT_EQ(0, write_after(self->fd, resource, handle, 1, in, &out));
	theirs = buffer(other, 4096, &mine);
	ASSERT_EQ(0, write_after(other, mine, theirs, 2, -1, &quick));
	EXPECT_TRUE(signals(quick, 10000));
	EXPECT_EQ(2, value_of(other, theirs));
	EXPECT_FALSE(signals(out, 0));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(signals(out, 10000));
	close(other);
}

/* Who uses a buffer that a waiting submission writes comes after it, from whatever file, and does not see it as it was. */
TEST_F(file, the_old_picture_is_not_seen)
{
	int compositor = open(RENDER, O_RDWR), in = sw_fence(self->timeline, 1), out, copied;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource), theirs, theirs_resource, screen, screen_resource;
	struct drm_virtgpu_resource_info info = { 0 };
	uint32_t copy[] = {
		VIRGL(VIRGL_RESOURCE_COPY_REGION, 0, 13), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, WORDS * 4, 1, 1,
	};
	uint32_t both[2];
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .command = ptr(copy), .size = sizeof(copy),
		.bo_handles = ptr(both), .num_bo_handles = 2,
	};

	ASSERT_EQ(0, write_after(self->fd, resource, handle, 0x01d, -1, NULL));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	ASSERT_EQ(0, hand_over(self->fd, handle, compositor, &theirs));
	info.bo_handle = theirs;
	ASSERT_EQ(0, call(compositor, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info));
	theirs_resource = info.res_handle;
	screen = buffer(compositor, 4096, &screen_resource);
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 0x3e3, in, &out));
	copy[1] = screen_resource;
	copy[6] = theirs_resource;
	both[0] = theirs;
	both[1] = screen;
	ASSERT_EQ(0, exec(compositor, &e));
	copied = e.fence_fd;
	EXPECT_FALSE(signals(copied, 200));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(signals(copied, 10000));
	EXPECT_EQ(0x3e3, value_of(compositor, screen));
	close(compositor);
}

/* A transfer and the end of a handle come after what waits. */
TEST_F(file, transfers_and_handles)
{
	int in = sw_fence(self->timeline, 1), out;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource), kept;
	struct area all = { .w = WORDS * 4, .h = 1 };
	int other = open(RENDER, O_RDWR);
	uint32_t *words = map(self->fd, handle, 4096);

	ASSERT_EQ(0, hand_over(self->fd, handle, other, &kept));
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 5, in, &out));
	words[0] = 6;
	ASSERT_EQ(0, to_host(self->fd, handle, all));
	ASSERT_EQ(0, gem_close(self->fd, handle));
	EXPECT_FALSE(signals(out, 100));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(signals(out, 10000));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_EQ(0, wait_for(other, kept, 0));
	EXPECT_EQ(6, value_of(other, kept));
	close(other);
}

/* A file that is closed in order gets what it has asked for. */
TEST_F(file, closed_in_order)
{
	int fd = open(RENDER, O_RDWR), in = sw_fence(self->timeline, 1), out;
	uint32_t resource, handle = buffer(fd, 4096, &resource), kept;

	ASSERT_EQ(0, write_after(fd, resource, handle, 1, -1, NULL));
	ASSERT_EQ(0, hand_over(fd, handle, self->fd, &kept));
	ASSERT_EQ(0, write_after(fd, resource, handle, 2, in, &out));
	close(fd);
	EXPECT_FALSE(signals(out, 200));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(signals(out, 10000));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_EQ(2, value_of(self->fd, kept));
}

static int send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &m, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Who is killed does not get it: its fences end with an error, and others do not wait for it. */
TEST_F(file, killed)
{
	int in = sw_fence(self->timeline, 1), sockets[2], out, copied;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource);
	int dmabuf = export_fd(self->fd, handle);
	pid_t child;

	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 1, -1, NULL));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int fd = open(RENDER, O_RDWR), fence = -1;
		struct drm_prime_handle p = { .fd = dmabuf };
		struct drm_virtgpu_resource_info info = { 0 };

		close(self->fd);
		call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);
		info.bo_handle = p.handle;
		call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
		write_after(fd, info.res_handle, p.handle, 2, in, &fence);
		send_fd(sockets[1], fence);
		for (;;)
			pause();
	}
	out = receive_fd(sockets[0]);
	ASSERT_LE(0, out);
	EXPECT_FALSE(signals(out, 100));
	/* behind it, from here */
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 3, -1, &copied));
	EXPECT_FALSE(signals(copied, 100));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_TRUE(signals(out, 10000));
	EXPECT_GT(0, fence_status(out));
	EXPECT_TRUE(signals(copied, 10000));
	EXPECT_EQ(3, value_of(self->fd, handle));
	close(dmabuf);
}

/* A caller that has used up what a file may have under way waits, and can be interrupted. */
static void nothing(int signal)
{
}

TEST_F_TIMEOUT(file, as_many_as_there_may_be, 120)
{
	struct itimerval t = { .it_value.tv_sec = 1, .it_interval.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = nothing };
	int in = sw_fence(self->timeline, 1), count = 0, ret = 0, last = -1;
	uint32_t resource, handle = buffer(self->fd, 4096, &resource);

	sigaction(SIGALRM, &action, NULL);
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 1, in, NULL));
	setitimer(ITIMER_REAL, &t, NULL);
	while (count < 100000 && (!ret || ret == -EINTR)) {
		ret = write_after(self->fd, resource, handle, 1, -1, NULL);
		if (ret == -EINTR && count > 100)
			break;
		count += !ret;
	}
	memset(&t, 0, sizeof(t));
	setitimer(ITIMER_REAL, &t, NULL);
	EXPECT_EQ(-EINTR, ret);
	EXPECT_GT(100000, count);
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	ASSERT_EQ(0, write_after(self->fd, resource, handle, 9, -1, &last));
	EXPECT_TRUE(signals(last, 60000));
	EXPECT_EQ(9, value_of(self->fd, handle));
}

TEST_HARNESS_MAIN
