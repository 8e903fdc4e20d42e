#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the guest draws is what the host shows, pixel for pixel.

Orders kmsctl in the guest to draw and display, works out the picture here and
compares it with QEMU's screendump, with what a VNC viewer gets (so flushes and
cursor count too) and with the commands in QEMU's trace. Exact equality.

All that is done on a device that is sent copies of what is drawn, and on one with
blobs, which shows the guest's memory: what is drawn and not reported is in its
screendump, and no picture may be sent to it at all.

DRIVER=c|rust BLOBS=0|1 kms.py, inside the toolchain tree; with blobs ours only, as
the C driver sends copies all the same, and in the gate some of the cases.
"""

import errno
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import numpy  # noqa: E402

import guest  # noqa: E402
import vnc  # noqa: E402
from programs import tell  # noqa: E402

TRACE = ("virtio_gpu_cmd_set_scanout", "virtio_gpu_cmd_set_scanout_blob", "virtio_gpu_cmd_res_flush",
         "virtio_gpu_cmd_res_xfer_toh_2d", "virtio_gpu_update_cursor", "virtio_gpu_features")
SEED = int(os.environ.get("SEED") or time.time())
# Kernels that check much take their time; how long one may take until the program in it is there.
SLOW = (os.environ.get("KERNEL") or "default") != "default"
# Behind bounce buffers the device sees what is drawn when there is damage, and not before.
BOUNCED = "iommu_platform" in os.environ.get("QEMU_ARGS", "")
READY = 600 if SLOW else 120
SETTLE = 12.0       # seconds for the host to show what was ordered, on a busy machine
HOLD = 0.1          # and to go on showing it


def devices():
    """Where tests run, False for a device that is sent copies of what is drawn, True for one with blobs, which shows
    the guest's memory. The C driver sends copies to that one too. Slow kernels do without."""
    if only := os.environ.get("BLOBS"):
        return [only == "1"]
    return [False] if guest.driver() == "c" or SLOW else [False, True]


def pattern(w, h, seed, x0=0, y0=0):
    """The picture of kmsctl's fill, as 0xAARRGGBB."""
    x = numpy.arange(x0, x0 + w, dtype=numpy.uint32)[None, :]
    y = numpy.arange(y0, y0 + h, dtype=numpy.uint32)[:, None]
    v = (x * numpy.uint32(0x9e3779b1)) ^ (y * numpy.uint32(0x85ebca6b)) ^ numpy.uint32(seed * 0xc2b2ae35 & 0xffffffff)
    v ^= v >> numpy.uint32(15)
    v *= numpy.uint32(0x2c1b3c6d)
    return v ^ (v >> numpy.uint32(12))


XRGB, ARGB, XBGR, ABGR, RGBX = range(5)        # kmsctl's numbers for formats


def swapped(picture):
    """The picture of the same words where red and blue have changed places."""
    mask = numpy.uint32(0xff)
    return (picture & numpy.uint32(0xff00ff00)) | ((picture & mask) << 16) | ((picture >> 16) & mask)


def rgb(picture):
    return picture & numpy.uint32(0xffffff)


def difference(got, want):
    """None when equal, else what differs."""
    if got is None:
        return "the host shows no picture"
    if got.shape != want.shape:
        return f"size {got.shape[1]}x{got.shape[0]} instead of {want.shape[1]}x{want.shape[0]}"
    bad = numpy.argwhere(got != want)
    if not len(bad):
        return None
    y, x = bad[0]
    (y1, x1), (y2, x2) = bad.min(0), bad.max(0)
    return (f"{len(bad)} pixels differ, in {x1},{y1}..{x2},{y2}; first at {x},{y}: "
            f"{got[y, x]:06x} instead of {want[y, x]:06x}")


class Failed(Exception):
    pass


class Bench:
    """The guest, its display client and the host's views of its screens."""

    blobs = False

    def __init__(self, kmsctl, outputs=1, xres=1280, yres=800, append="", name=None, blobs=False):
        self.blobs = blobs
        name = name or f"{'blobs' if blobs else 'outputs'}{outputs}"
        self.heads = [os.path.join(guest.scratch(), f"vnc-{name}.{head}") for head in range(outputs)]
        self.guest = guest.Guest(
            "exec ./kmsctl <>/dev/vgpu-line >&0\n", add=[kmsctl], trace=TRACE, name=name,
            boot=["--append", append] if append else [],
            device=f"virtio-gpu-pci,{'blob=on,' if blobs else ''}max_outputs={outputs},xres={xres},yres={yres}",
            timeout=1800 if SLOW else 300,
            qemu=[w for n, path in enumerate(self.heads)
                  for w in ("-vnc", f"unix:{path},id=head{n},display=gpu0,head={n}")])
        self.views = []
        self.mark = 0

    def start(self):
        line = self.guest.read_line(READY)
        if line != "ready":
            raise guest.GuestError(f"kmsctl said {line!r}")
        self.views = [vnc.View(path) for path in self.heads]

    def close(self):
        """Ends the guest; the runner's status and words."""
        for view in self.views:
            view.close()
        try:
            self.guest.send_line("quit")
        except guest.GuestError:
            pass
        return self.guest.end(), self.guest.report()

    def kill(self):
        """Ends the guest without its help."""
        for view in self.views:
            view.close()
        try:
            self.guest.qmp("quit")
        except (OSError, EOFError, ValueError, RuntimeError):
            pass
        self.guest.end(20)

    def ask(self, request):
        """(True, value) or (False, errno)."""
        self.guest.send_line(request)
        while not (answer := self.guest.read_line(30)).startswith(("ok", "err")):
            pass
        word, value = answer.split()
        return word == "ok", int(value)

    def do(self, request):
        good, value = self.ask(request)
        if not good:
            raise Failed(f"'{request}' failed: {os.strerror(value)}")
        return value

    def refuse(self, request, *errnos):
        good, value = self.ask(request)
        if good or value not in errnos:
            raise Failed(f"'{request}' gave {'success' if good else os.strerror(value)}")

    def screendump(self, head=0):
        path = os.path.join(self.guest.dir, "dump.ppm")
        self.guest.qmp("screendump", filename=path, device="gpu0", head=head, format="ppm")
        with open(path, "rb") as f:
            data = f.read()
        m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        w, h = int(m.group(1)), int(m.group(2))
        p = numpy.frombuffer(data, numpy.uint8, w * h * 3, m.end()).reshape(h, w, 3).astype(numpy.uint32)
        return (p[..., 0] << 16) | (p[..., 1] << 8) | p[..., 2]

    def expect(self, want, head=0, settle=SETTLE, drawn=None):
        """The screen becomes this picture and stays it, in the dump and for the viewer. `drawn` is all that the
        guest has drawn, where it did not report it all: a device with blobs shows it in the dump, and a viewer may
        have more of it than was reported, as he gets whole blocks."""
        want = rgb(want)
        drawn = want if drawn is None else rgb(drawn)
        shown = drawn if self.blobs else want
        end = time.monotonic() + settle
        while (diff := difference(self.screendump(head), shown)) and time.monotonic() < end:
            time.sleep(0.05)
        if not diff:
            time.sleep(HOLD)
            diff = difference(self.screendump(head), shown)
        if diff:
            raise Failed(f"screendump: {diff}")
        view = self.views[head]

        def unlike():
            got = view.picture
            if self.blobs and got.shape == want.shape:
                got = numpy.where(got == drawn, want, got)
            return difference(got, want)

        view.poll(HOLD)
        for _ in range(2):
            end = time.monotonic() + settle / 2
            while (diff := unlike()) and time.monotonic() < end:
                view.poll(0.1)
            if not diff:
                break
            # All that has been flushed, once more, in case the viewer has missed a part.
            view.refresh()
        if diff:
            raise Failed(f"viewer (was it flushed?): {diff}")

    def since(self, event):
        """Trace lines of this event since the last call of fresh()."""
        return [t for t in self.guest.trace()[self.mark:] if event in t]

    def fresh(self):
        self.mark = len(self.guest.trace())

    def rects(self, event):
        return [tuple(int(v) for v in re.search(r"w (\d+), h (\d+), x (\d+), y (\d+)", t).groups())
                for t in self.since(event)]


def flushed(bench, want):
    """Exactly this rectangle (w, h, x, y) was flushed since fresh(), and uploaded where there is an upload."""
    rects = bench.rects("virtio_gpu_cmd_res_flush ")
    if set(rects) != {want}:
        raise Failed(f"flushed {rects}, not {want}")


def case_one_size(b, w, h, seed):
    b.do(f"mode 0 {w} {h}")
    b.do(f"buf 0 1 {w} {h}")
    b.do(f"fill 0 1 {seed} 0 0 {w} {h}")
    b.do("test 0 1 0 0")
    b.do("show 0 1 0 0")
    b.expect(pattern(w, h, seed))


def pattern_first_size(b):
    """pattern at 1280x800"""
    case_one_size(b, 1280, 800, 1)


def pattern_second_size(b):
    """pattern at 800x600, after a mode change"""
    b.do("free 0 1")
    case_one_size(b, 800, 600, 2)


def negative_check(b):
    """the comparison sees one wrong pixel"""
    want = rgb(pattern(800, 600, 2))
    got = b.screendump()
    if difference(got, want):
        raise Failed("the screen is not the last picture")
    b.do("fill 0 1 99 417 311 418 312")
    b.do("dirty 0 1 417 311 418 312")
    try:
        b.expect(want, settle=2)
    except Failed as e:
        if "1 pixels differ, in 417,311..417,311" not in str(e):
            raise
    else:
        raise Failed("one wrong pixel went unseen")
    b.do("fill 0 1 2 0 0 800 600")
    b.do("dirty 0 1")
    b.expect(want)


def page_flip(b):
    """page flip with event"""
    b.do("buf 0 2 800 600")
    b.do("fill 0 2 3 0 0 800 600")
    first = b.do("flip 0 2")
    b.expect(pattern(800, 600, 3))
    b.do("fill 0 1 4 0 0 800 600")
    second = b.do("flip 0 1")
    b.expect(pattern(800, 600, 4))
    if not 0 < (second - first) & 0x7fffffff < 0x40000000:
        raise Failed(f"sequence went from {first} to {second}")


def nonblocking_flip(b):
    """nonblocking atomic commit with event"""
    b.do("fill 0 2 5 0 0 800 600")
    b.do("nonblock 0 2")
    b.expect(pattern(800, 600, 5))


def many_flips(b):
    """60 flips between two buffers, the last one is shown"""
    b.do("fill 0 1 6 0 0 800 600")
    for i in range(60):
        b.do(f"flip 0 {1 + i % 2}")
    b.expect(pattern(800, 600, 5))
    b.do("flip 0 1")
    b.expect(pattern(800, 600, 6))


def dirty_clip(b):
    """DIRTYFB of a clip: new inside, old outside"""
    old, new = pattern(800, 600, 6), pattern(800, 600, 7)
    b.do("fill 0 1 7 0 0 800 600")
    for x1, y1, x2, y2 in ((100, 50, 300, 250), (0, 0, 1, 1), (799, 599, 800, 600), (320, 0, 480, 600)):
        b.fresh()
        b.do(f"dirty 0 1 {x1} {y1} {x2} {y2}")
        old[y1:y2, x1:x2] = new[y1:y2, x1:x2]
        b.expect(old, drawn=new)
        flushed(b, (x2 - x1, y2 - y1, x1, y1))
    b.fresh()
    b.do("dirty 0 1")
    b.expect(new)
    flushed(b, (800, 600, 0, 0))


def dirty_clips(b):
    """DIRTYFB of several clips: what is between them is not uploaded, unless they are many"""
    old, new = pattern(800, 600, 7), pattern(800, 600, 30)
    b.do("fill 0 1 30 0 0 800 600")
    corners = [(0, 0, 30, 20), (770, 580, 800, 600), (10, 500, 60, 590)]
    b.fresh()
    b.do("dirty 0 1 " + " ".join(str(n) for clip in corners for n in clip))
    for x1, y1, x2, y2 in corners:
        old[y1:y2, x1:x2] = new[y1:y2, x1:x2]
    b.expect(old, drawn=new)
    flushed(b, (800, 600, 0, 0))
    b.do("dirty 0 1 " + " ".join(f"{40 * n} {30 * n} {40 * n + 40} {30 * n + 30}" for n in range(20)))
    b.expect(new)
    b.do("fill 0 1 7 0 0 800 600")
    b.do("dirty 0 1")
    b.expect(pattern(800, 600, 7))


def atomic_damage(b):
    """FB_DAMAGE_CLIPS: only the clip is uploaded"""
    old, new = pattern(800, 600, 7), pattern(800, 600, 8)
    b.do("fill 0 1 8 0 0 800 600")
    b.fresh()
    b.do("damage 0 1 64 32 200 300")
    old[32:300, 64:200] = new[32:300, 64:200]
    b.expect(old, drawn=new)
    flushed(b, (136, 268, 64, 32))


def buffer_age(b):
    """flips with damage: what has changed since the buffer was last shown is uploaded, and no more"""
    want = pattern(800, 600, 50)
    for buf in 3, 4, 5:
        b.do(f"buf 0 {buf} 800 600")
        b.do(f"fill 0 {buf} 50 0 0 800 600")
        b.do(f"damage 0 {buf} 0 0 1 1")
        b.expect(want)                           # the first time, all of it
    new = pattern(800, 600, 51)
    for buf in 3, 4, 5:
        b.do(f"fill 0 {buf} 51 0 0 800 600")
    for step, buf in enumerate((4, 3, 5, 4, 4, 3)):
        x, y = 97 * step, 61 * step
        b.do(f"damage 0 {buf} {x} {y} {x + 90} {y + 50} {700 - x} {y} {750 - x} {y + 10}")
        for clip in numpy.s_[y:y + 50, x:x + 90], numpy.s_[y:y + 10, 700 - x:750 - x]:
            want[clip] = new[clip]
        # The guest's memory is never stale.
        b.expect(new if b.blobs else want)
    b.do("nonblock 0 5")                         # without damage
    b.expect(new)
    b.do("damage 0 3 0 0 1 1")                   # so all of this one is stale
    b.expect(new)
    b.do("flip 0 1")
    for buf in 3, 4, 5:
        b.do(f"free 0 {buf}")


def honest_client(b):
    """120 flips, damage and dirty rectangles of a client that tells what it draws: always its picture"""
    rng = random.Random(SEED)
    bufs, stale = (3, 4, 5), {}
    want = pattern(800, 600, 52)
    for buf in bufs:
        b.do(f"buf 0 {buf} 800 600")
        b.do(f"fill 0 {buf} 52 0 0 800 600")
        stale[buf] = []
    shown = 3
    b.do("nonblock 0 3")
    for step in range(120):
        rects = []
        for _ in range(rng.choice((0, 1, 1, 2, 3, 19))):
            x, y = rng.randrange(800), rng.randrange(600)
            rects.append((x, y, rng.randrange(x, min(800, x + 200)) + 1, rng.randrange(y, min(600, y + 200)) + 1, 60 + step))
        kind = rng.choice(("damage", "damage", "damage", "dirty", "nonblock"))
        nxt = shown if kind == "dirty" else rng.choice(bufs)
        if kind == "dirty" and not rects:
            continue
        for buf in bufs:
            stale[buf] += rects
        for x1, y1, x2, y2, seed in stale[nxt]:
            b.do(f"fill 0 {nxt} {seed} {x1} {y1} {x2} {y2}")
        stale[nxt] = []
        for x1, y1, x2, y2, seed in rects:
            want[y1:y2, x1:x2] = pattern(x2 - x1, y2 - y1, seed, x1, y1)
        clips = " ".join(" ".join(str(v) for v in r[:4]) for r in rects) or "0 0 1 1"
        b.do(f"{kind} 0 {nxt} {'' if kind == 'nonblock' else clips}")
        shown = nxt
        if step % 8 == 7:
            b.expect(want)
    b.expect(want)
    b.do("flip 0 1")
    for buf in bufs:
        b.do(f"free 0 {buf}")


def panning(b):
    """part of a larger framebuffer"""
    b.do("buf 0 3 1000 700")
    b.do("fill 0 3 9 0 0 1000 700")
    for x, y in ((0, 0), (200, 100), (37, 61)):
        b.do(f"pan 0 3 {x} {y}")
        b.expect(pattern(800, 600, 9, x, y))


def panned_damage(b):
    """damage outside of what is shown changes nothing, across its edge only the inside"""
    want = pattern(800, 600, 9, 37, 61)
    new = pattern(800, 600, 10, 37, 61)
    b.do("fill 0 3 10 0 0 1000 700")
    b.do("dirty 0 3 0 0 30 30")
    b.expect(want, drawn=None if BOUNCED else new)
    b.do("dirty 0 3 800 600 1000 700")
    want[600 - 61:, 800 - 37:] = new[600 - 61:, 800 - 37:]
    b.expect(want, drawn=new)
    b.do("pan 0 1 0 0")
    b.expect(pattern(800, 600, 8))


def set_crtc(b):
    """legacy SETCRTC, back from another mode"""
    b.do("mode 0 640 480")
    b.do("buf 0 3 640 480")
    b.do("fill 0 3 11 0 0 640 480")
    b.do("setcrtc 0 3 0 0")
    b.expect(pattern(640, 480, 11))
    b.do("mode 0 800 600")
    b.do("setcrtc 0 1 0 0")
    b.expect(pattern(800, 600, 8))
    b.do("free 0 3")


def cursor_events(b):
    """(x, y, type, resource) of each cursor command since fresh()."""
    out = []
    for t in b.since("virtio_gpu_update_cursor "):
        m = re.search(r"scanout (\d+), x (\d+), y (\d+), (\w+), res 0x([0-9a-f]+)", t)
        out.append((int(m.group(2)), int(m.group(3)), m.group(4), int(m.group(5), 16)))
    return out


def expect_cursor(b, want, hot):
    end = time.monotonic() + SETTLE
    while True:
        b.views[0].poll(0.1)
        if b.views[0].cursor is None:
            diff = "the viewer has no cursor"
        else:
            x, y, got = b.views[0].cursor
            diff = difference(got, want) or (None if (x, y) == hot else f"hotspot {x},{y} instead of {hot}")
        if not diff:
            return
        if time.monotonic() > end:
            raise Failed(f"cursor: {diff}")


def last_cursor(b, want):
    end = time.monotonic() + SETTLE
    while True:
        events = cursor_events(b)
        if events and events[-1][:2] == want:
            return
        if time.monotonic() > end:
            raise Failed(f"cursor commands {events}, not at {want}")
        time.sleep(0.05)


def cursor_plane(b):
    """cursor plane: its picture and hotspot reach the host, the screen stays"""
    b.do("argb 0 4 64 64")
    b.do("fill 0 4 12 0 0 64 64")
    b.fresh()
    b.do("cursor 0 4 100 120 5 6")
    expect_cursor(b, pattern(64, 64, 12), (5, 6))
    last_cursor(b, (100, 120))
    b.expect(pattern(800, 600, 8))
    b.fresh()
    b.do("cursor 0 4 333 222 5 6")
    last_cursor(b, (333, 222))
    b.expect(pattern(800, 600, 8))


def cursor_and_flip(b):
    """drawing goes on under the cursor"""
    b.do("fill 0 2 13 0 0 800 600")
    b.do("flip 0 2")
    b.expect(pattern(800, 600, 13))
    old, new = pattern(800, 600, 13), pattern(800, 600, 14)
    b.do("fill 0 2 14 0 0 800 600")
    b.do("dirty 0 2 300 200 400 300")
    old[200:300, 300:400] = new[200:300, 300:400]
    b.expect(old, drawn=new)
    expect_cursor(b, pattern(64, 64, 12), (5, 6))
    b.do("dirty 0 2")


def cursor_other_picture(b):
    """another cursor buffer, then none"""
    b.do("argb 0 5 64 64")
    b.do("fill 0 5 15 0 0 64 64")
    b.do("cursor 0 5 10 10 0 63")
    expect_cursor(b, pattern(64, 64, 15), (0, 63))
    b.fresh()
    b.do("cursor 0 0 0 0 0 0")
    end = time.monotonic() + SETTLE
    while not any(e[3] == 0 for e in cursor_events(b)):
        if time.monotonic() > end:
            raise Failed(f"no cursor command with resource 0: {cursor_events(b)}")
        time.sleep(0.05)
    b.expect(pattern(800, 600, 14))


def cursor_legacy(b):
    """legacy CURSOR2 and cursor move"""
    b.do("fill 0 4 16 0 0 64 64")
    b.do("cursor2 0 4 7 8")
    expect_cursor(b, pattern(64, 64, 16), (7, 8))
    b.fresh()
    b.do("move 0 400 300")
    last_cursor(b, (400, 300))
    b.expect(pattern(800, 600, 14))
    b.do("cursor2 0 0 0 0")


def off_and_on(b):
    """CRTC off takes the picture away, on brings it back"""
    b.fresh()
    b.do("off 0")
    end = time.monotonic() + SETTLE
    while not any(re.search(r"res 0x0\b", t) for t in b.since("virtio_gpu_cmd_set_scanout ")):
        if time.monotonic() > end:
            raise Failed(f"no SET_SCANOUT of resource 0: {b.since('virtio_gpu_cmd_set_scanout ')}")
        time.sleep(0.05)
    if not difference(b.screendump(), rgb(pattern(800, 600, 14))):
        raise Failed("the host goes on showing the picture")
    b.do("show 0 2 0 0")
    b.expect(pattern(800, 600, 14))


def same_buffer_other_mode(b):
    """a mode change that reuses the framebuffer: other timings of the same size (W45)"""
    for khz in 1500, -1500:
        b.do("dirty 0 2")
        b.do(f"retime 0 {khz}")
        b.do("show 0 2 0 0")
        b.expect(pattern(800, 600, 14))


def same_buffer_off_and_on(b):
    """ACTIVE off and on, with the framebuffer that was there"""
    b.do("dirty 0 2")
    b.do("active 0 0")
    if not difference(b.screendump(), rgb(pattern(800, 600, 14))):
        raise Failed("the host goes on showing the picture")
    b.do("active 0 1")
    b.expect(pattern(800, 600, 14))


def vblank_phase(b):
    """vertical blanks keep their beat and their count while nobody looks"""
    for wait in 20, 5000:
        b.do(f"write /sys/module/drm/parameters/vblankoffdelay {wait}")
        b.do("active 0 0")                       # it counts from then on
        b.do("active 0 1")
        if wait == 20:
            worst = b.do("phase 0 12")
    comment(f"at most {worst / 1000} frames off the beat")
    if worst > 100:
        raise Failed(f"{worst / 1000} frames off the beat")


def edid_change(b):
    """another EDID without the display being disconnected"""
    before = b.do("edid 0")
    if not before:
        raise Failed("there is no EDID")
    b.views[0].resize(1160, 870)
    end = time.monotonic() + 15
    while (now := b.do("edid 0")) == before:
        if time.monotonic() > end:
            raise Failed("the EDID stays as it was")
        b.views[0].poll(0.2)
    b.do("mode 0 1160 870")
    b.views[0].resize(1280, 800)
    while b.do("edid 0") == now:
        if time.monotonic() > end:
            raise Failed("the EDID stays as it was")
        b.views[0].poll(0.2)
    b.do("mode 0 800 600")


def odd_refresh(b):
    """an EDID with a refresh rate that no display has: 60 Hz"""
    usual = b.do("refresh 0 0")
    try:
        for hz, want in (24, 24), (30, 30), (17, 60), (1, 60), (60, 60):
            got = b.do(f"refresh 0 {hz}")
            if got != want:
                raise Failed(f"with {hz} Hz in the EDID the mode has {got} Hz")
            if hz == 17:
                b.do("mode 0 1280 800")
                b.do("buf 0 9 1280 800")
                b.do("fill 0 9 29 0 0 1280 800")
                b.do("show 0 9 0 0")
                b.expect(pattern(1280, 800, 29))
    finally:
        back = b.do("refresh 0 0")
        b.do("mode 0 800 600")
        b.do("show 0 2 0 0")
        b.do("free 0 9")
    if back != usual:
        raise Failed(f"the mode has {back} Hz with the host's EDID again, not {usual}")


def formats(b):
    """ARGB8888, XBGR8888 and ABGR8888 beside XRGB8888, by atomic updates from one to the other"""
    for seed, (form, turn) in enumerate(((ARGB, rgb), (XBGR, swapped), (ABGR, swapped), (XRGB, rgb)), 40):
        b.do(f"buf 0 {6 + form} 800 600 {form}")
        b.do(f"fill 0 {6 + form} {seed} 0 0 800 600")
        b.do(f"nonblock 0 {6 + form}")
        b.expect(turn(pattern(800, 600, seed)))
    old, new = pattern(800, 600, 41), pattern(800, 600, 44)
    b.do(f"nonblock 0 {6 + XBGR}")
    b.do(f"fill 0 {6 + XBGR} 44 0 0 800 600")
    b.do(f"dirty 0 {6 + XBGR} 30 40 300 200")
    old[40:200, 30:300] = new[40:200, 30:300]
    b.expect(swapped(old), drawn=swapped(new))
    b.do("nonblock 0 2")
    for form in range(4):
        b.do(f"free 0 {6 + form}")
    b.expect(pattern(800, 600, 14))


def two_orders(b):
    """one buffer with framebuffers of both channel orders; a third order is refused"""
    b.do("buf 0 6 800 600")
    b.do("fill 0 6 45 0 0 800 600")
    b.do(f"alias 0 7 6 {ABGR}")
    for seed in 45, 46:
        b.do(f"fill 0 6 {seed} 0 0 800 600")
        b.do("nonblock 0 6")
        b.expect(pattern(800, 600, seed))
        b.do("nonblock 0 7")
        b.expect(swapped(pattern(800, 600, seed)))
    if b.blobs:
        # It is memory, so the framebuffer may be; no head shows it.
        b.do(f"alias 0 8 6 {RGBX}")
        b.refuse("nonblock 0 8", errno.EINVAL)
    else:
        b.refuse(f"alias 0 8 6 {RGBX}", errno.EINVAL, errno.ENOENT)
    b.do(f"alias 0 9 6 {XBGR}")
    b.do("nonblock 0 9")
    b.expect(swapped(pattern(800, 600, 46)))
    b.do("nonblock 0 2")
    for buf in 6, 7, 8, 9:
        b.do(f"free 0 {buf}")
    b.expect(pattern(800, 600, 14))


def refusals(b):
    """what cannot be shown is refused and changes nothing"""
    b.refuse("test 0 2 1 0", errno.ENOSPC)          # beyond the framebuffer
    b.refuse("pan 0 2 0 1", errno.ENOSPC)
    b.do("buf 0 6 640 480")
    b.refuse("setcrtc 0 6 0 0", errno.ENOSPC)       # smaller than the mode
    b.do("free 0 6")
    b.expect(pattern(800, 600, 14))


def reopened(b):
    """a second client after the first has gone"""
    for buf in range(1, 10):
        b.do(f"free 0 {buf}")
    b.do("close")
    b.do("open /dev/dri/card0")
    case_one_size(b, 1024, 768, 17)


ONE_HEAD = (pattern_first_size, pattern_second_size, negative_check, page_flip, nonblocking_flip, many_flips,
            dirty_clip, dirty_clips, atomic_damage, buffer_age, honest_client, panning, panned_damage, set_crtc, cursor_plane, cursor_and_flip, cursor_other_picture,
            cursor_legacy, off_and_on, same_buffer_other_mode,
            same_buffer_off_and_on, vblank_phase, edid_change, odd_refresh, formats, two_orders, refusals, reopened)


def connect_second_head(b):
    """A viewer of 800x600 on the second head, and the guest knows of it."""
    b.views[1].resize(800, 600)
    end = time.monotonic() + 15
    while not b.ask("mode 1 800 600")[0]:
        if time.monotonic() > end:
            raise Failed("the second head does not get connected")
        b.views[1].poll(0.2)


def two_pictures(b):
    """a viewer connects a second head; two heads show two pictures"""
    b.refuse("mode 1 800 600", errno.ENOENT)
    connect_second_head(b)
    for head, (w, h) in enumerate(((1024, 768), (800, 600))):
        b.do(f"mode {head} {w} {h}")
        b.do(f"buf 0 {head + 1} {w} {h}")
        b.do(f"fill 0 {head + 1} {20 + head} 0 0 {w} {h}")
        b.do(f"show {head} {head + 1} 0 0")
    b.expect(pattern(1024, 768, 20), 0)
    b.expect(pattern(800, 600, 21), 1)


def two_flips(b):
    """a flip on one head leaves the other alone"""
    b.do("buf 0 3 800 600")
    b.do("fill 0 3 22 0 0 800 600")
    b.do("flip 1 3")
    b.expect(pattern(800, 600, 22), 1)
    b.expect(pattern(1024, 768, 20), 0)
    new, old = pattern(1024, 768, 23), pattern(1024, 768, 20)
    b.do("fill 0 1 23 0 0 1024 768")
    b.do("dirty 0 1 500 100 900 700")
    old[100:700, 500:900] = new[100:700, 500:900]
    b.expect(old, 0, drawn=new)
    b.expect(pattern(800, 600, 22), 1)


def one_buffer_twice(b):
    """both heads show parts of one buffer"""
    b.do("buf 0 4 1824 768")
    b.do("fill 0 4 24 0 0 1824 768")
    b.do("pan 0 4 0 0")
    b.do("pan 1 4 1024 100")
    b.expect(pattern(1024, 768, 24), 0)
    b.expect(pattern(800, 600, 24, 1024, 100), 1)
    b.do("fill 0 4 25 0 0 1824 768")
    b.do("dirty 0 4")
    b.expect(pattern(1024, 768, 25), 0)
    b.expect(pattern(800, 600, 25, 1024, 100), 1)


def far_corner(b):
    """a head shows the last lines of a wide buffer from its middle on, as a desktop on two heads does"""
    b.do("pan 1 4 1024 168")
    b.expect(pattern(800, 600, 25, 1024, 168), 1)
    b.expect(pattern(1024, 768, 25), 0)


def leases(b):
    """a lease shows a picture on its head, and has no other one"""
    b.do("buf 0 5 800 600")
    b.do("fill 0 5 26 0 0 800 600")
    file = b.do("lease 1 5 0")
    b.expect(pattern(800, 600, 26), 1)
    b.expect(pattern(1024, 768, 25), 0)
    b.do(f"closefd {file}")


def suggested_places(b):
    """connectors say where the host would like the display"""
    for head in 0, 1:
        b.do(f"suggested {head}")


# After a framebuffer has changed once, the C driver ignores damage for good (the plane state that
# says so is copied from commit to commit), and uploads and flushes the whole plane.
WHOLE_PLANE = (dirty_clip, dirty_clips, atomic_damage, buffer_age, panned_damage, cursor_and_flip, two_flips)

# The C driver has no other format than XRGB8888.
ONE_FORMAT = (formats, two_orders)

# The C driver sets its scanout anew one update too late, so after a damage update and then a mode
# change with the same framebuffer the screen is black; its vertical blanks start where they are
# first asked for.
KNOWN = {same_buffer_other_mode: "is black until the next update", vblank_phase: "starts the timer anew",
         suggested_places: "does not say", odd_refresh: "does not look at an EDID of the user's"}

TWO_HEADS = (two_pictures, two_flips, one_buffer_twice, far_corner, leases, suggested_places)


def in_place(b):
    """no picture was sent, all were shown from the guest's memory"""
    def events(name):
        return [t for t in b.guest.trace() if name + " " in t]

    sent = events("virtio_gpu_cmd_res_xfer_toh_2d")
    copies = [t for t in events("virtio_gpu_cmd_set_scanout") if not re.search(r"res 0x0\b", t)]
    memory = events("virtio_gpu_cmd_set_scanout_blob")
    comment(f"pictures sent {len(sent)} times; shown from copies {len(copies)} times, from memory {len(memory)} times")
    if sent or copies or not memory:
        raise Failed("\n".join((sent + copies)[:5]) or "nothing was shown from memory")


# With blobs in the gate. What a head shows as these begin is what the ones before leave.
BLOBS_QUICK = (pattern_first_size, pattern_second_size, page_flip, nonblocking_flip, many_flips, dirty_clip, atomic_damage,
               panning, panned_damage, cursor_plane, in_place)


def run(kmsctl, outputs, cases, blobs=False):
    """Runs the cases in one guest; after a failure the others go on where they can. [(good, name)]"""
    results = []
    where = ", with blobs" if blobs else ""
    bench = Bench(kmsctl, outputs=outputs, blobs=blobs)
    try:
        bench.start()
        bench.do("open /dev/dri/card0")
    except (guest.GuestError, Failed, EOFError) as e:
        comment(e)
        bench.close()
        return [(False, case.__doc__ + where) for case in cases]
    for case in cases:
        try:
            case(bench)
            results.append((True, case.__doc__ + where))
        except (Failed, guest.GuestError, EOFError) as e:
            comment(f"{case.__doc__}: {e}")
            if guest.driver() == "c" and case in WHOLE_PLANE and "differ" in str(e):
                results.append((True, case.__doc__ + " # SKIP the C driver uploads the whole plane"))
            elif guest.driver() == "c" and case in ONE_FORMAT and re.search("failed: (No such file|Invalid)", str(e)):
                results.append((True, case.__doc__ + " # SKIP the C driver shows XRGB8888 only"))
            elif guest.driver() == "c" and case in KNOWN and re.search("pixels differ|off the beat|No such file|Hz in the EDID", str(e)):
                results.append((True, f"{case.__doc__} # SKIP the C driver {KNOWN[case]}"))
            else:
                results.append((False, case.__doc__ + where))
    status, report = bench.close()
    if status:
        comment(report)
    results.append((status == 0, f"the guest ends well, no complaint from its kernel ({outputs} outputs){where}"))
    return results


def comment(text):
    print("# " + str(text).replace("\n", "\n# "), flush=True)


def main():
    program = guest.compile_static(os.path.join(HERE, "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm")
    comment(f"SEED={SEED}")
    results = []
    for blobs in devices():
        if not blobs:
            results += run(program, 1, ONE_HEAD) + run(program, 2, TWO_HEADS)
        elif os.environ.get("VGPU_QUICK"):
            results += run(program, 1, BLOBS_QUICK, True)
        else:
            results += run(program, 1, (*ONE_HEAD, in_place), True) + run(program, 2, (*TWO_HEADS, in_place), True)
    return tell(results)


if __name__ == "__main__":
    sys.exit(main())
