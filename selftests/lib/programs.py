# SPDX-License-Identifier: GPL-2.0
"""For groups whose tests are C programs in the guest: the programs, and the group's lines of results."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
number = 0


def result(good, name):
    """A line of the group's result, the next one."""
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    return good


def tell(results):
    """All lines of the group's result at once, [(good, name)]; its exit status."""
    print(f"1..{len(results)}")
    for good, name in results:
        result(good, name)
    return 0 if results and all(good for good, _ in results) else 1


def build(programs, *folders, to=None):
    """Static programs for 64 and 32 bits from their sources, {name: [source, ...]}, made anew when a source or header
    in their folder or in `folders`, where they look for headers too, is newer; the folder they are in, `to` or tests in
    VGPU_BUILD."""
    tests = to or os.path.join(os.environ["VGPU_BUILD"], "tests")
    os.makedirs(tests, exist_ok=True)
    harness = os.path.join(os.environ["VGPU_LINUX"], "tools", "testing", "selftests")
    for program, sources in programs.items():
        places = {os.path.dirname(s) for s in sources} | {HERE, *folders}
        newest = max(os.path.getmtime(os.path.join(d, f)) for d in places for f in os.listdir(d) if f.endswith((".c", ".h")))
        for bits in ("64", "32"):
            out = os.path.join(tests, program + bits)
            if os.path.exists(out) and os.path.getmtime(out) > newest:
                continue
            subprocess.run([os.environ.get("CC") or "gcc", "-m" + bits, "-static", "-s", "-O2", "-Wall",
                            "-Wno-pointer-to-int-cast", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
                            *("-I" + d for d in (*folders, HERE, harness)), "-o", out, *sources], check=True)
    return tests


def build_ioctl(to=None):
    """The programs of the ioctl group, which others run as well."""
    ioctl = os.path.join(os.path.dirname(HERE), "ioctl")
    return build({p: [os.path.join(ioctl, p + ".c")] for p in ("ioctl", "display")}, to=to)
