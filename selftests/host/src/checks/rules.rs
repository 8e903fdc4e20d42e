// SPDX-License-Identifier: GPL-2.0
//! The rules that a driver is held to: an id, the section of the virtio
//! specification (1.2 and later name them alike; BLOB_ALIGNMENT is in the working
//! draft after 1.4), whether a sentence there says it or what it defines implies it, and the
//! rule in our own words. What a MUST says, or what has no meaning otherwise, is a
//! *must* here; what the specification recommends, or good manners ask, a *should*.

/// How much a broken rule weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The verdict is bad.
    Must,
    /// Worth a line; the verdict stays.
    Should,
}

/// How the specification gives a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A sentence of that section says it.
    Said,
    /// It follows from what that section defines: a driver that breaks it asks for what has no meaning.
    Implied,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// What reports and scenarios call it.
    pub id: &'static str,
    /// Where it comes from.
    pub section: &'static str,
    /// What it asks.
    pub text: &'static str,
    /// What breaking it does.
    pub weight: Weight,
    /// Whether the section says it or implies it.
    pub basis: Basis,
}

macro_rules! rules {
    ($($weight:ident $basis:ident $id:literal $section:literal $text:literal;)*) => {
        /// All rules, in the order of the report.
        pub static RULES: &[Rule] = &[$(Rule {
            id: $id, section: $section, text: $text, weight: Weight::$weight, basis: Basis::$basis,
        }),*];
    };
}

rules! {
    Must Said "ring.order" "Message Framing" "device-readable descriptors of a chain come before device-writable ones";
    Must Said "ring.length" "Split Virtqueues: Indirect Descriptors" "a chain, direct or indirect, has at most as many descriptors as the queue has entries";
    Must Said "ring.bytes" "Split Virtqueues: The Virtqueue Descriptor Table" "a chain has at most 2^32 bytes";
    Must Implied "ring.index" "Split Virtqueues: The Virtqueue Descriptor Table" "every descriptor index lies in its table";
    Must Implied "ring.reuse" "Split Virtqueues: Placing Buffers Into The Descriptor Table" "no descriptor is in two chains that the device has";
    Must Said "ring.indirect.negotiated" "Split Virtqueues: Indirect Descriptors" "no indirect descriptor without INDIRECT_DESC";
    Must Said "ring.indirect.place" "Split Virtqueues: Indirect Descriptors" "an indirect descriptor neither continues a chain nor stands in an indirect table";
    Must Implied "ring.indirect.size" "Split Virtqueues: Indirect Descriptors" "an indirect table is a whole, non-zero number of descriptors";
    Must Implied "ring.memory" "Split Virtqueues: The Virtqueue Descriptor Table" "every descriptor is memory that the device can reach";
    Must Implied "ring.flags" "Split Virtqueues: The Virtqueue Descriptor Table" "no descriptor flag that split rings do not have";
    Should Implied "ring.empty" "Split Virtqueues: Placing Buffers Into The Descriptor Table" "no descriptor of length 0";
    Must Said "ring.batch" "Split Virtqueues: The Virtqueue Available Ring" "the available index never goes back, and is never further ahead than the queue has entries";
    Must Said "ring.suppression" "Split Virtqueues: Used Buffer Notification Suppression" "the available ring's flags are 0 or 1, and 0 with EVENT_IDX";
    Must Said "ring.doorbell" "Split Virtqueues: Available Buffer Notification Suppression" "what is made available is announced, unless the device asked for no announcement";
    Must Said "init.version" "Reserved Feature Bits" "VERSION_1 is accepted";
    Must Said "init.features" "Feature Bits" "only offered features are accepted";
    Must Said "init.undefined" "Feature Bits" "no feature bit of the device type is accepted that the specification does not describe";
    Must Said "init.depends" "Feature Bits" "a feature is accepted only with the one that it requires (CONTEXT_INIT: VIRGL; BLOB_ALIGNMENT: RESOURCE_BLOB)";
    Should Said "init.display-info" "GPU Device: Device Initialization" "the display information is asked for before the first scanout is set";
    Should Said "init.edid" "GPU Device: Device Initialization" "with EDID negotiated, an EDID is asked for before the first scanout is set";
    Must Implied "cmd.known" "GPU Device: Request header" "the command's number is defined";
    Must Said "cmd.queue" "GPU Device: Virtqueues" "cursor commands come on the cursor queue, all others on the control queue";
    Must Said "cmd.feature" "GPU Device: Feature bits" "a command that belongs to a feature comes only when that was negotiated";
    Must Implied "cmd.length" "GPU Device: controlq" "the request holds all of its command's structure";
    Should Implied "cmd.padding" "GPU Device: controlq" "padding fields are zero";
    Must Implied "cmd.reply-room" "GPU Device: Request header" "the device-writable part holds the reply that success brings";
    Must Implied "hdr.flags" "GPU Device: Request header" "no header flag but FENCE, and RING_IDX with CONTEXT_INIT";
    Should Implied "hdr.padding" "GPU Device: Request header" "the header's padding is zero";
    Must Said "hdr.ring" "GPU Device: Request header" "ring_idx is at most 63";
    Should Implied "hdr.ring.unused" "GPU Device: Request header" "ring_idx is zero without its flag";
    Should Said "hdr.context" "GPU Device: Request header" "ctx_id is zero in commands that are not for a context";
    Must Implied "fence.unique" "GPU Device: Request header" "no two outstanding fences of a timeline share an id";
    Should Implied "fence.order" "GPU Device: Request header" "fence ids of a timeline go up";
    Must Implied "res.id" "GPU Device: controlq, SET_SCANOUT" "a resource id is not zero, which stands for none";
    Must Implied "res.unused" "GPU Device: controlq, RESOURCE_CREATE_2D" "a new resource's id is not in use";
    Must Implied "res.exists" "GPU Device: controlq" "a command names only resources that were created and not unreferenced";
    Must Said "res.format" "GPU Device: controlq, RESOURCE_CREATE_2D" "the format is one of the eight defined";
    Must Implied "res.size" "GPU Device: controlq, RESOURCE_CREATE_2D" "width and height are not zero";
    Should Implied "res.hidden" "GPU Device: controlq, RESOURCE_UNREF" "a resource is taken off its scanouts before it is unreferenced";
    Must Implied "backing.entries" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "nr_entries entries follow the command, each with a length";
    Should Implied "backing.padding" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "the padding of entries is zero";
    Should Implied "backing.once" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "backing is attached only where none is attached";
    Should Implied "backing.detach" "GPU Device: controlq, RESOURCE_DETACH_BACKING" "backing is detached only where some is attached";
    Should Implied "backing.covers" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "the backing is as large as the resource";
    Must Said "xfer.backed" "GPU Device: Device Operation" "a transfer comes only while backing is attached";
    Must Implied "xfer.inside" "GPU Device: controlq, TRANSFER_TO_HOST_2D" "the rectangle lies in the resource";
    Must Implied "xfer.offset" "GPU Device: controlq, TRANSFER_TO_HOST_2D" "offset and rectangle lie in the backing";
    Should Implied "xfer.needed" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "no 2D transfer for a blob of guest memory, which is no picture and has no copy in the host";
    Must Implied "scanout.id" "GPU Device: Device configuration fields" "the scanout is one of num_scanouts";
    Must Said "scanout.inside" "GPU Device: controlq, SET_SCANOUT" "the resource covers the rectangle";
    Must Implied "scanout.type" "GPU Device: controlq, SET_SCANOUT_BLOB" "blobs are shown with SET_SCANOUT_BLOB, others with SET_SCANOUT";
    Must Said "scanout.format" "GPU Device: controlq, SET_SCANOUT_BLOB" "the format is one of the eight defined";
    Must Implied "scanout.layout" "GPU Device: controlq, SET_SCANOUT_BLOB" "stride and offset describe memory inside the blob";
    Must Implied "flush.inside" "GPU Device: controlq, RESOURCE_FLUSH" "the rectangle lies in the resource";
    Should Implied "flush.shown" "GPU Device: controlq, RESOURCE_FLUSH" "a flush is for a resource that is on a scanout";
    Must Implied "edid.scanout" "GPU Device: controlq, GET_EDID" "the scanout is one of num_scanouts";
    Must Said "capset.index" "GPU Device: controlq, GET_CAPSET_INFO" "the index is below num_capsets";
    Must Implied "capset.id" "GPU Device: controlq, GET_CAPSET" "the capability set, and that version of it, is one that the device has";
    Must Implied "ctx.id" "GPU Device: controlq (3d), CTX_CREATE" "a context is created under a number that is neither 0 nor in use";
    Must Implied "ctx.exists" "GPU Device: controlq (3d)" "a command's context exists";
    Must Said "ctx.init" "GPU Device: controlq (3d), CTX_CREATE" "context_init is a capability set that the device has, and 0 without CONTEXT_INIT";
    Must Implied "ctx.name" "GPU Device: controlq (3d), CTX_CREATE" "the name is not longer than its field";
    Should Implied "ctx.attach" "GPU Device: controlq (3d), CTX_ATTACH_RESOURCE" "a resource is attached to a context once";
    Should Implied "ctx.detach" "GPU Device: controlq (3d), CTX_DETACH_RESOURCE" "a resource is detached only from where it is attached";
    Must Implied "ctx.order" "GPU Device: controlq (3d), SUBMIT_3D" "a context's streams come in the order in which its client made them (as a native context's sequence numbers show)";
    Must Implied "submit.size" "GPU Device: controlq (3d), SUBMIT_3D" "what follows the fixed part is as long as it says";
    Must Said "pass.unused" "Fence passing: not negotiated" "num_in_fences is 0";
    Must Said "pass.flag" "Fence passing: FLAG_FENCE_SHAREABLE" "the flag stands only beside FLAG_FENCE";
    Must Implied "pass.known" "Fence passing: ids" "an id is that of a fence which the driver asked for earlier on the queue";
    Must Implied "pass.device" "Fence passing: ids" "an id is not another device's";
    Must Said "pass.shareable" "Fence passing: FLAG_FENCE_SHAREABLE" "the fence was asked for with FLAG_FENCE_SHAREABLE";
    Must Implied "pass.retired" "Fence passing: ids" "the fence's reply was not published more than 100 ms before";
    Must Implied "pass.duplicate" "Fence passing: ids" "no id comes twice in one submit, or in a context's waits between two submits";
    Must Said "pass.capset" "Fence passing: SUBMIT_3D" "ids go only to contexts whose type takes them";
    Should Said "pass.newest" "Fence passing: ids" "of one timeline only the newest id comes";
    Should Said "pass.own" "Fence passing: ids" "no id of the submit's own timeline, which is in order anyway";
    Should Implied "pass.many" "Fence passing: ids" "not more than 64 ids";
    Must Implied "wait.own" "Fence wait: WAIT_FENCE" "the command does not wait for its own fence";
    Must Said "blob.memory" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "blob_mem is not zero, and host memory only with VIRGL";
    Must Implied "blob.flags" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "only defined blob flags";
    Must Said "blob.shared" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "a blob that other devices get (ASSIGN_UUID) was created with USE_CROSS_DEVICE";
    Must Implied "blob.entries" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "a blob of guest memory brings no entries, to get its backing later, or such that cover its size";
    Must Said "blob.aligned" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "with BLOB_ALIGNMENT, blob sizes are multiples of blob_alignment";
    Must Said "blob.window" "GPU Device: controlq (3d), RESOURCE_MAP_BLOB" "no MAP_BLOB or UNMAP_BLOB on a device without the host visible memory region";
    Must Said "window.place" "GPU Device: controlq (3d), RESOURCE_MAP_BLOB" "a mapping lies in the region, at a multiple of the page size and of blob_alignment, and meets no other";
    Must Implied "window.mapped" "GPU Device: controlq (3d), RESOURCE_UNMAP_BLOB" "only what is mapped is unmapped, and only what is not is mapped";
    Must Implied "window.let-go" "GPU Device: controlq, RESOURCE_UNREF" "a blob is unmapped before it is unreferenced";
    Must Said "cursor.size" "GPU Device: Configure mouse cursor" "a cursor's resource has 64x64 pixels";
    Must Implied "cursor.made" "GPU Device: Configure mouse cursor" "a blob's creation is done before it is a cursor: the cursor queue has an order of its own";
    Must Said "cursor.filled" "GPU Device: Configure mouse cursor" "a cursor's transfer is done before the cursor is set";
    Must Said "cursor.fenced" "GPU Device: Configure mouse cursor" "that it is done is known by a fence";
    Should Said "cursor.reply-room" "GPU Device: cursorq" "the device-writable part holds the reply";
    Must Implied "cursor.scanout" "GPU Device: cursorq" "the scanout is one of num_scanouts";
    Must Said "config.where" "GPU Device: Device configuration fields" "the driver writes events_clear and nothing else";
    Should Implied "config.bits" "GPU Device: Device configuration fields" "the driver clears only events that are pending";
    Should Implied "config.cleared" "GPU Device: Device configuration fields" "a display event is cleared";
    Should Said "config.asked" "GPU Device: Events" "a display event makes the driver ask for the display information again";
    Must Implied "reply.clean" "GPU Device: Request header" "no command draws an error that the host was not told to give";
}

/// By id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|r| r.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        for (i, r) in RULES.iter().enumerate() {
            assert!(!r.text.is_empty() && !r.section.is_empty());
            assert!(RULES[..i].iter().all(|o| o.id != r.id), "{}", r.id);
        }
    }
}
