# SPDX-License-Identifier: GPL-2.0
"""What the groups of fences share: the programs, the test host with a guest that runs them, what the host says."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(SELFTESTS, "host"), os.path.join(SELFTESTS, "lib")]
if "VGPU_BUILD" not in os.environ:
    # By hand.
    cache = os.environ["VGPU_CACHE"]
    os.environ["VGPU_BUILD"] = os.path.join(cache, "build-fences-by-hand")
    os.environ["VGPU_LINUX"] = max((e.path for e in os.scandir(cache) if e.name.startswith("linux-")), key=os.path.getmtime)
import programs as lib  # noqa: E402
from lab import Lab  # noqa: E402
from programs import result  # noqa: E402

QUICK = bool(os.environ.get("VGPU_QUICK"))
GATE = ["quick"]
LINE = re.compile(r"(ok|not ok) (\d+) (?:- )?(.*)")
LEAKS = [f"{HERE}/leaks", f"{SELFTESTS}/lib/kmemleak"]
# Scenarios in which the guest ends before it can tell: by the kernel's log.
LOGS = {"asleep"}
PROGRAMS = ("ask", "parked", "crowd", "ends", "starved", "venus")


def scenarios():
    return sorted(n.removesuffix(".toml") for n in os.listdir(f"{HERE}/scenarios"))


def path(name):
    return f"{HERE}/scenarios/{name}.toml"


def build():
    """The programs, with the uapi header as a program would have it; the folder they are in."""
    folders = [os.path.join(SELFTESTS, "gl"), os.path.join(os.path.dirname(SELFTESTS), "include", "uapi")]
    return lib.build({p: [os.path.join(HERE, p + ".c")] for p in PROGRAMS}, *folders)


def lab():
    """The test host, built, with the programs for the guest; None where it cannot be."""
    os.makedirs(os.environ["VGPU_BUILD"], exist_ok=True)
    made = Lab()
    wrong = made.make()
    if wrong:
        result(False, "the test host builds")
        print(wrong)
        return None
    tests = build()
    made.more = [*(os.path.join(tests, f) for f in sorted(os.listdir(tests))), f"{HERE}/inject", *LEAKS]
    return made


def programs_said(output, name):
    """The results of the programs, and their words on them; how many results."""
    seen = 0
    for line in output.splitlines():
        if m := LINE.match(line):
            seen += 1
            result(m[1] == "ok", f"{name}: {m[3]}")
        elif re.match(r"# +[a-z-]+\.c:|# .*\.c:\d+:|# [a-z]+:|failed|random:", line):
            print(f"    {line}")
    return seen


def plain(name, programs, *words, kernel="default", module=None, seconds=400):
    """A guest with QEMU's own device, that runs `programs`."""
    out = os.path.join(os.environ["VGPU_OUT"], name)
    folder = os.path.join(os.environ["VGPU_BUILD"], "plain")
    subprocess.run(["cp", "-rT", build(), folder], check=True)
    subprocess.run(["cp", *LEAKS, folder], check=True)
    env = dict(os.environ, VGPU_MODULES=module or os.environ[f"VGPU_MODULES_{kernel.upper()}"])
    r = subprocess.run(
        [os.environ["VGPU_BOOT"], "--driver", "rust", "--kernel", kernel, "--image", "none", "--no-udev", "--add", folder + ":tests",
         "--timeout", str(seconds), "--out", out, *words, "--run", f"{HERE}/run.sh", *programs],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    seen = programs_said(r.stdout, name)
    result(seen and r.returncode != 99, f"{name}: the guest ends well, no complaint from its kernel (status {r.returncode})")
    for line in r.stdout.splitlines() if r.returncode == 99 or not seen else []:
        print(f"    {line}")


def tell(run, name):
    """The results of a run, program by program, and of what the host and the guest's kernel say of it."""
    steps = re.findall(r"^run: (\S+) \d+", run.output, re.M)
    seen = programs_said(run.output, name)
    if run.report:
        stats = run.report["stats"]
        print(f"    host: {stats['named']} fences named, {stats['held']} of them not over; {stats['asked']} errors that clients asked for")
    failed = run.status and (name not in LOGS or "kernel" in run.trouble())
    bad = [f"the guest's end: {run.status} {run.trouble() if run.status == 99 else ''}, at {steps[-1] if steps else 'no step'}"] if failed else []
    broken = [*run.broken(), *(r for r in run.notes() if r.startswith("pass."))]
    bad += [f"rules broken: {broken}"] if broken else []
    bad += ["the host was told to wait for nothing"] if name.startswith("crowd") and run.report and not run.report["stats"]["named"] else []
    bad += [f"the log has no {p}" for p in run.unheard()]
    bad += ["no program has told anything"] if not seen and name not in LOGS and any(s.startswith("env,") for s in run.guest["steps"]) else []
    if not result(not bad, f"{name}: no rule is broken, no complaint of the guest's kernel"):
        for line in [*bad, *run.shows(), run.dir]:
            print(f"    {line}")
    return not bad


def attempt(made, name, driver="rust", **more):
    """A scenario on a driver, once more where the guest's clock or QEMU went wrong by themselves."""
    run = made.run(driver, path(name), **more)
    if run.status == 99 and run.retry_worthy():
        run = made.run(driver, path(name), **more)
    return run


def forms(made):
    """The scenarios can be read, and each says what the log shows or why there is nothing."""
    wrong = made.unreadable({name: path(name) for name in scenarios()})
    if not result(not wrong, "all scenarios can be read"):
        print("    " + "\n    ".join(wrong))


def main():
    made = lab()
    if not made:
        return
    names = sys.argv[1:] or (GATE if QUICK else [n for n in scenarios() if n not in GATE])
    if not sys.argv[1:]:
        forms(made)
    for name in names:
        tell(attempt(made, name), name)
        if name == "ask-off":
            tell(attempt(made, name, "c"), name + " C")
    if not QUICK and not sys.argv[1:]:
        plain("venus", ["venus64", "venus32"], "--vulkan", "--append", "drm_kms_helper.fbdev_emulation=0")
