// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in pieces: of all that is free, but for a gigabyte, every second page stays taken for as long as
 * this module is loaded, so that no two single pages that are allocated lie next to each other. The pages
 * are not written to, so a guest has them for nothing.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/vmstat.h>

/* What the kernel cannot do without. */
#define WHOLE (SZ_1G / PAGE_SIZE)

static LIST_HEAD(taken);

static void give(bool all)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &taken, lru) {
		if (all || page_to_pfn(page) % 2 == 0) {
			list_del(&page->lru);
			__free_page(page);
		}
		cond_resched();
	}
}

static int __init scatter_init(void)
{
	unsigned long count = 0;

	while (count % 1024 || global_zone_page_state(NR_FREE_PAGES) > WHOLE) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

		if (!page)
			break;
		list_add(&page->lru, &taken);
		if (++count % 1024 == 0)
			cond_resched();
	}
	give(false);
	pr_info("scatter: every second of %lu pages\n", count);
	return 0;
}

static void __exit scatter_exit(void)
{
	give(true);
}

module_init(scatter_init);
module_exit(scatter_exit);
MODULE_DESCRIPTION("Memory in pieces, for tests");
MODULE_LICENSE("GPL");
