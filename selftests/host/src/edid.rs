// SPDX-License-Identifier: GPL-2.0
//! A made-up monitor: one EDID 1.4 block with one detailed timing.

/// Bytes of a block.
pub const BLOCK: usize = 128;

/// A block for a monitor of that size at 60 Hz, with reduced blanking. Sizes
/// beyond what a detailed timing can say (4095) are cut.
pub fn block(width: u32, height: u32, serial: u32) -> [u8; BLOCK] {
    let (w, h) = (width.clamp(1, 4095), height.clamp(1, 4095));
    let (hblank, vblank) = (160u32, 35u32);
    // 10 kHz units, at most what 16 bits hold.
    let clock = ((w + hblank) * (h + vblank) / 10_000 * 60).min(0xffff);
    // 96 dots per inch.
    let (wmm, hmm) = (w * 254 / 960, h * 254 / 960);
    let mut e = [0u8; BLOCK];
    e[1..7].fill(0xff);
    // Maker "GHT", a product number, the serial.
    e[8..12].copy_from_slice(&[0x1d, 0x14, 0x01, 0x00]);
    e[12..16].copy_from_slice(&serial.to_le_bytes());
    // Week 1 of 2026; EDID 1.4.
    e[16..20].copy_from_slice(&[1, 36, 1, 4]);
    // Digital, 8 bits a colour; size in cm; gamma 2.2; RGB 4:4:4, preferred timing is native.
    e[20..25].copy_from_slice(&[0xa0, (wmm / 10) as u8, (hmm / 10) as u8, 120, 0x06]);
    // No standard timings.
    e[38..54].fill(1);
    let d = &mut e[54..72];
    d[0..2].copy_from_slice(&(clock as u16).to_le_bytes());
    d[2] = w as u8;
    d[3] = hblank as u8;
    d[4] = (((w >> 8) << 4) | (hblank >> 8)) as u8;
    d[5] = h as u8;
    d[6] = vblank as u8;
    d[7] = (((h >> 8) << 4) | (vblank >> 8)) as u8;
    // Sync: offset 48 width 32 across, offset 3 width 5 down.
    d[8..12].copy_from_slice(&[48, 32, 0x35, 0]);
    d[12] = wmm as u8;
    d[13] = hmm as u8;
    d[14] = (((wmm >> 8) << 4) | (hmm >> 8)) as u8;
    // Digital separate sync, positive across.
    d[17] = 0x1a;
    e[72..77].copy_from_slice(&[0, 0, 0, 0xfc, 0]);
    e[77..90].copy_from_slice(b"gpuhost\n     ");
    for unused in [90, 108] {
        e[unused + 3] = 0x10;
    }
    fix_checksum(&mut e);
    e
}

/// Makes the bytes of the block sum up to 0.
pub fn fix_checksum(block: &mut [u8; BLOCK]) {
    block[BLOCK - 1] = block[..BLOCK - 1]
        .iter()
        .fold(0u8, |sum, b| sum.wrapping_sub(*b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_and_sizes() {
        for (w, h) in [(1024, 768), (1, 1), (3840, 2160), (u32::MAX, u32::MAX)] {
            let e = block(w, h, 7);
            assert_eq!(e.iter().fold(0u8, |a, b| a.wrapping_add(*b)), 0);
            let d = &e[54..72];
            let width = u32::from(d[2]) | (u32::from(d[4] >> 4) << 8);
            assert_eq!(width, w.clamp(1, 4095));
        }
    }
}
