// SPDX-License-Identifier: GPL-2.0
/*
 * The calls that the sweep of failures goes through, and what each of them needs
 * beforehand.
 */
#include "failnth.h"

/* -- what calls need ------------------------------------------------------------- */

static int own_file(struct state *s)
{
	s->fd = open(RENDER, O_RDWR | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int create_3d(struct state *s, uint32_t *handle)
{
	struct drm_virtgpu_resource_create c = {
		.target = gl ? 0 : 2, .format = gl ? 64 : 1, .bind = gl ? 16 : 0, .width = gl ? 4 * PAGE : 64, .height = gl ? 1 : 64,
		.depth = 1, .array_size = 1, .size = 4 * PAGE,
	};
	int ret = call(s->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c);

	*handle = ret ? 0 : c.bo_handle;
	return ret;
}

int create_dumb(int fd, uint32_t w, uint32_t h, uint32_t *handle)
{
	struct drm_mode_create_dumb d = { .width = w, .height = h, .bpp = 32 };
	int ret = call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d);

	*handle = ret ? 0 : d.handle;
	return ret;
}

static int a_file(struct state *s)
{
	return own_file(s);
}

static int a_card_file(struct state *s)
{
	s->fd = open(CARD, O_RDWR | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int an_object(struct state *s)
{
	int ret = own_file(s);

	return ret ? ret : create_3d(s, &s->handle);
}

static int exported(struct state *s)
{
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = an_object(s);

	p.handle = s->handle;
	if (!ret)
		ret = call(s->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);
	s->dmabuf = ret ? -1 : p.fd;
	return ret;
}

/* The same in another file than the one that is used then. */
static int exported_elsewhere(struct state *s)
{
	int ret = exported(s);

	close(s->fd);
	return ret ? ret : own_file(s);
}

/* Names are not for render nodes. */
static int for_a_name(struct state *s)
{
	int ret = a_card_file(s);

	return ret ? ret : create_3d(s, &s->handle);
}

static int named(struct state *s)
{
	struct drm_gem_flink l = { 0 };
	int ret = for_a_name(s);

	l.handle = s->handle;
	if (!ret)
		ret = call(s->fd, DRM_IOCTL_GEM_FLINK, &l);
	s->name = l.name;
	return ret;
}

static int with_syncobj(struct state *s)
{
	struct drm_syncobj_create c = { .flags = DRM_SYNCOBJ_CREATE_SIGNALED };
	int ret = an_object(s);

	if (!ret)
		ret = call(s->fd, DRM_IOCTL_SYNCOBJ_CREATE, &c);
	s->syncobj = c.handle;
	return ret;
}

static int with_fence(struct state *s)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT, .fence_fd = -1 };
	int ret = with_syncobj(s);

	if (!ret)
		ret = call(s->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);
	s->fence = ret ? -1 : e.fence_fd;
	return ret;
}

static int polled(struct state *s)
{
	uint64_t params[][2] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 2 }, { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 1 },
	};
	struct drm_virtgpu_context_init c = { .num_params = 3, .ctx_set_params = ptr(params) };
	int ret = own_file(s);

	if (!ret)
		ret = call(s->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	return ret ? ret : create_3d(s, &s->handle);
}

/* -- calls ------------------------------------------------------------------------- */

static int do_open(struct state *s)
{
	return own_file(s);
}

static int getparam(struct state *s)
{
	uint32_t value = 0;
	struct drm_virtgpu_getparam p = { .param = VIRTGPU_PARAM_CAPSET_QUERY_FIX, .value = ptr(&value) };

	return call(s->fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p);
}

static int get_caps(struct state *s, uint32_t id, uint32_t version)
{
	char bytes[2048];
	struct drm_virtgpu_get_caps c = { .cap_set_id = id, .cap_set_ver = version, .size = sizeof(bytes), .addr = ptr(bytes) };

	return call(s->fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c);
}

/* What the host has answered is kept, so there are only so many. */
static int get_caps_new(struct state *s)
{
	static const uint32_t sets[][2] = { { 1, 0 }, { 1, 1 }, { 2, 0 }, { 2, 1 }, { 2, 2 } };
	static int at;
	int ret = get_caps(s, sets[at][0], sets[at][1]);

	if (!ret && at < 4)
		at++;
	return ret;
}

static int get_caps_kept(struct state *s)
{
	return get_caps(s, 1, 0);
}

static int context_init(struct state *s)
{
	static const char name[] = "name";
	uint64_t params[][2] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 2 }, { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 4 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 2 }, { VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, ptr(name) },
	};
	struct drm_virtgpu_context_init c = { .num_params = 4, .ctx_set_params = ptr(params) };

	return call(s->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
}

static int resource_create(struct state *s)
{
	return create_3d(s, &s->handle);
}

static int resource_info(struct state *s)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = s->handle };

	return call(s->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i);
}

static int map(struct state *s)
{
	struct drm_virtgpu_map m = { .handle = s->handle };
	int ret = call(s->fd, DRM_IOCTL_VIRTGPU_MAP, &m);

	if (ret)
		return ret;
	s->map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, m.offset);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return -errno;
	}
	return 0;
}

static int wait_for(struct state *s)
{
	struct drm_virtgpu_3d_wait w = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_VIRTGPU_WAIT, &w);
}

static int to_host(struct state *s)
{
	struct drm_virtgpu_3d_transfer_to_host t = { .bo_handle = s->handle, .box = { .w = 64, .h = 1, .d = 1 } };

	return call(s->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &t);
}

static int from_host(struct state *s)
{
	struct drm_virtgpu_3d_transfer_from_host t = { .bo_handle = s->handle, .box = { .w = 64, .h = 1, .d = 1 } };

	return call(s->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t);
}

static uint32_t stream[3 * PAGE / 4];

static int exec_plain(struct state *s)
{
	struct drm_virtgpu_execbuffer e = { .command = ptr(stream), .size = sizeof(stream) };

	return call(s->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);
}

static int exec_all(struct state *s)
{
	struct drm_virtgpu_execbuffer_syncobj in = { .handle = s->syncobj, .flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET },
					      out[2] = { { .handle = s->syncobj, .point = 5 }, { .handle = s->syncobj } };
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | VIRTGPU_EXECBUF_FENCE_FD_IN, .fence_fd = s->fence,
		.command = ptr(stream), .size = sizeof(stream), .bo_handles = ptr(&s->handle), .num_bo_handles = 1,
		.in_syncobjs = ptr(&in), .num_in_syncobjs = 1, .out_syncobjs = ptr(out), .num_out_syncobjs = 2,
		.syncobj_stride = sizeof(in),
	};
	int ret = call(s->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);

	if (!ret)
		close(e.fence_fd);
	return ret;
}

static int exec_event(struct state *s)
{
	struct drm_virtgpu_execbuffer e = {
		.flags = VIRTGPU_EXECBUF_RING_IDX, .command = ptr(stream), .size = 64,
	};
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	char event[64];
	int ret = call(s->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);

	/* A fence of a ring must have signalled when its context goes, on this host. */
	if (!ret && (poll(&p, 1, 10000) != 1 || read(s->fd, event, sizeof(event)) <= 0) && errno != ENOMEM && errno != EFAULT)
		return -ETIME;
	return ret;
}

static int do_create_dumb(struct state *s)
{
	return create_dumb(s->fd, 200, 100, &s->handle2);
}

static int handle_to_fd(struct state *s)
{
	struct drm_prime_handle p = { .handle = s->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = call(s->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	s->dmabuf = ret ? -1 : p.fd;
	return ret;
}

static int fd_to_handle(struct state *s)
{
	struct drm_prime_handle p = { .fd = s->dmabuf };

	return call(s->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);
}

static int flink(struct state *s)
{
	struct drm_gem_flink l = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_GEM_FLINK, &l);
}

static int gem_open(struct state *s)
{
	struct drm_gem_open o = { .name = s->name };

	return call(s->fd, DRM_IOCTL_GEM_OPEN, &o);
}

static int gem_open_elsewhere(struct state *s)
{
	struct drm_gem_open o = { .name = s->name };
	int ret = call(card, DRM_IOCTL_GEM_OPEN, &o);

	s->handle2 = ret ? 0 : o.handle;
	return ret;
}

static int gem_close(struct state *s)
{
	struct drm_gem_close c = { .handle = s->handle };

	return call(s->fd, DRM_IOCTL_GEM_CLOSE, &c);
}

static int fdinfo(struct state *s)
{
	char path[64], text[1024];
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->fd);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int do_close(struct state *s)
{
	close(s->fd);
	s->fd = 0;
	return 0;
}

const struct test tests[] = {
	{ "open", NULL, do_open },
	{ "getparam", a_file, getparam },
	{ "get_caps", a_file, get_caps_new, .gl = 1, .once = 1 },
	{ "get_caps kept", a_file, get_caps_kept, .gl = 1 },
	{ "context_init", a_file, context_init, .gl = 1 },
	{ "resource_create", a_file, resource_create },
	{ "resource_create in a context", an_object, resource_create, .gl = 1 },
	{ "resource_info", an_object, resource_info },
	{ "map", an_object, map },
	{ "wait", an_object, wait_for },
	{ "transfer_to_host", an_object, to_host },
	{ "transfer_from_host", an_object, from_host, .gl = 1 },
	{ "execbuffer", a_file, exec_plain, .gl = 1 },
	{ "execbuffer with all", with_fence, exec_all, .gl = 1 },
	{ "execbuffer with event", polled, exec_event, .gl = 1 },
	{ "create_dumb", a_card_file, do_create_dumb },
	{ "handle_to_fd", an_object, handle_to_fd },
	{ "fd_to_handle", exported, fd_to_handle },
	{ "fd_to_handle elsewhere", exported_elsewhere, fd_to_handle },
	{ "flink", for_a_name, flink },
	{ "gem_open", named, gem_open },
	{ "gem_open elsewhere", named, gem_open_elsewhere },
	{ "gem_close", an_object, gem_close },
	{ "fdinfo", an_object, fdinfo },
	/* Without 3D it needs no memory. */
	{ "close", with_syncobj, do_close, .none = 1 },
	{ 0 }
};
