// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of the test host where memory is shared with another device, which the module
 * mover is, and where a stream is larger than the ring that takes it.
 *
 *   sharectl long      a stream of more pages than the ring has descriptors
 *   sharectl uuid      who may have an object's UUID, and that it is the host's
 *   sharectl moved     memory of another device wants to move
 *
 * Exit status: 0 done, 1 something failed (each failure is a line), 2 no device.
 */
#include "calls.h"
#include <sys/syscall.h>

#define NOP(words) ((words) << 16)

static void longer(void)
{
	/* Twenty operations of nothing, each as long as one can be; then a word for the object. */
	const uint32_t nop = 65535, count = 20, words = nop * count + 4;
	struct drm_virtgpu_resource_create c = { .target = 0, .format = 64, .bind = 16, .width = PAGE,
		.height = 1, .depth = 1, .array_size = 1, .size = PAGE };
	struct drm_virtgpu_execbuffer e = { .size = words * 4, .num_bo_handles = 1, .fence_fd = -1 };
	struct drm_virtgpu_3d_transfer_from_host t = { .box = { .w = PAGE, .h = 1, .d = 1 } };
	struct drm_virtgpu_3d_wait w = { 0 };
	uint32_t *stream = calloc(words, 4);
	volatile uint32_t *p;

	if (!stream || ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c)) {
		fail("object", 0);
		return;
	}
	p = (volatile uint32_t *)map(c.bo_handle, PAGE);
	if (!p) {
		fail("mapping", 0);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		stream[i * nop] = NOP(nop);
	stream[count * nop] = 4 | 4 << 16;
	stream[count * nop + 1] = c.res_handle;
	stream[count * nop + 3] = 0x600df00d;
	e.command = (uintptr_t)stream;
	e.bo_handles = (uintptr_t)&c.bo_handle;
	t.bo_handle = w.handle = c.bo_handle;
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e))
		fail("submit", 0);
	else if (ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t) || ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w))
		fail("transfer", 0);
	else if (*p != 0x600df00d)
		wrong("the end of the stream did not get there");
}

/* The other device, which a module is; -1 where that does not work. */
static int other(void)
{
	int module = open("/vgpu/mover.ko", O_RDONLY | O_CLOEXEC), mover = -1;

	if (!syscall(SYS_finit_module, module, "", 0))
		for (int i = 0; i < 50 && mover < 0; i++) {
			mover = open("/dev/vgpu-mover", O_RDWR | O_CLOEXEC);
			if (mover < 0)
				usleep(100000);
		}
	if (mover < 0)
		fail("the other device", module);
	close(module);
	return mover;
}

/* It goes, which it cannot while somebody has its memory. */
static void gone(int mover)
{
	int ret = -1;

	close(mover);
	for (int i = 0; i < 100 && ret; i++) {
		ret = syscall(SYS_delete_module, "mover", O_NONBLOCK);
		usleep(50000);
	}
	if (ret)
		fail("the other device has something left", 0);
}

/* What the other device is told of a dma-buf: 0 and the UUID of resource `res`, or an errno. */
static void identity(int mover, const char *what, int dmabuf, uint32_t res, int wanted)
{
	struct {
		int32_t fd;
		uint32_t words[4];
	} u = { .fd = dmabuf };

	for (int i = 0; i < 2; i++) {
		int ret = ioctl(mover, _IO('m', 1), &u) ? errno : 0;

		if (ret != wanted)
			printf("failed: the UUID of %s: %s\n", what, strerror(ret)), failures++;
		else if (!ret && (u.words[0] != 0x75706867 || u.words[1] != res || u.words[2] != ~res || u.words[3] != 1))
			printf("failed: the UUID of %s is not what the host said\n", what), failures++;
	}
}

static void uuid(void)
{
	/* Rows 82, 112, 113, 114: assigned at creation or at export, waited for, nobody else's. */
	struct drm_virtgpu_resource_create c = { .target = 2, .format = 2, .bind = 2, .width = 64, .height = 64,
		.depth = 1, .array_size = 1, .size = 64 * 64 * 4 };
	const struct {
		const char *what;
		uint32_t flags;
		int wanted;
	} blobs[] = { { "a blob for other devices", 7, 0 }, { "a blob for this one", 3, ENODEV } };
	int mover = other(), foreign;

	if (mover < 0)
		return;
	for (int i = 0; i < 2; i++) {
		struct create_blob b = { .blob_mem = 1, .blob_flags = blobs[i].flags, .size = PAGE };
		struct drm_prime_handle h = { .flags = O_CLOEXEC };

		if (ioctl(fd, CREATE_BLOB, &b)) {
			fail(blobs[i].what, 0);
			continue;
		}
		h.handle = b.bo_handle;
		if (ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &h))
			fail("export", i);
		identity(mover, blobs[i].what, h.fd, b.res_handle, blobs[i].wanted);
		close(h.fd);
		drop(h.handle);
	}
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c)) {
		fail("picture", 0);
	} else {
		struct drm_prime_handle h = { .handle = c.bo_handle, .flags = O_CLOEXEC };

		if (ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &h))
			fail("export", 2);
		identity(mover, "a picture", h.fd, c.res_handle, 0);
		close(h.fd);
		drop(h.handle);
	}
	foreign = ioctl(mover, _IO('m', 0));
	identity(mover, "its own memory", foreign, 0, EINVAL);
	close(foreign);
	gone(mover);
}

/* Asks the memory to move; 0, or an errno below. */
static int move(int mover)
{
	double start = now();
	int ret = write(mover, "", 1) == 1 ? 0 : -errno;

	if (now() - start > 3)
		printf("failed: its owner waits %.1f s\n", now() - start), failures++;
	return ret;
}

static void moved(void)
{
	struct drm_prime_handle h = { 0 };
	int mover = other(), ret;

	if (mover < 0)
		return;
	h.fd = ioctl(mover, _IO('m', 0));
	if (h.fd < 0) {
		fail("its memory", mover);
		return;
	}
	if (move(mover))
		wrong("it does not move by itself");
	if (ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &h)) {
		fail("import", 0);
		return;
	}
	ret = move(mover);
	printf("# imported memory: %s\n", ret ? strerror(-ret) : "moves");
	if (ret && ret != -EBUSY)
		wrong("neither does it move nor is it pinned");
	drop(h.handle);
	close(h.fd);
	/* The host has let go then. */
	ret = -EBUSY;
	for (int i = 0; i < 100 && ret; i++) {
		ret = move(mover);
		usleep(50000);
	}
	if (ret)
		wrong("it does not move when nobody has it");
	gone(mover);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (open_device("/dev/dri/card0"))
		return 2;
	if (!strcmp(what, "long"))
		longer();
	else if (!strcmp(what, "uuid"))
		uuid();
	else if (!strcmp(what, "moved"))
		moved();
	else
		wrong("no such thing to do");
	return failures ? 1 : 0;
}
