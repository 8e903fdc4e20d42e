// SPDX-License-Identifier: GPL-2.0
/*
 * Prints all that a KMS client is told about a card, with every client
 * capability set (drm_info hides the cursor planes of drivers with a hotspot, and
 * modetest some capabilities). A line each, "path = value"; objects by kind
 * and place, so that two drivers with other ids print the same.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

static int fd;
static drmModeResPtr res;
static drmModePlaneResPtr planes;

/* "kind N" of an object id. */
static const char *name(uint32_t id)
{
	static char text[32];

	strcpy(text, id ? "another" : "none");
	for (int i = 0; i < res->count_crtcs; i++)
		if (res->crtcs[i] == id)
			sprintf(text, "crtc %d", i);
	for (int i = 0; i < res->count_connectors; i++)
		if (res->connectors[i] == id)
			sprintf(text, "connector %d", i);
	for (int i = 0; i < res->count_encoders; i++)
		if (res->encoders[i] == id)
			sprintf(text, "encoder %d", i);
	return text;
}

static void blob(uint32_t id)
{
	drmModePropertyBlobPtr b = id ? drmModeGetPropertyBlob(fd, id) : NULL;
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; b && i < b->length; i++)
		hash = (hash ^ ((uint8_t *)b->data)[i]) * 16777619u;
	if (b)
		printf("%u bytes, hash %08x\n", b->length, hash);
	else
		printf("none\n");
	drmModeFreePropertyBlob(b);
}

static void properties(const char *kind, int n, uint32_t obj, uint32_t type)
{
	drmModeObjectPropertiesPtr props = drmModeObjectGetProperties(fd, obj, type);

	for (uint32_t i = 0; props && i < props->count_props; i++) {
		drmModePropertyPtr p = drmModeGetProperty(fd, props->props[i]);
		uint64_t v = props->prop_values[i];

		if (!p)
			continue;
		printf("%s %d: property %s: kind = flags %x", kind, n, p->name, p->flags);
		for (int k = 0; k < p->count_values; k++)
			printf(" %" PRIu64, p->values[k]);
		for (int k = 0; k < p->count_enums; k++)
			printf(" %s=%" PRIu64, p->enums[k].name, (uint64_t)p->enums[k].value);
		printf("\n%s %d: property %s: value = ", kind, n, p->name);
		if (drm_property_type_is(p, DRM_MODE_PROP_BLOB))
			blob(v);
		else if (drm_property_type_is(p, DRM_MODE_PROP_OBJECT))
			printf("%s\n", name(v));
		else
			printf("%" PRId64 "\n", (int64_t)v);
		drmModeFreeProperty(p);
	}
	drmModeFreeObjectProperties(props);
}

static void connector(int n)
{
	drmModeConnectorPtr c = drmModeGetConnector(fd, res->connectors[n]);

	printf("connector %d: type = %u-%u\n", n, c->connector_type, c->connector_type_id);
	printf("connector %d: state = %u, %ux%u mm, subpixel %u\n", n, c->connection, c->mmWidth, c->mmHeight, c->subpixel);
	for (int i = 0; i < c->count_encoders; i++)
		printf("connector %d: encoder = %s\n", n, name(c->encoders[i]));
	for (int i = 0; i < c->count_modes; i++) {
		drmModeModeInfoPtr m = &c->modes[i];

		printf("connector %d: mode %d = %s %u: %u %u %u %u %u, %u %u %u %u %u, %u Hz, flags %x type %x\n", n, i,
		       m->name, m->clock, m->hdisplay, m->hsync_start, m->hsync_end, m->htotal, m->hskew,
		       m->vdisplay, m->vsync_start, m->vsync_end, m->vtotal, m->vscan, m->vrefresh, m->flags, m->type);
	}
	properties("connector", n, res->connectors[n], DRM_MODE_OBJECT_CONNECTOR);
	drmModeFreeConnector(c);
}

static void plane(uint32_t n)
{
	drmModePlanePtr p = drmModeGetPlane(fd, planes->planes[n]);

	printf("plane %u: crtcs = %x\nplane %u: gamma = %u\n", n, p->possible_crtcs, n, p->gamma_size);
	for (uint32_t i = 0; i < p->count_formats; i++)
		printf("plane %u: format = %.4s\n", n, (char *)&p->formats[i]);
	properties("plane", n, planes->planes[n], DRM_MODE_OBJECT_PLANE);
	drmModeFreePlane(p);
}

int main(int argc, char **argv)
{
	drmVersionPtr version;

	fd = open(argc > 1 ? argv[1] : "/dev/dri/card0", O_RDWR | O_CLOEXEC);
	version = fd < 0 ? NULL : drmGetVersion(fd);
	if (!version)
		return 1;
	printf("driver: name = %s\ndriver: description = %s\ndriver: date = %s\n", version->name, version->desc, version->date);
	printf("driver: version = %d.%d.%d\n", version->version_major, version->version_minor, version->version_patchlevel);
	for (int i = 1; i <= 6; i++)
		printf("client capability %d = %d\n", i, drmSetClientCap(fd, i, i == 2 || i != 3 ? 1 : 2));
	for (int i = 1; i <= 0x20; i++) {
		uint64_t v = 0;
		int ret = drmGetCap(fd, i, &v);

		printf("capability %x = %d %" PRIu64 "\n", i, ret, v);
	}
	res = drmModeGetResources(fd);
	planes = drmModeGetPlaneResources(fd);
	if (!res || !planes)
		return 1;
	printf("card: sizes = %u..%u x %u..%u\n", res->min_width, res->max_width, res->min_height, res->max_height);
	for (int i = 0; i < res->count_connectors; i++)
		connector(i);
	for (int i = 0; i < res->count_encoders; i++) {
		drmModeEncoderPtr e = drmModeGetEncoder(fd, res->encoders[i]);

		printf("encoder %d: type = %u, crtcs %x, clones %x, now on %s\n", i, e->encoder_type, e->possible_crtcs,
		       e->possible_clones, name(e->crtc_id));
		drmModeFreeEncoder(e);
	}
	for (int i = 0; i < res->count_crtcs; i++) {
		drmModeCrtcPtr c = drmModeGetCrtc(fd, res->crtcs[i]);

		printf("crtc %d: state = %s at %u,%u, gamma %d\n", i, c->mode_valid ? c->mode.name : "off", c->x, c->y,
		       c->gamma_size);
		properties("crtc", i, res->crtcs[i], DRM_MODE_OBJECT_CRTC);
		drmModeFreeCrtc(c);
	}
	for (uint32_t i = 0; i < planes->count_planes; i++)
		plane(i);
	return 0;
}
