#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The device is taken away under clients that use it, and comes back.

The device sits behind a port. It is taken away in turns: through sysfs; the same
when it has already gone out of the reach of the kernel's requests, as a device
that was pulled out (the port hands on nothing, so the virtio core declares it
broken); and together with its port. What busy.c was doing ends with ENODEV then,
and nobody hangs. After a rescan of the bus the device is there again and shows
exactly what a client (kmsctl of the kms group) draws. By turns the old client
ends in order or is killed, before that or after.

In a guest of its own the slot is switched off, and QEMU destroys the device. With
any device lockdep tells of pciehp then, which takes its reset_lock and the PCI core's
rescan lock in both orders, and looks no further; so the port of the others is no slot.

DRIVER=c|rust unplug.py, inside the toolchain tree. ROUNDS= for how often, SEED=.
"""

import os
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "lib"), os.path.join(SELFTESTS, "kms")]

import guest  # noqa: E402
import kms  # noqa: E402
import vnc  # noqa: E402
from kms import Failed, comment, pattern  # noqa: E402
from programs import tell  # noqa: E402
from qmp import QmpError  # noqa: E402

QUICK = os.environ.get("VGPU_QUICK") == "1"
ROUNDS = int(os.environ.get("ROUNDS") or (5 if QUICK else 200))
SEED = int(os.environ.get("SEED") or time.time()) & 0xffff
KINDS = ("remove", "gone", "remove", "port")
# What a job may be told before ENODEV: a wait for a vertical blank of a display that was switched off.
BEFORE = {"vblank": {"EINVAL", "EBUSY"}}
# The C driver leaves its map of host memory dirty when the last client goes after the device.
C_SPLATS = "drm_mm_takedown"
# What lockdep says when a slot is switched off, and of which locks it then has to be.
PCIEHP, PCIEHP_LOCKS = "possible circular locking dependency", ("pci_rescan_remove_lock", "&ctrl->reset_lock")

SCRIPT = """
. ./guest.sh
exec <>/dev/vgpu-line >&0
gpu=$(readlink -f /sys/class/drm/card0/device)
port=${gpu%/*}
said() { grep -q "$1" /tmp/busy; }
ended() { ! kill -0 $busy 2>/dev/null; }
begin() {	# MICROSECONDS: the client is at work for so long when this returns
	wait_for 60 card || { echo "no card"; return 1; }
	: >/tmp/busy
	./busy $(card) >/tmp/busy 2>&1 3>&- 4>&- & busy=$!
	wait_for 60 said busy || { echo "not busy: $(cat /tmp/busy)"; return 1; }
	usleep $1
}
over() {	# all of it has ended, and how
	wait_for 60 said ended || { echo "no end: $(tr '\\n' ' ' </tmp/busy)"; return 1; }
	echo $(cat /tmp/busy)
}
let_go() {	# SIGNAL
	kill -$1 $busy
	wait_for 30 ended || { echo "does not end"; return 1; }
	wait $busy 2>/dev/null
	return 0
}
bus() {	# NUMBER: of the bus behind the port; prints the old one
	hexdump -v -s 25 -n 1 -e '1/1 "%u"' $port/config
	printf "\\\\$(printf %03o $1)" | dd of=$port/config bs=1 seek=25 conv=notrunc 2>/dev/null
}
take() {	# KIND
	case $1 in
	remove) echo 1 >$gpu/remove ;;
	gone) number=$(bus 254) && echo 1 >$gpu/remove; bus $number >/dev/null ;;
	port) echo 1 >$port/remove ;;
	esac
	[ ! -e $gpu ]
}
back() { echo 1 >/sys/bus/pci/rescan; wait_for 60 card && [ -e $gpu ] && card; }
who() { for p in $(stuck); do echo "$p $(cat /proc/$p/comm) $(tr '\\n' ' ' </proc/$p/stack)"; done; }
serve ./kmsctl
exit 0
"""


class Bench(kms.Bench):
    """A guest whose device is behind a port, which may be a slot."""

    def __init__(self, programs, name, slot):
        allow = ([C_SPLATS] if guest.driver() == "c" else []) + ([PCIEHP] if slot else [])
        self.heads = [os.path.join(guest.scratch(), f"vnc-{name}")]
        self.guest = guest.Guest(
            SCRIPT, add=[*programs, guest.SHELL], trace=kms.TRACE, name=name,
            before=["pcie-root-port,id=behind,chassis=1,slot=7" + ("" if slot else ",hotplug=off")],
            device="virtio-gpu-pci,bus=behind,xres=1280,yres=800",
            # The kernel's own hotplug, not ACPI's.
            boot=["--append", "pcie_ports=native"] + (["--allow", "|".join(allow)] if allow else []),
            qemu=["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
                  "-vnc", f"unix:{self.heads[0]},display=gpu0"],
            timeout=(600 + ROUNDS * 90) if kms.SLOW else (120 + ROUNDS * 20))
        self.views = []
        self.mark = 0

    def sh(self, command, timeout=90):
        """Runs a line of shell; the last line it said."""
        status, said = self.guest.sh(command, timeout)
        if status:
            raise Failed(f"'{command}' in the guest: status {status}, {said}")
        return said

    def picture(self, card, seed):
        """A client shows a picture, and goes."""
        self.do(f"open {card}")
        self.do("mode 0 1280 800")
        self.do("buf 0 1 1280 800")
        self.do(f"fill 0 1 {seed} 0 0 1280 800")
        self.do("show 0 1 0 0")
        self.expect(pattern(1280, 800, seed))
        self.do("free 0 1")
        self.do("close")


def judge(words):
    """What the client said: "busy", a line for each job, "ended". How often each was done."""
    words, counts = words.split(), {}
    if words[0] != "busy" or words[-1] != "ended" or len(words) != 14:
        raise Failed(f"the client said: {' '.join(words)}")
    for name, times, first in zip(*[iter(words[1:-1])] * 3):
        if first not in {"ENODEV", *BEFORE.get(name, ())}:
            raise Failed(f"{name} failed with {first} after {times} times")
        counts[name] = int(times)
    return counts


class Rounds:
    """What is tested, in order."""

    def __init__(self, bench):
        self.b = bench
        self.rnd = random.Random(SEED)
        self.samples = []
        self.counts = {}

    def first(self):
        """the device draws behind a port"""
        self.b.picture("/dev/dri/card0", 1)

    def one(self, n):
        b, kind = self.b, KINDS[n % len(KINDS)]
        signal = "TERM" if n % 3 else "KILL"
        b.sh(f"begin {self.rnd.randrange(300000)}")
        b.sh(f"take {kind}")
        for name, times in judge(b.sh("over")).items():
            self.counts[name] = self.counts.get(name, 0) + times
        if n % 2:
            b.sh(f"let_go {signal}")
        if n in self.looks():
            self.samples.append(tuple(map(int, b.sh("memory").split())))
        card = b.sh("back")
        if not n % 2:
            b.sh(f"let_go {signal}")
        b.picture(card, 2 + n)

    def looks(self):
        """When memory is looked at: when all that is made once is there, half way from there, at the end."""
        # Odd ones, so that no old client is there.
        return [n // 2 * 2 + 1 for n in (ROUNDS // 4, ROUNDS * 5 // 8, ROUNDS - 2)] if ROUNDS >= 20 else []

    def rounds(self):
        """taken away and brought back under a client"""
        comment(f"SEED={SEED}, {ROUNDS} rounds")
        for n in range(ROUNDS):
            try:
                self.one(n)
            except Failed as e:
                raise Failed(f"round {n} ({KINDS[n % len(KINDS)]}): {e}") from e
        comment("done: " + ", ".join(f"{times} {name}" for name, times in self.counts.items()))

    def memory(self):
        """no memory left behind"""
        if ROUNDS < 20:
            return "too few rounds"
        comment(f"KiB in use after 1/4, 5/8 and all rounds, of slabs: {self.samples}")
        # As in lifecycle: what leaks grows in both halves; what settles late does not. KASAN keeps what was freed,
        # up to a 32nd of the memory, so there kmemleak has the say about little things.
        kept = 32 << 10 if kms.SLOW else 0
        for what, limit in ((0, 384 + ROUNDS * 2 + kept), (1, 64 + ROUNDS * 3 // 4 + kept)):
            a, b, c = (sample[what] for sample in self.samples)
            if b - a > limit and c - b > limit:
                raise Failed(f"{b - a} and {c - b} KiB more")
        return None

    def stuck(self):
        """no process stuck"""
        if who := self.b.sh("who"):
            raise Failed(who)

    def leaks(self):
        """kmemleak finds nothing"""
        if self.b.sh("leaks", 200) == "none":
            return "the kernel has none"
        return None

    def plugged(self):
        """Whether QEMU has the device."""
        return any(d["qdev_id"] == "gpu0" for bus in self.b.guest.qmp("query-pci") for p in bus["devices"]
                   for d in p.get("pci_bridge", {}).get("devices", []))

    def switched_off(self):
        """the slot is switched off under a client, and QEMU destroys the device"""
        b = self.b
        if b.sh("cat /sys/kernel/realtime 2>/dev/null || echo 0") == "1":
            # irq_wake_thread() wakes the thread of an interrupt's first handler, which is another's.
            return "where interrupts run in threads, pciehp never hears of it, and who asked waits for ever"
        b.sh("begin 100000")
        if not self.plugged():
            raise Failed("QEMU does not have it before")
        b.sh("echo 0 >/sys/bus/pci/slots/7/power")
        judge(b.sh("over"))
        b.sh("let_go TERM; [ ! -e $gpu ] && ! card")
        end = time.monotonic() + 20
        while self.plugged():
            if time.monotonic() > end:
                raise Failed("QEMU still has it")
            time.sleep(0.2)
        return None

    def lockdep(self):
        """lockdep tells of no locks but pciehp's own"""
        lines = self.b.guest.console().splitlines()
        for n, line in enumerate(lines):
            if PCIEHP in line and not all(lock in "".join(lines[n:n + 9]) for lock in PCIEHP_LOCKS):
                raise Failed("\n".join(lines[n:n + 12]))

    # Guests, whether their port is a slot, and what is tested in each.
    GUESTS = (("rounds", False, (first, rounds, memory, stuck, leaks)), ("slot", True, (first, switched_off, stuck, leaks, lockdep)))


def run(programs, name, slot, cases):
    """[(good, name)]"""
    results, bench = [], Bench(programs, name, slot)
    try:
        while bench.guest.read_line(kms.READY) != "ready":
            pass
        bench.views = [vnc.View(path) for path in bench.heads]
        tests = Rounds(bench)
        for case in cases:
            begun = time.monotonic()
            name = "a slot: " * slot + case.__doc__ + (f", {ROUNDS} times" if case is Rounds.rounds else "")
            try:
                skip = case(tests)
                results.append((True, name + (f" # SKIP {skip}" if skip else "")))
            except Failed as e:
                comment(f"{name}: {e}")
                results.append((False, name))
                if case is Rounds.rounds:
                    break
            comment(f"{time.monotonic() - begun:.1f} s")
    except (guest.GuestError, QmpError, EOFError) as e:
        comment(str(e)[-3000:])
        results.append((False, "the guest goes on"))
    status, report = bench.close()
    if status:
        comment(report)
    results.append((status == 0, "a slot: " * slot + "the guest ends well, no complaint from its kernel"))
    return results


def main():
    programs = [guest.compile_static(os.path.join(SELFTESTS, "kms", "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm"),
                guest.compile_static(os.path.join(HERE, "busy.c"), "-D_GNU_SOURCE", "-I/usr/include/libdrm", "-ldrm")]
    results = [r for which in Rounds.GUESTS for r in run(programs, *which)]
    return tell(results)


if __name__ == "__main__":
    sys.exit(main())
