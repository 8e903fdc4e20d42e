#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the programs of this folder in guests with blobs: on a host with Venus,
which has memory for whoever asks, on one with virgl alone, and on one without 3D,
which reads the guest's.
Beyond the gate: Vulkan programs, and the C driver beside ours.

DRIVER=c runs all of it on the C driver. Runs inside the toolchain tree.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import programs as lib  # noqa: E402
from programs import result  # noqa: E402

OUT = os.environ["VGPU_OUT"]
BOOT = os.environ["VGPU_BOOT"]
QUICK = os.environ.get("VGPU_QUICK") or ""
HOSTS = {"venus": ["--vulkan"], "virgl": ["--gl", "--device", "virtio-gpu-gl-pci,blob=on"],
         "guest-memory": ["--device", "virtio-gpu-pci,blob=on"]}
PROGRAMS = {"venus": ["blob", "window", "prime", "cycles", "unplug"], "virgl": ["blob", "prime"],
            "guest-memory": ["blob", "prime", "cycles"]}
LINE = re.compile(r"(ok|not ok) (\d+) (?:- )?(.*)")


def build():
    """The programs; the folder they are in."""
    gl = os.path.join(os.path.dirname(HERE), "gl")
    return lib.build({p: [os.path.join(HERE, p + ".c")] for p in PROGRAMS["venus"]}, gl)


def boot(name, driver, words, script, *args):
    """Boots once; its lines of results become ours, with the boot's name before them."""
    out = os.path.join(OUT, f"{name}-{driver}")
    r = subprocess.run([BOOT, "--driver", driver, "--quiet", "--timeout", "1500", "--out", out, *words,
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
        elif line.startswith("# figures: "):
            print(f"    {name} {driver}: {line[11:]}")
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
            if QUICK and host == "virgl":
                continue
            names = [p + bits for p in PROGRAMS[host] for bits in (["64"] if QUICK else ["64", "32"])]
            boot(host, driver, [*words, "--image", "none", "--no-udev", "--add", tests + ":tests", "--env", "CYCLES=" + cycles,
                                "--append", "drm_kms_helper.fbdev_emulation=0"], "run.sh", *names)
        if not QUICK:
            boot("vulkan", driver, ["--vulkan"], "vulkan.sh")


main()
