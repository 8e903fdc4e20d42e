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
import shutil
import subprocess
import sys
import tomllib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "host"), os.path.join(SELFTESTS, "lib")]

import programs as lib  # noqa: E402
from lab import Lab  # noqa: E402
from programs import result  # noqa: E402

TOP = os.environ["VGPU_TOP"]
OUT = os.environ["VGPU_OUT"]
BUILD = os.environ["VGPU_BUILD"]
MODULE = os.environ["VGPU_MODULES_DEBUG"]
# The debug kernel, which is named like the folder of its module.
KERNEL = os.path.join(os.path.dirname(os.environ["VGPU_KERNEL_BUILD"]), MODULE.split("/drivers/")[0].rsplit("/", 1)[1])
HOSTS = {"venus": ["--vulkan"], "guest-memory": ["--device", "virtio-gpu-pci,blob=on"]}
EVENTS = ("ctx_create", "ctx_destroy", "res_create_2d", "res_create_3d", "res_create_blob", "res_unref")
TRACE = re.compile(r"virtio_gpu_cmd_(\w+) (ctx|res) 0x([0-9a-f]+)")
# What QEMU says right after the trace of a creation that it then refuses (-d guest_errors goes to the same file).
REFUSED = re.compile(r"create_(2d|blob): (host couldn't handle|resource creation failed|virgl blob create error)")
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


def left(path):
    """What the host still has at the end, and how much it had been told to make."""
    have, made, last = set(), 0, None
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if m := TRACE.search(line):
                thing = (m[2], m[3])
                if "create" in m[1]:
                    have.add(thing)
                    made += 1
                    last = thing
                else:
                    have.discard(thing)
            elif REFUSED.search(line):
                have.discard(last)
    return have, made


def boot(name, host, programs, seconds, module=MODULE):
    """A guest that runs `programs`; its exit status, its output, what the host has left, and had."""
    out = os.path.join(OUT, name)
    os.makedirs(out, exist_ok=True)
    trace = os.path.join(out, "trace")
    words = [os.environ["VGPU_BOOT"], "--driver", "rust", "--kernel", "debug", "--image", "none", "--no-udev", "--mem", "2G",
             *HOSTS[host], "--add", build() + ":tests", "--add", os.path.join(SELFTESTS, "fuzz", "run.sh") + ":fuzz-run.sh",
             "--env", "GL=" + ("1" if host == "venus" else ""), "--env", "SEED=" + (os.environ.get("SEED") or ""),
             # KASAN keeps what was freed for a while, so kmemleak has the say.
             "--env", "BOUND=120", "--env", "SLACK=1000000",
             # No console on the screen: all that is left is the programs'.
             "--append", "drm_kms_helper.fbdev_emulation=0 panic_on_warn=1",
             "--qemu=-d guest_errors " + " ".join(f"-trace enable=virtio_gpu_cmd_{e},file={trace}" for e in EVENTS),
             "--timeout", str(seconds), "--out", out, "--run", os.path.join(HERE, "run.sh"), *programs]
    r = subprocess.run(words, env=dict(os.environ, VGPU_MODULES=module), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace", check=False)
    return r.returncode, r.stdout, *(left(trace) if os.path.exists(trace) else ({"no trace"}, 0))


def run(name, host, programs, seconds, goes=False):
    """Programs, one after the other; where the device goes the host is not told of each thing."""
    status, output, have, made = boot(name, host, programs, seconds)
    for line in output.splitlines():
        if not re.match(r"(not )?ok |TAP|1\.\.", line):
            print(line)
    seen = re.findall(r"^(not ok|ok) (\d+) - (.*)$", output, re.M)
    for good, _, what in seen:
        result(good == "ok", f"{name}: {what}")
    # Each program's, kmemleak's and the window's.
    ended = len([s for s in seen if int(s[1]) > 100])
    result(ended == len(programs) + 2 and status != 99, f"{name}: the guest ends well, no complaint from its kernel (status {status})")
    print(f"# {name}: of {made} contexts and resources the host has left: {sorted(have)[:20]}")
    if not goes:
        result(made > 0 and not have, f"{name}: the host has nothing left of {made} contexts and resources")


def planted(patch, host, programs, seconds):
    """Whether a driver with the bug of `patch` is found out."""
    tree = os.path.join(BUILD, "planted", patch)
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    for part in ("Kbuild", "Makefile", "drivers", "include"):
        source = os.path.join(TOP, part)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(tree, part))
    r = subprocess.run(["patch", "-s", "-p1", "-i", f"{HERE}/planted/{patch}"], cwd=tree, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode == 0:
        with open(f"{KERNEL}/.make", encoding="ascii") as f:
            how = f.read().split()
        r = subprocess.run(["make", "-s", "-C", KERNEL, *how, f"M={tree}", f"MO={tree}/out", "CONFIG_DRM_VIRTIO_GPU_RS=m",
                            f"-j{os.cpu_count()}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        print(r.stdout[-3000:])
        result(False, f"{patch} builds")
        return
    ko = f"{tree}/out/drivers/gpu/drm/virtio_gpu/virtio_gpu_rs.ko"
    status, output, have, made = boot("planted-" + patch, host, programs, seconds, module=ko)
    why = [f"    {line}" for line in output.splitlines() if re.match(r"# kernel: .*(WARN|BUG|Oops|panic)|not ok|# worker", line)]
    why += [f"    left at the host: {sorted(have)[:4]}"] if have else []
    print("\n".join(why[:6]))
    result(made > 0 and bool(why), f"{patch} is found (status {status})")
    shutil.rmtree(tree, ignore_errors=True)


def step_fuzz():
    run("fuzz-venus", "venus", ["fuzz64,SECONDS=240", "fuzz32,SECONDS=120"], 1500)
    run("fuzz-guest-memory", "guest-memory", ["fuzz64,SECONDS=120", "fuzz32,SECONDS=60"], 900)


def step_fuzz_planted():
    planted("never-unmapped.patch", "guest-memory", ["fuzz64,SECONDS=120"], 600)


def step_failnth():
    run("fail-venus", "venus", ["failnth64,ONLY=guest", "failnth64,ONLY=host"], 1800)
    run("fail-guest-memory", "guest-memory", ["failnth32,ONLY=guest", "failnth32,ONLY=import"], 1800)


def step_failnth_planted():
    planted("lost-reference.patch", "guest-memory", ["failnth64,ONLY=guest"], 600)
    planted("attached-for-good.patch", "guest-memory", ["failnth64,ONLY=import"], 600)


def step_programs():
    """What the gate runs in the default kernel, and thousands of cycles."""
    cycles = "cycles64,CYCLES=" + (os.environ.get("CYCLES") or "10000")
    run("programs-venus", "venus", ["blob64", "window64", "prime64", cycles], 2400)
    run("unplug", "venus", ["unplug64"], 900, goes=True)
    run("programs-guest-memory", "guest-memory", ["blob64", "prime64", cycles], 1800)


def step_hosts():
    """Hosts that refuse, wait, forget: killed in a mapping that is never answered, among others."""
    os.environ.update(KERNEL="debug", VGPU_MODULES_DEFAULT=MODULE, VGPU_KERNEL_BUILD=KERNEL)
    lab = Lab()
    wrong = lab.make()
    if wrong:
        result(False, "the test host builds")
        print(wrong)
        return
    tests = build()
    lab.more = [os.path.join(tests, "failnth64"), *(os.path.join(HERE, f) for f in ("leaks", "prepare-failures"))]
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
