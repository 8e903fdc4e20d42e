// SPDX-License-Identifier: GPL-2.0
/*
 * Inlines of fence chains and sync objects as functions, for abi/sync and
 * abi/drm; and the name of the current task.
 */

#include <linux/sched.h>
#include <linux/string.h>

#include "sync.h"

struct dma_fence_chain *abi_helper_dma_fence_chain_alloc(void)
{
	return dma_fence_chain_alloc();
}

void abi_helper_dma_fence_chain_free(struct dma_fence_chain *chain)
{
	dma_fence_chain_free(chain);
}

void abi_helper_syncobj_put(struct drm_syncobj *syncobj)
{
	drm_syncobj_put(syncobj);
}

bool abi_helper_current_is_killed(void)
{
	return (current->flags & PF_EXITING) && current->exit_code == SIGKILL;
}

void abi_helper_current_comm(u8 *name, size_t len)
{
	char comm[TASK_COMM_LEN];

	get_task_comm(comm, current);
	strscpy_pad((char *)name, comm, len);
}
