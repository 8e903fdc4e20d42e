// SPDX-License-Identifier: GPL-2.0
/*
 * Submissions whose turn has not come, on the test host, which sees each of them start and end: EXECBUFFER
 * returns, jobs of eight rings keep their order, a compositor never sees the frame before, and the word by which a
 * native context tells how far it is never goes back. Once with the guest waiting, once with the host.
 */
#include "fences.h"

#define SIZE 4096
#define JOBS 1000

static int in_order(int fence)
{
	return signals(fence, 30000) && fence_status(fence) == 1;
}

FIXTURE(host)
{
	int fd, timeline;
	uint32_t resource, handle, now;
};

FIXTURE_VARIANT(host)
{
	int pass;
};

FIXTURE_VARIANT_ADD(host, guest_waits)
{
	.pass = 0,
};

FIXTURE_VARIANT_ADD(host, host_waits)
{
	.pass = 1,
};

FIXTURE_SETUP(host)
{
	if (on_c_driver())
		SKIP(return, "the C driver waits for fences inside the ioctl");
	many_files();
	self->timeline = sw_timeline();
	ASSERT_LE(0, self->timeline);
	self->fd = open_context(TEST_CAPSET, variant->pass);
	ASSERT_LE(0, self->fd);
	self->handle = buffer(self->fd, SIZE, &self->resource);
	ASSERT_NE(0, self->handle);
	self->now = 0;
}

FIXTURE_TEARDOWN(host)
{
	close(self->timeline);
	close(self->fd);
}

TEST_F(host, returns_at_once)
{
	uint32_t flags = variant->pass ? SHARED : 0;
	int in = sw_fence(self->timeline, 1), out;

	out = GIVE(self->fd, 1, in, flags, WRITE(self->resource, 0, 1));
	ASSERT_LE(0, out);
	/* It is back, and what it was told to wait for is not over: nobody but this process can end that. */
	EXPECT_EQ(0, fence_status(in));
	EXPECT_FALSE(signals(out, 300));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	EXPECT_TRUE(in_order(out));
	EXPECT_TRUE(in_order(GIVE(self->fd, 1, -1, flags, EXPECT_WORD(self->resource, 0, 1))));
}

/* Each job finds what the one before it on its ring has left. */
TEST_F_TIMEOUT(host, a_thousand_on_eight_rings, 170)
{
	uint32_t flags = variant->pass ? SHARED : 0, turn[JOBS], values = 10, *words;
	int *fences = calloc(JOBS, sizeof(int)), other = open_context(TEST_CAPSET, variant->pass), out;
	uint32_t theirs, resource;

	ASSERT_NE(NULL, fences);
	ASSERT_LE(0, other);
	srandom(1);
	for (uint32_t i = 0; i < JOBS; i++) {
		int in;

		turn[i] = 1 + random() % values;
		in = sw_fence(self->timeline, turn[i]);
		fences[i] = GIVE(self->fd, i % 8, in, flags, EXPECT_WORD(self->resource, i % 8 * 4, i / 8),
				 ADD(self->resource, i % 8 * 4, 1));
		ASSERT_LE(0, fences[i]);
		close(in);
	}
	for (int i = 0; i < JOBS; i++)
		ASSERT_EQ(0, fence_status(fences[i]));
	/* Others are not held up by that, from before and from now. */
	theirs = buffer(other, SIZE, &resource);
	ASSERT_NE(0, theirs);
	for (int i = 0; i < 20; i++) {
		out = GIVE(other, i % 8, -1, flags, ADD(resource, 0, 1));
		ASSERT_TRUE(in_order(out));
		close(out);
	}
	for (uint32_t value = 1; value <= values; value++) {
		int over[8] = { 0 }, held = -1;

		for (int i = 0; i < JOBS && held < 0; i++)
			if (turn[i] > value)
				held = i;
		ASSERT_EQ(0, sw_advance(self->timeline, 1));
		if (held > 0)
			EXPECT_TRUE(in_order(fences[held - 1]));
		/* From the last one, so that one that ends meanwhile is seen no earlier than those before it. */
		for (int i = JOBS - 1; i >= 0; i--) {
			int status = fence_status(fences[i]);

			if (held >= 0 && i >= held)
				EXPECT_EQ(0, status);
			if (over[i % 8])
				EXPECT_EQ(1, status);
			over[i % 8] |= status != 0;
		}
	}
	for (int i = 0; i < JOBS; i++) {
		ASSERT_TRUE(in_order(fences[i]));
		close(fences[i]);
	}
	words = map(self->fd, self->handle, SIZE);
	ASSERT_EQ(0, from_host(self->fd, self->handle, (struct area){ .w = SIZE, .h = 1 }));
	ASSERT_EQ(0, wait_for(self->fd, self->handle, 0));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(JOBS / 8, words[i]);
	munmap(words, SIZE);
	free(fences);
	close(other);
}

/* A client draws into its buffer when a fence lets it; a compositor that names the buffer comes after that. */
TEST_F_TIMEOUT(host, the_old_frame_is_never_seen, 170)
{
	enum { FRAMES = 200 };
	uint32_t flags = variant->pass ? SHARED : 0, bos[2], screen;
	int compositor = open_context(TEST_CAPSET, variant->pass), drawn[FRAMES], shown[FRAMES], early = 0;

	ASSERT_LE(0, compositor);
	ASSERT_EQ(0, hand_over(self->fd, self->handle, compositor, &bos[0]));
	bos[1] = buffer(compositor, SIZE, &screen);
	ASSERT_NE(0, bos[0]);
	ASSERT_NE(0, bos[1]);
	srandom(2);
	for (uint32_t i = 0; i < FRAMES; i++) {
		const uint32_t draw[] = { FILL(self->resource, 0, SIZE, i) };
		const uint32_t show[] = { CHECK(self->resource, 0, SIZE, i), COPY(self->resource, 0, screen, 0, SIZE) };
		int in = sw_fence(self->timeline, i + 1);

		drawn[i] = give(self->fd, random() % 4, in, flags, draw, sizeof(draw), &self->handle, 1);
		ASSERT_LE(0, drawn[i]);
		close(in);
		shown[i] = give(compositor, random() % 4, -1, flags, show, sizeof(show), bos, 2);
		ASSERT_LE(0, shown[i]);
		early += fence_status(shown[i]) != 0 && fence_status(drawn[i]) == 0;
		while (self->now + random() % 4 < i + 1) {
			ASSERT_EQ(0, sw_advance(self->timeline, 1));
			self->now++;
		}
		if (random() % 16 == 0)
			sleep_ms(random() % 10);
	}
	ASSERT_EQ(0, sw_advance(self->timeline, FRAMES));
	for (int i = 0; i < FRAMES; i++) {
		EXPECT_TRUE(in_order(drawn[i]));
		EXPECT_TRUE(in_order(shown[i]));
		close(drawn[i]);
		close(shown[i]);
	}
	EXPECT_EQ(0, early);
	close(compositor);
}

/* -- a native context, driven as Mesa's vdrm drives it ----------------------------- */

struct page {
	volatile uint32_t seqno, answers, lost;
};

/* What a process sees that does nothing but look: how often the word goes back, and how many values it has had. */
struct look {
	volatile uint32_t stop, back, values;
};

static void watch(const struct page *page, struct look *look)
{
	uint32_t last = page->seqno;

	while (!look->stop) {
		uint32_t now = page->seqno;

		look->back += (int32_t)(now - last) < 0;
		look->values += now != last;
		last = now;
	}
	_exit(0);
}

/* A blob of the host's; its handle, 0 for none. `request` is what makes its object. */
static uint32_t blob(int fd, uint64_t id, uint32_t size, const uint32_t *request, uint32_t bytes, uint32_t *resource)
{
	struct drm_virtgpu_resource_create_blob c = {
		.blob_mem = VIRTGPU_BLOB_MEM_HOST3D, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE, .size = size,
		.cmd = ptr(request), .cmd_size = bytes, .blob_id = id,
	};

	if (call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &c))
		return 0;
	if (resource)
		*resource = c.res_handle;
	return c.bo_handle;
}

TEST_F_TIMEOUT(host, the_sequence_word_never_goes_back, 170)
{
	enum { REQUESTS = 600, OBJECTS = 8, KEPT = 64 };
	uint32_t flags = variant->pass ? SHARED : 0, handle, seqno = 0, parked = 0;
	struct { uint32_t handle, resource, sum; } objects[OBJECTS] = { 0 };
	int fd = open_context(NATIVE_CAPSET, variant->pass), kept[KEPT], failed = 0;
	struct look *look = common(4096);
	struct page *page;
	pid_t child;

	if (fd == -EINVAL)
		SKIP(return, "a host without native contexts");
	ASSERT_LE(0, fd);
	memset(kept, -1, sizeof(kept));
	handle = blob(fd, 0, 0x4000, NULL, 0, NULL);
	ASSERT_NE(0, handle);
	page = map(fd, handle, 0x4000);
	ASSERT_NE(NULL, page);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		watch(page, look);
	srandom(3);
	for (int i = 0; i < REQUESTS; i++) {
		int k = random() % OBJECTS, in = -1, out;

		if (random() % 3 == 0) {
			in = sw_fence(self->timeline, self->now + 1 + random() % 3);
			parked++;
		}
		/* A fence of its own from another ring is one that the host may wait for. */
		if (random() % 3 == 0 && kept[i % KEPT] >= 0)
			in = merged(in, dup(kept[i % KEPT]));
		seqno++;
		if (!objects[k].handle) {
			const uint32_t make[] = { 2, 32, seqno, 0, i + 1, 0, SIZE, 0 };

			objects[k].handle = blob(fd, i + 1, SIZE, make, sizeof(make), &objects[k].resource);
			ASSERT_NE(0, objects[k].handle);
			objects[k].sum = 0;
			close(in);
			continue;
		}
		if (random() % 4 == 0) {
			out = GIVE(fd, 0, in, flags, 4, 24, seqno, i % 64 * 8, i, 0);
		} else {
			uint32_t words[] = { 3, 16 + 10 * 4, seqno, 0, EXPECT_WORD(objects[k].resource, 0, objects[k].sum),
					     ADD(objects[k].resource, 0, 1), PAUSE(random() % 500) };

			/* Rings do not wait for each other, so an object has one. */
			out = give(fd, 1 + k, in, flags, words, sizeof(words), &objects[k].handle, 1);
			objects[k].sum++;
		}
		ASSERT_LE(0, out);
		close(in);
		if (kept[i % KEPT] >= 0) {
			failed += fence_status(kept[i % KEPT]) < 0;
			close(kept[i % KEPT]);
		}
		kept[i % KEPT] = out;
		if (random() % 3 == 0) {
			ASSERT_EQ(0, sw_advance(self->timeline, 1));
			self->now++;
		}
		if (random() % 20 == 0) {
			ASSERT_EQ(0, gem_close(fd, objects[k].handle));
			objects[k].handle = 0;
		}
	}
	ASSERT_EQ(0, sw_advance(self->timeline, 10));
	for (int i = 0; i < KEPT; i++)
		if (kept[i] >= 0)
			EXPECT_TRUE(in_order(kept[i]));
	for (int i = 0; i < 10000 && page->seqno != seqno; i++)
		sleep_ms(1);
	EXPECT_EQ(seqno, page->seqno);
	EXPECT_EQ(0, page->lost);
	EXPECT_EQ(0, failed);
	look->stop = 1;
	waitpid(child, NULL, 0);
	EXPECT_EQ(0, look->back);
	EXPECT_LT(10, look->values);
	EXPECT_LT(100, parked);
	TH_LOG("%u requests, %u with a fence of the guest's, %u values seen", seqno, parked, look->values);
	munmap(page, 0x4000);
	close(fd);
}

TEST_HARNESS_MAIN
