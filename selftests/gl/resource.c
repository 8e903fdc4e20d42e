// SPDX-License-Identifier: GPL-2.0
/*
 * RESOURCE_CREATE, RESOURCE_INFO, MAP, WAIT and transfers on a device with 3D
 * (rows 51 to 63 and 105 to 110 of the list of what both drivers have to do).
 * What a transfer brings to the host and back is compared byte by byte.
 */
#include "gl.h"
#include <linux/dma-heap.h>
#include <sys/time.h>

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

static int info(int fd, uint32_t handle, struct drm_virtgpu_resource_info *i)
{
	*i = (struct drm_virtgpu_resource_info){ .bo_handle = handle };
	return call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, i);
}

/* Rows 51, 53, 55. */
TEST_F(file, r51_create)
{
	static const uint32_t sizes[][2] = { { 0, 4096 }, { 1, 4096 }, { 4096, 4096 }, { 4097, 8192 }, { 1 << 20, 1 << 20 } };
	struct drm_virtgpu_resource_info i;
	uint32_t last = 0;

	for (unsigned int n = 0; n < ARRAY_SIZE(sizes); n++) {
		struct drm_virtgpu_resource_create c = {
			.target = TARGET_BUFFER, .format = FORMAT_R8, .bind = BIND_VERTEX_BUFFER, .width = 64,
			.height = 1, .depth = 1, .array_size = 1, .size = sizes[n][0],
			/* Row 53: what comes in here is not looked at. */
			.bo_handle = 12345, .res_handle = 54321, .stride = 7,
		};

		ASSERT_EQ(0, resource_create(self->fd, &c));
		ASSERT_EQ(0, info(self->fd, c.bo_handle, &i));
		EXPECT_EQ(sizes[n][1], i.size);
		EXPECT_EQ(c.res_handle, i.res_handle);
		EXPECT_EQ(0, i.blob_mem);
		/* Row 61, and ids count upwards. */
		EXPECT_LT(last, c.res_handle);
		last = c.res_handle;
		EXPECT_EQ(0, gem_close(self->fd, c.bo_handle));
		EXPECT_EQ(-ENOENT, info(self->fd, c.bo_handle, &i));
	}
}

/* Row 51. The driver judges nothing: what makes no sense is between client and host, and nobody hangs. */
TEST_F(file, r51_create_nonsense)
{
	const struct drm_virtgpu_resource_create odd[] = {
		{ .target = 99, .format = 1, .width = 64, .height = 64, .depth = 1, .array_size = 1, .size = 4096 },
		{ .target = 2, .format = 9999, .width = 64, .height = 64, .depth = 1, .array_size = 1, .size = 4096 },
		{ .target = 2, .format = 1, .bind = 2, .width = 1 << 30, .height = 1 << 30, .depth = 1, .array_size = 1 },
		{ .target = 2, .format = 1, .bind = 2, .width = 8, .height = 8, .depth = 1, .array_size = 1, .last_level = 77 },
		{ .target = UINT32_MAX, .format = UINT32_MAX, .bind = UINT32_MAX, .width = UINT32_MAX,
		  .height = UINT32_MAX, .depth = UINT32_MAX, .array_size = UINT32_MAX, .last_level = UINT32_MAX,
		  .nr_samples = UINT32_MAX, .flags = UINT32_MAX },
	};

	for (unsigned int n = 0; n < ARRAY_SIZE(odd); n++) {
		struct drm_virtgpu_resource_create c = odd[n];

		ASSERT_EQ(0, resource_create(self->fd, &c));
		EXPECT_EQ(0, wait_for(self->fd, c.bo_handle, 0));
		EXPECT_EQ(0, gem_close(self->fd, c.bo_handle));
	}
}

/* Row 51. More than there is: an errno. */
TEST_F(file, r51_create_too_large)
{
	struct drm_virtgpu_resource_create c = {
		.target = TARGET_BUFFER, .format = FORMAT_R8, .width = 64, .height = 1, .depth = 1, .array_size = 1,
		.size = UINT32_MAX,
	};
	int ret;

	if (on_c_driver())
		SKIP(return, "the C driver takes all memory page by page");
	ret = resource_create(self->fd, &c);
	if (!ret) {
		EXPECT_EQ(0, gem_close(self->fd, c.bo_handle));
	} else {
		EXPECT_EQ(-ENOMEM, ret);
	}
}

/* Row 54. Busy or not at first; after a wait it is not. */
TEST_F(file, r54_new_object)
{
	for (int n = 0; n < 50; n++) {
		uint32_t handle = buffer(self->fd, 65536, NULL);
		int ret = wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT);

		ASSERT_LT(0, handle);
		ASSERT_TRUE(ret == 0 || ret == -EBUSY);
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		ASSERT_EQ(0, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
		ASSERT_EQ(0, gem_close(self->fd, handle));
	}
}

/* Rows 55, 56, 105, 106, 108. No such handle, another file's handle. */
TEST_F(file, r55_bad_handles)
{
	int other = open(RENDER, O_RDWR);
	uint32_t theirs = 0;

	for (int n = 0; n < 10; n++)
		theirs = buffer(other, 4096, NULL);
	ASSERT_LT(0, theirs);
	for (int n = 0; n < 3; n++) {
		const uint32_t handle = (const uint32_t[]){ 0, theirs, UINT32_MAX }[n];
		struct drm_virtgpu_map m = { .handle = handle };
		struct drm_virtgpu_resource_info i;

		EXPECT_EQ(-ENOENT, info(self->fd, handle, &i));
		EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_VIRTGPU_MAP, &m));
		EXPECT_EQ(-ENOENT, wait_for(self->fd, handle, 0));
		EXPECT_EQ(-ENOENT, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
		EXPECT_EQ(-ENOENT, to_host(self->fd, handle, (struct area){ .w = 1, .h = 1 }));
		EXPECT_EQ(-ENOENT, from_host(self->fd, handle, (struct area){ .w = 1, .h = 1 }));
	}
	close(other);
}

/* Row 55. Not a blob: the field says so, whatever was in it. */
TEST_F(file, r55_not_a_blob)
{
	struct drm_virtgpu_resource_info i = { .blob_mem = 77 };

	if (on_c_driver())
		SKIP(return, "the C driver leaves what was there");
	i.bo_handle = buffer(self->fd, 4096, NULL);
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i));
	EXPECT_EQ(0, i.blob_mem);
}

/* Rows 56, 57. Zero at first; two mappings and a child show the same pages. */
TEST_F(file, r57_map)
{
	uint32_t handle = buffer(self->fd, 3 * 4096, NULL);
	struct drm_virtgpu_map m = { .handle = handle };
	uint8_t *one, *two;
	int status;

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_VIRTGPU_MAP, &m));
	EXPECT_NE(0, m.offset);
	one = map(self->fd, handle, 3 * 4096);
	two = map(self->fd, handle, 3 * 4096);
	ASSERT_NE(NULL, one);
	ASSERT_NE(NULL, two);
	for (int i = 0; i < 3 * 4096; i++) {
		ASSERT_EQ(0, one[i]);
	}
	one[4096] = 1;
	EXPECT_EQ(1, two[4096]);
	if (fork() == 0) {
		two[8192] = 2;
		_exit(0);
	}
	wait(&status);
	EXPECT_EQ(2, one[8192]);
	/* The mapping outlives the handle. */
	EXPECT_EQ(0, gem_close(self->fd, handle));
	one[12287] = 3;
	EXPECT_EQ(3, two[12287]);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, m.offset));
	munmap(one, 3 * 4096);
	munmap(two, 3 * 4096);
}

/* Row 56. Another file may not map what it has no handle of; beyond the end is nothing. */
TEST_F(file, r56_map_refused)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	struct drm_virtgpu_map m = { .handle = handle };
	int other = open(RENDER, O_RDWR);

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_VIRTGPU_MAP, &m));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, m.offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->fd, m.offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, m.offset + 4096));
	close(other);
}

/* Row 56. What another driver has made can not be brought in on this device, and so not be mapped. */
TEST_F(file, r56_nothing_imported)
{
	struct dma_heap_allocation_data d = { .len = 4096, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	struct drm_prime_handle p = { 0 };

	ASSERT_LE(0, heap);
	ASSERT_EQ(0, call(heap, DMA_HEAP_IOCTL_ALLOC, &d));
	p.fd = d.fd;
	EXPECT_EQ(-ENODEV, call(self->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p));
	EXPECT_EQ(0, p.handle);
	close(d.fd);
	close(heap);
}

/* Row 63. Names for all, which old ways of sharing use. */
TEST_F(file, r63_flink)
{
	int card = open(CARD, O_RDWR), two = open(CARD, O_RDWR);
	uint32_t resource, handle = buffer(card, 4096, &resource);
	struct drm_gem_flink f = { .handle = handle };
	struct drm_virtgpu_resource_info i;
	struct drm_gem_open o = { 0 };

	ASSERT_EQ(0, call(card, DRM_IOCTL_GEM_FLINK, &f));
	o.name = f.name;
	ASSERT_EQ(0, call(two, DRM_IOCTL_GEM_OPEN, &o));
	EXPECT_EQ(4096, o.size);
	ASSERT_EQ(0, info(two, o.handle, &i));
	EXPECT_EQ(resource, i.res_handle);
	close(two);
	close(card);
}

/* -- WAIT -------------------------------------------------------------------------- */

/* Row 105. Not waiting on something busy, unknown flags, a wait that ends with the fence. */
TEST_F(file, r105_wait)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1);

	ASSERT_LE(0, fence);
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	EXPECT_EQ(0, wait_for(self->fd, handle, 0xfffffffe));
	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, UINT32_MAX));
	if (fork() == 0) {
		sleep_ms(300);
		sw_advance(timeline, 1);
		_exit(0);
	}
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	EXPECT_EQ(1, fence_status(fence));
	EXPECT_EQ(0, wait_for(self->fd, handle, VIRTGPU_WAIT_NOWAIT));
	wait(NULL);
	close(fence);
	close(timeline);
}

/* Row 105. A wait does not last for ever. */
TEST_F_TIMEOUT(file, r105_wait_times_out, 60)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1);
	uint64_t from = now_ms();

	if (getenv("VGPU_QUICK") && *getenv("VGPU_QUICK"))
		SKIP(return, "takes 15 seconds: not in the gate");
	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	EXPECT_EQ(-EBUSY, wait_for(self->fd, handle, 0));
	EXPECT_LE(14500, now_ms() - from);
	EXPECT_GE(25000, now_ms() - from);
	sw_advance(timeline, 1);
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	close(fence);
	close(timeline);
}

static void nothing(int signal)
{
}

/* Row 105. A signal ends it. */
TEST_F(file, r105_wait_interrupted)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1);
	struct itimerval t = { .it_value.tv_usec = 200000, .it_interval.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = nothing };

	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	EXPECT_EQ(-EINTR, wait_for(self->fd, handle, 0));
	memset(&t, 0, sizeof(t));
	setitimer(ITIMER_REAL, &t, NULL);
	sw_advance(timeline, 1);
	EXPECT_EQ(0, wait_for(self->fd, handle, 0));
	close(fence);
	close(timeline);
}

/* -- transfers ----------------------------------------------------------------------- */

/* Rows 106, 108. The host keeps the lines of these objects: none may be given. */
TEST_F(file, r106_lines_refused)
{
	uint32_t handle = picture(self->fd, 16, 16, 1, NULL);

	for (int n = 1; n < 4; n++) {
		struct drm_virtgpu_3d_transfer_to_host t = {
			.bo_handle = handle, .box = { .w = 16, .h = 16, .d = 1 },
			.stride = n & 1 ? 64 : 0, .layer_stride = n & 2 ? 1024 : 0,
		};
		struct drm_virtgpu_3d_transfer_from_host f = {
			.bo_handle = handle, .box = { .w = 16, .h = 16, .d = 1 },
			.stride = n & 1 ? 64 : 0, .layer_stride = n & 2 ? 1024 : 0,
		};

		EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &t));
		EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &f));
	}
}

/* What is in the buffer goes to the host and comes back, and nothing else of the pages changes. */
static int round_trip(int fd, uint32_t handle, uint8_t *mem, size_t size, struct area a, uint32_t seed)
{
	for (size_t i = 0; i < size; i++)
		mem[i] = pattern(seed, i);
	if (to_host(fd, handle, a) || wait_for(fd, handle, 0))
		return -1;
	memset(mem, 0x5a, size);
	if (from_host(fd, handle, a) || wait_for(fd, handle, 0))
		return -2;
	return 0;
}

/* Rows 106, 108, 109. */
TEST_F(file, r106_buffer_there_and_back)
{
	static const struct area areas[] = {
		{ .w = 65536, .h = 1 }, { .w = 1, .h = 1 }, { .x = 65535, .w = 1, .h = 1, .offset = 65535 },
		{ .x = 100, .w = 1000, .h = 1, .offset = 100 }, { .x = 100, .w = 1000, .h = 1, .offset = 5000 },
		{ .x = 4000, .w = 10000, .h = 1, .offset = 4000 }, { .x = 4095, .w = 2, .h = 1, .offset = 0 },
	};
	uint32_t handle = buffer(self->fd, 65536, NULL);
	uint8_t *mem = map(self->fd, handle, 65536);

	ASSERT_NE(NULL, mem);
	for (unsigned int n = 0; n < ARRAY_SIZE(areas); n++) {
		const struct area *a = &areas[n];

		ASSERT_EQ(0, round_trip(self->fd, handle, mem, 65536, *a, n));
		for (uint32_t i = 0; i < 65536; i++) {
			int in = i >= a->offset && i < a->offset + a->w;

			ASSERT_EQ(in ? pattern(n, i) : 0x5a, mem[i]) {
				TH_LOG("area %u, byte %u", n, i);
			}
		}
	}
	munmap(mem, 65536);
}

/* Rows 60, 106, 108. An object of many pages. */
TEST_F(file, r106_large_there_and_back)
{
	const size_t size = 16 * MIB;
	uint32_t handle = buffer(self->fd, size, NULL);
	uint8_t *mem = map(self->fd, handle, size);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, round_trip(self->fd, handle, mem, size, (struct area){ .w = size, .h = 1 }, 9));
	for (size_t i = 0; i < size; i++) {
		ASSERT_EQ(pattern(9, i), mem[i]);
	}
	munmap(mem, size);
}

/* Rows 106, 108. Rectangles of a picture and of its second level. */
TEST_F(file, r106_picture_there_and_back)
{
	enum { W = 64, H = 32, SIZE = W * H * 8 };
	static const struct area areas[] = {
		{ .w = W, .h = H },
		{ .x = 5, .y = 3, .w = 16, .h = 8, .offset = (3 * W + 5) * 4 },
		{ .x = W - 1, .y = H - 1, .w = 1, .h = 1, .offset = ((H - 1) * W + W - 1) * 4 },
		{ .w = W / 2, .h = H / 2, .level = 1, .offset = W * H * 4 },
		{ .x = 1, .y = 2, .w = 7, .h = 5, .level = 1, .offset = W * H * 4 + (2 * W / 2 + 1) * 4 },
	};
	uint32_t handle = picture(self->fd, W, H, 2, NULL);
	uint8_t *mem = map(self->fd, handle, SIZE);

	ASSERT_NE(NULL, mem);
	for (unsigned int n = 0; n < ARRAY_SIZE(areas); n++) {
		const struct area *a = &areas[n];
		const uint32_t line = (W >> a->level) * 4;

		ASSERT_EQ(0, round_trip(self->fd, handle, mem, SIZE, *a, 20 + n));
		for (uint32_t i = 0; i < SIZE; i++) {
			uint32_t from = i - a->offset;
			int in = i >= a->offset && from / line < a->h && from % line < a->w * 4;

			ASSERT_EQ(in ? pattern(20 + n, i) : 0x5a, mem[i]) {
				TH_LOG("area %u, byte %u", n, i);
			}
		}
	}
	munmap(mem, SIZE);
}

/* Row 106. What two objects hold on the host are two things; a transfer of part keeps the rest. */
TEST_F(file, r106_objects_are_apart)
{
	uint32_t h[2] = { buffer(self->fd, 8192, NULL), buffer(self->fd, 8192, NULL) };
	uint8_t *mem[2] = { map(self->fd, h[0], 8192), map(self->fd, h[1], 8192) };

	ASSERT_NE(NULL, mem[0]);
	ASSERT_NE(NULL, mem[1]);
	memset(mem[0], 1, 8192);
	memset(mem[1], 2, 8192);
	for (int n = 0; n < 2; n++) {
		ASSERT_EQ(0, to_host(self->fd, h[n], (struct area){ .w = 8192, .h = 1 }));
	}
	ASSERT_EQ(0, wait_for(self->fd, h[0], 0));
	memset(mem[0], 3, 8192);
	ASSERT_EQ(0, to_host(self->fd, h[0], (struct area){ .x = 1000, .w = 10, .h = 1, .offset = 1000 }));
	for (int n = 0; n < 2; n++) {
		ASSERT_EQ(0, wait_for(self->fd, h[n], 0));
		memset(mem[n], 0, 8192);
		ASSERT_EQ(0, from_host(self->fd, h[n], (struct area){ .w = 8192, .h = 1 }));
		ASSERT_EQ(0, wait_for(self->fd, h[n], 0));
	}
	for (int i = 0; i < 8192; i++) {
		ASSERT_EQ(i >= 1000 && i < 1010 ? 3 : 1, mem[0][i]);
		ASSERT_EQ(2, mem[1][i]);
	}
}

/* Row 109. Boxes and offsets beyond everything: the host says no, or little happens; nobody hangs. */
TEST_F(file, r109_boxes_beyond)
{
	static const struct area areas[] = {
		{ .x = 1 << 30, .w = 16, .h = 1 }, { .w = UINT32_MAX, .h = UINT32_MAX }, { .w = 16, .h = 1, .offset = UINT32_MAX },
		{ .w = 16, .h = 1, .level = 99 }, { .x = UINT32_MAX, .y = UINT32_MAX, .w = 1, .h = 1 }, { .w = 0, .h = 0 },
		{ .w = 16, .h = 1, .offset = 4090 },
	};
	int other = open(RENDER, O_RDWR);
	uint32_t handle = buffer(self->fd, 4096, NULL), theirs = buffer(other, 4096, NULL);
	uint8_t *mem = map(other, theirs, 4096);

	for (unsigned int n = 0; n < ARRAY_SIZE(areas); n++) {
		ASSERT_EQ(0, to_host(self->fd, handle, areas[n]));
		ASSERT_EQ(0, from_host(self->fd, handle, areas[n]));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	}
	/* Another client is none the worse for it. */
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, round_trip(other, theirs, mem, 4096, (struct area){ .w = 4096, .h = 1 }, 3));
	for (int i = 0; i < 4096; i++) {
		ASSERT_EQ(pattern(3, i), mem[i]);
	}
	close(other);
}

/* Rows 49, 58. A dumb buffer that was there before the context. */
TEST_F(file, r49_dumb_before_context)
{
	struct drm_mode_create_dumb d = { .width = 64, .height = 16, .bpp = 32 };
	int card = open(CARD, O_RDWR);
	uint8_t *mem;

	ASSERT_EQ(0, call(card, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	if (on_c_driver())
		SKIP(return, "the C driver never tells the context of handles from before it");
	ASSERT_EQ(0, context_init(card, 0, NULL));
	mem = map(card, d.handle, d.size);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, round_trip(card, d.handle, mem, 4096, (struct area){ .w = 64, .h = 16 }, 5));
	for (int i = 0; i < 4096; i++) {
		/* The fourth byte of each pixel is nobody's. */
		if (i % 4 != 3) {
			ASSERT_EQ(pattern(5, i), mem[i]);
		}
	}
	close(card);
}

/* Row 62. Handles closed, files closed, with transfers under way. */
TEST_F(file, r62_closed_while_busy)
{
	for (int n = 0; n < 20; n++) {
		int fd = open(RENDER, O_RDWR);
		uint32_t handle = buffer(fd, MIB, NULL);

		ASSERT_LT(0, handle);
		for (int i = 0; i < 8; i++) {
			ASSERT_EQ(0, to_host(fd, handle, (struct area){ .w = MIB, .h = 1 }));
			ASSERT_EQ(0, from_host(fd, handle, (struct area){ .w = MIB, .h = 1 }));
		}
		if (n & 1) {
			ASSERT_EQ(0, gem_close(fd, handle));
		}
		close(fd);
	}
}

/* -- behind the DMA API ---------------------------------------------------------------
 *
 * Where the group has said so with VGPU_DMA, pages that the host writes to are copies of
 * the object's, which are brought back as a whole when a transfer ends. Of the rest these
 * cases hold on every device.
 */

static int behind_dma_api(void)
{
	const char *dma = getenv("VGPU_DMA");

	return dma && *dma;
}

/* Row 110. What the host does not write stays as it is, whatever the pages held at other times. */
TEST_F(file, r110_untouched)
{
	enum { SIZE = 8 * 4096 };
	uint32_t handle = buffer(self->fd, SIZE, NULL);
	uint8_t *mem = map(self->fd, handle, SIZE);

	ASSERT_NE(NULL, mem);
	memset(mem, 0x11, SIZE);
	ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = SIZE, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	for (int n = 0; n < 50; n++) {
		struct area a = { .x = n * 613 % (SIZE - 100), .w = 1 + n * 7 % 100, .h = 1 };

		a.offset = a.x;
		/* Never handed over. */
		for (int i = 0; i < SIZE; i++)
			mem[i] = pattern(n, i);
		ASSERT_EQ(0, from_host(self->fd, handle, a));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		for (uint32_t i = 0; i < SIZE; i++) {
			ASSERT_EQ(i >= a.x && i < a.x + a.w ? 0x11 : pattern(n, i), mem[i]) {
				TH_LOG("round %d, byte %u of %u +%u", n, i, a.x, a.w);
			}
		}
	}
	munmap(mem, SIZE);
}

/* Row 110. Both ways in a queue, without a wait between them, and the host is slow. */
TEST_F(file, r110_both_ways_queued)
{
	enum { SIZE = 16 * 4096, HALF = SIZE / 2, WORDS = 32 * 1024 };
	uint32_t handle = buffer(self->fd, SIZE, NULL), *nops = calloc(WORDS, 4);
	uint8_t *mem = map(self->fd, handle, SIZE);

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, nops);
	for (int n = 0; n < 10; n++) {
		const struct area low = { .w = HALF, .h = 1 }, high = { .x = HALF, .w = HALF, .h = 1, .offset = HALF };

		for (int i = 0; i < SIZE; i++)
			mem[i] = pattern(n, i);
		ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = SIZE, .h = 1 }));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		/* The low half comes back, the high half has something new for the host. */
		memset(mem, 0, HALF);
		memset(mem + HALF, 0x40 + n, HALF);
		for (int i = 0; i < 8; i++) {
			ASSERT_EQ(0, exec_words(self->fd, nops, WORDS, 0));
		}
		ASSERT_EQ(0, from_host(self->fd, handle, low));
		ASSERT_EQ(0, to_host(self->fd, handle, high));
		ASSERT_EQ(0, from_host(self->fd, handle, low));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		for (int i = 0; i < SIZE; i++) {
			ASSERT_EQ(i < HALF ? pattern(n, i) : 0x40 + n, mem[i]) {
				TH_LOG("round %d, byte %d", n, i);
			}
		}
		memset(mem, 0, SIZE);
		ASSERT_EQ(0, from_host(self->fd, handle, high));
		ASSERT_EQ(0, wait_for(self->fd, handle, 0));
		for (int i = HALF; i < SIZE; i++) {
			ASSERT_EQ(0x40 + n, mem[i]);
		}
	}
	free(nops);
	munmap(mem, SIZE);
}

struct part {
	int fd, up;
	uint32_t handle, from, len;
};

/* Brings a part of an object from the host, or to it, again and again; how often it was not right. */
static int go_on(void *arg)
{
	const struct part *p = arg;
	const struct area a = { .x = p->from, .w = p->len, .h = 1, .offset = p->from };
	uint8_t *mem = map(p->fd, p->handle, p->from + p->len);
	int wrong = 0;

	for (int n = 0; n < 150; n++) {
		if (p->up) {
			if (to_host(p->fd, p->handle, a))
				return -1;
			continue;
		}
		memset(mem + p->from, 0, p->len);
		if (from_host(p->fd, p->handle, a) || wait_for(p->fd, p->handle, 0))
			return -2;
		for (uint32_t i = p->from; i < p->from + p->len; i++)
			if (mem[i] != pattern(77, i)) {
				wrong++;
				break;
			}
	}
	return wrong;
}

/* Row 110. Parts of one object, each somebody else's, up and down at the same time. */
TEST_F(file, r110_parts_together)
{
	enum { PART = 4 * 4096, PARTS = 4 };
	uint32_t handle = buffer(self->fd, PARTS * PART, NULL);
	uint8_t *mem = map(self->fd, handle, PARTS * PART);
	struct part parts[PARTS];
	void *args[PARTS];
	int wrong[PARTS];

	ASSERT_NE(NULL, mem);
	for (int i = 0; i < PARTS * PART; i++)
		mem[i] = pattern(77, i);
	ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = PARTS * PART, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	for (int i = 0; i < PARTS; i++) {
		parts[i] = (struct part){ .fd = self->fd, .handle = handle, .from = i * PART, .len = PART, .up = i == 3 };
		args[i] = &parts[i];
	}
	together(PARTS, go_on, args, wrong);
	for (int i = 0; i < PARTS; i++) {
		EXPECT_EQ(0, wrong[i]);
	}
	munmap(mem, PARTS * PART);
}

/* Row 110. What was before it is over when the pages are copied for a transfer from the host. */
TEST_F(file, r110_waits_for_fences)
{
	uint32_t handle = buffer(self->fd, 4096, NULL);
	int timeline = sw_timeline(), fence = sw_fence(timeline, 1), status;
	uint8_t *mem = map(self->fd, handle, 4096);
	struct itimerval t = { .it_value.tv_usec = 200000, .it_interval.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = nothing };
	const struct area few = { .w = 16, .h = 1 };

	ASSERT_NE(NULL, mem);
	memset(mem, 0x33, 4096);
	ASSERT_EQ(0, to_host(self->fd, handle, (struct area){ .w = 4096, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	memset(mem, 0, 4096);
	ASSERT_EQ(0, make_busy(self->fd, handle, fence));
	if (behind_dma_api()) {
		/* A signal ends the wait, and nothing has been asked for. */
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
		EXPECT_EQ(-EINTR, from_host(self->fd, handle, few));
		memset(&t, 0, sizeof(t));
		setitimer(ITIMER_REAL, &t, NULL);
	}
	if (fork() == 0) {
		sleep_ms(300);
		/* Whoever makes it busy is a writer, and done with the fence. */
		memset(mem, 0x44, 4096);
		sw_advance(timeline, 1);
		_exit(0);
	}
	ASSERT_EQ(0, from_host(self->fd, handle, few));
	if (behind_dma_api()) {
		EXPECT_EQ(1, fence_status(fence));
	}
	ASSERT_EQ(0, wait_for(self->fd, handle, 0));
	wait(&status);
	for (int i = 0; i < 4096; i++) {
		/* Without copies nobody waits for the writer. */
		if (i >= 16 || behind_dma_api()) {
			ASSERT_EQ(i < 16 ? 0x33 : 0x44, mem[i]);
		}
	}
	close(fence);
	close(timeline);
	munmap(mem, 4096);
}

TEST_HARNESS_MAIN
