// SPDX-License-Identifier: GPL-2.0
//! The command line. Exit status: 0 good, 1 a bad verdict or a difference, 2 a mistake in the call.

use clap::{Args, Parser, Subcommand};
use gpuhost::checks::{Basis, Weight, RULES};
use gpuhost::host::{Host, Options};
use gpuhost::scenario::Scenario;
use gpuhost::{backend, control, trace};
use std::fmt::Display;
use std::io::{stdout, Write};
use std::path::PathBuf;
use std::process::exit;

/// A virtio-gpu device that answers, records and misbehaves, to test guest drivers.
///
/// QEMU attaches it: -chardev socket,id=gpu,path=SOCKET -device
/// vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size=256,config_size=20,chardev=gpu
/// with all guest memory in a memory-backend-memfd,share=on.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Serves one QEMU; the exit status is the verdict of the checks.
    Run(Run),
    /// Reads traces.
    #[command(subcommand)]
    Trace(Trace),
    /// Reads scenario files and says what is wrong with them.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists the rules that a driver is held to.
    Rules,
}

#[derive(Args)]
struct Run {
    /// The socket that QEMU connects to.
    #[arg(long, short)]
    socket: PathBuf,
    /// What the device is, and where it misbehaves.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Records everything in this file.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Folder for pictures.
    #[arg(long)]
    shots: Option<PathBuf>,
    /// Makes a picture of every frame.
    #[arg(long, requires = "shots")]
    every_frame: bool,
    /// Takes no CRC of the frames, which saves the host's time.
    #[arg(long)]
    no_crc: bool,
    /// Takes orders on this socket.
    #[arg(long)]
    control: Option<PathBuf>,
    /// Writes the verdict as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Tells every command.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Trace {
    /// Lists where two drivers differ that ran the same session.
    Compare {
        /// First trace.
        a: PathBuf,
        /// Second trace.
        b: PathBuf,
        /// Compares the descriptors as well.
        #[arg(long)]
        descriptors: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints a trace's commands as the comparison sees them.
    Show {
        /// The trace.
        file: PathBuf,
    },
    /// Counts what is in a trace.
    Summary {
        /// The trace.
        file: PathBuf,
    },
}

/// A line on the terminal; whoever reads it may have seen enough.
fn tell(line: impl Display) {
    if writeln!(stdout(), "{line}").is_err() {
        exit(0)
    }
}

fn fail(message: String) -> ! {
    eprintln!("gpuhost: {message}");
    exit(2)
}

fn load(path: &std::path::Path) -> Vec<trace::Line> {
    trace::load(path).unwrap_or_else(|e| fail(e))
}

fn run(args: Run) -> ! {
    let scenario = args.scenario.as_deref().map(Scenario::load);
    let scenario = scenario
        .unwrap_or_else(|| Ok(Scenario::default()))
        .unwrap_or_else(|e| fail(e));
    let options = Options {
        scenario,
        trace: args.trace,
        shots: args.shots,
        every_frame: args.every_frame,
        crc: !args.no_crc,
        report: args.report,
        verbose: args.verbose,
    };
    let host = Host::new(options).unwrap_or_else(|e| fail(e));
    host.start_clock();
    host.start_viewer();
    if let Some(path) = &args.control {
        control::listen(host.clone(), path).unwrap_or_else(|e| fail(e));
    }
    if let Err(e) = backend::serve(&host, &args.socket) {
        fail(e);
    }
    host.verdict().exit()
}

fn traces(what: Trace) -> i32 {
    match what {
        Trace::Compare {
            a,
            b,
            descriptors,
            json,
        } => {
            let found = trace::compare::compare(&load(&a), &load(&b), descriptors);
            if json {
                tell(serde_json::to_string_pretty(&found).unwrap_or_default());
            } else {
                found
                    .iter()
                    .for_each(|d| tell(format!("{} {}: {}", d.side, d.place, d.line)));
            }
            i32::from(!found.is_empty())
        }
        Trace::Show { file } => {
            for ((_, mark, queue), lines) in trace::compare::normalise(&load(&file), true) {
                lines
                    .iter()
                    .for_each(|l| tell(format!("{mark}/{queue}: {l}")));
            }
            0
        }
        Trace::Summary { file } => {
            for (name, n) in trace::compare::summary(&load(&file)) {
                tell(format!("{n:10} {name}"));
            }
            0
        }
    }
}

fn main() {
    match Cli::parse().what {
        What::Run(args) => run(args),
        What::Trace(what) => exit(traces(what)),
        What::Check { files } => {
            let mut bad = 0;
            for file in files {
                if let Err(e) = Scenario::load(&file) {
                    eprintln!("{e}");
                    bad = 1;
                }
            }
            exit(bad)
        }
        What::Rules => {
            for r in RULES {
                let weight = if r.weight == Weight::Must {
                    "must"
                } else {
                    "should"
                };
                let basis = if r.basis == Basis::Said {
                    "said"
                } else {
                    "implied"
                };
                tell(format!(
                    "{:24} {weight:6} {basis:7} {} [{}]",
                    r.id, r.text, r.section
                ));
            }
        }
    }
}
