// SPDX-License-Identifier: GPL-2.0
/*
 * GETPARAM, GET_CAPS and CONTEXT_INIT on a device with 3D (rows 31 to 50 of the
 * list of what both drivers have to do; a case names its rows).
 */
#include "gl.h"

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = open(RENDER, O_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

static int getparam_to(int fd, uint64_t param, void *value)
{
	struct drm_virtgpu_getparam p = { .param = param, .value = ptr(value) };

	return call(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p);
}

/* Row 31. A device with 3D and context types; four bytes are written. */
TEST_F(file, r31_getparam_values)
{
	static const struct {
		uint32_t param, want;
	} params[] = {
		{ VIRTGPU_PARAM_3D_FEATURES, 1 }, { VIRTGPU_PARAM_CAPSET_QUERY_FIX, 1 },
		{ VIRTGPU_PARAM_CONTEXT_INIT, 1 }, { VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME, 1 },
		{ VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, 1 << 1 | 1 << 2 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
		uint64_t value = CANARY;

		ASSERT_EQ(0, getparam_to(self->fd, params[i].param, &value));
		EXPECT_EQ(params[i].want, (uint32_t)value) {
			TH_LOG("parameter %u", params[i].param);
		}
		EXPECT_EQ(CANARY >> 32, value >> 32);
	}
}

/* Rows 31, 32. What this device does not have: blobs, host memory, their alignment. */
TEST_F(file, r32_getparam_not_there)
{
	static const uint32_t params[] = {
		VIRTGPU_PARAM_RESOURCE_BLOB, VIRTGPU_PARAM_HOST_VISIBLE, VIRTGPU_PARAM_CROSS_DEVICE,
	};
	uint64_t value;

	for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
		value = CANARY;
		ASSERT_EQ(0, getparam_to(self->fd, params[i], &value));
		EXPECT_EQ(CANARY >> 32 << 32, value);
	}
	value = CANARY;
	EXPECT_EQ(-ENOENT, getparam_to(self->fd, VIRTGPU_PARAM_BLOB_ALIGNMENT, &value));
	EXPECT_EQ(CANARY, value);
}

/* Row 33. */
TEST_F(file, r33_getparam_errors)
{
	static const uint64_t ids[] = { 0, 10, 11, 64, UINT32_MAX, 1ull << 32, UINT64_MAX };

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = CANARY;

		EXPECT_EQ(-EINVAL, getparam_to(self->fd, ids[i], &value));
		EXPECT_EQ(CANARY, value);
	}
	EXPECT_EQ(-EFAULT, getparam_to(self->fd, VIRTGPU_PARAM_3D_FEATURES, NULL));
}

static int get_caps(int fd, uint32_t id, uint32_t version, void *to, uint32_t size)
{
	struct drm_virtgpu_get_caps c = { .cap_set_id = id, .cap_set_ver = version, .addr = ptr(to), .size = size };
	int ret = call(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c);

	/* Row 35: the caller's size is not touched. */
	return ret ? ret : c.size == size ? 0 : 1;
}

/* Row 34. Versions above the host's, sets that it does not have, a size of 0. */
TEST_F(file, r34_get_caps_refused)
{
	static const uint32_t none[][2] = {
		{ 0, 0 }, { 3, 0 }, { 9999, 0 }, { 33, 1 }, { UINT32_MAX, 0 }, { 1, 2 }, { 2, 3 }, { 2, UINT32_MAX },
	};
	uint8_t caps[64];

	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		memset(caps, 0xa5, sizeof(caps));
		EXPECT_EQ(-EINVAL, get_caps(self->fd, none[i][0], none[i][1], caps, sizeof(caps))) {
			TH_LOG("set %u version %u", none[i][0], none[i][1]);
		}
		EXPECT_EQ(0xa5, caps[0]);
	}
	EXPECT_EQ(-EINVAL, get_caps(self->fd, 1, 1, caps, 0));
	EXPECT_EQ(-EINVAL, get_caps(self->fd, 1, 1, NULL, 0));
}

/* Row 34. As virgl asks: version 2 of the newer set, and the older one where that is not there. */
TEST_F(file, r34_get_caps_fall_back)
{
	uint32_t caps[2048 / 4] = { 0 };
	int ret = get_caps(self->fd, 2, 2, caps, sizeof(caps));

	EXPECT_EQ(0, ret);
	EXPECT_LE(2, caps[0]);
	memset(caps, 0, sizeof(caps));
	EXPECT_EQ(-EINVAL, get_caps(self->fd, 1, 2, caps, sizeof(caps)));
	EXPECT_EQ(0, caps[0]);
	EXPECT_EQ(0, get_caps(self->fd, 1, 1, caps, sizeof(caps)));
	EXPECT_EQ(1, caps[0]);
}

/* Row 35. As many bytes as the set or the caller has, whichever is less. */
TEST_F(file, r35_get_caps_sizes)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 5, 63, 307, 308, 309, 1384, 4000 };
	uint8_t whole[4096], part[4096];
	unsigned int real = sizeof(whole);

	memset(whole, 0xa5, sizeof(whole));
	ASSERT_EQ(0, get_caps(self->fd, 1, 1, whole, sizeof(whole)));
	while (real && whole[real - 1] == 0xa5)
		real--;
	/* The host's figure for this set; what is behind it is the caller's. */
	EXPECT_LE(300, real);
	EXPECT_GE(308, real);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int n = sizes[i] < 308 ? sizes[i] : 308;

		memset(part, 0xa5, sizeof(part));
		ASSERT_EQ(0, get_caps(self->fd, 1, 1, part, sizes[i]));
		EXPECT_EQ(0, memcmp(part, whole, n)) {
			TH_LOG("size %u", sizes[i]);
		}
		for (unsigned int k = n; k < sizeof(part); k++) {
			ASSERT_EQ(0xa5, part[k]);
		}
	}
	/* The largest size that can be asked for is no more than a bound. */
	memset(part, 0xa5, sizeof(part));
	EXPECT_EQ(0, get_caps(self->fd, 1, 1, part, UINT32_MAX));
	EXPECT_EQ(0, memcmp(part, whole, sizeof(part)));
}

/* Row 35. The set ends at the end of a page; a byte more is a fault. */
TEST_F(file, r35_get_caps_pointers)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	EXPECT_EQ(0, get_caps(self->fd, 1, 1, two + page - 308, 4096));
	EXPECT_EQ(-EFAULT, get_caps(self->fd, 1, 1, two + page - 307, 4096));
	EXPECT_EQ(-EFAULT, get_caps(self->fd, 1, 1, two + page, 4));
	EXPECT_EQ(-EFAULT, get_caps(self->fd, 1, 1, NULL, 4));
	munmap(two, 2 * page);
}

static int ask(void *arg)
{
	int fd = open(RENDER, O_RDWR), ret;

	/* A version that nobody has asked for yet. */
	ret = get_caps(fd, 2, 0, arg, 2048);
	close(fd);
	return ret;
}

/* Row 36. First callers at the same time, on files of their own, get the same. */
TEST_F(file, r36_get_caps_together)
{
	uint8_t *caps = mmap(NULL, 8 * 2048, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *args[8];
	int ret[8];

	for (int i = 0; i < 8; i++)
		args[i] = caps + i * 2048;
	together(8, ask, args, ret);
	EXPECT_LE(2, *(uint32_t *)caps);
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(0, ret[i]);
		EXPECT_EQ(0, memcmp(caps, args[i], 2048));
	}
	munmap(caps, 8 * 2048);
}

/* -- CONTEXT_INIT ------------------------------------------------------------------ */

#define CAPSET(id) { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, id }
#define RINGS(n) { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, n }
#define POLLED(mask) { VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, mask }
#define NAME(p) { VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, ptr(p) }

/* CONTEXT_INIT with these parameters on a file of its own. */
static int fresh(uint32_t count, const uint64_t (*params)[2])
{
	int fd = open(RENDER, O_RDWR), ret = context_init(fd, count, params);

	close(fd);
	return ret;
}

#define INIT(...) ({ \
	const uint64_t p_[][2] = { __VA_ARGS__ }; \
	fresh(ARRAY_SIZE(p_), p_); \
})

/* Row 40. */
TEST_F(file, r40_context_init_gate)
{
	const uint64_t five[][2] = { CAPSET(2), RINGS(1), POLLED(0), NAME("name"), POLLED(0) };
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(-EINVAL, fresh(5, five));
	EXPECT_EQ(-EINVAL, fresh(UINT32_MAX, five));
	/* The number is looked at before the pointer. */
	EXPECT_EQ(-EINVAL, fresh(5, NULL));
	EXPECT_EQ(-EFAULT, fresh(1, NULL));
	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	memcpy(two + page - 16, five[0], 16);
	EXPECT_EQ(0, fresh(1, (void *)(two + page - 16)));
	EXPECT_EQ(-EFAULT, fresh(2, (void *)(two + page - 16)));
	munmap(two, 2 * page);
	EXPECT_EQ(0, fresh(4, five));
}

/* Row 40. The second time, and after the context was made by something else. */
TEST_F(file, r40_context_init_exists)
{
	const uint64_t capset[][2] = { CAPSET(2) }, bad[][2] = { CAPSET(99) };
	int other = open(RENDER, O_RDWR);

	ASSERT_EQ(0, context_init(self->fd, 1, capset));
	EXPECT_EQ(-EEXIST, context_init(self->fd, 1, capset));
	EXPECT_EQ(-EEXIST, context_init(self->fd, 1, bad));
	EXPECT_EQ(-EEXIST, context_init(self->fd, 0, NULL));
	/* Row 38: each of these makes one. */
	ASSERT_LT(0, buffer(other, 4096, NULL));
	EXPECT_EQ(-EEXIST, context_init(other, 1, capset));
	close(other);
	other = open(RENDER, O_RDWR);
	ASSERT_EQ(0, exec_words(other, NULL, 0, 0));
	EXPECT_EQ(-EEXIST, context_init(other, 1, capset));
	close(other);
	/* And these do not. */
	other = open(RENDER, O_RDWR);
	EXPECT_EQ(-EINVAL, exec(other, &(struct drm_virtgpu_execbuffer){ .flags = 0x80 }));
	EXPECT_EQ(-ENOENT, wait_for(other, 1, 0));
	EXPECT_EQ(-EINVAL, context_init(other, 1, bad));
	EXPECT_EQ(0, context_init(other, 1, capset));
	close(other);
}

/* Row 41. */
TEST_F(file, r41_capset)
{
	static const uint64_t bad[] = { 0, 3, 4, 62, 63, 64, 255, 1ull << 32 | 2, UINT64_MAX };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, INIT(CAPSET(bad[i]))) {
			TH_LOG("capset %llx", (unsigned long long)bad[i]);
		}
	}
	EXPECT_EQ(0, INIT(CAPSET(1)));
	EXPECT_EQ(0, INIT(CAPSET(2)));
	EXPECT_EQ(-EINVAL, INIT(CAPSET(2), CAPSET(2)));
	EXPECT_EQ(-EINVAL, INIT(CAPSET(1), CAPSET(2)));
}

/* Row 42. */
TEST_F(file, r42_rings)
{
	EXPECT_EQ(0, INIT(RINGS(1)));
	EXPECT_EQ(0, INIT(RINGS(64)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(65)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(1ull << 32 | 1)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(UINT64_MAX)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(2), RINGS(2)));
}

/* Row 42. The C driver warns in the log. */
TEST_F(file, r42_no_rings)
{
	if (on_c_driver())
		SKIP(return, "the C driver lets this run into a warning of the kernel");
	EXPECT_EQ(-EINVAL, INIT(RINGS(0)));
}

/* Row 43. A subset of the rings, whatever the order; 0 always; twice if the first was 0. */
TEST_F(file, r43_polled_rings)
{
	EXPECT_EQ(0, INIT(POLLED(0)));
	EXPECT_EQ(-EINVAL, INIT(POLLED(1)));
	EXPECT_EQ(0, INIT(RINGS(1), POLLED(1)));
	EXPECT_EQ(0, INIT(POLLED(1), RINGS(1)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(1), POLLED(2)));
	EXPECT_EQ(-EINVAL, INIT(POLLED(2), RINGS(1)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(63), POLLED(1ull << 63)));
	EXPECT_EQ(0, INIT(RINGS(64), POLLED(1ull << 63)));
	EXPECT_EQ(0, INIT(RINGS(64), POLLED(UINT64_MAX)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(2), POLLED(1), POLLED(1)));
	EXPECT_EQ(-EINVAL, INIT(RINGS(2), POLLED(1), POLLED(0)));
	EXPECT_EQ(0, INIT(RINGS(2), POLLED(0), POLLED(3)));
}

/* Row 44. */
TEST_F(file, r44_name)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(0, INIT(NAME("a name")));
	EXPECT_EQ(0, INIT(NAME("")));
	EXPECT_EQ(-EINVAL, INIT(NAME("one"), NAME("two")));
	EXPECT_EQ(-EFAULT, INIT(NAME(NULL)));
	EXPECT_EQ(-EFAULT, INIT(CAPSET(2), NAME(NULL)));
	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	memset(two, 'x', page);
	EXPECT_EQ(0, INIT(NAME(two)));
	EXPECT_EQ(-EFAULT, INIT(NAME(two + page - 8)));
	/* As much as is taken of a name, but it has no end and the memory has one. */
	EXPECT_EQ(-EFAULT, INIT(NAME(two + page - 63)));
	two[page - 1] = 0;
	EXPECT_EQ(0, INIT(NAME(two + page - 64)));
	EXPECT_EQ(0, INIT(NAME(two + page - 8)));
	munmap(two, 2 * page);
}

/* Row 45. */
TEST_F(file, r45_unknown_parameters)
{
	static const uint64_t bad[] = { 0, 5, 6, 255, UINT32_MAX, 1ull << 32 | 1, UINT64_MAX };
	const uint64_t capset[][2] = { CAPSET(2) };
	struct drm_virtgpu_context_init c = { .num_params = 1, .pad = UINT32_MAX, .ctx_set_params = ptr(capset) };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, INIT({ bad[i], 1 }));
		EXPECT_EQ(-EINVAL, INIT(CAPSET(2), { bad[i], 1 }));
	}
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c));
}

/* Row 46. */
TEST_F(file, r46_no_parameters)
{
	EXPECT_EQ(0, context_init(self->fd, 0, NULL));
	EXPECT_EQ(-EEXIST, context_init(self->fd, 0, NULL));
	EXPECT_EQ(0, fresh(0, (void *)(uintptr_t)1));
	EXPECT_EQ(0, exec_words(self->fd, NULL, 0, 0));
}

/* Row 47. A call that fails has changed nothing: the next one can have all parameters. */
TEST_F(file, r47_all_or_nothing)
{
	static const uint64_t all[][2] = { CAPSET(2), RINGS(4), POLLED(2), { 4, 0 } };
	const uint64_t bad[][4][2] = {
		{ CAPSET(2), RINGS(3), POLLED(1), CAPSET(2) },
		{ CAPSET(1), RINGS(3), POLLED(8), NAME("name") },
		{ CAPSET(1), RINGS(3), POLLED(1), NAME(NULL) },
		{ CAPSET(1), RINGS(3), POLLED(1), { 77, 0 } },
	};
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_RING_IDX, .ring_idx = 3 };
	uint64_t good[4][2];

	if (on_c_driver())
		SKIP(return, "the C driver keeps what came before the parameter that was refused");
	memcpy(good, all, sizeof(good));
	good[3][1] = ptr("name");
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_NE(0, context_init(self->fd, 4, bad[i]));
	}
	/* Not even rings. */
	EXPECT_EQ(-EINVAL, exec(self->fd, &e));
	EXPECT_EQ(0, context_init(self->fd, 4, good));
	EXPECT_EQ(0, exec(self->fd, &e));
}

/* Row 37. More files than any other limit of the driver, each with a context; they are given back. */
TEST_F_TIMEOUT(file, r37_many_contexts, 120)
{
	for (int round = 0; round < 3; round++) {
		int fds[200], n = 0;

		while (n < 200) {
			fds[n] = open(RENDER, O_RDWR);
			ASSERT_LE(0, fds[n]);
			ASSERT_EQ(0, context_init(fds[n], 0, NULL));
			n++;
		}
		while (n)
			close(fds[--n]);
	}
}

/* Rows 49, 50. A handle that is opened again is another file's too; each closes its own. */
TEST_F(file, r49_handles_of_two_files)
{
	int other = open(RENDER, O_RDWR), dmabuf;
	struct drm_prime_handle p = { 0 };
	uint32_t handle = buffer(self->fd, 4096, NULL);
	uint8_t *mem;

	ASSERT_LT(0, handle);
	dmabuf = export_fd(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	p.fd = dmabuf;
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, call(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p));
	}
	close(dmabuf);
	mem = map(other, p.handle, 4096);
	ASSERT_NE(NULL, mem);
	for (int i = 0; i < 4096; i++)
		mem[i] = pattern(1, i);
	EXPECT_EQ(0, gem_close(self->fd, handle));
	/* The context of the other file is made only now. */
	if (!on_c_driver()) {
		ASSERT_EQ(0, to_host(other, p.handle, (struct area){ .w = 4096, .h = 1 }));
		ASSERT_EQ(0, wait_for(other, p.handle, 0));
		memset(mem, 0, 4096);
		ASSERT_EQ(0, from_host(other, p.handle, (struct area){ .w = 4096, .h = 1 }));
		ASSERT_EQ(0, wait_for(other, p.handle, 0));
		for (int i = 0; i < 4096; i++) {
			ASSERT_EQ(pattern(1, i), mem[i]);
		}
	}
	EXPECT_EQ(0, gem_close(other, p.handle));
	EXPECT_EQ(-EINVAL, gem_close(other, p.handle));
	munmap(mem, 4096);
	close(other);
}

TEST_HARNESS_MAIN
