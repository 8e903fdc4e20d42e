/* SPDX-License-Identifier: MIT */
/*
 * How a winsys of Mesa would ask for layouts: of a buffer that it has, and of one before it is made.
 * selftests/layout compiles this file as it stands here, as C and as C++.
 *
 * Needs <drm/virtgpu_drm.h> of the kernel and, on top of it, this project's <drm/virtgpu_drm_ext.h>.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <drm/virtgpu_drm_ext.h>

/* DRM_FORMAT_MOD_LINEAR and DRM_FORMAT_MOD_INVALID of <drm/drm_fourcc.h>. */
#define MOD_LINEAR	0ull
#define MOD_INVALID	0x00ffffffffffffffull

struct layout {
	uint64_t modifier;
	unsigned int num_planes;
	struct {
		uint64_t offset;
		uint32_t stride;
	} planes[VIRTGPU_LAYOUT_MAX_PLANES];
};

/* 0, or -errno. The kernel has checked the answer. */
static int ask(int fd, struct drm_virtgpu_resource_query_layout *query, struct layout *layout)
{
	int ret;

	do {
		ret = ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT, query);
	} while (ret == -1 && (errno == EINTR || errno == EAGAIN));
	if (ret == -1)
		return -errno;
	memset(layout, 0, sizeof(*layout));
	layout->modifier = query->modifier;
	layout->num_planes = query->num_planes;
	for (unsigned int i = 0; i < query->num_planes && i < VIRTGPU_LAYOUT_MAX_PLANES; i++) {
		layout->planes[i].offset = query->planes[i].offset;
		layout->planes[i].stride = query->planes[i].stride;
	}
	return 0;
}

/* Virgl's number of a format that every host has (PIPE_FORMAT_B8G8R8X8_UNORM), and of a use. */
#define FORMAT_BGRX8		2u
#define BIND_LINEAR		(1u << 22)

/* At screen creation: whether layouts can be asked for before a buffer is made. ENOSYS: the host cannot
 * be asked. EINVAL: the driver does not have the call. */
bool winsys_can_plan(int fd)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;

	memset(&query, 0, sizeof(query));
	query.width = query.height = 64;
	query.format = FORMAT_BGRX8;
	query.bind = BIND_LINEAR;
	return ask(fd, &query, &layout) == 0;
}

/* What resource_get_handle() gives to another device: the buffer's own rows, not a guess from its
 * width. `stride` and `modifier` are what the winsys would have said without the kernel's help. */
void winsys_layout(int fd, uint32_t bo_handle, uint32_t *stride, uint32_t *offset, uint64_t *modifier)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;

	memset(&query, 0, sizeof(query));
	query.handle = bo_handle;
	if (ask(fd, &query, &layout))
		return;	/* ENOSYS: nobody knows. EINVAL: no such call. Others: not to be had now. */
	*modifier = layout.modifier;
	*offset = (uint32_t)layout.planes[0].offset;
	if (layout.planes[0].stride)
		*stride = layout.planes[0].stride;
}

/* Before memory is allocated that the host is to read: how much, and with which rows. False where the
 * host would not have it linear, or cannot be asked. */
bool winsys_plan_linear(int fd, uint32_t width, uint32_t height, uint32_t virgl_format, uint32_t virgl_bind,
			uint32_t *stride, uint64_t *size)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;

	memset(&query, 0, sizeof(query));
	query.width = width;
	query.height = height;
	query.format = virgl_format;
	query.bind = virgl_bind;
	if (ask(fd, &query, &layout) || layout.num_planes != 1 ||
	    (layout.modifier != MOD_LINEAR && layout.modifier != MOD_INVALID))
		return false;
	*stride = layout.planes[0].stride;
	*size = layout.planes[0].offset + (uint64_t)*stride * height;
	return true;
}
