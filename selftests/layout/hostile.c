// SPDX-License-Identifier: GPL-2.0
/*
 * DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT on a host that answers late, wrong or not at all.
 *
 * LAYOUT_REPLY says what it does: "nonsense" (no answer that can be taken, however it is asked),
 * "script" (the faults of scenarios/hostile.toml, in their order), "never".
 */
#include "layout.h"

FIXTURE(file)
{
	int fd, card;
};

FIXTURE_SETUP(file)
{
	self->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	self->card = open(CARD, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->card, 0);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	close(self->card);
}

static int reply_is(const char *kind)
{
	const char *reply = getenv("LAYOUT_REPLY");

	return reply && !strcmp(reply, kind);
}

/* Whether something else still works: a buffer, and a picture that goes to the host and back. */
static int works(int fd, int card, uint32_t picture)
{
	uint32_t pitch, handle = dumb(card, 100, 10, &pitch);
	struct area all = { .w = 100, .h = 50 };
	layout_t q;

	return handle && !query(card, handle, &q) && is_layout(&q, 0, pitch) && !to_host(fd, picture, all) &&
	       !wait_for(fd, picture, 0);
}

TEST_F(file, nonsense_is_an_error)
{
	uint32_t handle;
	layout_t q;

	if (!reply_is("nonsense"))
		SKIP(return, "another host");
	handle = picture(self->fd, 100, 50, 1, NULL);
	ASSERT_NE(0, handle);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EIO, query(self->fd, handle, &q));
	/* It costs the answer, and not the resource. */
	EXPECT_TRUE(works(self->fd, self->card, handle));
}

TEST_F(file, nonsense_without_a_resource)
{
	layout_t q;
	int ret;

	if (!reply_is("nonsense"))
		SKIP(return, "another host");
	ret = query_new(self->fd, 100, 50, FORMAT_BGRX8, BIND_LINEAR, &q);
	EXPECT_TRUE(ret == -EIO || ret == -ENOSYS);
	EXPECT_EQ(host_is("second"), ret == -EIO);
}

/* A process that asks so is killed while it waits. It dies of that either way, but before the end of the wait only
 * where the wait can be killed. A guest that gets no time may miss that moment, and so tries again. */
static int can_be_killed(int fd, uint32_t handle)
{
	for (int i = 0; i < 4; i++) {
		uint64_t start = now_ms();
		pid_t child = fork();
		int status;
		layout_t q;

		if (!child) {
			if (handle)
				query(fd, handle, &q);
			else
				query_new(fd, 100, 50, FORMAT_BGRX8, BIND_LINEAR, &q);
			_exit(0);
		}
		sleep_ms(500);
		if (kill(child, SIGKILL) || waitpid(child, &status, 0) != child)
			return 0;
		if (WIFSIGNALED(status) && now_ms() - start < 4500)
			return 1;
	}
	return 0;
}

/* Whether a wait lasted as long as it has to; how much longer a guest takes is not its doing. */
static int five_seconds(uint64_t start)
{
	uint64_t ms = now_ms() - start;

	printf("# %llu ms\n", (unsigned long long)ms);
	return ms >= 4900 && ms < 60000;
}

TEST_F_TIMEOUT(file, never_without_a_resource, 150)
{
	uint64_t start;
	layout_t q;

	if (!reply_is("never"))
		SKIP(return, "another host");
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(can_be_killed(self->fd, 0));
		start = now_ms();
		EXPECT_EQ(-ETIMEDOUT, query_new(self->fd, 100, 50, FORMAT_BGRX8, BIND_LINEAR, &q));
		EXPECT_TRUE(five_seconds(start));
	}
	EXPECT_TRUE(works(self->fd, self->card, picture(self->fd, 100, 50, 1, NULL)));
}

/* One test, for the host counts: errors, then an answer; a late one; none at all. */
TEST_F_TIMEOUT(file, late_wrong_and_never, 150)
{
	int ret = -ETIMEDOUT;
	uint32_t a, b, c;
	uint64_t start;
	layout_t q;

	if (!reply_is("script"))
		SKIP(return, "another host");
	a = picture(self->fd, 100, 50, 1, NULL);
	b = picture(self->fd, 200, 50, 1, NULL);
	c = picture(self->fd, 300, 50, 1, NULL);
	ASSERT_TRUE(a && b && c);

	/* Refused, cut short, all ones, another type; each time the host is asked anew. */
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-EIO, query(self->fd, a, &q)) {
			TH_LOG("answer %d", i + 1);
		}
	}
	ASSERT_EQ(0, query(self->fd, a, &q));
	EXPECT_TRUE(is_layout(&q, 0, 512));
	ASSERT_EQ(0, query(self->fd, a, &q));
	EXPECT_TRUE(is_layout(&q, 0, 512));
	EXPECT_TRUE(works(self->fd, self->card, a));

	/* Twenty seconds late: some give up, one gets the answer that comes, and nobody has asked again. */
	start = now_ms();
	EXPECT_EQ(-ETIMEDOUT, query(self->fd, b, &q));
	EXPECT_TRUE(five_seconds(start));
	for (int i = 0; i < 8 && ret == -ETIMEDOUT; i++)
		ret = query(self->fd, b, &q);
	ASSERT_EQ(0, ret);
	EXPECT_TRUE(is_layout(&q, 0, 1024));
	ASSERT_EQ(0, query(self->fd, b, &q));

	/* Never: who waits can be killed, and the wait of who comes after has its end. */
	EXPECT_TRUE(can_be_killed(self->fd, c));
	start = now_ms();
	EXPECT_EQ(-ETIMEDOUT, query(self->fd, c, &q));
	EXPECT_TRUE(five_seconds(start));
	EXPECT_TRUE(works(self->fd, self->card, c));
}

TEST_HARNESS_MAIN
