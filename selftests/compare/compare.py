#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What drm_info, modetest and kmsdump say of a card under the C driver and under
ours, in one boot. Every difference has to be in the table of
Documentation/gpu/differences.rst with its reason.

Ids of objects, properties, blobs and framebuffers are no difference, and neither
is what the console did last (damage clips of the last update). Two cards: one
with two outputs, one without EDID and of another size.

compare.py --files DIR    only compares what an earlier run left there
"""

import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "selftests", "lib"))

import guest  # noqa: E402

TABLE = os.path.join(TOP, "Documentation", "gpu", "differences.rst")
DRM_MODE_PROP_BLOB, DRM_MODE_PROP_OBJECT = 16, 64
CARDS = ("virtio-gpu-pci,max_outputs=2", "virtio-gpu-pci,edid=off,xres=1024,yres=768")


def from_json(text):
    """drm_info's JSON as {path: value}."""
    found, kinds = {}, {}
    card, = json.loads(text).values()

    def collect(kind):
        for n, obj in enumerate(card.get(kind) or []):
            kinds[obj["id"]] = f"{kind} {n}"
    for kind in ("connectors", "encoders", "crtcs", "planes"):
        collect(kind)

    def walk(path, value):
        if isinstance(value, dict):
            if path.endswith("FB_DAMAGE_CLIPS"):
                value = {k: v for k, v in value.items() if k not in ("raw_value", "value", "data")}
            # The value of a property of kind blob or object is an id.
            reference = "raw_value" in value and value["type"] in (DRM_MODE_PROP_BLOB, DRM_MODE_PROP_OBJECT)
            for k, v in value.items():
                if k in ("id", "fb_id") or (reference and k in ("raw_value", "value")):
                    v = kinds.get(v, "some" if v else "none")
                elif k.endswith("_id") and isinstance(v, int):
                    v = kinds.get(v, v)
                walk(f"{path}/{k}", v)
        elif isinstance(value, list):
            for n, v in enumerate(value):
                walk(f"{path}/{n}", kinds.get(v, v) if path.endswith("/encoders") and isinstance(v, int) else v)
            found[f"{path}/count"] = len(value)
        else:
            found[path] = value
    walk("", card)
    return found


def from_modetest(text):
    """modetest's text as {line: how often}, without ids."""
    found, ids, section, prop = {}, {}, "", ""
    lines = text.splitlines()
    for line in lines:
        if re.fullmatch(r"(Encoders|Connectors|CRTCs|Planes):", line):
            section = line[:-1]
        elif m := re.match(r"(\d+)\t", line):
            ids[m.group(1)] = f"{section} {sum(v.startswith(section) for v in ids.values())}"
    section, where = "", ""
    for line in lines:
        if re.fullmatch(r"(Encoders|Connectors|CRTCs|Planes|Frame buffers):", line):
            section = where = line[:-1]
        elif re.match(r"\d+\t", line):
            words = line.split("\t")
            # The columns that name other objects; a framebuffer is just there or not.
            names = {"Encoders": (1,), "Connectors": (1, 7), "CRTCs": (), "Planes": (1,)}.get(section, ())
            fb = {"CRTCs": 1, "Planes": 2}.get(section)
            where = ids.get(words[0], section)
            words = [where] + [", ".join(ids.get(i.strip(), i) for i in w.split(",")) if n in names else
                               ("some" if w.strip("0 ") else "none") if n == fb else w for n, w in enumerate(words) if n]
            line = " ".join(words)
        elif m := re.match(r"\t(\d+) (\S.*):$", line):
            prop, line = m.group(2), f"property {m.group(2)}"
        elif m := re.match(r"\t\tvalue: (\d+)$", line):
            if prop in ("FB_ID", "CRTC_ID", "MODE_ID"):
                line = "value: " + ids.get(m.group(1), "some" if m.group(1) != "0" else "none")
        where_prop = f"{where}, {prop}" if line.startswith(("\t\t", "value")) else where
        if prop == "FB_DAMAGE_CLIPS" and line.startswith("\t\t\t"):
            continue
        key = f"{where_prop}: {line.strip()}"
        found[key] = found.get(key, 0) + 1
    return found


def from_kmsdump(text):
    found = {}
    for line in text.splitlines():
        path, _, value = line.partition(" = ")
        if path.endswith("property FB_DAMAGE_CLIPS: value"):
            continue
        found[path] = f"{found[path]}, {value}" if path in found else value
    return found


def table():
    """[(pattern, reason)] from the document: rows of its list-table, the pattern in the first column."""
    with open(TABLE, encoding="utf-8") as f:
        rows = re.split(r"^   \* - ", f.read(), flags=re.M)[2:]
    out = []
    for row in rows:
        cells = [" ".join(c.split()) for c in re.split(r"^     - ", row, flags=re.M)]
        out.append((re.compile(cells[0].strip("`")), cells[-1]))
    return out


def differences(tool, c, rust):
    """A line each: place and both values."""
    return [f"{tool}: {path}: C {c.get(path)!r}, Rust {rust.get(path)!r}" for path in sorted(set(c) | set(rust))
            if c.get(path) != rust.get(path)]


def blind(tool, reader, text):
    """Whether the comparison overlooks another name, another size, another possible CRTC or a lost property."""
    changes = {"json": (('"virtio GPU"', '"virtio_GPU"'), ('"hdisplay": 800', '"hdisplay": 808'),
                        ('"possible_crtcs": 1', '"possible_crtcs": 3'), ('"link-status"', '"link"')),
               "modetest": (("opened device", "opened"), ("800x600", "808x600"), ("0x00000001", "0x00000003"),
                            (" link-status:", " link:")),
               "kmsdump": (("virtio GPU", "virtio_GPU"), ("800x600", "808x600"), ("crtcs = 1", "crtcs = 3"),
                           ("property link-status", "property link"))}
    return [old for old, new in changes[tool]
            if old not in text or not differences(tool, reader(text), reader(text.replace(old, new, 1)))]


def main():
    out = os.environ.get("VGPU_OUT") or guest.scratch()
    if sys.argv[1:2] == ["--files"]:
        out = sys.argv[2]
        status = 0
    else:
        dump = guest.compile_static(os.path.join(HERE, "kmsdump.c"), "-I/usr/include/libdrm", "-ldrm")
        devices = [w for card in CARDS for w in ("--device", card)]
        status = subprocess.run([guest.BOOT, "--driver", "rust", "--image", "guest", "--out", out, "--quiet", *devices,
                                 "--add", dump, "--run", os.path.join(HERE, "dump.sh")], check=False).returncode
    known, used, n, good = table(), set(), 0, True
    for tool, reader in (("json", from_json), ("modetest", from_modetest), ("kmsdump", from_kmsdump)):
        for card in range(len(CARDS)):
            found, text = {}, ""
            for driver in ("c", "rust"):
                try:
                    with open(os.path.join(out, f"{driver}-{card}.{tool}"), encoding="utf-8", errors="replace") as f:
                        text = f.read()
                    found[driver] = reader(text)
                except (OSError, ValueError) as e:
                    print(f"# {driver}, card {card}, {tool}: {e}")
                    found[driver] = {}
            listed, bad = 0, not found["c"] or len(found["c"]) < 40
            for line in differences(tool, found["c"], found["rust"]):
                hits = [k for k, (pattern, _) in enumerate(known) if pattern.fullmatch(line)]
                used.update(hits)
                listed += bool(hits)
                if not hits:
                    bad = True
                    print(f"# card {card}, {line}")
            n += 1
            good &= not bad
            what = {"json": "drm_info"}.get(tool, tool)
            print(f"{'not ok' if bad else 'ok'} {n} - {what}, {CARDS[card]}: {len(found['c'])} values, {listed} differ for a reason")
        n += 1
        unseen = blind(tool, reader, text)
        good &= not unseen
        print(f"{'not ok' if unseen else 'ok'} {n} - the comparison sees changes{': not ' if unseen else ''}{', '.join(unseen)}")
    for k, (pattern, why) in enumerate(known):
        if k not in used:
            print(f"# no difference now: {pattern.pattern} ({why})")
    n += 1
    print(f"{'ok' if status == 0 else 'not ok'} {n} - the guest ends well, no complaint from its kernel")
    return 0 if good and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
