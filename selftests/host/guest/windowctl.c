// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of the test host where the host has memory of its own, in a window. Every wait of its own
 * ends; where a driver sleeps for ever, whoever started this finds out.
 *
 *   windowctl cycles N [UNIT]   N objects made, mapped, written, closed, in every order; the window is
 *                               empty again at the end
 *   windowctl type NAME         a mapping is cached as the kernel calls it: write-combining, ...; "cached" is
 *                               write-back, or what the machine's MTRRs make of that
 *   windowctl aligned N         sizes are multiples of N, or of nothing where N is 0
 *   windowctl refused           what the host does not map is an errno, soon
 *   windowctl waits             so is what it never answers
 *   windowctl killed            who waits for a mapping can be killed
 *   windowctl full              a window of 1 MiB has no room left
 *   windowctl none              there is no window
 *
 * Exit status: 0 done, 1 something failed (each failure is a line), 2 no device.
 */
#include "calls.h"
#include <signal.h>
#include <sys/wait.h>

#define MIB (1ul << 20)
#define DEFERRED 1
#define PARAM_BLOB_ALIGNMENT 9

/* A blob of the host's memory that can be mapped; 0 with errno where there is none. */
static uint32_t make(size_t size, uint32_t hints)
{
	struct create_blob b = { .blob_mem = 2, .blob_flags = 1, .size = size, .blob_hints = hints };

	return ioctl(fd, CREATE_BLOB, &b) ? 0 : b.bo_handle;
}

/* Bytes of the window that are in use. */
static long long used(void)
{
	FILE *f = fopen("/sys/kernel/debug/dri/0/virtio-gpu-host-visible-mm", "r");
	long long bytes = -1;
	char line[200];

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "used ");

		if (!strncmp(line, "total:", 6) && at)
			sscanf(at, "used %lld", &bytes);
	}
	if (f)
		fclose(f);
	return bytes;
}

static void empty(void)
{
	for (int i = 0; i < 200 && used(); i++)
		usleep(50000);
	if (used()) {
		printf("failed: the window: %lld bytes in use\n", used());
		failures++;
	}
}

static void cycles(long count, size_t unit)
{
	for (long i = 0; i < count; i++) {
		size_t size = unit * (1 + i % 5);
		uint32_t handle = make(size, i % 3 ? 0 : DEFERRED);
		uint8_t *p, *q;

		if (!handle) {
			fail("object", i);
			return;
		}
		p = map(handle, size);
		q = map(handle, size);
		if (!p || !q) {
			fail("mapping", i);
			return;
		}
		memset(p, i, size);
		if (q[0] != (uint8_t)i || q[size - 1] != (uint8_t)i)
			wrong("another object's memory");
		munmap(q, size);
		if (i % 2)
			munmap(p, size);
		drop(handle);
		if (i % 2 == 0)
			munmap(p, size);
	}
	empty();
}

/* How often the kernel has memory that is cached so. MTRRs of a place for devices, which the window is in,
 * may turn write-back into uncached-minus, whatever the driver asks for.
 */
static int areas(const char *name)
{
	FILE *f = fopen("/sys/kernel/debug/x86/pat_memtype_list", "r");
	char line[200];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strcmp(name, "cached") ? !!strstr(line, name) : strstr(line, "write-back") || strstr(line, "uncached-minus"))
			n++;
	if (f)
		fclose(f);
	return n;
}

static void type(const char *name)
{
	size_t size = 3 * PAGE;
	int before = areas(name);
	uint32_t handle = make(size, 0);
	uint8_t *p = handle ? map(handle, size) : NULL;

	if (!p) {
		fail("mapping", 0);
		return;
	}
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = i >> 12;
	if (areas(name) <= before)
		wrong("the mapping has another kind of caching");
	if (p[2 * PAGE] != 2)
		wrong("the memory forgets");
	munmap(p, size);
	drop(handle);
	if (areas(name) != before)
		wrong("the kind of caching is left behind");
	empty();
}

static void aligned(uint32_t alignment)
{
	uint32_t value = 0;
	struct drm_virtgpu_getparam g = { .param = PARAM_BLOB_ALIGNMENT, .value = (uintptr_t)&value };
	int have = !ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &g);
	uint32_t handle;

	if (have != !!alignment || value != alignment)
		printf("failed: the parameter: %s, %u for %u\n", have ? "there" : "not there", value, alignment), failures++;
	handle = make(PAGE, 0);
	if (alignment > PAGE ? handle || errno != EINVAL : !handle)
		fail("a blob of a page", handle);
	if (handle)
		drop(handle);
	cycles(20, alignment > PAGE ? alignment : PAGE);
}

/* A mapping that cannot be: NULL where it is an errno, within that time. */
static void cannot(uint32_t handle, int errno1, int errno2, double seconds)
{
	double start = now();

	if (map(handle, PAGE))
		wrong("it is mapped");
	else if (errno != errno1 && errno != errno2)
		fail("another errno", 0);
	if (now() - start > seconds)
		printf("failed: it took %.1f s\n", now() - start), failures++;
}

static void refused(int errno1, int errno2, double seconds, int count)
{
	for (int i = 0; i < count; i++) {
		uint32_t handle = make(PAGE, i % 2 ? DEFERRED : 0);

		if (!handle) {
			fail("object", i);
			return;
		}
		cannot(handle, errno1, errno2, seconds);
		drop(handle);
	}
}

static void killed(void)
{
	for (uint32_t hints = 0; hints <= DEFERRED; hints++) {
		pid_t child = fork();

		if (!child) {
			map(make(PAGE, hints), PAGE);
			pause();
		}
		sleep(2);
		kill(child, SIGKILL);
		for (int i = 0; i < 50; i++) {
			if (waitpid(child, NULL, WNOHANG) == child) {
				child = 0;
				break;
			}
			usleep(100000);
		}
		if (child) {
			wrong("it cannot be killed");
			return;
		}
	}
}

static void full(void)
{
	uint32_t all = make(MIB, 0), late = make(PAGE, DEFERRED), none;
	uint8_t *p;

	if (!all || !late) {
		fail("objects", all);
		return;
	}
	none = make(PAGE, 0);
	if (none || errno != ENOSPC)
		fail("one more at once", none);
	cannot(late, ENOSPC, ENOSPC, 3);
	drop(all);
	empty();
	p = map(late, PAGE);
	if (!p) {
		fail("there is room again", 0);
		return;
	}
	p[7] = 7;
	munmap(p, PAGE);
	drop(late);
	empty();
}

static void none(void)
{
	uint32_t handle = make(PAGE, 0);

	if (handle || errno != EINVAL)
		fail("at once", handle);
	handle = make(PAGE, DEFERRED);
	if (!handle) {
		fail("deferred", 0);
		return;
	}
	cannot(handle, EINVAL, EINVAL, 3);
	drop(handle);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	if (open_device("/dev/dri/renderD128"))
		return 2;
	if (!strcmp(what, "cycles"))
		cycles(n ? n : 100, argc > 3 ? strtoul(argv[3], NULL, 0) : PAGE);
	else if (!strcmp(what, "type"))
		type(argc > 2 ? argv[2] : "");
	else if (!strcmp(what, "aligned"))
		aligned(n);
	else if (!strcmp(what, "refused"))
		refused(EINVAL, EIO, 3, 6);
	else if (!strcmp(what, "waits"))
		refused(ETIMEDOUT, EIO, 12, 2);
	else if (!strcmp(what, "killed"))
		killed();
	else if (!strcmp(what, "full"))
		full();
	else if (!strcmp(what, "none"))
		none();
	else
		wrong("no such thing to do");
	return failures ? 1 : 0;
}
