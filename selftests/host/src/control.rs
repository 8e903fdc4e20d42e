// SPDX-License-Identifier: GPL-2.0
//! Orders to a running host: lines over a Unix socket (which QEMU can hand to
//! the guest as a serial port), and the timed ones of a scenario. Each line is
//! answered with "ok ..." or "error ...".

use crate::host::Host;
use crate::scenario::parse_size;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Plugs a monitor of that size into a scanout.
    Plug(usize, (u32, u32)),
    /// Pulls it out.
    Unplug(usize),
    /// That many configuration interrupts, that many milliseconds apart.
    Storm(u32, u64),
    /// Writes what a scanout shows as NAME.png.
    Shot(String, usize),
    /// CRC of what a scanout shows.
    Crc(usize),
    /// Position, resource and hot spot of a scanout's cursor.
    Cursor(usize),
    /// A mark in the trace.
    Mark(String),
    /// A beat of the display.
    Beat,
    /// Counters.
    Stats,
    /// What the checks found so far.
    Verdict,
    /// map_info of all that is mapped from now on.
    MapInfo(u32),
    /// blob_alignment from now on, for a driver that is loaded again.
    Align(u32),
    /// Fences of another device have these ids.
    Foreign(Vec<u64>),
    /// No fault, storm or timed order any more: a good device, after the driver's next reset at the latest.
    Behave,
    /// The host is gone at once.
    Die,
}

impl Order {
    /// From a line.
    pub fn parse(line: &str) -> Result<Order, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |i: usize| -> Result<usize, String> {
            match words.get(i) {
                None => Ok(0),
                Some(w) => w.parse().map_err(|_| format!("not a number: {w:?}")),
            }
        };
        let word = |i: usize| -> Result<u32, String> {
            let text = words.get(i).copied().unwrap_or("");
            text.parse().map_err(|_| format!("not a number: {text:?}"))
        };
        let name = |i: usize| match words.get(i) {
            Some(n)
                if n.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                    && !n.starts_with('.') =>
            {
                Ok(n.to_string())
            }
            other => Err(format!("not a name: {other:?}")),
        };
        match words.first().copied() {
            Some("plug") => {
                let size = words.get(2).and_then(|s| parse_size(s));
                Ok(Order::Plug(
                    number(1)?,
                    size.ok_or("plug SCANOUT WIDTHxHEIGHT")?,
                ))
            }
            Some("unplug") => Ok(Order::Unplug(number(1)?)),
            Some("storm") => Ok(Order::Storm(
                number(1)?.min(100_000) as u32,
                number(2)?.min(1000) as u64,
            )),
            Some("shot") => Ok(Order::Shot(name(1)?, number(2)?)),
            Some("crc") => Ok(Order::Crc(number(1)?)),
            Some("cursor") => Ok(Order::Cursor(number(1)?)),
            Some("mark") => Ok(Order::Mark(name(1)?)),
            Some("beat") => Ok(Order::Beat),
            Some("stats") => Ok(Order::Stats),
            Some("verdict") => Ok(Order::Verdict),
            Some("foreign") => {
                let ids = words.iter().skip(1).map(|w| w.parse().ok());
                let ids: Option<Vec<u64>> = ids.collect();
                Ok(Order::Foreign(ids.ok_or("foreign ID ...")?))
            }
            Some("map-info") => Ok(Order::MapInfo(word(1)?)),
            Some("align") => Ok(Order::Align(word(1)?)),
            Some("behave") => Ok(Order::Behave),
            Some("die") => Ok(Order::Die),
            _ => Err(format!("no such order: {line:?}")),
        }
    }
}

/// Carries out a line.
pub fn obey(host: &Arc<Host>, line: &str) -> String {
    match Order::parse(line).and_then(|order| host.order(&order)) {
        Ok(answer) => format!("ok {answer}").trim_end().to_string(),
        Err(e) => format!("error {e}"),
    }
}

/// Longest line that is taken.
const LINE: u64 = 4096;

fn serve(host: &Arc<Host>, stream: UnixStream) {
    use std::io::Read;
    let Ok(mut out) = stream.try_clone() else {
        return;
    };
    let mut input = BufReader::new(stream);
    loop {
        let mut line = String::new();
        match input.by_ref().take(LINE).read_line(&mut line) {
            Ok(n) if n > 0 => {}
            _ => return,
        }
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if writeln!(out, "{}", obey(host, line)).is_err() {
            return;
        }
    }
}

/// Listens for as long as the process lives.
pub fn listen(host: Arc<Host>, path: &std::path::Path) -> Result<(), String> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(|e| format!("{}: {e}", path.display()))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            std::thread::spawn(move || serve(&host, stream));
        }
    });
    Ok(())
}

/// Carries out a scenario's timed orders, from the driver's first doorbell on.
pub fn run_timed(host: Arc<Host>) {
    for t in host.timed() {
        let host = host.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(t.ms));
            for _ in 0..t.times {
                if host.behaves() {
                    return;
                }
                println!("timed {:?}: {}", t.line, obey(&host, &t.line));
                std::thread::sleep(Duration::from_millis(t.every_ms));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        assert_eq!(
            Order::parse("plug 1 800x600"),
            Ok(Order::Plug(1, (800, 600)))
        );
        assert_eq!(Order::parse(" unplug 3 "), Ok(Order::Unplug(3)));
        assert_eq!(
            Order::parse("shot a-1.x 2"),
            Ok(Order::Shot("a-1.x".into(), 2))
        );
        assert_eq!(Order::parse("beat"), Ok(Order::Beat));
        assert_eq!(Order::parse("align 4294967295"), Ok(Order::Align(u32::MAX)));
        for bad in [
            "",
            "align",
            "map-info -1",
            "plug 1",
            "plug x 1x1",
            "shot ../../etc",
            "shot",
            "mark .",
            "fly",
        ] {
            assert!(Order::parse(bad).is_err(), "{bad}");
        }
    }
}
