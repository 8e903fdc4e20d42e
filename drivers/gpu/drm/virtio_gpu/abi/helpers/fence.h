/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_FENCE_H
#define ABI_HELPERS_FENCE_H

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>

bool abi_helper_dma_fence_begin_signalling(void);
void abi_helper_dma_fence_end_signalling(bool cookie);
void abi_helper_dma_fence_get(struct dma_fence *fence);
void abi_helper_dma_fence_put(struct dma_fence *fence);
void abi_helper_dma_fence_set_error(struct dma_fence *fence, int error);
bool abi_helper_dma_fence_test_signaled_flag(struct dma_fence *fence);

int abi_helper_dma_resv_lock_interruptible(struct dma_resv *resv);
void abi_helper_dma_resv_unlock(struct dma_resv *resv);
void abi_helper_dma_fence_trace_emit(struct dma_fence *fence);

#endif
