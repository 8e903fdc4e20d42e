/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_DRM_H
#define ABI_HELPERS_DRM_H

#include <drm/drm_debugfs.h>
#include <drm/drm_device.h>
#include <linux/device.h>

bool abi_helper_dev_is_pci(struct device *dev);
bool abi_helper_pci_is_vga(struct device *dev);
int abi_helper_pci_evict_boot_display(struct device *dev, const char *name);
struct pci_dev *abi_helper_vga_get(unsigned int vendor, unsigned int device);
void abi_helper_vga_put(struct pci_dev *pdev);
void abi_helper_drm_unmap_all(struct drm_device *dev);
void abi_helper_drm_debugfs_add_file(struct drm_device *dev, const char *name,
				     int (*show)(struct seq_file *m, void *data),
				     void *data);

#endif
