// SPDX-License-Identifier: GPL-2.0

//! A DRM driver for virtio-gpu devices.

mod abi;
mod capset;
mod config;
mod context;
mod debugfs;
mod device;
mod display;
mod driver;
mod features;
mod fence;
mod file;
mod ioctl;
mod object;
mod queue;
mod submit;
mod window;

kernel::prelude::module! {
    type: driver::Module,
    name: "virtio_gpu_rs",
    authors: ["the virtio_gpu_rs authors"],
    description: "Virtio GPU driver in Rust",
    license: "GPL",
    imports_ns: ["DMA_BUF"],
    params: {
        modeset: i32 {
            default: -1,
            description: "Disable/Enable modesetting",
        },
        virglhack: i32 {
            default: 1,
            description: "Count resource ids upwards (0: use the smallest free one, as virglrenderer before 0.8 cannot take)",
        },
    },
}

abi::module_param::module_words! {
    name: "virtio_gpu_rs",
    params: {
        bit5: crate::features::Bit5 {
            default: crate::features::Bit5::AUTO,
            description: "What the host means by feature bit 5: auto (blob_alignment, where it can be nothing else), fence_passing, fence_wait, query_layout, ignore",
        },
        bit6: crate::features::Bit6 {
            default: crate::features::Bit6::IGNORE,
            description: "What the host means by feature bit 6: query_layout, ignore",
        },
        pass_fences: crate::context::Who {
            default: crate::context::Who::Asking,
            description: "Whose fences the host waits for, where bit5 says that it can: asking (contexts that ask for it), native (all native contexts), all (contexts of any type)",
        },
    },
}
