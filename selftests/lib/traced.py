# SPDX-License-Identifier: GPL-2.0
"""For groups that run programs in a guest, one after the other, and look in QEMU's trace whether the host has got
everything back."""

import os
import re
import subprocess

import planted
from programs import result

HERE = os.path.dirname(os.path.abspath(__file__))
TRACE = re.compile(r"virtio_gpu_cmd_(\w+) (ctx|res) 0x([0-9a-f]+)")
# What makes a bug known: the kernel's words, a program's, a worker's of the fuzzer.
FOUND = re.compile(r"# kernel: .*(WARN|BUG|Oops|panic)|not ok|# worker")


class Guests:
    """The guests of a group. `script` runs the programs that are its words in one, with fuzz/run.sh or as that, and its
    results above 100 are a program's each, kmemleak's, and `more` others; `tests()` builds them; `hosts` are words for
    the runner by name; `traced` are QEMU's events of what is made and goes, and `refused` is what QEMU says right after
    the trace of a creation that it then refuses (-d guest_errors goes to the same file): of traced ones only, or it
    would take off another."""

    def __init__(self, script, tests, hosts, traced, refused, more=0, add=(), driver="rust"):
        self.script, self.tests, self.hosts, self.traced, self.refused = script, tests, hosts, traced, refused
        self.more, self.add, self.driver = more, add, driver

    def left(self, path):
        """What the host still has at the end, and how much it had been told to make."""
        have, made, last = set(), 0, None
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                if m := TRACE.search(line):
                    thing = (m[2], m[3])
                    if "create" in m[1]:
                        have.add(thing)
                        made += 1
                        last = thing
                    else:
                        have.discard(thing)
                elif self.refused.search(line):
                    have.discard(last)
        return have, made

    def boot(self, name, host, programs, kernel="default", seconds=60, module=None):
        """A guest that runs `programs`; its exit status, its output, what the host has left, and had."""
        out = os.path.join(os.environ["VGPU_OUT"], name)
        os.makedirs(out, exist_ok=True)
        trace = os.path.join(out, "trace")
        strict, words = kernel == "debug", self.hosts[host]
        command = [os.environ["VGPU_BOOT"], "--driver", self.driver, "--kernel", kernel, "--image", "none", "--no-udev",
                   "--mem", "2G", *words, "--add", self.tests() + ":tests", "--add", os.path.join(HERE, "kmemleak"),
                   *(w for a in self.add for w in ("--add", a)),
                   "--env", "GL=" + ("1" if {"--gl", "--vulkan"} & set(words) else ""),
                   "--env", "SEED=" + (os.environ.get("SEED") or ""), "--env", "BOUND=" + ("120" if strict else "60"),
                   # KASAN keeps what was freed for a while, so there kmemleak has the say.
                   "--env", "SLACK=" + ("1000000" if strict else "4096"),
                   # No console on the screen: all that is left is the programs'.
                   "--append", "drm_kms_helper.fbdev_emulation=0" + (" panic_on_warn=1" if strict else ""),
                   "--qemu=-d guest_errors " + " ".join(f"-trace enable=virtio_gpu_cmd_{e},file={trace}" for e in self.traced),
                   "--timeout", str(seconds), "--out", out, "--run", self.script, *programs]
        env = dict(os.environ, VGPU_MODULES=module) if module else None
        r = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                           check=False)
        return r.returncode, r.stdout, *(self.left(trace) if os.path.exists(trace) else ({"no trace"}, 0))

    def run(self, name, host, programs, goes=False, **how):
        """Programs, one after the other; where the device goes the host is not told of each thing."""
        status, output, have, made = self.boot(name, host, programs, **how)
        for line in output.splitlines():
            if not re.match(r"(not )?ok |TAP|1\.\.", line):
                print(line)
        seen = re.findall(r"^(not ok|ok) (\d+) - (.*)$", output, re.M)
        for good, _, what in seen:
            result(good == "ok", f"{name}: {what}")
        ended = len([s for s in seen if int(s[1]) > 100])
        result(ended == len(programs) + (how.get("kernel") == "debug") + self.more and status != 99,
               f"{name}: the guest ends well, no complaint from its kernel (status {status})")
        print(f"# {name}: of {made} contexts and resources the host has left: {sorted(have)[:20]}")
        if not goes:
            result(made > 0 and not have, f"{name}: the host has nothing left of {made} contexts and resources")

    def finds(self, patch, host, programs, kernel="default", seconds=60):
        """Whether a driver with the bug of a patch file is found out."""
        name = os.path.basename(patch)
        with planted.module(patch, kernel) as ko:
            if not ko:
                return
            status, output, have, made = self.boot("planted-" + name, host, programs, kernel, seconds, ko)
        why = [f"    {line}" for line in output.splitlines() if FOUND.match(line)]
        why += [f"    left at the host: {sorted(have)[:4]}"] if have else []
        print("\n".join(why[:6]))
        result(made > 0 and bool(why), f"{name} is found (status {status})")
