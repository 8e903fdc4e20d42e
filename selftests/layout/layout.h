/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs of this folder share: the call, and what the host is that they run on.
 *
 * LAYOUT_HOST says how the host tells layouts: "silent" (not at all), "plane-info" (when it makes a
 * resource), "first" and "second" (when asked by that version of the command). Rows of its pictures
 * are multiples of 256 bytes, their modifier is LAYOUT_MODIFIER (0).
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "gl.h"
#include <drm/virtgpu_drm_ext.h>

#define PAGE 4096u
#define FORMAT_BGRX8 2
#define BIND_LINEAR (1u << 22)
#define QUERY DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT

typedef struct drm_virtgpu_resource_query_layout layout_t;

static inline int host_is(const char *kind)
{
	const char *host = getenv("LAYOUT_HOST");

	return !strcmp(host ? host : "silent", kind);
}

static inline uint64_t host_modifier(void)
{
	const char *modifier = getenv("LAYOUT_MODIFIER");

	return modifier ? strtoull(modifier, NULL, 0) : 0;
}

/* Asks; every field that is for the answer has other bytes before. */
static inline int query(int fd, uint32_t handle, layout_t *q)
{
	memset(q, 0xa5, sizeof(*q));
	q->handle = handle;
	return call(fd, QUERY, q);
}

/* The same of a resource that there is not. */
static inline int query_new(int fd, uint32_t w, uint32_t h, uint32_t format, uint32_t bind, layout_t *q)
{
	memset(q, 0xa5, sizeof(*q));
	q->handle = 0;
	q->width = w;
	q->height = h;
	q->format = format;
	q->bind = bind;
	return call(fd, QUERY, q);
}

/* Whether the answer is one plane from the start, with that modifier and stride, and nothing else. */
static inline int is_layout(const layout_t *q, uint64_t modifier, uint32_t stride)
{
	static const struct drm_virtgpu_layout_plane none;
	int good = q->num_planes == 1 && q->modifier == modifier && q->planes[0].offset == 0 &&
		   q->planes[0].stride == stride && q->planes[0].pad == 0;

	for (int i = 1; i < VIRTGPU_LAYOUT_MAX_PLANES; i++)
		good = good && !memcmp(&q->planes[i], &none, sizeof(none));
	if (!good)
		printf("# %u planes, modifier %#llx, offset %llu, stride %u instead of %#llx, %u\n", q->num_planes,
		       (unsigned long long)q->modifier, (unsigned long long)q->planes[0].offset, q->planes[0].stride,
		       (unsigned long long)modifier, stride);
	return good;
}

static inline uint32_t align256(uint32_t n)
{
	return (n + 255) & ~255u;
}

/* A dumb buffer; its handle, 0 if there is none. */
static inline uint32_t dumb(int card, uint32_t w, uint32_t h, uint32_t *pitch)
{
	struct drm_mode_create_dumb d = { .width = w, .height = h, .bpp = 32 };

	*pitch = 0;
	if (call(card, DRM_IOCTL_MODE_CREATE_DUMB, &d))
		return 0;
	*pitch = d.pitch;
	return d.handle;
}

/* A blob; its handle, 0 if there is none. */
static inline uint32_t blob(int fd, uint32_t mem, uint32_t flags, uint64_t size)
{
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = mem, .blob_flags = flags, .size = size };

	return call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b) ? 0 : b.bo_handle;
}

#endif
