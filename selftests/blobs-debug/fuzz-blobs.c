// SPDX-License-Identifier: GPL-2.0
/*
 * Blobs and shared buffers for the fuzzer: the driver's ioctls that it has, and with them blobs of every
 * kind, mapped whole and in part, shared with vgem and udmabuf, and given up in any order. Half of it
 * happens on files that all workers have, half on files whose contexts have host memory.
 */
#define virtgpu_ops usual_ops
#include "virtgpu.c"
#undef virtgpu_ops
#include "card_of.h"
#include "create_blob.h"
#include <linux/udmabuf.h>

#define CAPSET_VENUS 4
#define OWN 6

/* A good one more often than `resource_create_blob`. */
static struct create_blob a_blob(uint32_t mem)
{
	struct create_blob b = {
		.blob_mem = mem, .blob_flags = once_in(8) ? edge() : below(4), .size = PAGE * (1 + below(16)), .blob_hints = below(2),
	};

	if (once_in(8))
		b.size = once_in(2) ? 1ull << (41 + below(23)) : mostly(1 + below(1 << 16));
	/* What is there of memory is not for a test. */
	if (b.size > 4 << 20 && b.size < 1ull << 34)
		b.size = PAGE;
	if (once_in(16))
		b.blob_id = edge();
	return b;
}

static void blob_of_any_kind(struct file *f)
{
	struct create_blob b = a_blob(1 + below(3));

	if (!CALL(f->fd, CREATE_BLOB, &b))
		add_object(f, b.bo_handle, b.size > UINT32_MAX ? PAGE : b.size, b.res_handle);
}

/* -- a file whose context has host memory -------------------------------------------- */

struct own {
	uint32_t handle, size;
	uint8_t *p;
	size_t len;
};

static void own_create(int fd, struct own *o)
{
	struct create_blob b = a_blob(once_in(4) ? 1 : 2);

	if (o->handle || CALL(fd, CREATE_BLOB, &b))
		return;
	o->handle = b.bo_handle;
	o->size = b.size > 4 << 20 ? PAGE : b.size;
}

static void own_map(int fd, struct own *o)
{
	struct drm_virtgpu_map m = { .handle = o->handle };
	uint32_t pages = (o->size + PAGE - 1) / PAGE, first = once_in(3) ? below(pages) : 0;
	size_t len = once_in(8) ? mostly(PAGE) & 0xffffff : PAGE * (1 + below(pages - first));

	if (o->p || !o->handle || CALL(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return;
	begin(0);
	o->p = mmap(NULL, len, PROT_READ | PROT_WRITE, once_in(16) ? MAP_PRIVATE : MAP_SHARED, fd, m.offset + first * PAGE);
	end(o->p == MAP_FAILED ? -1 : 0);
	o->len = o->p == MAP_FAILED ? 0 : len;
	if (o->p == MAP_FAILED)
		o->p = NULL;
}

static void own_unmap(struct own *o)
{
	size_t part = o->len > PAGE && once_in(3) ? PAGE : o->len;

	if (!o->p)
		return;
	begin(0);
	end(munmap(o->p, part));
	o->len -= part;
	o->p = o->len ? o->p + part : NULL;
}

static void own_close(int fd, struct own *o)
{
	struct drm_gem_close c = { .handle = o->handle };

	/* The mapping may stay. */
	if (o->handle)
		CALL(fd, DRM_IOCTL_GEM_CLOSE, &c);
	o->handle = 0;
}

static void own_share(int fd, struct own *o)
{
	struct drm_prime_handle p = { .handle = o->handle, .flags = O_CLOEXEC | O_RDWR };

	if (o->handle && !CALL(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
		put_fd(p.fd);
}

static void own_import(int fd, struct own *o)
{
	struct drm_prime_handle p = { .fd = a_fd() };

	if (!o->handle && !CALL(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p)) {
		o->handle = p.handle;
		o->size = PAGE;
	}
}

/* A context with host memory; hosts take their time to make one, so a worker keeps it for a while. */
static int fd_of_host_memory(void)
{
	uint64_t params[][2] = { { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, CAPSET_VENUS } };
	struct drm_virtgpu_context_init c = { .num_params = 1, .ctx_set_params = (uintptr_t)params };
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && shared->gl)
		CALL(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	return fd;
}

/* Some steps in any order; at times the end of the file, with mappings that outlive it, or not even that. */
static void session(struct file *f)
{
	static struct own own[OWN];
	static int fd;

	(void)f;
	if (fd <= 0)
		fd = fd_of_host_memory();
	if (fd < 0)
		return;
	for (int i = 8 + below(40); i > 0; i--) {
		struct own *o = &own[below(OWN)];

		switch (below(10)) {
		case 0: case 1: case 2:
			own_create(fd, o);
			break;
		case 3: case 4:
			own_map(fd, o);
			break;
		case 5:
			/* Where that may not be, the handler comes back. */
			if (o->p)
				o->p[below(o->len)] += 1;
			break;
		case 6:
			own_unmap(o);
			break;
		case 7:
			own_close(fd, o);
			break;
		case 8:
			own_share(fd, o);
			break;
		default:
			own_import(fd, o);
		}
	}
	if (once_in(64))
		raise(SIGKILL);
	if (!once_in(16))
		return;
	begin(0);
	close(fd);
	end(0);
	fd = 0;
	for (int i = 0; i < OWN; i++) {
		own_unmap(&own[i]);
		if (own[i].p)
			munmap(own[i].p, own[i].len);
		own[i] = (struct own){ 0 };
	}
}

/* -- others ---------------------------------------------------------------------------- */

static int of_udmabuf(void)
{
	/* 7.3's udmabuf maps what is contiguous as one segment; the checks of the DMA API complain of more than 64 KiB. */
	size_t size = PAGE * (1 + below(16));
	int memory = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC), device, fd = -1;
	struct udmabuf_create c = { .memfd = memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device >= 0 && memory >= 0 && !ftruncate(memory, size) && !fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(device, UDMABUF_CREATE, &c);
	/* And it keeps the direction of whoever came first; they complain of any but this one. */
	for (int i = 0; i < 2 && fd >= 0; i++) {
		ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
		sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	}
	if (device >= 0)
		close(device);
	if (memory >= 0)
		close(memory);
	return fd;
}

/* A buffer of another device, taken in at once or left for whoever finds it. */
static void foreign(struct file *f)
{
	struct drm_mode_create_dumb d = { .width = 64 * (1 + below(3)), .height = 1 + below(64), .bpp = 32 };
	struct drm_prime_handle p = { .flags = O_CLOEXEC | O_RDWR, .fd = -1 };

	if (once_in(2)) {
		int fd = card_of("vgem");

		if (fd < 0)
			return;
		if (!ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d)) {
			p.handle = d.handle;
			if (ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
				p.fd = -1;
		}
		close(fd);
	} else {
		p.fd = of_udmabuf();
	}
	if (p.fd < 0)
		return;
	if (!CALL(f->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p))
		add_object(f, p.handle, PAGE, 0);
	if (once_in(2))
		put_fd(p.fd);
	else
		close(p.fd);
}

/* Another device takes in what is there. */
static void taken(struct file *f)
{
	struct drm_prime_handle p = { .fd = a_fd() };
	int fd = card_of("vgem");

	(void)f;
	if (fd < 0)
		return;
	CALL(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);
	if (once_in(2)) {
		p.flags = O_CLOEXEC | O_RDWR;
		if (!CALL(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
			put_fd(p.fd);
	}
	close(fd);
}

const struct op virtgpu_ops[] = {
	{ "getparam", 1, getparam },
	{ "get_caps", 1, get_caps },
	{ "context_init", 1, context_init },
	{ "resource_create", 4, resource_create },
	{ "resource_create_blob", 8, resource_create_blob },
	{ "blob_of_any_kind", 20, blob_of_any_kind },
	{ "resource_info", 4, resource_info },
	{ "query_layout", 1, query_layout },
	{ "map", 20, map },
	{ "wait", 4, wait_for },
	{ "transfer_to_host", 4, transfer_to_host },
	{ "transfer_from_host", 4, transfer_from_host },
	{ "execbuffer", 10, execbuffer },
	{ "rings", 2, rings },
	{ "no_such", 1, no_such },
	{ "session", 20, session },
	{ "foreign", 10, foreign },
	{ "taken", 8, taken },
	{ 0 }
};
