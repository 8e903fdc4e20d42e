// SPDX-License-Identifier: GPL-2.0
/*
 * The uapi of virtio-gpu as programs see it, on a device without 3D: identity,
 * GETPARAM, capabilities, KMS objects, and what is refused with which errno.
 * Uses nothing but the kernel's headers, so that it also builds for 32 bits.
 */
#include "card.h"

#define CANARY 0xa5a5a5a5a5a5a5a5ull

/* Whether a feature bit of the device was negotiated, from sysfs. */
static int feature(unsigned int bit)
{
	static const char path[] = "/sys/class/drm/card0/device";
	char name[128], bits[80] = "";
	int n, fd;

	for (n = 0; n < 16; n++) {
		snprintf(name, sizeof(name), "%s/virtio%d/features", path, n);
		fd = open(name, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, bits, sizeof(bits) - 1);
		close(fd);
		return n > (int)bit && bits[bit] == '1';
	}
	return -1;
}

FIXTURE(card)
{
	int fd;
	int render;
};

FIXTURE_SETUP(card)
{
	self->fd = open("/dev/dri/card0", O_RDWR);
	self->render = open("/dev/dri/renderD128", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->render);
}

FIXTURE_TEARDOWN(card)
{
	close(self->fd);
	close(self->render);
}

TEST_F(card, version)
{
	char name[32] = "", date[32] = "", desc[32] = "";
	struct drm_version v = {
		.name = name, .name_len = sizeof(name), .date = date, .date_len = sizeof(date),
		.desc = desc, .desc_len = sizeof(desc),
	};

	ASSERT_EQ(0, call(self->render, DRM_IOCTL_VERSION, &v));
	EXPECT_EQ(0, v.version_major);
	EXPECT_EQ(1, v.version_minor);
	EXPECT_EQ(0, v.version_patchlevel);
	EXPECT_STREQ("virtio_gpu", name);
	EXPECT_STREQ("virtio GPU", desc);
	EXPECT_STREQ("0", date);
}

static int getparam(int fd, uint64_t param, uint64_t *value)
{
	struct drm_virtgpu_getparam p = { .param = param, .value = (uintptr_t)value };

	return call(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p);
}

TEST_F(card, getparam_values)
{
	const int virgl = feature(0), uuid = feature(2), blob = feature(3), init = feature(4);
	const struct {
		uint64_t param;
		int want;
	} params[] = {
		{ VIRTGPU_PARAM_3D_FEATURES, virgl },
		{ VIRTGPU_PARAM_CAPSET_QUERY_FIX, 1 },
		{ VIRTGPU_PARAM_RESOURCE_BLOB, blob },
		{ VIRTGPU_PARAM_CROSS_DEVICE, uuid },
		{ VIRTGPU_PARAM_CONTEXT_INIT, init },
		{ VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME, init },
		/* A device without 3D has neither capsets nor host memory. */
		{ VIRTGPU_PARAM_HOST_VISIBLE, virgl ? -1 : 0 },
		{ VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, virgl ? -1 : 0 },
	};
	uint64_t value;

	ASSERT_LE(0, virgl);
	for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
		value = CANARY;
		ASSERT_EQ(0, getparam(self->render, params[i].param, &value)) {
			TH_LOG("parameter %u", (unsigned int)params[i].param);
		}
		/* Four bytes are written, whatever the header's comment says. */
		EXPECT_EQ(CANARY >> 32, value >> 32);
		if (params[i].want >= 0) {
			EXPECT_EQ(params[i].want, (int)(uint32_t)value) {
				TH_LOG("parameter %u", (unsigned int)params[i].param);
			}
		}
	}
}

TEST_F(card, getparam_blob_alignment)
{
	uint64_t value = CANARY;
	int ret = getparam(self->render, VIRTGPU_PARAM_BLOB_ALIGNMENT, &value);

	if (feature(5) == 1) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(CANARY >> 32, value >> 32);
	} else {
		EXPECT_EQ(-ENOENT, ret);
		EXPECT_EQ(CANARY, value);
	}
}

TEST_F(card, getparam_unknown)
{
	const uint64_t ids[] = { 0, 10, 11, 64, UINT32_MAX, 1ull << 32, UINT64_MAX };

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = CANARY;

		EXPECT_EQ(-EINVAL, getparam(self->render, ids[i], &value));
		EXPECT_EQ(CANARY, value);
	}
}

TEST_F(card, getparam_bad_pointer)
{
	EXPECT_EQ(-EFAULT, getparam(self->render, VIRTGPU_PARAM_3D_FEATURES, NULL));
}

/* The last four bytes of a page: nothing behind them may be touched. */
TEST_F(card, getparam_four_bytes)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(two != MAP_FAILED);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	EXPECT_EQ(0, getparam(self->render, VIRTGPU_PARAM_CAPSET_QUERY_FIX, (void *)(two + page - 4)));
	EXPECT_EQ(1, *(uint32_t *)(two + page - 4));
	munmap(two, 2 * page);
}

TEST_F(card, caps)
{
	static const struct {
		uint64_t cap, want;
	} caps[] = {
		{ DRM_CAP_DUMB_BUFFER, 1 }, { DRM_CAP_VBLANK_HIGH_CRTC, 1 },
		{ DRM_CAP_DUMB_PREFERRED_DEPTH, 0 }, { DRM_CAP_DUMB_PREFER_SHADOW, 0 },
		{ DRM_CAP_PRIME, DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT },
		{ DRM_CAP_TIMESTAMP_MONOTONIC, 1 }, { DRM_CAP_ASYNC_PAGE_FLIP, 0 },
		{ DRM_CAP_CURSOR_WIDTH, 64 }, { DRM_CAP_CURSOR_HEIGHT, 64 },
		{ DRM_CAP_ADDFB2_MODIFIERS, 0 }, { DRM_CAP_CRTC_IN_VBLANK_EVENT, 1 },
		{ DRM_CAP_SYNCOBJ, 1 }, { DRM_CAP_SYNCOBJ_TIMELINE, 1 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
		struct drm_get_cap c = { .capability = caps[i].cap };

		ASSERT_EQ(0, call(self->fd, DRM_IOCTL_GET_CAP, &c));
		EXPECT_EQ(caps[i].want, c.value) {
			TH_LOG("capability 0x%x", (unsigned int)caps[i].cap);
		}
	}
}

TEST_F(card, get_caps_without_capsets)
{
	char caps[64];
	struct drm_virtgpu_get_caps c = { .cap_set_id = 1, .addr = (uintptr_t)caps, .size = sizeof(caps) };

	if (feature(0) == 1)
		SKIP(return, "the device has 3D");
	EXPECT_EQ(-ENOSYS, call(self->render, DRM_IOCTL_VIRTGPU_GET_CAPS, &c));
}

TEST_F(card, refused_without_features)
{
	struct drm_virtgpu_execbuffer exec = { .fence_fd = -1 };
	struct drm_virtgpu_context_init init = { 0 };
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE, .size = 4096,
	};

	if (feature(0) == 1)
		SKIP(return, "the device has 3D");
	EXPECT_EQ(-ENOSYS, call(self->render, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec));
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init));
	if (feature(3) != 1) {
		EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob));
	}
}

/* The table starts at 1 and has a hole at 0; numbers behind it are no ioctls. */
TEST_F(card, table)
{
	char arg[256] = { 0 };

	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOWR(DRM_COMMAND_BASE, char[16]), arg));
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOWR(DRM_COMMAND_BASE + 0x30, char[16]), arg));
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOWR(DRM_COMMAND_BASE + 0x5f, char[16]), arg));
}

TEST_F(card, render_node_cannot_set_modes)
{
	struct drm_mode_card_res res = { 0 };
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };

	EXPECT_EQ(-EACCES, call(self->render, DRM_IOCTL_MODE_GETRESOURCES, &res));
	EXPECT_EQ(-EACCES, call(self->render, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
}

TEST_F(card, resource)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 1, .width = 64, .height = 64, .depth = 1, .array_size = 1, .size = 16384,
	};
	struct drm_virtgpu_resource_info info = { 0 };
	struct drm_virtgpu_map map = { 0 };
	struct drm_virtgpu_3d_wait wait = { 0 };
	struct drm_gem_close gem = { 0 };
	uint32_t *mem;

	if (feature(0) == 1)
		SKIP(return, "the device has 3D");
	ASSERT_EQ(0, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create));
	EXPECT_LT(0, create.res_handle);
	EXPECT_LT(0, create.bo_handle);
	info.bo_handle = create.bo_handle;
	ASSERT_EQ(0, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info));
	EXPECT_EQ(create.res_handle, info.res_handle);
	EXPECT_EQ(16384, info.size);
	EXPECT_EQ(0, info.blob_mem);
	map.handle = create.bo_handle;
	ASSERT_EQ(0, call(self->render, DRM_IOCTL_VIRTGPU_MAP, &map));
	mem = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, self->render, map.offset);
	ASSERT_TRUE(mem != MAP_FAILED);
	EXPECT_EQ(0, mem[4095]);
	mem[4095] = 1;
	wait.handle = create.bo_handle;
	EXPECT_EQ(0, call(self->render, DRM_IOCTL_VIRTGPU_WAIT, &wait));
	wait.flags = VIRTGPU_WAIT_NOWAIT;
	EXPECT_EQ(0, call(self->render, DRM_IOCTL_VIRTGPU_WAIT, &wait));
	munmap(mem, 16384);
	gem.handle = create.bo_handle;
	EXPECT_EQ(0, call(self->render, DRM_IOCTL_GEM_CLOSE, &gem));
	EXPECT_EQ(-ENOENT, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info));
	EXPECT_EQ(-ENOENT, call(self->render, DRM_IOCTL_VIRTGPU_MAP, &map));
	EXPECT_EQ(-ENOENT, call(self->render, DRM_IOCTL_VIRTGPU_WAIT, &wait));
}

TEST_F(card, resource_refused)
{
	const struct drm_virtgpu_resource_create good = {
		.target = 2, .format = 1, .width = 64, .height = 64, .depth = 1, .array_size = 1, .size = 16384,
	};
	struct drm_virtgpu_resource_create c;

	if (feature(0) == 1)
		SKIP(return, "the device has 3D");
	c = good;
	c.target = 1;
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c));
	c = good;
	c.depth = 2;
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c));
	c = good;
	c.array_size = 2;
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c));
	c = good;
	c.nr_samples = 2;
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c));
	c = good;
	c.last_level = 2;
	EXPECT_EQ(-EINVAL, call(self->render, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &c));
}

static int addfb(int fd, uint32_t handle, uint32_t w, uint32_t h, uint32_t format, uint32_t pitch,
		 uint32_t offset)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = w, .height = h, .pixel_format = format, .handles[0] = handle, .pitches[0] = pitch,
		.offsets[0] = offset,
	};
	int ret = call(fd, DRM_IOCTL_MODE_ADDFB2, &fb);

	if (!ret)
		call(fd, DRM_IOCTL_MODE_RMFB, &fb.fb_id);
	return ret;
}

TEST_F(card, framebuffer)
{
	struct drm_mode_create_dumb d = { .width = 640, .height = 480, .bpp = 32 };

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	EXPECT_LE(640 * 4, d.pitch);
	EXPECT_LE((uint64_t)d.pitch * 480, d.size);
	EXPECT_EQ(0, addfb(self->fd, d.handle, 640, 480, DRM_FORMAT_XRGB8888, d.pitch, 0));
	EXPECT_EQ(0, addfb(self->fd, d.handle, 640, 480, DRM_FORMAT_ARGB8888, d.pitch, 0));
	EXPECT_EQ(0, addfb(self->fd, d.handle, 320, 240, DRM_FORMAT_XRGB8888, d.pitch, 0));
	/*
	 * What no plane shows may still be a framebuffer: 16 bits have to be, for IGT's size-max.
	 * What does not exist may not.
	 */
	EXPECT_NE(0, addfb(self->fd, d.handle, 640, 480, DRM_FORMAT_NV12, d.pitch, 0));
	EXPECT_NE(0, addfb(self->fd, d.handle + 1000, 640, 480, DRM_FORMAT_XRGB8888, d.pitch, 0));
	/* a pitch below the width; sizes out of bounds */
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 640, 480, DRM_FORMAT_XRGB8888, 640 * 4 - 4, 0));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 16, 16, DRM_FORMAT_XRGB8888, d.pitch, 0));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 16384, 16, DRM_FORMAT_XRGB8888, 65536, 0));
}

TEST_F(card, framebuffer_beyond_the_object)
{
	struct drm_mode_create_dumb d = { .width = 640, .height = 480, .bpp = 32 };
	const uint32_t x = DRM_FORMAT_XRGB8888;

	if (on_c_driver())
		SKIP(return, "the C driver does not look at the object's size");
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 640, 481 + 8, x, d.pitch, 0));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 640, 480, x, d.pitch * 2, 0));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 640, 480, x, 65536, 0));
	EXPECT_EQ(-EINVAL, addfb(self->fd, d.handle, 640, 480, x, d.pitch, d.size));
	/* the core's own limit: the end has to fit 32 bits */
	EXPECT_EQ(-ERANGE, addfb(self->fd, d.handle, 640, 480, x, 0xfffffffc, 0));
	EXPECT_EQ(-ERANGE, addfb(self->fd, d.handle, 640, 480, x, d.pitch, 0xfffffffc));
}

TEST_F(card, connector)
{
	uint32_t crtcs[16], connectors[16], encoders[16], prop_ids[64];
	uint64_t prop_values[64];
	struct drm_mode_card_res res = {
		.count_crtcs = 16, .crtc_id_ptr = (uintptr_t)crtcs,
		.count_connectors = 16, .connector_id_ptr = (uintptr_t)connectors,
		.count_encoders = 16, .encoder_id_ptr = (uintptr_t)encoders,
	};
	struct drm_mode_modeinfo modes[128];
	struct drm_mode_get_connector c = { 0 };
	struct drm_mode_get_encoder e = { 0 };
	struct drm_mode_get_blob blob = { 0 };
	uint8_t edid[1024];
	int preferred = 0;

	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETRESOURCES, &res));
	EXPECT_EQ(1, res.count_crtcs);
	EXPECT_EQ(1, res.count_connectors);
	EXPECT_EQ(1, res.count_encoders);
	EXPECT_EQ(32, res.min_width);
	EXPECT_EQ(32, res.min_height);
	EXPECT_EQ(8192, res.max_width);
	EXPECT_EQ(8192, res.max_height);

	c.connector_id = connectors[0];
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	EXPECT_EQ(DRM_MODE_CONNECTOR_VIRTUAL, c.connector_type);
	EXPECT_EQ(1, c.connector_type_id);
	EXPECT_EQ(1, c.connection);
	ASSERT_LT(0, c.count_modes);
	ASSERT_GE(128, c.count_modes);
	c.modes_ptr = (uintptr_t)modes;
	c.count_encoders = 0;
	c.count_props = 64;
	c.props_ptr = (uintptr_t)prop_ids;
	c.prop_values_ptr = (uintptr_t)prop_values;
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	for (unsigned int i = 0; i < c.count_modes; i++) {
		EXPECT_GE(8192, modes[i].hdisplay);
		EXPECT_GE(8192, modes[i].vdisplay);
		if (modes[i].type & DRM_MODE_TYPE_PREFERRED) {
			preferred++;
			/* what the host was started with */
			EXPECT_EQ(1280, modes[i].hdisplay);
			EXPECT_EQ(800, modes[i].vdisplay);
		}
	}
	EXPECT_EQ(1, preferred);
	EXPECT_EQ(0, access("/sys/class/drm/card0-Virtual-1/status", R_OK));

	e.encoder_id = encoders[0];
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETENCODER, &e));
	EXPECT_EQ(DRM_MODE_ENCODER_VIRTUAL, e.encoder_type);
	EXPECT_EQ(1, e.possible_crtcs);

	blob.blob_id = property(self->fd, connectors[0], DRM_MODE_OBJECT_CONNECTOR, "EDID");
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETPROPBLOB, &blob));
	ASSERT_LE(128, blob.length);
	ASSERT_GE(sizeof(edid), blob.length);
	blob.data = (uintptr_t)edid;
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETPROPBLOB, &blob));
	EXPECT_EQ(0, memcmp(edid, "\0\xff\xff\xff\xff\xff\xff\0", 8));
	for (unsigned int b = 0; b + 128 <= blob.length; b += 128) {
		uint8_t sum = 0;

		for (unsigned int i = 0; i < 128; i++)
			sum += edid[b + i];
		EXPECT_EQ(0, sum);
	}
}

/* Number of planes a client sees; counts[type] of them of each type. */
static int planes(int fd, uint32_t ids[16], int counts[3])
{
	struct drm_mode_get_plane_res res = { .count_planes = 16, .plane_id_ptr = (uintptr_t)ids };
	int ret = call(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &res);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < res.count_planes && i < 16; i++) {
		int64_t type = property(fd, ids[i], DRM_MODE_OBJECT_PLANE, "type");

		if (type >= 0 && type < 3)
			counts[type]++;
	}
	return res.count_planes;
}

/* Atomic clients see the cursor plane only once they know of hotspots. */
TEST_F(card, planes)
{
	uint32_t ids[16], formats[32];
	int counts[3] = { 0 }, n;

	ASSERT_EQ(0, client_cap(self->fd, DRM_CLIENT_CAP_ATOMIC, 1));
	EXPECT_EQ(1, planes(self->fd, ids, counts));
	EXPECT_EQ(1, counts[1]);
	memset(counts, 0, sizeof(counts));
	ASSERT_EQ(0, client_cap(self->fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1));
	n = planes(self->fd, ids, counts);
	EXPECT_EQ(2, n);
	EXPECT_EQ(1, counts[1]);
	EXPECT_EQ(1, counts[2]);
	for (int i = 0; i < n; i++) {
		struct drm_mode_get_plane p = {
			.plane_id = ids[i], .count_format_types = 32, .format_type_ptr = (uintptr_t)formats,
		};
		int64_t type = property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "type");
		uint32_t need = type == 1 ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888;
		int found = 0;

		ASSERT_EQ(0, call(self->fd, DRM_IOCTL_MODE_GETPLANE, &p));
		EXPECT_EQ(1, p.possible_crtcs);
		for (unsigned int f = 0; f < p.count_format_types && f < 32; f++)
			found += formats[f] == need;
		EXPECT_EQ(1, found);
		EXPECT_EQ(-1, property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "IN_FORMATS"));
		if (type == 1) {
			EXPECT_LE(0, property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS"));
		} else {
			EXPECT_LE(0, property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "HOTSPOT_X"));
			EXPECT_LE(0, property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "HOTSPOT_Y"));
			EXPECT_LE(0, property(self->fd, ids[i], DRM_MODE_OBJECT_PLANE, "pixel blend mode"));
		}
	}
}

TEST_F(card, dumb_refused)
{
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 16 };

	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	d = (struct drm_mode_create_dumb){ .width = 0, .height = 64, .bpp = 32 };
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	d = (struct drm_mode_create_dumb){ .width = UINT32_MAX, .height = UINT32_MAX, .bpp = 32 };
	EXPECT_NE(0, call(self->fd, DRM_IOCTL_MODE_CREATE_DUMB, &d));
}

TEST_HARNESS_MAIN
