// SPDX-License-Identifier: GPL-2.0

//! libFuzzer on the reply parser. The stable compiler is enough: `run` beside this folder has the flags that instrument it.
#![no_main]

mod exercise;

libfuzzer_sys::fuzz_target!(|data: &[u8]| exercise::exercise(data));
