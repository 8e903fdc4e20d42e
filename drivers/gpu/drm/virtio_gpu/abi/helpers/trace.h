/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_TRACE_H
#define ABI_HELPERS_TRACE_H

#include "cmd_trace.h"

void abi_helper_trace_cmd_queue(struct virtqueue *queue,
				struct virtio_gpu_ctrl_hdr *header, u32 number);
void abi_helper_trace_cmd_response(struct virtqueue *queue,
				   struct virtio_gpu_ctrl_hdr *header,
				   u32 number);

#endif
