/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_SYNC_H
#define ABI_HELPERS_SYNC_H

#include <linux/dma-fence-chain.h>
#include <linux/types.h>
#include <drm/drm_syncobj.h>

struct dma_fence_chain *abi_helper_dma_fence_chain_alloc(void);
void abi_helper_dma_fence_chain_free(struct dma_fence_chain *chain);
void abi_helper_syncobj_put(struct drm_syncobj *syncobj);
bool abi_helper_current_is_killed(void);
void abi_helper_current_comm(u8 *name, size_t len);

#endif
