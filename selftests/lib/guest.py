# SPDX-License-Identifier: GPL-2.0
"""A guest that a test on the host side talks to while it runs: a line to the
test's program in the guest, a monitor, and QEMU's trace. Started by the runner
in selftests/guest, which also says whether the guest's kernel complained.

In the guest the line is /dev/vgpu-line, or /dev/ttyS1 where a test asks for
a serial port: that one also comes back from sleep.
"""

import atexit
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(SELFTESTS, "guest"))

from qmp import Qmp, QmpError  # noqa: E402

# For scripts in the guest that take orders; goes along with it.
SHELL = os.path.join(HERE, "guest.sh")
BOOT = os.environ.get("VGPU_BOOT") or os.path.join(SELFTESTS, "guest", "boot")


class GuestError(Exception):
    """The guest did not do what the test needs to go on."""


_scratch = None


def scratch():
    """A folder for this run, gone with it."""
    global _scratch
    if not _scratch:
        _scratch = tempfile.mkdtemp(prefix="vgpu-test.")
        atexit.register(shutil.rmtree, _scratch, True)
    return _scratch


def driver():
    return os.environ.get("DRIVER") or "rust"


def compile_static(source, *flags):
    """A static program for the guest; the path of it, in VGPU_BUILD where there is one."""
    out = os.path.join(os.environ.get("VGPU_BUILD") or scratch(), os.path.splitext(os.path.basename(source))[0])
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
        subprocess.run([os.environ.get("CC") or "gcc", "-static", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter",
                        "-o", out, source, *flags], check=True)
    return out


class Guest:
    """A running guest; a context manager. Its device has the QEMU id gpu0."""

    def __init__(self, script, add=(), device="virtio-gpu-pci", trace=(), qemu=(), boot=(), name="guest", timeout=300,
                 machine="q35", serial=False, before=()):
        self.dir = tempfile.mkdtemp(dir=scratch())
        self.out = os.path.join(os.environ.get("VGPU_OUT") or self.dir, name)
        os.makedirs(self.out, exist_ok=True)
        self.trace_file = os.path.join(self.dir, "trace")
        self._line = b""
        script_file = os.path.join(self.dir, "script.sh")
        with open(script_file, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + script)
        listeners = {}
        words = ["-device", f"virtio-serial-{'device' if machine == 'microvm' else 'pci'},id=test"]
        for n in ("line", "monitor"):
            listeners[n] = socket.socket(socket.AF_UNIX)
            listeners[n].bind(os.path.join(self.dir, n))
            listeners[n].listen(1)
            words += ["-chardev", f"socket,id=test-{n},path={os.path.join(self.dir, n)}"]
        words += ["-device", "isa-serial,chardev=test-line" if serial else
                  "virtserialport,bus=test.0,chardev=test-line,name=vgpu-line",
                  "-mon", "chardev=test-monitor,mode=control"]
        for event in trace:
            words += ["-trace", f"enable={event},file={self.trace_file}"]
        cmd = [BOOT, "--image", "none", *(w for d in before for w in ("--device", d)),
               "--device", device + ",id=gpu0", "--machine", machine,
               "--out", self.out, "--quiet",
               "--timeout", str(timeout), "--qemu=" + " ".join(words + list(qemu)), *boot]
        for a in add:
            cmd += ["--add", a]
        self._report = open(os.path.join(self.dir, "report"), "w+", encoding="utf-8", errors="replace")
        self.proc = subprocess.Popen(cmd + ["--run", script_file], stdin=subprocess.DEVNULL,
                                     stdout=self._report, stderr=subprocess.STDOUT)
        try:
            self._sock = self._accept(listeners["line"], timeout)
            self._qmp = Qmp(self._accept(listeners["monitor"], 20))
        except GuestError:
            self.end(0)
            raise
        finally:
            for s in listeners.values():
                s.close()

    def _accept(self, listener, timeout):
        """What the runner makes first (kernel, module) counts towards its own limits, not here."""
        while True:
            if select.select([listener], [], [], 1)[0]:
                return listener.accept()[0]
            if self.proc.poll() is not None:
                raise GuestError("the guest did not start: " + self.report())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(5)

    def report(self):
        """What the runner has said so far."""
        with open(self._report.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def console(self):
        try:
            with open(os.path.join(self.out, "console.log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def read_line(self, timeout=60):
        """One line from the test's program in the guest."""
        end = time.monotonic() + timeout
        while b"\n" not in self._line:
            left = end - time.monotonic()
            data = self._sock.recv(65536) if left > 0 and select.select([self._sock], [], [], left)[0] else b""
            if not data:
                raise GuestError(f"no line from the guest within {timeout} s; {self.report()[-500:]}\n"
                                 f"{self.console()[-2000:]}\n{self.where()}")
            self._line += data
        line, self._line = self._line.split(b"\n", 1)
        return line.decode(errors="replace").strip("\r")

    def where(self):
        """Where the guest's processors are, and what is on their stacks: for who wonders why it says nothing."""
        said = []
        try:
            for cpu in range(len(self.qmp("query-cpus-fast"))):
                for command in ("info registers", "x /96gx $rsp"):
                    said.append(self.qmp("human-monitor-command", **{"command-line": command, "cpu-index": cpu}))
        except (QmpError, ValueError, KeyError) as e:
            said.append(str(e))
        return "".join(f"cpu: {line}\n" for text in said for line in text.splitlines()
                       if line.startswith(("RIP", "RSI")) or ": 0x" in line or "RSP" in line)

    def send_line(self, text):
        try:
            self._sock.sendall(text.encode() + b"\n")
        except OSError as e:
            raise GuestError(f"the guest has gone: {self.report()[-500:]}") from e

    def sh(self, command, timeout=60):
        """Runs a line of shell where the script is guest.sh's serve(): its status, the last line it said."""
        self.send_line("!" + command)
        said = ""
        while True:
            line = self.read_line(timeout)
            if line.startswith("said "):
                said = line[5:]
            elif line.startswith("ok"):
                return 0, said
            elif line.startswith("err"):
                return int(line[4:]), said

    def qmp(self, command, **arguments):
        return self._qmp.command(command, **arguments)

    def trace(self):
        """Lines of QEMU's trace so far."""
        try:
            with open(self.trace_file, encoding="utf-8", errors="replace") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def end(self, timeout=60):
        """Waits for the guest's own end, or ends it; the runner's exit status (0 is good)."""
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.terminate()
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
            return 99
        finally:
            if getattr(self, "_sock", None):
                self._sock.close()
