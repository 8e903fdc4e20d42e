// SPDX-License-Identifier: GPL-2.0
/*
 * Thousands of objects made, mapped, shared, unmapped and closed in every order: afterwards nothing is in the
 * window, and the kernel has no more memory than before. CYCLES= says how many, SLACK= how many KiB of slab
 * may be there that were not (256): 10000 times the smallest object would be more.
 */
#include "blobs.h"

#define GUEST VIRTGPU_BLOB_MEM_GUEST
#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SHAREABLE VIRTGPU_BLOB_FLAG_USE_SHAREABLE
#define WARM 300

static long setting(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atol(value) : otherwise;
}

/* Memory of the kernel that is not given back by itself, in KiB. */
static long slab(void)
{
	char line[128];
	long kib = -1;
	FILE *f;

	for (int i = 0; i < 3; i++) {
		f = fopen("/proc/sys/vm/drop_caches", "w");
		if (f) {
			fputs("3", f);
			fclose(f);
		}
		sleep_ms(400);
	}
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "SUnreclaim:", 11))
			kib = atol(line + 11);
	if (f)
		fclose(f);
	return kib;
}

/* One object: made, mapped, written, closed; every third goes by way of a dma-buf, too. 0, or what went wrong. */
static const char *cycle(int fd, uint32_t mem, long i)
{
	size_t size = PAGE * (1 + i % 5);
	uint32_t flags = mem == GUEST ? MAPPABLE | SHAREABLE : MAPPABLE, same;
	uint32_t handle = blob(fd, mem, flags, size, mem == HOST && i % 2 ? DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING : 0);
	uint8_t *p = NULL, *q = NULL;
	int dmabuf = -1;

	if (!handle)
		return "blob";
	if (map_at(fd, handle, size, MAP_SHARED, &p))
		return "map";
	p[size - 1] = i;
	if (i % 3 == 0) {
		dmabuf = export_fd(fd, handle);
		if (dmabuf < 0)
			return "export";
		if (import_fd(fd, dmabuf, &same) || same != handle)
			return "import";
		q = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
		if (q == MAP_FAILED)
			return "mmap of the dma-buf";
		if (q[size - 1] != (uint8_t)i)
			return "bytes";
	}
	if (i % 2)
		munmap(p, size);
	if (gem_close(fd, handle))
		return "close";
	if (dmabuf >= 0 && i % 4)
		close(dmabuf);
	if (q)
		munmap(q, size);
	if (dmabuf >= 0 && i % 4 == 0)
		close(dmabuf);
	if (i % 2 == 0)
		munmap(p, size);
	return NULL;
}

static void many(struct __test_metadata *_metadata, int fd, uint32_t mem, const char *what)
{
	long count = setting("CYCLES", 1000), slack = setting("SLACK", 256), before = 0, after, i;
	const char *wrong = NULL;

	for (i = -WARM; i < count && !wrong; i++) {
		if (i == 0) {
			EXPECT_EQ(0, mem == HOST ? window_settles(0) : 0);
			before = slab();
		}
		wrong = cycle(fd, mem, i + WARM);
	}
	ASSERT_EQ(NULL, wrong) {
		TH_LOG("cycle %ld: %s: %s", i, wrong, strerror(errno));
	}
	if (mem == HOST)
		EXPECT_EQ(0, window_settles(0));
	after = slab();
	printf("# figures: %ld cycles of %s: unreclaimable slab %ld KiB before, %ld after; window used %lld\n", count, what,
	       before, after, window("used"));
	EXPECT_LE(after, before + slack);
}

FIXTURE(objects)
{
};

FIXTURE_SETUP(objects)
{
}

FIXTURE_TEARDOWN(objects)
{
}

TEST_F_TIMEOUT(objects, of_guest_memory, 800)
{
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	many(_metadata, fd, GUEST, "guest memory");
	close(fd);
}

TEST_F_TIMEOUT(objects, of_host_memory, 800)
{
	int fd = open(RENDER, O_RDWR | O_CLOEXEC), has_3d = getparam(fd, VIRTGPU_PARAM_3D_FEATURES);

	close(fd);
	if (!has_3d)
		SKIP(return, "the host has no memory for us");
	fd = open_venus();
	ASSERT_GE(fd, 0);
	many(_metadata, fd, HOST, "host memory");
	close(fd);
}

TEST_HARNESS_MAIN
