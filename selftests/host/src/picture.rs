// SPDX-License-Identifier: GPL-2.0
//! What a scanout shows: a CRC per frame, and PNG files.
//!
//! Pixels are looked at row by row through a buffer of a few KiB, so that the
//! same code reads a host copy and guest pages in place.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes looked at in one go.
const STRIP: usize = 4096;

/// Order of the bytes of a pixel, of the formats of the specification's 2D list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    red: usize,
    green: usize,
    blue: usize,
}

impl Format {
    /// By the number on the wire; `None` where there is no such format.
    pub fn by_code(code: u32) -> Option<Format> {
        let (red, green, blue) = match code {
            // B8G8R8A8, B8G8R8X8
            1 | 2 => (2, 1, 0),
            // A8R8G8B8, X8R8G8B8
            3 | 4 => (1, 2, 3),
            // R8G8B8A8, R8G8B8X8
            67 | 134 => (0, 1, 2),
            // X8B8G8R8, A8B8G8R8
            68 | 121 => (3, 2, 1),
            _ => return None,
        };
        Some(Format { red, green, blue })
    }
}

/// Where pixels come from: fills the buffer from a byte offset, or says false.
pub type Source<'a> = dyn Fn(u64, &mut [u8]) -> bool + 'a;

/// A picture in memory.
pub struct Layout {
    /// Byte order.
    pub format: Format,
    /// Columns shown.
    pub width: u32,
    /// Rows shown.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Byte offset of the first pixel shown.
    pub offset: u64,
}

/// Goes over all pixels as bytes red, green, blue. False where the source ended.
fn each_strip(layout: &Layout, source: &Source<'_>, mut f: impl FnMut(&[u8])) -> bool {
    let mut strip = [0u8; STRIP];
    let mut rgb = [0u8; STRIP / 4 * 3];
    for row in 0..u64::from(layout.height) {
        let Some(start) = (row * u64::from(layout.stride)).checked_add(layout.offset) else {
            return false;
        };
        let mut at = 0u64;
        let end = u64::from(layout.width) * 4;
        while at < end {
            let n = (end - at).min(STRIP as u64) as usize;
            let part = &mut strip[..n];
            if !source(start.saturating_add(at), part) {
                return false;
            }
            for (p, out) in part.chunks_exact(4).zip(rgb.chunks_exact_mut(3)) {
                out.copy_from_slice(&[
                    p[layout.format.red],
                    p[layout.format.green],
                    p[layout.format.blue],
                ]);
            }
            f(&rgb[..n / 4 * 3]);
            at += n as u64;
        }
    }
    true
}

/// CRC-32 over the rows, three bytes a pixel (red, green, blue), the same for
/// all formats. `None` where the memory ends before the picture.
pub fn crc(layout: &Layout, source: &Source<'_>) -> Option<u32> {
    let mut crc = crc32fast::Hasher::new();
    each_strip(layout, source, |rgb| crc.update(rgb)).then(|| crc.finalize())
}

/// Writes a PNG of 8-bit RGB.
pub fn write_png(path: &Path, layout: &Layout, source: &Source<'_>) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(file, layout.width.max(1), layout.height.max(1));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    let mut stream = writer.stream_writer()?;
    let mut result = Ok(());
    let whole = each_strip(layout, source, |rgb| {
        if result.is_ok() {
            result = stream.write_all(rgb);
        }
    });
    result?;
    if !whole {
        return Err(io::Error::other("memory ends before the picture"));
    }
    stream.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_give_one_crc() {
        let px = |code: u32, bytes: [u8; 4]| {
            let layout = Layout {
                format: Format::by_code(code).unwrap(),
                width: 1,
                height: 1,
                stride: 4,
                offset: 0,
            };
            crc(&layout, &|at, dst| {
                dst.copy_from_slice(&bytes[at as usize..][..dst.len()]);
                true
            })
            .unwrap()
        };
        let want = px(2, [3, 2, 1, 0]);
        for (code, bytes) in [
            (1, [3, 2, 1, 9]),
            (4, [0, 1, 2, 3]),
            (134, [1, 2, 3, 0]),
            (68, [0, 3, 2, 1]),
        ] {
            assert_eq!(px(code, bytes), want, "format {code}");
        }
        assert!(Format::by_code(5).is_none());
    }

    #[test]
    fn short_source_is_no_picture() {
        let layout = Layout {
            format: Format::by_code(2).unwrap(),
            width: 8,
            height: 8,
            stride: 32,
            offset: 0,
        };
        assert!(crc(&layout, &|at, dst| at + dst.len() as u64 <= 100).is_none());
    }
}
