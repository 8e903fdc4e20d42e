/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of this group share: contexts of the test host, whose streams are a small language
 * (Documentation/gpu/test-host.rst), submissions that may have the host wait, memory that processes share.
 */
#ifndef FENCES_H
#define FENCES_H

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <drm/virtgpu_drm_ext.h>
#include "gl.h"

#define TEST_CAPSET 30			/* the host's own language */
#define NATIVE_CAPSET 6
#define RINGS 64
#define SHARED VIRTGPU_EXECBUF_SHARED_FENCE

#define OP(number, words) ((number) | (uint32_t)(words) << 16)
#define PAUSE(us) OP(1, 2), (us)
#define FILL(res, at, len, seed) OP(2, 5), (res), (at), (len), (seed)
#define CHECK(res, at, len, seed) OP(3, 5), (res), (at), (len), (seed)
#define WRITE(res, at, value) OP(4, 4), (res), (at), (value)
#define EXPECT_WORD(res, at, value) OP(5, 4), (res), (at), (value)
#define ADD(res, at, value) OP(6, 4), (res), (at), (value)
#define COPY(from, at, to, there, len) OP(7, 6), (from), (at), (to), (there), (len)
#define NEVER OP(11, 1)

/* A file with a context of that type; `pass`: whether it has the host wait, below 0 where it does not say. */
static inline int open_context(uint64_t capset, int pass)
{
	const struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, capset },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, RINGS },
		{ VIRTGPU_CONTEXT_PARAM_FENCE_PASSING, pass },
	};
	struct drm_virtgpu_context_init c = { .num_params = pass < 0 ? 2 : 3, .ctx_set_params = ptr(params) };
	int fd = open(RENDER, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

/* A submission after the fence `in`, unless that is below 0, that names `count` objects; its fence, or an errno below 0. */
static inline int give(int fd, int ring, int in, uint32_t flags, const uint32_t *words, size_t bytes, const uint32_t *bos,
		       uint32_t count)
{
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_RING_IDX | VIRTGPU_EXECBUF_FENCE_FD_OUT | flags |
			 (in >= 0 ? VIRTGPU_EXECBUF_FENCE_FD_IN : 0),
		.ring_idx = ring, .command = ptr(words), .size = bytes, .fence_fd = in, .bo_handles = ptr(bos),
		.num_bo_handles = count,
	};
	int ret = exec(fd, &e);

	return ret ? ret : e.fence_fd;
}

#define GIVE(fd, ring, in, flags, ...) ({ \
	const uint32_t words_[] = { __VA_ARGS__ }; \
	give(fd, ring, in, flags, words_, sizeof(words_), NULL, 0); \
})

/* One fence for two; both are closed. `a` may be none. */
static inline int merged(int a, int b)
{
	struct sync_merge_data m = { .name = "merged", .fd2 = b };

	if (a < 0)
		return b;
	if (call(a, SYNC_IOC_MERGE, &m))
		m.fence = -1;
	close(a);
	close(b);
	return m.fence;
}

static inline void many_files(void)
{
	struct rlimit l = { 16384, 16384 };

	setrlimit(RLIMIT_NOFILE, &l);
}

/* Memory that this process and its children have. */
static inline void *common(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Sends some words, and a descriptor unless that is below 0. */
static inline int send_words(int socket, const uint32_t *words, size_t bytes, int fd, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { (void *)words, bytes };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(socket, &m, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The same the other way round; the descriptor, -1 where none came, below that an error. */
static inline int receive_words(int socket, uint32_t *words, size_t bytes, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { words, bytes };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (n != (ssize_t)bytes)
		return n < 0 ? -1 - errno : -1 - EPIPE;
	if (CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

#endif
