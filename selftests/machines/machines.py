#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The driver on every machine it is meant for: the picture is exact, the driver can go and come back.

machines.py [NAME...]    inside the toolchain tree; DRIVER=c|rust|none (none: a driver that is built in)

Each machine is one boot. In it: facts about the device as the guest sees it, the programs of the ioctl group,
patterns through a modeset, a second mode, a flip and damage (cases of the kms group), then unload and load,
and again.
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), d) for d in ("lib", "kms")]

import guest  # noqa: E402
import kms  # noqa: E402
import programs as lib  # noqa: E402

QUICK = os.environ.get("VGPU_QUICK") == "1"
ROUNDS = int(os.environ.get("ROUNDS") or (1 if QUICK else 5))


def damage(b):
    """damage of a rectangle: new inside, old outside"""
    picture, new = kms.pattern(800, 600, 4), kms.pattern(800, 600, 5)
    b.do("fill 0 1 5 0 0 800 600")
    b.do("dirty 0 1 100 50 300 250")
    picture[50:250, 100:300] = new[50:250, 100:300]
    b.expect(picture)


CASES = (kms.pattern_first_size, kms.pattern_second_size, kms.page_flip, damage)

# What the guest says of itself, a word and a value on a line, before the pictures start.
FACTS = """
screens() { for c in /sys/class/drm/card?; do basename "$(readlink -f $c/device/driver)"; done | xargs; }
# The C driver takes its number before simpledrm gives its own back.
card=$(basename /dev/dri/card?)
echo "parent $(readlink -f /sys/class/drm/$card/device)" >/out/facts
echo "subsystem $(basename "$(readlink -f /sys/class/drm/$card/device/subsystem)")" >>/out/facts
echo "class $(cat /sys/class/drm/$card/device/class 2>/dev/null)" >>/out/facts
for d in /sys/bus/virtio/drivers/virtio*gpu*/virtio*; do
	echo "features $(cat $d/features)" >>/out/facts
	echo "driver $(basename "$(readlink -f $d/driver)")" >>/out/facts
done
echo "bounced $(cat /sys/kernel/debug/swiotlb/io_tlb_used 2>/dev/null)" >>/out/facts
echo "screens $(screens)" >>/out/facts
echo "before $(cat /tmp/before 2>/dev/null)" >>/out/facts
if [ -e /dev/dri/card0 ]; then
	for p in ioctl display; do
		./${p}64 && bad=0 || bad=1
		echo "$p $bad" >>/out/facts
	done >/out/programs.log 2>&1
fi
dmesg >/out/dmesg
"""


class Machine:
    """A machine: QEMU's words for it, and what must be true in it."""

    def __init__(self, name, device="virtio-gpu-pci", machine="q35", boot=(), first="", **facts):
        self.name, self.device, self.machine, self.boot, self.first, self.facts = name, device, machine, boot, first, facts


def has_feature(bit):
    return lambda value: len(value) > bit and value[bit] == "1"


def positive(value):
    return value.isdigit() and int(value) > 0


PCI = {"subsystem": "pci"}
MACHINES = [
    Machine("virtio-gpu-pci", said="pci: virtio-gpu-pci detected at 0000:", class_="0x038000", **PCI),
    Machine("virtio-vga", device="virtio-vga", said="pci: virtio-vga detected at 0000:",
            class_="0x030000", **PCI),
    # A transport that is no PCI says nothing about VGA.
    Machine("virtio-mmio", device="virtio-gpu-device", machine="microvm", subsystem="platform", unsaid="] pci: virtio-"),
    Machine("iommu-platform", device="virtio-gpu-pci,iommu_platform=on", boot=("--append=swiotlb=force",),
            features=has_feature(33), bounced=positive, **PCI),
    Machine("virtio-vga-iommu", device="virtio-vga,iommu_platform=on", boot=("--append=swiotlb=force",),
            features=has_feature(33), bounced=positive, **PCI),
    Machine("virtio-mmio-iommu", device="virtio-gpu-device,iommu_platform=on", machine="microvm",
            boot=("--append=swiotlb=force",), features=has_feature(33), bounced=positive, subsystem="platform"),
]


# A screen that the firmware has set up and simpledrm shows is handed over. Needs a kernel with SYSFB_SIMPLEFB and
# DRM_SIMPLEDRM, which boots by its own real-mode code (group graft builds one).
HANDOVER = [
    Machine("vga-handover", device="virtio-vga", boot=("--bzimage", "--append=vga=0x318", "--driver=none"),
            first=f"""
for c in /sys/class/drm/card?; do basename "$(readlink -f $c/device/driver)"; done | xargs >/tmp/before
host screendump boot.ppm >/dev/null
gpu load {guest.driver()} || exit 8
""", said="pci: virtio-vga detected at 0000:", before="simple-framebuffer", screens="virtio-pci"),
]


class Bench(kms.Bench):
    """kms's bench on another machine."""

    def __init__(self, programs, m):
        self.heads = [os.path.join(guest.scratch(), f"vnc.{m.name}")]
        # A driver that is built in cannot go.
        rounds = 0 if guest.driver() == "none" else ROUNDS
        self.guest = guest.Guest(
            m.first + FACTS + f"""
client() {{ ln -sf /dev/dri/card? /tmp/card && ./kmsctl <>/dev/vgpu-line >&0; }}
client
for n in $(seq {rounds}); do
	gpu unload {guest.driver()} && ! ls /dev/dri/card? 2>/dev/null && gpu load {guest.driver()} && client || exit 9
done
""",
            add=programs, trace=kms.TRACE, name=m.name, device=m.device + ",xres=1280,yres=800", machine=m.machine, boot=m.boot,
            qemu=["-vnc", f"unix:{self.heads[0]},id=head0,display=gpu0,head=0"])
        self.rounds = rounds
        self.views, self.mark = [], 0

    def quit(self):
        for view in self.views:
            view.close()
        self.guest.send_line("quit")

    def fact(self, name):
        with open(os.path.join(self.guest.out, name), encoding="utf-8", errors="replace") as f:
            return f.read()


def wrong_facts(bench, m):
    """What is not as it must be in this machine."""
    facts = dict(line.split(" ", 1) for line in bench.fact("facts").splitlines())
    said = bench.fact("dmesg")
    for name, want in m.facts.items():
        name = name.rstrip("_")
        if name in ("said", "unsaid"):
            if (want in said) != (name == "said"):
                yield f"the log {'lacks' if name == 'said' else 'has'} '{want}'"
        elif not (want(facts.get(name, "")) if callable(want) else facts.get(name) == want):
            yield f"{name} is {facts.get(name)!r}"
    if facts.get("driver") != {"c": "virtio_gpu"}.get(guest.driver(), "virtio_gpu_rs"):
        yield f"the device is with driver {facts.get('driver')}"


def pictures(bench, which):
    """Runs the cases once; the first thing that went wrong, or None."""
    try:
        bench.start()
        bench.do("open /tmp/card")
        for case in CASES:
            try:
                case(bench)
            except kms.Failed as e:
                if not (guest.driver() == "c" and case is damage and "differ" in str(e)):
                    return f"{which}: {case.__doc__}: {e}"
        bench.quit()
    except (guest.GuestError, kms.Failed, EOFError) as e:
        return f"{which}: {e}"
    return None


def programs_results(bench):
    """[(good, name)] of the ioctl group's programs; [] where they were not run."""
    facts = dict(line.split(" ", 1) for line in bench.fact("facts").splitlines())
    results = [(facts[p] == "0", f"the programs of the ioctl group: {p}") for p in ("ioctl", "display") if p in facts]
    if not all(good for good, _ in results):
        kms.comment("\n".join(line for line in bench.fact("programs.log").splitlines() if not line.startswith("ok ")))
    return results


def run(programs, m):
    """[(good, name)]"""
    bench = Bench(programs, m)
    wrong = pictures(bench, "first")
    results = [(not wrong, f"{m.name}: pictures are exact")]
    if wrong:
        kms.comment(wrong)
    else:
        facts = list(wrong_facts(bench, m))
        for fact in facts:
            kms.comment(fact)
        results.append((not facts, f"{m.name}: the device is what it should be, and so is the log"))
        results += [(good, f"{m.name}: {name}") for good, name in programs_results(bench)]
    for n in range(bench.rounds):
        if not wrong:
            wrong = pictures(bench, f"after load {n + 1}")
            if wrong:
                kms.comment(wrong)
            if wrong or n + 1 == bench.rounds:
                results.append((not wrong, f"{m.name}: the same after unload and load, {n + 1} times"))
    status = bench.guest.end(60 if not wrong else 5)
    if status:
        kms.comment(bench.guest.report())
    results.append((status == 0, f"{m.name}: the guest ends well, no complaint from its kernel"))
    return results


def main(names, machines):
    programs = [guest.compile_static(os.path.join(os.path.dirname(HERE), "kms", "kmsctl.c"), "-I/usr/include/libdrm", "-ldrm")]
    tests = lib.build_ioctl(os.path.join(os.environ.get("VGPU_BUILD") or guest.scratch(), "tests"))
    programs += [os.path.join(tests, p + "64") for p in ("ioctl", "display")]
    chosen = [m for m in machines + HANDOVER if m.name in names] or machines
    results = [r for m in chosen for r in run(programs, m)]
    return lib.tell(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], MACHINES))
