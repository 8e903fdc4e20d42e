#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the piglit tests of the selection on the C driver and on ours, on virgl
without a window system, and compares: same result, test by test, same skips.

What differs is run again, AGAIN times on each driver in turn: it counts when
ours passes less often by more than one run, when the two have no result in
common, or when only one of them skips it or crashes. Leaves results-c.json and
results-rust.json in VGPU_OUT. Runs inside the toolchain tree; a file's name as
argument is another selection.
"""

import collections
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.environ["VGPU_OUT"]
AGAIN = 3
LEAST = 500
LINE = re.compile(r"@ (\w+) ([\d.]+) (.*)")


def run(driver, selection, out, timeout=2400):
    """({test: (result, seconds)}, the guest's status)"""
    status = subprocess.run(
        [os.environ["VGPU_BOOT"], "--driver", driver, "--image", "piglit", "--gl", "--quiet", "--timeout", str(timeout),
         # No console on the screen: what draws it waits for vertical blanks, which come late while the host is this busy.
         "--append", "drm_kms_helper.fbdev_emulation=0",
         "--out", out, "--add", selection + ":selection", "--add", os.path.join(HERE, "tests.py"),
         "--run", os.path.join(HERE, "guest.sh")], check=False).returncode
    with open(os.path.join(out, "guest.log"), encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    for line in lines:
        if not line.startswith("@ "):
            print(f"#   {driver}: {line}")
    return {m[3]: (m[1], float(m[2])) for line in lines if (m := LINE.match(line))}, status


def again(names, found):
    """{test: {driver: [results]}}, the first runs among them."""
    os.makedirs(os.path.join(OUT, "again"), exist_ok=True)
    only = os.path.join(OUT, "again", "selection")
    with open(only, "w", encoding="utf-8") as f:
        f.write("".join(f"exactly {n}\n" for n in names))
    runs = {n: {d: [found[d].get(n, ("lost",))[0]] for d in found} for n in names}
    for k in range(AGAIN):
        for driver in found:
            results, _ = run(driver, only, os.path.join(OUT, "again", f"{driver}-{k + 1}"), 600)
            for n in names:
                runs[n][driver].append(results.get(n, ("lost",))[0])
    return runs


def same(c, rust):
    """Whether results of several runs are as good on ours as on the C driver."""
    # None of these is a matter of luck.
    if not set(c) & set(rust) or ("skip" in c) != ("skip" in rust) or ("crash" in rust) != ("crash" in c):
        return False
    return rust.count("pass") >= c.count("pass") - 1


def main():
    selection = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "selection")
    found, status = {}, {}
    for driver in ("c", "rust"):
        out = os.path.join(OUT, driver)
        os.makedirs(out, exist_ok=True)
        found[driver], status[driver] = run(driver, selection, out)
        with open(os.path.join(OUT, f"results-{driver}.json"), "w", encoding="utf-8") as f:
            json.dump(found[driver], f, indent=0, sort_keys=True)
    c, rust = found["c"], found["rust"]
    names = sorted(set(c) | set(rust))
    differ = [n for n in names if c.get(n, ("lost",))[0] != rust.get(n, ("lost",))[0]]
    wrong = set(differ)
    if 0 < len(differ) <= 40:
        for n, runs in again(differ, found).items():
            print(f"# {n}: C {' '.join(runs['c'])}, Rust {' '.join(runs['rust'])}")
            if same(runs["c"], runs["rust"]):
                wrong.discard(n)
    groups = collections.defaultdict(list)
    for n in names:
        groups["@".join(n.split("@")[:2 if n.startswith("spec@") else 1])].append(n)
    verdicts = []
    for group, members in sorted(groups.items()):
        counts = collections.Counter(rust.get(n, ("lost",))[0] for n in members)
        for n in members:
            if n in wrong:
                print(f"# {n}: C {c.get(n, ('lost',))[0]}, Rust {rust.get(n, ('lost',))[0]}")
        verdicts.append((not wrong & set(members), f"{group}: " + ", ".join(f"{v} {k}" for k, v in sorted(counts.items()))))
    passed = sum(r[0] == "pass" for r in rust.values())
    verdicts.append((passed >= LEAST, f"{passed} of {len(names)} tests pass, which is at least {LEAST}; "
                     f"{len(differ)} had another result at first, {len(wrong)} have"))
    verdicts.append((status["rust"] == 0, "our guest ends well, no complaint from its kernel"))
    for d, f in found.items():
        print(f"# {d}: {dict(collections.Counter(r[0] for r in f.values()))}, {sum(r[1] for r in f.values()):.0f} s of tests")
    print(f"1..{len(verdicts)}")
    for n, (good, name) in enumerate(verdicts, 1):
        print(f"{'ok' if good else 'not ok'} {n} - {name}")
    return 0 if all(good for good, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
