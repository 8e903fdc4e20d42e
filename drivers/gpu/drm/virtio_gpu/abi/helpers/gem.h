/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_GEM_H
#define ABI_HELPERS_GEM_H

#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <linux/device.h>
#include <linux/scatterlist.h>

void abi_helper_gem_object_get(struct drm_gem_object *obj);
void abi_helper_gem_object_put(struct drm_gem_object *obj);
bool abi_helper_gem_is_imported(const struct drm_gem_object *obj);
u64 abi_helper_gem_mmap_offset(struct drm_gem_object *obj);
int abi_helper_gem_use_huge_pages(struct drm_device *dev, const char *when);
int abi_helper_gem_shmem_populate(struct drm_gem_object *obj);
u64 abi_helper_page_to_phys(struct page *page);
void *abi_helper_page_address_in_panic(struct page *page);
void abi_helper_dma_sync_to_device(struct device *dev, struct sg_table *table);
void abi_helper_dma_sync_to_cpu(struct device *dev, struct sg_table *table);
void abi_helper_get_dma_buf(struct dma_buf *buf);
void abi_helper_dma_resv_lock(struct dma_resv *resv);
int abi_helper_dma_mapping_error(struct device *dev, dma_addr_t addr);
void abi_helper_sg_set_io(struct scatterlist *sg, dma_addr_t addr, u32 len);

void abi_helper_gem_shmem_print_info(struct drm_printer *p, unsigned int indent,
				     const struct drm_gem_object *obj);
int abi_helper_gem_shmem_pin(struct drm_gem_object *obj);
void abi_helper_gem_shmem_unpin(struct drm_gem_object *obj);
struct sg_table *abi_helper_gem_shmem_get_sg_table(struct drm_gem_object *obj);
int abi_helper_gem_shmem_vmap(struct drm_gem_object *obj, struct iosys_map *map);
void abi_helper_gem_shmem_vunmap(struct drm_gem_object *obj,
				 struct iosys_map *map);
int abi_helper_gem_shmem_mmap(struct drm_gem_object *obj,
			      struct vm_area_struct *vma);

#endif
