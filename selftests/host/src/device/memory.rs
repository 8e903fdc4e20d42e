// SPDX-License-Identifier: GPL-2.0
//! Memory of the host: what resources and contexts keep their bytes in. Work that
//! is under way holds on to it, whatever becomes of the resource's name.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of the host.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Bytes>);

#[derive(Debug)]
enum Bytes {
    Here(Mutex<Vec<u8>>),
    /// A file without a name, that QEMU can map for the guest.
    File(File, u64),
}

impl Memory {
    /// Zeroes that only the host looks at.
    pub fn new(len: u64) -> Option<Memory> {
        let len = usize::try_from(len).ok()?;
        Some(Memory(Arc::new(Bytes::Here(Mutex::new(vec![0; len])))))
    }

    /// Zeroes that a guest can be shown.
    pub fn mappable(len: u64) -> Option<Memory> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "gpuhost-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Relaxed)
        );
        let path = ["/dev/shm", "/tmp"]
            .iter()
            .map(|dir| std::path::Path::new(dir).join(&name));
        for path in path {
            let file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path);
            let Ok(file) = file else { continue };
            let _ = std::fs::remove_file(&path);
            file.set_len(len).ok()?;
            return Some(Memory(Arc::new(Bytes::File(file, len))));
        }
        None
    }

    /// The file, where a guest can be shown it.
    pub fn file(&self) -> Option<&File> {
        match &*self.0 {
            Bytes::File(file, _) => Some(file),
            Bytes::Here(_) => None,
        }
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        match &*self.0 {
            Bytes::Here(bytes) => lock(bytes).len() as u64,
            Bytes::File(_, len) => *len,
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `dst` from `at` on; false where the memory ends before that.
    pub fn read(&self, at: u64, dst: &mut [u8]) -> bool {
        if !fits(at, dst.len(), self.len()) {
            return false;
        }
        match &*self.0 {
            Bytes::Here(bytes) => {
                let at = at as usize;
                match lock(bytes).get(at..at + dst.len()) {
                    Some(src) => dst.copy_from_slice(src),
                    None => return false,
                }
                true
            }
            Bytes::File(file, _) => file.read_exact_at(dst, at).is_ok(),
        }
    }

    /// Writes `src` from `at` on; false where the memory ends before that.
    pub fn write(&self, at: u64, src: &[u8]) -> bool {
        if !fits(at, src.len(), self.len()) {
            return false;
        }
        match &*self.0 {
            Bytes::Here(bytes) => {
                let at = at as usize;
                match lock(bytes).get_mut(at..at + src.len()) {
                    Some(dst) => dst.copy_from_slice(src),
                    None => return false,
                }
                true
            }
            Bytes::File(file, _) => file.write_all_at(src, at).is_ok(),
        }
    }
}

fn fits(at: u64, len: usize, all: u64) -> bool {
    at.checked_add(len as u64).is_some_and(|end| end <= all)
}

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_keep_bytes_and_bounds() {
        for m in [Memory::new(8).unwrap(), Memory::mappable(8).unwrap()] {
            let twin = m.clone();
            assert!(m.write(6, &[1, 2]));
            assert!(!m.write(7, &[1, 2]) && !m.write(u64::MAX, &[1]));
            let mut back = [9; 4];
            assert!(twin.read(4, &mut back));
            assert_eq!((back, twin.len()), ([0, 0, 1, 2], 8));
            assert!(!twin.read(5, &mut back));
        }
        assert!(Memory::new(4).unwrap().file().is_none());
    }
}
