#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Blobs and shared buffers in the debug guest, where a warning is the end: the
fuzzer with calls for them, each of those calls with each of its allocations and
copies failing, the programs of `blobs`, and hosts that refuse, wait and forget.

    VGPU_PART=1/3 the fuzzer, 2/3 the sweep, 3/3 the programs and the test host

SEED= repeats a run of the fuzzer. By hand: debug.py STEP..., which are the functions
named step_*. Runs inside the toolchain tree.
"""

import os
import re
import sys
import tomllib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "host"), os.path.join(SELFTESTS, "lib")]

import planted  # noqa: E402
import programs as lib  # noqa: E402
from lab import Lab  # noqa: E402
from programs import result  # noqa: E402
from traced import Guests  # noqa: E402

HOSTS = {"venus": ["--vulkan"], "guest-memory": ["--device", "virtio-gpu-pci,blob=on"]}
TRACED = ("ctx_create", "ctx_destroy", "res_create_2d", "res_create_3d", "res_create_blob", "res_unref")
# Of both kinds that are traced.
REFUSED = re.compile(r"create_(2d|blob): (host couldn't handle|resource creation failed|virgl blob create error)")
PREPARE = os.path.join(SELFTESTS, "fuzz", "prepare-failures")
LINE = re.compile(r"(ok|not ok) (\d+) (?:- )?(.*)")
# Hosts of the test host's with memory in a window, and with memory that is shared.
SCENARIOS = ["window", "window-never", "window-none", "window-full", "window-late", "window-refused", "window-odd",
             "moved", "stream-long", "error-blob", "error-scanout-blob"]


def build():
    """The programs; the folder they are in."""
    fuzz, gl, blobs = (os.path.join(SELFTESTS, d) for d in ("fuzz", "gl", "blobs"))
    programs = {"fuzz": [os.path.join(HERE, "fuzz-blobs.c"), *(os.path.join(fuzz, s) for s in ("fuzz.c", "generic.c", "kms.c"))],
                "failnth": [os.path.join(HERE, "failnth-blobs.c"), os.path.join(fuzz, "failnth.c")]}
    programs |= {p: [os.path.join(blobs, p + ".c")] for p in ("blob", "window", "prime", "cycles", "unplug")}
    return lib.build(programs, fuzz, gl, blobs)


GUESTS = Guests(os.path.join(HERE, "run.sh"), build, HOSTS, TRACED, REFUSED, more=1,
                add=[os.path.join(SELFTESTS, "fuzz", "run.sh") + ":fuzz-run.sh", PREPARE])


def run(name, host, programs, seconds, goes=False):
    GUESTS.run(name, host, programs, goes, kernel="debug", seconds=seconds)


def finds(patch, host, programs):
    GUESTS.finds(os.path.join(HERE, "planted", patch), host, programs, kernel="debug", seconds=600)


def step_fuzz():
    run("fuzz-venus", "venus", ["fuzz64,SECONDS=240", "fuzz32,SECONDS=120"], 1500)
    run("fuzz-guest-memory", "guest-memory", ["fuzz64,SECONDS=120", "fuzz32,SECONDS=60"], 900)


def step_fuzz_planted():
    finds("never-unmapped.patch", "guest-memory", ["fuzz64,SECONDS=120"])


def step_failnth():
    run("fail-venus", "venus", ["failnth64,ONLY=guest", "failnth64,ONLY=host"], 1800)
    run("fail-guest-memory", "guest-memory", ["failnth32,ONLY=guest", "failnth32,ONLY=import"], 1800)


def step_failnth_planted():
    finds("lost-reference.patch", "guest-memory", ["failnth64,ONLY=guest"])
    finds("attached-for-good.patch", "guest-memory", ["failnth64,ONLY=import"])


def step_programs():
    """What the gate runs in the default kernel, and thousands of cycles."""
    cycles = "cycles64,CYCLES=" + (os.environ.get("CYCLES") or "10000")
    run("programs-venus", "venus", ["blob64", "window64", "prime64", cycles], 2400)
    run("unplug", "venus", ["unplug64"], 900, goes=True)
    run("programs-guest-memory", "guest-memory", ["blob64", "prime64", cycles], 1800)


def step_hosts():
    """Hosts that refuse, wait, forget: killed in a mapping that is never answered, among others."""
    os.environ.update(KERNEL="debug", VGPU_MODULES_DEFAULT=os.environ["VGPU_MODULES_DEBUG"],
                      VGPU_KERNEL_BUILD=planted.kernel_build("debug"))
    lab = Lab()
    wrong = lab.make()
    if wrong:
        result(False, "the test host builds")
        print(wrong)
        return
    tests = build()
    lab.more = [os.path.join(tests, "failnth64"), os.path.join(SELFTESTS, "lib", "kmemleak"), PREPARE]
    scenarios = {n.removesuffix(".toml"): os.path.join(HERE, "scenarios", n) for n in sorted(os.listdir(os.path.join(HERE, "scenarios")), reverse=True)}
    scenarios |= {n: os.path.join(SELFTESTS, "host", "scenarios", n + ".toml") for n in SCENARIOS}
    for name, path in scenarios.items():
        with open(path, "rb") as f:
            more = {"append": tomllib.load(f)["guest"].get("append", "") + " panic_on_warn=1", "timeout": 900}
        how = lab.run("rust", path, **more)
        if how.status == 99 and how.retry_worthy():
            how = lab.run("rust", path, **more)
        bad = [f"the guest's end: {how.status} {how.trouble() if how.status == 99 else ''}"] if how.status else []
        bad += [f"breaks {rule}" for rule in how.broken()] + [f"the log has no {p}" for p in how.unheard()]
        for line in how.output.splitlines():
            if m := LINE.match(line):
                result(m[1] == "ok", f"{name}: {m[3]}")
        if not result(not bad, f"{name}: every step as it should be, no complaint from the kernel"):
            for line in [*bad, *how.shows(), how.dir]:
                print(f"    {line}")


PARTS = [("fuzz", "fuzz_planted"), ("failnth", "failnth_planted"), ("programs", "hosts")]


def main():
    part, parts = map(int, (os.environ.get("VGPU_PART") or "1/1").split("/"))
    chosen = sys.argv[1:] or [step for steps in PARTS[part - 1::parts] for step in steps]
    for step in chosen:
        globals()["step_" + step]()


main()
