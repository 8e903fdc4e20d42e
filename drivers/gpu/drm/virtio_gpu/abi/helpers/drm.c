// SPDX-License-Identifier: GPL-2.0
/*
 * DRM and PCI inlines as functions, for abi/drm.
 */

#include <linux/aperture.h>
#include <linux/pci.h>

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
