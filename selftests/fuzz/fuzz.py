#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the fuzzer and the sweep of failures in guests, and looks in QEMU's trace
whether the host has got everything back; builds a driver with each of the bugs
in planted/, which they must find.

    fuzz.py short      in the default kernel; in the gate for a few seconds
    fuzz.py debug      in the debug kernel: VGPU_PART=1/2 the fuzzer, 2/2 the sweep

SEED= repeats a run of the fuzzer. Runs inside the toolchain tree.
"""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import programs as lib  # noqa: E402
from programs import result  # noqa: E402

TOP = os.environ["VGPU_TOP"]
OUT = os.environ["VGPU_OUT"]
BUILD = os.environ["VGPU_BUILD"]
QUICK = os.environ.get("VGPU_QUICK") or ""
SEED = os.environ.get("SEED") or ""
DRIVER = os.environ.get("DRIVER") or "rust"
PROGRAMS = {"fuzz": ("fuzz.c", "virtgpu.c", "generic.c", "kms.c"), "failnth": ("failnth.c", "failnth-calls.c", "failnth-kms.c"), "rings": ("rings.c",)}
EVENTS = ("ctx_create", "ctx_destroy", "res_create_2d", "res_create_3d", "res_unref")
TRACE = re.compile(r"virtio_gpu_cmd_(\w+) (ctx|res) 0x([0-9a-f]+)")
# What QEMU says right after the trace of a creation that it then refuses (-d guest_errors goes to the same file).
REFUSED = re.compile(r"virtio_gpu_resource_create_2d: (host couldn't handle|resource creation failed)")


def build():
    """The programs; the folder they are in."""
    return lib.build({p: [os.path.join(HERE, s) for s in sources] for p, sources in PROGRAMS.items()},
                     os.path.join(TOP, "selftests", "gl"))


def left(path):
    """What the host still has at the end, and how much it had been told to make."""
    have, made, last = set(), 0, None
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if m := TRACE.search(line):
                thing = (m[2], m[3])
                if m[1] in ("ctx_create", "res_create_2d", "res_create_3d"):
                    have.add(thing)
                    made += 1
                    last = thing
                elif m[1] in ("ctx_destroy", "res_unref"):
                    have.discard(thing)
            elif REFUSED.search(line):
                have.discard(last)
    return have, made


def boot(name, gl, programs, kernel="default", seconds=60, module=None):
    """A guest that runs `programs`; its exit status, its output, what the host has left, and had."""
    out = os.path.join(OUT, name)
    os.makedirs(out, exist_ok=True)
    trace = os.path.join(out, "trace")
    env = dict(os.environ)
    if module:
        env["VGPU_MODULES"] = module
    words = [os.environ["VGPU_BOOT"], "--driver", DRIVER, "--kernel", kernel, "--image", "none", "--no-udev", "--mem", "2G",
             *(["--gl"] if gl else []), "--add", build() + ":tests", "--env", "GL=" + ("1" if gl else ""),
             "--env", "SEED=" + SEED, "--env", "BOUND=" + ("120" if kernel == "debug" else "60"),
             # KASAN keeps what was freed for a while, so there kmemleak has the say.
             "--env", "SLACK=" + ("1000000" if kernel == "debug" else "4096"),
             # No console on the screen: all that is left is the programs'.
             "--append", "drm_kms_helper.fbdev_emulation=0" + (" panic_on_warn=1" if kernel == "debug" else ""),
             "--qemu=-d guest_errors " + " ".join(f"-trace enable=virtio_gpu_cmd_{e},file={trace}" for e in EVENTS),
             "--timeout", str(seconds), "--out", out, "--run", os.path.join(HERE, "run.sh"), *programs]
    r = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                       check=False)
    return r.returncode, r.stdout, *(left(trace) if os.path.exists(trace) else ({"no trace"}, 0))


def run(name, gl, programs, **more):
    status, output, have, made = boot(name, gl, programs, **more)
    for line in output.splitlines():
        if not re.match(r"(not )?ok |TAP|1\.\.", line):
            print(line)
    seen = re.findall(r"^(not ok|ok) (\d+) - (.*)$", output, re.M)
    for good, _, what in seen:
        result(good == "ok", f"{name}: {what}")
    ended = len([s for s in seen if int(s[1]) > 100])
    result(ended == len(programs) + (more.get("kernel") == "debug") and status != 99,
           f"{name}: the guest ends well, no complaint from its kernel (status {status})")
    print(f"# {name}: of {made} contexts and resources the host has left: {sorted(have)[:20]}")
    result(made > 0 and not have, f"{name}: the host has nothing left of {made} contexts and resources")


def planted(patch, kernel, gl, programs, seconds):
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
        kdir = os.environ["VGPU_KERNEL_BUILD"]
        if kernel == "debug":
            # Next to the module of this checkout, in a folder of the kernel's name.
            name = os.environ["VGPU_MODULES_DEBUG"].split("/drivers/")[0].rsplit("/", 1)[1]
            kdir = os.path.join(os.path.dirname(kdir), name)
        with open(f"{kdir}/.make", encoding="ascii") as f:
            how = f.read().split()
        r = subprocess.run(["make", "-s", "-C", kdir, *how, f"M={tree}", f"MO={tree}/out", "CONFIG_DRM_VIRTIO_GPU_RS=m",
                            f"-j{os.cpu_count()}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        print(r.stdout[-3000:])
        result(False, f"{patch} builds")
        return
    ko = f"{tree}/out/drivers/gpu/drm/virtio_gpu/virtio_gpu_rs.ko"
    status, output, have, made = boot("planted-" + patch, gl, programs, kernel=kernel, seconds=seconds, module=ko)
    why = [f"    {line}" for line in output.splitlines() if re.match(r"# kernel: .*(WARN|BUG|Oops|panic)|not ok|# worker", line)]
    why += [f"    left at the host: {sorted(have)[:4]}"] if have else []
    print("\n".join(why[:6]))
    result(made > 0 and bool(why), f"{patch} is found (status {status})")
    shutil.rmtree(tree, ignore_errors=True)


def short():
    if QUICK:
        run("gl", True, ["fuzz64,SECONDS=6", "rings64"])
        return
    run("gl", True, ["fuzz64,SECONDS=60", "fuzz32,SECONDS=60", "rings64"], seconds=400)
    run("2d", False, ["fuzz64,SECONDS=30", "fuzz32,SECONDS=30"], seconds=300)
    planted("unchecked-count.patch", "default", True, ["fuzz64,SECONDS=60"], 300)


def debug():
    part = (os.environ.get("VGPU_PART") or "").split("/")[0]
    if part != "2":
        # Ten minutes.
        run("gl", True, ["fuzz64,SECONDS=270", "fuzz32,SECONDS=150", "rings32"], kernel="debug", seconds=1500)
        run("2d", False, ["fuzz64,SECONDS=120", "fuzz32,SECONDS=60"], kernel="debug", seconds=900)
    if part != "1":
        run("fail-gl", True, ["failnth64"], kernel="debug", seconds=1800)
        run("fail-2d", False, ["failnth32"], kernel="debug", seconds=1800)
        planted("missing-put.patch", "debug", True, ["failnth64,ONLY=execbuffer"], 600)


{"short": short, "debug": debug}[sys.argv[1]]()
