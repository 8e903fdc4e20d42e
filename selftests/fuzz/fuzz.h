/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the fuzzer share: numbers from a seed, things that are
 * remembered (handles and ids for all workers on a file, descriptors for each
 * worker), memory that is good or bad to point to, and the one way to a call.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#ifndef VIRTGPU_PARAM_BLOB_ALIGNMENT
#define VIRTGPU_PARAM_BLOB_ALIGNMENT 9
#endif

#define CARD "/dev/dri/card0"
#define RENDER "/dev/dri/renderD128"
#define PAGE 4096u

#define FILES 5
#define WORKERS 6
#define OBJECTS 40
#define SYNCOBJS 24
#define FBS 12
#define BLOBS 8
#define FDS 12
#define OPS 80

struct object {
	uint32_t handle, size, resource;
};

/* An open file of the device, and what is known of it. Several write here at once: it is a memory, not the truth. */
struct file {
	int fd, card;
	struct object objects[OBJECTS];
	uint32_t syncobjs[SYNCOBJS], fbs[FBS], blobs[BLOBS], shown;
};

/* What a worker is at. */
struct slot {
	volatile int op;
	volatile unsigned long request;
	volatile int64_t since;
	volatile uint64_t calls;
	volatile pid_t pid;
};

struct property {
	uint32_t object, id;
	uint64_t value;
};

struct shared {
	struct file files[FILES];
	uint32_t names[16];
	struct slot slots[WORKERS];
	uint64_t called[OPS], good[OPS], ms[OPS];
	/* Filled before the first worker: what KMS has. */
	uint32_t crtcs[4], connectors[4], planes[8], properties;
	struct property property[128];
	struct drm_mode_modeinfo mode;
	/* Values of properties that stand for the framebuffer and the mode. */
	uint32_t fb, mode_blob, my_mode_blob;
	/* Whether there is 3D. */
	int gl;
};

extern struct shared *shared;
/* The worker that this process is. */
extern int me;
/* Its descriptors: of buffers, of fences, of sync objects, mixed. */
extern int fds[FDS];

struct op {
	const char *name;
	int weight;
	void (*run)(struct file *f);
};

extern const struct op virtgpu_ops[], generic_ops[], kms_ops[];

/* -- numbers ---------------------------------------------------------------- */

extern uint64_t rng_state;

static inline uint64_t rnd(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 2685821657736338717ull;
}

static inline uint32_t below(uint32_t n)
{
	return n ? (rnd() >> 33) % n : 0;
}

/* Once in n times. */
static inline int once_in(uint32_t n)
{
	return below(n) == 0;
}

#define one_of(...) ({ const uint64_t v_[] = { __VA_ARGS__ }; v_[below(sizeof(v_) / sizeof(v_[0]))]; })

/* A number at some limit. */
uint64_t edge(void);
/* Mostly `usual`, at times one at a limit. */
static inline uint64_t mostly(uint64_t usual)
{
	return once_in(16) ? edge() : usual;
}

int64_t now_ms(void);

/* -- memory ------------------------------------------------------------------- */

/* A pointer to `size` bytes to read from, which have `data` if that is not NULL; at times a bad one. */
uint64_t in(const void *data, size_t size);
/* A pointer to `size` bytes to write to; at times a bad one. */
uint64_t out(size_t size);
/* A bad one. */
uint64_t bad_pointer(void);

/* -- things that are remembered ------------------------------------------------ */

struct file *any_file(void);
/* A handle: mostly one that this file has. */
uint32_t a_handle(struct file *f);
struct object *an_object(struct file *f);
void add_object(struct file *f, uint32_t handle, uint32_t size, uint32_t resource);
uint32_t a_number(const uint32_t *pool, int count);
/* Puts a number into a pool, and returns what has lost its place there, or 0. */
uint32_t put_number(uint32_t *pool, int count, uint32_t value);
int a_fd(void);
void put_fd(int fd);

/* -- calls --------------------------------------------------------------------- */

/* The ioctl; -errno. At times with another size than it has, or from where it cannot be read. */
int call(int fd, unsigned long request, void *arg, size_t size);
#define CALL(fd, request, arg) call(fd, request, arg, sizeof(*(arg)))
/* Around any other system call. */
void begin(unsigned long request);
long end(long ret);

/* What a client that means well needs works; prints what does not. */
int good_client(void);
/* Looks up what KMS has, the first time, and makes what every round needs. */
void learn_kms(struct file *f);

#endif
