# SPDX-License-Identifier: GPL-2.0
"""The cursors that a host has drawn, each as (hot_x, hot_y, array of ARGB): those of a VNC viewer, and those that an X
server shows over a window of QEMU's, the only place where there is one on a display with GL. As a program, given a
word of QEMU's command line: prints the latter, a line of JSON for each, until there is no such server any more."""

import ctypes
import glob
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "kms"))
import vnc  # noqa: E402


class Viewer(threading.Thread):
    """Cursors of a viewer. Attributes: seen; words, for QEMU."""

    def __init__(self, _):
        super().__init__(daemon=True)
        # A path of a socket is short.
        self.dir = tempfile.TemporaryDirectory(prefix="vgpu-test.")
        self.path, self.seen = os.path.join(self.dir.name, "vnc"), []
        self.words = f"-vnc unix:{self.path},id=head0,display=gpu0,head=0"
        self.start()

    def run(self):
        view = None
        for _ in range(600):
            try:
                view = vnc.View(self.path)
                break
            except OSError:
                time.sleep(0.1)
        try:
            while view:
                view.poll(0.2)
                if view.cursor and (not self.seen or view.cursor is not self.seen[-1]):
                    self.seen.append(view.cursor)
        except (OSError, EOFError):
            view.close()

    def has(self, hot, want):
        """Whether a cursor was that one."""
        self.join(10)
        return any((x, y) == hot and got.shape == want.shape and (got == want).all() for x, y, got in self.seen)


class Window:
    """Cursors over QEMU's window. The same attributes."""

    # SDL shows the guest's cursor where the guest can be told where the pointer is.
    words = "-machine i8042=off -device virtio-tablet-pci"

    def __init__(self, word):
        self.seen = []
        # Xlib ends a program whose server has gone.
        self._looks = subprocess.Popen([sys.executable, os.path.abspath(__file__), word], text=True, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)

    def has(self, hot, want):
        """Whether a cursor was that one, but for what was lost when its colours were multiplied by its alpha."""
        try:
            lines = self._looks.communicate(timeout=20)[0].splitlines()
        except subprocess.TimeoutExpired:
            self._looks.kill()
            lines = self._looks.communicate()[0].splitlines()
        self.seen = [(x, y, np.array(p, np.uint32)) for x, y, p in map(json.loads, lines)]
        alpha = _channels(want)[..., :1]
        return any((x, y) == hot and got.shape == want.shape and (_channels(got)[..., :1] == alpha).all()
                   and (abs(_channels(got) - _channels(want) * alpha / 255)[..., 1:] <= 1).all() for x, y, got in self.seen)


def _channels(pixels):
    return np.stack([(pixels >> np.uint32(s) & np.uint32(255)).astype(int) for s in (24, 16, 8, 0)], axis=-1)


class _Image(ctypes.Structure):
    """XFixesCursorImage."""
    _fields_ = [*((n, ctypes.c_short) for n in ("x", "y")),
                *((n, ctypes.c_ushort) for n in ("width", "height", "hot_x", "hot_y")),
                ("serial", ctypes.c_ulong), ("pixels", ctypes.POINTER(ctypes.c_ulong)), ("atom", ctypes.c_ulong),
                ("name", ctypes.c_char_p)]


def _screen(word):
    """The X server's name of a QEMU with this word on its command line; None if there is no such process."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as line, open(path.replace("cmdline", "environ"), "rb") as env:
                if line.read().startswith(b"qemu-system") and line.seek(0) == 0 and word.encode() in line.read():
                    return next((v[8:] for v in env.read().split(b"\0") if v.startswith(b"DISPLAY=")), None)
        except OSError:
            pass
    return None


def _look(name):
    x, fixes = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXfixes.so.3")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XDefaultRootWindow.restype, x.XDefaultRootWindow.argtypes = ctypes.c_ulong, [ctypes.c_void_p]
    x.XDisplayWidth.argtypes = x.XDisplayHeight.argtypes = [ctypes.c_void_p, ctypes.c_int]
    x.XWarpPointer.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong, *[ctypes.c_int] * 6]
    x.XFree.argtypes = [ctypes.c_void_p]
    fixes.XFixesQueryExtension.argtypes = [ctypes.c_void_p] * 3
    fixes.XFixesGetCursorImage.restype, fixes.XFixesGetCursorImage.argtypes = ctypes.POINTER(_Image), [ctypes.c_void_p]
    display, last = x.XOpenDisplay(name), None
    if not display or not fixes.XFixesQueryExtension(display, ctypes.byref(ctypes.c_int()), ctypes.byref(ctypes.c_int())):
        sys.exit(f"no server {name}, or one that does not tell its cursor")
    while True:
        # The window is in the middle.
        x.XWarpPointer(display, 0, x.XDefaultRootWindow(display), 0, 0, 0, 0, x.XDisplayWidth(display, 0) // 2,
                       x.XDisplayHeight(display, 0) // 2)
        image = fixes.XFixesGetCursorImage(display)
        if image and image.contents.serial != last:
            c = image.contents
            last = c.serial
            rows = [[c.pixels[y * c.width + i] & 0xffffffff for i in range(c.width)] for y in range(c.height)]
            print(json.dumps([c.hot_x, c.hot_y, rows]), flush=True)
        x.XFree(image)
        time.sleep(0.2)


if __name__ == "__main__":
    for _ in range(600):
        server = _screen(sys.argv[1])
        if server:
            _look(server)
        time.sleep(0.1)
