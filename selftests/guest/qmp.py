# SPDX-License-Identifier: GPL-2.0
"""QEMU's monitor protocol, as far as a test needs it."""

import json
import threading


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """One connection; commands from any thread, one at a time. Events are kept."""

    def __init__(self, sock):
        self.file = sock.makefile("rw", encoding="utf-8", newline="\n")
        self.lock = threading.Lock()
        self.events = []
        self._read()
        self.command("qmp_capabilities")

    def _read(self):
        line = self.file.readline()
        if not line:
            raise QmpError("QEMU has gone")
        return json.loads(line)

    def command(self, execute, **arguments):
        """The command's return value; raises QmpError with QEMU's words."""
        with self.lock:
            try:
                self.file.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
                self.file.flush()
                while True:
                    answer = self._read()
                    if "event" in answer:
                        self.events.append(answer)
                    elif "error" in answer:
                        raise QmpError(answer["error"]["desc"])
                    elif "return" in answer:
                        return answer["return"]
            except OSError as e:
                raise QmpError("QEMU has gone") from e

    def screendump(self, path, head=0, device="gpu0"):
        """The scanout's picture into path, as PNG or PPM by its ending."""
        kind = "png" if path.endswith(".png") else "ppm"
        self.command("screendump", filename=path, device=device, head=head, format=kind)
