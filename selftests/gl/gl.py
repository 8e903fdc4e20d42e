#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the test programs of this folder in a guest whose host has virgl, and
looks in QEMU's trace at what the host was told: every context and every 3D
resource is gone at the end, and contexts have the names they were given.

DRIVER=c runs them on the C driver. Runs inside the toolchain tree.
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
DRIVER = os.environ.get("DRIVER") or "rust"
QUICK = os.environ.get("VGPU_QUICK") or ""
PROGRAMS = ("context", "resource", "submit", "async", "sync", "wire", "life")
EVENTS = ("ctx_create", "ctx_destroy", "ctx_res_attach", "ctx_res_detach", "ctx_submit", "res_create_3d", "res_unref")
TRACE = re.compile(r"virtio_gpu_cmd_(\w+) (?:ctx 0x([0-9a-f]+)(?:, (?:res 0x([0-9a-f]+)|name (.*)|size.*))?|res 0x([0-9a-f]+).*)$")


def build():
    """The programs; the folder they are in."""
    return lib.build({p: [os.path.join(HERE, p + ".c")] for p in (*PROGRAMS, "gone")})


class Host:
    """What the host has, going by what it was told."""

    def __init__(self, lines):
        self.contexts, self.resources, self.attached = {}, set(), set()
        self.counts, self.names, self.wrong = dict.fromkeys(EVENTS, 0), set(), []
        self.most, self.highest = 0, 0
        for line in lines:
            if m := TRACE.search(line):
                self.counts[m[1]] = self.counts.get(m[1], 0) + 1
                self._event(m[1], m[2], m[3] or m[5], m[4])

    def _event(self, event, ctx, res, name):
        if event == "ctx_create":
            if ctx in self.contexts:
                self.wrong.append(f"context {ctx} made twice")
            self.contexts[ctx] = name
            self.names.add(name)
            self.most, self.highest = max(self.most, len(self.contexts)), max(self.highest, int(ctx, 16))
        elif event == "ctx_destroy":
            if ctx not in self.contexts:
                self.wrong.append(f"context {ctx} destroyed, and is not there")
            self.contexts.pop(ctx, None)
            self.attached = {a for a in self.attached if a[0] != ctx}
        elif event == "ctx_submit" and ctx not in self.contexts:
            self.wrong.append(f"a stream for context {ctx}, which is not there")
        elif event == "ctx_res_attach":
            if ctx not in self.contexts or (ctx, res) in self.attached:
                self.wrong.append(f"resource {res} attached to context {ctx} twice, or to none")
            self.attached.add((ctx, res))
        elif event == "ctx_res_detach":
            if (ctx, res) not in self.attached:
                self.wrong.append(f"resource {res} detached from context {ctx}, and it is not attached")
            self.attached.discard((ctx, res))
        elif event == "res_create_3d":
            if res in self.resources:
                self.wrong.append(f"resource {res} made twice")
            self.resources.add(res)
        elif event == "res_unref":
            self.resources.discard(res)


def boot(out, timeout, *words):
    """The programs in a guest with virgl; its status."""
    return subprocess.run(
        [os.environ["VGPU_BOOT"], "--driver", DRIVER, "--image", "none", "--no-udev", "--gl", "--add", build() + ":tests",
         "--env", "VGPU_QUICK=" + QUICK,
         # No console on the screen: what draws it waits for vertical blanks, which come late while the host is this busy.
         "--append", "drm_kms_helper.fbdev_emulation=0", "--timeout", str(timeout), *words,
         "--out", out, "--run", os.path.join(HERE, "run.sh")], check=False).returncode


def programs():
    trace = os.path.join(OUT, "trace")
    words = " ".join(f"-trace enable=virtio_gpu_cmd_{e},file={trace}" for e in EVENTS)
    cycles = "200" if QUICK else os.environ.get("CYCLES") or "10000"
    status = boot(OUT, 1200, "--env", "CYCLES=" + cycles, "--qemu=" + words)
    lib.number = 500
    result(status != 99, "the guest ends well, no complaint from its kernel")
    try:
        with open(trace, encoding="utf-8", errors="replace") as f:
            host = Host(f.read().splitlines())
    except FileNotFoundError:
        return result(False, "QEMU leaves a trace")
    print(f"# the host was told: {', '.join(f'{n} {e}' for e, n in sorted(host.counts.items()))}; "
          f"at most {host.most} contexts at once, highest number {host.highest}")
    for w in host.wrong[:20]:
        print("# " + w)
    result(host.counts["ctx_create"] > 500 and not host.contexts, "every context that was made is gone")
    result(host.counts["res_create_3d"] > 500 and not host.resources, "every 3D resource that was made is gone")
    result(not host.wrong, "contexts and resources are there when they are named, attached once, detached once")
    # A number is free when the host has answered, so a file that comes meanwhile gets another one; a host that is
    # short of time lets some hundred pass.
    result(host.highest <= host.counts["ctx_create"] // 2, "numbers of contexts are used again")
    result({"a name", "name", "x" * 63} <= host.names, "contexts have the names that they were given (row 39)")
    result("submit64" in {n and n.split()[0] for n in host.names}, "and otherwise that of the program (row 39)")


def bounced():
    """The transfers once more on a device behind the DMA API, where the host sees copies of all pages (row 110)."""
    status = boot(os.path.join(OUT, "bounced"), 600, "--device", "virtio-gpu-gl-pci,iommu_platform=on",
                  "--append", "swiotlb=65536,force", "--env", "VGPU_DMA=1", "--env", "PROGRAMS=resource")
    lib.number = 800
    result(status == 0, "behind the DMA API the guest ends well, no complaint from its kernel")


def gone():
    """The device is taken away."""
    status = boot(os.path.join(OUT, "gone"), 200, "--env", "PROGRAMS=gone")
    lib.number = 900
    result(status == 0, "after the device was taken away the guest ends well, no complaint from its kernel")


def main():
    programs()
    bounced()
    gone()


main()
