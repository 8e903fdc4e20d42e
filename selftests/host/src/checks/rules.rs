// SPDX-License-Identifier: GPL-2.0
//! The rules that a driver is held to: an id, the section of the virtio
//! specification (1.2 and 1.3 name them alike) and the rule in our own words.

/// How much a broken rule weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The verdict is bad.
    Must,
    /// Worth a line; the verdict stays.
    Should,
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
}

macro_rules! rules {
    ($($weight:ident $id:literal $section:literal $text:literal;)*) => {
        /// All rules, in the order of the report.
        pub static RULES: &[Rule] = &[$(Rule {
            id: $id, section: $section, text: $text, weight: Weight::$weight,
        }),*];
    };
}

rules! {
    Must "ring.order" "Split Virtqueues: The Virtqueue Descriptor Table" "device-readable descriptors of a chain come before device-writable ones";
    Must "ring.length" "Split Virtqueues: Indirect Descriptors" "a chain, direct or indirect, has at most as many descriptors as the queue has entries";
    Must "ring.index" "Split Virtqueues: The Virtqueue Descriptor Table" "every descriptor index lies in its table";
    Must "ring.indirect.negotiated" "Split Virtqueues: Indirect Descriptors" "no indirect descriptor without INDIRECT_DESC";
    Must "ring.indirect.place" "Split Virtqueues: Indirect Descriptors" "an indirect descriptor neither continues a chain nor stands in an indirect table";
    Must "ring.indirect.size" "Split Virtqueues: Indirect Descriptors" "an indirect table is a whole, non-zero number of descriptors";
    Must "ring.memory" "Split Virtqueues: The Virtqueue Descriptor Table" "every descriptor is memory that the device can reach";
    Must "ring.flags" "Split Virtqueues: The Virtqueue Descriptor Table" "no descriptor flag that split rings do not have";
    Should "ring.empty" "Split Virtqueues: Message Framing" "no descriptor of length 0";
    Must "ring.batch" "Split Virtqueues: The Virtqueue Available Ring" "never more entries available than the queue has";
    Must "init.version" "Feature Bits" "VERSION_1 is accepted";
    Must "init.features" "Device Initialization" "only offered features are accepted";
    Should "init.display-info" "GPU Device: Device Initialization" "the display information is asked for before the first scanout is set";
    Should "init.edid" "GPU Device: Device Initialization" "with EDID negotiated, an EDID is asked for before the first scanout is set";
    Must "cmd.known" "GPU Device: Request header" "the command's number is defined";
    Must "cmd.queue" "GPU Device: Virtqueues" "cursor commands come on the cursor queue, all others on the control queue";
    Must "cmd.feature" "GPU Device: Feature bits" "a command that belongs to a feature comes only when that was negotiated";
    Must "cmd.length" "GPU Device: Device Operation" "the request holds all of its command's structure";
    Must "cmd.padding" "GPU Device: Device Operation" "padding fields are zero";
    Must "cmd.reply-room" "GPU Device: Device Operation" "the device-writable part holds the reply that success brings";
    Must "hdr.flags" "GPU Device: Request header" "no header flag but FENCE, and RING_IDX with CONTEXT_INIT";
    Must "hdr.padding" "GPU Device: Request header" "the header's padding is zero";
    Must "hdr.ring" "GPU Device: Request header" "ring_idx is at most 63, and zero without its flag";
    Must "hdr.context" "GPU Device: Request header" "ctx_id is zero in commands that are not for a context";
    Must "fence.unique" "GPU Device: Command lifecycle and fencing" "no two outstanding fences of a timeline share an id";
    Should "fence.order" "GPU Device: Command lifecycle and fencing" "fence ids of a timeline go up";
    Must "res.id" "GPU Device: controlq, create commands" "a resource id is not zero";
    Must "res.unused" "GPU Device: controlq, create commands" "a new resource's id is not in use";
    Must "res.exists" "GPU Device: controlq" "a command names only resources that were created and not unreferenced";
    Must "res.format" "GPU Device: controlq, RESOURCE_CREATE_2D" "the format is one of the eight defined";
    Must "res.size" "GPU Device: controlq, RESOURCE_CREATE_2D" "width and height are not zero";
    Must "res.hidden" "GPU Device: Create a framebuffer and configure scanout" "a resource is taken off its scanouts before it is unreferenced";
    Must "backing.entries" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "nr_entries entries follow the command, each with length and no padding bits";
    Must "backing.once" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "backing is attached only where none is attached";
    Must "backing.detach" "GPU Device: controlq, RESOURCE_DETACH_BACKING" "backing is detached only where some is attached";
    Must "backing.covers" "GPU Device: controlq, RESOURCE_ATTACH_BACKING" "the backing is as large as the resource";
    Must "xfer.backed" "GPU Device: controlq, TRANSFER_TO_HOST_2D" "a transfer comes only while backing is attached";
    Must "xfer.inside" "GPU Device: controlq, TRANSFER_TO_HOST_2D" "the rectangle lies in the resource";
    Must "xfer.offset" "GPU Device: controlq, TRANSFER_TO_HOST_2D" "offset and rectangle lie in the backing";
    Should "xfer.needed" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "no transfer for a blob of guest memory: the device reads the pages themselves";
    Must "scanout.id" "GPU Device: controlq, SET_SCANOUT" "the scanout is one of num_scanouts";
    Must "scanout.inside" "GPU Device: controlq, SET_SCANOUT" "the rectangle lies in the resource";
    Must "scanout.type" "GPU Device: controlq, SET_SCANOUT_BLOB" "blobs are shown with SET_SCANOUT_BLOB, others with SET_SCANOUT";
    Must "scanout.layout" "GPU Device: controlq, SET_SCANOUT_BLOB" "format, stride and offset describe memory inside the blob";
    Must "flush.inside" "GPU Device: controlq, RESOURCE_FLUSH" "the rectangle lies in the resource";
    Should "flush.shown" "GPU Device: controlq, RESOURCE_FLUSH" "a flush is for a resource that is on a scanout";
    Must "edid.scanout" "GPU Device: controlq, GET_EDID" "the scanout is one of num_scanouts";
    Must "capset.index" "GPU Device: controlq, GET_CAPSET_INFO" "the index is below num_capsets";
    Must "blob.memory" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "blob_mem is defined, and host memory only with VIRGL";
    Must "blob.flags" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "only defined blob flags";
    Must "blob.entries" "GPU Device: controlq, RESOURCE_CREATE_BLOB" "a blob of guest memory brings entries that cover its size";
    Must "blob.aligned" "GPU Device: Device configuration layout" "with BLOB_ALIGNMENT, blob sizes are multiples of blob_alignment";
    Must "cursor.size" "GPU Device: Configure mouse cursor" "a cursor's resource has 64x64 pixels";
    Must "cursor.filled" "GPU Device: Configure mouse cursor" "a cursor's transfer is done before the cursor is set";
    Should "cursor.reply-room" "GPU Device: cursorq" "the device-writable part holds the reply";
    Must "cursor.scanout" "GPU Device: cursorq" "the scanout is one of num_scanouts";
    Must "config.where" "GPU Device: Device configuration fields" "the driver writes events_clear and nothing else";
    Must "config.bits" "GPU Device: Events" "the driver clears only events that are pending";
    Must "config.cleared" "GPU Device: Events" "a display event is cleared";
    Must "config.asked" "GPU Device: Events" "a display event makes the driver ask for the display information again";
    Must "reply.clean" "GPU Device: Device Operation" "no command draws an error that the host was not told to give";
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
