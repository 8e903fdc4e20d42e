// SPDX-License-Identifier: GPL-2.0
//! The numbers of the virtio-gpu wire that this host speaks, and little-endian
//! access to bytes. Taken from the virtio specification's "GPU Device" section,
//! and on purpose not from the driver's own `proto/`: a mistake there must not
//! be able to hide here.

/// Device feature bits.
pub mod feature {
    /// 3D (virgl) contexts.
    pub const VIRGL: u64 = 1 << 0;
    /// GET_EDID.
    pub const EDID: u64 = 1 << 1;
    /// RESOURCE_ASSIGN_UUID.
    pub const RESOURCE_UUID: u64 = 1 << 2;
    /// RESOURCE_CREATE_BLOB, SET_SCANOUT_BLOB.
    pub const RESOURCE_BLOB: u64 = 1 << 3;
    /// Context types, ring indices.
    pub const CONTEXT_INIT: u64 = 1 << 4;
    /// blob_alignment in the configuration space.
    pub const BLOB_ALIGNMENT: u64 = 1 << 5;
    /// The same bit, which other hosts have used for other things.
    pub const BIT_5: u64 = 1 << 5;
    /// RESOURCE_QUERY_LAYOUT, first version, and another thing.
    pub const BIT_6: u64 = 1 << 6;
    /// Bits for the device type that the specification has not described.
    pub const UNDEFINED: u64 = 0xff_ffff & !0x3f;
    /// Indirect descriptors.
    pub const INDIRECT_DESC: u64 = 1 << 28;
    /// avail_event and used_event.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The modern device.
    pub const VERSION_1: u64 = 1 << 32;

    /// Names as a scenario file spells them.
    pub const NAMES: [(&str, u64); 9] = [
        ("VIRGL", VIRGL),
        ("EDID", EDID),
        ("RESOURCE_UUID", RESOURCE_UUID),
        ("RESOURCE_BLOB", RESOURCE_BLOB),
        ("CONTEXT_INIT", CONTEXT_INIT),
        ("BLOB_ALIGNMENT", BLOB_ALIGNMENT),
        ("INDIRECT_DESC", INDIRECT_DESC),
        ("EVENT_IDX", EVENT_IDX),
        ("VERSION_1", VERSION_1),
    ];
}

/// Header flag: complete only when done, and echo the fence id.
pub const FLAG_FENCE: u32 = 1;
/// Header flag: ring_idx is meant.
pub const FLAG_RING_IDX: u32 = 2;
/// Header flag of fence passing: others may wait for this fence.
pub const FLAG_SHAREABLE: u32 = 4;

/// Blob flag: for other devices as well.
pub const BLOB_CROSS_DEVICE: u32 = 4;

/// Configuration event: the displays changed.
pub const EVENT_DISPLAY: u32 = 1;
/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// map_info: cached.
pub const MAP_CACHED: u32 = 1;

/// Most scanouts that a device may have.
pub const MAX_SCANOUTS: u32 = 16;
/// Length of the header that begins every request and reply.
pub const HDR_LEN: usize = 24;

/// Replies.
pub mod reply {
    /// Done, no data.
    pub const OK_NODATA: u32 = 0x1100;
    /// Sixteen scanout descriptions.
    pub const OK_DISPLAY_INFO: u32 = 0x1101;
    /// One capability set's id and size.
    pub const OK_CAPSET_INFO: u32 = 0x1102;
    /// One capability set.
    pub const OK_CAPSET: u32 = 0x1103;
    /// An EDID.
    pub const OK_EDID: u32 = 0x1104;
    /// A resource's UUID.
    pub const OK_RESOURCE_UUID: u32 = 0x1105;
    /// Cache type of a mapping.
    pub const OK_MAP_INFO: u32 = 0x1106;
    /// A resource's layout, both versions.
    pub const OK_RESOURCE_LAYOUT: u32 = 0x1107;
    /// A layout in answer to RESOURCE_CREATE_3D.
    pub const OK_RESOURCE_PLANE_INFO: u32 = 0x11ff;
    /// Something failed.
    pub const ERR_UNSPEC: u32 = 0x1200;
    /// The host has no memory.
    pub const ERR_OUT_OF_MEMORY: u32 = 0x1201;
    /// No such scanout.
    pub const ERR_INVALID_SCANOUT_ID: u32 = 0x1202;
    /// No such resource.
    pub const ERR_INVALID_RESOURCE_ID: u32 = 0x1203;
    /// No such context.
    pub const ERR_INVALID_CONTEXT_ID: u32 = 0x1204;
    /// An argument is wrong.
    pub const ERR_INVALID_PARAMETER: u32 = 0x1205;

    /// A reply's name, or its number.
    pub fn name(code: u32) -> String {
        let known = match code {
            OK_NODATA => "OK_NODATA",
            OK_DISPLAY_INFO => "OK_DISPLAY_INFO",
            OK_CAPSET_INFO => "OK_CAPSET_INFO",
            OK_CAPSET => "OK_CAPSET",
            OK_EDID => "OK_EDID",
            OK_RESOURCE_UUID => "OK_RESOURCE_UUID",
            OK_MAP_INFO => "OK_MAP_INFO",
            OK_RESOURCE_LAYOUT => "OK_RESOURCE_LAYOUT",
            OK_RESOURCE_PLANE_INFO => "OK_RESOURCE_PLANE_INFO",
            ERR_UNSPEC => "ERR_UNSPEC",
            ERR_OUT_OF_MEMORY => "ERR_OUT_OF_MEMORY",
            ERR_INVALID_SCANOUT_ID => "ERR_INVALID_SCANOUT_ID",
            ERR_INVALID_RESOURCE_ID => "ERR_INVALID_RESOURCE_ID",
            ERR_INVALID_CONTEXT_ID => "ERR_INVALID_CONTEXT_ID",
            ERR_INVALID_PARAMETER => "ERR_INVALID_PARAMETER",
            other => return format!("{other:#06x}"),
        };
        known.into()
    }
}

/// Which of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Queue 0.
    Control,
    /// Queue 1.
    Cursor,
}

impl Queue {
    /// From the transport's index.
    pub fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Queue::Control),
            1 => Some(Queue::Cursor),
            _ => None,
        }
    }
    /// The transport's index.
    pub fn index(self) -> usize {
        self as usize
    }
    /// As the trace spells it.
    pub fn name(self) -> &'static str {
        match self {
            Queue::Control => "control",
            Queue::Cursor => "cursor",
        }
    }
}

/// What is fixed about one command.
#[derive(Debug)]
pub struct Command {
    /// Number in the header.
    pub code: u32,
    /// Name without its prefix.
    pub name: &'static str,
    /// Length of the fixed part, header included.
    pub len: usize,
    /// Length of the reply that success brings, header included.
    pub reply_len: usize,
    /// The queue it belongs on.
    pub queue: Queue,
    /// A feature that must have been negotiated, or 0.
    pub needs: u64,
    /// 32-bit fields after the header, by name, with their offset; `:64` in the name marks a 64-bit one.
    pub fields: &'static [(&'static str, usize)],
}

const RECT: [(&str, usize); 4] = [("x", 24), ("y", 28), ("width", 32), ("height", 36)];

macro_rules! commands {
    ($($code:literal $name:ident $len:literal $reply:literal $queue:ident $needs:expr, [$($f:literal @ $at:literal),*];)*) => {
        /// Every command that this host knows.
        pub static COMMANDS: &[Command] = &[$(Command {
            code: $code, name: stringify!($name), len: $len, reply_len: $reply, queue: Queue::$queue,
            needs: $needs, fields: &[$(($f, $at)),*],
        }),*];
        /// Command numbers by name.
        #[allow(missing_docs)]
        pub mod cmd { $(pub const $name: u32 = $code;)* }
    };
}

commands! {
    0x0100 GET_DISPLAY_INFO 24 408 Control 0, [];
    0x0101 RESOURCE_CREATE_2D 40 24 Control 0, ["resource_id" @ 24, "format" @ 28, "width" @ 32, "height" @ 36];
    0x0102 RESOURCE_UNREF 32 24 Control 0, ["resource_id" @ 24, "padding" @ 28];
    0x0103 SET_SCANOUT 48 24 Control 0, ["x" @ 24, "y" @ 28, "width" @ 32, "height" @ 36, "scanout_id" @ 40, "resource_id" @ 44];
    0x0104 RESOURCE_FLUSH 48 24 Control 0, ["x" @ 24, "y" @ 28, "width" @ 32, "height" @ 36, "resource_id" @ 40, "padding" @ 44];
    0x0105 TRANSFER_TO_HOST_2D 56 24 Control 0, ["x" @ 24, "y" @ 28, "width" @ 32, "height" @ 36, "offset:64" @ 40, "resource_id" @ 48, "padding" @ 52];
    0x0106 RESOURCE_ATTACH_BACKING 32 24 Control 0, ["resource_id" @ 24, "nr_entries" @ 28];
    0x0107 RESOURCE_DETACH_BACKING 32 24 Control 0, ["resource_id" @ 24, "padding" @ 28];
    0x0108 GET_CAPSET_INFO 32 40 Control 0, ["capset_index" @ 24, "padding" @ 28];
    0x0109 GET_CAPSET 32 24 Control 0, ["capset_id" @ 24, "capset_version" @ 28];
    0x010a GET_EDID 32 1056 Control feature::EDID, ["scanout" @ 24, "padding" @ 28];
    0x010b RESOURCE_ASSIGN_UUID 32 40 Control feature::RESOURCE_UUID, ["resource_id" @ 24, "padding" @ 28];
    0x010c RESOURCE_CREATE_BLOB 56 24 Control feature::RESOURCE_BLOB, ["resource_id" @ 24, "blob_mem" @ 28, "blob_flags" @ 32, "nr_entries" @ 36, "blob_id:64" @ 40, "size:64" @ 48];
    0x010d SET_SCANOUT_BLOB 96 24 Control feature::RESOURCE_BLOB, ["x" @ 24, "y" @ 28, "width" @ 32, "height" @ 36, "scanout_id" @ 40, "resource_id" @ 44,
        "fb_width" @ 48, "fb_height" @ 52, "format" @ 56, "padding" @ 60, "stride0" @ 64, "stride1" @ 68, "stride2" @ 72, "stride3" @ 76,
        "offset0" @ 80, "offset1" @ 84, "offset2" @ 88, "offset3" @ 92];
    0x0200 CTX_CREATE 96 24 Control feature::VIRGL, ["nlen" @ 24, "context_init" @ 28];
    0x0201 CTX_DESTROY 24 24 Control feature::VIRGL, [];
    0x0202 CTX_ATTACH_RESOURCE 32 24 Control feature::VIRGL, ["resource_id" @ 24, "padding" @ 28];
    0x0203 CTX_DETACH_RESOURCE 32 24 Control feature::VIRGL, ["resource_id" @ 24, "padding" @ 28];
    0x0204 RESOURCE_CREATE_3D 72 24 Control feature::VIRGL, ["resource_id" @ 24, "target" @ 28, "format" @ 32, "bind" @ 36, "width" @ 40, "height" @ 44,
        "depth" @ 48, "array_size" @ 52, "last_level" @ 56, "nr_samples" @ 60, "flags" @ 64, "padding" @ 68];
    0x0205 TRANSFER_TO_HOST_3D 72 24 Control feature::VIRGL, ["x" @ 24, "y" @ 28, "z" @ 32, "width" @ 36, "height" @ 40, "depth" @ 44,
        "offset:64" @ 48, "resource_id" @ 56, "level" @ 60, "stride" @ 64, "layer_stride" @ 68];
    0x0206 TRANSFER_FROM_HOST_3D 72 24 Control feature::VIRGL, ["x" @ 24, "y" @ 28, "z" @ 32, "width" @ 36, "height" @ 40, "depth" @ 44,
        "offset:64" @ 48, "resource_id" @ 56, "level" @ 60, "stride" @ 64, "layer_stride" @ 68];
    0x0207 SUBMIT_3D 32 24 Control feature::VIRGL, ["size" @ 24, "num_in_fences" @ 28];
    0x0208 RESOURCE_MAP_BLOB 40 32 Control feature::RESOURCE_BLOB, ["resource_id" @ 24, "padding" @ 28, "offset:64" @ 32];
    0x0209 RESOURCE_UNMAP_BLOB 32 24 Control feature::RESOURCE_BLOB, ["resource_id" @ 24, "padding" @ 28];
    0x020a WAIT_FENCE 32 24 Control feature::BIT_5, ["fence_id:64" @ 24];
    0x020b RESOURCE_QUERY_LAYOUT 32 136 Control feature::BIT_6, ["resource_id" @ 24, "padding" @ 28];
    0x0300 UPDATE_CURSOR 56 24 Cursor 0, ["scanout_id" @ 24, "x" @ 28, "y" @ 32, "pos_padding" @ 36, "resource_id" @ 40, "hot_x" @ 44, "hot_y" @ 48, "padding" @ 52];
    0x0301 MOVE_CURSOR 56 24 Cursor 0, ["scanout_id" @ 24, "x" @ 28, "y" @ 32, "pos_padding" @ 36, "resource_id" @ 40, "hot_x" @ 44, "hot_y" @ 48, "padding" @ 52];
}

/// The other command with WAIT_FENCE's number; it is longer.
static QUERY_LAYOUT_V2: Command = Command {
    code: cmd::WAIT_FENCE,
    name: "RESOURCE_QUERY_LAYOUT_V2",
    len: 44,
    reply_len: 104,
    queue: Queue::Control,
    needs: feature::BIT_5,
    fields: &[
        ("resource_id", 24),
        ("width", 28),
        ("height", 32),
        ("format", 36),
        ("bind", 40),
    ],
};

impl Command {
    /// By number.
    pub fn by_code(code: u32) -> Option<&'static Command> {
        COMMANDS.iter().find(|c| c.code == code)
    }
    /// What these bytes are.
    pub fn of(bytes: &[u8]) -> Option<&'static Command> {
        let code = u32_at(bytes, 0);
        if code == cmd::WAIT_FENCE && bytes.len() >= QUERY_LAYOUT_V2.len {
            return Some(&QUERY_LAYOUT_V2);
        }
        Command::by_code(code)
    }
    /// By name.
    pub fn by_name(name: &str) -> Option<&'static Command> {
        let all = COMMANDS.iter().chain([&QUERY_LAYOUT_V2]);
        all.into_iter().find(|c| c.name == name)
    }
    /// Whether it is one of those with a rectangle at the usual place.
    pub fn has_rect(&self) -> bool {
        self.fields.starts_with(&RECT)
    }
}

/// A command's name, or its number.
pub fn command_name(bytes: &[u8]) -> String {
    Command::of(bytes).map_or_else(|| format!("{:#06x}", u32_at(bytes, 0)), |c| c.name.into())
}

/// Reads 32 bits; 0 past the end, so that a short command is a wrong value and never a panic.
pub fn u32_at(b: &[u8], at: usize) -> u32 {
    let bytes = at.checked_add(4).and_then(|end| b.get(at..end));
    bytes
        .and_then(|s| s.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// Reads 64 bits; 0 for what is past the end.
pub fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) | (u64::from(u32_at(b, at.saturating_add(4))) << 32)
}

/// Appends values.
pub fn put32(out: &mut Vec<u8>, values: &[u32]) {
    for v in values {
        out.extend_from_slice(&v.to_le_bytes());
    }
}

/// The header of a request, decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Command number.
    pub code: u32,
    /// FLAG_*.
    pub flags: u32,
    /// Meant where FLAG_FENCE is set.
    pub fence: u64,
    /// Context.
    pub ctx: u32,
    /// Meant where FLAG_RING_IDX is set.
    pub ring: u8,
    /// Must be zero.
    pub padding: [u8; 3],
}

impl Header {
    /// What the first bytes say; missing ones are 0.
    pub fn parse(b: &[u8]) -> Self {
        let last = u32_at(b, 20).to_le_bytes();
        Header {
            code: u32_at(b, 0),
            flags: u32_at(b, 4),
            fence: u64_at(b, 8),
            ctx: u32_at(b, 16),
            ring: last[0],
            padding: [last[1], last[2], last[3]],
        }
    }

    /// The header of the reply: same fence, context and ring where they were meant.
    pub fn reply(&self, code: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(HDR_LEN);
        put32(&mut out, &[code, self.flags & (FLAG_FENCE | FLAG_RING_IDX)]);
        out.extend_from_slice(&self.fence.to_le_bytes());
        put32(&mut out, &[self.ctx, u32::from(self.ring)]);
        out
    }
}

/// A rectangle of 32-bit numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left.
    pub x: u32,
    /// Top.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// The rectangle of a command that has one.
    pub fn parse(b: &[u8]) -> Self {
        Rect {
            x: u32_at(b, 24),
            y: u32_at(b, 28),
            width: u32_at(b, 32),
            height: u32_at(b, 36),
        }
    }
    /// Whether all of it lies in a picture of that size.
    pub fn inside(&self, width: u32, height: u32) -> bool {
        let fits = |at: u32, len: u32, max: u32| at.checked_add(len).is_some_and(|end| end <= max);
        fits(self.x, self.width, width) && fits(self.y, self.height, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_input_reads_as_zero() {
        assert_eq!(u32_at(&[1, 2, 3], 0), 0);
        assert_eq!(u64_at(&[1, 0, 0, 0], 0), 1);
        assert_eq!(u32_at(&[], usize::MAX), 0);
        assert_eq!(Header::parse(&[]), Header::default());
    }

    #[test]
    fn fields_lie_in_the_fixed_part() {
        for c in COMMANDS {
            for (name, at) in c.fields {
                let size = if name.ends_with(":64") { 8 } else { 4 };
                assert!(at + size <= c.len, "{} {name}", c.name);
            }
            assert!(c.reply_len >= HDR_LEN);
        }
    }

    #[test]
    fn rectangles_do_not_wrap() {
        let r = Rect {
            x: u32::MAX,
            y: 0,
            width: 2,
            height: 1,
        };
        assert!(!r.inside(u32::MAX, 1));
        assert!(Rect {
            x: 0,
            y: 0,
            width: 4,
            height: 4
        }
        .inside(4, 4));
    }
}
