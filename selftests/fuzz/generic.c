// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of DRM that get to any driver: handles, names, dumb buffers, sharing,
 * sync objects, mappings, events, and what else can be done with descriptors.
 */
#include "fuzz.h"
#include <sys/eventfd.h>

static void gem_close(struct file *f)
{
	struct drm_gem_close c = { .handle = a_handle(f), .pad = mostly(0) };

	CALL(f->fd, DRM_IOCTL_GEM_CLOSE, &c);
}

static void flink(struct file *f)
{
	struct drm_gem_flink l = { .handle = a_handle(f) };

	if (!CALL(f->fd, DRM_IOCTL_GEM_FLINK, &l))
		put_number(shared->names, 16, l.name);
}

static void gem_open(struct file *f)
{
	struct drm_gem_open o = { .name = a_number(shared->names, 16) };

	if (!CALL(f->fd, DRM_IOCTL_GEM_OPEN, &o))
		add_object(f, o.handle, o.size, 0);
}

static void create_dumb(struct file *f)
{
	struct drm_mode_create_dumb d = {
		.width = mostly(1 + below(300)), .height = mostly(1 + below(300)), .bpp = mostly(32), .flags = mostly(0),
	};

	/* For planes. */
	if (once_in(2)) {
		d.width = shared->mode.hdisplay;
		d.height = shared->mode.vdisplay;
		if (once_in(2))
			d.width = d.height = 64;
	}
	/* What is there of memory, once for each object, is not for a test. */
	if ((uint64_t)d.width * d.height > 1 << 19 && (uint64_t)d.width * d.height < 1 << 30)
		d.height = 1;
	if (!CALL(f->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d))
		add_object(f, d.handle, d.size, 0);
}

static void map_dumb(struct file *f)
{
	struct object *o = an_object(f);
	struct drm_mode_map_dumb m = { .handle = once_in(8) ? a_handle(f) : o->handle, .pad = mostly(0) };
	size_t size = o->size && o->size < 16 << 20 ? o->size : PAGE;
	uint8_t *p;

	if (CALL(f->fd, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return;
	begin(0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, m.offset);
	end(p == MAP_FAILED ? -1 : 0);
	if (p == MAP_FAILED)
		return;
	for (int i = 0; i < 4; i++)
		p[below(size)] += 1;
	if (once_in(8)) {
		begin(0);
		end(madvise(p, size, one_of(MADV_DONTNEED, MADV_WILLNEED, MADV_FREE, MADV_REMOVE)));
	}
	munmap(p, size);
}

static void map_anything(struct file *f)
{
	void *p;

	begin(0);
	p = mmap(NULL, mostly(PAGE), below(8), below(4), f->fd, mostly((0x100000ull + below(1 << 16)) << 12));
	end(p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		munmap(p, PAGE);
}

static void destroy_dumb(struct file *f)
{
	struct drm_mode_destroy_dumb d = { .handle = a_handle(f) };

	CALL(f->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &d);
}

static void handle_to_fd(struct file *f)
{
	struct drm_prime_handle p = { .handle = a_handle(f), .flags = mostly(one_of(0, O_CLOEXEC, O_RDWR, O_CLOEXEC | O_RDWR)) };

	if (!CALL(f->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
		put_fd(p.fd);
}

static void fd_to_handle(struct file *f)
{
	struct drm_prime_handle p = { .fd = a_fd(), .flags = mostly(0) };

	if (!CALL(f->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p))
		add_object(f, p.handle, PAGE, 0);
}

/* What can be done with a buffer's descriptor. */
static void dma_buf(struct file *f)
{
	struct dma_buf_sync sync = { .flags = mostly(below(8)) };
	struct dma_buf_export_sync_file ex = { .flags = mostly(1 + below(3)), .fd = -1 };
	struct dma_buf_import_sync_file im = { .flags = mostly(1 + below(3)), .fd = a_fd() };
	int fd = a_fd();
	uint8_t *p;

	(void)f;
	switch (below(5)) {
	case 0:
		CALL(fd, DMA_BUF_IOCTL_SYNC, &sync);
		break;
	case 1:
		if (!CALL(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &ex))
			put_fd(ex.fd);
		break;
	case 2:
		CALL(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &im);
		break;
	case 3:
		begin(0);
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE * (once_in(4) ? below(16) : 0));
		end(p == MAP_FAILED ? -1 : 0);
		if (p == MAP_FAILED)
			break;
		p[below(PAGE)] += 1;
		munmap(p, PAGE);
		break;
	default:
		begin(0);
		end(lseek(fd, 0, below(3)));
	}
}

static void sync_file(struct file *f)
{
	struct sync_merge_data m = { .name = "fuzz", .fd2 = a_fd(), .flags = mostly(0), .fence = -1 };
	struct sync_fence_info infos[4];
	struct sync_file_info i = { .num_fences = mostly(below(5)), .flags = mostly(0) };
	struct pollfd p = { .fd = a_fd(), .events = POLLIN };

	(void)f;
	switch (below(3)) {
	case 0:
		if (!CALL(a_fd(), SYNC_IOC_MERGE, &m))
			put_fd(m.fence);
		break;
	case 1:
		i.sync_fence_info = out(sizeof(infos));
		CALL(a_fd(), SYNC_IOC_FILE_INFO, &i);
		break;
	default:
		begin(0);
		end(poll(&p, 1, 1) > 0 ? 0 : -1);
	}
}

static void syncobj_create(struct file *f)
{
	struct drm_syncobj_create c = { .flags = mostly(below(2)) };
	struct drm_syncobj_destroy d = { 0 };

	if (CALL(f->fd, DRM_IOCTL_SYNCOBJ_CREATE, &c))
		return;
	d.handle = put_number(f->syncobjs, SYNCOBJS, c.handle);
	if (d.handle)
		ioctl(f->fd, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
}

static void syncobj_destroy(struct file *f)
{
	struct drm_syncobj_destroy d = { .handle = a_number(f->syncobjs, SYNCOBJS), .pad = mostly(0) };

	CALL(f->fd, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
}

static void syncobj_to_fd(struct file *f)
{
	struct drm_syncobj_handle h = { .handle = a_number(f->syncobjs, SYNCOBJS), .flags = mostly(below(2)) };

	if (!CALL(f->fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h))
		put_fd(h.fd);
}

static void syncobj_from_fd(struct file *f)
{
	struct drm_syncobj_handle h = {
		.handle = a_number(f->syncobjs, SYNCOBJS), .fd = a_fd(), .flags = mostly(below(2)),
	};
	int into = h.flags & 1;

	if (!CALL(f->fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h) && !into)
		put_number(f->syncobjs, SYNCOBJS, h.handle);
}

/* Arrays of some sync objects and points. */
static uint64_t some_syncobjs(struct file *f)
{
	uint32_t handles[4];

	for (int i = 0; i < 4; i++)
		handles[i] = a_number(f->syncobjs, SYNCOBJS);
	return in(handles, sizeof(handles));
}

static uint64_t some_points(void)
{
	uint64_t points[4];

	for (int i = 0; i < 4; i++)
		points[i] = mostly(below(1000));
	return in(points, sizeof(points));
}

static void syncobj_wait(struct file *f)
{
	struct drm_syncobj_timeline_wait w = {
		.handles = some_syncobjs(f), .points = some_points(), .count_handles = 1 + below(3), .flags = mostly(below(8)),
		.timeout_nsec = now_ms() * 1000000 + below(20) * 1000000ll,
	};
	struct drm_syncobj_wait plain = {
		.handles = w.handles, .count_handles = w.count_handles, .flags = w.flags, .timeout_nsec = w.timeout_nsec,
	};

	if (once_in(2))
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w);
	else
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_WAIT, &plain);
}

static void syncobj_change(struct file *f)
{
	struct drm_syncobj_array a = { .handles = some_syncobjs(f), .count_handles = 1 + below(3), .pad = mostly(0) };
	struct drm_syncobj_timeline_array t = {
		.handles = a.handles, .points = some_points(), .count_handles = a.count_handles, .flags = mostly(below(2)),
	};
	struct drm_syncobj_transfer x = {
		.src_handle = a_number(f->syncobjs, SYNCOBJS), .dst_handle = a_number(f->syncobjs, SYNCOBJS),
		.src_point = mostly(below(1000)), .dst_point = mostly(below(1000)), .flags = mostly(below(4)),
	};

	switch (below(5)) {
	case 0:
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_RESET, &a);
		break;
	case 1:
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &a);
		break;
	case 2:
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &t);
		break;
	case 3:
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_QUERY, &t);
		break;
	default:
		CALL(f->fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &x);
	}
}

static void syncobj_eventfd(struct file *f)
{
	struct drm_syncobj_eventfd e = {
		.handle = a_number(f->syncobjs, SYNCOBJS), .flags = mostly(below(2)), .point = mostly(below(1000)),
		.fd = once_in(2) ? a_fd() : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	CALL(f->fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &e);
	put_fd(once_in(2) ? dup(e.fd) : -1);
	if (e.fd > 60)
		close(e.fd);
}

static void close_fd(struct file *f)
{
	int i = below(FDS), fd = fds[i];

	(void)f;
	fds[i] = 0;
	if (fd > 0) {
		begin(0);
		end(close(fd));
	}
}

/* Another file for a while, closed with whatever it has. */
static void another_file(struct file *f)
{
	int fd = open(once_in(2) ? CARD : RENDER, O_RDWR | O_CLOEXEC), was = f->fd;
	struct drm_mode_create_dumb d = { .width = 32, .height = 32, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };
	void *p = MAP_FAILED;

	begin(0);
	end(fd);
	if (fd < 0)
		return;
	(void)was;
	if (!ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d)) {
		m.handle = d.handle;
		if (!ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m))
			p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	}
	if (shared->gl) {
		struct drm_virtgpu_resource_create c = {
			.format = 64, .bind = 16, .width = PAGE, .height = 1, .depth = 1, .array_size = 1, .size = PAGE,
		};
		struct drm_virtgpu_execbuffer e = { .bo_handles = (uintptr_t)&c.bo_handle, .num_bo_handles = 1 };

		if (!ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c))
			ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);
	}
	begin(0);
	close(fd);
	end(0);
	if (p != MAP_FAILED) {
		*(volatile uint8_t *)p = 1;
		munmap(p, PAGE);
	}
}

static void read_events(struct file *f)
{
	uint64_t to = out(1024);

	begin(0);
	end(read(f->fd, (void *)(uintptr_t)to, mostly(1024) & 0xffff));
}

static void read_info(struct file *f)
{
	char path[64], text[1024];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", once_in(2) ? f->fd : a_fd());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	begin(0);
	end(read(fd, text, sizeof(text)));
	close(fd);
}

/* Files of debugfs that whoever may can read at any time. */
static void read_debugfs(struct file *f)
{
	static const char *const names[] = {
		"virtio-gpu-irq-fence", "virtio-gpu-host-visible-mm", "virtio-gpu-features", "clients", "gem_names", "state",
		"framebuffer", "name", "internal_clients",
	};
	char path[96], text[4096];
	int fd;

	(void)f;
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/0/%s", names[below(sizeof(names) / sizeof(names[0]))]);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	begin(0);
	end(read(fd, text, sizeof(text)));
	close(fd);
}

static void caps(struct file *f)
{
	struct drm_get_cap g = { .capability = mostly(below(0x16)) };
	struct drm_set_client_cap s = { .capability = mostly(1 + below(7)), .value = mostly(below(3)) };
	struct drm_set_client_name n = { .name_len = mostly(below(32)) };
	char name[32];

	switch (below(4)) {
	case 0:
		memset(name, 'n', sizeof(name));
		n.name = in(name, sizeof(name));
		CALL(f->fd, DRM_IOCTL_SET_CLIENT_NAME, &n);
		break;
	case 1:
		CALL(f->fd, DRM_IOCTL_SET_CLIENT_CAP, &s);
		break;
	default:
		CALL(f->fd, DRM_IOCTL_GET_CAP, &g);
	}
}

/* Any ioctl of DRM with anything. */
static void anything(struct file *f)
{
	uint64_t bytes[32];
	unsigned int nr = below(0xd0);

	/*
	 * Leases would give away what the rest needs, and DRM itself warns of absurd counts of sync objects; the
	 * driver's own are done better elsewhere.
	 */
	if (nr >= 0xc3)
		return;
	if (nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END)
		return;
	for (int i = 0; i < 32; i++)
		bytes[i] = once_in(2) ? below(64) : once_in(4) ? out(64) : 0;
	call(f->fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, nr, below(129)), bytes, sizeof(bytes));
}

const struct op generic_ops[] = {
	{ "gem_close", 4, gem_close },
	{ "flink", 3, flink },
	{ "gem_open", 3, gem_open },
	{ "create_dumb", 8, create_dumb },
	{ "map_dumb", 6, map_dumb },
	{ "map_anything", 1, map_anything },
	{ "destroy_dumb", 2, destroy_dumb },
	{ "handle_to_fd", 6, handle_to_fd },
	{ "fd_to_handle", 6, fd_to_handle },
	{ "dma_buf", 6, dma_buf },
	{ "sync_file", 4, sync_file },
	{ "syncobj_create", 6, syncobj_create },
	{ "syncobj_destroy", 1, syncobj_destroy },
	{ "syncobj_to_fd", 3, syncobj_to_fd },
	{ "syncobj_from_fd", 3, syncobj_from_fd },
	{ "syncobj_wait", 4, syncobj_wait },
	{ "syncobj_change", 6, syncobj_change },
	{ "syncobj_eventfd", 2, syncobj_eventfd },
	{ "close_fd", 4, close_fd },
	{ "another_file", 4, another_file },
	{ "read_events", 4, read_events },
	{ "read_info", 2, read_info },
	{ "read_debugfs", 2, read_debugfs },
	{ "caps", 2, caps },
	{ "anything", 2, anything },
	{ 0 }
};
