// SPDX-License-Identifier: GPL-2.0
/*
 * A client that draws the number of the frame into every row, on the bare ioctls.
 * The host's display reads the rows in its own time and tells whether a picture
 * had several numbers.
 *
 *   scanout animate BUFFERS FRAMES [HZ]   flips through so many buffers
 *   scanout foreign FRAMES         the same with two buffers of vgem's; a file with a context may not have them
 *   scanout dirty FRAMES [HZ]      draws into the one buffer that is shown, and says so
 *
 *   scanout fences FRAMES          atomic flips between two buffers that are known as dma-bufs: whether
 *                                  out-fence, dma-buf of the old buffer and event tell the same
 *
 * AT_END is a command that is run while the last frame is shown. HZ is the rate of the mode, that of the monitor without it. The last line has what came of it:
 * words of the form name=number, those of the host as differences. Exit status: 0 done, 1 a
 * call failed or an event did not come.
 */
#include <pthread.h>
#include "scan.h"

/* How long it may take. */
#define MOST_US 140000000

/* A buffer of vgem's, as one of ours; and that who renders does not get it. */
static void import(struct buffer *b, int vgem)
{
	struct drm_mode_create_dumb create = { .width = (mode.hdisplay + 63) / 64 * 64, .height = mode.vdisplay, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd2 fb = { .width = mode.hdisplay, .height = mode.vdisplay,
		.pixel_format = DRM_FORMAT_XRGB8888 };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_virtgpu_context_set_param set = { .param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID, .value = 30 };
	struct drm_virtgpu_context_init init = { .num_params = 1, .ctx_set_params = (uintptr_t)&set };
	int other = card("virtio_gpu");

	if (ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		end("create dumb of vgem");
	map.handle = prime.handle = create.handle;
	if (ioctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &map) || ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
		end("export from vgem");
	b->pitch = create.pitch;
	b->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, map.offset);
	if (b->map == MAP_FAILED)
		end("mmap of vgem");
	call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, "import");
	b->handle = fb.handles[0] = prime.handle;
	fb.pitches[0] = b->pitch;
	call(DRM_IOCTL_MODE_ADDFB2, &fb, "add framebuffer");
	b->fb = fb.fb_id;
	if (!ioctl(other, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init) &&
	    (!ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) || errno != ENODEV))
		end("import by who renders");
	close(other);
	close(prime.fd);
}

/*
 * Whether the machine has time for the guest: how often it did not get to run for so long
 * though it had to.
 */
#define HICCUP_US 10000
static volatile unsigned int hiccups;

static void *watch(void *unused)
{
	for (;;) {
		int64_t start = now();

		usleep(2000);
		if (now() - start > 2000 + HICCUP_US)
			hiccups++;
	}
	return unused;
}

/* Whether a file has got that far within so many milliseconds. */
static int ready(int file, short events, int ms)
{
	struct pollfd p = { .fd = file, .events = events };

	return poll(&p, 1, ms) == 1 && p.revents & events;
}

static void fences(int frames)
{
	struct drm_set_client_cap caps[2] = { { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 }, { DRM_CLIENT_CAP_ATOMIC, 1 } };
	int dmabufs[2], early_out = 0, early_buffer = 0, apart = 0;
	uint32_t plane, fb_id, out;

	for (int i = 0; i < 2; i++) {
		struct drm_prime_handle prime = { .handle = buffers[i].handle, .flags = DRM_CLOEXEC };

		call(DRM_IOCTL_SET_CLIENT_CAP, &caps[i], "client cap");
		call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "export");
		dmabufs[i] = prime.fd;
	}
	plane = plane_of(buffers[0].fb);
	fb_id = property(plane, DRM_MODE_OBJECT_PLANE, "FB_ID", NULL);
	out = property(crtc, DRM_MODE_OBJECT_CRTC, "OUT_FENCE_PTR", NULL);
	for (int n = 1; n <= frames; n++) {
		struct buffer *b = &buffers[n % 2];
		int32_t fence = -1;
		int64_t at;
		uint32_t objects[2] = { plane, crtc }, counts[2] = { 1, 1 }, ids[2] = { fb_id, out };
		uint64_t values[2] = { b->fb, (uintptr_t)&fence };
		struct drm_mode_atomic commit = {
			.flags = DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT, .count_objs = 2,
			.objs_ptr = (uintptr_t)objects, .count_props_ptr = (uintptr_t)counts,
			.props_ptr = (uintptr_t)ids, .prop_values_ptr = (uintptr_t)values,
		};

		draw(b, n);
		call(DRM_IOCTL_MODE_ATOMIC, &commit, "atomic commit");
		/* The host shows the old one for some time yet. */
		early_out += ready(fence, POLLIN, 0);
		early_buffer += ready(dmabufs[~n & 1], POLLOUT, 0);
		if (!ready(dmabufs[~n & 1], POLLOUT, 60000) || !ready(fence, POLLIN, 60000)) {
			errno = ETIMEDOUT;
			end("fence");
		}
		/* The event comes with the out-fence. */
		apart += !ready(fd, POLLIN, 0);
		flipped(&at);
		apart += !ready(dmabufs[~n & 1], POLLOUT, 0);
		close(fence);
	}
	printf("scan: frames=%d earlyout=%d earlybuffer=%d apart=%d toolate=%lld", frames, early_out, early_buffer, apart,
	       driver("too late"));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int dirty = !strcmp(what, "dirty"), two = !strcmp(what, "fences");
	int vgem = strcmp(what, "foreign") ? -1 : card("vgem"), foreign = !strcmp(what, "foreign");
	int skip = dirty || two || foreign ? 2 : 3;
	int count = dirty ? 1 : two || foreign || argc < 3 ? 2 : atoi(argv[2]);
	char **rest = argv + skip;
	int left = argc - skip;
	int frames = left > 0 ? atoi(rest[0]) : 100, hz = left > 1 ? atoi(rest[1]) : 0;
	int64_t start, first = 0, at = 0;
	pthread_t thread;
	uint32_t seq = 0, was = 0;
	long long missed = 0, odd = 0, late;
	char before[1024], after[1024];
	double seconds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((!dirty && !two && !foreign && strcmp(what, "animate")) || count < 1 || count > BUFFERS)
		return 2;
	port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fd = card("virtio_gpu");
	if (fd < 0 || (foreign && vgem < 0))
		end("open");
	setup(hz);
	for (int i = 0; i < count; i++)
		if (foreign)
			import(&buffers[i], vgem);
		else
			make(&buffers[i]);
	stats(before, sizeof(before));
	draw(&buffers[0], 0);
	show(&buffers[0]);
	late = driver("too late");
	stats_with_picture(before, sizeof(before));
	if (pthread_create(&thread, NULL, watch, NULL))
		end("thread");
	start = now();
	if (two)
		fences(frames);
	for (int n = 1; n <= frames && !two; n++) {
		struct buffer *b = &buffers[n % count];
		int64_t then = at;

		/* On a slow machine there are fewer. */
		if (n > 1 && now() - start > MOST_US) {
			frames = n - 1;
			break;
		}
		/* Of three, the next can be drawn while the flip to the one before is under way. */
		if (count < 3 || n == 1)
			draw(b, n);
		if (dirty) {
			struct drm_mode_fb_dirty_cmd d = { .fb_id = b->fb };

			call(DRM_IOCTL_MODE_DIRTYFB, &d, "dirty framebuffer");
			continue;
		}
		flip(b);
		if (count > 2)
			draw(&buffers[(n + 1) % count], n + 1);
		seq = flipped(&at);
		if (n > 1) {
			missed += seq - was - 1;
			/* Numbers and times grow. */
			odd += (int32_t)(seq - was) <= 0 || at <= then;
		} else {
			first = at;
		}
		was = seq;
	}
	seconds = (dirty ? now() - start : at - first) / 1e6;
	stats(after, sizeof(after));
	if (getenv("AT_END") && system(getenv("AT_END")))
		printf("failed: at the end\n");
	show(NULL);
	if (!two)
		printf("scan: frames=%d rate=%.2f missed=%lld odd=%lld hiccups=%u toolate=%lld", frames,
		       seconds > 0 ? (frames - !dirty) / seconds : 0, missed, odd, hiccups,
		       driver("too late") - late);
	for (const char *const *name = (const char *const[]){ "copied", "beats", "late", "fresh", "samples", "mixed", NULL };
	     *name; name++)
		printf(" %s=%lld", *name, number(after, *name) - number(before, *name));
	printf("\n");
	return 0;
}
