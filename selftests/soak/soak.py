#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Random steps on two heads, and what the host shows after them.

Draws as a compositor does: into back buffers that are behind by some frames,
with the damage of the last frame only; into what is on the screen, with
DIRTYFB; and flips, pans, moves cursors, changes formats and modes. The model
(model.py) knows what each head has to show. At checkpoints the screendump, what
a VNC viewer got, the cursor's image and its last position are compared with
it, exactly. At the end a rectangle is drawn and not reported, which the
comparison has to see.

All that is done on two devices: one that is sent copies of what is drawn, and one
with blobs, which shows the guest's memory. There the screendump has what was not
reported as well, but not the viewer; and not a byte may have been sent.

SEED= (random), STEPS= (10000; 300 in the gate; with blobs a third of it) and EVERY=
(25 steps from checkpoint to checkpoint) choose a run, and BLOBS=0|1 one of the
devices, on which all STEPS are done then. The same seed makes the same steps on the
same device. DRIVER=c|rust, inside the toolchain tree; with blobs ours only, as the C
driver sends copies all the same. Kernels that check much do without blobs.
"""

import errno
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), os.path.join(os.path.dirname(HERE), "kms")]

import guest  # noqa: E402
import kms  # noqa: E402
from kms import Failed, comment, difference  # noqa: E402
from model import SHIFTS, Buffer, Head, fourcc, name_of, pattern  # noqa: E402
from programs import tell  # noqa: E402

MODES = ((640, 480), (800, 600), (1024, 768))
NONBLOCK, EVENT, TEST, MODESET = 0x200, 0x1, 0x100, 0x400
SETTLE = 6.0        # seconds for the host to show what was ordered
C = guest.driver() == "c"
# What the host is told of pictures, looked at where none may be sent.
PICTURES = ("virtio_gpu_cmd_res_xfer_toh_2d", "virtio_gpu_cmd_set_scanout", "virtio_gpu_cmd_set_scanout_blob")


class Bench(kms.Bench):
    """The guest with the soak's client, and the host's views of its two screens."""

    def __init__(self, client, blobs):
        self.blobs = blobs
        name = "blobs" if blobs else "guest"
        self.heads = [os.path.join(guest.scratch(), f"{name}{head}") for head in range(2)]
        self.guest = guest.Guest(
            "exec ./soak <>/dev/vgpu-line >&0\n", add=[client], name=name,
            trace=("virtio_gpu_update_cursor", *(PICTURES if blobs else ())),
            device=f"virtio-gpu-pci,{'blob=on,' if blobs else ''}max_outputs=2,xres=1024,yres=768", timeout=3600,
            qemu=[w for n, path in enumerate(self.heads)
                  for w in ("-vnc", f"unix:{path},id=head{n},display=gpu0,head={n}")])
        self.views, self.waiting, self.lines = [], [], []
        self.trace_at = 0
        self.pointers = {}

    def pictures(self):
        """How often pictures were sent, shown from the host's copy, and shown from the guest's memory."""
        sent, copies, memory = ([t for t in self.guest.trace() if event + " " in t] for event in PICTURES)
        return len(sent), sum(not re.search(r"res 0x0\b", t) for t in copies), len(memory)

    def start(self):
        super().start()
        self.do("open")
        self.views[1].resize(1024, 768)
        end = time.monotonic() + 20
        while not self.ask("mode 1 1024 768")[0]:
            if time.monotonic() > end:
                raise guest.GuestError("the second head does not get connected")
            self.views[1].poll(0.2)

    def order(self, line, *errnos):
        """Sends a request; what it answers is looked at later. With errnos it has to fail with one of them."""
        self.lines.append(line)
        self.guest.send_line(line)
        self.waiting.append((line, errnos))
        if len(self.waiting) >= 8:
            self.settle()

    def settle(self):
        """Takes the answers to all that was ordered."""
        waiting, self.waiting = self.waiting, []
        for line, errnos in waiting:
            word, value = self.guest.read_line(60).split()[:2]
            if (word == "ok") == bool(errnos) or (errnos and int(value) not in errnos):
                raise Failed(f"'{line}' gave {'success' if word == 'ok' else os.strerror(int(value))}")

    def formats(self, head):
        self.guest.send_line(f"formats {head}")
        return [name_of(int(w)) for w in self.guest.read_line(30).split()[2:]]

    def pointer(self, head):
        """(x, y, resource) of the last cursor command for a head, None if there was none."""
        try:
            with open(self.guest.trace_file, encoding="utf-8", errors="replace") as f:
                f.seek(self.trace_at)
                text = f.read()
        except FileNotFoundError:
            text = ""
        whole = text.rfind("\n") + 1
        self.trace_at += len(text[:whole].encode())
        for m in re.finditer(r"update_cursor scanout (\d+), x (-?\d+), y (-?\d+), \w+, res 0x([0-9a-f]+)", text[:whole]):
            x, y = (((int(v) + (1 << 31)) % (1 << 32)) - (1 << 31) for v in m.group(2, 3))
            self.pointers[int(m.group(1))] = (x, y, int(m.group(4), 16))
        return self.pointers.get(head)


class Soak:
    """The random steps."""

    def __init__(self, bench, seed):
        self.b = bench
        self.rng = random.Random(seed)
        self.heads = [Head(0), Head(1)]
        self.numbers = set(range(1, 60))
        self.seed = 0
        known = [f for f in bench.formats(0) if f in SHIFTS]
        # Buffers of one chain keep their colours in the same places, so that a flip can carry damage.
        self.known = known
        self.families = [[f for f in known if SHIFTS[f] == s] for s in sorted({SHIFTS[f] for f in known})]
        self.counts = {}
        comment(f"formats {' '.join(bench.formats(0))}; in use {' '.join(known)}")
        for head in self.heads:
            for _ in range(2):
                head.cursor.buffers.append(self.buffer(64, 64, "AR24"))
            self.mode_atomic(head, (1024, 768))

    # -- buffers and what is drawn into them ----------------------------------------------

    def buffer(self, width, height, form, drawn=True):
        number = min(self.numbers)
        self.numbers.remove(number)
        # The C driver shows the start of the object whatever the framebuffer's offset is.
        x, y = self.rng.choice(((0, 0), (0, 0), (16, 3), (1, 40)))
        if C or width == 64:
            x = y = 0
        self.b.order(f"buf 0 {number} {width} {height} {fourcc(form)} {x} {y}")
        b = Buffer(number, width, height, form)
        if drawn:
            self.fill(b, (0, 0, width, height))
        return b

    def free(self, buffers):
        for b in buffers:
            self.b.order(f"free 0 {b.number}")
            self.numbers.add(b.number)

    def fill(self, b, rect, seed=None):
        """Draws; returns the seed."""
        if seed is None:
            self.seed += 1
            seed = self.seed
        self.b.order(f"fill 0 {b.number} {seed} " + " ".join(map(str, rect)))
        b.fill(rect, seed)
        return seed

    def rect(self, b):
        r = self.rng
        w = min(b.width, r.choice((1, 2, 17, 64, r.randint(1, 300), r.randint(1, 300))))
        h = min(b.height, r.choice((1, 3, 16, r.randint(1, 200), r.randint(1, 200))))
        x, y = r.choice((0, b.width - w, r.randint(0, b.width - w))), r.choice((0, b.height - h, r.randint(0, b.height - h)))
        return (x, y, x + w, y + h)

    def draw(self, head, b):
        """Some rectangles into a buffer of the head's chain; the damage to report."""
        rects = [self.rect(b) for _ in range(self.rng.choice((1, 1, 1, 2, 3, 5, 12)))]
        for rect in rects:
            head.drawn(rect, self.fill(b, rect), b)
        return [self.larger(b, rect) if self.rng.random() < 0.2 else rect for rect in rects]

    def larger(self, b, rect):
        """Damage may say more than what was drawn."""
        n = self.rng.randint(1, 40)
        return (max(0, rect[0] - n), max(0, rect[1] - n), min(b.width, rect[2] + n), min(b.height, rect[3] + n))

    def back(self, head, form=None):
        """Another buffer of the chain, brought up to date."""
        b = self.rng.choice([b for b in head.chain if b is not head.front and form in (None, b.form)] or [head.front])
        for rect, seed in b.behind:
            self.fill(b, rect, seed)
        b.behind = []
        return b

    # -- parts of requests ----------------------------------------------------------------

    def primary(self, head, b, rects=()):
        self.b.order(f"primary {head.number} {b.number} {head.source[0]} {head.source[1]} 0 0 {head.mode[0]} {head.mode[1]} 0 0 "
                     + " ".join(str(v) for rect in rects for v in rect))

    def cursor_part(self, head):
        c = head.cursor
        if c.shown:
            self.b.order(f"cursor {head.number} {c.shown.number} 0 0 {c.at[0]} {c.at[1]} 64 64 {c.hot[0]} {c.hot[1]}")
        else:
            self.b.order(f"cursor {head.number} 0")

    def frame_part(self, head):
        """A new frame in a back buffer, or in the front one."""
        b = self.back(head) if self.rng.random() < 0.8 else head.front
        rects = self.draw(head, b)
        if self.rng.random() < 0.15:
            self.pan_source(head)
        self.primary(head, b, () if self.rng.random() < 0.15 else rects)
        head.front = b

    def pan_source(self, head):
        b = head.front
        head.source = (self.rng.randint(0, b.width - head.mode[0]), self.rng.randint(0, b.height - head.mode[1]))

    def commit(self, flags=None):
        if flags is None:
            flags = self.rng.choice((0, EVENT, EVENT | NONBLOCK, EVENT | NONBLOCK))
        self.b.order(f"commit {flags}")

    # -- steps ----------------------------------------------------------------------------

    def frame(self, head):
        self.frame_part(head)
        if self.rng.random() < 0.1:
            self.new_cursor(head)
            self.cursor_part(head)
        self.commit()

    def both(self, _):
        for head in self.heads:
            if head.on:
                self.frame_part(head)
        self.commit()

    def front(self, head):
        rects = self.draw(head, head.front)
        self.b.order(f"dirty 0 {head.front.number} " +
                     (" ".join(str(v) for rect in rects for v in rect) if self.rng.random() < 0.9 else ""))

    def legacy_flip(self, head):
        b = self.back(head, head.front.form)
        self.draw(head, b)
        self.b.order(f"flip {head.number} {b.number}")
        head.front = b

    def pan(self, head):
        self.pan_source(head)
        self.primary(head, head.front)
        self.commit()

    def new_cursor(self, head):
        c, r = head.cursor, self.rng
        b = c.buffers[0] if c.shown is c.buffers[1] else c.buffers[1]
        self.fill(b, (0, 0, 64, 64))
        c.shown, c.hot = b, (r.randint(0, 63), r.randint(0, 63))
        self.place(head)

    def place(self, head):
        """Somewhere at least a part of it is seen."""
        head.cursor.at = (self.rng.randint(-40, head.mode[0] - 1), self.rng.randint(-40, head.mode[1] - 1))

    def cursor(self, head):
        c, r = head.cursor, self.rng
        what = r.choice(("new", "new2", "move", "move", "move2", "move2", "move2", "hide"))
        if what == "new" or (what.startswith("move") and not c.shown):
            self.new_cursor(head)
            self.cursor_part(head)
            self.commit(0)
        elif what == "new2":
            self.new_cursor(head)
            self.b.order(f"cursor2 {head.number} {c.shown.number} {c.hot[0]} {c.hot[1]}")
            self.legacy_move(head)
        elif what == "move":
            self.place(head)
            self.cursor_part(head)
            self.commit(0)
        elif what == "move2":
            for _ in range(r.randint(1, 6)):
                self.place(head)
                self.legacy_move(head)
        else:
            c.shown = None
            if r.random() < 0.5:
                self.cursor_part(head)
                self.commit(0)
            else:
                self.b.order(f"cursor2 {head.number} 0 0 0")

    def legacy_move(self, head):
        self.b.order(f"move {head.number} {head.cursor.at[0]} {head.cursor.at[1]}")

    def mode(self, head):
        mode = self.rng.choice(MODES)
        if self.rng.random() < 0.3:
            self.mode_legacy(head, mode)
        else:
            self.mode_atomic(head, mode)

    def chain(self, head, mode):
        """New buffers for a head; the old ones."""
        r = self.rng
        old, family = head.chain, r.choice(self.families)
        width, height = mode[0] + r.choice((0, 0, 1, 100)), mode[1] + r.choice((0, 0, 7, 60))
        first = self.buffer(width, height, r.choice(family))
        head.chain, seed = [first], self.seed
        for _ in range(r.randint(1, 3)):
            b = self.buffer(width, height, r.choice(family), drawn=False)
            # The chain's picture is that of the first buffer.
            b.behind = [((0, 0, width, height), seed)]
            head.chain.append(b)
        head.front, head.mode, head.on = first, mode, True
        self.pan_source(head)
        return old

    def mode_atomic(self, head, mode):
        old = self.chain(head, mode)
        self.b.order(f"mode {head.number} {mode[0]} {mode[1]}")
        self.b.order(f"crtc {head.number} 1")
        self.primary(head, head.front)
        if head.cursor.shown:
            self.place(head)
            self.cursor_part(head)
        self.commit(MODESET)
        self.free(old)

    def mode_legacy(self, head, mode):
        if head.cursor.shown:
            # Not left outside of a smaller mode.
            head.cursor.at = (10, 20)
            self.legacy_move(head)
        old = self.chain(head, mode)
        self.b.order(f"mode {head.number} {mode[0]} {mode[1]}")
        self.b.order(f"setcrtc {head.number} {head.front.number} {head.source[0]} {head.source[1]}")
        self.free(old)

    def buffers(self, head):
        """New buffers, perhaps of other formats and another size, in the same mode."""
        old = self.chain(head, head.mode)
        self.primary(head, head.front)
        self.commit(MODESET)
        self.free(old)

    def off(self, head):
        head.on, head.cursor.shown = False, None
        self.b.order(f"crtc {head.number} 0")
        self.b.order(f"primary {head.number} 0")
        self.cursor_part(head)
        self.commit(MODESET)

    def share(self, _):
        """Both heads show parts of one buffer, which is drawn into; then the second one has its own again."""
        one, two = self.heads
        if not (one.on and two.on and one.front.width >= two.mode[0] and one.front.height >= two.mode[1]):
            return self.both(None)
        own = two.front, two.source
        two.front = one.front
        self.pan_source(two)
        self.primary(two, two.front)
        self.commit(MODESET)
        self.front(one)
        self.check()
        two.front, two.source = own
        self.primary(two, two.front)
        self.commit(MODESET)
        return None

    def alias(self, head):
        """Shows the front buffer in another format, draws into it like that, and shows it as it was."""
        r, own = self.rng, head.front
        number = min(self.numbers)
        form = r.choice([f for f in self.known if f != own.form] or self.known)
        self.b.order(f"alias 0 {number} {own.number} {fourcc(form)}")
        other = Buffer(number, own.width, own.height, form)
        other.words = own.words
        for b in (other, own):
            head.front = b
            if r.random() < 0.3:
                self.pan_source(head)
            self.primary(head, b)
            self.commit(r.choice((MODESET, EVENT | NONBLOCK)))
            for _ in range(r.randint(0, 2)):
                rects = [self.rect(b) for _ in range(r.randint(1, 3))]
                for rect in rects:
                    head.drawn(rect, self.fill(b, rect), own)
                self.b.order(f"dirty 0 {b.number} " + " ".join(str(v) for rect in rects for v in rect))
            if r.random() < 0.5:
                self.check()
        self.b.order(f"wait {head.number}")
        self.b.order(f"free 0 {number}")

    def refused(self, head):
        """What changes nothing: a test, and what lies beyond the framebuffer."""
        source, head.source = head.source, (head.front.width - head.mode[0] + 1, 0)
        self.primary(head, head.front)
        self.b.order(f"commit {self.rng.choice((0, TEST))}", errno.ENOSPC)
        head.source = source
        self.primary(head, self.rng.choice(head.chain))
        self.commit(TEST)

    STEPS = ((frame, 40), (front, 22), (both, 8), (legacy_flip, 6), (pan, 4), (cursor, 16), (buffers, 1.5), (mode, 1),
             (off, 0.5), (share, 0.5), (alias, 2), (refused, 2))

    def step(self):
        head = self.rng.choice(self.heads)
        what = self.rng.choices([s for s, _ in self.STEPS], [w for _, w in self.STEPS])[0]
        if not head.on:
            what = type(self).mode
        what(self, head)
        self.counts[what.__name__] = self.counts.get(what.__name__, 0) + 1

    # -- what the host has to show --------------------------------------------------------

    def wrong(self, head):
        """What is not as it has to be on a head."""
        if head.on:
            want = head.want()
            if diff := difference(self.b.screendump(head.number), want):
                return f"screendump: {diff}"
            if diff := difference(self.b.views[head.number].picture, want):
                return f"viewer (was it flushed?): {diff}"
        pointer, c = self.b.pointer(head.number), head.cursor
        if not c.shown:
            return f"cursor command {pointer} instead of none" if pointer and pointer[2] else None
        if not pointer or not pointer[2] or pointer[:2] != c.at:
            return f"cursor command {pointer}, not at {c.at}"
        got = self.b.views[head.number].cursor
        if got is None or got[:2] != c.hot:
            return f"cursor with hotspot {got and got[:2]} instead of {c.hot}"
        if diff := difference(got[2], c.shown.words):
            return f"cursor: {diff}"
        return None

    def check(self, patience=SETTLE):
        """Compares both heads, once the guest has no flip on its way."""
        for head in self.heads:
            self.b.order(f"wait {head.number}")
        self.b.settle()
        end = time.monotonic() + patience
        for head in self.heads:
            asked = False
            while True:
                for view in self.b.views:
                    view.poll(0.02)
                if not (why := self.wrong(head)):
                    break
                if time.monotonic() > end:
                    raise Failed(f"head {head.number}: {why}")
                if not asked and time.monotonic() > end - patience / 2:
                    # All that has been flushed, once more, in case the viewer has missed a part.
                    self.b.views[head.number].refresh()
                    asked = True
        self.b.lines = []

    def unreported(self):
        """Draws two rectangles and reports one; the difference, or None where nobody saw it."""
        # Nothing that was reported is still on its way to the viewers.
        for view in self.b.views:
            view.poll(0.5)
        head = next(h for h in self.heads if h.on)
        x, y = head.source
        rects = [(x + 40, y + 50, x + 90, y + 60), (x + 300, y + 200, x + 333, y + 290)]
        for rect in rects:
            head.drawn(rect, self.fill(head.front, rect), head.front)
        self.b.order(f"dirty 0 {head.front.number} " + " ".join(map(str, rects[0])))
        try:
            self.check(1.0)
        except Failed as e:
            why = str(e)
        else:
            return None
        self.b.order(f"dirty 0 {head.front.number}")
        self.check()
        return why


def run(bench, seed, steps, every):
    """[(good, name)]"""
    results = []
    where = ", with blobs" if bench.blobs else ""
    bench.start()
    soak = Soak(bench, seed)
    step = 0
    try:
        for step in range(1, steps + 1):
            soak.step()
            if step % every == 0 or step == steps:
                soak.check()
    except (Failed, guest.GuestError) as e:
        comment(f"seed {seed}, step {step}: {e}")
        comment("since the last checkpoint:\n" + "\n".join(bench.lines[-60:]))
        comment(f"again: SEED={seed} STEPS={step} EVERY=1 BLOBS={int(bench.blobs)} make check-full T=soak")
        return [(False, f"{steps} random steps{where}, seed {seed}: step {step} is not what the model says")]
    comment(", ".join(f"{n} {name}" for name, n in sorted(soak.counts.items())))
    results.append((True, f"{steps} random steps on two heads{where}, seed {seed}"))
    name = "damage that is not reported is seen" + where
    why = soak.unreported()
    if C and not why:
        results.append((True, name + " # SKIP the C driver uploads the whole plane"))
    else:
        comment(f"not reported: {why}")
        # The guest's memory is the screen, but nobody looks again there.
        seen_by = "viewer" if bench.blobs else "screendump"
        results.append((why is not None and f": {seen_by}" in why and "differ" in why, name))
    if bench.blobs:
        sent, copies, memory = bench.pictures()
        comment(f"pictures sent {sent} times; shown from copies {copies} times, from the guest's memory {memory} times")
        results.append((memory > 0 and not sent and not copies, "with blobs no picture is sent"))
    return results


def one(client, seed, steps, blobs):
    """[(good, name)] of one of the devices."""
    where = ", with blobs" if blobs else ""
    comment(f"seed {seed}, {steps} steps{where}")
    bench = Bench(client, blobs)
    try:
        results = run(bench, seed, steps, int(os.environ.get("EVERY") or 25))
    except (Failed, guest.GuestError, EOFError) as e:
        comment(e)
        results = [(False, f"the guest's client, seed {seed}{where}")]
    status, report = bench.close()
    if status:
        comment(report)
    return results + [(status == 0, f"the guest ends well, no complaint from its kernel{where}")]


def main():
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 31))
    steps = int(os.environ.get("STEPS") or (300 if os.environ.get("VGPU_QUICK") else 10000))
    client = guest.compile_static(os.path.join(HERE, "soak.c"), "-I/usr/include/libdrm", "-ldrm")
    results = []
    for blobs in kms.devices():
        results += one(client, seed, -(-steps // 3) if blobs and results else steps, blobs)
    return tell(results)


if __name__ == "__main__":
    sys.exit(main())
