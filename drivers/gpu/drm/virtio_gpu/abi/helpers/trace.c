// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events, and functions that emit them, for abi/trace.rs.
 */

#include <linux/virtio.h>
#include <linux/virtio_gpu.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

void abi_helper_trace_cmd_queue(struct virtqueue *queue,
				struct virtio_gpu_ctrl_hdr *header, u32 number)
{
	trace_virtio_gpu_cmd_queue(queue, header, number);
}

void abi_helper_trace_cmd_response(struct virtqueue *queue,
				   struct virtio_gpu_ctrl_hdr *header,
				   u32 number)
{
	trace_virtio_gpu_cmd_response(queue, header, number);
}
