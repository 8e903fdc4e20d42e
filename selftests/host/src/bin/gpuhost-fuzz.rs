// SPDX-License-Identifier: GPL-2.0
//! Runs the hostile guest of [`gpuhost::fuzz`] for a while. Exit status: 0 nothing
//! found, 1 a finding (its seed is printed, and `--seed` runs it again).

use clap::Parser;
use std::panic::{catch_unwind, set_hook};
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Throws hostile rings and commands at the test host.
#[derive(Parser)]
struct Cli {
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// First seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this case.
    #[arg(long)]
    seed: Option<u64>,
}

/// A case that takes this long is a loop.
const LOOP: Duration = Duration::from_secs(30);

fn main() {
    let cli = Cli::parse();
    let start = Instant::now();
    if let Some(seed) = cli.seed {
        gpuhost::fuzz::case(seed);
        return;
    }
    static CASE: AtomicU64 = AtomicU64::new(0);
    CASE.store(cli.from, Relaxed);
    set_hook(Box::new(|info| println!("{info}")));
    std::thread::spawn(|| loop {
        let before = CASE.load(Relaxed);
        std::thread::sleep(LOOP);
        if CASE.load(Relaxed) == before {
            println!("found: seed {before} does not end");
            exit(1);
        }
    });
    while start.elapsed() < Duration::from_secs(cli.seconds) {
        let seed = CASE.load(Relaxed);
        if catch_unwind(|| gpuhost::fuzz::case(seed)).is_err() {
            println!("found: seed {seed} panics");
            exit(1);
        }
        CASE.store(seed + 1, Relaxed);
    }
    println!("{} cases, nothing found", CASE.load(Relaxed) - cli.from);
}
