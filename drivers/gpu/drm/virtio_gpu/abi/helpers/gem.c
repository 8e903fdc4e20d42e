// SPDX-License-Identifier: GPL-2.0
/*
 * GEM inlines as functions, for abi/drm/gem. The kernel's own Rust helpers have
 * some of these, but only where DRM is built in.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "gem.h"

void abi_helper_gem_object_get(struct drm_gem_object *obj)
{
	drm_gem_object_get(obj);
}

void abi_helper_gem_object_put(struct drm_gem_object *obj)
{
	drm_gem_object_put(obj);
}

bool abi_helper_gem_is_imported(const struct drm_gem_object *obj)
{
	return drm_gem_is_imported(obj);
}

u64 abi_helper_gem_mmap_offset(struct drm_gem_object *obj)
{
	return drm_vma_node_offset_addr(&obj->vma_node);
}

int abi_helper_gem_use_huge_pages(struct drm_device *dev, const char *when)
{
	return drm_gem_huge_mnt_create(dev, when);
}

/*
 * Has the pages of an object there, one after the other, for as long as nobody
 * kills the task. Asking for all of them at once does not end before they are.
 */
int abi_helper_gem_shmem_populate(struct drm_gem_object *obj)
{
	struct address_space *mapping = obj->filp->f_mapping;
	pgoff_t at = 0, end = obj->size >> PAGE_SHIFT;

	while (at < end) {
		struct folio *folio;

		if (fatal_signal_pending(current))
			return -EINTR;
		folio = shmem_read_folio_gfp(mapping, at,
					     mapping_gfp_mask(mapping));
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		at = folio_next_index(folio);
		folio_put(folio);
		cond_resched();
	}
	return 0;
}

u64 abi_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

void *abi_helper_page_address_in_panic(struct page *page)
{
	return kmap_local_page_try_from_panic(page);
}

void abi_helper_dma_sync_to_device(struct device *dev, struct sg_table *table)
{
	dma_sync_sgtable_for_device(dev, table, DMA_TO_DEVICE);
}

void abi_helper_dma_sync_to_cpu(struct device *dev, struct sg_table *table)
{
	dma_sync_sgtable_for_cpu(dev, table, DMA_FROM_DEVICE);
}

void abi_helper_get_dma_buf(struct dma_buf *buf)
{
	get_dma_buf(buf);
}

void abi_helper_dma_resv_lock(struct dma_resv *resv)
{
	dma_resv_lock(resv, NULL);
}

int abi_helper_dma_mapping_error(struct device *dev, dma_addr_t addr)
{
	return dma_mapping_error(dev, addr);
}

/* A segment that is no page. */
void abi_helper_sg_set_io(struct scatterlist *sg, dma_addr_t addr, u32 len)
{
	sg_set_page(sg, NULL, len, 0);
	sg_dma_address(sg) = addr;
	sg_dma_len(sg) = len;
}

void abi_helper_gem_shmem_print_info(struct drm_printer *p, unsigned int indent,
				     const struct drm_gem_object *obj)
{
	drm_gem_shmem_object_print_info(p, indent, obj);
}

int abi_helper_gem_shmem_pin(struct drm_gem_object *obj)
{
	return drm_gem_shmem_object_pin(obj);
}

void abi_helper_gem_shmem_unpin(struct drm_gem_object *obj)
{
	drm_gem_shmem_object_unpin(obj);
}

struct sg_table *abi_helper_gem_shmem_get_sg_table(struct drm_gem_object *obj)
{
	return drm_gem_shmem_object_get_sg_table(obj);
}

int abi_helper_gem_shmem_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	return drm_gem_shmem_object_vmap(obj, map);
}

void abi_helper_gem_shmem_vunmap(struct drm_gem_object *obj,
				 struct iosys_map *map)
{
	drm_gem_shmem_object_vunmap(obj, map);
}

int abi_helper_gem_shmem_mmap(struct drm_gem_object *obj,
			      struct vm_area_struct *vma)
{
	return drm_gem_shmem_object_mmap(obj, vma);
}
