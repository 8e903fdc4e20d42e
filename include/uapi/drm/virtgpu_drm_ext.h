/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What this project adds to the uapi of <drm/virtgpu_drm.h>: fence passing and
 * DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT.
 *
 * Numbers and shapes are those of the patches that were published, so that
 * userspace written for those works. None of it changes what a program sees
 * that does not use it. There is no getparam for either: a program asks by
 * trying. A name that upstream takes is left to upstream.
 */
#ifndef VIRTGPU_DRM_EXT_H
#define VIRTGPU_DRM_EXT_H

#include <drm/virtgpu_drm.h>

#if defined(__cplusplus)
extern "C" {
#endif

/*
 * Context parameter, value 0 or 1: jobs of this context may have the host wait
 * for fences of other contexts, and may offer theirs. 1 fails with EINVAL
 * where the host cannot do it, which is how to find out.
 */
#ifndef VIRTGPU_CONTEXT_PARAM_FENCE_PASSING
#define VIRTGPU_CONTEXT_PARAM_FENCE_PASSING	0x0005
#endif

/*
 * Execbuffer flag, only in a context with the parameter above: other contexts'
 * jobs may wait for this job's out-fence on the host. EINVAL elsewhere, as for
 * any flag that is not known.
 */
#ifndef VIRTGPU_EXECBUF_SHARED_FENCE
#define VIRTGPU_EXECBUF_SHARED_FENCE		0x08
#endif

#ifndef DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT
#define DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT	0x0c

#define VIRTGPU_LAYOUT_MAX_PLANES		4

struct drm_virtgpu_layout_plane {
	__u64 offset;	/* out: bytes from the start of the resource */
	__u32 stride;	/* out: bytes a row, 0: memory without rows */
	__u32 pad;	/* out: 0 */
};

/*
 * How a resource is laid out in memory: what the guest laid out itself, what
 * the host said when it made the resource, or what it says when asked now. The
 * answer for a resource does not change. Waits for the host five seconds at
 * most, and not when the caller is being killed.
 *
 * handle 0 asks how the host would lay out a resource of the given width,
 * height, format and bind; for any other handle those four are not looked at.
 * A small picture finds out whether that can be asked: ENOSYS if not, and EINVAL
 * from a driver that does not have this call.
 *
 * A blob of guest memory has no rows of its own: it is linear, with a stride
 * of 0. Whoever puts a picture into it chooses.
 *
 * Errors: ENOSYS if nobody knows, for handle 0 if the host cannot be asked;
 * ENOENT for an unknown handle; EINVAL for handle 0 with a width, height or
 * format of 0; ETIMEDOUT; EIO if the host refuses, or its answer makes no sense.
 *
 * An earlier patch had a struct of 112 bytes under this number. It is refused
 * with EINVAL. Any other size is taken for the beginning of this struct, or of
 * a later one that begins so.
 */
struct drm_virtgpu_resource_query_layout {
	__u32 handle;		/* in */
	__u32 width;		/* in, pixels */
	__u32 height;		/* in, pixels */
	__u32 format;		/* in, virgl format number */
	__u32 bind;		/* in, virgl bind flags */
	__u32 num_planes;	/* out, 1 to 4 */
	__u64 modifier;		/* out, DRM format modifier; the invalid one: none names it */
	struct drm_virtgpu_layout_plane planes[VIRTGPU_LAYOUT_MAX_PLANES]; /* out */
};

#define DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT			\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT,	\
		struct drm_virtgpu_resource_query_layout)
#endif /* DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT */

#if defined(__cplusplus)
}
#endif

#endif /* VIRTGPU_DRM_EXT_H */
