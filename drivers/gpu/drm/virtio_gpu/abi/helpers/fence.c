// SPDX-License-Identifier: GPL-2.0
/*
 * Inlines of dma-fence and dma-resv as functions, for abi/sync.
 */

#include <trace/events/dma_fence.h>

#include "fence.h"

bool abi_helper_dma_fence_begin_signalling(void)
{
	return dma_fence_begin_signalling();
}

void abi_helper_dma_fence_end_signalling(bool cookie)
{
	dma_fence_end_signalling(cookie);
}

void abi_helper_dma_fence_get(struct dma_fence *fence)
{
	dma_fence_get(fence);
}

void abi_helper_dma_fence_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}

void abi_helper_dma_fence_set_error(struct dma_fence *fence, int error)
{
	dma_fence_set_error(fence, error);
}

bool abi_helper_dma_fence_test_signaled_flag(struct dma_fence *fence)
{
	return dma_fence_test_signaled_flag(fence);
}

void abi_helper_dma_fence_trace_emit(struct dma_fence *fence)
{
	trace_dma_fence_emit(fence);
}

int abi_helper_dma_resv_lock_interruptible(struct dma_resv *resv)
{
	return dma_resv_lock_interruptible(resv, NULL);
}

void abi_helper_dma_resv_unlock(struct dma_resv *resv)
{
	dma_resv_unlock(resv);
}
