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

/* DRM_FORMAT_MOD_LINEAR of <drm/drm_fourcc.h>. */
#define MOD_LINEAR	0ull

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
 * be asked. EINVAL: the driver does not have the call. EIO: the host refuses this picture, and might have
 * answered for another. A host that is silent costs five seconds here, once. */
bool winsys_can_plan(int fd)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;
	int ret;

	memset(&query, 0, sizeof(query));
	query.width = query.height = 64;
	query.format = FORMAT_BGRX8;
	query.bind = BIND_LINEAR;
	ret = ask(fd, &query, &layout);
	return ret == 0 || ret == -EIO;
}

/* What resource_get_handle() gives to another device, plane by plane: the buffer's own rows, not a guess
 * from its width. Where it returns false, `stride`, `offset` and `modifier` are what the winsys would have
 * said without the kernel's help. */
bool winsys_layout(int fd, uint32_t bo_handle, unsigned int plane, uint32_t *stride, uint32_t *offset,
		   uint64_t *modifier)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;

	memset(&query, 0, sizeof(query));
	query.handle = bo_handle;
	if (ask(fd, &query, &layout))
		return false;	/* ENOSYS: nobody knows. EINVAL: no such call. Others: not to be had now. */
	if (plane >= layout.num_planes || layout.planes[plane].offset > UINT32_MAX)
		return false;
	if (!layout.planes[plane].stride)
		return false;	/* Memory without rows of its own: whoever made it has chosen them. */
	*stride = layout.planes[plane].stride;
	*offset = (uint32_t)layout.planes[plane].offset;
	*modifier = layout.modifier;
	return true;
}

/* Before memory is allocated that the host is to read: how much, and with which rows. False where the
 * host would not have it linear, does not say so, or cannot be asked. */
bool winsys_plan_linear(int fd, uint32_t width, uint32_t height, uint32_t virgl_format, uint32_t virgl_bind,
			uint32_t *stride, uint64_t *offset, uint64_t *size)
{
	struct drm_virtgpu_resource_query_layout query;
	struct layout layout;
	uint64_t rows;

	memset(&query, 0, sizeof(query));
	query.width = width;
	query.height = height;
	query.format = virgl_format;
	query.bind = virgl_bind;
	if (ask(fd, &query, &layout) || layout.num_planes != 1 || layout.modifier != MOD_LINEAR)
		return false;
	*stride = layout.planes[0].stride;
	*offset = layout.planes[0].offset;
	rows = (uint64_t)*stride * height;
	if (rows > UINT64_MAX - *offset)
		return false;
	*size = *offset + rows;
	return true;
}
