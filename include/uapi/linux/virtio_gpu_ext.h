/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * What this project adds to the virtio-gpu wire protocol of <linux/virtio_gpu.h>.
 *
 * Everything here has been published by others as patches or is spoken by
 * hosts today, but is not upstream. Nothing of it reaches a device unless the
 * operator of the guest said by a module parameter that the device means it;
 * RESP_OK_RESOURCE_PLANE_INFO, which only a host that has it sends, is the
 * exception. A name that upstream takes is left to upstream.
 */
#ifndef VIRTIO_GPU_EXT_H
#define VIRTIO_GPU_EXT_H

#include <linux/types.h>
#include <linux/virtio_gpu.h>

/*
 * Contested feature bits. Bit 5 is VIRTIO_GPU_F_BLOB_ALIGNMENT upstream.
 */
/* Submits carry ids of fences that the host waits for (2023-10). */
#ifndef VIRTIO_GPU_F_FENCE_PASSING
#define VIRTIO_GPU_F_FENCE_PASSING	5
#endif
/* VIRTIO_GPU_CMD_WAIT_FENCE (2023). */
#ifndef VIRTIO_GPU_F_CONTEXT_FENCE_WAIT
#define VIRTIO_GPU_F_CONTEXT_FENCE_WAIT	5
#endif
/* VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1 (2023-11). */
#ifndef VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V1
#define VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V1	6
#endif
/* VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2 (2023-12). */
#ifndef VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V2
#define VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V2	5
#endif

/*
 * Numbers. 0x020a has two meanings; the one feature that is in use tells them
 * apart.
 */
#ifndef VIRTIO_GPU_CMD_WAIT_FENCE
#define VIRTIO_GPU_CMD_WAIT_FENCE		0x020a
#endif
#ifndef VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2
#define VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2	0x020a
#endif
#ifndef VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1
#define VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1	0x020b
#endif
#ifndef VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT
#define VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT	0x1107
#endif
#ifndef VIRTIO_GPU_RESP_OK_RESOURCE_PLANE_INFO
#define VIRTIO_GPU_RESP_OK_RESOURCE_PLANE_INFO	0x11ff
#endif

/*
 * Header flag, with VIRTIO_GPU_F_FENCE_PASSING only and together with
 * VIRTIO_GPU_FLAG_FENCE: the host keeps this fence, so that later submits may
 * name it.
 */
#ifndef VIRTIO_GPU_FLAG_FENCE_SHAREABLE
#define VIRTIO_GPU_FLAG_FENCE_SHAREABLE	(1 << 2)
#endif

/* Planes in the replies below. */
#define VIRTIO_GPU_EXT_MAX_PLANES	4

/*
 * VIRTIO_GPU_CMD_SUBMIT_3D with VIRTIO_GPU_F_FENCE_PASSING: the padding of
 * struct virtio_gpu_cmd_submit is a count of fence ids. The wire is
 *
 *	struct virtio_gpu_cmd_submit_fences
 *	__le64 fence_id[num_in_fences]
 *	size bytes of commands
 *
 * The host starts the commands after all of these fences, each of which was
 * asked for with VIRTIO_GPU_FLAG_FENCE_SHAREABLE and put on the control queue
 * before this command.
 */
struct virtio_gpu_cmd_submit_fences {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 size;		/* of the commands, without the ids */
	__le32 num_in_fences;
};

/*
 * VIRTIO_GPU_CMD_WAIT_FENCE with VIRTIO_GPU_F_CONTEXT_FENCE_WAIT: what the
 * context hdr.ctx_id submits from here on waits for the fence. Answered by
 * VIRTIO_GPU_RESP_OK_NODATA at once.
 */
struct virtio_gpu_cmd_host_wait {
	struct virtio_gpu_ctrl_hdr hdr;
	__le64 fence_id;
};

/*
 * VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1: how the host lays out a resource.
 */
struct virtio_gpu_resource_query_layout_v1 {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 resource_id;
	__le32 padding;
};

struct virtio_gpu_layout_plane_v1 {
	__le64 offset;
	__le64 size;
	__le32 stride;
	__le32 padding;
};

/* VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT to the above */
struct virtio_gpu_resp_resource_layout_v1 {
	struct virtio_gpu_ctrl_hdr hdr;
	__le64 modifier;
	__le32 num_planes;	/* at most 4 */
	__le32 padding;
	struct virtio_gpu_layout_plane_v1 planes[VIRTIO_GPU_EXT_MAX_PLANES];
};

/*
 * VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2: how the host lays out a resource,
 * or, with resource_id 0, how it would lay out one of that size, format (virgl
 * number) and bind (virgl flags).
 */
struct virtio_gpu_resource_query_layout_v2 {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 resource_id;
	__le32 width;
	__le32 height;
	__le32 format;
	__le32 bind;
	__le32 padding;		/* implicit in the published struct */
};

struct virtio_gpu_layout_plane_v2 {
	__le64 offset;
	__le32 stride;
	__le32 padding;		/* implicit in the published struct */
};

/* VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT to the above */
struct virtio_gpu_resp_resource_layout_v2 {
	struct virtio_gpu_ctrl_hdr hdr;
	__le64 modifier;
	__le32 num_planes;	/* at most 4 */
	__le32 padding;		/* implicit in the published struct */
	struct virtio_gpu_layout_plane_v2 planes[VIRTIO_GPU_EXT_MAX_PLANES];
};

/*
 * VIRTIO_GPU_RESP_OK_RESOURCE_PLANE_INFO: a host may give this answer to
 * VIRTIO_GPU_CMD_RESOURCE_CREATE_3D if the guest left room for it, and
 * VIRTIO_GPU_RESP_OK_NODATA otherwise.
 */
struct virtio_gpu_resp_resource_plane_info {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 count;		/* at most 4 */
	__le32 padding;
	__le64 format_modifier;
	__le32 strides[VIRTIO_GPU_EXT_MAX_PLANES];
	__le32 offsets[VIRTIO_GPU_EXT_MAX_PLANES];
};

#endif /* VIRTIO_GPU_EXT_H */
