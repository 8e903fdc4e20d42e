// SPDX-License-Identifier: GPL-2.0
/*
 * import [2d]: in the guest, a picture and a cursor in dumb buffers are shown, and, where there is 3D, imported into
 * OpenGL, which reads what the host has of them. /out gets what the host shows. The last line has how many
 * pixels OpenGL reads wrong, and the id that the host knows the cursor by.
 * The libraries' headers are not wanted: what is used of them stands here.
 */
#include "scan.h"

struct gbm_device *gbm_create_device(int fd);

#define EGL_PLATFORM_GBM 0x31d7
#define EGL_OPENGL_ES_API 0x30a0
#define EGL_NONE 0x3038
#define EGL_CONTEXT_CLIENT_VERSION 0x3098
#define EGL_LINUX_DMA_BUF 0x3270
#define EGL_WIDTH 0x3057
#define EGL_HEIGHT 0x3056
#define EGL_FOURCC 0x3271
#define EGL_FD0 0x3272
#define EGL_OFFSET0 0x3273
#define EGL_PITCH0 0x3274
void *eglGetPlatformDisplay(unsigned int platform, void *native, const intptr_t *list);
unsigned int eglInitialize(void *d, int *major, int *minor);
unsigned int eglBindAPI(unsigned int api);
void *eglCreateContext(void *d, void *config, void *share, const int *list);
unsigned int eglMakeCurrent(void *d, void *draw, void *read, void *context);
void *eglGetProcAddress(const char *name);

typedef unsigned int GLenum, GLuint;
enum {
	GL_TRIANGLE_STRIP = 5, GL_TEXTURE_2D = 0xde1, GL_UNSIGNED_BYTE = 0x1401, GL_FLOAT = 0x1406, GL_RGBA = 0x1908,
	GL_RENDERER = 0x1f01, GL_NEAREST = 0x2600, GL_TEXTURE_MAG_FILTER = 0x2800, GL_TEXTURE_MIN_FILTER = 0x2801,
	GL_TEXTURE_WRAP_S = 0x2802, GL_TEXTURE_WRAP_T = 0x2803, GL_CLAMP_TO_EDGE = 0x812f, GL_FRAGMENT_SHADER = 0x8b30,
	GL_VERTEX_SHADER = 0x8b31, GL_LINK_STATUS = 0x8b82, GL_FRAMEBUFFER_COMPLETE = 0x8cd5, GL_COLOR_ATTACHMENT0 = 0x8ce0,
	GL_FRAMEBUFFER = 0x8d40,
};
void glAttachShader(GLuint, GLuint), glBindAttribLocation(GLuint, GLuint, const char *), glBindFramebuffer(GLenum, GLuint);
void glBindTexture(GLenum, GLuint), glCompileShader(GLuint), glDrawArrays(GLenum, int, int), glEnableVertexAttribArray(GLuint);
void glFramebufferTexture2D(GLenum, GLenum, GLenum, GLuint, int), glGenFramebuffers(int, GLuint *);
void glGenTextures(int, GLuint *), glGetProgramiv(GLuint, GLenum, int *), glLinkProgram(GLuint);
void glReadPixels(int, int, int, int, GLenum, GLenum, void *), glShaderSource(GLuint, int, const char *const *, const int *);
void glTexImage2D(GLenum, int, int, int, int, int, GLenum, GLenum, const void *), glTexParameteri(GLenum, GLenum, int);
void glUseProgram(GLuint), glVertexAttribPointer(GLuint, int, GLenum, unsigned char, int, const void *);
void glViewport(int, int, int, int);
GLuint glCreateProgram(void), glCreateShader(GLenum);
GLenum glCheckFramebufferStatus(GLenum), glGetError(void);
const char *glGetString(GLenum);

#define CURSOR 64
#define CURSOR_SEED 7

static void *display;

static void fail(const char *what)
{
	errno = 0;
	end(what);
}

static void texture(uint32_t w, uint32_t h, int make)
{
	GLuint t;

	glGenTextures(1, &t);
	glBindTexture(GL_TEXTURE_2D, t);
	if (make)
		glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, w, h, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	if (make)
		glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, t, 0);
}

static void start_gl(void)
{
	static const float corners[4][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 } };
	static const char *const text[] = {
		"attribute vec2 place; varying vec2 where; void main() { where = place; gl_Position = vec4(place * 2.0 - 1.0, 0.0, 1.0); }",
		"precision mediump float; uniform sampler2D t; varying highp vec2 where; void main() { gl_FragColor = texture2D(t, where); }",
	};
	const int version[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	GLuint program, into;
	void *context;
	int good;

	display = eglGetPlatformDisplay(EGL_PLATFORM_GBM, gbm_create_device(open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC)), NULL);
	if (!display || !eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API))
		fail("EGL");
	context = eglCreateContext(display, NULL, NULL, version);
	if (!context || !eglMakeCurrent(display, NULL, NULL, context))
		fail("context");
	if (!strstr(glGetString(GL_RENDERER), "virgl"))
		fail(glGetString(GL_RENDERER));
	program = glCreateProgram();
	for (int i = 0; i < 2; i++) {
		GLuint s = glCreateShader(i ? GL_FRAGMENT_SHADER : GL_VERTEX_SHADER);

		glShaderSource(s, 1, &text[i], NULL);
		glCompileShader(s);
		glAttachShader(program, s);
	}
	glBindAttribLocation(program, 0, "place");
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good)
		fail("program");
	glUseProgram(program);
	glVertexAttribPointer(0, 2, GL_FLOAT, 0, 0, corners);
	glEnableVertexAttribArray(0);
	glGenFramebuffers(1, &into);
	glBindFramebuffer(GL_FRAMEBUFFER, into);
}

/*
 * How many pixels are not what was drawn when OpenGL reads them. What can be scanned out may be upside
 * down for it: the host's renderer has its rows from the top.
 */
static int wrong(const struct buffer *b, uint32_t w, uint32_t h, uint32_t seed, uint32_t format)
{
	void *(*create)(void *, void *, unsigned int, void *, const int *) = eglGetProcAddress("eglCreateImageKHR");
	void (*target)(GLenum, void *) = eglGetProcAddress("glEGLImageTargetTexture2DOES");
	struct drm_prime_handle prime = { .handle = b->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	uint8_t *read = malloc((size_t)w * h * 4);
	int bad[2] = { 0 };
	void *image;

	call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "export");
	image = create && target && read ? create(display, NULL, EGL_LINUX_DMA_BUF, NULL, (const int[]){
		EGL_WIDTH, w, EGL_HEIGHT, h, EGL_FOURCC, format, EGL_FD0, prime.fd, EGL_OFFSET0, 0, EGL_PITCH0, b->pitch, EGL_NONE }) : NULL;
	if (!image)
		fail("import");
	texture(w, h, 1);
	texture(w, h, 0);
	target(GL_TEXTURE_2D, image);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("framebuffer");
	glViewport(0, 0, w, h);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glReadPixels(0, 0, w, h, GL_RGBA, GL_UNSIGNED_BYTE, read);
	if (glGetError())
		fail("drawing");
	for (uint32_t i = 0; i < 2 * w * h; i++) {
		uint32_t turned = i / (w * h), x = i % w, y = i / w % h, want = pixel(x, turned ? h - 1 - y : y, seed);
		const uint8_t *p = &read[4 * (i % (w * h))];

		bad[turned] += p[0] != (want >> 16 & 255) || p[1] != (want >> 8 & 255) || p[2] != (want & 255) ||
			       (format == DRM_FORMAT_ARGB8888 && p[3] != want >> 24);
	}
	free(read);
	return bad[0] < bad[1] ? bad[0] : bad[1];
}

static uint32_t resource(const struct buffer *b)
{
	struct drm_virtgpu_resource_info info = { .bo_handle = b->handle };

	call(DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info, "resource info");
	return info.res_handle;
}

/* The host's windows are drawn now and then. */
static void picture(const char *name)
{
	char command[100];

	snprintf(command, sizeof(command), "for i in 1 2 3 4; do sleep 1; host screendump %s; done >/dev/null", name);
	if (system(command))
		end(name);
}

int main(int argc, char **argv)
{
	int gl = argc < 2 || strcmp(argv[1], "2d");
	struct buffer *cursor = &buffers[2];
	struct drm_mode_create_dumb create = { .width = CURSOR, .height = CURSOR, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_cursor2 set = { .flags = DRM_MODE_CURSOR_BO, .width = CURSOR, .height = CURSOR, .hot_x = 3, .hot_y = 5 };
	int64_t at;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = card("virtio_gpu");
	if (fd < 0)
		end("open");
	setup(0);
	for (int i = 0; i < 2; i++) {
		make(&buffers[i]);
		draw_all(&buffers[i], mode.hdisplay, mode.vdisplay, i + 1);
	}
	show(&buffers[0]);
	call(DRM_IOCTL_MODE_CREATE_DUMB, &create, "create cursor");
	map.handle = set.handle = cursor->handle = create.handle;
	cursor->pitch = create.pitch;
	call(DRM_IOCTL_MODE_MAP_DUMB, &map, "map cursor");
	cursor->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (cursor->map == MAP_FAILED)
		end("mmap of cursor");
	draw_all(cursor, CURSOR, CURSOR, CURSOR_SEED);
	set.crtc_id = crtc;
	call(DRM_IOCTL_MODE_CURSOR2, &set, "cursor");
	set = (struct drm_mode_cursor2){ .flags = DRM_MODE_CURSOR_MOVE, .crtc_id = crtc, .x = 123, .y = 45 };
	call(DRM_IOCTL_MODE_CURSOR2, &set, "cursor move");
	picture("first.png");
	if (gl)
		start_gl();
	flip(&buffers[1]);
	flipped(&at);
	picture("second.png");
	printf("import: first=%d second=%d cursor=%d cursorid=%u\n",
	       gl ? wrong(&buffers[0], mode.hdisplay, mode.vdisplay, 1, DRM_FORMAT_XRGB8888) : 0,
	       gl ? wrong(&buffers[1], mode.hdisplay, mode.vdisplay, 2, DRM_FORMAT_XRGB8888) : 0,
	       gl ? wrong(cursor, CURSOR, CURSOR, CURSOR_SEED, DRM_FORMAT_ARGB8888) : 0, resource(cursor));
	return 0;
}
