# SPDX-License-Identifier: GPL-2.0
"""A VNC client that only looks: what the display layer of QEMU was told to
show (a picture that was uploaded but never flushed does not arrive here) and
the cursor with its hotspot, which is in no screendump."""

import select
import socket
import struct
import time

import numpy

RAW, DESKTOP_SIZE, EXT_DESKTOP_SIZE, ALPHA_CURSOR = 0, -223, -308, -314


class View:
    """picture is an array of 0xRRGGBB; cursor is (hot_x, hot_y, array of ARGB) or None."""

    def __init__(self, path, timeout=60):
        self._s = socket.socket(socket.AF_UNIX)
        self._s.settimeout(timeout)
        self._s.connect(path)
        self._get(12)
        self._s.sendall(b"RFB 003.008\n")
        self._get(self._get(1)[0])
        self._s.sendall(b"\x01")                # no security
        self._get(4)
        self._s.sendall(b"\x01")                # shared
        w, h = struct.unpack(">HH", self._get(20)[:4])
        self._get(struct.unpack(">I", self._get(4))[0])
        self.picture = numpy.zeros((h, w), "<u4")
        self.cursor = None
        # 32 bits, little endian, true colour, red at bit 16
        self._s.sendall(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self._s.sendall(struct.pack(">BxHiii", 2, 3, RAW, DESKTOP_SIZE, ALPHA_CURSOR))
        self._request(False)

    def _get(self, n):
        data = bytearray()
        while len(data) < n:
            part = self._s.recv(n - len(data))
            if not part:
                raise EOFError("the VNC server has gone")
            data += part
        return bytes(data)

    def _request(self, incremental):
        h, w = self.picture.shape
        self._s.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, w, h))

    def _update(self):
        for _ in range(struct.unpack(">xH", self._get(3))[0]):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self._get(12))
            if encoding == RAW:
                data = numpy.frombuffer(self._get(w * h * 4), "<u4").reshape(h, w)
                self.picture[y:y + h, x:x + w] = data & 0xffffff
            elif encoding in (DESKTOP_SIZE, EXT_DESKTOP_SIZE):
                if encoding == EXT_DESKTOP_SIZE:
                    self._get(16 * self._get(4)[0])
                if self.picture.shape != (h, w):
                    self.picture = numpy.zeros((h, w), "<u4")
                    self._request(False)
            elif encoding == ALPHA_CURSOR:
                self._get(4)                    # encoding of the pixels: raw
                data = numpy.frombuffer(self._get(w * h * 4), "<u4").reshape(h, w)
                self.cursor = (x, y, data.copy())
            else:
                raise ValueError(f"encoding {encoding} was not asked for")
        self._request(True)

    def poll(self, seconds):
        """Takes in what arrives in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._s], [], [], left)[0]:
                return
            kind = self._get(1)[0]
            if kind == 0:
                self._update()
            elif kind == 2:                     # bell
                pass
            else:
                raise ValueError(f"message {kind}")

    def refresh(self):
        """Asks for the whole picture: all of it that has been flushed."""
        self._request(False)

    def resize(self, w, h):
        """Asks for another size of the guest's screen."""
        self._s.sendall(struct.pack(">BxHHBxIHHHHI", 251, w, h, 1, 0, 0, 0, w, h, 0))

    def close(self):
        self._s.close()
