// SPDX-License-Identifier: GPL-2.0
/*
 * Stands in for /dev/udmabuf on a host that has none, for QEMU, its render
 * server and the Vulkan driver below that: to be preloaded.
 *
 * They make dma-bufs of pieces of memfds and do three things with them: hand
 * them on, ask for their size, and map them. One piece that begins with its
 * memfd's first byte is that memfd, under another number, which works in any
 * process. Pieces from anywhere are an empty memfd of the right size, and
 * mapping that maps the pieces, in the process that has made it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The C library's own function of this name. */
#define REAL(name) ((typeof(&name))real(#name))

/* A memfd of ours. */
struct token {
	struct token *next;
	dev_t dev;
	ino_t ino;
	/* None: the device itself. */
	uint32_t count;
	struct udmabuf_create_item items[];
};

static struct token *tokens;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* What is ours of fd. Tokens are never freed: somebody may still map one. */
static struct token *find(int fd)
{
	struct token *token;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	pthread_mutex_lock(&lock);
	for (token = tokens; token; token = token->next)
		if (token->dev == st.st_dev && token->ino == st.st_ino)
			break;
	pthread_mutex_unlock(&lock);
	return token;
}

static int make(const struct udmabuf_create_item *items, uint32_t count, bool cloexec)
{
	struct token *token = calloc(1, sizeof(*token) + count * sizeof(*items));
	uint64_t size = 0;
	struct stat st;
	int fd;

	if (!token) {
		errno = ENOMEM;
		return -1;
	}
	fd = memfd_create("udmabuf", cloexec ? MFD_CLOEXEC : 0);
	if (fd < 0)
		goto err_free;
	for (uint32_t i = 0; i < count; i++) {
		token->items[i] = items[i];
		/* The caller may close his. */
		token->items[i].memfd = fcntl(items[i].memfd, F_DUPFD_CLOEXEC, 0);
		size += items[i].size;
	}
	if (ftruncate(fd, size) || fstat(fd, &st))
		goto err_close;
	token->dev = st.st_dev;
	token->ino = st.st_ino;
	token->count = count;
	pthread_mutex_lock(&lock);
	token->next = tokens;
	tokens = token;
	pthread_mutex_unlock(&lock);
	return fd;

err_close:
	close(fd);
err_free:
	free(token);
	return -1;
}

static int create(const struct udmabuf_create_item *items, uint32_t count, uint32_t flags)
{
	bool cloexec = flags & UDMABUF_FLAGS_CLOEXEC;
	const long page = sysconf(_SC_PAGESIZE);
	struct stat st;

	for (uint32_t i = 0; i < count; i++) {
		if (items[i].offset % page || items[i].size % page || !items[i].size) {
			errno = EINVAL;
			return -1;
		}
		if (fcntl((int)items[i].memfd, F_GET_SEALS) < 0) {
			errno = EBADFD;
			return -1;
		}
	}
	if (count == 1 && !items[0].offset && !fstat((int)items[0].memfd, &st) &&
	    (uint64_t)st.st_size == items[0].size)
		return fcntl((int)items[0].memfd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	return make(items, count, cloexec);
}

int ioctl(int fd, unsigned long request, ...)
{
	struct token *token;
	va_list list;
	void *arg;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);

	switch ((uint32_t)request) {
	case (uint32_t)UDMABUF_CREATE:
	case (uint32_t)UDMABUF_CREATE_LIST:
		token = find(fd);
		if (token && !token->count) {
			const struct udmabuf_create *one = arg;
			const struct udmabuf_create_list *many = arg;
			struct udmabuf_create_item item;

			if ((uint32_t)request == (uint32_t)UDMABUF_CREATE_LIST)
				return create(many->list, many->count, many->flags);
			item = (struct udmabuf_create_item){
				.memfd = one->memfd, .offset = one->offset, .size = one->size,
			};
			return create(&item, 1, one->flags);
		}
		break;
	case (uint32_t)DMA_BUF_IOCTL_SYNC:
		/* Memory that only CPUs use needs no help. */
		if (fcntl(fd, F_GET_SEALS) >= 0)
			return 0;
		break;
	}
	return REAL(ioctl)(fd, request, arg);
}

/* Maps pieces one after the other, length bytes from offset on. */
static void *map(const struct token *token, void *addr, size_t length, int prot, int flags,
		 off_t offset)
{
	typeof(&mmap) map = REAL(mmap);
	uint64_t start = 0, end = (uint64_t)offset + length;
	char *base = map(addr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | (flags & MAP_FIXED),
			 -1, 0);

	if (base == MAP_FAILED)
		return base;
	for (uint32_t i = 0; i < token->count && start < end; i++) {
		const struct udmabuf_create_item *item = &token->items[i];
		uint64_t first = start > (uint64_t)offset ? start : (uint64_t)offset;
		uint64_t last = start + item->size < end ? start + item->size : end;

		if (first < last && map(base + (first - offset), last - first, prot,
					(flags & ~MAP_PRIVATE) | MAP_SHARED | MAP_FIXED,
					(int)item->memfd, item->offset + (first - start)) == MAP_FAILED) {
			munmap(base, length);
			return MAP_FAILED;
		}
		start += item->size;
	}
	return base;
}

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	const struct token *token = flags & MAP_ANONYMOUS ? NULL : find(fd);

	if (token && token->count)
		return map(token, addr, length, prot, flags, offset);
	return REAL(mmap)(addr, length, prot, flags, fd, offset);
}

void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, length, prot, flags, fd, offset);
}

static bool is_device(const char *path)
{
	return !strcmp(path, "/dev/udmabuf");
}

#define MODE(flags) ({								\
	mode_t mode_ = 0;							\
	if ((flags) & (O_CREAT | __O_TMPFILE)) {				\
		va_list list_;							\
		va_start(list_, flags);						\
		mode_ = va_arg(list_, mode_t);					\
		va_end(list_);							\
	}									\
	mode_; })

#define OPEN(name)								\
	int name(const char *path, int flags, ...)				\
	{									\
		if (is_device(path))						\
			return make(NULL, 0, flags & O_CLOEXEC);		\
		return REAL(name)(path, flags, MODE(flags));			\
	}

#define OPENAT(name)								\
	int name(int dir, const char *path, int flags, ...)			\
	{									\
		if (is_device(path))						\
			return make(NULL, 0, flags & O_CLOEXEC);		\
		return REAL(name)(dir, path, flags, MODE(flags));		\
	}

#define OPEN_2(name)								\
	int name(const char *path, int flags);					\
	int name(const char *path, int flags)					\
	{									\
		if (is_device(path))						\
			return make(NULL, 0, flags & O_CLOEXEC);		\
		return REAL(name)(path, flags);					\
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
