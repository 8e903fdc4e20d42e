// SPDX-License-Identifier: GPL-2.0
/*
 * A fuzzer of the ioctls that a virtio-gpu driver serves, and of what else a
 * program does with its files. Workers, half of which share their descriptors,
 * make calls on a few open files for some time, are killed at any moment and
 * replaced; then all is closed and opened again. A call that does not end in
 * time, a worker that does not die, and a client that means well and is not
 * served afterwards are failures; what the kernel has to say is its log's.
 *
 * SEED= repeats a run: what each worker asks for depends on it and on the
 * answers. SECONDS= says how long (10), BOUND= how many seconds a call may take (30).
 */
#include "fuzz.h"
#include <sched.h>
#include <setjmp.h>

/* Milliseconds between the opening of the files and their close. */
#define ROUND_MS 6000

struct shared *shared;
int me;
int fds[FDS];
uint64_t rng_state;

static const struct op *const sets[] = { virtgpu_ops, generic_ops, kms_ops };
static struct op ops[OPS];
static int n_ops, first_kms, weights;

/* Pages to point to: good ones, then one that can only be read, then a hole. */
static uint8_t *arena;
#define ARENA (64 * PAGE)
static size_t arena_used;

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* -- numbers and memory -------------------------------------------------------- */

uint64_t edge(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097,
		8191, 16383, 16384, 65535, 65536, 0x7ffffff, 0x7fffffff, 0x80000000, 0xfffff000, 0xfffffffe, 0xffffffff,
		0x100000000ull, 0x100000001ull, 0x7fffffffffffffffull, 0x8000000000000000ull, ~0xfffull, ~1ull, ~0ull,
	};

	switch (below(4)) {
	case 0:
		return rnd();
	case 1:
		return 1ull << below(64);
	default:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	}
}

uint64_t bad_pointer(void)
{
	switch (below(6)) {
	case 0:
		return 0;
	case 1:
		return (uintptr_t)arena + ARENA + PAGE + below(PAGE);	/* a hole */
	case 2:
		return (uintptr_t)arena + ARENA + below(PAGE);		/* to be read only */
	case 3:
		return (uintptr_t)arena + ARENA + PAGE - 1 - below(64);	/* reaches into the hole */
	case 4:
		return 0xffff888000000000ull + below(1 << 20);		/* the kernel's */
	default:
		return edge();
	}
}

static void *room(size_t size)
{
	size = (size + 7) & ~7ul;
	if (size > ARENA)
		size = ARENA;
	if (arena_used + size > ARENA)
		arena_used = 0;
	arena_used += size;
	return arena + arena_used - size;
}

uint64_t in(const void *data, size_t size)
{
	void *to;

	if (once_in(40))
		return bad_pointer();
	to = room(size);
	/* Sometimes at the very end, with the read-only page behind it. */
	if (once_in(8) && size <= ARENA)
		to = arena + ARENA - size;
	if (data && size <= ARENA)
		memcpy(to, data, size);
	return (uintptr_t)to;
}

uint64_t out(size_t size)
{
	return in(NULL, size);
}

/* -- things that are remembered -------------------------------------------------- */

struct file *any_file(void)
{
	return &shared->files[below(FILES)];
}

struct object *an_object(struct file *f)
{
	struct object *o = NULL;

	for (int i = 0; i < 4; i++) {
		o = &f->objects[below(OBJECTS)];
		if (o->handle)
			break;
	}
	return o;
}

uint32_t a_handle(struct file *f)
{
	if (once_in(24))
		return once_in(2) ? edge() : below(64);
	if (once_in(24))
		f = any_file();
	return an_object(f)->handle;
}

void add_object(struct file *f, uint32_t handle, uint32_t size, uint32_t resource)
{
	struct object *o = &f->objects[below(OBJECTS)], old = *o;
	struct drm_gem_close c = { .handle = old.handle };

	*o = (struct object){ .handle = handle, .size = size, .resource = resource };
	/* So that there are not too many. */
	if (old.handle && old.handle != handle)
		ioctl(f->fd, DRM_IOCTL_GEM_CLOSE, &c);
}

uint32_t a_number(const uint32_t *pool, int count)
{
	uint32_t value = 0;

	if (once_in(24))
		return edge();
	for (int i = 0; i < 4 && !value; i++)
		value = pool[below(count)];
	return value;
}

uint32_t put_number(uint32_t *pool, int count, uint32_t value)
{
	uint32_t *place = &pool[below(count)], old = *place;

	*place = value;
	return old == value ? 0 : old;
}

int a_fd(void)
{
	if (once_in(24))
		return once_in(2) ? (int)edge() : (int)below(40);
	for (int i = 0; i < 4; i++) {
		int fd = fds[below(FDS)];

		if (fd > 0)
			return fd;
	}
	return -1;
}

void put_fd(int fd)
{
	int *place = &fds[below(FDS)], old = *place;

	if (fd < 0)
		return;
	*place = fd;
	if (old > 0)
		close(old);
}

/* -- calls ------------------------------------------------------------------------ */

void begin(unsigned long request)
{
	struct slot *s = &shared->slots[me];

	s->request = request;
	s->since = now_ms();
}

long end(long ret)
{
	struct slot *s = &shared->slots[me];

	shared->ms[s->op] += now_ms() - s->since;
	s->since = 0;
	s->calls++;
	shared->called[s->op]++;
	if (ret >= 0)
		shared->good[s->op]++;
	return ret;
}

int call(int fd, unsigned long request, void *arg, size_t size)
{
	uint8_t *at = arena + ARENA - 2 * PAGE;
	size_t given = size;
	void *p;
	int ret;

	if (once_in(24)) {
		/* Shorter or longer, or with another direction. */
		given = once_in(3) ? below(1 << 14) : once_in(2) ? below(size + 1) : size + below(64);
		request = _IOC(once_in(4) ? below(4) : _IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), given);
	}
	/* As far up in its page as it goes, so that whoever takes more than was named meets the end of it. */
	at += PAGE - (size < PAGE ? size : PAGE);
	memcpy(at, arg, size < PAGE ? size : PAGE);
	p = once_in(48) ? (void *)(uintptr_t)bad_pointer() : at;
	begin(request);
	ret = ioctl(fd, request, p) < 0 ? -errno : 0;
	if (!ret && given >= size && p == at)
		memcpy(arg, at, size < PAGE ? size : PAGE);
	else if (!ret && size < PAGE)
		memset(arg, 0, size);	/* Nobody knows what came of it. */
	return end(ret);
}

/* -- workers ------------------------------------------------------------------------ */

static sigjmp_buf back;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void __attribute__((noreturn)) work(int number, uint64_t seed)
{
	/* Waits that can be interrupted are, so that what goes on longer cannot. */
	struct itimerval often = { { 0, 250000 }, { 0, 250000 } };
	struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_NODEFER }, alarm = { .sa_handler = on_alarm };
	struct rlimit descriptors = { 96, 96 };
	int oom = open("/proc/self/oom_score_adj", O_WRONLY);

	if (oom >= 0) {
		if (write(oom, "1000", 4) != 4)
			perror("oom_score_adj");
		close(oom);
	}
	setrlimit(RLIMIT_NOFILE, &descriptors);
	me = number;
	rng_state = seed ? seed : 1;
	memset(fds, 0, sizeof(fds));
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	sigsetjmp(back, 1);
	for (;;) {
		int at = below(weights), i = 0;

		while (at >= ops[i].weight)
			at -= ops[i++].weight;
		shared->slots[me].op = i;
		/* The display belongs to the first file. */
		ops[i].run(i >= first_kms && !once_in(4) ? &shared->files[0] : any_file());
	}
}

/* A worker; the odd ones have all descriptors in common. */
static pid_t start(int number, uint64_t seed)
{
	/* Threads of 32 bits need calls that a kernel of 64 bits need not have, so they are processes. */
	pid_t pid = syscall(SYS_clone, (number & 1 ? CLONE_FILES : 0) | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		work(number, seed);
	shared->slots[number].since = 0;
	shared->slots[number].pid = pid;
	return pid;
}

static void stack(pid_t pid)
{
	char path[64], text[2048];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = 0;
		printf("# where it is:\n%s", text);
	}
	close(fd);
}

static int too_long(int number, int64_t bound)
{
	struct slot *s = &shared->slots[number];
	int64_t since = s->since;

	if (!since || now_ms() - since < bound)
		return 0;
	printf("# worker %d is in %s, request %#lx, for %lld ms\n", number, ops[s->op].name, s->request,
	       (long long)(now_ms() - since));
	stack(s->pid);
	return 1;
}

/* Kills a worker; 0 if it goes. */
static int end_worker(int number, int64_t bound)
{
	pid_t pid = shared->slots[number].pid;
	int64_t until = now_ms() + bound;

	if (pid <= 0)
		return 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now_ms() > until) {
			printf("# worker %d does not die of SIGKILL, in %s, request %#lx\n", number,
			       ops[shared->slots[number].op].name, shared->slots[number].request);
			stack(pid);
			return 1;
		}
		usleep(1000);
	}
	shared->slots[number].pid = 0;
	return 0;
}

static void open_files(void)
{
	memset(shared->files, 0, sizeof(shared->files));
	for (int i = 0; i < FILES; i++) {
		struct file *f = &shared->files[i];

		/* The first is the master, as nobody else is there. */
		f->card = i < 2;
		f->fd = open(f->card ? CARD : RENDER, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (f->card && f->fd >= 0) {
			struct drm_set_client_cap atomic = { DRM_CLIENT_CAP_ATOMIC, 1 };

			ioctl(f->fd, DRM_IOCTL_SET_CLIENT_CAP, &atomic);
			if (i == 0)
				learn_kms(f);
		}
	}
}

static int round_of(uint64_t seed, int64_t until, int64_t bound)
{
	int failed = 0;

	open_files();
	rng_state = seed | 1;
	for (int i = 0; i < WORKERS; i++)
		start(i, rnd());
	while (now_ms() < until && !failed) {
		usleep(1000 * below(100));
		for (int i = 0; i < WORKERS; i++)
			failed |= too_long(i, bound);
		if (once_in(3)) {
			int victim = below(WORKERS);

			failed |= end_worker(victim, bound);
			if (!failed)
				start(victim, rnd());
		}
		/* Those that the kernel killed for want of memory, or that went through a call that ends them. */
		for (int i = 0; i < WORKERS; i++)
			if (shared->slots[i].pid > 0 && waitpid(shared->slots[i].pid, NULL, WNOHANG) > 0)
				start(i, rnd());
	}
	for (int i = 0; i < WORKERS; i++)
		failed |= end_worker(i, bound);
	/* The files, and what the workers that share descriptors with this process have left. */
	syscall(SYS_close_range, 3, ~0u, 0);
	return failed;
}

static long setting(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtol(value, NULL, 0) : otherwise;
}

/* Memory of the kernel that is not given back by itself, in KiB. */
static long unreclaimable(void)
{
	char text[4096] = "", *at;
	int fd;

	for (int i = 0; i < 2; i++) {
		usleep(500000);
		fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
		if (fd >= 0) {
			if (write(fd, "3", 1) != 1)
				perror("drop_caches");
			close(fd);
		}
	}
	fd = open("/proc/meminfo", O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	at = strstr(text, "SUnreclaim:");
	return at ? atol(at + 11) : -1;
}

int main(void)
{
	uint64_t seed = strtoull(getenv("SEED") && *getenv("SEED") ? getenv("SEED") : "0", NULL, 0), calls = 0;
	int64_t from = now_ms(), until, bound = setting("BOUND", 30) * 1000;
	long before = 0, after;
	int failed = 0, rounds = 0, unused = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!seed)
		seed = (uint64_t)time(NULL) * 1000003 ^ getpid();
	until = from + setting("SECONDS", 10) * 1000;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	arena = mmap(NULL, ARENA + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || arena == MAP_FAILED)
		return 1;
	mprotect(arena + ARENA, PAGE, PROT_READ);
	munmap(arena + ARENA + PAGE, PAGE);
	shared->gl = setting("GL", 0);
	for (unsigned int s = 0; s < sizeof(sets) / sizeof(sets[0]); s++)
		for (const struct op *op = sets[s]; op->name; op++) {
			if (op == kms_ops)
				first_kms = n_ops;
			ops[n_ops++] = *op;
			weights += op->weight;
		}

	while (now_ms() < until && !failed) {
		int64_t end = now_ms() + ROUND_MS;

		failed = round_of(seed + rounds * 7919ull, end < until ? end : until, bound);
		/* After the first, for what is made once. */
		if (!rounds++)
			before = unreclaimable();
	}
	if (failed)
		return 1;	/* What hangs would only hang the rest. */
	after = unreclaimable();
	for (int i = 0; i < n_ops; i++) {
		calls += shared->called[i];
		unused += !shared->good[i];
		printf("# %-24s %8llu, %8llu good, %8llu ms\n", ops[i].name, (unsigned long long)shared->called[i],
		       (unsigned long long)shared->good[i], (unsigned long long)shared->ms[i]);
	}
	printf("# %llu calls in %lld s, %d rounds; %d kinds never succeeded; unreclaimable slab %ld KiB after the first, %ld at the end\n",
	       (unsigned long long)calls, (long long)(now_ms() - from) / 1000, rounds, unused, before, after);
	if (after > before + setting("SLACK", 2048)) {
		printf("# memory does not come back\n");
		failed = 1;
	}
	return good_client() || failed;
}
