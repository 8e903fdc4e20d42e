// SPDX-License-Identifier: GPL-2.0
/*
 * The end, with submissions under way in every state: parked for a fence of the guest's, behind one that is, at
 * the host without end, held there for another's job, parked until another's is sent. A process is killed, files are
 * closed, the system is to sleep, the device goes, the host answers no more or is gone. Every fence signals, nobody is
 * stuck, and whoever is left goes on.
 *
 * Run by name (-t): the host has to fit.
 */
#include "fences.h"
#include <sys/reboot.h>

#define SIZE 4096
#define LONG 30000			/* the machine may be busy */

enum { PARKED, BEHIND, RUNNING, PASSED, CHAINED, VICTIMS, HELD = VICTIMS, WAITING, ALL };
/* Of these none has been sent. */
static const int unsent[] = { PARKED, BEHIND, CHAINED };

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret = -errno;

	if (fd >= 0) {
		ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
		close(fd);
	}
	return ret;
}

/* Puts the submissions of four contexts under way. */
static int populate(int *fds, int gate, int *fences)
{
	for (int i = 0; i < 4; i++) {
		fds[i] = open_context(TEST_CAPSET, 1);
		if (fds[i] < 0)
			return fds[i];
	}
	fences[PARKED] = GIVE(fds[0], 1, gate, SHARED, OP(0, 1));
	fences[BEHIND] = GIVE(fds[0], 2, -1, SHARED, OP(0, 1));
	fences[RUNNING] = GIVE(fds[1], 1, -1, SHARED, NEVER);
	fences[PASSED] = GIVE(fds[2], 1, fences[RUNNING], SHARED, OP(0, 1));
	fences[CHAINED] = GIVE(fds[3], 1, fences[PARKED], SHARED, OP(0, 1));
	for (int i = 0; i < VICTIMS; i++)
		if (fences[i] < 0)
			return fences[i];
	return 0;
}

/* What the host has to say to an order; whether it has said yes. */
static int order(const char *line)
{
	struct pollfd p = { .fd = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK), .events = POLLIN };
	char text[100] = "";
	int good = p.fd >= 0 && write(p.fd, line, strlen(line)) > 0 && poll(&p, 1, 3000) > 0 &&
		   read(p.fd, text, sizeof(text) - 1) > 0 && !strncmp(text, "ok", 2);

	close(p.fd);
	return good;
}

FIXTURE(device)
{
	int fd, other, timeline, gate, fds[4], fences[ALL];
	pid_t child;
};

FIXTURE_SETUP(device)
{
	if (on_c_driver())
		SKIP(return, "the C driver waits for fences inside the ioctl");
	self->timeline = sw_timeline();
	ASSERT_LE(0, self->timeline);
	self->gate = sw_fence(self->timeline, 1);
	self->fd = open_context(TEST_CAPSET, 1);
	self->other = open_context(TEST_CAPSET, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	memset(self->fds, -1, sizeof(self->fds));
	self->child = 0;
}

FIXTURE_TEARDOWN(device)
{
	if (self->child) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	close(self->fd);
	close(self->other);
	close(self->timeline);
}

static void after_them(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	self->fences[HELD] = GIVE(self->fd, 1, self->fences[RUNNING], 0, OP(0, 1));
	self->fences[WAITING] = GIVE(self->other, 1, self->fences[PARKED], 0, OP(0, 1));
	sleep_ms(200);
	for (int i = 0; i < ALL; i++) {
		ASSERT_LE(0, self->fences[i]);
		ASSERT_EQ(0, fence_status(self->fences[i]));
	}
}

/* The victims are those of this process, or of a child. */
static void here(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	ASSERT_EQ(0, populate(self->fds, self->gate, self->fences));
	after_them(_metadata, self);
}

static void there(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	uint32_t word = 0;
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		close(self->fd);
		close(self->other);
		close(sockets[0]);
		word = populate(self->fds, self->gate, self->fences);
		for (int i = 0; i < VICTIMS && !word; i++)
			send_words(sockets[1], &word, sizeof(word), self->fences[i], 0);
		send_words(sockets[1], &word, sizeof(word), -1, 0);
		for (;;)
			pause();
	}
	close(sockets[1]);
	for (int i = 0; i < VICTIMS; i++)
		self->fences[i] = receive_words(sockets[0], &word, sizeof(word), 0);
	close(sockets[0]);
	after_them(_metadata, self);
}

static void kill_it(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	pid_t child = self->child, gone = 0;

	kill(child, SIGKILL);
	for (int i = 0; i < LONG / 10 && !gone; i++) {
		gone = waitpid(child, NULL, WNOHANG);
		if (!gone)
			sleep_ms(10);
	}
	ASSERT_EQ(child, gone);
	self->child = 0;
}

static void all_signal(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	for (int i = 0; i < ALL; i++)
		EXPECT_EQ(i, signals(self->fences[i], LONG) ? i : -1);
}

static void unsent_are_cancelled(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(signals(self->fences[unsent[i]], LONG));
	EXPECT_EQ(-ECANCELED, fence_status(self->fences[PARKED]));
	EXPECT_EQ(-ECANCELED, fence_status(self->fences[BEHIND]));
	/* Nothing is before this one any more, perhaps before it is its own turn to be cancelled. */
	EXPECT_TRUE(fence_status(self->fences[CHAINED]) == 1 || fence_status(self->fences[CHAINED]) == -ECANCELED);
}

static void still_works(struct __test_metadata *_metadata, int fd)
{
	int out = GIVE(fd, 5, -1, 0, OP(0, 1));

	EXPECT_TRUE(signals(out, LONG));
	EXPECT_EQ(1, fence_status(out));
	close(out);
}

/* The device goes: all that is left ends with it. */
static void unplug(struct __test_metadata *_metadata, FIXTURE_DATA(device) *self)
{
	ASSERT_EQ(0, write_file("/sys/class/drm/renderD128/device/remove", "1"));
	all_signal(_metadata, self);
	EXPECT_EQ(-ENODEV, GIVE(self->fd, 1, -1, 0, OP(0, 1)));
	/* What was waited for comes too late, and hurts nobody. */
	EXPECT_EQ(0, sw_advance(self->timeline, 1));
}

TEST_F_TIMEOUT(device, killed, 150)
{
	there(_metadata, self);
	kill_it(_metadata, self);
	all_signal(_metadata, self);
	unsent_are_cancelled(_metadata, self);
	EXPECT_EQ(1, fence_status(self->fences[HELD]));
	EXPECT_EQ(1, fence_status(self->fences[WAITING]));
	still_works(_metadata, self->fd);
}

TEST_F_TIMEOUT(device, closed, 150)
{
	here(_metadata, self);
	for (int i = 0; i < 4; i++)
		close(self->fds[i]);
	EXPECT_FALSE(signals(self->fences[PARKED], 200));
	ASSERT_EQ(0, sw_advance(self->timeline, 1));
	all_signal(_metadata, self);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(1, fence_status(self->fences[unsent[i]]));
	EXPECT_EQ(1, fence_status(self->fences[HELD]));
	EXPECT_EQ(1, fence_status(self->fences[WAITING]));
	still_works(_metadata, self->fd);
}

/* Nobody is left who could give up the wait. */
TEST_F_TIMEOUT(device, closed_and_never_released, 150)
{
	here(_metadata, self);
	for (int i = 0; i < 4; i++)
		close(self->fds[i]);
	all_signal(_metadata, self);
	unsent_are_cancelled(_metadata, self);
	still_works(_metadata, self->fd);
}

/*
 * What contexts have is lost: what was not over fails, they are there no more, and new ones work. The ways by which
 * results go out do not come back from sleep: it is told by the kernel's log, and the guest ends. The command in
 * $LEAKS looks what is left.
 */
TEST_F_TIMEOUT(device, asleep, 150)
{
	const char *leaks = getenv("LEAKS");
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	here(_metadata, self);
	/* The host's folder does not come back either. */
	mount("tmpfs", "/out", "tmpfs", 0, NULL);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	ASSERT_EQ(0, write_file("/sys/power/pm_test", "devices"));
	ASSERT_EQ(0, write_file("/sys/power/state", "mem"));
	for (int i = 0; i < ALL; i++) {
		int status;

		EXPECT_EQ(i, signals(self->fences[i], LONG) ? i : -1);
		status = fence_status(self->fences[i]);
		/* What comes after something that has been cancelled may get to the host before it is its own turn. */
		EXPECT_TRUE(status == -ECANCELED || (status == 1 && (i == CHAINED || i == WAITING)));
	}
	EXPECT_EQ(0, sw_advance(self->timeline, 1));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-EIO, GIVE(self->fds[i], 1, -1, 0, OP(0, 1)));
		close(self->fds[i]);
	}
	close(self->other);
	still_works(_metadata, self->other = open_context(TEST_CAPSET, 1));
	EXPECT_TRUE(!leaks || system(leaks) == 0);
	if (__test_passed(_metadata))
		write_file("/dev/kmsg", "asleep: as it should be\n");
	sleep_ms(1000);
	reboot(RB_POWER_OFF);
}

TEST_F_TIMEOUT(device, unplugged, 150)
{
	int again = -1;

	here(_metadata, self);
	unplug(_metadata, self);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENODEV, fence_status(self->fences[unsent[i]]));
	for (int i = 0; i < 4; i++)
		close(self->fds[i]);
	close(self->fd);
	close(self->other);
	self->fd = self->other = -1;
	sleep_ms(1000);
	ASSERT_EQ(0, write_file("/sys/bus/pci/rescan", "1"));
	for (int i = 0; i < LONG / 100 && again < 0; i++) {
		again = open_context(TEST_CAPSET, 1);
		if (again < 0)
			sleep_ms(100);
	}
	ASSERT_LE(0, again);
	still_works(_metadata, again);
	close(again);
}

/* A host that answers neither what it has nor the end of a context: that stays, and nothing else waits for it. */
TEST_F_TIMEOUT(device, silent, 150)
{
	there(_metadata, self);
	kill_it(_metadata, self);
	unsent_are_cancelled(_metadata, self);
	EXPECT_TRUE(signals(self->fences[WAITING], LONG));
	EXPECT_FALSE(signals(self->fences[RUNNING], 500));
	EXPECT_FALSE(signals(self->fences[HELD], 0));
	still_works(_metadata, self->other);
	unplug(_metadata, self);
}

/* A host that is gone. */
TEST_F_TIMEOUT(device, dead, 150)
{
	there(_metadata, self);
	order("die\n");
	kill_it(_metadata, self);
	unsent_are_cancelled(_metadata, self);
	EXPECT_FALSE(signals(self->fences[RUNNING], 500));
	unplug(_metadata, self);
}

TEST_HARNESS_MAIN
