// SPDX-License-Identifier: GPL-2.0

//! Reads the files of golden vectors, and makes the values that stand in them.

use std::collections::BTreeMap;

/// What a file says: byte vectors, and numbers.
pub(crate) struct Vectors {
    bytes: BTreeMap<String, Vec<u8>>,
    numbers: BTreeMap<String, u32>,
    used: std::cell::RefCell<Vec<String>>,
}

impl Vectors {
    /// Parses `text`: `NAME =` with bytes on the indented lines that follow, or `NAME = NUMBER`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut this = Self {
            bytes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            used: Vec::new().into(),
        };
        let mut name = String::new();
        for line in text.lines() {
            let code = line.split('#').next().unwrap();
            if code.trim().is_empty() {
                continue;
            }
            if code.starts_with('\t') {
                let bytes = code
                    .split_whitespace()
                    .map(|b| u8::from_str_radix(b, 16).unwrap());
                this.bytes.get_mut(&name).unwrap().extend(bytes);
                continue;
            }
            let (left, right) = code.split_once('=').unwrap();
            name = left.trim().to_owned();
            let number = right.trim();
            let twice = if number.is_empty() {
                this.bytes.insert(name.clone(), Vec::new()).is_some()
            } else {
                let number = u32::from_str_radix(number, 16).unwrap();
                this.numbers.insert(name.clone(), number).is_some()
            };
            assert!(!twice, "{name} stands there twice");
        }
        this
    }

    /// The bytes called `name`.
    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        self.used.borrow_mut().push(name.to_owned());
        self.bytes
            .get(name)
            .unwrap_or_else(|| panic!("no vector {name}"))
    }

    /// The number called `name`.
    #[allow(dead_code)] // Not by every test that includes this file.
    pub(crate) fn number(&self, name: &str) -> u32 {
        self.used.borrow_mut().push(name.to_owned());
        *self
            .numbers
            .get(name)
            .unwrap_or_else(|| panic!("no number {name}"))
    }

    /// Fails if something in the file was never asked for.
    pub(crate) fn assert_all_used(&self) {
        let used = self.used.borrow();
        let unused: Vec<_> = self
            .bytes
            .keys()
            .chain(self.numbers.keys())
            .filter(|n| !used.contains(n))
            .collect();
        assert!(unused.is_empty(), "no test for {unused:?}");
    }
}

/// The `k`-th value of a vector.
pub(crate) fn v32(k: u32) -> u32 {
    0x01020304 + k * 0x10101010
}

/// The `k`-th value of a vector.
pub(crate) fn v64(k: u64) -> u64 {
    0x0102030405060708 + k * 0x1010101010101010
}
