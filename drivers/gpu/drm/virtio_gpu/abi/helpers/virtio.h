/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_VIRTIO_H
#define ABI_HELPERS_VIRTIO_H

#include <linux/mm.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

bool abi_helper_virtio_has_feature(const struct virtio_device *vdev,
				   unsigned int fbit);
bool abi_helper_virtio_offers(struct virtio_device *vdev, unsigned int fbit);
void abi_helper_virtio_clear_bit(struct virtio_device *vdev, unsigned int fbit);
bool abi_helper_virtio_has_dma_quirk(const struct virtio_device *vdev);
bool abi_helper_virtio_needs_reset(struct virtio_device *vdev);
void abi_helper_virtio_device_ready(struct virtio_device *vdev);
int abi_helper_virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue *vqs[],
			       struct virtqueue_info vqs_info[]);
void abi_helper_virtio_del_vqs(struct virtio_device *vdev);
u32 abi_helper_virtio_cread32(struct virtio_device *vdev, unsigned int offset);
void abi_helper_virtio_cwrite32(struct virtio_device *vdev, unsigned int offset,
				u32 val);
bool abi_helper_virtio_get_shm_region(struct virtio_device *vdev,
				      struct virtio_shm_region *region, u8 id);
int abi_helper_virtio_pci_config_len(struct virtio_device *vdev);
bool abi_helper_is_vmalloc_addr(const void *addr);
struct page *abi_helper_buf_to_page(const void *addr);

#endif
