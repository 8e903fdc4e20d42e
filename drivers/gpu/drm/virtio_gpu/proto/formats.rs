// SPDX-License-Identifier: GPL-2.0

//! Pixel formats: the device's numbers and the DRM fourccs they stand for.
//!
//! Both describe the order of bytes in memory, the device by naming them first to last, the fourcc as a little-endian 32-bit
//! word; so one table serves guests of either endianness. What depends on endianness is which of them a
//! "native 32-bit xRGB" is: [`HOST_XRGB8888`] and the three after it.
#![forbid(unsafe_code)]

/// A DRM fourcc code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fourcc(pub u32);

impl Fourcc {
    /// The code made of four characters.
    const fn new(code: &[u8; 4]) -> Self {
        Self(u32::from_le_bytes(*code))
    }

    /// `DRM_FORMAT_XRGB8888`
    pub const XRGB8888: Self = Self::new(b"XR24");
    /// `DRM_FORMAT_ARGB8888`
    pub const ARGB8888: Self = Self::new(b"AR24");
    /// `DRM_FORMAT_XBGR8888`
    pub const XBGR8888: Self = Self::new(b"XB24");
    /// `DRM_FORMAT_ABGR8888`
    pub const ABGR8888: Self = Self::new(b"AB24");
    /// `DRM_FORMAT_RGBX8888`
    pub const RGBX8888: Self = Self::new(b"RX24");
    /// `DRM_FORMAT_RGBA8888`
    pub const RGBA8888: Self = Self::new(b"RA24");
    /// `DRM_FORMAT_BGRX8888`
    pub const BGRX8888: Self = Self::new(b"BX24");
    /// `DRM_FORMAT_BGRA8888`
    pub const BGRA8888: Self = Self::new(b"BA24");
}

/// Native-endian xRGB, what `depth 24, bpp 32` means (`DRM_FORMAT_HOST_XRGB8888`).
pub const HOST_XRGB8888: Fourcc = host_xrgb8888(cfg!(target_endian = "big"));
/// Native-endian ARGB, the cursor's format (`DRM_FORMAT_HOST_ARGB8888`).
pub const HOST_ARGB8888: Fourcc = host_argb8888(cfg!(target_endian = "big"));
/// Native-endian xBGR.
pub const HOST_XBGR8888: Fourcc = host_xbgr8888(cfg!(target_endian = "big"));
/// Native-endian ABGR.
pub const HOST_ABGR8888: Fourcc = host_abgr8888(cfg!(target_endian = "big"));

/// `DRM_FORMAT_HOST_XRGB8888` of a big- or little-endian guest.
pub const fn host_xrgb8888(big_endian: bool) -> Fourcc {
    if big_endian {
        Fourcc::BGRX8888
    } else {
        Fourcc::XRGB8888
    }
}

/// `DRM_FORMAT_HOST_ARGB8888` of a big- or little-endian guest.
pub const fn host_argb8888(big_endian: bool) -> Fourcc {
    if big_endian {
        Fourcc::BGRA8888
    } else {
        Fourcc::ARGB8888
    }
}

/// xBGR in the words of a big- or little-endian guest.
pub const fn host_xbgr8888(big_endian: bool) -> Fourcc {
    if big_endian {
        Fourcc::RGBX8888
    } else {
        Fourcc::XBGR8888
    }
}

/// ABGR in the words of a big- or little-endian guest.
pub const fn host_abgr8888(big_endian: bool) -> Fourcc {
    if big_endian {
        Fourcc::RGBA8888
    } else {
        Fourcc::ABGR8888
    }
}

/// `enum virtio_gpu_formats`: all have 4 bytes a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Format {
    /// Blue first, alpha last.
    B8G8R8A8Unorm = 1,
    /// Blue first, unused last.
    B8G8R8X8Unorm = 2,
    /// Alpha first, blue last.
    A8R8G8B8Unorm = 3,
    /// Unused first, blue last.
    X8R8G8B8Unorm = 4,
    /// Red first, alpha last.
    R8G8B8A8Unorm = 67,
    /// Unused first, red last.
    X8B8G8R8Unorm = 68,
    /// Alpha first, red last.
    A8B8G8R8Unorm = 121,
    /// Red first, unused last.
    R8G8B8X8Unorm = 134,
}

/// Bytes a pixel of every [`Format`].
pub const BYTES_PER_PIXEL: u32 = 4;

impl Format {
    /// Every format with its fourcc.
    pub const TABLE: [(Fourcc, Self); 8] = [
        (Fourcc::ARGB8888, Self::B8G8R8A8Unorm),
        (Fourcc::XRGB8888, Self::B8G8R8X8Unorm),
        (Fourcc::BGRA8888, Self::A8R8G8B8Unorm),
        (Fourcc::BGRX8888, Self::X8R8G8B8Unorm),
        (Fourcc::ABGR8888, Self::R8G8B8A8Unorm),
        (Fourcc::RGBX8888, Self::X8B8G8R8Unorm),
        (Fourcc::RGBA8888, Self::A8B8G8R8Unorm),
        (Fourcc::XBGR8888, Self::R8G8B8X8Unorm),
    ];

    /// The number on the wire.
    #[inline]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The device's format for a fourcc, if it has one.
    pub fn from_fourcc(fourcc: Fourcc) -> Option<Self> {
        let found = Self::TABLE.iter().find(|entry| entry.0 == fourcc);
        found.map(|entry| entry.1)
    }

    /// The format with that number on the wire.
    pub fn from_number(number: u32) -> Option<Self> {
        let found = Self::TABLE.iter().find(|entry| entry.1.number() == number);
        found.map(|entry| entry.1)
    }

    /// The fourcc of the format.
    pub const fn fourcc(self) -> Fourcc {
        match self {
            Self::B8G8R8A8Unorm => Fourcc::ARGB8888,
            Self::B8G8R8X8Unorm => Fourcc::XRGB8888,
            Self::A8R8G8B8Unorm => Fourcc::BGRA8888,
            Self::X8R8G8B8Unorm => Fourcc::BGRX8888,
            Self::R8G8B8A8Unorm => Fourcc::ABGR8888,
            Self::X8B8G8R8Unorm => Fourcc::RGBX8888,
            Self::A8B8G8R8Unorm => Fourcc::RGBA8888,
            Self::R8G8B8X8Unorm => Fourcc::XBGR8888,
        }
    }

    /// The format that has padding where this one has alpha.
    pub const fn opaque(self) -> Self {
        match self {
            Self::B8G8R8A8Unorm | Self::B8G8R8X8Unorm => Self::B8G8R8X8Unorm,
            Self::A8R8G8B8Unorm | Self::X8R8G8B8Unorm => Self::X8R8G8B8Unorm,
            Self::R8G8B8A8Unorm | Self::R8G8B8X8Unorm => Self::R8G8B8X8Unorm,
            Self::A8B8G8R8Unorm | Self::X8B8G8R8Unorm => Self::X8B8G8R8Unorm,
        }
    }

    /// Whether both formats have the colours in the same bytes.
    pub fn same_order(self, other: Self) -> bool {
        self.opaque() == other.opaque()
    }
}
