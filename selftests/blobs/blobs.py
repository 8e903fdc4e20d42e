#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the programs of this folder in guests with blobs: on a host with Venus,
which has memory for whoever asks, and on one without 3D, which reads the guest's.
Beyond the gate: Vulkan programs, and the C driver beside ours.

DRIVER=c runs all of it on the C driver. Runs inside the toolchain tree.
"""

import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.environ["VGPU_OUT"]
BUILD = os.environ["VGPU_BUILD"]
BOOT = os.environ["VGPU_BOOT"]
QUICK = os.environ.get("VGPU_QUICK") or ""
HOSTS = {"venus": ["--vulkan"], "guest-memory": ["--device", "virtio-gpu-pci,blob=on"]}
PROGRAMS = {"venus": ["blob", "window", "prime"], "guest-memory": ["blob", "prime"]}
LINE = re.compile(r"(ok|not ok) (\d+) (?:- )?(.*)")
number = 0


def result(good, name):
    """A line of the group's result."""
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)


def build():
    """The programs, for 64 and 32 bits; the folder they are in."""
    tests = os.path.join(BUILD, "tests")
    os.makedirs(tests, exist_ok=True)
    gl = os.path.join(HERE, "..", "gl")
    for program in ("blob", "window", "prime"):
        for bits in ("64", "32"):
            to = os.path.join(tests, program + bits)
            sources = [os.path.join(HERE, program + ".c"), os.path.join(HERE, "blobs.h"), os.path.join(gl, "gl.h")]
            if os.path.exists(to) and os.path.getmtime(to) > max(os.path.getmtime(s) for s in sources):
                continue
            subprocess.run([os.environ.get("CC") or "gcc", "-m" + bits, "-static", "-s", "-O2", "-Wall",
                            "-Wno-pointer-to-int-cast", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-I" + gl,
                            "-I" + os.environ["VGPU_LINUX"] + "/tools/testing/selftests", "-o", to, sources[0]], check=True)
    return tests


def boot(name, driver, words, script, *args):
    """Boots once; its lines of results become ours, with the boot's name before them."""
    out = os.path.join(OUT, f"{name}-{driver}")
    r = subprocess.run([BOOT, "--driver", driver, "--quiet", "--timeout", "900", "--out", out, *words,
                        "--run", os.path.join(HERE, script), *args], check=False)
    try:
        with open(os.path.join(out, "guest.log"), encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        if m := LINE.match(line):
            result(m[1] == "ok", f"{name} {driver}: {m[3]}")
        elif line.startswith(("#  ", "# selftests", "# /", "    ")) and "OK" not in line and "RUN" not in line:
            print("    " + line.strip("# "))
        elif " leaves " in line:
            result("used 0 " in line or "not visible" in line, f"{name} {driver}: {line.strip('# ')}")
    # What its script says by its status is in the lines above.
    result(r.returncode in (0, 1) and lines, f"{name} {driver}: the guest ends well, no complaint from its kernel")
    if os.path.exists(os.path.join(out, "udmabuf")):
        with open(os.path.join(out, "udmabuf"), encoding="ascii") as f:
            print(f"# {name}: dma-bufs of the host are made by {f.read().strip()}")


def main():
    tests = build()
    drivers = [os.environ.get("DRIVER") or "rust"]
    if not QUICK and not os.environ.get("DRIVER"):
        drivers.append("c")
    for driver in drivers:
        cycles = "300" if QUICK or driver == "c" else os.environ.get("CYCLES") or "10000"
        for host, words in HOSTS.items():
            names = [p + bits for p in PROGRAMS[host] for bits in (["64"] if QUICK else ["64", "32"])]
            boot(host, driver, [*words, "--image", "none", "--no-udev", "--add", tests + ":tests", "--env", "CYCLES=" + cycles,
                                "--append", "drm_kms_helper.fbdev_emulation=0"], "run.sh", *names)
        if not QUICK:
            boot("vulkan", driver, ["--vulkan"], "vulkan.sh")


main()
