# SPDX-License-Identifier: GPL-2.0
"""The real udmabuf driver between the guest and the picture: a guest whose kernel has that driver runs QEMU,
and the guest in that one draws. What the inner QEMU shows is a dma-buf of the inner guest's pages."""

import os
import re
import shutil
import subprocess
import sys
import types

import qemu

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "guest"))
import vm  # noqa: E402

NAME = "nested"
FRAMES, WIDTH, HEIGHT = 6, 800, 600


def inner(driver, program, out):
    """Kernel and initramfs of the inner guest."""
    kernel = os.environ["VGPU_KERNEL_BUILD"]
    boot = vm.Boot(types.SimpleNamespace(
        out=out, kernel_dir=kernel, kernel="default", driver=driver, module=[os.environ["VGPU_MODULES_DEFAULT"]],
        image="none", shell=False, udev=False, env=[], add=[program], run=[f"{HERE}/nested-inner.sh", str(FRAMES)]))
    shutil.move(boot._initramfs(), f"{out}/initramfs")
    shutil.rmtree(boot.dir)
    shutil.copy(f"{kernel}/vmlinux", f"{out}/vmlinux")


def run(lab, result, driver, program):
    """One boot of both."""
    out = os.path.join(lab.out, f"{NAME}-{driver}")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    inner(driver, program, out)
    share = " ".join(f"-fsdev local,id={d},path=/{d},security_model=none,readonly=on,multidevs=remap "
                     f"-device virtio-9p-pci,fsdev={d},mount_tag={d}" for d in ("usr", "etc"))
    env = dict(os.environ, VGPU_MODULES=os.environ["VGPU_MODULES_DEFAULT"])
    status = subprocess.run(
        [lab.boot, "--driver", "none", "--image", "none", "--quiet", "--mem", "3G", "--timeout", "1500", "--out", out,
         "--env", "VGPU_WAIT_CARD=0", f"--qemu={share}", "--run", f"{HERE}/nested.sh", str(WIDTH), str(HEIGHT)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=env).returncode

    def text(name):
        try:
            with open(f"{out}/{name}", encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    for large in ("vmlinux", "initramfs"):
        os.unlink(f"{out}/{large}")
    bad = [f"the guest's end: {status}"] if status else []
    found = re.search(r"^nested: up (\d+) s, dma-bufs of udmabuf (\d+)$", text("guest.log"), re.M)
    if not found or not int(found[2]):
        bad.append("the inner QEMU has made no dma-buf")
    transfers, shown = (len(re.findall(rf"\b{e} ", text("trace")))
                        for e in ("virtio_gpu_cmd_res_xfer_toh_2d", "virtio_gpu_cmd_set_scanout_blob"))
    print(f"    nested {driver}: bytes copied per frame: {transfers * WIDTH * HEIGHT * 4 // FRAMES}; transfers {transfers}, "
          f"set_scanout_blob {shown}" + (f", dma-bufs {found[2]}, shown after {found[1]} s" if found else ""), flush=True)
    if transfers or shown < FRAMES:
        bad.append(f"{transfers} transfers, {shown} times SET_SCANOUT_BLOB")
    picture = qemu.read(f"{out}/shown.ppm")
    if picture is None or picture.shape != (HEIGHT, WIDTH, 3) or (picture != qemu.pattern(WIDTH, HEIGHT, FRAMES)).any():
        bad.append("the picture is not what was drawn")
    if driver == "c":
        for what in bad:
            print(f"    nested c: {what}", flush=True)
    elif not result(not bad, "nested: the picture gets to the host through a real dma-buf, pixel for pixel"):
        print("\n".join("    " + line for line in [*bad, *text("guest.log").splitlines()[-12:], out]))
