#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The screen of a kernel that has died.

The core draws it (DRM_PANIC), the driver has to get it to the host without
locks, memory or interrupts. What the C driver's guest shows is what ours must
show: when it is only tried out through debugfs, after which everything goes on,
and after sysrq-c. The same behind the DMA API with bounce buffers, and while the
control queue is full of clients' commands, on the test host, which answers late.
"""

import os
import re
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
for near in "lib", "kms", "host":
    sys.path.insert(0, os.path.join(SELFTESTS, near))

import numpy  # noqa: E402
from PIL import Image  # noqa: E402

import guest  # noqa: E402
import kms  # noqa: E402
from qmp import QmpError  # noqa: E402
from lab import Lab  # noqa: E402

# Every answer comes late, so that a small ring is full as long as somebody has something to say.
LATE = """
about = "A ring that is always full"
[device]
monitors = ["800x600"]
[[fault]]
on = "control"
nth = 40
count = 0
ms = 20
do = "late"
"""
SCRIPT = """
. ./guest.sh
exec <>/dev/vgpu-line >&0
crowd() { ./crowd /dev/dri/card0 4 >/dev/null 2>&1 3>&- 4>&- & }
control() { sed -n '/^control/,/^cursor/s/^descriptors *: //p' /sys/kernel/debug/dri/*/virtio-gpu-queues | tail -n 1; }
serve ./kmsctl
"""
BOUNCE = {"QEMU_ARGS": "-global virtio-gpu-pci.iommu_platform=on", "APPEND": "swiotlb=force"}

TRIGGER = "/sys/kernel/debug/dri/*/drm_panic_plane_{}"
SIZE = 800, 600
number = 0


def result(good, name, why=""):
    global number
    number += 1
    if not good:
        kms.comment(why)
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)


class Dying(kms.Bench):
    """A guest of which the kernel may die."""

    def __init__(self, program, driver, name):
        os.environ["DRIVER"] = driver
        super().__init__(program, append="panic=0 drm.panic_screen=user", name=name)
        self.start()
        self.do("open /dev/dri/card0")

    def show(self, buf, seed, form=kms.XRGB):
        w, h = SIZE
        self.do(f"mode 0 {w} {h}")
        self.do(f"buf 0 {buf} {w} {h} {form}")
        self.do(f"fill 0 {buf} {seed} 0 0 {w} {h}")
        self.do(f"show 0 {buf} 0 0")
        want = kms.pattern(w, h, seed)
        self.expect(want if form in (kms.XRGB, kms.ARGB) else kms.swapped(want))

    def changed(self, before, head=0):
        """The picture that comes after this one, when it has settled."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            time.sleep(0.3)
            now = self.screendump(head)
            if kms.difference(now, before) and not kms.difference(self.screendump(head), now):
                return now
        raise kms.Failed("the screen does not change")

    def tried(self, plane=0, head=0):
        """The panic screen that debugfs has drawn."""
        before = self.screendump(head)
        self.do(f"write {TRIGGER.format(plane)} 1")
        return self.changed(before, head)

    def died(self):
        before = self.screendump()
        self.guest.send_line("write /proc/sysrq-trigger c")
        return self.changed(before)


def is_panic(picture):
    """Whether the picture looks like a message: two colours, and more of the one than of the other."""
    colours, counts = numpy.unique(picture, return_counts=True)
    share = counts.min() / picture.size
    return len(colours) == 2 and 0.001 < share < 0.2


def plain(b):
    b.show(1, 1)
    return b.tried()


def other_formats(b, want):
    for n, form in enumerate((kms.ARGB, kms.XBGR, kms.ABGR)):
        b.show(2 + n, 10 + n, form)
        if diff := kms.difference(b.tried(), want):
            raise kms.Failed(f"format {form}: {diff}")


def part(b, want):
    w, h = SIZE
    b.do(f"buf 0 8 {w + 100} {h + 100}")
    b.do(f"fill 0 8 20 0 0 {w + 100} {h + 100}")
    b.do("show 0 8 37 61")
    b.expect(kms.pattern(w, h, 20, 37, 61))
    if diff := kms.difference(b.tried(), want):
        raise kms.Failed(diff)


def goes_on(b, want):
    for seed in 30, 31, 32:
        b.show(9, seed)
        b.do("buf 0 10 800 600")
        b.do(f"fill 0 10 {seed + 5} 0 0 800 600")
        b.do("flip 0 10")
        b.expect(kms.pattern(800, 600, seed + 5))
        if diff := kms.difference(b.tried(), want):
            raise kms.Failed(diff)


class Crowded:
    """A guest on the test host, whose control queue its clients keep full."""

    def __init__(self, lab, programs):
        os.environ["DRIVER"] = "rust"
        self.dir = os.path.join(guest.scratch(), "crowded")
        os.makedirs(self.dir)
        gpu, control, scenario = (os.path.join(self.dir, n) for n in ("gpu", "control", "late.toml"))
        with open(scenario, "w", encoding="utf-8") as f:
            f.write(LATE)
        with open(os.path.join(self.dir, "host.log"), "wb") as log:
            self.host = subprocess.Popen([lab.host, "run", "--socket", gpu, "--control", control, "--scenario", scenario,
                                          "--shots", self.dir], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.guest = None
        try:
            end = time.monotonic() + 10
            while not (os.path.exists(gpu) and os.path.exists(control)) and time.monotonic() < end:
                time.sleep(0.05)
            orders = socket.socket(socket.AF_UNIX)
            orders.connect(control)
            self.orders = orders.makefile("rw", encoding="utf-8")
            self.guest = guest.Guest(
                SCRIPT, add=[*programs, guest.SHELL], name="crowded",
                device="vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size=8,config_size=20,chardev=gpuhost",
                qemu=["-chardev", f"socket,id=gpuhost,path={gpu}"],
                boot=["--append", "panic=0 drm.panic_screen=user"])
            while self.guest.read_line(120) != "ready":
                pass
        except (guest.GuestError, OSError):
            self.kill()
            raise

    def kill(self):
        if self.guest:
            try:
                self.guest.qmp("quit")
            except (OSError, EOFError, ValueError, RuntimeError, QmpError):
                pass
            self.guest.end(20)
        self.host.kill()
        self.host.wait()

    def do(self, request):
        self.guest.send_line(request)
        if not (answer := self.guest.read_line(60)).startswith("ok"):
            raise kms.Failed(f"'{request}': {answer}")

    def picture(self):
        self.orders.write("shot now\n")
        self.orders.flush()
        answer = self.orders.readline()
        if not answer.startswith("ok"):
            raise kms.Failed(f"the host has no picture: {answer}")
        with Image.open(os.path.join(self.dir, "now.png")) as picture:
            p = numpy.asarray(picture.convert("RGB")).astype(numpy.uint32)
        return (p[..., 0] << 16) | (p[..., 1] << 8) | p[..., 2]

    def settles(self, want):
        end, diff = time.monotonic() + 20, ""
        while time.monotonic() < end:
            if not (diff := kms.difference(self.picture(), want)):
                return
            time.sleep(0.3)
        raise kms.Failed(diff)

    def dies(self, want):
        w, h = SIZE
        self.do("open /dev/dri/card0")
        self.do(f"mode 0 {w} {h}")
        self.do(f"buf 0 1 {w} {h}")
        self.do(f"fill 0 1 50 0 0 {w} {h}")
        self.do("show 0 1 0 0")
        self.settles(kms.rgb(kms.pattern(w, h, 50)))
        self.guest.sh("crowd")
        time.sleep(1)
        free = [self.guest.sh("control")[1] for _ in range(10)]
        kms.comment(f"descriptors of the control queue: {', '.join(free)}")
        # Clients leave one of them to the display; the screen takes two commands.
        if sum(re.fullmatch(r"[01] of 8 free", f) is not None for f in free) < 8:
            raise kms.Failed("the control queue is not full")
        self.guest.send_line("!echo c >/proc/sysrq-trigger")
        self.settles(want)
        if "sysrq triggered crash" not in self.guest.console():
            raise kms.Failed("it is not that crash")


def crowded(program, want):
    lab = Lab()
    if wrong := lab.make():
        raise kms.Failed(wrong)
    if want is None:
        raise kms.Failed("nothing to compare with")
    b = Crowded(lab, [program, guest.compile_static(os.path.join(HERE, "crowd.c"), "-I/usr/include/libdrm", "-ldrm")])
    try:
        b.dies(want)
    finally:
        b.kill()


def attempt(name, f, *args):
    try:
        value = f(*args)
    except (kms.Failed, guest.GuestError, EOFError) as e:
        result(False, name, e)
        return None
    result(True, name)
    return value


def one_driver(program, driver, name):
    """Its pictures: (tried out, died)."""
    b = tried = died = None
    try:
        b = Dying(program, driver, name)
        tried = attempt(f"{name}: debugfs shows a panic screen", plain, b)
        if tried is not None:
            result(is_panic(tried), f"{name}: two colours, a message's worth of one", numpy.unique(tried)[:9])
        if driver == "rust" and tried is not None:
            attempt(f"{name}: the same in ARGB, XBGR and ABGR", other_formats, b, tried)
            attempt(f"{name}: where a part of a framebuffer is shown, it is on that part", part, b, tried)
            attempt(f"{name}: the display goes on, and can show it again", goes_on, b, tried)
        b.show(11, 40)
        died = attempt(f"{name}: sysrq-c shows a panic screen", b.died)
        if died is not None:
            result(is_panic(died), f"{name}: two colours, a message's worth of one", numpy.unique(died)[:9])
            result("sysrq triggered crash" in b.guest.console(), f"{name}: it is that crash")
    except (kms.Failed, guest.GuestError, EOFError) as e:
        result(False, f"{name}: gets as far as dying", e)
    finally:
        if b:
            b.kill()
    return tried, died


def same(one, other, words):
    for n, what in enumerate(("debugfs", "sysrq-c")):
        diff = "a picture is missing" if one[n] is None or other[n] is None else kms.difference(one[n], other[n])
        result(not diff, f"{words} after {what}", diff)


def main():
    program = guest.compile_static(os.path.join(SELFTESTS, "kms", "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm")
    c, rust = (one_driver(program, driver, driver) for driver in ("c", "rust"))
    same(rust, c, "both drivers show the same")
    os.environ.update(BOUNCE)
    same(one_driver(program, "rust", "rust-bounce"), rust, "behind bounce buffers it shows the same")
    for name in BOUNCE:
        del os.environ[name]
    attempt("rust: sysrq-c shows it while the control queue is full of clients' commands", crowded, program, rust[1])
    print(f"1..{number}")


main()
