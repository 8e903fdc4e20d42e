// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of blobs of gigabytes, on the test host; the sizes are in MiB.
 *
 *   large made SIZE      a blob of so much guest memory is made, in time, and given back; it is right up to
 *                        its end, where the host shows a picture
 *   large refused SIZE   there is less memory than that
 *   large pieces SIZE    one is made with the guest's memory in pieces, no page of which has its neighbour
 *   large imported SIZE  so much of udmabuf's, whose pages are all in the wrong order, is taken in
 *   large killed SIZE    whoever makes one can be killed
 *
 * Exit status: 0 done, 1 something failed.
 */
#include "calls.h"
#include "shown.h"
#include <linux/udmabuf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MIB (1ul << 20)
/* Seconds of the guest's that a call may take. */
#define BOUND 150
/* The host takes requests of 16 MiB, which is a little less than a million entries and the request. */
#define LESS 65536
#define PITCH 4096u

static long meminfo(const char *what)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)))
			kib = atol(line + strlen(what) + 1);
	if (f)
		fclose(f);
	return kib;
}

static uint32_t make(size_t size, double *seconds)
{
	struct create_blob b = { .blob_mem = 1, .blob_flags = 3, .size = size };
	double start = now();
	int ret = ioctl(fd, CREATE_BLOB, &b);

	*seconds = now() - start;
	return ret ? 0 : b.bo_handle;
}

/* A picture at the end, as far as a framebuffer's offset reaches, on the screen. */
static void show_the_end(uint32_t handle, uint8_t *p, size_t size)
{
	struct screen screen;
	uint32_t fb_id, crc;
	size_t at;
	int ret = p ? find_screen(fd, &screen) : -EFAULT;

	if (ret) {
		errno = -ret;
		fail("mapping or screen", 0);
		return;
	}
	at = (size > UINT32_MAX ? UINT32_MAX & ~(PAGE - 1) : size) - (size_t)PITCH * screen.mode.vdisplay;
	crc = draw(&screen, p + at, PITCH, 0);
	if (show(fd, &screen, handle, PITCH, at, &fb_id))
		fail("show", 0);
	else if (shown(crc, 0) != crc)
		wrong("the host shows something else than what is at the end");
	else
		printf("# the host shows what is at %zu MiB\n", at / MIB);
	show_nothing(fd, &screen);
	ioctl(fd, DRM_IOCTL_MODE_RMFB, &fb_id);
}

/* What was free is free again, but for a little that others have taken. */
static void back(long before, const char *what)
{
	long after = 0;

	for (int i = 0; i < 100; i++) {
		after = meminfo("MemFree:");
		if (after + 48 * 1024 > before)
			break;
		usleep(200000);
	}
	printf("# %s: free memory %ld KiB before, %ld after\n", what, before, after);
	if (after + 48 * 1024 <= before)
		wrong("memory does not come back");
}

static void made(size_t size, int refused)
{
	long before = meminfo("MemFree:");
	double seconds;
	uint32_t handle = make(size, &seconds);
	int error = errno;
	uint8_t *p;

	printf("# %zu KiB: %s after %.1f s\n", size / 1024, handle ? "made" : strerror(error), seconds);
	if (seconds > BOUND)
		wrong("it takes too long");
	if (!refused != !!handle)
		wrong(handle ? "it is made" : "it is refused");
	if (!handle && error != ENOMEM && error != ENOSPC)
		wrong("another errno");
	if (handle) {
		p = map(handle, size);
		show_the_end(handle, p, size);
		if (p)
			munmap(p, size);
		drop(handle);
	}
	back(before, handle ? "given back" : "refused");
}

static void allow(const char *what, const char *value)
{
	char path[80];
	int to;

	snprintf(path, sizeof(path), "/sys/module/udmabuf/parameters/%s", what);
	to = open(path, O_WRONLY);
	if (write(to, value, strlen(value)) < 0)
		fail(what, to);
	close(to);
}

static void imported(size_t size)
{
	int memory = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC), device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create c = { .memfd = memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	struct drm_prime_handle h = { 0 };
	long before = meminfo("MemFree:");
	double start = now();
	uint8_t *p;

	allow("size_limit_mb", "8192");
	if (ftruncate(memory, size) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK)) {
		fail("memory", memory);
		return;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	/* Pages come in the order in which they are wanted. */
	for (size_t at = size; at; at -= PAGE)
		p[at - PAGE] = 1;
	h.fd = ioctl(device, UDMABUF_CREATE, &c);
	close(device);
	close(memory);
	if (h.fd < 0) {
		fail("udmabuf", 0);
		return;
	}
	printf("# %zu KiB of udmabuf's after %.1f s\n", size / 1024, now() - start);
	start = now();
	if (ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &h)) {
		fail("import", 0);
	} else {
		printf("# imported after %.1f s\n", now() - start);
		show_the_end(h.handle, p, size);
		drop(h.handle);
	}
	if (now() - start > BOUND)
		wrong("it takes too long");
	close(h.fd);
	munmap(p, size);
	back(before, "given back");
}

static void killed(size_t size)
{
	const int delays[] = { 20, 100, 400, 1500 };

	for (int i = 0; i < 4; i++) {
		long before = meminfo("MemFree:");
		pid_t child = fork();
		double start;
		int gone = 0;

		if (!child) {
			double seconds;

			/* A file of its own, which goes with it. */
			fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
			for (;;)
				drop(make(size, &seconds));
		}
		usleep(delays[i] * 1000);
		kill(child, SIGKILL);
		start = now();
		while (!gone && now() - start < BOUND) {
			gone = waitpid(child, NULL, WNOHANG) == child;
			usleep(20000);
		}
		printf("# killed after %d ms: gone after %.1f s\n", delays[i], now() - start);
		if (!gone) {
			wrong("it cannot be killed");
			return;
		}
		back(before, "killed");
	}
}

static void scatter(void)
{
	int huge = open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_WRONLY), module;

	/* What is whole is for the kernel. */
	if (write(huge, "deny", 4) != 4)
		fail("no huge pages", huge);
	close(huge);
	module = open("/vgpu/scatter.ko", O_RDONLY | O_CLOEXEC);
	if (syscall(SYS_finit_module, module, "", 0))
		fail("scatter", module);
	close(module);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t size = argc > 2 ? strtoull(argv[2], NULL, 0) * MIB : 0;
	int pieces = !strcmp(what, "pieces");

	if (open_device("/dev/dri/card0"))
		return 2;
	if (pieces)
		scatter();
	printf("# free: %ld MiB\n", meminfo("MemFree:") / 1024);
	if (!strcmp(what, "killed"))
		killed(size);
	else if (!strcmp(what, "imported"))
		imported(size - LESS);
	else
		made(pieces ? size - LESS : size, !strcmp(what, "refused"));
	close(fd);
	if (pieces && syscall(SYS_delete_module, "scatter", 0))
		fail("scatter goes", 0);
	return failures ? 1 : 0;
}
