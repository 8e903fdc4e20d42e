# SPDX-License-Identifier: GPL-2.0
"""What the test host's transport cannot raise, on stock QEMU: a device that asks for a reset
(NEEDS_RESET), one interrupt a queue, one for all queues and none but the old line, and a
device that does not offer VERSION_1."""

import mmap
import os
import re
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
from guest import Guest, GuestError  # noqa: E402
from qmp import QmpError  # noqa: E402

# MSI-X vectors of the device, and the interrupts that the guest then has of it.
VECTORS = [(3, "an interrupt a queue", r"virtio\d+-control$"), (2, "one for both queues", r"virtio\d+-virtqueues$"),
           (0, "the old interrupt line", r"IO-APIC.* virtio\d+(,|$)")]

SESSION = """
n=$(basename /sys/bus/virtio/drivers/virtio_gpu*/virtio*)
/vgpu/gpuctl session
echo "session $?" >/dev/vgpu-line
grep "$n" /proc/interrupts | sed 's/^/irq /' >/dev/vgpu-line
echo end >/dev/vgpu-line
"""

# The line is read and written through one descriptor; then the device fails, and the driver is to tell.
RESET = """
exec 3<>/dev/vgpu-line
/vgpu/gpuctl session
echo "ready $?" >&3
read -r _ <&3
timeout 60 /vgpu/gpuctl flips 50
echo "lost $?" >&3
read -r _ <&3
n=0
while [ -e /dev/dri/card0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
[ -e /dev/dri/card0 ] && echo "card there" >&3 || echo "card gone" >&3
timeout 40 gpu unload && gpu load && timeout 60 /vgpu/gpuctl session
echo "again $?" >&3
"""

OLD = """
gpu load
sleep 1
[ -e /dev/dri/card0 ] && echo "a card" || echo "no card"
[ -e /sys/bus/virtio/devices/virtio0/device ] && cat /sys/bus/virtio/devices/virtio*/device | paste -sd' ' 
cat /sys/bus/virtio/devices/virtio*/features
gpu unload && echo unloaded
"""


def interrupts(lab, result):
    """The session needs interrupts; they come as the device has them."""
    for vectors, what, pattern in VECTORS:
        said = []
        try:
            with Guest(SESSION, add=[lab.gpuctl], device=f"virtio-gpu-pci,vectors={vectors}",
                       name=f"vectors-{vectors}") as g:
                while not said or said[-1] != "end":
                    said.append(g.read_line(90))
                ended = g.end()
        except GuestError as e:
            result(False, f"stock QEMU: {what}", e)
            continue
        counted = [sum(map(int, re.findall(r"(?<= )\d+(?= )", line.split(":", 1)[1])))
                   for line in said if line.startswith("irq ") and re.search(pattern, line)]
        result("session 0" in said and not ended and len(counted) == 1 and counted[0] > 0,
               f"stock QEMU: {what}: {counted} interrupts", "\n".join(said) + f"\nended with {ended}")


class Poker:
    """Writes a word of guest memory again and again, faster than the driver can put it right."""

    def __init__(self, pid, address, word):
        memory = next(f for f in (f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd"))
                      if "memfd:" in os.readlink(f))
        fd = os.open(memory, os.O_RDWR)
        page = address & ~0xffff
        self._map = mmap.mmap(fd, 0x20000, offset=page)
        os.close(fd)
        self._at, self._word, self._on = address - page, word, True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        at, word, memory = self._at, self._word, self._map
        while self._on:
            for _ in range(1000):
                memory[at:at + 2] = word

    def stop(self):
        self._on = False
        self._thread.join()


def needs_reset(lab, result):
    """QEMU asks for a reset when it meets a ring that cannot be: here the available index has jumped."""
    name = "stock QEMU: a device that asks for a reset is given up, and comes back when it is loaded again"
    pid_file = os.path.join(lab.build, "qemu.pid")
    try:
        with Guest(RESET, add=[lab.gpuctl], qemu=["-pidfile", pid_file], name="needs-reset") as g:
            said = [g.read_line(90)]
            gpu = next(d["path"] for d in g.qmp("x-query-virtio") if d["name"] == "virtio-gpu")
            ring = g.qmp("x-query-virtio-queue-status", path=gpu, queue=0)
            with open(pid_file, encoding="ascii") as f:
                pid = int(f.read())
            far = (ring["last-avail-idx"] + 0x4000) & 0xffff
            poker = Poker(pid, ring["vring-avail"] + 2, far.to_bytes(2, "little"))
            g.send_line("go")
            said.append(g.read_line(90))
            poker.stop()
            g.send_line("go")
            said += [g.read_line(90), g.read_line(120)]
            ended, log = g.end(), g.console()
    except (GuestError, QmpError, OSError, KeyError, StopIteration) as e:
        result(False, name, repr(e))
        return
    line = "the host has failed the device, it is lost"
    good = [r"ready 0", r"lost 1", r"card gone", r"again 0"]
    result(said == good and not ended and line in log, name,
           f"{said}, ended with {ended}, the line is {'there' if line in log else 'missing'}")


def old_device(lab, result):
    """A legacy device has no VERSION_1: the driver leaves it alone."""
    name = "stock QEMU: a device without VERSION_1 is left alone"
    script = os.path.join(lab.build, "old.sh")
    out = os.path.join(lab.out, "old-device")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + OLD)
    r = subprocess.run([lab.boot, "--image", "none", "--machine", "microvm", "--device", "virtio-gpu-device", "--out", out,
                        "--env", "VGPU_WAIT_CARD=0", "--driver", "none", "--timeout", "120",
                        "--qemu", "-global virtio-mmio.force-legacy=true", "--run", script],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env=dict(os.environ, VGPU_DRIVER="rust"))
    features = re.findall(r"^[01]{64,}$", r.stdout, re.M)
    good = r.returncode == 0 and features and all(f[32] == "0" for f in features)
    result(good and "no card" in r.stdout and "unloaded" in r.stdout, name, r.stdout)


def run(lab, result):
    """All of it."""
    interrupts(lab, result)
    needs_reset(lab, result)
    old_device(lab, result)
