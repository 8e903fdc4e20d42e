# SPDX-License-Identifier: GPL-2.0
"""What the guest has drawn, and what each head has to show of it: buffers word by
word, the chain of buffers that a head flips through, cursors. Nothing in here
knows the driver."""

import numpy

# Where a format keeps its colours in a little-endian word: shifts of red, green, blue.
SHIFTS = {"XR24": (16, 8, 0), "AR24": (16, 8, 0), "XB24": (0, 8, 16), "AB24": (0, 8, 16),
          "RX24": (24, 16, 8), "RA24": (24, 16, 8), "BX24": (8, 16, 24), "BA24": (8, 16, 24)}


def fourcc(name):
    return int.from_bytes(name.encode(), "little")


def name_of(code):
    return code.to_bytes(4, "little").decode("ascii", "replace")


def pattern(rect, seed):
    """What the client's fill writes into this rectangle, x1 y1 x2 y2."""
    x1, y1, x2, y2 = rect
    x = numpy.arange(x1, x2, dtype=numpy.uint32)[None, :]
    y = numpy.arange(y1, y2, dtype=numpy.uint32)[:, None]
    v = (x * numpy.uint32(0x9e3779b1)) ^ (y * numpy.uint32(0x85ebca6b)) ^ numpy.uint32(seed * 0xc2b2ae35 & 0xffffffff)
    v ^= v >> numpy.uint32(15)
    v *= numpy.uint32(0x2c1b3c6d)
    return v ^ (v >> numpy.uint32(12))


class Buffer:
    """A framebuffer. `behind` are the rectangles, with their seeds, in which it is older than its chain."""

    def __init__(self, number, width, height, form):
        self.number, self.width, self.height, self.form = number, width, height, form
        self.words = numpy.zeros((height, width), numpy.uint32)
        self.behind = []

    def fill(self, rect, seed):
        x1, y1, x2, y2 = rect
        self.words[y1:y2, x1:x2] = pattern(rect, seed)

    def picture(self, x, y, width, height):
        """A part of it as 0xRRGGBB."""
        part = self.words[y:y + height, x:x + width]
        red, green, blue = ((part >> numpy.uint32(s)) & numpy.uint32(0xff) for s in SHIFTS[self.form])
        return (red << numpy.uint32(16)) | (green << numpy.uint32(8)) | blue


class Cursor:
    """What the pointer of a head looks like and where it is; `legacy` is where the legacy interface put it last."""

    def __init__(self):
        self.buffers, self.shown = [], None
        self.at = self.legacy = (0, 0)
        self.hot = (0, 0)


class Head:
    """A scanout: its mode, the buffers it flips through, and the part of the front one that it shows."""

    def __init__(self, number):
        self.number = number
        self.on, self.mode, self.source = False, (0, 0), (0, 0)
        self.chain, self.front = [], None
        self.cursor = Cursor()

    def want(self):
        """The picture that the host has to show."""
        return self.front.picture(*self.source, *self.mode)

    def drawn(self, rect, seed, fresh):
        """A rectangle has become part of the chain's picture; the `fresh` buffer has it."""
        for b in self.chain:
            if b is not fresh:
                b.behind.append((rect, seed))
