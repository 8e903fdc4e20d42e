// SPDX-License-Identifier: GPL-2.0
/*
 * Prints golden vectors: every command and reply of the kernel's
 * <linux/virtio_gpu.h>, filled in through the header's own field names, as the
 * bytes that go over the wire, and the header's numbers. It knows nothing of
 * the Rust crate that is tested with them.
 */
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_gpu.h>

/* Distinct bytes in every field: the k-th has k in the upper digit of each. */
static uint32_t v32(unsigned int k)
{
	return htole32(0x01020304u + k * 0x10101010u);
}

static uint64_t v64(unsigned int k)
{
	return htole64(0x0102030405060708u + k * 0x1010101010101010u);
}

static uint32_t le32(uint32_t v)
{
	return htole32(v);
}

static void print(const char *name, const void *p, size_t len)
{
	const unsigned char *b = p;
	size_t i;

	printf("%s =", name);
	for (i = 0; i < len; i++)
		printf("%s%02x", i % 16 ? " " : "\n\t", b[i]);
	printf("\n");
}

#define VECTOR(name, type_, cmd, ...) do {				\
	struct cmd c;							\
	memset(&c, 0, sizeof(c));					\
	c.hdr.type = le32(type_);					\
	__VA_ARGS__							\
	print(#name, &c, sizeof(c));					\
} while (0)

#define HEADER(name, type_) do {					\
	struct virtio_gpu_ctrl_hdr c;					\
	memset(&c, 0, sizeof(c));					\
	c.type = le32(type_);						\
	print(#name, &c, sizeof(c));					\
} while (0)

#define NUMBER(name) printf("%s = %08x\n", #name, (unsigned int)(name))

static struct virtio_gpu_rect rect(unsigned int k)
{
	struct virtio_gpu_rect r = {
		.x = v32(k), .y = v32(k + 1), .width = v32(k + 2), .height = v32(k + 3),
	};

	return r;
}

static void commands_2d(void)
{
	HEADER(get_display_info, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	VECTOR(resource_create_2d, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, virtio_gpu_resource_create_2d,
		c.resource_id = v32(1);
		c.format = le32(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM);
		c.width = v32(2);
		c.height = v32(3););
	VECTOR(resource_unref, VIRTIO_GPU_CMD_RESOURCE_UNREF, virtio_gpu_resource_unref,
		c.resource_id = v32(1););
	VECTOR(set_scanout, VIRTIO_GPU_CMD_SET_SCANOUT, virtio_gpu_set_scanout,
		c.r = rect(1);
		c.scanout_id = v32(5);
		c.resource_id = v32(6););
	VECTOR(resource_flush, VIRTIO_GPU_CMD_RESOURCE_FLUSH, virtio_gpu_resource_flush,
		c.r = rect(1);
		c.resource_id = v32(5););
	VECTOR(transfer_to_host_2d, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, virtio_gpu_transfer_to_host_2d,
		c.r = rect(1);
		c.offset = v64(5);
		c.resource_id = v32(6););
	VECTOR(resource_attach_backing, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		virtio_gpu_resource_attach_backing,
		c.resource_id = v32(1);
		c.nr_entries = v32(2););
	VECTOR(resource_detach_backing, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
		virtio_gpu_resource_detach_backing,
		c.resource_id = v32(1););
	VECTOR(get_edid, VIRTIO_GPU_CMD_GET_EDID, virtio_gpu_cmd_get_edid,
		c.scanout = v32(1););
	VECTOR(update_cursor, VIRTIO_GPU_CMD_UPDATE_CURSOR, virtio_gpu_update_cursor,
		c.pos.scanout_id = v32(1);
		c.pos.x = v32(2);
		c.pos.y = le32(-5);
		c.resource_id = v32(3);
		c.hot_x = v32(4);
		c.hot_y = v32(5););
	VECTOR(move_cursor, VIRTIO_GPU_CMD_MOVE_CURSOR, virtio_gpu_update_cursor,
		c.pos.scanout_id = v32(1);
		c.pos.x = v32(2);
		c.pos.y = v32(3);
		c.resource_id = v32(4);
		c.hot_x = v32(5);
		c.hot_y = v32(6););
	{
		struct virtio_gpu_mem_entry e = { .addr = v64(1), .length = v32(2) };

		print("mem_entry", &e, sizeof(e));
	}
}

static void commands_3d(void)
{
	VECTOR(ctx_create, VIRTIO_GPU_CMD_CTX_CREATE, virtio_gpu_ctx_create,
		c.hdr.ctx_id = v32(1);
		c.nlen = le32(8);
		c.context_init = v32(2);
		memcpy(c.debug_name, "renderer", 8););
	VECTOR(ctx_destroy, VIRTIO_GPU_CMD_CTX_DESTROY, virtio_gpu_ctx_destroy,
		c.hdr.ctx_id = v32(1););
	VECTOR(ctx_attach_resource, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, virtio_gpu_ctx_resource,
		c.hdr.ctx_id = v32(1);
		c.resource_id = v32(2););
	VECTOR(ctx_detach_resource, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, virtio_gpu_ctx_resource,
		c.hdr.ctx_id = v32(1);
		c.resource_id = v32(2););
	VECTOR(resource_create_3d, VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, virtio_gpu_resource_create_3d,
		c.resource_id = v32(1);
		c.target = v32(2);
		c.format = v32(3);
		c.bind = v32(4);
		c.width = v32(5);
		c.height = v32(6);
		c.depth = v32(7);
		c.array_size = v32(8);
		c.last_level = v32(9);
		c.nr_samples = v32(10);
		c.flags = v32(11););
#define TRANSFER(name, type) \
	VECTOR(name, type, virtio_gpu_transfer_host_3d, \
		c.hdr.ctx_id = v32(1); \
		c.box.x = v32(2); \
		c.box.y = v32(3); \
		c.box.z = v32(4); \
		c.box.w = v32(5); \
		c.box.h = v32(6); \
		c.box.d = v32(7); \
		c.offset = v64(8); \
		c.resource_id = v32(9); \
		c.level = v32(10); \
		c.stride = v32(11); \
		c.layer_stride = v32(12);)
	TRANSFER(transfer_to_host_3d, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D);
	TRANSFER(transfer_from_host_3d, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D);
	VECTOR(submit_3d, VIRTIO_GPU_CMD_SUBMIT_3D, virtio_gpu_cmd_submit,
		c.hdr.ctx_id = v32(1);
		c.size = v32(2););
	VECTOR(submit_3d_fenced, VIRTIO_GPU_CMD_SUBMIT_3D, virtio_gpu_cmd_submit,
		c.hdr.flags = le32(VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
		c.hdr.fence_id = v64(1);
		c.hdr.ctx_id = v32(2);
		c.hdr.ring_idx = 63;
		c.size = v32(3););
	VECTOR(get_capset_info, VIRTIO_GPU_CMD_GET_CAPSET_INFO, virtio_gpu_get_capset_info,
		c.capset_index = v32(1););
	VECTOR(get_capset, VIRTIO_GPU_CMD_GET_CAPSET, virtio_gpu_get_capset,
		c.capset_id = v32(1);
		c.capset_version = v32(2););
	VECTOR(resource_assign_uuid, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		virtio_gpu_resource_assign_uuid,
		c.resource_id = v32(1););
}

static void commands_blob(void)
{
	VECTOR(resource_create_blob, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		virtio_gpu_resource_create_blob,
		c.hdr.ctx_id = v32(1);
		c.resource_id = v32(2);
		c.blob_mem = le32(VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST);
		c.blob_flags = le32(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE |
				    VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE);
		c.nr_entries = v32(3);
		c.blob_id = v64(4);
		c.size = v64(5););
	VECTOR(set_scanout_blob, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, virtio_gpu_set_scanout_blob,
		unsigned int i;
		c.r = rect(1);
		c.scanout_id = v32(5);
		c.resource_id = v32(6);
		c.width = v32(7);
		c.height = v32(8);
		c.format = le32(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
		for (i = 0; i < 4; i++) {
			c.strides[i] = v32(9 + i);
			c.offsets[i] = le32(0x100 + i);
		});
	VECTOR(resource_map_blob, VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, virtio_gpu_resource_map_blob,
		c.resource_id = v32(1);
		c.offset = v64(2););
	VECTOR(resource_unmap_blob, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
		virtio_gpu_resource_unmap_blob,
		c.resource_id = v32(1););
}

static void replies(void)
{
	HEADER(resp_ok_nodata, VIRTIO_GPU_RESP_OK_NODATA);
	VECTOR(resp_ok_nodata_fenced, VIRTIO_GPU_RESP_OK_NODATA, virtio_gpu_ctx_destroy,
		c.hdr.flags = le32(VIRTIO_GPU_FLAG_FENCE);
		c.hdr.fence_id = v64(1);
		c.hdr.ctx_id = v32(2););
	VECTOR(resp_ok_display_info, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, virtio_gpu_resp_display_info,
		unsigned int i;
		for (i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
			c.pmodes[i].r.x = le32(0x1000 + i);
			c.pmodes[i].r.y = le32(0x2000 + i);
			c.pmodes[i].r.width = le32(0x3000 + i);
			c.pmodes[i].r.height = le32(0x4000 + i);
			c.pmodes[i].enabled = le32(i & 1);
			c.pmodes[i].flags = le32(0x5000 + i);
		});
	VECTOR(resp_ok_capset_info, VIRTIO_GPU_RESP_OK_CAPSET_INFO, virtio_gpu_resp_capset_info,
		c.capset_id = v32(1);
		c.capset_max_version = v32(2);
		c.capset_max_size = v32(3););
	{
		union {
			struct virtio_gpu_resp_capset c;
			unsigned char bytes[sizeof(struct virtio_gpu_resp_capset) + 8];
		} u;
		unsigned int i;

		memset(&u, 0, sizeof(u));
		u.c.hdr.type = le32(VIRTIO_GPU_RESP_OK_CAPSET);
		for (i = 0; i < 8; i++)
			u.c.capset_data[i] = 0xc0 + i;
		print("resp_ok_capset", &u, sizeof(u));
	}
	VECTOR(resp_ok_edid, VIRTIO_GPU_RESP_OK_EDID, virtio_gpu_resp_edid,
		unsigned int i;
		c.size = le32(256);
		for (i = 0; i < 256; i++)
			c.edid[i] = i ^ 0x5a;);
	VECTOR(resp_ok_resource_uuid, VIRTIO_GPU_RESP_OK_RESOURCE_UUID,
		virtio_gpu_resp_resource_uuid,
		unsigned int i;
		for (i = 0; i < 16; i++)
			c.uuid[i] = 0xf0 + i;);
	VECTOR(resp_ok_map_info, VIRTIO_GPU_RESP_OK_MAP_INFO, virtio_gpu_resp_map_info,
		c.map_info = le32(0xabcdef00 | VIRTIO_GPU_MAP_CACHE_WC););
	HEADER(resp_err_unspec, VIRTIO_GPU_RESP_ERR_UNSPEC);
	HEADER(resp_err_out_of_memory, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	HEADER(resp_err_invalid_scanout_id, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	HEADER(resp_err_invalid_resource_id, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	HEADER(resp_err_invalid_context_id, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	HEADER(resp_err_invalid_parameter, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	{
		struct virtio_gpu_config c = {
			.events_read = v32(1), .events_clear = v32(2), .num_scanouts = v32(3),
			.num_capsets = v32(4), .blob_alignment = v32(5),
		};

		print("config", &c, sizeof(c));
	}
}

static void numbers(void)
{
	NUMBER(VIRTIO_GPU_F_VIRGL);
	NUMBER(VIRTIO_GPU_F_EDID);
	NUMBER(VIRTIO_GPU_F_RESOURCE_UUID);
	NUMBER(VIRTIO_GPU_F_RESOURCE_BLOB);
	NUMBER(VIRTIO_GPU_F_CONTEXT_INIT);
	NUMBER(VIRTIO_GPU_F_BLOB_ALIGNMENT);
	NUMBER(VIRTIO_GPU_EVENT_DISPLAY);
	NUMBER(VIRTIO_GPU_MAX_SCANOUTS);
	NUMBER(VIRTIO_GPU_SHM_ID_HOST_VISIBLE);
	NUMBER(VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK);
	NUMBER(VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP);
	NUMBER(VIRTIO_GPU_CAPSET_VIRGL);
	NUMBER(VIRTIO_GPU_CAPSET_VIRGL2);
	NUMBER(VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN);
	NUMBER(VIRTIO_GPU_CAPSET_VENUS);
	NUMBER(VIRTIO_GPU_CAPSET_CROSS_DOMAIN);
	NUMBER(VIRTIO_GPU_CAPSET_DRM);
	NUMBER(VIRTIO_GPU_BLOB_MEM_GUEST);
	NUMBER(VIRTIO_GPU_BLOB_MEM_HOST3D);
	NUMBER(VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE);
	NUMBER(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM);
}

#include <drm/drm_fourcc.h>

static void fourccs(void)
{
	NUMBER(DRM_FORMAT_XRGB8888);
	NUMBER(DRM_FORMAT_ARGB8888);
	NUMBER(DRM_FORMAT_XBGR8888);
	NUMBER(DRM_FORMAT_ABGR8888);
	NUMBER(DRM_FORMAT_RGBX8888);
	NUMBER(DRM_FORMAT_RGBA8888);
	NUMBER(DRM_FORMAT_BGRX8888);
	NUMBER(DRM_FORMAT_BGRA8888);
}

int main(void)
{
	printf("# Made by gen/vectors.c from the kernel's uapi headers; do not edit.\n");
	commands_2d();
	commands_3d();
	commands_blob();
	replies();
	numbers();
	fourccs();
	return 0;
}
