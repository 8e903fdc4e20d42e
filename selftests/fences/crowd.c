// SPDX-License-Identifier: GPL-2.0
/*
 * Sixteen contexts, each of a process or two of its own, that depend on each other's jobs at random and are killed
 * or closed at random. Each job has a number, which it writes to a place of its own in a buffer that all have. Before
 * it on its ring comes a look, a submission that depends on others' jobs and fails in the host where it does not find
 * their numbers. It may fail only after the end of its own context, or of one that had not done by then what it looks for.
 *
 * SECONDS= (10), less if the books are full; SEED= (1). The parent hands fences from process to process and keeps the books.
 */
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
/* The harness is for the other programs. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "fences.h"

#define CROWD 16
#define WORDS (1u << 18)
#define FULL (WORDS - 4096)
#define MOST 3				/* a job depends on that many others */
#define OUTSTANDING 8
#define PENDING 8192
#define LIVES 65536
#define SHORTEST 5000
#define LONGEST 1000000
#define STOP 0xffffffffu
#define LOOK 0x80000000u		/* in a message: the fence is that of the look */

struct job {
	uint32_t life, deps[MOST], waits;	/* whether it was submitted before those were over */
	int32_t look, status;		/* 0: not known */
	uint64_t look_at, status_at;	/* when their fences have signalled */
};

/* What all processes have. */
struct books {
	volatile uint32_t next, wrong, stuck;
	volatile uint32_t pause;	/* how long a job may take, in microseconds */
	struct job jobs[WORDS];		/* by number */
};

struct worker {
	pid_t pid;
	int socket;
	uint32_t life;
};

static struct books *books;
static int dmabuf, timeline, pending_count;
static struct worker crowd[CROWD];
static struct { int fence; uint32_t number; } pending[PENDING];
static uint32_t lives, now, kills, closes;
static uint64_t ended[LIVES];		/* when a context was ended from outside */

static void complain(const char *what, int ret)
{
	printf("# crowd: %s: %s\n", what, strerror(-ret));
	__sync_fetch_and_add(&books->wrong, 1);
}

/* -- a worker: submits, tells the parent, and gets from it what to depend on -------- */

static void work(int fd, int socket, uint32_t life, uint32_t resource, uint32_t handle, int pass, unsigned int seed)
{
	int own[OUTSTANDING];
	unsigned int at = 0;

	srandom(seed);
	memset(own, -1, sizeof(own));
	for (;;) {
		uint32_t words[MOST * 4], n = 0, pause = books->pause, number = (1 + __sync_fetch_and_add(&books->next, 1)) & ~LOOK;
		const uint32_t rest[] = { PAUSE(random() % (random() % 4 ? pause : pause * 4)),
					  WRITE(resource, number % WORDS * 4, number) };
		int in = -1, out, over, deps = 0, ring = random() % 4;
		struct job *job = &books->jobs[number % WORDS];

		memset(job, 0, sizeof(*job));
		job->life = life;
		for (int tries = random() % (MOST + 2); tries > 0 && deps < MOST; tries--) {
			uint32_t other;
			int fence = receive_words(socket, &other, sizeof(other), MSG_DONTWAIT);

			if (fence < -1 || (fence == -1 && other == STOP)) {
				if (fence == -1 - EAGAIN || fence == -1 - EINTR)
					break;
				_exit(0);
			}
			over = signals(fence, 0);
			in = merged(in, fence);
			if (!other)
				continue;
			job->waits |= !over;
			/* Half of the jobs are not to be over when others get to hear of them, however slow the guest is. */
			if (over && books->pause < LONGEST)
				books->pause += pause / 32;
			if (!over && books->pause > SHORTEST)
				books->pause -= pause / 32;
			job->deps[deps++] = other;
			memcpy(words + n, (uint32_t[]){ EXPECT_WORD(resource, other % WORDS * 4, other) }, 16);
			n += 4;
		}
		if (in >= 0) {
			out = give(fd, ring, in, pass && random() % 8 ? SHARED : 0, words, n * 4, &handle, random() % 32 == 0);
			close(in);
			if (out < 0) {
				complain("look", out);
				_exit(1);
			}
			number |= LOOK;
			if (send_words(socket, &number, sizeof(number), out, 0))
				_exit(0);
			number &= ~LOOK;
			close(out);
		}
		out = give(fd, ring, -1, pass && random() % 8 ? SHARED : 0, rest, sizeof(rest), &handle, random() % 32 == 0);
		if (out < 0) {
			complain("submit", out);
			_exit(1);
		}
		if (send_words(socket, &number, sizeof(number), out, 0))
			_exit(0);
		if (own[at] >= 0) {
			if (!signals(own[at], 60000)) {
				__sync_fetch_and_add(&books->stuck, 1);
				_exit(1);
			}
			close(own[at]);
		}
		own[at] = out;
		at = (at + 1) % OUTSTANDING;
	}
}

static void begin(struct worker *w, unsigned int seed)
{
	int sockets[2], few = 0, fd, pass = random() % 8 != 0, two = random() % 2;
	struct drm_prime_handle p = { .fd = dmabuf };
	struct drm_virtgpu_resource_info info = { 0 };

	w->life = ++lives % LIVES;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		complain("sockets", -errno);
		exit(1);
	}
	/* Or jobs are over when the parent gets to hand them on. */
	setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few));
	w->pid = fork();
	if (w->pid) {
		close(sockets[1]);
		w->socket = sockets[0];
		setpgid(w->pid, w->pid);
		return;
	}
	setpgid(0, 0);
	/* The parent goes first, who has to do with each job. */
	if (nice(10) < 0)
		_exit(1);
	/* Of the parent's nothing but these two. */
	dup2(sockets[1], 3);
	dup2(dmabuf, 4);
	syscall(SYS_close_range, 5, ~0u, 0);
	p.fd = 4;
	fd = open_context(TEST_CAPSET, pass);
	if (fd < 0 || call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p)) {
		complain("context", fd < 0 ? fd : -errno);
		_exit(1);
	}
	info.bo_handle = p.handle;
	call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
	/* Some contexts have two processes, so that two submit to one ring at a time. */
	if (two && !fork())
		seed++;
	work(fd, 3, w->life, info.res_handle, p.handle, pass, seed * 1000);
}

/* -- the parent --------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* The status of a fence, and by the same clock when it has signalled. */
static int signalled(int fence, uint64_t *when)
{
	struct sync_fence_info one = { 0 };
	struct sync_file_info all = { .num_fences = 1, .sync_fence_info = ptr(&one) };
	int ret = call(fence, SYNC_IOC_FILE_INFO, &all);

	*when = one.timestamp_ns;
	return ret ? ret : one.status;
}

/* Takes down what has become of fences; of all of them where `all` says so. */
static void settle(int all)
{
	struct job *job;
	uint64_t when;
	int kept = 0;

	for (int i = 0; i < pending_count; i++) {
		int status = signalled(pending[i].fence, &when);

		if (all && !status && !signals(pending[i].fence, 60000)) {
			printf("# crowd: job %u does not end\n", pending[i].number & ~LOOK);
			books->stuck++;
		} else if (all && !status) {
			status = signalled(pending[i].fence, &when);
		}
		if (!status && !all) {
			pending[kept++] = pending[i];
			continue;
		}
		job = &books->jobs[pending[i].number % WORDS];
		if (pending[i].number & LOOK) {
			job->look = status;
			job->look_at = when;
		} else {
			job->status = status;
			job->status_at = when;
		}
		close(pending[i].fence);
	}
	pending_count = kept;
}

/* What a worker has submitted goes to some of the others. */
static int take(struct worker *w)
{
	uint32_t number;
	int fence = receive_words(w->socket, &number, sizeof(number), MSG_DONTWAIT);

	if (fence < 0)
		return 0;
	for (int n = number & LOOK ? 0 : random() % 4; n > 0; n--)
		send_words(crowd[random() % CROWD].socket, &number, sizeof(number), fence, MSG_DONTWAIT);
	if (pending_count == PENDING)
		settle(0);
	while (pending_count == PENDING) {
		signals(pending[0].fence, 1000);
		settle(0);
	}
	pending[pending_count].fence = fence;
	pending[pending_count++].number = number;
	if (random() % 16 == 0) {
		uint32_t none = 0;
		int gate = sw_fence(timeline, now + 1 + random() % 3);

		send_words(crowd[random() % CROWD].socket, &none, sizeof(none), gate, MSG_DONTWAIT);
		close(gate);
	}
	if (random() % 8 == 0) {
		sw_advance(timeline, 1);
		now++;
	}
	return 1;
}

static void end(struct worker *w, int kill_it)
{
	uint32_t stop = STOP;

	if (!ended[w->life])
		ended[w->life] = now_ns();
	if (!kill_it)
		send_words(w->socket, &stop, sizeof(stop), -1, MSG_DONTWAIT);
	/* One that does not come to look is stuck in its own wait; its twin has not been told. */
	for (int i = 0; !kill_it && i < 20; i++) {
		while (take(w))
			;
		if (waitpid(w->pid, NULL, WNOHANG) == w->pid)
			break;
		sleep_ms(1);
	}
	kill(-w->pid, SIGKILL);
	while (take(w))
		;
	for (uint64_t until = now_ms() + 60000; waitpid(-w->pid, NULL, WNOHANG) >= 0; sleep_ms(1)) {
		while (take(w))
			;
		if (now_ms() > until) {
			printf("# crowd: a process that was killed does not go\n");
			books->stuck++;
			break;
		}
	}
	while (take(w))
		;
	close(w->socket);
}

static int has_ended(uint32_t life, uint64_t when)
{
	return ended[life] && ended[life] <= when;
}

/* Whether a job's look was over before what it depends on, or has failed without an end before that excuses it. */
static int is_early(const struct job *job)
{
	int excused = 0;

	if (!job->look || has_ended(job->life, job->look_at))
		return 0;
	for (int i = 0; i < MOST && job->deps[i]; i++) {
		const struct job *dep = &books->jobs[job->deps[i] % WORDS];
		/* What hosts cut short looks good. What was good before was there to be found. */
		int was_done = dep->status == 1 && !has_ended(dep->life, dep->status_at);

		if (dep->status_at > job->look_at)
			return 1;
		excused |= !was_done && has_ended(dep->life, job->look_at);
	}
	return job->look < 0 && !excused;
}

int main(void)
{
	unsigned int seconds = atoi(getenv("SECONDS") ?: "10"), seed = atoi(getenv("SEED") ?: "1"), number = 0;
	uint32_t handle, good = 0, looks = 0, waited = 0, missed = 0, lost = 0, early = 0, next = 100, resource;
	uint64_t until, last, settled = 0;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	many_files();
	srandom(seed);
	books = common(sizeof(*books));
	if (!books) {
		printf("# crowd: no memory\n");
		return 1;
	}
	books->pause = 20000;
	timeline = sw_timeline();
	fd = open_context(TEST_CAPSET, 1);
	handle = fd < 0 ? 0 : buffer(fd, WORDS * 4, &resource);
	dmabuf = handle ? export_fd(fd, handle) : -1;
	if (timeline < 0 || dmabuf < 0) {
		printf("# crowd: timeline %d, context %d, buffer %d\n", timeline, fd, dmabuf);
		return 1;
	}
	for (int i = 0; i < CROWD; i++)
		begin(&crowd[i], seed * 100 + i);
	until = now_ms() + seconds * 1000;
	while (now_ms() < until && books->next < FULL && !books->wrong && !books->stuck) {
		struct pollfd p[CROWD];
		int i = random() % CROWD;

		for (int k = 0; k < CROWD; k++)
			p[k] = (struct pollfd){ .fd = crowd[k].socket, .events = POLLIN };
		if (poll(p, CROWD, 10) <= 0) {
			/* All wait, for the guest's fences perhaps. */
			sw_advance(timeline, 3);
			now += 3;
		}
		for (int k = 0; k < CROWD; k++)
			for (int n = 0; n < 8 && p[k].revents & POLLIN && take(&crowd[k]); n++)
				;
		if (now_ms() > settled + 100) {
			settle(0);
			settled = now_ms();
		}
		/* So that on any machine as many of the looks are excused. */
		if (books->next > next) {
			int kill_it = random() % 2;

			next = books->next + random() % 600;
			end(&crowd[i], kill_it);
			*(kill_it ? &kills : &closes) += 1;
			begin(&crowd[i], seed * 100 + lives);
		}
	}
	sw_advance(timeline, 1000000);
	last = now_ns();
	/* All at once, or those that are left would keep the processors from those that go. */
	for (int i = 0; i < CROWD; i++) {
		ended[crowd[i].life] = now_ns();
		kill(-crowd[i].pid, SIGKILL);
	}
	for (int i = 0; i < CROWD; i++)
		end(&crowd[i], 1);
	settle(1);
	for (uint32_t i = 0; i < WORDS; i++) {
		const struct job *job = &books->jobs[i];

		looks += job->look == 1 && job->deps[0];
		waited += job->look == 1 && job->waits;
		good += job->status == 1;
		lost += job->status < 0;
		missed += job->look < 0 && job->look_at < last;
		if ((job->status < 0 && !has_ended(job->life, job->status_at)) || is_early(job)) {
			if (early++ < 10)
				printf("# crowd: job %u of context %u: %d, its look at %u %u %u: %d, and nothing excuses that\n", i, job->life,
				       job->status, job->deps[0], job->deps[1], job->deps[2], job->look);
		}
	}
	printf("# crowd: %u jobs, %u good, %u lost; %u looks found what they should, %u of them had to wait, %u did not; "
	       "%u were early, or jobs lost without an end; %u contexts killed, %u closed; pauses of %u us\n", books->next, good, lost,
	       looks, waited, missed, early, kills, closes, books->pause);
	printf("%sok %u - crowd: no job started before what it depends on\n", early ? "not " : "", ++number);
	printf("%sok %u - crowd: no call failed, nothing is stuck, every fence has signalled\n",
	       books->wrong || books->stuck ? "not " : "", ++number);
	/* Or it was no crowd; how much one gets done is the machine's business. */
	printf("%sok %u - crowd: jobs were good, waited for others, and contexts were ended\n",
	       good >= 200 && waited >= 50 && kills + closes ? "" : "not ", ++number);
	/* One end excuses a dozen or two, and some hundred jobs are submitted before the next. */
	printf("%sok %u - crowd: few looks have failed\n", missed * 5 < looks + 500 ? "" : "not ", ++number);
	return early || books->wrong || books->stuck;
}
