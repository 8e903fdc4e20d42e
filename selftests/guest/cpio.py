# SPDX-License-Identifier: GPL-2.0
"""An initramfs written from a list of files, without root and without cpio(1)."""

import os
import stat


class Archive:
    """A cpio archive ("newc") that makes parent directories as they are needed."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.ino = 0
        self.dirs = set()

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))

    def directory(self, name):
        name = name.strip("/")
        if not name or name in self.dirs:
            return
        self.directory(os.path.dirname(name))
        self.dirs.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def device(self, name, major, minor):
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def copy(self, source, name):
        """A file or a directory of the host with all below it; links are kept."""
        if os.path.islink(source):
            self.directory(os.path.dirname(name.strip("/")))
            self._entry(name.strip("/"), stat.S_IFLNK | 0o777, os.readlink(source).encode())
        elif os.path.isdir(source):
            self.directory(name)
            for entry in sorted(os.listdir(source)):
                self.copy(os.path.join(source, entry), f"{name}/{entry}")
        else:
            with open(source, "rb") as f:
                self.file(name, f.read(), 0o755 if os.access(source, os.X_OK) else 0o644)

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.out.close()
