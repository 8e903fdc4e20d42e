// SPDX-License-Identifier: GPL-2.0
/*
 * In the guest: draws three scenes with OpenGL ES on a GBM surface, always the same
 * picture, shows each on the screen and leaves what the client reads back as
 * /out/NAME.ppm and what the host shows as /out/NAME.png. No window system.
 * The libraries' headers are not wanted: what is used of them stands here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>

/* -- GBM, EGL, GLES ------------------------------------------------------------------ */

#define XRGB8888 0x34325258
struct gbm_device *gbm_create_device(int fd);
struct gbm_surface *gbm_surface_create(struct gbm_device *g, uint32_t w, uint32_t h, uint32_t format, uint32_t flags);
struct gbm_bo *gbm_surface_lock_front_buffer(struct gbm_surface *s);
void gbm_surface_release_buffer(struct gbm_surface *s, struct gbm_bo *b);
uint32_t gbm_bo_get_stride(struct gbm_bo *b);
union gbm_bo_handle { void *p; int32_t s; uint32_t u32; uint64_t u64; } gbm_bo_get_handle(struct gbm_bo *b);

void *eglGetPlatformDisplay(unsigned int platform, void *native, const intptr_t *list);
unsigned int eglInitialize(void *d, int *major, int *minor);
unsigned int eglBindAPI(unsigned int api);
unsigned int eglChooseConfig(void *d, const int *list, void **configs, int size, int *count);
unsigned int eglGetConfigAttrib(void *d, void *config, int attribute, int *value);
void *eglCreateContext(void *d, void *config, void *share, const int *list);
void *eglCreatePlatformWindowSurface(void *d, void *config, void *native, const intptr_t *list);
unsigned int eglMakeCurrent(void *d, void *draw, void *read, void *context);
unsigned int eglSwapBuffers(void *d, void *surface);

typedef unsigned int GLenum, GLuint;
enum {
	GL_TRIANGLES = 4, GL_TRIANGLE_STRIP = 5, GL_SRC_ALPHA = 0x302, GL_ONE_MINUS_SRC_ALPHA = 0x303, GL_EQUAL = 0x202,
	GL_ALWAYS = 0x207, GL_REPLACE = 0x1e01, GL_KEEP = 0x1e00, GL_CULL_FACE = 0xb44, GL_DEPTH_TEST = 0xb71,
	GL_STENCIL_TEST = 0xb90, GL_BLEND = 0xbe2, GL_SCISSOR_TEST = 0xc11, GL_TEXTURE_2D = 0xde1, GL_UNSIGNED_BYTE = 0x1401,
	GL_UNSIGNED_SHORT = 0x1403, GL_FLOAT = 0x1406, GL_RGBA = 0x1908, GL_RENDERER = 0x1f01, GL_LINEAR = 0x2601,
	GL_LINEAR_MIPMAP_LINEAR = 0x2703, GL_TEXTURE_MAG_FILTER = 0x2800, GL_TEXTURE_MIN_FILTER = 0x2801,
	GL_TEXTURE_WRAP_S = 0x2802, GL_TEXTURE_WRAP_T = 0x2803, GL_CLAMP_TO_EDGE = 0x812f, GL_ARRAY_BUFFER = 0x8892,
	GL_ELEMENT_ARRAY_BUFFER = 0x8893, GL_STATIC_DRAW = 0x88e4, GL_FRAGMENT_SHADER = 0x8b30, GL_VERTEX_SHADER = 0x8b31,
	GL_COMPILE_STATUS = 0x8b81, GL_LINK_STATUS = 0x8b82, GL_COLOR_ATTACHMENT0 = 0x8ce0, GL_FRAMEBUFFER = 0x8d40,
	GL_COLOR_BUFFER_BIT = 0x4000, GL_DEPTH_BUFFER_BIT = 0x100, GL_STENCIL_BUFFER_BIT = 0x400,
};
void glAttachShader(GLuint, GLuint), glBindBuffer(GLenum, GLuint), glBindFramebuffer(GLenum, GLuint);
void glBindTexture(GLenum, GLuint), glBlendFunc(GLenum, GLenum), glBufferData(GLenum, intptr_t, const void *, GLenum);
void glBufferSubData(GLenum, intptr_t, intptr_t, const void *), glClear(GLuint), glClearColor(float, float, float, float);
void glCompileShader(GLuint), glCopyTexSubImage2D(GLenum, int, int, int, int, int, int, int), glDisable(GLenum);
void glDrawArrays(GLenum, int, int), glDrawElements(GLenum, int, GLenum, const void *), glEnable(GLenum);
void glEnableVertexAttribArray(GLuint), glDisableVertexAttribArray(GLuint);
void glFramebufferTexture2D(GLenum, GLenum, GLenum, GLuint, int), glGenBuffers(int, GLuint *);
void glGenFramebuffers(int, GLuint *), glGenTextures(int, GLuint *), glGenerateMipmap(GLenum), glLinkProgram(GLuint);
void glGetProgramiv(GLuint, GLenum, int *), glGetShaderiv(GLuint, GLenum, int *);
void glGetShaderInfoLog(GLuint, int, int *, char *), glReadPixels(int, int, int, int, GLenum, GLenum, void *);
void glScissor(int, int, int, int), glShaderSource(GLuint, int, const char *const *, const int *);
void glStencilFunc(GLenum, int, GLuint), glStencilOp(GLenum, GLenum, GLenum), glTexParameteri(GLenum, GLenum, int);
void glTexImage2D(GLenum, int, int, int, int, int, GLenum, GLenum, const void *);
void glTexSubImage2D(GLenum, int, int, int, int, int, GLenum, GLenum, const void *), glUniform1f(int, float);
void glUniform2f(int, float, float), glUniform4f(int, float, float, float, float), glUseProgram(GLuint);
void glVertexAttribPointer(GLuint, int, GLenum, unsigned char, int, const void *), glViewport(int, int, int, int);
void glBindAttribLocation(GLuint, GLuint, const char *);
GLuint glCreateProgram(void), glCreateShader(GLenum);
GLenum glGetError(void), glCheckFramebufferStatus(GLenum);
const char *glGetString(GLenum);
int glGetUniformLocation(GLuint, const char *);

#define W 640
#define H 480

static void die(const char *what)
{
	printf("frames: %s: %s\n", what, strerror(errno));
	exit(1);
}

static GLuint shader(GLenum type, const char *text)
{
	GLuint s = glCreateShader(type);
	char log[1000] = "";
	int good;

	glShaderSource(s, 1, &text, NULL);
	glCompileShader(s);
	glGetShaderiv(s, GL_COMPILE_STATUS, &good);
	if (!good) {
		glGetShaderInfoLog(s, sizeof(log), NULL, log);
		die(log);
	}
	return s;
}

/* A program in use whose attributes are `place` and `side`. */
static GLuint program(const char *vertex, const char *fragment)
{
	GLuint p = glCreateProgram();
	int good;

	glAttachShader(p, shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(p, shader(GL_FRAGMENT_SHADER, fragment));
	glBindAttribLocation(p, 0, "place");
	glBindAttribLocation(p, 1, "side");
	glLinkProgram(p);
	glGetProgramiv(p, GL_LINK_STATUS, &good);
	if (!good)
		die("a program does not link");
	glUseProgram(p);
	return p;
}

/* -- the scenes ------------------------------------------------------------------------ */

/* Cubes with light on them: buffers of vertices and indices, one changed in between, depth. */
static void cubes(void)
{
	static const char *vertex =
		"attribute vec3 place, side; uniform vec4 at; uniform vec2 turn; varying vec3 light;\n"
		"vec3 turned(vec3 v) { float c = cos(turn.x), s = sin(turn.x), d = cos(turn.y), t = sin(turn.y);\n"
		" v = vec3(c * v.x + s * v.z, v.y, c * v.z - s * v.x); return vec3(v.x, d * v.y - t * v.z, d * v.z + t * v.y); }\n"
		"void main() { vec3 p = turned(place) * at.w + at.xyz; light = vec3(max(0.0, dot(turned(side), vec3(0.5, 0.6, 0.62))))\n"
		" * (0.5 + 0.5 * abs(side)) + 0.1; gl_Position = vec4(p.xy * vec2(0.75, 1.0), -p.z * 0.2, 1.0 - p.z * 0.3); }";
	static const char *fragment =
		"precision mediump float; varying vec3 light; void main() { gl_FragColor = vec4(light, 1.0); }";
	float v[24][6];
	uint16_t index[36];
	GLuint b[2], p = program(vertex, fragment);
	int n = 0;

	for (int side = 0; side < 6; side++)
		for (int corner = 0; corner < 4; corner++, n++)
			for (int k = 0; k < 3; k++) {
				int axis = (side / 2 + k) % 3;
				float s = side & 1 ? 1 : -1;

				v[n][axis] = k == 0 ? s : k == 1 ? (corner & 1 ? 1 : -1) : (corner & 2 ? 1 : -1);
				v[n][3 + axis] = k == 0 ? s : 0;
			}
	for (int side = 0; side < 6; side++)
		for (int k = 0; k < 6; k++)
			index[side * 6 + k] = side * 4 + (const int[]){ 0, 1, 2, 2, 1, 3 }[k];
	glGenBuffers(2, b);
	glBindBuffer(GL_ARRAY_BUFFER, b[0]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(v), v, GL_STATIC_DRAW);
	glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, b[1]);
	glBufferData(GL_ELEMENT_ARRAY_BUFFER, sizeof(index), index, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 3, GL_FLOAT, 0, 24, 0);
	glVertexAttribPointer(1, 3, GL_FLOAT, 0, 24, (void *)12);
	glEnable(GL_DEPTH_TEST);
	for (int i = 0; i < 20; i++) {
		glUniform4f(glGetUniformLocation(p, "at"), i % 5 * 0.5f - 1.0f, i / 5 * 0.5f - 0.75f, -0.1f * i, 0.27f);
		glUniform2f(glGetUniformLocation(p, "turn"), 0.37f * i, 0.21f * i + 0.5f);
		if (i == 10) {
			/* The rest has one corner pulled out. */
			for (int k = 0; k < 24; k++)
				if (v[k][0] > 0 && v[k][1] > 0 && v[k][2] > 0)
					v[k][0] = 1.8f;
			glBufferSubData(GL_ARRAY_BUFFER, 0, sizeof(v), v);
		}
		glDrawElements(GL_TRIANGLES, 36, GL_UNSIGNED_SHORT, 0);
	}
	glDisable(GL_DEPTH_TEST);
}

static const char *flat_vertex =
	"attribute vec3 place; attribute vec2 side; uniform vec4 at; uniform vec2 turn; varying vec2 where;\n"
	"void main() { where = side; vec2 p = vec2(turn.x * place.x - turn.y * place.y, turn.y * place.x + turn.x * place.y);\n"
	" gl_Position = vec4(p * at.zw + at.xy, 0.0, 1.0); }";

static void square(void)
{
	static const float v[4][5] = { { -1, -1, 0, 0, 0 }, { 1, -1, 0, 1, 0 }, { -1, 1, 0, 0, 1 }, { 1, 1, 0, 1, 1 } };
	GLuint b;

	glGenBuffers(1, &b);
	glBindBuffer(GL_ARRAY_BUFFER, b);
	glBufferData(GL_ARRAY_BUFFER, sizeof(v), v, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 3, GL_FLOAT, 0, 20, 0);
	glVertexAttribPointer(1, 2, GL_FLOAT, 0, 20, (void *)12);
}

static GLuint texture(int w, int h, const void *data, GLenum filter)
{
	GLuint t;

	glGenTextures(1, &t);
	glBindTexture(GL_TEXTURE_2D, t);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, w, h, 0, GL_RGBA, GL_UNSIGNED_BYTE, data);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	return t;
}

/* A texture that comes in strips, with all its levels, in squares over each other that let light through. */
static void textures(void)
{
	static const char *fragment =
		"precision mediump float; uniform sampler2D t; varying vec2 where; uniform float strength;\n"
		"void main() { gl_FragColor = texture2D(t, where) * vec4(1.0, 1.0, 1.0, strength); }";
	static uint8_t data[256][256][4];
	GLuint p = program(flat_vertex, fragment);

	for (int y = 0; y < 256; y++)
		for (int x = 0; x < 256; x++) {
			data[y][x][0] = x ^ y;
			data[y][x][1] = x * y >> 6;
			data[y][x][2] = (x / 16 + y / 16) % 2 * 200 + 30;
			data[y][x][3] = 255 - (x + y) / 4;
		}
	square();
	texture(256, 256, NULL, GL_LINEAR_MIPMAP_LINEAR);
	for (int y = 0; y < 256; y += 32)
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, y, 256, 32, GL_RGBA, GL_UNSIGNED_BYTE, data[y]);
	glGenerateMipmap(GL_TEXTURE_2D);
	/* One level, part of it, once more. */
	glTexSubImage2D(GL_TEXTURE_2D, 2, 7, 9, 40, 32, GL_RGBA, GL_UNSIGNED_BYTE, data[100]);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	for (int i = 0; i < 9; i++) {
		float size = 0.9f / (1 + i);

		glUniform4f(glGetUniformLocation(p, "at"), i % 3 * 0.6f - 0.6f, i / 3 * 0.6f - 0.6f, size, size);
		glUniform2f(glGetUniformLocation(p, "turn"), 1.0f - i * 0.1f, i * 0.08f);
		glUniform1f(glGetUniformLocation(p, "strength"), 1.0f - i * 0.07f);
		glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	}
	glDisable(GL_BLEND);
}

/* A picture drawn into a texture by a loop in a shader, drawn through a stencil and a filter, and copied. */
static void passes(void)
{
	static const char *loop =
		"precision highp float; varying vec2 where; void main() { vec2 z = where * 3.0 - 1.5; int n = 0;\n"
		" for (int i = 0; i < 40; i++) { z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + vec2(-0.4, 0.6);\n"
		"  if (dot(z, z) > 4.0) break; n++; }\n"
		" float f = float(n) / 40.0; gl_FragColor = vec4(f, f * f, 1.0 - f, 1.0); }";
	static const char *filter =
		"precision mediump float; uniform sampler2D t; varying vec2 where; uniform float strength; void main() { vec4 s = vec4(0.0);\n"
		" for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++) s += texture2D(t, where + vec2(x, y) / 200.0);\n"
		" gl_FragColor = mix(texture2D(t, where), s / 9.0, strength); }";
	GLuint into, p, drawn = texture(300, 200, NULL, GL_LINEAR), copy = texture(128, 128, NULL, GL_LINEAR);

	square();
	glGenFramebuffers(1, &into);
	glBindFramebuffer(GL_FRAMEBUFFER, into);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, drawn, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != 0x8cd5)
		die("the texture cannot be drawn into");
	glViewport(0, 0, 300, 200);
	p = program(flat_vertex, loop);
	glUniform4f(glGetUniformLocation(p, "at"), 0, 0, 1, 1);
	glUniform2f(glGetUniformLocation(p, "turn"), 1, 0);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glBindTexture(GL_TEXTURE_2D, copy);
	glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 86, 36, 128, 128);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glViewport(0, 0, W, H);

	p = program(flat_vertex, filter);
	glEnable(GL_STENCIL_TEST);
	glStencilFunc(GL_ALWAYS, 1, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
	glUniform1f(glGetUniformLocation(p, "strength"), 1.0f);
	glUniform4f(glGetUniformLocation(p, "at"), 0, 0, 0.7f, 0.9f);
	glUniform2f(glGetUniformLocation(p, "turn"), 0.8f, 0.6f);
	glBindTexture(GL_TEXTURE_2D, drawn);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glStencilFunc(GL_EQUAL, 1, 255);
	glUniform1f(glGetUniformLocation(p, "strength"), 0.3f);
	glUniform4f(glGetUniformLocation(p, "at"), 0.5f, 0.4f, 0.6f, 0.6f);
	glUniform2f(glGetUniformLocation(p, "turn"), 1, 0);
	glBindTexture(GL_TEXTURE_2D, copy);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glDisable(GL_STENCIL_TEST);
	glEnable(GL_SCISSOR_TEST);
	glScissor(20, 20, 200, 90);
	glUniform4f(glGetUniformLocation(p, "at"), 0, 0, 1, 1);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glDisable(GL_SCISSOR_TEST);
}

/* -- the screen -------------------------------------------------------------------------- */

struct screen {
	int fd;
	uint32_t crtc, connector;
	struct drm_mode_modeinfo mode;
};

static void find_screen(struct screen *s)
{
	uint32_t crtcs[32], connectors[32];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 32, .connector_id_ptr = (uintptr_t)connectors, .count_connectors = 32,
	};
	struct drm_mode_modeinfo modes[128];
	struct drm_mode_get_connector c = { .modes_ptr = (uintptr_t)modes };

	s->fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (s->fd < 0 || ioctl(s->fd, DRM_IOCTL_MODE_GETRESOURCES, &res))
		die("no card");
	s->crtc = crtcs[0];
	s->connector = c.connector_id = connectors[0];
	if (ioctl(s->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) || c.count_modes > 128)
		die("no connector");
	c.count_props = c.count_encoders = 0;
	if (ioctl(s->fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))
		die("no modes");
	for (uint32_t i = 0; i < c.count_modes; i++)
		if (modes[i].hdisplay == W && modes[i].vdisplay == H) {
			s->mode = modes[i];
			return;
		}
	die("no mode of this size");
}

static void show(struct screen *s, struct gbm_bo *bo)
{
	struct drm_mode_fb_cmd2 f = {
		.width = W, .height = H, .pixel_format = XRGB8888, .handles = { gbm_bo_get_handle(bo).u32 },
		.pitches = { gbm_bo_get_stride(bo) },
	};
	struct drm_mode_crtc c = {
		.crtc_id = s->crtc, .set_connectors_ptr = (uintptr_t)&s->connector, .count_connectors = 1, .mode_valid = 1,
		.mode = s->mode,
	};
	struct drm_mode_fb_dirty_cmd d = { 0 };

	if (ioctl(s->fd, DRM_IOCTL_MODE_ADDFB2, &f))
		die("the picture is no framebuffer");
	c.fb_id = d.fb_id = f.fb_id;
	if (ioctl(s->fd, DRM_IOCTL_MODE_SETCRTC, &c))
		die("the picture cannot be shown");
	/* With the C driver the first one after it was loaded is black until something is flushed once more. */
	sleep(1);
	if (ioctl(s->fd, DRM_IOCTL_MODE_DIRTYFB, &d))
		die("the picture cannot be shown again");
}

static void save(const char *name)
{
	static uint8_t pixels[H][W][4], line[W][3];
	char path[100];
	FILE *f;

	glReadPixels(0, 0, W, H, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	snprintf(path, sizeof(path), "/out/%s.ppm", name);
	f = fopen(path, "w");
	if (!f)
		die(path);
	fprintf(f, "P6\n%d %d\n255\n", W, H);
	for (int y = H - 1; y >= 0; y--) {
		for (int x = 0; x < W; x++)
			memcpy(line[x], pixels[y][x], 3);
		fwrite(line, 3, W, f);
	}
	if (fclose(f))
		die(path);
}

/*
 * Whether the host has shown something of the size of the mode, the same twice and not what
 * was there before; it is left as NAME.png. The scenes differ in how many colours they have.
 */
static int shown(const char *name)
{
	static char before[100];
	char command[200], now[100] = "", last[100] = "";

	snprintf(command, sizeof(command), "host picture %s.png 000000", name);
	for (int n = 0; n < 40; n++) {
		FILE *f = popen(command, "r");
		int w = 0, h = 0, colours = 0;

		if (!f)
			return 0;
		memcpy(last, now, sizeof(last));
		memset(now, 0, sizeof(now));
		if (!fgets(now, sizeof(now), f))
			now[0] = 0;
		pclose(f);
		sscanf(now, "%d %d %d", &w, &h, &colours);
		if (w == W && h == H && colours > 16 && strcmp(now, before) && !strcmp(now, last)) {
			printf("%s: %s", name, now);
			strcpy(before, now);
			return 1;
		}
		sleep(1);
	}
	printf("%s: %s", name, now);
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*draw)(void);
	} scenes[] = { { "cubes", cubes }, { "textures", textures }, { "passes", passes } };
	/* Window, OpenGL ES 2, eight bits of each colour, depth, stencil. */
	static const int want[] = {
		0x3033, 4, 0x3040, 4, 0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 0, 0x3025, 24, 0x3026, 8, 0x3038,
	}, version[] = { 0x3098, 2, 0x3038 };
	void *display, *configs[64], *config = NULL, *context, *surface;
	struct gbm_surface *buffers;
	struct gbm_device *gbm;
	struct screen screen;
	int count = 0, status = 0;

	find_screen(&screen);
	gbm = gbm_create_device(screen.fd);
	display = eglGetPlatformDisplay(0x31d7, gbm, NULL);
	if (!display || !eglInitialize(display, NULL, NULL) || !eglBindAPI(0x30a0))
		die("no EGL");
	eglChooseConfig(display, want, configs, 64, &count);
	for (int i = 0; i < count && !config; i++) {
		int format = 0;

		eglGetConfigAttrib(display, configs[i], 0x302e, &format);
		if (format == XRGB8888)
			config = configs[i];
	}
	/* To be shown and drawn into. */
	buffers = gbm_surface_create(gbm, W, H, XRGB8888, 1 | 4);
	if (!config || !buffers)
		die("no such pixels");
	surface = eglCreatePlatformWindowSurface(display, config, buffers, NULL);
	context = eglCreateContext(display, config, NULL, version);
	if (!eglMakeCurrent(display, surface, surface, context))
		die("no context");
	printf("renderer %s\n", glGetString(GL_RENDERER));
	glEnableVertexAttribArray(0);
	glEnableVertexAttribArray(1);
	for (unsigned int i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		struct gbm_bo *bo;

		glViewport(0, 0, W, H);
		glClearColor(0.1f, 0.15f * i, 0.3f, 1.0f);
		glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
		scenes[i].draw();
		if (glGetError())
			die(scenes[i].name);
		save(scenes[i].name);
		eglSwapBuffers(display, surface);
		bo = gbm_surface_lock_front_buffer(buffers);
		if (!bo)
			die("no buffer");
		show(&screen, bo);
		if (!shown(scenes[i].name))
			status = 1;
		gbm_surface_release_buffer(buffers, bo);
	}
	return status;
}
