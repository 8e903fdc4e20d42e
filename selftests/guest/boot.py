#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Boots the guest once. Called by selftests/guest/boot, which has made what is named here."""

import argparse
import os
import shlex
import sys

from vm import Boot


def options(argv):
    """The options of one boot; each has an environment variable that gives its default."""
    def env(name, default):
        return os.environ.get(name) or default

    p = argparse.ArgumentParser(prog="boot", description="Boots the guest, runs a script in it, says how it went.")
    p.add_argument("--driver", choices=["rust", "c", "none"], default=env("DRIVER", "rust"))
    p.add_argument("--image", choices=["guest", "igt", "piglit", "none"], default=env("IMAGE", "guest"))
    p.add_argument("--kernel", default=env("KERNEL", "default"), help="default or debug")
    p.add_argument("--machine", choices=["q35", "microvm"], default=env("MACHINE", "q35"))
    p.add_argument("--device", action="append", help="QEMU's words for the device; may come more than once")
    p.add_argument("--gl", action="store_true", default=bool(env("GL", "")), help="a display that draws with GL")
    p.add_argument("--vulkan", action="store_true", default=bool(env("VULKAN", "")), help="the same with blobs and Venus")
    p.add_argument("--window", action="store_true", default=bool(env("WINDOW", "")), help="a window on DISPLAY")
    p.add_argument("--smp", type=int, default=int(env("SMP", "2")))
    p.add_argument("--mem", default=env("MEM", ""), help="default 1G, 2G with --vulkan")
    p.add_argument("--cpu", default=env("CPU", "max"))
    p.add_argument("--accel", default=env("ACCEL", "tcg,thread=multi,tb-size=512"))
    p.add_argument("--append", action="append", default=shlex.split(env("APPEND", "")), help="kernel parameters")
    p.add_argument("--qemu", action="append", default=[], help="more words for QEMU's command line")
    p.add_argument("--env", action="append", default=[], help="NAME=VALUE for the script")
    p.add_argument("--timeout", type=float, default=float(env("TIMEOUT", "0")), help="seconds; default 300, none for a shell")
    p.add_argument("--out", default=env("OUT", ""), help="folder for logs and what the guest leaves in /out")
    p.add_argument("--add", action="append", default=[], metavar="SOURCE[:DEST]", help="goes along as /vgpu/DEST")
    p.add_argument("--bzimage", action="store_true", help="start the compressed kernel by its real-mode code, after the firmware")
    p.add_argument("--allow", default="", help="pattern of kernel complaints that are expected")
    p.add_argument("--no-udev", dest="udev", action="store_false", help="no udev in the guest")
    p.add_argument("--quiet", action="store_true", help="the script's output to guest.log only")
    p.add_argument("--shell", action="store_true", help="a shell on the terminal instead of a script")
    p.add_argument("--run", nargs=argparse.REMAINDER, default=[], help="script for the guest, and its arguments")
    opt = p.parse_args(argv)
    usual = "virtio-gpu-gl-pci" if opt.gl else "virtio-gpu-pci"
    if opt.vulkan:
        opt.gl, usual = True, "virtio-gpu-gl-pci,blob=on,hostmem=512M,venus=on"
    opt.mem = opt.mem or ("2G" if opt.vulkan else "1G")
    opt.device = opt.device or [env("DEVICE", usual)]
    opt.qemu = shlex.split(env("QEMU_ARGS", "")) + [w for words in opt.qemu for w in shlex.split(words)]
    opt.timeout = opt.timeout or (0 if opt.shell else 300)
    opt.udev = opt.udev and opt.image != "none"
    opt.display = "gtk" + (",gl=on" if opt.gl else "") if opt.window else "sdl,gl=on" if opt.gl else "none"
    # A window needs no screen in memory.
    opt.gl = opt.gl and not opt.window
    opt.out = os.path.abspath(opt.out or env("VGPU_OUT", "") or os.path.join(os.environ["VGPU_CHECKOUT_DIR"], "boot"))
    return opt


def main():
    """Exit status: the script's own; 99 where the guest or its kernel went wrong."""
    opt = options(sys.argv[1:])
    opt.kernel_dir = os.environ["VGPU_KERNEL_DIR"]
    opt.image_file = os.environ.get("VGPU_IMAGE_FILE")
    opt.module = shlex.split(os.environ.get("VGPU_MODULES", ""))
    boot = Boot(opt)
    boot.run()
    for splat in boot.splats[:20]:
        print(f"# kernel: {splat}")
    for problem in boot.problems:
        print(f"# boot: {problem}")
    if boot.problems or (boot.splats and not opt.shell):
        print(f"# logs: {opt.out}")
        return 99
    with open(f"{opt.out}/times", "w", encoding="ascii") as f:
        f.write(f"up {boot.up or 0:.1f}\ntotal {boot.seconds:.1f}\n")
    return boot.exit or 0


if __name__ == "__main__":
    sys.exit(main())
