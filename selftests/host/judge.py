# SPDX-License-Identifier: GPL-2.0
"""What groups that run scenarios make of a run: lines of results, what a driver did wrong, and where the traces of
two drivers part."""

import collections
import os
import re
import subprocess
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
# What a client is told when the host has failed it.
ERRNO = {"Input/output error", "No such device"}

number = 0


def result(good, name, why=""):
    """One line of the group's result, and indented ones that say why."""
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    for line in [] if good else str(why).splitlines()[-40:]:
        print(f"    {line}", flush=True)
    return good


def toml(path):
    with open(path, "rb") as f:
        return tomllib.load(f)


# Rules that a driver is known to break, with the specification's sentence.
DEVIATIONS = toml(f"{HERE}/deviations.toml")


def told(run):
    return "\n".join([f"guest {run.status}, host {run.host}, broken {run.broken()}, notes {run.notes()}, "
                      f"not in the log {run.unheard()}, logs in {run.dir}", *run.shows()])


def attempt(lab, driver, scenario, **more):
    """A scenario file, once more where QEMU or the guest's clock went wrong by themselves."""
    run = lab.run(driver, scenario, **more)
    if faults(run, driver) and run.retry_worthy():
        run = lab.run(driver, scenario, **more)
    return run


def faults(run, driver):
    """What a driver did wrong, or what makes the run worthless; empty for a good one."""
    bad = []
    known = DEVIATIONS.get(driver, {})
    if run.status:
        bad.append({98: "does not come back", 99: run.trouble()}.get(run.status, "a step fails"))
    if run.host is None:
        bad.append("the host did not end")
    if run.faults and not run.guest.get("may-idle") and run.report and not run.report["stats"]["struck"]:
        bad.append("the fault never struck")
    bad += [f"breaks {rule}" for rule in run.broken() if rule not in known]
    odd = run.errors() - ERRNO - set(run.guest.get("errno", []))
    bad += [f"fails with {e}" for e in sorted(odd)]
    # The words are ours to choose only in our driver.
    if driver == "rust":
        bad += [f"log has no {p}" for p in run.unheard()]
    return bad


def compare(lab, name, c, rust, reasons):
    """Whether the traces of two runs differ only where one of `reasons` matches; its results. Under a reason with
    `moved` both drivers have to send the same, only not at the same time."""
    found = subprocess.run([lab.host, "trace", "compare", c.trace, rust.trace],
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    unknown, used, moved = [], set(), collections.defaultdict(list)
    for line in found:
        for i, r in enumerate(reasons):
            if r.get("session", name) == name and re.search(r["match"], line):
                used.add(i)
                if r.get("moved"):
                    moved[line.partition(": ")[2]].append(line)
                break
        else:
            unknown.append(line)
    for lines in moved.values():
        if sum(1 if line[0] == "+" else -1 for line in lines):
            unknown += lines
    for i in sorted(used):
        print(f"    {name}: {reasons[i]['reason']}")
    for driver, run in (("c", c), ("ours", rust)):
        s = run.report["stats"]
        print(f"    {name} {driver}: doorbells {s['kicks']}, commands {s['commands']}, interrupts {s['interrupts']}, "
              f"frames {s['frames']}, bytes copied {s['copied']}")
    with open(f"{lab.out}/{name}.differences", "w", encoding="utf-8") as f:
        f.write("\n".join(found) + "\n")
    return result(not unknown, f"{name}: {len(found)} differences, all with a reason", "\n".join(unknown))
