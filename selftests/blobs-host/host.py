#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Blobs, their window and shared memory on the test host, with both drivers: the
scenarios of `host` that are about them, and blobs of gigabytes. What is known of the
C driver to hang there has to hang on it, at the place that is known, and not on ours.

By hand: scripts/enter selftests/blobs-host/group SCENARIO... runs these.
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "host"), os.path.join(SELFTESTS, "lib")]

import programs as lib  # noqa: E402
from lab import Lab  # noqa: E402
from programs import result  # noqa: E402

QUICK = bool(os.environ.get("VGPU_QUICK"))
GATE = ["window-full"]
# The C driver's hangs: which weakness, and the function that it sleeps in.
HANGS = {
    "window-never": ("W2", r"virtio_gpu_vram_mmap"),
    "window-full": ("W3", r"virtio_gpu_vram_mmap"),
    "window-none": ("W3", r"virtio_gpu_vram_mmap"),
    "stream-long": ("W4", r"virtio_gpu_queue_fenced_ctrl_buffer"),
    "moved": ("W7", r"virtgpu_dma_buf_move_notify"),
}
SHARED = [*HANGS, "window", "window-align", "window-late", "window-odd", "window-refused", "window-short", "error-blob",
          "error-scanout-blob", "session-blob", "conformance-blob", "ring-16-blob"]
# Gigabytes of guest memory, of which at most half is written to, and how many entries the longest list of a blob has.
LARGE = {
    "large": (6, 1000000, 1 << 20), "large-pieces": (10, 1000000, 1 << 20), "large-pieces-no-indirect": (10, 1000000, 1 << 20),
}
# Programs for 64 and 32 bits that go along.
PROGRAMS = ("share",)
MODULES = ("scatter", "copier")
OWN = ["share"]
# Where the C driver runs beside ours; of the rest that is in `host`.
BESIDE = [*HANGS, "share"]
# What a client is told when the host has failed it.
ERRNO = {"Input/output error", "No such device"}
LINE = re.compile(r"(ok|not ok) (\d+) (?:- )?(.*)")


def path(name):
    return os.path.join(HERE if name in LARGE or name in OWN else os.path.join(SELFTESTS, "host"), "scenarios", name + ".toml")


def build(lab):
    """The modules of the guest's, and the programs: they go along."""
    kernel = os.environ["VGPU_KERNEL_BUILD"]
    with open(f"{kernel}/.make", encoding="ascii") as f:
        how = f.read().split()
    for module in MODULES:
        to = os.path.join(lab.build, module)
        shutil.copytree(os.path.join(HERE, module), to, dirs_exist_ok=True)
        r = subprocess.run(["make", "-s", "-C", kernel, *how, f"M={to}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            return r.stdout[-2000:]
        lab.more.append(os.path.join(to, module + ".ko"))
    large = os.path.join(lab.build, "large")
    r = subprocess.run(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", f"-I{SELFTESTS}/lib", f"-I{SELFTESTS}/host/guest", "-o", large,
                        f"{HERE}/large.c"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tests = lib.build({p: [os.path.join(HERE, p + ".c")] for p in PROGRAMS}, os.path.join(SELFTESTS, "blobs"), os.path.join(SELFTESTS, "gl"))
    lab.more += [large, *(os.path.join(tests, p + bits) for p in PROGRAMS for bits in ("64", "32"))]
    return r.stdout[-2000:] if r.returncode else ""


def run(lab, driver, name):
    """A scenario, once more where QEMU or the guest's clock went wrong by themselves."""
    os.environ["MEM"] = f"{LARGE[name][0]}G" if name in LARGE else "1G"
    how = lab.run(driver, path(name))
    return lab.run(driver, path(name)) if how.status and how.retry_worthy() else how


def events(how):
    with open(how.trace, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def faults(how):
    """What our driver did wrong, or what makes the run worthless; empty for a good one."""
    bad = []
    if how.status:
        bad.append({98: "does not come back", 99: how.trouble()}.get(how.status, "a step fails"))
    if how.host is None:
        bad.append("the host did not end")
    if how.faults and not how.guest.get("may-idle") and how.report and not how.report["stats"]["struck"]:
        bad.append("the fault never struck")
    bad += [f"breaks {rule}" for rule in how.broken()]
    bad += [f"fails with {e}" for e in sorted(how.errors() - ERRNO)]
    return bad + [f"the log has no {p}" for p in how.unheard()]


def large(how, name):
    """What the host saw of blobs of gigabytes: entries as few as they can be, everything taken back."""
    trace, there, lists = events(how), set(), []
    _, least, most = LARGE[name]
    for e in trace:
        if e["ev"] != "cmd":
            continue
        if e["name"] == "RESOURCE_CREATE_BLOB" and e["args"]["size"] > 1 << 31:
            there.add(e["args"]["resource_id"])
            lists.append((e["args"]["nr_entries"], e["backing"] == e["args"]["size"]))
        elif e["name"] == "RESOURCE_UNREF" and e["args"]["resource_id"] in there:
            there.discard(e["args"]["resource_id"])
    counts = [n for n, _ in lists]
    print(f"    {name}: {len(lists)} blobs at the host, of {min(counts, default=0)} to {max(counts, default=0)} entries")
    result(lists and all(whole for _, whole in lists), f"{name}: the lists name all of the memory")
    result(least <= max(counts, default=0) <= most, f"{name}: the longest list has between {least} and {most} entries")
    result(not there, f"{name}: the host has been told to let go of each")


def ours(lab, name):
    how = run(lab, "rust", name)
    bad = faults(how)
    for line in how.output.splitlines():
        if m := LINE.match(line):
            result(m[1] == "ok", f"{name}: {m[3]}")
        elif re.match(r"# +share\.c:", line):
            print("    " + line)
        if line.startswith("# ") and not line.startswith("# kernel") and name in LARGE:
            print("    " + line)
    if not result(not bad, f"{name} rust: every step as it should be, no rule broken"):
        for line in [*bad, *how.shows(), how.dir]:
            print(f"    {line}")
    if name in LARGE:
        large(how, name)
    if name in OWN:
        frames = [e for e in events(how) if e["ev"] == "frame"]
        copied = sum(e["copied"] for e in frames)
        result(frames and all(e["in_place"] for e in frames) and not copied, f"{name}: {len(frames)} frames of shared memory, {copied} bytes copied")


def theirs(lab, name):
    """The C driver beside it: a known hang is checked, other ends are told."""
    how = run(lab, "c", name)
    if name not in HANGS:
        end = how.trouble() if how.status == 99 else {0: "as well", 98: "does not come back"}.get(how.status, "a step fails")
        print(f"    {name} c: {end}{', breaks ' + ' '.join(how.broken()) if how.broken() else ''}", flush=True)
        return
    weakness, place = HANGS[name]
    with open(os.path.join(how.dir, "console.log"), encoding="utf-8", errors="replace") as f:
        said = how.output + f.read()
    stuck = re.search(r"run: HANG: .*|INFO: task .* blocked.*", said)
    result(how.status == 99 and stuck and re.search(place, said), f"{name} c: hangs ({weakness})")
    print(f"    {name} c: {stuck[0].strip() if stuck else how.shows()[-3:]}; in {place}: {bool(re.search(place, said))}", flush=True)


def main():
    lab = Lab()
    wrong = lab.make() or build(lab)
    if wrong:
        result(False, "the test host builds")
        print(wrong)
        return
    part, parts = map(int, (os.environ.get("VGPU_PART") or "1/1").split("/"))
    names = sys.argv[1:] or (GATE if QUICK else [*OWN, *SHARED, *LARGE][part - 1::parts])
    for name in names:
        ours(lab, name)
        if not QUICK and name in BESIDE:
            theirs(lab, name)


main()
