/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Our uapi headers, on top of the kernel's: they compile by themselves, and sizes
 * and offsets are those of the published patches, on 32-bit and 64-bit alike. The
 * numbers here are written by hand.
 */
#ifdef ONLY_WIRE
#include <linux/virtio_gpu_ext.h>
#else
#include <drm/virtgpu_drm_ext.h>
#include <linux/virtio_gpu_ext.h>
/* A second time is harmless. */
#include <drm/virtgpu_drm_ext.h>
#include <linux/virtio_gpu_ext.h>
#endif
#include <stddef.h>

#ifdef __cplusplus
#define CHECK(what) static_assert(what, #what)
#else
#define CHECK(what) _Static_assert(what, #what)
#endif
#define AT(s, f, o) CHECK(offsetof(struct s, f) == (o))
#define SIZE(s, n) CHECK(sizeof(struct s) == (n))

CHECK(VIRTIO_GPU_FLAG_FENCE_SHAREABLE == 4);
CHECK(VIRTIO_GPU_F_FENCE_PASSING == 5);
CHECK(VIRTIO_GPU_F_CONTEXT_FENCE_WAIT == 5);
CHECK(VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V1 == 6);
CHECK(VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V2 == 5);
CHECK(VIRTIO_GPU_CMD_WAIT_FENCE == 0x020a);
CHECK(VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1 == 0x020b);
CHECK(VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2 == 0x020a);
CHECK(VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT == 0x1107);
CHECK(VIRTIO_GPU_RESP_OK_RESOURCE_PLANE_INFO == 0x11ff);

SIZE(virtio_gpu_cmd_submit_fences, 32);
AT(virtio_gpu_cmd_submit_fences, size, 24);
AT(virtio_gpu_cmd_submit_fences, num_in_fences, 28);
CHECK(sizeof(struct virtio_gpu_cmd_submit_fences) == sizeof(struct virtio_gpu_cmd_submit));
SIZE(virtio_gpu_cmd_host_wait, 32);
AT(virtio_gpu_cmd_host_wait, fence_id, 24);
SIZE(virtio_gpu_resource_query_layout_v1, 32);
AT(virtio_gpu_resource_query_layout_v1, resource_id, 24);
SIZE(virtio_gpu_layout_plane_v1, 24);
SIZE(virtio_gpu_resp_resource_layout_v1, 136);
AT(virtio_gpu_resp_resource_layout_v1, modifier, 24);
AT(virtio_gpu_resp_resource_layout_v1, num_planes, 32);
AT(virtio_gpu_resp_resource_layout_v1, planes, 40);
SIZE(virtio_gpu_resource_query_layout_v2, 48);
AT(virtio_gpu_resource_query_layout_v2, resource_id, 24);
AT(virtio_gpu_resource_query_layout_v2, width, 28);
AT(virtio_gpu_resource_query_layout_v2, height, 32);
AT(virtio_gpu_resource_query_layout_v2, format, 36);
AT(virtio_gpu_resource_query_layout_v2, bind, 40);
SIZE(virtio_gpu_layout_plane_v2, 16);
SIZE(virtio_gpu_resp_resource_layout_v2, 104);
AT(virtio_gpu_resp_resource_layout_v2, modifier, 24);
AT(virtio_gpu_resp_resource_layout_v2, num_planes, 32);
AT(virtio_gpu_resp_resource_layout_v2, planes, 40);
SIZE(virtio_gpu_resp_resource_plane_info, 72);
AT(virtio_gpu_resp_resource_plane_info, count, 24);
AT(virtio_gpu_resp_resource_plane_info, format_modifier, 32);
AT(virtio_gpu_resp_resource_plane_info, strides, 40);
AT(virtio_gpu_resp_resource_plane_info, offsets, 56);

#ifndef ONLY_WIRE
/* New bits and numbers do not meet upstream's. */
CHECK(VIRTGPU_EXECBUF_SHARED_FENCE == 8);
CHECK((VIRTGPU_EXECBUF_SHARED_FENCE & VIRTGPU_EXECBUF_FLAGS) == 0);
CHECK(VIRTGPU_CONTEXT_PARAM_FENCE_PASSING == 5);
CHECK(VIRTGPU_CONTEXT_PARAM_FENCE_PASSING > VIRTGPU_CONTEXT_PARAM_DEBUG_NAME);
CHECK(DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT == 0x0c);
CHECK(DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT > DRM_VIRTGPU_CONTEXT_INIT);

SIZE(drm_virtgpu_layout_plane, 16);
AT(drm_virtgpu_layout_plane, stride, 8);
SIZE(drm_virtgpu_resource_query_layout, 96);
AT(drm_virtgpu_resource_query_layout, handle, 0);
AT(drm_virtgpu_resource_query_layout, width, 4);
AT(drm_virtgpu_resource_query_layout, height, 8);
AT(drm_virtgpu_resource_query_layout, format, 12);
AT(drm_virtgpu_resource_query_layout, bind, 16);
AT(drm_virtgpu_resource_query_layout, num_planes, 20);
AT(drm_virtgpu_resource_query_layout, modifier, 24);
AT(drm_virtgpu_resource_query_layout, planes, 32);
/* Read and write, 96 bytes, 'd', 0x40 + 0x0c. */
CHECK(DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT == 0xc060644cU);
#endif

int ext_headers(void);
int ext_headers(void)
{
	return 0;
}
