/* SPDX-License-Identifier: GPL-2.0 */
/* The call that makes a blob, with the hints that it has got since: whatever the installed header knows. */
#ifndef CREATE_BLOB_H
#define CREATE_BLOB_H

#include <stdint.h>
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>

struct create_blob {
	uint32_t blob_mem, blob_flags, bo_handle, res_handle;
	uint64_t size;
	uint32_t pad, cmd_size;
	uint64_t cmd, blob_id;
	uint32_t blob_hints, pad2;
};

#define CREATE_BLOB DRM_IOWR(DRM_COMMAND_BASE + DRM_VIRTGPU_RESOURCE_CREATE_BLOB, struct create_blob)

#endif
