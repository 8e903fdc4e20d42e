#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The screen of a kernel that has died.

The core draws it (DRM_PANIC), the driver has to get it to the host without
locks, memory or interrupts. What the C driver's guest shows is what ours must
show: when it is only tried out through debugfs, after which everything goes on,
and after sysrq-c.
"""

import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for near in "lib", "kms":
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), near))

import numpy  # noqa: E402

import guest  # noqa: E402
import kms  # noqa: E402

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

    def __init__(self, program, driver, outputs=1):
        os.environ["DRIVER"] = driver
        super().__init__(program, outputs=outputs, append="panic=0 drm.panic_screen=user", name=f"{driver}{outputs}")
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


def attempt(name, f, *args):
    try:
        value = f(*args)
    except (kms.Failed, guest.GuestError, EOFError) as e:
        result(False, name, e)
        return None
    result(True, name)
    return value


def one_driver(program, driver):
    """Its pictures: (tried out, died)."""
    b = Dying(program, driver)
    tried = died = None
    try:
        tried = attempt(f"{driver}: debugfs shows a panic screen", plain, b)
        if tried is not None:
            result(is_panic(tried), f"{driver}: two colours, a message's worth of one", numpy.unique(tried)[:9])
        if driver == "rust" and tried is not None:
            attempt("rust: the same in ARGB, XBGR and ABGR", other_formats, b, tried)
            attempt("rust: where a part of a framebuffer is shown, it is on that part", part, b, tried)
            attempt("rust: the display goes on, and can show it again", goes_on, b, tried)
        b.show(11, 40)
        died = attempt(f"{driver}: sysrq-c shows a panic screen", b.died)
        if died is not None:
            result(is_panic(died), f"{driver}: two colours, a message's worth of one", numpy.unique(died)[:9])
            result("sysrq triggered crash" in b.guest.console(), f"{driver}: it is that crash")
    except (kms.Failed, guest.GuestError, EOFError) as e:
        result(False, f"{driver}: gets as far as dying", e)
    finally:
        b.kill()
    return tried, died


def main():
    program = guest.compile_static(os.path.join(os.path.dirname(HERE), "kms", "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm")
    pictures = {driver: one_driver(program, driver) for driver in ("c", "rust")}
    for n, what in enumerate(("debugfs", "sysrq-c")):
        c, rust = pictures["c"][n], pictures["rust"][n]
        diff = "a picture is missing" if c is None or rust is None else kms.difference(rust, c)
        result(not diff, f"both drivers show the same after {what}", diff)
    print(f"1..{number}")


main()
