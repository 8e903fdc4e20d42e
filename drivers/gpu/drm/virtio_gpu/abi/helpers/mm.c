// SPDX-License-Identifier: GPL-2.0
/*
 * Memory management: page protections are macros, and a few functions inlines.
 */

#include "mm.h"

unsigned long abi_helper_total_ram_pages(void)
{
	return totalram_pages();
}

/*
 * Makes the area one of device memory from pfn on, without a page in it: the
 * fault handler puts those in. Mapping all of it once has the kernel remember
 * the kind of caching for the area's whole life; a page that is put in alone
 * gets what is remembered for it, which is no caching where there is nothing.
 */
int abi_helper_vma_reserve_io(struct vm_area_struct *vma, unsigned long pfn,
			      enum abi_helper_cache cache)
{
	unsigned long size = vma->vm_end - vma->vm_start;
	pgprot_t prot = pgprot_decrypted(vma_get_page_prot(vma));
	int ret;

	/* A private copy could not be told from the device's page. */
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	switch (cache) {
	case ABI_HELPER_CACHED:
		break;
	case ABI_HELPER_UNCACHED:
		prot = pgprot_noncached(prot);
		break;
	case ABI_HELPER_WRITE_COMBINED:
		prot = pgprot_writecombine(prot);
		break;
	}
	vma->vm_page_prot = prot;
	ret = io_remap_pfn_range(vma, vma->vm_start, pfn, size, prot);
	if (!ret)
		zap_special_vma_range(vma, vma->vm_start, size);
	return ret;
}
