// SPDX-License-Identifier: GPL-2.0

//! What every wire struct repeats: its size and its place in the [`Request`](crate::Request) and
//! [`Response`](crate::Response) traits.
#![forbid(unsafe_code)]

/// Fails the build when a wire struct has another size than the protocol gives it.
macro_rules! wire_size {
    ($($ty:ty = $size:expr;)+) => {
        $(const _: () = assert!(core::mem::size_of::<$ty>() == $size);)+
    };
}

/// Makes a struct whose header is reached by `.$($hdr)+` a [`Request`](crate::Request).
macro_rules! request {
    ($ty:ty, $type:ident -> $response:ty, $($hdr:tt)+) => {
        impl $crate::Request for $ty {
            const TYPE: u32 = $crate::hdr::$type;
            type Response = $response;

            #[inline]
            fn hdr(&self) -> &$crate::CtrlHdr {
                &self.$($hdr)+
            }

            #[inline]
            fn hdr_mut(&mut self) -> &mut $crate::CtrlHdr {
                &mut self.$($hdr)+
            }
        }
    };
}
