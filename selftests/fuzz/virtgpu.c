// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's own ioctls, and a client of them that means well.
 *
 * Values that a host of today dies of, or that take it all its memory, are left
 * out; each says so. They say nothing about a driver: it hands them on.
 */
#include "fuzz.h"

/* Gallium's names. */
#define FORMAT_BGRA8 1
#define FORMAT_R8 64
#define VIRGL_NOP 0

static void getparam(struct file *f)
{
	struct drm_virtgpu_getparam p = { .param = mostly(below(12)), .value = out(8) };

	CALL(f->fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p);
}

static void get_caps(struct file *f)
{
	struct drm_virtgpu_get_caps c = {
		.cap_set_id = mostly(1 + below(3)), .cap_set_ver = mostly(below(3)), .size = mostly(below(2000)), .pad = mostly(0),
	};

	c.addr = out(c.size < 8 * PAGE ? c.size : 8 * PAGE);
	CALL(f->fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c);
}

static void context_init(struct file *f)
{
	uint64_t params[6][2];
	char name[80];
	struct drm_virtgpu_context_init c = { .num_params = mostly(below(5)), .pad = mostly(0) };

	for (int i = 0; i < 6; i++) {
		params[i][0] = mostly(1 + below(4));
		switch (params[i][0]) {
		case VIRTGPU_CONTEXT_PARAM_CAPSET_ID:
			params[i][1] = mostly(1 + below(2));
			break;
		case VIRTGPU_CONTEXT_PARAM_NUM_RINGS:
			params[i][1] = mostly(1 + below(64));
			break;
		case VIRTGPU_CONTEXT_PARAM_DEBUG_NAME:
			memset(name, 'a' + below(26), sizeof(name));
			name[below(80)] = 0;
			params[i][1] = in(name, below(80));
			break;
		default:
			params[i][1] = mostly(below(16));
		}
	}
	c.ctx_set_params = in(params, sizeof(params));
	CALL(f->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
}

static void resource_create(struct file *f)
{
	int picture = below(2);
	struct drm_virtgpu_resource_create c = {
		.target = mostly(picture ? 2 : 0), .format = mostly(picture ? one_of(1, 2, 3, 4, 67, 68, 121, 134) : FORMAT_R8),
		.bind = mostly(picture ? one_of(2, 8, 10, 1 << 18, 0) : 16), .width = mostly(1 + below(256)),
		.height = mostly(picture ? 1 + below(256) : 1), .depth = mostly(1), .array_size = mostly(1),
		.last_level = once_in(8) ? below(12) : 0, .nr_samples = once_in(16) ? edge() : 0, .flags = once_in(8) ? edge() : 0,
		.bo_handle = once_in(16) ? edge() : 0, .size = mostly(4 * PAGE + below(256) * 1024), .stride = once_in(8) ? edge() : 0,
	};

	if (once_in(64))
		c.size = (1 + below(4)) << 20;
	/* Pages are pinned at once, and the host's pictures are memory of a host: neither is to run out. */
	if (c.size > 4u << 20)
		c.size = 65536;
	if ((uint64_t)c.width * c.height > 1 << 20 || (uint64_t)c.depth * c.array_size > 64 || c.nr_samples > 64) {
		c.width = c.height = 64;
		c.depth = c.array_size = 1;
		c.nr_samples = 0;
	}
	if (!CALL(f->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c))
		add_object(f, c.bo_handle, c.size, c.res_handle);
}

static void resource_create_blob(struct file *f)
{
	struct drm_virtgpu_resource_create_blob b = {
		.blob_mem = mostly(1 + below(3)), .blob_flags = mostly(below(8)), .size = mostly(PAGE * (1 + below(16))),
		.blob_id = mostly(0), .cmd_size = once_in(4) ? mostly(4 * below(16)) : 0, .pad = mostly(0),
	};

	/* As above. */
	if (b.size > 4 << 20 && b.size < 1ull << 34)
		b.size = PAGE;
	if (b.cmd_size)
		b.cmd = in(NULL, b.cmd_size > PAGE ? PAGE : b.cmd_size);
	if (!CALL(f->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b))
		add_object(f, b.bo_handle, b.size, b.res_handle);
}

static void resource_info(struct file *f)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = a_handle(f) };

	CALL(f->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i);
}

/* As <drm/virtgpu_drm_ext.h> has it. The C driver does not know it. */
struct query_layout {
	uint32_t handle, width, height, format, bind, num_planes;
	uint64_t modifier;
	struct {
		uint64_t offset;
		uint32_t stride, pad;
	} planes[4];
};

static void query_layout(struct file *f)
{
	struct query_layout q = {
		.handle = once_in(4) ? 0 : a_handle(f), .width = mostly(1 + below(256)), .height = mostly(1 + below(256)),
		.format = mostly(one_of(1, 2, 3, 4, 67, 68, 121, 134)), .bind = mostly(0), .num_planes = edge(), .modifier = rnd(),
	};
	uint8_t other[112];

	if (once_in(16)) {
		memset(other, 0, sizeof(other));
		memcpy(other, &q, sizeof(q));
		CALL(f->fd, DRM_IOWR(DRM_COMMAND_BASE + 0x0c, uint8_t[112]), &other);
		return;
	}
	CALL(f->fd, DRM_IOWR(DRM_COMMAND_BASE + 0x0c, struct query_layout), &q);
}

static void map(struct file *f)
{
	struct object *o = an_object(f);
	struct drm_virtgpu_map m = { .handle = once_in(8) ? a_handle(f) : o->handle, .pad = mostly(0) };
	size_t size = o->size && o->size < 16 << 20 ? mostly(o->size) : PAGE;
	uint8_t *p;

	if (CALL(f->fd, DRM_IOCTL_VIRTGPU_MAP, &m) || size > 16 << 20)
		return;
	begin(0);
	p = mmap(NULL, size, below(4), once_in(8) ? MAP_PRIVATE : MAP_SHARED, f->fd, m.offset);
	end(p == MAP_FAILED ? -1 : 0);
	if (p == MAP_FAILED)
		return;
	/* Where that may not be, the handler comes back, and this mapping stays until the worker ends. */
	for (int i = 0; i < 4; i++)
		p[below(size)] += 1;
	munmap(p, size);
}

static void wait_for(struct file *f)
{
	struct drm_virtgpu_3d_wait w = { .handle = a_handle(f), .flags = mostly(below(2)) };

	CALL(f->fd, DRM_IOCTL_VIRTGPU_WAIT, &w);
}

static struct drm_virtgpu_3d_box a_box(void)
{
	return (struct drm_virtgpu_3d_box){
		.x = mostly(below(8)), .y = mostly(0), .z = mostly(0), .w = mostly(1 + below(64)), .h = mostly(1), .d = mostly(1),
	};
}

static void transfer_to_host(struct file *f)
{
	struct drm_virtgpu_3d_transfer_to_host t = {
		.bo_handle = a_handle(f), .box = a_box(), .level = mostly(0), .offset = mostly(0),
		.stride = once_in(8) ? edge() : 0, .layer_stride = once_in(8) ? edge() : 0,
	};

	CALL(f->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &t);
}

static void transfer_from_host(struct file *f)
{
	struct drm_virtgpu_3d_transfer_from_host t = {
		.bo_handle = a_handle(f), .box = a_box(), .level = mostly(0), .offset = mostly(0),
		.stride = once_in(8) ? edge() : 0, .layer_stride = once_in(8) ? edge() : 0,
	};

	CALL(f->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t);
}

/* Sync objects of a submission; how many goes to `count`. */
static uint64_t syncobjs(struct file *f, uint32_t *count, uint32_t flags)
{
	struct drm_virtgpu_execbuffer_syncobj s[8];

	*count = once_in(2) ? 0 : below(4);
	for (int i = 0; i < 8; i++)
		s[i] = (struct drm_virtgpu_execbuffer_syncobj){
			.handle = a_number(f->syncobjs, SYNCOBJS), .flags = mostly(flags & below(2)),
			.point = once_in(2) ? 0 : mostly(below(1000)),
		};
	if (once_in(32))
		*count = edge();
	return *count ? in(s, sizeof(s)) : 0;
}

static void execbuffer(struct file *f)
{
	static const uint32_t words[2048];
	struct drm_virtgpu_execbuffer e = {
		.flags = (once_in(8) ? VIRTGPU_EXECBUF_FENCE_FD_IN : 0) | (once_in(4) ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0),
		.size = once_in(4) ? below(4000) : 4 * below(16), .fence_fd = a_fd(),
		.syncobj_stride = mostly(sizeof(struct drm_virtgpu_execbuffer_syncobj)),
	};
	uint32_t handles[16];

	e.in_syncobjs = syncobjs(f, &e.num_in_syncobjs, 1);
	e.out_syncobjs = syncobjs(f, &e.num_out_syncobjs, 0);
	if (once_in(2)) {
		e.num_bo_handles = mostly(below(16));
		for (int i = 0; i < 16; i++)
			handles[i] = an_object(f)->handle;
		if (once_in(8))
			handles[below(4)] = a_handle(f);
		e.bo_handles = in(handles, sizeof(handles));
	}
	if (once_in(8)) {
		e.flags |= VIRTGPU_EXECBUF_RING_IDX;
		e.ring_idx = mostly(below(4));
		/*
		 * QEMU's virgl has no fences of rings: they never signal. One that an object or a flip waits for
		 * would have it wait for as long.
		 */
		e.num_bo_handles = e.num_out_syncobjs = 0;
		e.flags &= ~VIRTGPU_EXECBUF_FENCE_FD_OUT;
	}
	if (once_in(16))
		e.flags |= 1u << below(32);
	if (once_in(32))
		e.size = edge();
	/* A size that can be had, but only with all the memory there is, is a matter of the administrator's limits. */
	if (e.size > 1 << 20 && e.size < 0x80000000u)
		e.size = 1 << 20;
	if (e.num_bo_handles > 1 << 20 && e.num_bo_handles < 1u << 28)
		e.num_bo_handles = 1 << 20;
	if (e.num_in_syncobjs > 1 << 16 && e.num_in_syncobjs < 1u << 27)
		e.num_in_syncobjs = 1 << 16;
	if (e.num_out_syncobjs > 1 << 16 && e.num_out_syncobjs < 1u << 27)
		e.num_out_syncobjs = 1 << 16;
	e.command = in(words, e.size < sizeof(words) ? e.size : sizeof(words));
	if (!CALL(f->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e) && e.flags & VIRTGPU_EXECBUF_FENCE_FD_OUT)
		put_fd(e.fence_fd);
}

/* A context with rings for a while. */
static void rings(struct file *f)
{
	uint32_t words[8] = { 0 }, count = 1 + below(64);
	uint64_t params[][2] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 1 + below(2) },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, count },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, once_in(2) ? (1ull << (count - 1)) : 0 },
	};
	struct drm_virtgpu_context_init c = { .num_params = 3, .ctx_set_params = (uintptr_t)params };
	struct file own = { .fd = open(RENDER, O_RDWR | O_CLOEXEC | O_NONBLOCK) };
	struct drm_virtgpu_execbuffer e = { .command = (uintptr_t)words, .size = sizeof(words) };

	(void)f;
	if (own.fd < 0)
		return;
	CALL(own.fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	for (int i = below(4); i > 0; i--) {
		e.flags = VIRTGPU_EXECBUF_RING_IDX | (once_in(8) ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0);
		e.ring_idx = below(count + 1);
		begin(DRM_IOCTL_VIRTGPU_EXECBUFFER);
		if (!end(ioctl(own.fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e)) && e.flags & VIRTGPU_EXECBUF_FENCE_FD_OUT)
			close(e.fence_fd);
	}
	begin(0);
	close(own.fd);
	end(0);
}

/* A number that no ioctl has. */
static void no_such(struct file *f)
{
	uint64_t bytes[16] = { rnd(), rnd() };

	call(f->fd, DRM_IOWR(DRM_COMMAND_BASE + (once_in(2) ? 0 : 13 + below(79)), uint64_t), bytes, sizeof(bytes));
}

const struct op virtgpu_ops[] = {
	{ "getparam", 4, getparam },
	{ "get_caps", 4, get_caps },
	{ "context_init", 4, context_init },
	{ "resource_create", 16, resource_create },
	{ "resource_create_blob", 4, resource_create_blob },
	{ "resource_info", 4, resource_info },
	{ "query_layout", 4, query_layout },
	{ "map", 10, map },
	{ "wait", 10, wait_for },
	{ "transfer_to_host", 10, transfer_to_host },
	{ "transfer_from_host", 10, transfer_from_host },
	{ "execbuffer", 30, execbuffer },
	{ "rings", 6, rings },
	{ "no_such", 1, no_such },
	{ 0 }
};

/* -- the client that means well ------------------------------------------------------ */

static int fails(int ret, const char *what)
{
	if (ret)
		printf("# a client that means well: %s: %d (%s)\n", what, ret, strerror(ret < 0 ? -ret : 0));
	return ret;
}

static int plain(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static int render_client(void)
{
	struct drm_virtgpu_resource_create c = {
		.format = FORMAT_R8, .bind = 16, .width = PAGE, .height = 1, .depth = 1, .array_size = 1, .size = PAGE,
	};
	struct drm_virtgpu_3d_transfer_to_host to = { .box = { .w = PAGE, .h = 1, .d = 1 } };
	struct drm_virtgpu_3d_transfer_from_host from = { .box = { .w = PAGE, .h = 1, .d = 1 } };
	uint32_t nops[16] = { VIRGL_NOP };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .command = (uintptr_t)nops, .size = sizeof(nops), .fence_fd = -1,
	};
	struct drm_virtgpu_3d_wait w = { 0 };
	struct drm_virtgpu_map m = { 0 };
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);
	struct pollfd p = { .events = POLLIN };
	uint8_t *bytes;

	if (fails(plain(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c), "RESOURCE_CREATE"))
		return 1;
	m.handle = w.handle = to.bo_handle = from.bo_handle = c.bo_handle;
	if (fails(plain(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), "WAIT") || fails(plain(fd, DRM_IOCTL_VIRTGPU_MAP, &m), "MAP"))
		return 1;
	bytes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	if (fails(bytes == MAP_FAILED, "mmap"))
		return 1;
	memset(bytes, 0x5a, PAGE);
	if (fails(plain(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), "TRANSFER_TO_HOST") ||
	    fails(plain(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), "WAIT"))
		return 1;
	memset(bytes, 0, PAGE);
	if (fails(plain(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from), "TRANSFER_FROM_HOST") ||
	    fails(plain(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), "WAIT"))
		return 1;
	for (unsigned int i = 0; i < PAGE; i++)
		if (bytes[i] != 0x5a)
			return fails(1, "what comes back from the host");
	if (fails(plain(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), "EXECBUFFER"))
		return 1;
	p.fd = e.fence_fd;
	if (fails(poll(&p, 1, 20000) != 1, "the fence of a submission"))
		return 1;
	close(e.fence_fd);
	munmap(bytes, PAGE);
	close(fd);
	return 0;
}

static int display_client(void)
{
	struct drm_mode_create_dumb d = { .width = 640, .height = 480, .bpp = 32 };
	struct drm_mode_fb_cmd2 fb = { .width = 640, .height = 480, .pixel_format = DRM_FORMAT_XRGB8888 };
	struct drm_mode_crtc crtc = { .crtc_id = shared->crtcs[0], .count_connectors = 1, .mode_valid = 1, .mode = shared->mode };
	struct drm_mode_fb_dirty_cmd dirty = { 0 };
	/* What a cursor shows is nobody's file's, so it stays until somebody takes it away. */
	struct drm_mode_cursor cursor = { .flags = DRM_MODE_CURSOR_BO, .crtc_id = shared->crtcs[0] };
	int fd = open(CARD, O_RDWR | O_CLOEXEC), failed;

	d.width = fb.width = shared->mode.hdisplay;
	d.height = fb.height = shared->mode.vdisplay;
	failed = fails(plain(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), "CREATE_DUMB");
	fb.handles[0] = d.handle;
	fb.pitches[0] = d.pitch;
	failed = failed || fails(plain(fd, DRM_IOCTL_MODE_ADDFB2, &fb), "ADDFB2");
	crtc.fb_id = dirty.fb_id = fb.fb_id;
	crtc.set_connectors_ptr = (uintptr_t)&shared->connectors[0];
	failed = failed || fails(plain(fd, DRM_IOCTL_MODE_SETCRTC, &crtc), "SETCRTC") ||
		 fails(plain(fd, DRM_IOCTL_MODE_DIRTYFB, &dirty), "DIRTYFB") ||
		 fails(plain(fd, DRM_IOCTL_MODE_CURSOR, &cursor), "CURSOR");
	close(fd);
	return !!failed;
}

int good_client(void)
{
	int failed = shared->gl && render_client(), debug;

	if (display_client()) {
		failed = 1;
		/* Once more, with DRM telling why. */
		debug = open("/sys/module/drm/parameters/debug", O_WRONLY);
		if (debug >= 0 && write(debug, "0x1f", 4) == 4)
			display_client();
		close(debug);
	}
	return failed;
}
