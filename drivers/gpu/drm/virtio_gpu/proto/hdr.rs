// SPDX-License-Identifier: GPL-2.0

//! The header that every command and every reply starts with, and the numbers of its `type` field.
#![forbid(unsafe_code)]

use zerocopy::little_endian::{
    U32,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// Header flag: the device answers this command when its work is done, and repeats `fence_id` in the answer.
pub const FLAG_FENCE: u32 = 1 << 0;
/// Header flag: `ring_idx` names the timeline of the context that the fence belongs to.
pub const FLAG_INFO_RING_IDX: u32 = 1 << 1;
/// Header flag of fence passing: the host keeps a handle of this fence that other contexts may wait on.
///
/// Must be clear unless the device's bit 5 is used as fence passing.
pub const FLAG_FENCE_SHAREABLE: u32 = 1 << 2;

macro_rules! ctrl_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)+) => {
        $($(#[$doc])* pub const $name: u32 = $value;)+

        /// The name of a command or reply number, for log lines; `"?"` if it has none.
        ///
        /// A number with several meanings (see [`Meaning`](crate::Meaning)) gives the first of them.
        pub const fn type_name(type_: u32) -> &'static str {
            $(if type_ == $name {
                return stringify!($name);
            })+
            "?"
        }
    };
}

ctrl_types! {
    /// No command.
    UNDEFINED = 0;

    /// [`GetDisplayInfo`](crate::GetDisplayInfo)
    CMD_GET_DISPLAY_INFO = 0x0100;
    /// [`ResourceCreate2d`](crate::ResourceCreate2d)
    CMD_RESOURCE_CREATE_2D = 0x0101;
    /// [`ResourceUnref`](crate::ResourceUnref)
    CMD_RESOURCE_UNREF = 0x0102;
    /// [`SetScanout`](crate::SetScanout)
    CMD_SET_SCANOUT = 0x0103;
    /// [`ResourceFlush`](crate::ResourceFlush)
    CMD_RESOURCE_FLUSH = 0x0104;
    /// [`TransferToHost2d`](crate::TransferToHost2d)
    CMD_TRANSFER_TO_HOST_2D = 0x0105;
    /// [`ResourceAttachBacking`](crate::ResourceAttachBacking)
    CMD_RESOURCE_ATTACH_BACKING = 0x0106;
    /// [`ResourceDetachBacking`](crate::ResourceDetachBacking)
    CMD_RESOURCE_DETACH_BACKING = 0x0107;
    /// [`GetCapsetInfo`](crate::GetCapsetInfo)
    CMD_GET_CAPSET_INFO = 0x0108;
    /// [`GetCapset`](crate::GetCapset)
    CMD_GET_CAPSET = 0x0109;
    /// [`GetEdid`](crate::GetEdid)
    CMD_GET_EDID = 0x010a;
    /// [`ResourceAssignUuid`](crate::ResourceAssignUuid)
    CMD_RESOURCE_ASSIGN_UUID = 0x010b;
    /// [`ResourceCreateBlob`](crate::ResourceCreateBlob)
    CMD_RESOURCE_CREATE_BLOB = 0x010c;
    /// [`SetScanoutBlob`](crate::SetScanoutBlob)
    CMD_SET_SCANOUT_BLOB = 0x010d;

    /// [`CtxCreate`](crate::CtxCreate)
    CMD_CTX_CREATE = 0x0200;
    /// [`CtxDestroy`](crate::CtxDestroy)
    CMD_CTX_DESTROY = 0x0201;
    /// [`CtxAttachResource`](crate::CtxAttachResource)
    CMD_CTX_ATTACH_RESOURCE = 0x0202;
    /// [`CtxDetachResource`](crate::CtxDetachResource)
    CMD_CTX_DETACH_RESOURCE = 0x0203;
    /// [`ResourceCreate3d`](crate::ResourceCreate3d)
    CMD_RESOURCE_CREATE_3D = 0x0204;
    /// [`TransferToHost3d`](crate::TransferToHost3d)
    CMD_TRANSFER_TO_HOST_3D = 0x0205;
    /// [`TransferFromHost3d`](crate::TransferFromHost3d)
    CMD_TRANSFER_FROM_HOST_3D = 0x0206;
    /// [`Submit3d`](crate::Submit3d)
    CMD_SUBMIT_3D = 0x0207;
    /// [`ResourceMapBlob`](crate::ResourceMapBlob)
    CMD_RESOURCE_MAP_BLOB = 0x0208;
    /// [`ResourceUnmapBlob`](crate::ResourceUnmapBlob)
    CMD_RESOURCE_UNMAP_BLOB = 0x0209;
    /// [`WaitFence`](crate::WaitFence); not in mainline, shares its number with the next.
    CMD_WAIT_FENCE = 0x020a;
    /// [`QueryLayoutV2`](crate::QueryLayoutV2); not in mainline, shares its number with the one before.
    CMD_RESOURCE_QUERY_LAYOUT_V2 = 0x020a;
    /// [`QueryLayoutV1`](crate::QueryLayoutV1); not in mainline.
    CMD_RESOURCE_QUERY_LAYOUT_V1 = 0x020b;

    /// [`UpdateCursor`](crate::UpdateCursor)
    CMD_UPDATE_CURSOR = 0x0300;
    /// [`MoveCursor`](crate::MoveCursor)
    CMD_MOVE_CURSOR = 0x0301;

    /// [`OkNodata`](crate::OkNodata)
    RESP_OK_NODATA = 0x1100;
    /// [`RespDisplayInfo`](crate::RespDisplayInfo)
    RESP_OK_DISPLAY_INFO = 0x1101;
    /// [`RespCapsetInfo`](crate::RespCapsetInfo)
    RESP_OK_CAPSET_INFO = 0x1102;
    /// [`RespCapset`](crate::RespCapset)
    RESP_OK_CAPSET = 0x1103;
    /// [`RespEdid`](crate::RespEdid)
    RESP_OK_EDID = 0x1104;
    /// [`RespResourceUuid`](crate::RespResourceUuid)
    RESP_OK_RESOURCE_UUID = 0x1105;
    /// [`RespMapInfo`](crate::RespMapInfo)
    RESP_OK_MAP_INFO = 0x1106;
    /// [`RespLayoutV1`](crate::RespLayoutV1) and [`RespLayoutV2`](crate::RespLayoutV2); not in mainline.
    RESP_OK_RESOURCE_LAYOUT = 0x1107;
    /// The long form of [`RespCreate3d`](crate::RespCreate3d); not in mainline.
    RESP_OK_RESOURCE_PLANE_INFO = 0x11ff;

    /// The host gives no reason.
    RESP_ERR_UNSPEC = 0x1200;
    /// The host is out of memory.
    RESP_ERR_OUT_OF_MEMORY = 0x1201;
    /// No such scanout.
    RESP_ERR_INVALID_SCANOUT_ID = 0x1202;
    /// No such resource, or one that is in use.
    RESP_ERR_INVALID_RESOURCE_ID = 0x1203;
    /// No such context.
    RESP_ERR_INVALID_CONTEXT_ID = 0x1204;
    /// A field of the command is out of range.
    RESP_ERR_INVALID_PARAMETER = 0x1205;
}

/// `struct virtio_gpu_ctrl_hdr`: starts every command and every reply.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
pub struct CtrlHdr {
    /// `CMD_*` or `RESP_*`.
    pub type_: U32,
    /// `FLAG_*`.
    pub flags: U32,
    /// Id of the fence, device-wide; valid with [`FLAG_FENCE`].
    pub fence_id: U64,
    /// Context the command runs in; 0 for none.
    pub ctx_id: U32,
    /// Timeline of the context; valid with [`FLAG_INFO_RING_IDX`].
    pub ring_idx: u8,
    /// Zero.
    pub padding: [u8; 3],
}

wire_size! { CtrlHdr = 24; }

impl CtrlHdr {
    /// A header of type `type_` with everything else zero.
    #[inline]
    pub fn new(type_: u32) -> Self {
        Self {
            type_: type_.into(),
            ..Self::default()
        }
    }

    /// A header of type `type_` for context `ctx_id`.
    #[inline]
    pub fn in_context(type_: u32, ctx_id: u32) -> Self {
        Self {
            type_: type_.into(),
            ctx_id: ctx_id.into(),
            ..Self::default()
        }
    }

    /// Makes this the header of a fenced command: `fence_id` on timeline `ring_idx` of its context, or on the
    /// context-less timeline for `None`.
    #[inline]
    pub fn set_fence(&mut self, fence_id: u64, ring_idx: Option<u8>) {
        let mut flags = self.flags.get() | FLAG_FENCE;
        if let Some(ring_idx) = ring_idx {
            flags |= FLAG_INFO_RING_IDX;
            self.ring_idx = ring_idx;
        }
        self.flags = flags.into();
        self.fence_id = fence_id.into();
    }

    /// Asks the host to keep this command's fence for other contexts to wait on (fence passing only).
    #[inline]
    pub fn set_fence_shareable(&mut self) {
        self.flags = (self.flags.get() | FLAG_FENCE_SHAREABLE).into();
    }

    /// The fence id, if [`FLAG_FENCE`] is set.
    #[inline]
    pub fn fence(&self) -> Option<u64> {
        (self.flags.get() & FLAG_FENCE != 0).then_some(self.fence_id.get())
    }
}
