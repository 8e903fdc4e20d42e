/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's clients of the test host's contexts share: streams, objects, submissions,
 * fences, orders to the host. `fd` is the file whose context is meant.
 */
#ifndef CTX_H
#define CTX_H

#include <stdint.h>
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>

#define RENDER "/dev/dri/renderD128"

#define SIZE 4096u
#define OP(number, words) ((number) | (words) << 16)
#define WAIT(us) OP(1, 2), (us)
#define FILL(res, at, len, seed) OP(2, 5), (res), (at), (len), (seed)
#define CHECK(res, at, len, seed) OP(3, 5), (res), (at), (len), (seed)
#define WRITE(res, at, value) OP(4, 4), (res), (at), (value)
#define EXPECT(res, at, value) OP(5, 4), (res), (at), (value)
#define ADD(res, at, value) OP(6, 4), (res), (at), (value)
#define FAIL(code) OP(8, 2), (code)
#define UNTIL(res, at, value) OP(12, 4), (res), (at), (value)
/* Milliseconds in which what does not depend on anybody has happened, in a guest that gets little time. */
#define LONG 20000

struct object {
	uint32_t handle, res;
	uint32_t *map;
};

struct submit {
	const uint32_t *words;
	uint32_t size, handle;
	int ring, in, out;
	uint32_t flags;			/* more of them */
	const struct drm_virtgpu_execbuffer_syncobj *ins;
	uint32_t num_ins;
};

extern int fd, failures;

void fail(const char *what);			/* with errno's words */
void wrong(const char *what);
int call(int on, unsigned long request, void *arg);
int order(const char *line, char *answer, unsigned int len);
void mark(const char *name);
void sleep_ms(unsigned int ms);
int buffer(struct object *o);
int transfer(const struct object *o, int to_host);
int idle(const struct object *o);
int submit(struct submit *s);			/* an errno's negative, or 0; `out` gets the fence */
int run(const char *what, const uint32_t *words, uint32_t size, int ring, int in);
int signals(int fence, int ms);
int status(int fence);				/* 1: signalled, 0: not yet, below: an error */
void done(const char *what, int fence);		/* it comes to a good end, and is closed */

/* Submits, and says the fence; -1 where that failed. */
#define RUN(what, ring, in, ...) ({ \
	const uint32_t words_[] = { __VA_ARGS__ }; \
	run(what, words_, sizeof(words_), ring, in); \
})

/* A client, with its context and its handle of the buffer that all have. */
struct party {
	int fd, pass;
	struct object o;
};

/* native.c, channel.c */
void native(void);
void channel(void);

/* passing.c */
#define PASS_FLAG 0x08				/* VIRTGPU_EXECBUF_SHARED_FENCE */
int enter(struct party *p, const struct party *from, int pass);
int give(const struct party *p, int ring, int in, uint32_t flags, const uint32_t *words, uint32_t size);
int merged(int a, int b);
void passing(void);
void passing_unasked(void);
void passing_off(void);
void passing_random(unsigned int seconds, unsigned int seed);

/* bench.c */
int bench(const char *shape, const char *who, uint32_t us, unsigned int depth, double limit);

#endif
