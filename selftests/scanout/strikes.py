# SPDX-License-Identifier: GPL-2.0
"""Each command of a display without copies, struck by each kind of trouble: refused, refused the last time, late, never
answered, and the host's death in the midst of it. A boot without trouble tells where each command comes by; from that the scenarios are
made. A death has a boot of its own. The other kinds strike one command after the other, each in the first of
two rounds of strikes.c, and the driver is loaded anew after it, with what the host owes it still owed."""

import collections
import json
import os
import re

from judge import ERRNO, told

# The last ones make the driver do without blobs.
COMMANDS = ["SET_SCANOUT", "UPDATE_CURSOR", "RESOURCE_UNREF", "RESOURCE_FLUSH", "SET_SCANOUT_BLOB", "RESOURCE_CREATE_BLOB"]
KINDS = {"error": 'do = "error"\n', "late": 'do = "late"\nms = 300\n', "never": 'do = "never"\n', "last": 'do = "error"\n'}
# What nothing comes after that would show the picture all the same.
LAST = ["RESOURCE_FLUSH", "SET_SCANOUT_BLOB"]
MODES = {"2d": 'with = ["RESOURCE_BLOB", "BLOB_ALIGNMENT"]\n',
         "3d": 'with = ["RESOURCE_BLOB", "BLOB_ALIGNMENT", "VIRGL", "CONTEXT_INIT"]\ncontexts = ["test"]\n'}
# A host that says that it has done what it has not: nobody can repair that, so the judgement has to find it.
LIES = {"picture": "SET_SCANOUT_BLOB", "cursor": "UPDATE_CURSOR"}
OK_NODATA = 0x1100
# Kinds that the C driver is asked about as well; others it may wait for without an end.
BESIDE = ("error", "late", "last")
# Name: mode, kind, the command of a death or a lie.
NAMES = {**{f"strikes {kind} {mode}": (mode, kind, None) for mode in MODES for kind in KINDS},
         **{f"strikes die {mode} {c}": (mode, "die", c) for mode in MODES for c in COMMANDS},
         **{f"strikes lie {what}": ("2d", "lie", c) for what, c in LIES.items()}}
ROUND = re.compile(r"^strikes: round=(\S+) failed=(\d+) killed=(\d+) hangs=(\d+) picture=(\d+) cursor=(\d+) at=(.*)$", re.M)
Round = collections.namedtuple("Round", "name failed killed hangs picture cursor at")
calms = {}


def scenario(lab, name, mode, faults, commands, dead=False):
    """Writes the file of a scenario; its path."""
    steps = [w for c in commands for w in (f"env,A=1,strikes64,{c}", "reload")][:-1]
    path = os.path.join(lab.out, f"{name.replace(' ', '-')}.toml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'about = "{name}"\n[device]\nmonitors = ["320x240"]\n{MODES[mode]}')
        for on, nth, count, do in faults:
            f.write(f'[[fault]]\non = "{on}"\nnth = {nth}\ncount = {count}\n{do}')
        f.write(f'[guest]\nmode = "survives"\nsteps = {json.dumps(steps)}\ntimeout = 400\n'
                f'append = "drm_kms_helper.fbdev_emulation=0"\n{"after = " + chr(34) + "dead" + chr(34) if dead else ""}\n')
    return path


def boot(lab, driver, *scenario_of):
    """A boot, and another where QEMU or the guest's clock went wrong."""
    path = scenario(lab, *scenario_of)
    run = lab.run(driver, path)
    if run.status == 99 and run.retry_worthy():
        run = lab.run(driver, path)
    return run


def seen(run):
    """Commands by name, and those that were struck, round by round: {round: (Counter, [name, ...])} in order."""
    rounds, names, at = {"": (collections.Counter(), [])}, {}, ""
    with open(run.trace, encoding="utf-8") as f:
        for line in f:
            try:
                e = json.loads(line)
            except ValueError:  # The host died while it wrote.
                break
            if e["ev"] == "mark":
                at = e["name"]
                rounds.setdefault(at, (collections.Counter(), []))
            elif e["ev"] == "cmd":
                names[e["seq"]] = e["name"]
                rounds[at][0][e["name"]] += 1
            elif e["ev"] == "fault":
                rounds[at][1].append(names.get(e["seq"], "?"))
    return rounds


def told_rounds(run):
    return [Round(m[1], *map(int, m.groups()[1:-1]), m[7]) for m in ROUND.finditer(run.output)]


def calm(lab, driver, mode):
    """What comes by in a boot without trouble, and what is wrong with that."""
    if (driver, mode) not in calms:
        run = boot(lab, driver, f"strikes calm {mode}", mode, [], COMMANDS)
        calms[driver, mode] = seen(run), judge(run, "calm", COMMANDS, [])
    return calms[driver, mode]


def where(rounds, command, first, last):
    """The number of that command which is in the middle of a round, or at its end; 0 if it has none."""
    before = 0
    for name, (count, _) in rounds.items():
        if name == first:
            return before + (count[command] if last else count[command] // 2 + 1) if count[command] else 0
        before += count[command]
    return 0


def judge(run, kind, commands, want):
    """What is wrong with a boot of our driver: calls and unloading end; a call fails with a documented errno; who was told
    nothing has the right picture and cursor; where nothing strikes all is right; the driver comes back."""
    rounds, by_mark = told_rounds(run), seen(run)
    struck = {name: hit for name, (_, hit) in by_mark.items()}
    bad = [f"the guest's end: {run.status} {run.trouble()}"] if run.status == 99 else []
    bad += [f"breaks {rule}" for rule in run.broken()] if kind not in ("die", "lie") else []
    bad += [f"fails with {e}" for e in sorted(run.errors() - ERRNO)]
    if kind != "lie":
        bad += [f"{c} was never struck" for c in want if not any(c in hit for hit in struck.values())]
    if kind == "die":
        bad += [] if re.search("^run: unload 0", run.output, re.M) else ["it cannot be unloaded"]
        bad += [f"round {r.name} hangs at {r.at}" for r in rounds if r.hangs]
        bad += [] if len(rounds) == 2 else ["the client's rounds do not end"]
        return bad
    bad += [] if run.again() else ["the driver does not come back"]
    bad += [f"run: {m}" for m in re.findall(r"^run: ((?:un)?load (?!0$)\d+)$", run.output, re.M)]
    if len(rounds) != 2 * len(commands):
        bad.append(f"{len(rounds)} of {2 * len(commands)} rounds end")
    for r in rounds:
        hit = struck.get(r.name, [])
        right = r.picture == 1 and r.cursor
        if r.hangs:
            bad.append(f"round {r.name} hangs at {r.at}")
        elif r.killed and not (hit and kind == "never"):
            bad.append(f"round {r.name} had to be killed at {r.at}")
        elif not hit and (r.failed or not right):
            bad.append(f"round {r.name}, which nothing struck: {r.failed} calls fail, picture {r.picture}, cursor {r.cursor}")
        elif not right and not r.failed and not r.killed:
            bad.append(f"round {r.name}, {hit} struck: nobody is told, but picture {r.picture}, cursor {r.cursor}")
    return bad


def show(name, driver, run):
    """A line for each round that was struck or not as it should be."""
    for r in told_rounds(run):
        hit = seen(run).get(r.name, (0, []))[1]
        if hit or r.failed or r.killed or r.hangs:
            print(f"    {name} {driver} {r.name}: struck {' '.join(hit) or 'nothing'}; {r.failed} calls fail, "
                  f"picture {r.picture}, cursor {r.cursor}{', killed at ' + r.at if r.killed else ''}"
                  f"{', HANGS' if r.hangs else ''}", flush=True)


def faults_of(rounds, kind, command):
    """The scenario's faults, [(command, nth, count, do)]."""
    if kind == "lie":
        return [(command, 1, 0, f'do = "error"\ncode = {OK_NODATA}\n')]
    if kind == "die":
        # There is but one step then.
        return [(command, nth, 1, 'do = "die"\n') for nth in [where(rounds, command, f"{COMMANDS[0]}.1", False)] if nth]
    places = [(c, where(rounds, c, f"{c}.1", kind == "last")) for c in (LAST if kind == "last" else COMMANDS)]
    return [(c, nth, 1, KINDS[kind]) for c, nth in places if nth]


def run(lab, result, driver, name):
    """One of NAMES on a driver; what becomes of the C driver is no result of ours."""
    mode, kind, command = NAMES[name]
    if driver == "c" and kind not in BESIDE:
        return
    rounds, bad = calm(lab, driver, mode)
    faults = faults_of(rounds, kind, command)
    if driver == "rust" and bad:
        result(False, f"{name}: a boot without trouble")
        print("\n".join("    " + what for what in bad))
        return
    commands = [command] if command else COMMANDS
    if not faults:
        print(f"    {name} {driver}: the command never comes by", flush=True)
        return
    boot_of = boot(lab, driver, name, mode, faults, commands, kind == "die")
    bad = judge(boot_of, kind, commands, [c for c, *_ in faults])
    show(name, driver, boot_of)
    print(f"    {name} {driver}: {boot_of.seconds:.0f} s", flush=True)
    if driver == "c":
        for what in bad:
            print(f"    {name} c: {what}", flush=True)
    elif kind == "lie":
        result(any("nobody is told" in what or "nothing struck" in what for what in bad), f"{name}: is found")
        print("\n".join("    " + what for what in bad))
    elif not result(not bad, f"{name}: picture or errno"):
        print("\n".join("    " + line for line in [*bad, *told(boot_of).splitlines()]))
