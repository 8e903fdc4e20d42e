// SPDX-License-Identifier: GPL-2.0
/* Venus' rings are known to be independent: what waits for a fence of the guest's on one holds up no other. */
#include "fences.h"

#define VENUS_CAPSET 4

TEST(other_rings_go_on)
{
	int fd = open_context(VENUS_CAPSET, -1), timeline = sw_timeline(), gate = sw_fence(timeline, 1), parked[8], out;

	if (on_c_driver())
		SKIP(return, "the C driver waits for fences inside the ioctl");
	ASSERT_LE(0, fd);
	ASSERT_LE(0, gate);
	for (int i = 0; i < 8; i++) {
		parked[i] = give(fd, 1 + i % 2, gate, 0, NULL, 0, NULL, 0);
		ASSERT_LE(0, parked[i]);
	}
	/* Ring 0 is the processor's, and needs no queue of Vulkan's. */
	for (int i = 0; i < 8; i++) {
		out = give(fd, 0, -1, 0, NULL, 0, NULL, 0);
		ASSERT_TRUE(signals(out, 20000));
		EXPECT_EQ(1, fence_status(out));
		close(out);
	}
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(0, fence_status(parked[i]));
	/* No queue belongs to those rings: they end with the context, whatever the host makes of them. */
	ASSERT_EQ(0, sw_advance(timeline, 1));
	close(fd);
	for (int i = 0; i < 8; i++)
		EXPECT_TRUE(signals(parked[i], 20000));
}

TEST_HARNESS_MAIN
