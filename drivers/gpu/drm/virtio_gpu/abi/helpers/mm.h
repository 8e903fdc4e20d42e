/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_MM_H
#define ABI_HELPERS_MM_H

#include <linux/mm.h>

enum abi_helper_cache {
	ABI_HELPER_CACHED,
	ABI_HELPER_UNCACHED,
	ABI_HELPER_WRITE_COMBINED,
};

unsigned long abi_helper_total_ram_pages(void);
int abi_helper_vma_reserve_io(struct vm_area_struct *vma, unsigned long pfn,
			      enum abi_helper_cache cache);

#endif
