# SPDX-License-Identifier: GPL-2.0
"""One run of the test host with a guest: starts both, waits with a bound, collects what they said."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "selftests", "lib"))

import programs  # noqa: E402

# What a scenario's [guest] table may say; Documentation/gpu/test-host.rst has the words.
KEYS = {"ring", "config-size", "steps", "mode", "timeout", "card", "keep", "after", "append", "cpus", "allow",
        "may-idle", "log", "unnoticed", "errno", "parameters", "breaks"}

# QEMU 11.1.3's own crashes with this device; not the guest's fault.
QEMU_CRASH = re.compile(r"qemu.*(Segmentation fault|Aborted|core dumped)", re.I)
# The guest's clock went wrong, as it does where the host has no time for it: no working timer, or
# jumps of minutes, at which the scheduler's own timer complains.
CLOCK = re.compile(r"lapic is not functional|timer doesn't work|dl_task_timer\+")


class Lab:
    """What all runs share: the built programs and the folders."""

    def __init__(self):
        self.build = os.environ.get("VGPU_BUILD") or tempfile.mkdtemp()
        # What cargo makes: one folder beside those of the groups, or each of them would build the host.
        self.target = os.path.join(os.path.dirname(self.build) if os.environ.get("VGPU_BUILD") else self.build, "host-target")
        self.out = os.environ.get("VGPU_OUT") or tempfile.mkdtemp()
        self.boot = os.environ.get("VGPU_BOOT") or os.path.join(TOP, "selftests", "guest", "boot")
        # Copies, so that a build of something else in the same place does not replace them under a run.
        self.host = os.path.join(self.build, "gpuhost")
        self.fuzz = os.path.join(self.build, "gpuhost-fuzz")
        self.gpuctl = os.path.join(self.build, "gpuctl")
        self.gpuctx = os.path.join(self.build, "gpuctx")
        self.blobs = [os.path.join(self.build, p) for p in ("windowctl", "sharectl")]
        # A module for the guest, another device whose memory moves.
        self.mover = os.path.join(self.build, "mover", "mover.ko")
        # The ioctl group's programs.
        self.tests = os.path.join(self.build, "tests")
        # More that goes along into the guest, for steps that run it.
        self.more = []

    def cargo(self, *words, **kw):
        """cargo in this folder, its output beside VGPU_BUILD."""
        env = dict(os.environ, CARGO_TARGET_DIR=self.target)
        return subprocess.run(["cargo", *words], cwd=HERE, env=env, **kw)

    def make(self):
        """Builds the host and the guest's program. What went wrong, or ''."""
        r = self.cargo("build", "--locked", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            return r.stdout[-2000:]
        for name in ("gpuhost", "gpuhost-fuzz"):
            shutil.copy(os.path.join(self.target, "debug", name), os.path.join(self.build, f"{name}.new"))
            os.replace(os.path.join(self.build, f"{name}.new"), os.path.join(self.build, name))
        for program in (self.gpuctl, self.gpuctx, *self.blobs):
            sources = [f"{HERE}/guest/{os.path.basename(program)}.c"]
            if program == self.gpuctx:
                sources += [f"{HERE}/guest/{part}.c" for part in ("native", "channel", "passing", "bench")]
            r = subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Wextra", f"-I{TOP}/include/uapi", f"-I{TOP}/selftests/lib", "-o", program, *sources],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if r.returncode:
                return r.stdout[-2000:]
        return self.make_mover() or self.make_tests()

    def unreadable(self, scenarios):
        """What is wrong with scenarios, {name: path}: they can be read, know no words but these, and say what the log
        shows or why there is nothing."""
        r = subprocess.run([self.host, "check", *scenarios.values()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wrong = [r.stdout] if r.returncode else []
        for name, path in scenarios.items():
            with open(path, "rb") as f:
                guest = tomllib.load(f).get("guest", {})
            wrong += [f"{name}: nobody knows {key}" for key in sorted(set(guest) - KEYS)]
            if bool(guest.get("log")) == bool(guest.get("unnoticed")):
                wrong.append(f"{name}: either a line of the log or why there is none")
        return wrong

    def make_mover(self):
        """Builds the module, where there is a kernel to build it for."""
        kernel = os.environ.get("VGPU_KERNEL_BUILD")
        if not kernel:
            return ""
        shutil.copytree(f"{HERE}/guest/mover", os.path.dirname(self.mover), dirs_exist_ok=True)
        with open(f"{kernel}/.make", encoding="ascii") as f:
            how = f.read().split()
        r = subprocess.run(["make", "-s", "-C", kernel, *how, f"M={os.path.dirname(self.mover)}"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return r.stdout[-2000:] if r.returncode else ""

    def make_tests(self):
        """Builds the programs of the ioctl group, where there is a kernel's source to build with."""
        if "VGPU_LINUX" in os.environ:
            try:
                programs.build_ioctl(self.tests)
            except subprocess.CalledProcessError as e:
                return str(e)
        return ""

    def run(self, driver, scenario, name=None, **more):
        """Runs a scenario file with a driver."""
        return Run(self, driver, scenario, name, more)


class Run:
    """One boot. Attributes: status (the guest script's, 99 for a broken guest or kernel), host (the
    host's), output, report, dir, seconds."""

    def __init__(self, lab, driver, scenario, name, more):
        with open(scenario, "rb") as f:
            text = tomllib.load(f)
        self.faults = bool(text.get("fault"))
        self.guest = {**text.get("guest", {}), **more}
        self.about = text.get("about", "")
        self.name = name or os.path.basename(scenario).removesuffix(".toml")
        self.dir = os.path.join(lab.out, f"{self.name}-{driver}")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.trace = f"{self.dir}/trace"
        started = time.monotonic()
        sockets = tempfile.mkdtemp(prefix="gpuhost")
        try:
            self._go(lab, driver, scenario, sockets)
        finally:
            shutil.rmtree(sockets, ignore_errors=True)
        self.seconds = time.monotonic() - started
        try:
            with open(f"{self.dir}/report", encoding="utf-8") as f:
                self.report = json.load(f)
        except (OSError, ValueError):
            self.report = None

    def _go(self, lab, driver, scenario, sockets):
        gpu, control = f"{sockets}/gpu", f"{sockets}/control"
        with open(f"{self.dir}/host.log", "wb") as log:
            host = subprocess.Popen(
                [lab.host, "run", "--socket", gpu, "--control", control, "--scenario", scenario,
                 *(["--trace", self.trace] if self.guest.get("traced", True) else []),
                 "--report", f"{self.dir}/report", "--shots", self.dir],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if os.path.exists(gpu) and os.path.exists(control):
                    break
                time.sleep(0.05)
            self._boot(lab, driver, gpu, control)
            try:
                self.host = host.wait(15)
            except subprocess.TimeoutExpired:
                self.host = None
        finally:
            if host.poll() is None:
                host.kill()
                host.wait()

    def _boot(self, lab, driver, gpu, control):
        guest = self.guest
        limit = guest.get("timeout", 240)
        device = (f"vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size={guest.get('ring', 256)},"
                  f"config_size={guest.get('config-size', 20)},chardev=gpuhost")
        # The C driver's kernel complains at its unload where the device has a window of host memory.
        allowed = [a for a in (guest.get("allow"), "drm_mm_takedown" if driver == "c" else None) if a]
        command = [
            lab.boot, "--driver", "none", "--image", "none", "--env", f"GPU={driver}", "--timeout", str(limit),
            "--env", f"WAIT_CARD={int(guest.get('card', True))}", "--env", f"KEEP={'1' if guest.get('keep') else ''}",
            "--env", f"AFTER={guest.get('after', '')}", "--env", f"PARAMETERS={guest.get('parameters', '')}",
            "--out", self.dir, "--device", device, "--add", lab.gpuctl,
            "--add", lab.gpuctx, "--smp", str(guest.get("cpus", 2)),
            *[w for path in (*lab.blobs, lab.mover, lab.tests, *lab.more) if os.path.exists(path) for w in ("--add", path)],
            "--append", "hung_task_timeout_secs=40 " + guest.get("append", ""),
            "--qemu", f"-chardev socket,id=gpuhost,path={gpu} -chardev socket,id=gpuctl,path={control} "
                      "-device virtserialport,chardev=gpuctl,name=vgpu-gpuhost",
            *(["--allow", "|".join(allowed)] if allowed else []),
            "--run", guest.get("script", f"{HERE}/guest/run"), guest.get("mode", "works"), *guest.get("steps", ["session"]),
        ]
        env = dict(os.environ)
        module = env.get("VGPU_MODULES_" + env.get("KERNEL", "default").upper())
        if module and driver == "rust":
            env["VGPU_MODULES"] = module
        with open(f"{self.dir}/boot.log", "wb") as log:
            try:
                self.status = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env,
                                             timeout=limit + 120).returncode
            except subprocess.TimeoutExpired:
                self.status = 99
        self.output = self._text("boot.log")

    def _text(self, name):
        try:
            with open(f"{self.dir}/{name}", encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def retry_worthy(self):
        """A boot that says nothing about the driver: QEMU crashed, or the guest's clock went wrong."""
        return bool(QEMU_CRASH.search(self._text("qemu.log"))) or bool(CLOCK.search(self._text("console.log")))

    def broken(self):
        """Rules that the driver broke, as the host's report has them."""
        return self.report["broken"] if self.report else ["no report"]

    def notes(self):
        """The same of the rules that the verdict does not depend on."""
        return self.report["notes"] if self.report else []

    def log(self, pattern):
        """The first line of the guest's kernel log that has the pattern, without its time; or None."""
        for line in self._text("console.log").splitlines():
            if re.search(pattern, line):
                return re.sub(r"^\[ *[\d.]+\] ", "", line.strip())
        return None

    def unheard(self):
        """Patterns that the scenario wants in the log, and that are not there."""
        return [p for p in self.guest.get("log", []) if not self.log(p)]

    def errors(self):
        """What went wrong for the client, by the words of errno."""
        return {m[1] for m in re.finditer(r"^failed: [^:]+: ([A-Z][^:,\n]+)$", self.output, re.M)}

    def trouble(self):
        """What made an end of 99: something that cannot be killed, a complaint of the guest's kernel, no end at all."""
        for pattern, what in [(r"^run: HANG: (.*?) \(", "hangs in {}"), (r"^# kernel: (?:\[ *[\d.]+\] )?(.{,60})", "its kernel: {}"),
                              (r"^# boot: (.*)", "{}")]:
            m = re.search(pattern, self.output, re.M)
            if m:
                return what.format(m[1].strip().replace("|", "/"))
        return "no end"

    def again(self):
        """Whether the driver came back on a host that behaves: True, False, None where it was not tried."""
        m = re.search(r"^run: again (\d+)", self.output, re.M)
        return int(m[1]) == 0 if m else None

    def shows(self):
        """The lines that tell how it went."""
        keep = re.compile(r"^(run:|failed|picture|mode|monitor|# |not ok|flips|connector|no )")
        return [line for line in self.output.splitlines() if keep.match(line)]
