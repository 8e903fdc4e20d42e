/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events. System, names, fields and text are those of the driver that
 * this one stands in for, so that what reads its traces reads ours.
 */
#if !defined(ABI_HELPERS_CMD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ABI_HELPERS_CMD_TRACE_H

#include <linux/tracepoint.h>
#include <linux/virtio.h>
#include <linux/virtio_gpu.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_gpu

/* A header that went onto a virtqueue or came back from it. */
DECLARE_EVENT_CLASS(virtio_gpu_cmd,
	TP_PROTO(struct virtqueue *queue, struct virtio_gpu_ctrl_hdr *header,
		 u32 number),
	TP_ARGS(queue, header, number),
	TP_STRUCT__entry(
		__field(int,		dev)
		__field(unsigned int,	vq)
		__string(name,		queue->name)
		__field(u32,		type)
		__field(u32,		flags)
		__field(u64,		fence_id)
		__field(u32,		ctx_id)
		__field(u32,		num_free)
		__field(u32,		seqno)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->seqno = number;
		__entry->dev = queue->vdev->index;
		__entry->vq = queue->index;
		__entry->num_free = queue->num_free;
		__entry->type = le32_to_cpu(header->type);
		__entry->flags = le32_to_cpu(header->flags);
		__entry->ctx_id = le32_to_cpu(header->ctx_id);
		__entry->fence_id = le64_to_cpu(header->fence_id);
	),
	TP_printk("vdev=%d vq=%u name=%s type=0x%x flags=0x%x fence_id=%llu ctx_id=%u num_free=%u seqno=%u",
		  __entry->dev, __entry->vq, __get_str(name), __entry->type,
		  __entry->flags, __entry->fence_id, __entry->ctx_id,
		  __entry->num_free, __entry->seqno)
);

/* A command was put onto a queue. */
DEFINE_EVENT(virtio_gpu_cmd, virtio_gpu_cmd_queue,
	TP_PROTO(struct virtqueue *queue, struct virtio_gpu_ctrl_hdr *header,
		 u32 number),
	TP_ARGS(queue, header, number)
);

/* The device has answered a command. */
DEFINE_EVENT(virtio_gpu_cmd, virtio_gpu_cmd_response,
	TP_PROTO(struct virtqueue *queue, struct virtio_gpu_ctrl_hdr *header,
		 u32 number),
	TP_ARGS(queue, header, number)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
/*
 * Not "trace_events": that is the name of the kernel's own header, which would
 * then read itself without end.
 */
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE cmd_trace
#include <trace/define_trace.h>
