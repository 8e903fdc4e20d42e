// SPDX-License-Identifier: GPL-2.0
/*
 * Host memory and the window that it is mapped through. Needs a host with Venus,
 * whose contexts have memory for whoever asks (blob 0).
 * The number in a case's name is the row of the acceptance list.
 */
#include "blobs.h"

#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SHAREABLE VIRTGPU_BLOB_FLAG_USE_SHAREABLE
#define DEFERRED DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = open_venus();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(1, getparam(self->fd, VIRTGPU_PARAM_HOST_VISIBLE));
	ASSERT_EQ(0, window_settles(0));
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	EXPECT_EQ(0, window_settles(0));
}

TEST_F(file, r74_memory)
{
	const size_t size = 64 * PAGE + 17;
	struct create_blob b = { .blob_mem = HOST, .blob_flags = MAPPABLE, .size = size };
	struct drm_virtgpu_resource_info i = { 0 };
	uint8_t *p, *q;

	ASSERT_EQ(0, create_blob(self->fd, &b));
	ASSERT_EQ(0, info(self->fd, b.bo_handle, &i));
	EXPECT_EQ(HOST, i.blob_mem);
	EXPECT_EQ(65 * PAGE, i.size);
	EXPECT_EQ(b.res_handle, i.res_handle);
	ASSERT_EQ(0, map_at(self->fd, b.bo_handle, i.size, MAP_SHARED, &p));
	ASSERT_EQ(0, map_at(self->fd, b.bo_handle, i.size, MAP_SHARED, &q));
	fill(p, i.size, 2);
	EXPECT_EQ(0, differ(q, i.size, 2));
	munmap(p, i.size);
	EXPECT_EQ(0, differ(q, i.size, 2));
	/* The object lives as long as something maps it. */
	EXPECT_EQ(0, gem_close(self->fd, b.bo_handle));
	EXPECT_EQ(0, differ(q, i.size, 2));
	EXPECT_EQ(65 * PAGE, window("used"));
	munmap(q, i.size);
	EXPECT_EQ(0, window_settles(0));
}

TEST_F(file, r75_in_the_window_at_once)
{
	ASSERT_NE(0, blob(self->fd, HOST, MAPPABLE, 16 * PAGE, 0));
	EXPECT_EQ(16 * PAGE, window("used"));
	/* Only what is to be mapped. */
	ASSERT_NE(0, blob(self->fd, HOST, SHAREABLE, 16 * PAGE, 0));
	EXPECT_EQ(16 * PAGE, window("used"));
}

TEST_F(file, r76_in_the_window_when_mapped)
{
	uint32_t handle = blob(self->fd, HOST, MAPPABLE, 16 * PAGE, DEFERRED);
	uint8_t *p;

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, window("used"));
	ASSERT_EQ(0, map_at(self->fd, handle, 16 * PAGE, MAP_SHARED, &p));
	EXPECT_EQ(16 * PAGE, window("used"));
	fill(p, 16 * PAGE, 3);
	munmap(p, 16 * PAGE);
	/* And it stays there. */
	EXPECT_EQ(16 * PAGE, window("used"));
	ASSERT_EQ(0, map_at(self->fd, handle, 16 * PAGE, MAP_SHARED, &p));
	EXPECT_EQ(0, differ(p, 16 * PAGE, 3));
	munmap(p, 16 * PAGE);
}

TEST_F(file, r77_not_mappable)
{
	uint32_t handle = blob(self->fd, HOST, SHAREABLE, PAGE, 0);
	uint8_t *p;
	int ret;

	ASSERT_NE(0, handle);
	ret = map_at(self->fd, handle, PAGE, MAP_SHARED, &p);
	/* Venus has none that is not to be mapped: where it was quicker the object is dead. */
	EXPECT_TRUE(ret == -EINVAL || ret == -EIO) {
		TH_LOG("%d", ret);
	}
}

/* The host has no memory of this name: an object that was never made there. */
TEST_F(file, r77_refused_by_the_host)
{
	struct create_blob b = { .blob_mem = HOST, .blob_flags = MAPPABLE, .size = PAGE, .blob_id = 0x1234567 };
	uint64_t start = now_ms();
	uint8_t *p;
	int ret;

	ASSERT_EQ(0, create_blob(self->fd, &b));
	ret = map_at(self->fd, b.bo_handle, PAGE, MAP_SHARED, &p);
	EXPECT_TRUE(ret == -EINVAL || ret == -EIO) {
		TH_LOG("%d", ret);
	}
	EXPECT_GT(4000, now_ms() - start);
}

TEST_F(file, r79_parts)
{
	uint32_t handle = blob(self->fd, HOST, MAPPABLE, 16 * PAGE, 0);
	int64_t offset;
	uint8_t *whole, *part;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, 16 * PAGE, MAP_SHARED, &whole));
	fill(whole, 16 * PAGE, 4);
	ASSERT_EQ(0, map_at(self->fd, handle, 3 * PAGE, MAP_SHARED, &part));
	EXPECT_EQ(0, differ(part, 3 * PAGE, 4));
	offset = offset_of(self->fd, handle);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 17 * PAGE, PROT_READ, MAP_SHARED, self->fd, offset));
	EXPECT_EQ(EINVAL, errno);
	/* A hole in the middle of a mapping, and what is behind it. */
	munmap(whole + 5 * PAGE, 2 * PAGE);
	EXPECT_EQ(pattern(4, 7 * PAGE), whole[7 * PAGE]);
	EXPECT_EQ(pattern(4, 16 * PAGE - 1), whole[16 * PAGE - 1]);
	EXPECT_EQ(pattern(4, 5 * PAGE - 1), whole[5 * PAGE - 1]);
	munmap(whole, 16 * PAGE);
	munmap(part, 3 * PAGE);
}

/* Touched here and there, from the end on. */
TEST_F(file, r79_sparse)
{
	const size_t size = 8 * MIB;
	uint32_t handle = blob(self->fd, HOST, MAPPABLE, size, 0);
	uint8_t *p, *q;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, size, MAP_SHARED, &p));
	for (size_t i = size - 1; i > 300 * PAGE; i -= 257 * PAGE)
		p[i] = i >> 12;
	ASSERT_EQ(0, map_at(self->fd, handle, size, MAP_SHARED, &q));
	for (size_t i = size - 1; i > 300 * PAGE; i -= 257 * PAGE)
		EXPECT_EQ((uint8_t)(i >> 12), q[i]);
	munmap(p, size);
	munmap(q, size);
}

TEST_F(file, r80_fork)
{
	uint32_t handle = blob(self->fd, HOST, MAPPABLE, 4 * PAGE, 0);
	uint8_t *p;
	pid_t child;
	int status = 1;

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(self->fd, handle, 4 * PAGE, MAP_SHARED, &p));
	p[0] = 1;
	child = fork();
	if (!child) {
		p[2 * PAGE] = p[0] + 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, p[2 * PAGE]);
	munmap(p, 4 * PAGE);
}

TEST_F(file, r80_private_copies_are_refused)
{
	uint32_t handle = blob(self->fd, HOST, MAPPABLE, PAGE, 0);
	uint8_t *p;

	if (on_c_driver())
		SKIP(return, "C maps them");
	ASSERT_NE(0, handle);
	EXPECT_EQ(-EINVAL, map_at(self->fd, handle, PAGE, MAP_PRIVATE, &p));
}

/* The window is 512 MiB here. */
TEST_F(file, r75_full)
{
	const uint64_t size = 1ull << 28;
	struct create_blob b = { .blob_mem = HOST, .blob_flags = MAPPABLE, .size = size };
	uint32_t handles[3] = { 0 };

	for (int i = 0; i < 2; i++) {
		b.blob_hints = 0;
		ASSERT_EQ(0, create_blob(self->fd, &b));
		handles[i] = b.bo_handle;
	}
	EXPECT_EQ(0, window("free"));
	EXPECT_EQ(-ENOSPC, create_blob(self->fd, &b));
	EXPECT_EQ(0, gem_close(self->fd, handles[0]));
	EXPECT_EQ((long long)size, window_settles(size));
	EXPECT_EQ(0, create_blob(self->fd, &b));
}

/* W3: nobody waits for a place that there is not. */
TEST_F(file, r77_full_when_mapped)
{
	const uint64_t size = 1ull << 28;
	uint64_t start = now_ms();
	uint32_t late;
	uint8_t *p;

	if (on_c_driver())
		SKIP(return, "C sleeps for ever here (W3)");
	ASSERT_NE(0, blob(self->fd, HOST, MAPPABLE, size, 0));
	late = blob(self->fd, HOST, MAPPABLE, size + PAGE, DEFERRED);
	ASSERT_NE(0, late);
	EXPECT_EQ(-ENOSPC, map_at(self->fd, late, PAGE, MAP_SHARED, &p));
	EXPECT_GT(1000, now_ms() - start);
}

TEST_F(file, r84_larger_than_the_window)
{
	for (uint64_t size = 1ull << 30; size <= 1ull << 40; size <<= 5) {
		struct create_blob b = { .blob_mem = HOST, .blob_flags = MAPPABLE, .size = size };

		EXPECT_EQ(-ENOSPC, create_blob(self->fd, &b));
	}
}

/* Ends of all kinds, and the window is as it was: the fixture looks. */
TEST_F_TIMEOUT(file, many, 400)
{
	const char *cycles = getenv("CYCLES");
	long count = cycles ? atol(cycles) : 1000;

	for (long i = 0; i < count; i++) {
		size_t size = PAGE * (1 + i % 5);
		uint32_t handle = blob(self->fd, HOST, MAPPABLE, size, i % 3 ? 0 : DEFERRED);
		uint8_t *p = NULL;

		ASSERT_NE(0, handle) {
			TH_LOG("cycle %ld: %d", i, errno);
		}
		ASSERT_EQ(0, map_at(self->fd, handle, size, MAP_SHARED, &p));
		p[size - 1] = i;
		if (i % 2)
			munmap(p, size);
		ASSERT_EQ(0, gem_close(self->fd, handle));
		if (i % 2 == 0)
			munmap(p, size);
	}
}

/* Four processes at once. */
static int churn(void *arg)
{
	int fd = open_venus();

	for (long i = 0; i < 200; i++) {
		size_t size = PAGE * (1 + (i + (long)(intptr_t)arg) % 9);
		uint32_t handle = blob(fd, HOST, MAPPABLE, size, i % 2 ? DEFERRED : 0);
		uint8_t *p;

		if (!handle || map_at(fd, handle, size, MAP_SHARED, &p))
			return -1;
		fill(p, size, i);
		if (differ(p, size, i))
			return -2;
		munmap(p, size);
		gem_close(fd, handle);
	}
	close(fd);
	return 0;
}

TEST_F_TIMEOUT(file, places_do_not_meet, 120)
{
	void *args[4] = { (void *)1, (void *)2, (void *)3, (void *)4 };
	int results[4];

	together(4, churn, args, results);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, results[i]);
}

TEST_HARNESS_MAIN
