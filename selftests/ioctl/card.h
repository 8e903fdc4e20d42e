/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs of this folder share: calls that return -errno, properties by name.
 * Includes the harness, so a program includes nothing before this.
 */
#ifndef CARD_H
#define CARD_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include "kselftest_harness.h"

#ifndef VIRTGPU_PARAM_BLOB_ALIGNMENT
#define VIRTGPU_PARAM_BLOB_ALIGNMENT 9
#endif
#ifndef DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT
#define DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT 6
#endif

#define CARD "/dev/dri/card0"

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

/* The C driver keeps some known faults; its tests are left out by name. */
static inline int on_c_driver(void)
{
	const char *driver = getenv("VGPU_DRIVER");

	return driver && !strcmp(driver, "c");
}

/* The id of a property by name and, in `value`, what it is; 0 where the object has none of that name. */
static inline uint32_t find_property(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *value)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties props = {
		.obj_id = object, .obj_type = type, .count_props = 64,
		.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values,
	};

	if (call(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &props))
		return 0;
	for (unsigned int i = 0; i < props.count_props && i < 64; i++) {
		struct drm_mode_get_property p = { .prop_id = ids[i] };

		if (!call(fd, DRM_IOCTL_MODE_GETPROPERTY, &p) && !strcmp(p.name, name)) {
			*value = values[i];
			return ids[i];
		}
	}
	return 0;
}

/* The value of a property by name; -1 where the object has none of that name. */
static inline int64_t property(int fd, uint32_t object, uint32_t type, const char *name)
{
	uint64_t value;

	return find_property(fd, object, type, name, &value) ? (int64_t)value : -1;
}

static inline int client_cap(int fd, uint64_t cap, uint64_t value)
{
	struct drm_set_client_cap c = { .capability = cap, .value = value };

	return call(fd, DRM_IOCTL_SET_CLIENT_CAP, &c);
}

#endif
