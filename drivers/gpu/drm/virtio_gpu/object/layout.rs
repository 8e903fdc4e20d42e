// SPDX-License-Identifier: GPL-2.0

//! How resources lie in memory, as far as anybody knows.
//!
//! A dumb buffer, a picture without 3D and a blob of guest memory lie as the guest has laid them out.
//! Of the others the host may have told when it made them, or can perhaps be asked. What it has
//! answered is kept with the object; a refusal is not, so the next one asks again. Nobody asks again
//! while an answer is awaited, so a host that is silent gets one question for each object.
#![forbid(unsafe_code)]

use super::{
    awaited::Awaited,
    classic::Outcome,
    dumb,
    live::Kind,
    Object, //
};
use crate::{
    device::DrmDevice,
    features::QueryLayout,
    queue::{
        Command,
        Credits,
        Reply,
        ReplyBytes,
        TIMEOUT_MS, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats::Format,
    Layout,
    LayoutQuery,
    Plane, //
};

/// What the host has been asked about the layout of an object.
#[pin_data]
pub(super) struct Asked {
    #[pin]
    answer: Mutex<Option<Arc<Awaited<Layout>>>>,
}

impl Asked {
    /// Creates an initializer for an object that nobody has asked about.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            answer <- new_mutex!(None, "virtio_gpu::Layout"),
        })
    }
}

/// The layout of an object. Waits for the host where it is the one who knows: killably, and five seconds
/// at most.
///
/// # Errors
///
/// [`ENOSYS`] if nobody knows; [`EIO`] if the host has refused the object or the question, or its answer
/// makes no sense; [`ETIMEDOUT`]; [`ERESTARTSYS`] if the task is being killed; [`ENODEV`], [`ENOMEM`].
pub(crate) fn layout_of(dev: &DrmDevice, object: &ARef<Object>) -> Result<Layout> {
    object.check_usable()?;
    if let Some(stride) = own_stride(object) {
        return Ok(linear(stride));
    }
    let record = &object.record;
    let asks = dev.features().query_layout();
    let result = match (&record.kind, record.told.get(), asks) {
        (Kind::Solid(_), Some(Ok(Some(layout))), _) => Ok(layout),
        (Kind::Solid(_), Some(Err(e)), _) => Err(e),
        // Memory of another device's, of which the host knows no more than we do.
        (Kind::Blob(..), ..) if object.is_guest_blob() => Err(ENOSYS),
        (Kind::Solid(_) | Kind::Blob(..), _, Some(how)) => ask(object, how)?.wait(),
        (Kind::Solid(_), _, None) => record.told.wait().and_then(|told| told.ok_or(ENOSYS)),
        // Also a picture of a format that nobody knows.
        (Kind::Flat | Kind::Blob(..), _, _) => Err(ENOSYS),
    };

    result.map_err(for_userspace)
}

/// The layout that the host would give to what `query` describes, which names no resource. Waits as
/// [`layout_of`] does, and for a credit of the file's. `credits` are those.
///
/// # Errors
///
/// [`ENOSYS`] if the host cannot be asked that, [`EINVAL`] for a picture of no size or no format; and those
/// of [`layout_of`].
pub(crate) fn layout_of_new(
    dev: &DrmDevice,
    credits: &Arc<Credits>,
    query: LayoutQuery,
) -> Result<Layout> {
    if dev.features().query_layout() != Some(QueryLayout::Second) {
        return Err(ENOSYS);
    }
    if query.width == 0 || query.height == 0 || query.format == 0 {
        return Err(EINVAL);
    }

    let start = Instant::<Monotonic>::now();
    let credit = credits.take_within(TIMEOUT_MS)?;
    let pending = dev
        .queues()
        .batch()
        .request_charged(proto::QueryLayoutV2::new(query), credit)?;
    let passed = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
    let reply = pending.wait(TIMEOUT_MS.saturating_sub(passed))?;

    second(&reply, None)
}

/// As userspace knows errors: a host that talks nonsense is one that has failed.
fn for_userspace(e: Error) -> Error {
    match e {
        EPROTO => EIO,
        e => e,
    }
}

/// Bytes from row to row of an object that the guest has laid out itself; 0 where its memory has no rows.
fn own_stride(object: &Object) -> Option<u32> {
    let width = object.image().width;

    match &object.record.kind {
        // The host takes pictures from the guest's pages so, and all of its formats have four bytes.
        Kind::Flat => {
            Format::from_number(object.image().format)?;
            dumb::pitch(width, dumb::PACKED)
        }
        Kind::Blob(..) if object.dumb => dumb::pitch(width, dumb::BLOB_PITCH),
        Kind::Blob(..) if object.is_guest_blob() && !object.is_imported() => Some(0),
        Kind::Blob(..) | Kind::Solid(_) => None,
    }
}

/// Rows of so many bytes, one after the other.
fn linear(stride: u32) -> Layout {
    let plane = Plane {
        stride,
        ..Plane::default()
    };

    Layout::new(proto::MOD_LINEAR, 1, core::iter::once(plane))
}

/// The answer about an object, which the host is asked for unless it was before.
fn ask(object: &ARef<Object>, how: QueryLayout) -> Result<Arc<Awaited<Layout>>> {
    let mut answer = object.asked.answer.lock();

    if let Some(answer) = &*answer {
        if !matches!(answer.get(), Some(Err(_))) {
            return Ok(answer.clone());
        }
    }
    let new = Awaited::new()?;
    let hear = KBox::new(
        Answered {
            answer: new.clone(),
            how,
            // CAST: A length of memory.
            size: object.blob().map(|_| object.size() as u64),
        },
        GFP_KERNEL,
    )?;
    let command = match how {
        QueryLayout::First => Command::new(proto::QueryLayoutV1::new(object.id()))?,
        QueryLayout::Second => Command::new(proto::QueryLayoutV2::new(describe(object)))?,
    };

    *answer = Some(new.clone());
    drop(answer);
    object.push(command.hold(object.clone()).on_reply(hear));
    Ok(new)
}

/// What the second command says of an object that there is.
fn describe(object: &Object) -> LayoutQuery {
    let image = object.image();

    LayoutQuery {
        resource_id: object.id(),
        width: image.width,
        height: image.height,
        format: image.format,
        bind: match &object.record.kind {
            Kind::Solid(params) => params.bind,
            Kind::Flat | Kind::Blob(..) => 0,
        },
    }
}

/// Hears of a layout.
struct Answered {
    answer: Arc<Awaited<Layout>>,
    how: QueryLayout,
    size: Option<u64>,
}

impl Reply for Answered {
    fn done(&mut self, result: Result<ReplyBytes>) {
        self.answer.set(result.and_then(|bytes| match self.how {
            QueryLayout::First => first(&bytes, self.size),
            QueryLayout::Second => second(&bytes, self.size),
        }));
    }
}

fn first(bytes: &[u8], size: Option<u64>) -> Result<Layout> {
    let (reply, _) = proto::RespLayoutV1::ref_from_prefix(bytes).map_err(|_| EIO)?;

    checked(reply.layout(), size)
}

fn second(bytes: &[u8], size: Option<u64>) -> Result<Layout> {
    let (reply, _) = proto::RespLayoutV2::ref_from_prefix(bytes).map_err(|_| EIO)?;

    checked(reply.layout(), size)
}

/// # Errors
///
/// [`EIO`] for a layout that makes no sense for `size` bytes of memory, if that is known.
fn checked(layout: Layout, size: Option<u64>) -> Result<Layout> {
    if layout.makes_sense(size) {
        Ok(layout)
    } else {
        Err(EIO)
    }
}

/// Hears of the creation of a resource for 3D, and of its layout if the host tells that with it.
pub(super) struct Created(pub(super) KBox<Outcome>);

impl Reply for Created {
    fn done(&mut self, result: Result<ReplyBytes>) {
        let told = match &result {
            // It will be asked again.
            Err(ECANCELED) => None,
            Err(e) => Some(Err(*e)),
            Ok(bytes) => Some(told_with(bytes)),
        };

        if let Some(told) = told {
            self.0.record().told.set(told);
        }
        self.0.done(result);
    }
}

/// What a reply to the creation tells. A host may tell nothing.
fn told_with(bytes: &[u8]) -> Result<Option<Layout>> {
    let (reply, _) = proto::RespCreate3d::ref_from_prefix(bytes).map_err(|_| EIO)?;

    match reply.plane_info() {
        Some(layout) if !layout.planes().is_empty() => checked(layout, None).map(Some),
        _ => Ok(None),
    }
}
