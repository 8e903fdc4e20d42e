#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The system sleeps and wakes up, and the host shows what it showed.

A device that sleeps is reset, and forgets everything: QEMU destroys all
resources. So whatever is right afterwards was made anew by the driver. A client
(kmsctl of the kms group) holds buffers, sleeps as all processes do, and draws on.

Sleep is suspend to idle, ended by a key; the first half of it and of suspend to
memory, in which devices go to sleep and come back (pm_test); hibernation, with
the image read back at once (test_resume); and suspend to memory, ended by the
monitor. For the last one QEMU starts the kernel as a bzImage: of an ELF kernel it
writes all of the data anew when the machine wakes up, and that kernel dies.

What switches processors off and on, suspend to memory and hibernation, is done with
one processor: QEMU's second emulated one misses its start about once in fifty times
("CPU1 failed to report alive state"), whoever drives the display.

A device with blobs, which shows the guest's memory, sleeps in guests of its own: ours
only, as the C driver sends copies there too.

DRIVER=c|rust BLOBS=0|1 suspend.py, inside the toolchain tree. ROUNDS= for how often.
"""

import os
import random
import re
import socket
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "lib"), os.path.join(SELFTESTS, "kms")]

import guest  # noqa: E402
import kms  # noqa: E402
import vnc  # noqa: E402
from kms import Failed, comment, difference, pattern, rgb  # noqa: E402
from programs import tell  # noqa: E402
from qmp import QmpError  # noqa: E402

QUICK = os.environ.get("VGPU_QUICK") == "1"
ROUNDS = int(os.environ.get("ROUNDS") or (5 if QUICK else 100))

# A resource is made, for copies and for the guest's memory.
CREATED = ("virtio_gpu_cmd_res_create_2d", "virtio_gpu_cmd_res_create_blob")

# Devices that do not come back from sleep are let go of (9p) or found again at the end (the runner's ports).
SCRIPT = """
. ./guest.sh
umount /out
for d in /sys/bus/virtio/drivers/9pnet_virtio/virtio*; do echo ${d##*/} >/sys/bus/virtio/drivers/9pnet_virtio/unbind; done
echo 1 >/sys/module/suspend/parameters/pm_test_delay
echo enabled >/sys/devices/platform/i8042/serio0/power/wakeup
stty -F /dev/ttyS1 raw -echo
exec <>/dev/ttyS1 >&0
flip_until() {	# FILE: flips between buffers 1 and 2 until there is such a file, says how often
	n=0
	until [ -e $1 ]; do
		n=$((n + 1))
		echo "nonblock 0 $((1 + n % 2))" >&3
		read -r answer <&4
		case $answer in ok*) ;; *) echo "flip $n: $answer"; return 1 ;; esac
	done
	echo $n
}
others=$(cd /sys/bus/virtio/drivers && echo virtio_console/virtio* virtio_blk/virtio*)
others() {	# unbind|bind: virtio devices but the one that is tested
	for d in $others; do echo ${d#*/} >/sys/bus/virtio/drivers/${d%/*}/$1; done
}
serve ./kmsctl
# What has been swapped out comes back before its disk goes.
[ ! -e /dev/vda ] || swapoff /dev/vda 2>/dev/null
others unbind
others bind
sleep 1
exit 0
"""


class Bench(kms.Bench):
    """A guest that sleeps."""

    def __init__(self, kmsctl, name, outputs, cpus, blobs=False):
        self.blobs = blobs
        self.heads = [os.path.join(guest.scratch(), f"vnc-{name}.{head}") for head in range(outputs)]
        self.disk = os.path.join(guest.scratch(), f"swap-{name}")
        self.deep = cpus == 1
        with open(self.disk, "wb") as f:
            f.truncate(512 << 20)
        words = ["-drive", f"if=none,id=swap,format=raw,file={self.disk}", "-device", "virtio-blk-pci,drive=swap"]
        self.debugger = os.path.join(guest.scratch(), f"gdb-{name}")
        words += ["-gdb", f"unix:{self.debugger},server=on,wait=off"]
        for n, path in enumerate(self.heads):
            words += ["-vnc", f"unix:{path},id=head{n},display=gpu0,head={n}"]
        self.guest = guest.Guest(
            SCRIPT, add=[kmsctl, guest.SHELL], serial=True, trace=kms.TRACE + CREATED,
            name=name, device=f"virtio-gpu-pci,{'blob=on,' if blobs else ''}max_outputs={outputs},xres=1280,yres=800",
            qemu=words, boot=["--append", "no_console_suspend", "--bzimage", "--smp", str(cpus)],
            timeout=600 if QUICK else 5000 if kms.SLOW else 2400)
        self.views = []
        self.mark = 0
        self.asleep = 0

    def sh(self, command, timeout=30):
        """Runs a line of shell; the last line it said."""
        status, said = self.guest.sh(command, timeout)
        if status:
            raise Failed(f"'{command}' in the guest: status {status}, {said}")
        return said

    def fell_asleep(self, times=1):
        """The kernel has counted so many more sleeps than the last time."""
        before, self.asleep = self.asleep, int(self.sh("cat /sys/power/suspend_stats/success"))
        if self.asleep != before + times:
            raise Failed(f"{self.asleep - before} sleeps instead of {times}; "
                         + self.sh("cat /sys/power/suspend_stats/last_failed_dev"))

    def key(self):
        self.guest.qmp("send-key", keys=[{"type": "qcode", "data": "shift"}])

    def awake(self, request, wake=None):
        """A request to a guest that may be asleep, or fall so: as long as it does not answer, a key is
        pressed now and then, or what else wakes it up. Its answer, and what a shell said before that."""
        self.guest.send_line(request)
        said, end = "", time.monotonic() + 30
        while True:
            try:
                line = self.guest.read_line(0.5)
            except guest.GuestError:
                if time.monotonic() > end:
                    raise
                (wake or self.key)()
                continue
            if line.startswith("said "):
                said = line[5:]
            elif line.startswith(("ok", "err")):
                return line, said

    def idle(self):
        """Suspend to idle, until a key is pressed."""
        answer, said = self.awake("!echo freeze >/sys/power/state")
        if not answer.startswith("ok"):
            raise Failed(f"no sleep: {answer}, {said}")
        self.fell_asleep()

    def memory(self):
        """Suspend to memory, until the monitor ends it."""
        slept = []

        def wake():
            if self.guest.qmp("query-status")["status"] == "suspended":
                slept.append(1)
                self.guest.qmp("system_wakeup")

        # QEMU's firmware does not put the registers of power management back in place.
        answer, said = self.awake(
            "!lpc=/sys/bus/pci/devices/0000:00:1f.0/config; "
            "dd if=$lpc of=/tmp/lpc bs=4 skip=16 count=2; echo mem >/sys/power/state; s=$?; "
            "dd if=/tmp/lpc of=$lpc bs=4 seek=16 conv=notrunc; test $s = 0", wake)
        if not answer.startswith("ok"):
            raise Failed(f"no sleep: {answer}, {said}")
        if not slept:
            raise Failed("the machine did not sleep")
        self.fell_asleep()

    def half(self, level, state):
        """Half a sleep: the kernel wakes up by itself after a second."""
        self.sh(f"echo {level} >/sys/power/pm_test && echo {state} >/sys/power/state && echo none >/sys/power/pm_test")
        self.fell_asleep()

    def patch(self, address, code):
        """Writes bytes into the guest's memory, as a debugger does; what was there before."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.debugger)
            f = s.makefile("rwb", buffering=0)

            def ask(text):
                f.write(b"$%s#%02x" % (text, sum(text) & 0xff))
                answer = b""
                while not re.search(rb"\$[^#]*#..$", answer):
                    answer += s.recv(4096)
                f.write(b"+")
                return re.search(rb"\$([^#]*)#..$", answer).group(1)

            # Whoever connects has stopped the machine; "D" lets it go on.
            old = bytes.fromhex(ask(b"m%x,%x" % (address, len(code))).decode())
            if ask(b"M%x,%x:%s" % (address, len(code), code.hex().encode())) != b"OK" or ask(b"D") != b"OK":
                raise Failed("the debugger is refused")
        return old

    def hibernate(self):
        """Hibernation, whose image is read back without the machine being switched off."""
        self.sh("grep -q vda /proc/swaps || { mkswap /dev/vda && swapon /dev/vda && "
                "cat /sys/block/vda/dev >/sys/power/resume; }")
        self.sh("echo test_resume >/sys/power/disk && echo disk >/sys/power/state", 120)


def setup(b):
    b.do("open /dev/dri/card0")
    b.do("mode 0 1280 800")
    for n in (1, 2):
        b.do(f"buf 0 {n} 1280 800")
        b.do(f"fill 0 {n} {n} 0 0 1280 800")
    b.do("show 0 1 0 0")
    b.expect(pattern(1280, 800, 1))


def half_idle(b):
    """half a suspend to idle (pm_test devices): the picture is back"""
    b.half("devices", "freeze")
    b.expect(pattern(1280, 800, 1))


def half_memory(b):
    """half a suspend to memory (pm_test platform): the picture is back"""
    b.half("platform", "mem")
    b.expect(pattern(1280, 800, 1))


def suspend_to_idle(b):
    """suspend to idle: the host had forgotten everything, the picture is back"""
    b.fresh()
    b.idle()
    b.expect(pattern(1280, 800, 1))
    if not b.since(CREATED[b.blobs]):
        raise Failed("no resource was made anew, so the host was not reset")


def suspend_to_memory(b):
    """suspend to memory: the picture is back"""
    b.fresh()
    b.memory()
    b.expect(pattern(1280, 800, 1))
    if not b.since(CREATED[b.blobs]):
        raise Failed("no resource was made anew, so the host was not reset")


def hibernation(b):
    """hibernation, read back: the picture is back"""
    b.hibernate()
    b.expect(pattern(1280, 800, 1))


def held_buffers(b):
    """a buffer that was drawn before and never shown is shown after"""
    b.do("fill 0 2 20 0 0 1280 800")
    b.idle()
    b.do("flip 0 2")
    b.expect(pattern(1280, 800, 20))


def damage_after(b):
    """of a picture from before, what is not drawn stays"""
    b.do("show 0 1 0 0")
    b.do("fill 0 1 1 0 0 1280 800")
    b.do("dirty 0 1")
    b.idle()
    want, new = pattern(1280, 800, 1), pattern(1280, 800, 21)
    b.do("fill 0 1 21 0 0 1280 800")
    b.do("dirty 0 1 300 100 700 500")
    want[100:500, 300:700] = new[100:500, 300:700]
    b.expect(want, drawn=new)
    b.do("dirty 0 1")
    b.expect(new)


def cursor(b):
    """the cursor is back, with its picture and place"""
    b.do("argb 0 4 64 64")
    b.do("fill 0 4 12 0 0 64 64")
    b.do("cursor 0 4 100 120 5 6")
    kms.expect_cursor(b, pattern(64, 64, 12), (5, 6))
    b.views[0].cursor = None
    b.fresh()
    b.idle()
    kms.expect_cursor(b, pattern(64, 64, 12), (5, 6))
    kms.last_cursor(b, (100, 120))
    b.do("cursor 0 4 333 222 5 6")
    kms.last_cursor(b, (333, 222))
    b.do("cursor 0 0 0 0 0 0")


def made_and_released(b):
    """buffers made and released around sleeps: ids and pictures stay right"""
    for seed in (30, 31, 32)[:1 if QUICK else 3]:
        b.do("buf 0 5 1280 800")
        b.do(f"fill 0 5 {seed} 0 0 1280 800")
        b.do("show 0 5 0 0")
        b.idle()
        b.expect(pattern(1280, 800, seed))
        b.do("buf 0 6 1280 800")
        b.do("show 0 6 0 0")
        b.do("free 0 5")
        b.expect(pattern(1280, 800, 0) * 0)
    b.do("show 0 1 0 0")
    b.do("free 0 6")


def while_flipping(b):
    """a client flips while the system goes to sleep and when it is back"""
    for n in (1, 2):
        b.do(f"fill 0 {n} {40 + n} 0 0 1280 800")
    for _ in range(1 if QUICK else 5):
        b.sh("rm -f /tmp/slept; (sleep 0.3; echo freeze >/sys/power/state; echo $? >/tmp/slept) >/dev/null 2>&1 &")
        # Not a line may go to the guest meanwhile: a serial port that sleeps drops it.
        answer, said = b.awake("!flip_until /tmp/slept")
        if not answer.startswith("ok"):
            raise Failed(f"flips: {said}")
        flips, slept = int(said), b.sh("cat /tmp/slept")
        if slept != "0":
            raise Failed(f"sleep ended with {slept} after {flips} flips")
        b.fell_asleep()
        comment(f"{flips} flips")
        b.expect(pattern(1280, 800, 41 + flips % 2))


def off_stays_off(b):
    """a screen that was off stays off, until it is switched on"""
    b.do("off 0")
    b.idle()
    if not difference(b.screendump(), rgb(pattern(1280, 800, 41))):
        raise Failed("the host shows a picture")
    b.do("show 0 1 0 0")
    b.expect(pattern(1280, 800, 41))


def rounds(b):
    """many sleeps, each time with another picture"""
    seed = int(os.environ.get("SEED") or time.time()) & 0xffff
    # Half of all in each of the guests.
    count = -(-ROUNDS // 2)
    comment(f"SEED={seed}, {count} rounds")
    rnd = random.Random(seed)
    b.do("show 0 1 0 0")
    for n in range(1, count + 1):
        what, buf = rnd.randrange(1000), 1 + n % 2
        b.do(f"fill 0 {buf} {what} 0 0 1280 800")
        b.do(f"flip 0 {buf}")
        try:
            if n % 10 == 4:
                b.half("devices", "mem")
            elif b.deep and n % 10 == 9:
                b.hibernate()
            elif b.deep:
                b.memory()
            else:
                b.idle()
            b.expect(pattern(1280, 800, what))
        except Failed as e:
            raise Failed(f"round {n}: {e}") from e


def two_heads(b):
    """two pictures on two heads, and damage on both afterwards"""
    b.do("open /dev/dri/card0")
    kms.connect_second_head(b)
    for head, (w, h) in enumerate(((1280, 800), (800, 600))):
        b.do(f"mode {head} {w} {h}")
        b.do(f"buf 0 {1 + head} {w} {h}")
        b.do(f"fill 0 {1 + head} {50 + head} 0 0 {w} {h}")
        b.do(f"show {head} {1 + head} 0 0")
    b.idle()
    b.expect(pattern(1280, 800, 50), 0)
    b.expect(pattern(800, 600, 51), 1)
    b.hibernate()
    b.expect(pattern(1280, 800, 50), 0)
    b.expect(pattern(800, 600, 51), 1)
    b.do("fill 0 2 52 0 0 800 600")
    b.do("dirty 0 2")
    b.expect(pattern(1280, 800, 50), 0)
    b.expect(pattern(800, 600, 52), 1)


def unload(b):
    """the driver leaves, comes back and draws after all that"""
    for n in range(1, 8):
        b.do(f"free 0 {n}")
    b.do("close")
    b.sh("gpu unload", 60)
    b.sh("gpu load", 60)
    b.do("open /dev/dri/card0")
    b.do("mode 0 1280 800")
    b.do("buf 0 7 1280 800")
    b.do("fill 0 7 60 0 0 1280 800")
    b.do("show 0 7 0 0")
    b.expect(pattern(1280, 800, 60))
    b.do("free 0 7")
    b.do("close")


def leaks(b):
    """kmemleak finds nothing"""
    return "the kernel has none" if b.sh("leaks", 200) == "none" else None


def log(b):
    """nothing in the log that the driver calls an error"""
    lines = re.findall(r".*(?:\*ERROR\*|PM: failed).*", b.guest.console())
    if lines:
        raise Failed("\n".join(lines[:10]))


def core_fails(b):
    """the device refuses its features after sleep, so that nobody wakes the driver: no call hangs; bound again it draws"""
    b.do("open /dev/dri/card0")
    b.do("mode 0 1280 800")
    for n in (1, 2):
        b.do(f"buf 0 {n} 1280 800")
        b.do(f"fill 0 {n} {70 + n} 0 0 1280 800")
    b.do("argb 0 4 64 64")
    b.do("show 0 1 0 0")
    b.expect(pattern(1280, 800, 71))
    address = int(b.sh("awk '$3 == \"vp_finalize_features\" {print $1}' /proc/kallsyms"), 16)
    # The other devices' drivers do not survive that.
    b.sh("others unbind")
    # mov $-ENODEV, %eax; ret
    old = b.patch(address, b"\xb8\xed\xff\xff\xff\xc3")
    try:
        b.idle()
    finally:
        b.patch(address, old)
    if not re.search(r"PM: failed to (?:resume|restore).*error -19", b.guest.console()):
        raise Failed("the core did not fail")
    said = []
    for request in ("flip 0 2", "nonblock 0 1", "dirty 0 1", "cursor 0 4 10 10 0 0", "move 0 20 20", "buf 0 3 640 480",
                    "off 0", "show 0 2 0 0", "free 0 3", "free 0 4", "free 0 2", "free 0 1"):
        good, value = b.ask(request)
        said.append(f"{request.split()[0]} {'ok' if good else os.strerror(value)}")
    comment(", ".join(said))
    b.do("close")
    b.sh("others bind")
    b.sh("d=$(echo /sys/bus/virtio/drivers/virtio[_-]gpu*/virtio*); echo ${d##*/} >${d%/*}/unbind; echo ${d##*/} >${d%/*}/bind")
    b.do("open " + b.sh("wait_for 20 card; card"))
    b.do("mode 0 1280 800")
    b.do("buf 0 1 1280 800")
    b.do("fill 0 1 73 0 0 1280 800")
    b.do("show 0 1 0 0")
    b.expect(pattern(1280, 800, 73))
    b.do("free 0 1")
    b.do("close")


# The guests: name, heads, processors, what is done there.
IDLE = ("idle", 1, 2, (setup, half_idle, half_memory, suspend_to_idle, held_buffers, damage_after, cursor,
                       made_and_released, while_flipping, off_stays_off, rounds, unload, log, leaks, core_fails))
MEMORY = ("memory", 1, 1, (setup, suspend_to_memory, hibernation, rounds, unload, log, leaks))
HEADS = ("heads", 2, 1, (two_heads, log))
BLOBS = ("blobs", 1, 1, (setup, suspend_to_memory, hibernation, kms.in_place, log) if QUICK else
         (setup, half_idle, half_memory, suspend_to_idle, suspend_to_memory, hibernation, held_buffers, damage_after, cursor,
          made_and_released, while_flipping, off_stays_off, kms.in_place, unload, log, leaks))
BLOBS_HEADS = ("blobs-heads", 2, 1, (two_heads, kms.in_place, log))

# It recreates resources after hibernation only, so that the rest is lost with a host that keeps nothing.
C_LOSES = tuple(c for c in IDLE[3] + MEMORY[3] + HEADS[3] if c not in (setup, hibernation, unload, leaks))


def run(kmsctl, name, outputs, cpus, cases, blobs=False):
    """Runs the cases in one guest. [(good, name)]"""
    results, where = [], name
    bench = Bench(kmsctl, name, outputs, cpus, blobs)
    try:
        while bench.guest.read_line(kms.READY) != "ready":
            pass
        bench.views = [vnc.View(path) for path in bench.heads]
    except (guest.GuestError, EOFError) as e:
        comment(e)
        bench.close()
        return [(False, case.__doc__ or "the guest is up") for case in cases]
    for case in cases:
        name, begun = case.__doc__ or "a client shows its picture", time.monotonic()
        if guest.driver() == "c" and case is core_fails:
            results.append((True, name + " # SKIP calls to the C driver hang then"))
            continue
        try:
            skip = case(bench)
            results.append((True, name + (f" # SKIP {skip}" if skip else "")))
        except (guest.GuestError, QmpError) as e:
            comment(f"{name}: {str(e)[-3000:]}")
            results += [(False, c.__doc__ or "a client shows its picture") for c in cases[len(results):]]
            break
        except (Failed, EOFError) as e:
            comment(f"{name}: {e}")
            if guest.driver() == "c" and case in C_LOSES:
                results.append((True, name + " # SKIP the C driver does not tell the host again"))
            else:
                results.append((False, name))
        comment(f"{time.monotonic() - begun:.1f} s")
    status, report = bench.close()
    if status:
        comment(report)
    results.append((status == 0, "the guest ends well, no complaint from its kernel"))
    return [(good, f"{where}: {name}") for good, name in results]


def main():
    program = guest.compile_static(os.path.join(SELFTESTS, "kms", "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm")
    results = []
    for blobs in kms.devices():
        for which in (BLOBS, BLOBS_HEADS) if blobs else (IDLE, MEMORY, HEADS):
            if not (QUICK and which in (HEADS, BLOBS_HEADS)):
                results += run(program, *which, blobs)
    return tell(results)


if __name__ == "__main__":
    sys.exit(main())
