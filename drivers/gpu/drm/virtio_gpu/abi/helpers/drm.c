// SPDX-License-Identifier: GPL-2.0
/*
 * DRM and PCI inlines as functions, for abi/drm.
 */

#include <linux/aperture.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/vgaarb.h>

#include "drm.h"

bool abi_helper_dev_is_pci(struct device *dev)
{
	return dev_is_pci(dev);
}

bool abi_helper_pci_is_vga(struct device *dev)
{
	return dev_is_pci(dev) && pci_is_vga(to_pci_dev(dev));
}

int abi_helper_pci_evict_boot_display(struct device *dev, const char *name)
{
	if (!dev_is_pci(dev))
		return 0;
	return aperture_remove_conflicting_pci_devices(to_pci_dev(dev), name);
}

#define LEGACY_VGA (VGA_RSRC_LEGACY_IO | VGA_RSRC_LEGACY_MEM)

/* NULL when the first function with these ids, if there is one, is not VGA. */
struct pci_dev *abi_helper_vga_get(unsigned int vendor, unsigned int device)
{
	struct pci_dev *pdev = pci_get_device(vendor, device, NULL);
	int ret = 0;

	if (pdev && pci_is_vga(pdev)) {
		ret = vga_get_interruptible(pdev, LEGACY_VGA);
		if (!ret)
			return pdev;
	}
	pci_dev_put(pdev);
	return ret ? ERR_PTR(ret) : NULL;
}

void abi_helper_vga_put(struct pci_dev *pdev)
{
	vga_put(pdev, LEGACY_VGA);
	pci_dev_put(pdev);
}

void abi_helper_drm_unmap_all(struct drm_device *dev)
{
	unmap_mapping_range(dev->anon_inode->i_mapping, 0, 0, 1);
}

void abi_helper_drm_debugfs_add_file(struct drm_device *dev, const char *name,
				     int (*show)(struct seq_file *m, void *data),
				     void *data)
{
	drm_debugfs_add_file(dev, name, show, data);
}
