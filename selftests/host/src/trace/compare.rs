// SPDX-License-Identifier: GPL-2.0
//! Compares the traces of two drivers that ran the same session.
//!
//! Times, addresses, fence ids and resource ids say nothing about what a driver
//! does, so they are taken out: a resource becomes the how-manieth it is since
//! the last mark. What is left is compared queue by queue, between marks.

use super::{CmdEvent, Event, Line};
use serde::Serialize;
use std::collections::BTreeMap;

/// One place where the traces part.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Difference {
    /// The mark before it, and the queue.
    pub place: String,
    /// "-" only in the first trace, "+" only in the second.
    pub side: char,
    /// The command, normalised.
    pub line: String,
}

/// A section: the commands of one queue between two marks.
type Sections = BTreeMap<(usize, String, String), Vec<String>>;

/// What a trace looks like without what is accidental.
pub fn normalise(lines: &[Line], descriptors: bool) -> Sections {
    let mut sections = Sections::new();
    let (mut index, mut mark) = (0, "start".to_string());
    let mut ids: BTreeMap<u64, String> = BTreeMap::new();
    let mut made = 0;
    for line in lines {
        match &line.event {
            Event::Mark { name } => {
                (index, mark, made) = (index + 1, name.clone(), 0);
            }
            Event::Cmd(c) => {
                if c.name.starts_with("RESOURCE_CREATE") {
                    made += 1;
                    let id = c.args.get("resource_id").copied().unwrap_or(0);
                    ids.insert(id, format!("{mark}#{made}"));
                }
                let text = describe(c, &ids, descriptors);
                sections
                    .entry((index, mark.clone(), c.queue.clone()))
                    .or_default()
                    .push(text);
            }
            _ => {}
        }
    }
    sections
}

fn describe(c: &CmdEvent, ids: &BTreeMap<u64, String>, descriptors: bool) -> String {
    let mut s = c.name.clone();
    for (name, v) in &c.args {
        match name.as_str() {
            "resource_id" if *v != 0 => {
                s += &format!(" resource={}", ids.get(v).map_or("unknown", |i| i));
            }
            // How memory happens to be cut is no difference between drivers.
            "nr_entries" => {}
            _ => s += &format!(" {name}={v}"),
        }
    }
    if let Some(b) = c.backing {
        s += &format!(" backing={b}");
    }
    if c.fence.is_some() {
        s += " fenced";
    }
    if let Some(ring) = c.ring {
        s += &format!(" ring={ring}");
    }
    if descriptors {
        s += &format!(
            " in={:?} out={:?}{}",
            c.readable,
            c.writable,
            if c.indirect { " indirect" } else { "" }
        );
    }
    s
}

/// Where two traces part, in order.
pub fn compare(a: &[Line], b: &[Line], descriptors: bool) -> Vec<Difference> {
    let (a, b) = (normalise(a, descriptors), normalise(b, descriptors));
    let mut out = Vec::new();
    let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    let none = Vec::new();
    for key in keys {
        let place = format!("{}/{}", key.1, key.2);
        let (left, right) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
        for (side, line) in difference(left, right) {
            out.push(Difference {
                place: place.clone(),
                side,
                line,
            });
        }
    }
    out
}

/// Commands that one section may have before the comparison gets coarse.
const FINE: usize = 4000;

/// The lines that are in only one of two lists, by their longest common subsequence.
fn difference(a: &[String], b: &[String]) -> Vec<(char, String)> {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let end = a[start..]
        .iter()
        .rev()
        .zip(b[start..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    let mut out = Vec::new();
    if a.len() > FINE || b.len() > FINE {
        out.extend(a.iter().map(|l| ('-', l.clone())));
        out.extend(b.iter().map(|l| ('+', l.clone())));
        return out;
    }
    let width = b.len() + 1;
    let mut table = vec![0u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = if a[i] == b[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < a.len()
            && (j == b.len() || table[(i + 1) * width + j] >= table[i * width + j + 1])
        {
            out.push(('-', a[i].clone()));
            i += 1;
        } else {
            out.push(('+', b[j].clone()));
            j += 1;
        }
    }
    out
}

/// Numbers of a trace: commands by name, doorbells, interrupts, frames, bytes.
pub fn summary(lines: &[Line]) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let mut add = |key: String, n: u64| *out.entry(key).or_insert(0) += n;
    for line in lines {
        match &line.event {
            Event::Cmd(c) => {
                add(format!("command {}", c.name), 1);
                add(format!("commands {}", c.queue), 1);
            }
            Event::Kick { queue } => add(format!("doorbells {queue}"), 1),
            Event::Done { irq, .. } => add(format!("interrupts {irq}"), 1),
            Event::Frame { copied, .. } => {
                add("frames".into(), 1);
                add("bytes copied".into(), *copied);
            }
            Event::ConfigChange { .. } => add("configuration interrupts".into(), 1),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmd(name: &str, id: u64, x: u64) -> Line {
        let args = [("resource_id".to_string(), id), ("x".to_string(), x)].into();
        let c = CmdEvent {
            name: name.into(),
            queue: "control".into(),
            args,
            ..CmdEvent::default()
        };
        Line {
            t: id,
            event: Event::Cmd(Box::new(c)),
        }
    }

    #[test]
    fn ids_do_not_matter_arguments_do() {
        let a = [cmd("RESOURCE_CREATE_2D", 5, 0), cmd("RESOURCE_FLUSH", 5, 1)];
        let b = [
            cmd("RESOURCE_CREATE_2D", 77, 0),
            cmd("RESOURCE_FLUSH", 77, 1),
        ];
        assert!(compare(&a, &b, true).is_empty());
        let c = [
            cmd("RESOURCE_CREATE_2D", 77, 0),
            cmd("SET_SCANOUT", 77, 1),
            cmd("RESOURCE_FLUSH", 77, 2),
        ];
        let d = compare(&a, &c, false);
        let sides: Vec<char> = d.iter().map(|d| d.side).collect();
        assert_eq!(sides, ['-', '+', '+']);
        assert_eq!(d[1].place, "start/control");
        assert!(d[1].line.contains("resource=start#1"));
    }

    #[test]
    fn lines_survive_the_file() {
        let dir = std::env::temp_dir().join(format!("gpuhost-trace-{}", std::process::id()));
        let mut w = super::super::Writer::new(Some(&dir)).unwrap();
        let event = Event::Frame {
            scanout: 0,
            resource: 1,
            width: 2,
            height: 3,
            crc: Some("0badcafe".into()),
            in_place: true,
            copied: 0,
        };
        w.event(event.clone());
        w.event(cmd("RESOURCE_FLUSH", 1, 2).event);
        w.flush();
        let back = super::super::load(&dir).unwrap();
        std::fs::remove_file(&dir).unwrap();
        assert_eq!((back.len(), &back[0].event), (2, &event));
        assert_eq!(summary(&back)["frames"], 1);
    }
}
