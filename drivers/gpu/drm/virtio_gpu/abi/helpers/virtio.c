// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio inlines as functions, for abi/virtio.
 */

#include <linux/pci.h>
#include <linux/virtio_pci.h>

#include "virtio.h"

bool abi_helper_virtio_has_feature(const struct virtio_device *vdev,
				   unsigned int fbit)
{
	return virtio_has_feature(vdev, fbit);
}

bool abi_helper_virtio_offers(struct virtio_device *vdev, unsigned int fbit)
{
	u64 features[VIRTIO_FEATURES_U64S];

	virtio_get_features(vdev, features);
	return virtio_features_test_bit(features, fbit);
}

void abi_helper_virtio_clear_bit(struct virtio_device *vdev, unsigned int fbit)
{
	__virtio_clear_bit(vdev, fbit);
}

bool abi_helper_virtio_has_dma_quirk(const struct virtio_device *vdev)
{
	return virtio_has_dma_quirk(vdev);
}

bool abi_helper_virtio_needs_reset(struct virtio_device *vdev)
{
	return vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

void abi_helper_virtio_device_ready(struct virtio_device *vdev)
{
	virtio_device_ready(vdev);
}

int abi_helper_virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue *vqs[],
			       struct virtqueue_info vqs_info[])
{
	return virtio_find_vqs(vdev, nvqs, vqs, vqs_info, NULL);
}

void abi_helper_virtio_del_vqs(struct virtio_device *vdev)
{
	vdev->config->del_vqs(vdev);
}

u32 abi_helper_virtio_cread32(struct virtio_device *vdev, unsigned int offset)
{
	return virtio_cread32(vdev, offset);
}

void abi_helper_virtio_cwrite32(struct virtio_device *vdev, unsigned int offset,
				u32 val)
{
	virtio_cwrite32(vdev, offset, val);
}

bool abi_helper_virtio_get_shm_region(struct virtio_device *vdev,
				      struct virtio_shm_region *region, u8 id)
{
	return virtio_get_shm_region(vdev, region, id);
}

#ifdef CONFIG_PCI
/* Whether the PCI transport would use this capability for the configuration. */
static bool is_config_cap(struct pci_dev *pdev, int pos, u32 *len)
{
	u8 type, bar;
	u32 offset;

	pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_CFG_TYPE, &type);
	pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_BAR, &bar);
	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_OFFSET, &offset);
	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_LENGTH, len);

	if (type != VIRTIO_PCI_CAP_DEVICE_CFG || bar >= PCI_STD_NUM_BARS ||
	    !pci_resource_len(pdev, bar) ||
	    !(pci_resource_flags(pdev, bar) & (IORESOURCE_IO | IORESOURCE_MEM)))
		return false;

	/* The transport maps no more than there is. */
	if (offset >= pci_resource_len(pdev, bar))
		*len = 0;
	else
		*len = min_t(u64, *len, pci_resource_len(pdev, bar) - offset);
	return true;
}
#endif

/*
 * Length in bytes of the device configuration of a virtio device on PCI, as its
 * vendor capability states it; -ENODEV for another transport, -ENOENT when the
 * device has no such capability. No transport offers this, and reading past the
 * end is a BUG in the PCI transport.
 */
int abi_helper_virtio_pci_config_len(struct virtio_device *vdev)
{
#ifdef CONFIG_PCI
	struct device *parent = vdev->dev.parent;
	struct pci_dev *pdev;
	int pos, ttl = 48;
	u32 len;

	if (!parent || !dev_is_pci(parent))
		return -ENODEV;
	pdev = to_pci_dev(parent);
	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos > 0 && ttl--;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		if (is_config_cap(pdev, pos, &len))
			return min_t(u32, len, INT_MAX);
	}
	return -ENOENT;
#else
	return -ENODEV;
#endif
}

bool abi_helper_is_vmalloc_addr(const void *addr)
{
	return is_vmalloc_addr(addr);
}

struct page *abi_helper_buf_to_page(const void *addr)
{
	return is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);
}
