// SPDX-License-Identifier: GPL-2.0
//! How the host lays out what RESOURCE_CREATE_3D makes, and the three ways in which
//! hosts have told drivers of it: the reply to the creation, and both versions of
//! RESOURCE_QUERY_LAYOUT.

use super::resource::{Kind, Resource, Result, Shape};
use crate::meaning::LayoutOptions;
use crate::wire::{put32, reply, u32_at};

/// Texture target of what is no picture.
const BUFFER: u32 = 0;
/// Planes in a reply.
const PLANES: usize = 4;

/// Bytes of a texel, by virgl's number of the format; `None` where there is none.
fn texel(format: u32) -> Option<u32> {
    match format {
        // R8, A8, L8
        64 | 10 | 9 => Some(1),
        // R8G8, R16, B5G6R5
        65 | 48 | 7 => Some(2),
        // R16G16B16A16
        51 => Some(8),
        // R32G32B32A32
        31 => Some(16),
        0 | 512.. => None,
        _ => Some(4),
    }
}

/// The shape of a resource with these fields.
pub fn shape(
    options: &LayoutOptions,
    target: u32,
    format: u32,
    size: (u32, u32),
    layers: u32,
) -> Result<Shape> {
    let bad = reply::ERR_INVALID_PARAMETER;
    let texel = texel(format).ok_or(bad)?;
    let (width, height) = size;
    let row = width.checked_mul(texel).filter(|r| *r > 0).ok_or(bad)?;
    let stride = if target == BUFFER {
        row
    } else {
        row.checked_next_multiple_of(options.align.max(1))
            .ok_or(bad)?
    };
    if height == 0 || (target == BUFFER && height != 1) {
        return Err(bad);
    }
    Ok(Shape {
        format,
        width,
        height,
        layers: layers.max(1),
        texel,
        stride,
    })
}

/// The shape that RESOURCE_CREATE_3D asks for.
pub fn created(options: &LayoutOptions, c: &[u8]) -> Result<Shape> {
    let layers = u32_at(c, 48).max(1).checked_mul(u32_at(c, 52).max(1));
    let layers = layers.ok_or(reply::ERR_INVALID_PARAMETER)?;
    let size = (u32_at(c, 40), u32_at(c, 44));
    shape(options, u32_at(c, 28), u32_at(c, 32), size, layers)
}

/// The shape of a resource, where the host has one to tell of.
pub fn of(resource: &Resource) -> Result<Shape> {
    match resource.kind {
        Kind::Classic { shape, .. } => Ok(shape),
        _ => Err(reply::ERR_UNSPEC),
    }
}

fn put64(out: &mut Vec<u8>, v: u64) {
    out.extend_from_slice(&v.to_le_bytes());
}

/// PLANE_INFO's body, in answer to RESOURCE_CREATE_3D.
pub fn plane_info(options: &LayoutOptions, shape: &Shape) -> Vec<u8> {
    let mut out = Vec::new();
    put32(&mut out, &[options.planes.unwrap_or(1), 0]);
    put64(&mut out, options.modifier);
    put32(&mut out, &[shape.stride, 0, 0, 0, 0, 0, 0, 0]);
    out
}

/// RESOURCE_LAYOUT's body, first version.
pub fn first(options: &LayoutOptions, shape: &Shape) -> Vec<u8> {
    let mut out = head(options);
    for plane in 0..PLANES {
        put64(&mut out, 0);
        let (size, stride) = match plane {
            0 => (shape.layer(), shape.stride),
            _ => (0, 0),
        };
        put64(&mut out, size);
        put32(&mut out, &[stride, 0]);
    }
    out
}

/// The same, second version.
pub fn second(options: &LayoutOptions, shape: &Shape) -> Vec<u8> {
    let mut out = head(options);
    for plane in 0..PLANES {
        put64(&mut out, 0);
        put32(&mut out, &[if plane == 0 { shape.stride } else { 0 }, 0]);
    }
    out
}

fn head(options: &LayoutOptions) -> Vec<u8> {
    let mut out = Vec::new();
    put64(&mut out, options.modifier);
    put32(&mut out, &[options.planes.unwrap_or(1), 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_the_published_lengths() {
        let (o, s) = (LayoutOptions::default(), Shape::flat(1, 5, 2).unwrap());
        let lengths = [plane_info(&o, &s), first(&o, &s), second(&o, &s)];
        assert_eq!(lengths.map(|b| b.len() + 24), [72, 136, 104]);
    }

    #[test]
    fn rows_are_aligned_and_buffers_are_not() {
        let o = LayoutOptions::default();
        assert_eq!(shape(&o, 2, 1, (65, 3), 1).unwrap().stride, 512);
        assert_eq!(shape(&o, 0, 64, (65, 1), 1).unwrap().stride, 65);
        for (target, format, size) in [(0, 64, (4, 2)), (2, 0, (4, 4)), (2, 1, (0, 4))] {
            assert!(shape(&o, target, format, size, 1).is_err());
        }
    }
}
