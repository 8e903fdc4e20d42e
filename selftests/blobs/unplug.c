// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of host memory when the device goes: whoever touches one then gets
 * SIGBUS, and never what has come to be there instead. Needs a host with Venus;
 * comes last, as it takes the device away and gives it back.
 */
#include "blobs.h"
#include <dirent.h>
#include <setjmp.h>

#define HOST VIRTGPU_BLOB_MEM_HOST3D
#define MAPPABLE VIRTGPU_BLOB_FLAG_USE_MAPPABLE
#define SIZE (300 * PAGE)

static sigjmp_buf back;

static void caught(int signal)
{
	siglongjmp(back, signal);
}

/* The signal that reading a byte ends with, 0 for none. */
static int touch(volatile uint8_t *p)
{
	int signal = sigsetjmp(back, 1);

	if (!signal)
		(void)*p;
	return signal;
}

/* The virtio device of the first card, by its name. */
static int device(char *name, size_t len)
{
	DIR *dir = opendir("/sys/class/drm/card0/device");
	struct dirent *entry;
	int found = 0;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "virtio", 6))
			found = snprintf(name, len, "%s", entry->d_name) > 0;
	if (dir)
		closedir(dir);
	return found;
}

static int tell(const char *what, const char *name)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/virtio_gpu_rs/%s", what);
	fd = open(path, O_WRONLY);
	ret = fd < 0 || write(fd, name, strlen(name)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

TEST(mappings_go_with_the_device)
{
	struct sigaction action = { .sa_handler = caught };
	uint8_t *touched, *whole, *shared;
	char name[64];
	uint32_t handle;
	int fd, dmabuf;

	if (on_c_driver())
		SKIP(return, "C leaves them (W57)");
	ASSERT_TRUE(device(name, sizeof(name)));
	fd = open_venus();
	ASSERT_GE(fd, 0);
	handle = blob(fd, HOST, MAPPABLE, SIZE, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(0, map_at(fd, handle, SIZE, MAP_SHARED, &touched));
	ASSERT_EQ(0, map_at(fd, handle, SIZE, MAP_SHARED, &whole));
	dmabuf = export_fd(fd, handle);
	ASSERT_GE(dmabuf, 0);
	shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, shared);
	fill(whole, SIZE, 1);
	touched[5] = 7;
	EXPECT_EQ(7, shared[5]);

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	EXPECT_EQ(0, touch(whole));
	ASSERT_EQ(0, tell("unbind", name));
	for (size_t i = 0; i < SIZE; i += 37 * PAGE) {
		EXPECT_EQ(SIGBUS, touch(whole + i));
		EXPECT_EQ(SIGBUS, touch(shared + i));
		EXPECT_EQ(SIGBUS, touch(touched + i));
	}
	EXPECT_EQ(-ENODEV, offset_of(fd, handle));
	munmap(shared, SIZE);
	munmap(whole, SIZE);
	close(dmabuf);
	close(fd);
	EXPECT_EQ(SIGBUS, touch(touched));
	munmap(touched, SIZE);

	/*
	 * Back again: under another number as long as the old one is in use, which the last object gives up when it has been
	 * freed, a moment after it was closed. The next program wants the first card.
	 */
	ASSERT_EQ(0, tell("bind", name));
	for (int i = 0; i < 100 && !device(name, sizeof(name)); i++) {
		ASSERT_EQ(0, tell("unbind", name));
		usleep(100000);
		ASSERT_EQ(0, tell("bind", name));
	}
	EXPECT_TRUE(device(name, sizeof(name)));
}

TEST_HARNESS_MAIN
