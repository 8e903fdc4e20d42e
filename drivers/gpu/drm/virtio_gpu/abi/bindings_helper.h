/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the second bindgen run reads: the headers this driver needs and
 * rust/bindings/bindings_helper.h does not reach.
 */

/* First, so that bindgen sees enum types before any use of them. */
#include <linux/hrtimer_types.h>

#include <linux/aperture.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/sync_file.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_dma_buf.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_gpu_ext.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include <drm/clients/drm_client_setup.h>
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_atomic_uapi.h>
#include <drm/drm_blend.h>
#include <drm/drm_connector.h>
#include <drm/drm_crtc.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_edid.h>
#include <drm/drm_encoder.h>
#include <drm/drm_fbdev_shmem.h>
#include <drm/drm_file.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_mode_config.h>
#include <drm/drm_modeset_helper.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_panic.h>
#include <drm/drm_plane.h>
#include <drm/drm_prime.h>
#include <drm/drm_probe_helper.h>
#include <drm/drm_simple_kms_helper.h>
#include <drm/drm_syncobj.h>
#include <drm/drm_vblank.h>
#include <drm/drm_vblank_helper.h>
#include <drm/virtgpu_drm.h>
#include <drm/virtgpu_drm_ext.h>

#include "helpers/drm.h"
#include "helpers/fence.h"
#include "helpers/gem.h"
#include "helpers/ida.h"
#include "helpers/kms.h"
#include "helpers/mm.h"
#include "helpers/sync.h"
#include "helpers/trace.h"
#include "helpers/virtio.h"
