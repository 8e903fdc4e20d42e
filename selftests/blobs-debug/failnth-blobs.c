// SPDX-License-Identifier: GPL-2.0
/*
 * The calls for blobs and shared buffers that the sweep of failures (fuzz/failnth.c) goes through, in place
 * of its own. Their names begin with what has to be there: "guest" runs anywhere, "host" needs a host with
 * memory for whoever asks (Venus, or the test host), "import" one without 3D, "uuid" one that gives UUIDs.
 */
#include "failnth.h"
#include "card_of.h"
#include "create_blob.h"
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#define GUEST VIRTGPU_BLOB_MEM_GUEST
#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define SHADOWED VIRTGPU_BLOB_MEM_HOST3D_GUEST
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SHAREABLE VIRTGPU_BLOB_FLAG_USE_SHAREABLE
#define CROSS_DEVICE VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE
#define SIZE (4 * PAGE)
#define CAPSET_VENUS 4
#define DEFERRED 1

static int vgem = -1, udmabuf = -1, zero = -1;

/* -- what calls need ------------------------------------------------------------- */

static int own_file(struct state *s)
{
	s->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int create(struct state *s, uint32_t mem, uint32_t flags, uint32_t hints, uint32_t *handle)
{
	struct create_blob b = { .blob_mem = mem, .blob_flags = flags, .size = SIZE, .blob_hints = hints };
	int ret = call(s->fd, CREATE_BLOB, &b);

	*handle = ret ? 0 : b.bo_handle;
	return ret;
}

static int export(struct state *s)
{
	struct drm_prime_handle p = { .handle = s->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = call(s->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	/* What the first try has made stays with the object. */
	if (!ret && s->dmabuf >= 0)
		close(s->dmabuf);
	s->dmabuf = ret ? s->dmabuf : p.fd;
	return ret;
}

static int guest_object(struct state *s)
{
	int ret = own_file(s);

	return ret ? ret : create(s, GUEST, MAPPABLE | SHAREABLE, 0, &s->handle);
}

/* A file whose context is Venus's; on the test host, which has no such set, its default one. */
static int host_file(struct state *s)
{
	uint64_t params[][2] = { { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, CAPSET_VENUS } };
	struct drm_virtgpu_context_init c = { .num_params = 1, .ctx_set_params = ptr(params) };
	int ret = own_file(s);

	if (!ret)
		ret = call(s->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	return ret == -EINVAL ? 0 : ret;
}

static int host_object(struct state *s)
{
	int ret = host_file(s);

	/* Venus has nothing else without a name. */
	return ret ? ret : create(s, HOST, MAPPABLE, 0, &s->handle);
}

static int host_deferred(struct state *s)
{
	int ret = host_file(s);

	return ret ? ret : create(s, HOST, MAPPABLE, DEFERRED, &s->handle);
}

/* Maps the object, or says where it can be mapped. */
static int64_t offset_of(struct state *s)
{
	struct drm_virtgpu_map m = { .handle = s->handle };
	int ret = call(s->fd, DRM_IOCTL_VIRTGPU_MAP, &m);

	return ret ? ret : (int64_t)m.offset;
}

static int map(struct state *s)
{
	int64_t offset = offset_of(s);

	if (offset < 0)
		return offset;
	s->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, offset);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		/* So says the kernel's io_remap_pfn_range(), too, where it has no memory to remember the kind of caching in. */
		return errno == EINVAL ? -ENOMEM : -errno;
	}
	return 0;
}

static int host_mapped(struct state *s)
{
	int ret = host_object(s);

	return ret ? ret : map(s);
}

static int guest_mapped(struct state *s)
{
	int ret = guest_object(s);

	return ret ? ret : map(s);
}

static int guest_exported(struct state *s)
{
	int ret = guest_object(s);

	return ret ? ret : export(s);
}

static int host_exported(struct state *s)
{
	int ret = host_object(s);

	return ret ? ret : export(s);
}

/* The dma-buf, and a file that does not have its object. */
static int elsewhere(struct state *s, int (*exported)(struct state *s), int (*file)(struct state *s))
{
	int ret = exported(s);

	close(s->fd);
	s->handle = 0;
	return ret ? ret : file(s);
}

static int guest_elsewhere(struct state *s)
{
	return elsewhere(s, guest_exported, own_file);
}

static int host_elsewhere(struct state *s)
{
	return elsewhere(s, host_exported, host_file);
}

/* Buffers of others. */
static int of_vgem(struct state *s)
{
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_mode_destroy_dumb d = { 0 };
	int ret = create_dumb(vgem, 64, 64, &p.handle);

	if (!ret)
		ret = call(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);
	s->dmabuf = ret ? -1 : p.fd;
	d.handle = p.handle;
	call(vgem, DRM_IOCTL_MODE_DESTROY_DUMB, &d);
	return ret ? ret : own_file(s);
}

static int of_udmabuf(struct state *s)
{
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE };
	int ret = own_file(s);

	c.memfd = memfd_create("memory", MFD_ALLOW_SEALING);
	if (ftruncate(c.memfd, SIZE) || fcntl(c.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	s->dmabuf = ioctl(udmabuf, UDMABUF_CREATE, &c);
	close(c.memfd);
	return ret ? ret : s->dmabuf < 0 ? -errno : 0;
}

static int import(struct state *s)
{
	struct drm_prime_handle p = { .fd = s->dmabuf };
	int ret = call(s->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	if (!ret)
		s->handle = p.handle;
	return ret;
}

static int imported(struct state *s)
{
	int ret = of_vgem(s);

	return ret ? ret : import(s);
}

static int imported_to_show(struct state *s)
{
	int ret = of_vgem(s);

	close(s->fd);
	s->fd = open(CARD, O_RDWR | O_CLOEXEC);
	return ret ? ret : s->fd < 0 ? -errno : import(s);
}

/* -- calls ------------------------------------------------------------------------- */

static int create_guest(struct state *s)
{
	return create(s, GUEST, MAPPABLE | SHAREABLE, 0, &s->handle);
}

static int create_host(struct state *s)
{
	return create(s, HOST, MAPPABLE, 0, &s->handle);
}

static int create_deferred(struct state *s)
{
	return create(s, HOST, MAPPABLE, DEFERRED, &s->handle);
}

static int create_shadowed(struct state *s)
{
	return create(s, SHADOWED, SHAREABLE, 0, &s->handle);
}

static int create_for_others(struct state *s)
{
	return create(s, GUEST, MAPPABLE | SHAREABLE | CROSS_DEVICE, 0, &s->handle);
}

static int info(struct state *s)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = s->handle };

	return call(s->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i);
}

/* All of it is touched, by the kernel, so that nobody gets a signal. */
static int touch(struct state *s)
{
	return read(zero, s->map, SIZE) == (ssize_t)SIZE ? 0 : -EFAULT;
}

static int map_and_touch(struct state *s)
{
	int ret = map(s);

	return ret ? ret : touch(s);
}

/* By way of the dma-buf. */
static int map_shared(struct state *s)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->dmabuf, 0);

	if (p == MAP_FAILED)
		return errno == EINVAL ? -ENOMEM : -errno;
	s->map = p;
	return 0;
}

static int sync_cpu(struct state *s)
{
	struct dma_buf_sync b = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW }, e = { .flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW };
	int ret = call(s->dmabuf, DMA_BUF_IOCTL_SYNC, &b);

	return ret ? ret : call(s->dmabuf, DMA_BUF_IOCTL_SYNC, &e);
}

/* Another device takes ours in. */
static int vgem_takes(struct state *s)
{
	struct drm_prime_handle p = { .fd = s->dmabuf };
	struct drm_gem_close c = { 0 };
	int ret = call(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	c.handle = p.handle;
	if (!ret)
		call(vgem, DRM_IOCTL_GEM_CLOSE, &c);
	return ret;
}

static int addfb(struct state *s)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = 64, .height = 64, .pixel_format = DRM_FORMAT_XRGB8888, .handles = { s->handle }, .pitches = { 256 },
	};

	return call(s->fd, DRM_IOCTL_MODE_ADDFB2, &fb);
}

static int gem_close(struct state *s)
{
	struct drm_gem_close c = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_GEM_CLOSE, &c);
}

static int unmap(struct state *s)
{
	int ret = munmap(s->map, SIZE) ? -errno : 0;

	if (!ret)
		s->map = NULL;
	return ret;
}

static int do_close(struct state *s)
{
	close(s->fd);
	s->fd = 0;
	s->handle = 0;
	return 0;
}

const struct test tests[] = {
	{ "guest blob", own_file, create_guest },
	{ "guest blob: info", guest_object, info },
	{ "guest blob: map", guest_object, map },
	{ "guest blob: map and touch", guest_object, map_and_touch },
	{ "guest blob: unmap", guest_mapped, unmap, .once = 1, .none = 1 },
	{ "guest blob: export", guest_object, export },
	{ "guest blob: dma-buf mmap", guest_exported, map_shared },
	{ "guest blob: dma-buf sync", guest_exported, sync_cpu },
	{ "guest blob: import", guest_exported, import },
	{ "guest blob: import elsewhere", guest_elsewhere, import },
	{ "guest blob: vgem takes it", guest_exported, vgem_takes },
	{ "guest blob: close", guest_object, gem_close, .none = 1 },
	{ "guest blob: close the file", guest_mapped, do_close, .none = 1 },
	{ "host blob", host_file, create_host, .gl = 1 },
	{ "host blob deferred", host_file, create_deferred, .gl = 1 },
	{ "host blob with guest memory", host_file, create_shadowed, .gl = 1 },
	{ "host blob: info", host_object, info, .gl = 1 },
	{ "host blob: map", host_object, map, .gl = 1 },
	{ "host blob deferred: map", host_deferred, map, .gl = 1 },
	{ "host blob deferred: map and touch", host_deferred, map_and_touch, .gl = 1 },
	{ "host blob: touch", host_mapped, touch, .gl = 1, .none = 1 },
	{ "host blob: unmap", host_mapped, unmap, .gl = 1, .once = 1, .none = 1 },
	{ "host blob: export", host_object, export, .gl = 1 },
	{ "host blob deferred: export", host_deferred, export, .gl = 1 },
	{ "host blob: dma-buf mmap", host_exported, map_shared, .gl = 1 },
	{ "host blob: import elsewhere", host_elsewhere, import, .gl = 1 },
	{ "host blob: vgem takes it", host_exported, vgem_takes, .gl = 1 },
	{ "host blob: close", host_object, gem_close, .gl = 1 },
	{ "host blob: close the file", host_mapped, do_close, .gl = 1, .none = 1 },
	{ 0 }
};

/* What needs another kind of host; in the place of the display's calls. */
const struct test kms_tests[] = {
	{ "import of vgem's", of_vgem, import },
	{ "import of udmabuf's", of_udmabuf, import },
	{ "import: once more", imported, import },
	{ "import: info", imported, info },
	{ "import: export", imported, export },
	{ "import: a framebuffer", imported_to_show, addfb },
	{ "import: close", imported, gem_close, .none = 1 },
	{ "uuid at creation", own_file, create_for_others },
	{ 0 }
};

int create_dumb(int fd, uint32_t w, uint32_t h, uint32_t *handle)
{
	struct drm_mode_create_dumb d = { .width = w, .height = h, .bpp = 32 };
	int ret = call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d);

	*handle = ret ? 0 : d.handle;
	return ret;
}

/* Who else has buffers here. */
void learn(void)
{
	vgem = card_of("vgem");
	udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	must(vgem < 0 || udmabuf < 0 || zero < 0 ? -ENODEV : 0, "vgem, udmabuf, zero");
}
