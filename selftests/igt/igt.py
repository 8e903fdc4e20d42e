#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs IGT programs in the guest on the C driver and on ours and puts the
results side by side.

igt.py [--programs FILE] [--only c|rust] [PROGRAM...]    boots the guest, once a driver
igt.py --compare C.json RUST.json                        only compares

Ours has to skip what the C driver skips, and must not fail, crash or run out
of time anywhere, but for what --known lists with the reason. What does so is run
again, --again times on each driver in turn, and counts when ours then is the
worse one by more than one run, or never succeeds (but where that is a matter of
speed, see `timing` in the list). VGPU_PART=K/N runs those programs whose third
word is K. Leaves igt.md (the table), igt-c.json and igt-rust.json in VGPU_OUT.
Runs inside the toolchain tree.
"""

import argparse
import collections
import fnmatch
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
BOOT = os.environ.get("VGPU_BOOT") or os.path.join(os.path.dirname(HERE), "guest", "boot")
# Of the environment, what makes a guest another one.
SETTINGS = ("KERNEL", "GL", "VULKAN", "DEVICE", "MACHINE", "SMP", "MEM", "CPU", "ACCEL", "APPEND", "QEMU_ARGS")
BAD = ("FAIL", "CRASH", "TIMEOUT", "NOT RUN", "MISSING")
RESULT = re.compile(r"^(?:(Dynamic subtest|Subtest) ([\w-]+): )?(SUCCESS|FAIL|SKIP|CRASH|TIMEOUT)(?: \([\d.]+s\))?$")


def parse(text):
    """{program@subtest[@dynamic]: result} of what guest.sh left; a program without subtests is named alone."""
    results, subs, why = {}, {}, {}
    prog = current = dynamic = None

    def close(rc):
        """A subtest that started and did not end took the run with it."""
        if current and results.get(current) is None:
            results[current] = "TIMEOUT" if rc in (124, 137) else "CRASH"

    for line in text.splitlines():
        word = line.split()
        if line.startswith("@list "):
            subs.setdefault(word[1], []).extend(word[2:])
        elif line.startswith("@missing "):
            results[word[1]] = "MISSING"
        elif line.startswith("@run "):
            prog, current, dynamic = word[1], None, None
            if not subs.get(prog):
                current = prog
                results[prog] = None
        elif line.startswith("@exit "):
            rc = int(word[2])
            if current == prog and results.get(prog) is None:
                results[prog] = {0: "SUCCESS", 77: "SKIP", 98: "FAIL"}.get(rc)
            elif rc == 77 and current is None and len(word) < 4:
                # The whole program cannot run here.
                for s in subs[prog]:
                    results.setdefault(f"{prog}@{s}", "SKIP")
            close(rc)
        elif m := re.match(r"Starting (dynamic )?subtest: ([\w-]+)", line):
            if m.group(1):
                dynamic = f"{current}@{m.group(2)}"
            else:
                current, dynamic = f"{prog}@{m.group(2)}", None
                results[current] = None
        elif m := RESULT.match(line):
            kind, name, result = m.groups()
            if kind == "Dynamic subtest":
                results[f"{current}@{name}"] = result
            elif kind:
                results[f"{prog}@{name}"] = result
            elif current == prog:
                results[prog] = result
        elif m := re.match(r"(?:\[[\d.]+\] )?\([\w-]+:\d+\) [\w/-]*(?:CRITICAL|WARNING): (.*)", line):
            why.setdefault(dynamic or current or prog, m.group(1))
        elif m := re.match(r"(?:Test requirement not met|Test requirement): ?(.*)", line):
            why.setdefault(dynamic or current or prog, m.group(1))
    for p, names in subs.items():
        for s in names:
            results.setdefault(f"{p}@{s}", "NOT RUN")
    if "@end" not in text:
        results["(the guest's script)"] = "CRASH"
    return {"results": {k: v or "CRASH" for k, v in sorted(results.items())}, "why": why}


def run(driver, programs, out, timeout):
    """Boots the guest; (parsed results, the runner's status)."""
    os.makedirs(out, exist_ok=True)
    listed = os.path.join(out, "programs")
    with open(listed, "w", encoding="ascii") as f:
        f.write("\n".join(programs) + "\n")
    # Suspend to memory: see selftests/suspend.
    asleep = ["--bzimage", "--smp", "1"] if any("suspend" in re.sub(r"![^ ,]*suspend", "", p) for p in programs) else []
    status = subprocess.run([BOOT, "--driver", driver, "--image", "igt", "--out", out, "--quiet", "--timeout", str(timeout),
                             *asleep, "--add", listed, "--run", os.path.join(HERE, "guest.sh")], check=False).returncode
    try:
        with open(os.path.join(out, "guest.log"), encoding="utf-8", errors="replace") as f:
            found = parse(f.read())
    except FileNotFoundError:
        found = {"results": {"(the guest's script)": "CRASH"}, "why": {}}
    found["driver"] = driver
    found["boot"] = status
    return found


def kept(programs):
    """Where the results of the C driver with these programs are kept; None where it is not known what they depend on."""
    what = [os.environ.get(name) for name in ("VGPU_CACHE", "VGPU_TREE", "VGPU_KERNEL_BUILD", "VGPU_IMAGE_IGT")]
    if not all(what):
        return None
    settings = [os.environ.get(name) or "" for name in SETTINGS]
    key = hashlib.sha256("\n".join([*what, *settings, *programs]).encode())
    guest = os.path.join(os.path.dirname(HERE), "guest")
    for path in [os.path.join(HERE, "guest.sh"), *sorted(os.path.join(guest, f) for f in os.listdir(guest))]:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                key.update(f.read())
    return os.path.join(what[0], "igt-c", key.hexdigest()[:12] + ".json")


def run_c(programs, out, timeout):
    """As run(), for the C driver, unless its results are there."""
    path = kept(programs)
    if path and os.path.exists(path) and not os.environ.get("FRESH"):
        with open(path, encoding="utf-8") as f:
            found = json.load(f)
        print(f"# the results of the C driver are of {found['when']}")
        return found
    found = run("c", programs, out, timeout)
    if path and "(the guest's script)" not in found["results"]:
        found["when"] = time.strftime("%Y-%m-%d %H:%M")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(found, f, indent=1)
    return found


def counts(results):
    c = collections.Counter(results.values())
    return ", ".join(f"{n} {k}" for k, n in sorted(c.items()))


def by_program(results):
    out = collections.defaultdict(dict)
    for name, result in results.items():
        out[name.split("@")[0]][name] = result
    return out


def table(c, rust):
    """Markdown: a line a program with its counts, then every test whose results differ."""
    lines = ["| program | C | Rust |", "|---|---|---|"]
    pc, pr = by_program(c["results"]), by_program(rust["results"])
    for prog in sorted(set(pc) | set(pr)):
        lines.append(f"| {prog} | {counts(pc.get(prog, {}))} | {counts(pr.get(prog, {}))} |")
    lines.append(f"| all | {counts(c['results'])} | {counts(rust['results'])} |")
    lines += ["", "| test | C | Rust |", "|---|---|---|"]
    for name in sorted(set(c["results"]) | set(rust["results"])):
        a, b = c["results"].get(name, "-"), rust["results"].get(name, "-")
        if a != b or b in BAD:
            lines.append(f"| {name} | {a} | {b} |")
    return "\n".join(lines) + "\n"


def again(names, rounds, out, timeout):
    """Runs single tests once more on both drivers in turn. {test: {driver: [results]}}"""
    # Of a dynamic subtest what contains it can be run.
    programs = sorted({" ".join([n.split("@")[0], "60", "0", *n.split("@")[1:2]]) for n in names})
    found = {n: {"c": [], "rust": []} for n in names}
    for k in range(rounds):
        for driver in ("c", "rust"):
            results = run(driver, programs, os.path.join(out, f"again-{k + 1}-{driver}"), timeout)["results"]
            for n in names:
                found[n][driver].append(results.get(n, "NOT RUN"))
    return found


def listed(path, what):
    """[(pattern, why)] of a list: "known" is what fails for a reason that is not the driver, "timing" what
    depends on how fast the machine is."""
    if not path:
        return []
    with open(path, "rb") as f:
        return [(k["test"], k["why"]) for k in tomllib.load(f).get(what, [])]


def among(name, patterns):
    """Why a test is on the list; None when it is not."""
    return next((why for pattern, why in patterns if fnmatch.fnmatchcase(name, pattern)), None)


def unexplained(c, rust, known):
    """What is bad on ours and not known."""
    return sorted(n for n, r in rust["results"].items() if r in BAD and not among(n, known))


def judge(c, rust, known, timing, repeated):
    """[(good, name)], one a program."""
    verdicts = []
    pc, pr = by_program(c["results"]), by_program(rust["results"])
    open_ = set(unexplained(c, rust, known))
    for n, runs in sorted(repeated.items()):
        bad = {d: sum(r in BAD for r in [f["results"].get(n, "NOT RUN"), *runs[d]]) for d, f in (("c", c), ("rust", rust))}
        print(f"# {n}: in {1 + len(runs['rust'])} runs each C fails {bad['c']}, Rust {bad['rust']}")
        # What never succeeds is no matter of luck, but may be one of speed.
        if bad["rust"] <= bad["c"] + 1 and (bad["rust"] <= len(runs["rust"]) or among(n, timing)):
            open_.discard(n)
    for prog in sorted(set(pc) | set(pr)):
        a, b = pc.get(prog, {}), pr.get(prog, {})
        skips = {n for n, r in a.items() if r == "SKIP"}, {n for n, r in b.items() if r == "SKIP"}
        bad = sorted(n for n in b if n in open_)
        for n in sorted(n for n, r in b.items() if r in BAD):
            print(f"# {n}: {b[n]} (C: {a.get(n, '-')}): {among(n, known) or rust['why'].get(n, '')}")
        for n in sorted(skips[0] ^ skips[1]):
            print(f"# {n}: C {a.get(n, '-')}, Rust {b.get(n, '-')}: {(c if n in skips[0] else rust)['why'].get(n, '')}")
        verdicts.append((not bad and skips[0] == skips[1], f"{prog}: {counts(b)} (C: {counts(a)})"))
    return verdicts


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--programs", default=os.path.join(HERE, "programs"))
    p.add_argument("--only", choices=["c", "rust"])
    p.add_argument("--compare", nargs=2, metavar=("C", "RUST"))
    p.add_argument("--known", help="a toml file: what fails for a reason that is not the driver")
    p.add_argument("--again", type=int, default=0, help="how often what fails is run again")
    p.add_argument("--part", default=os.environ.get("VGPU_PART"), help="K/N")
    p.add_argument("--timeout", type=int, default=1500, help="seconds a guest may take")
    p.add_argument("program", nargs="*", help="run only these of the list")
    a = p.parse_args()
    out = os.environ.get("VGPU_OUT") or "."
    if a.compare:
        found = {}
        for driver, path in zip(("c", "rust"), a.compare):
            with open(path, encoding="utf-8") as f:
                found[driver] = json.load(f)
    else:
        with open(a.programs, encoding="ascii") as f:
            programs = [line.strip() for line in f if line.strip() and not line.startswith("#")]
        if a.part:
            programs = [line for line in programs if line.split()[2:3] == [a.part.split("/")[0]]]
        if a.program:
            programs = [line for line in programs if line.split()[0] in a.program]
        found = {}
        for d in [a.only] if a.only else ["c", "rust"]:
            where = os.path.join(out, d)
            found[d] = run_c(programs, where, a.timeout) if d == "c" else run(d, programs, where, a.timeout)
        for driver, f in found.items():
            with open(os.path.join(out, f"igt-{driver}.json"), "w", encoding="utf-8") as file:
                json.dump(f, file, indent=1)
    if a.only:
        for name, result in found[a.only]["results"].items():
            if result in BAD:
                print(f"# {name}: {result}: {found[a.only]['why'].get(name, '')}")
        print(f"# {a.only}: {counts(found[a.only]['results'])}")
        return 0
    with open(os.path.join(out, "igt.md"), "w", encoding="utf-8") as f:
        f.write(table(found["c"], found["rust"]))
    known, timing, repeated = listed(a.known, "known"), listed(a.known, "timing"), {}
    if a.again and (names := unexplained(found["c"], found["rust"], known)):
        repeated = again(names, a.again, out, a.timeout)
    verdicts = judge(found["c"], found["rust"], known, timing, repeated)
    verdicts.append((found["rust"].get("boot") == 0, "our guest ends well, no complaint from its kernel"))
    print(f"1..{len(verdicts)}")
    for n, (good, name) in enumerate(verdicts, 1):
        print(f"{'ok' if good else 'not ok'} {n} - {name}")
    return 0 if all(good for good, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
