# SPDX-License-Identifier: GPL-2.0
"""One boot of the guest: QEMU, its channels, and what its kernel complained about."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import cpio
import xwindow
from qmp import Qmp, QmpError

HERE = os.path.dirname(os.path.abspath(__file__))

# What a kernel says when something is wrong with it.
SPLAT = re.compile(
    r"BUG:|WARNING:|Oops|Kernel panic|general protection fault|unable to handle|refcount_t:"
    r"|KASAN:|UBSAN:|KCSAN:|INFO: task .* blocked|rcu: INFO: .* stall|soft lockup"
    r"|INFO: trying to register non-static key|DMA-API: .*(?:device driver|exceed|leak)"
    r"|kmemleak: \d+ new|ODEBUG:|page allocation failure|Bad page state|sleeping function called")
# ... and what only sounds like it.
HARMLESS = re.compile(r"Spectre|unprivileged eBPF|x2apic|Unpatched")
# After so many seconds without a word from the kernel, before its first program, it is started again; how often in all.
STALLED, STARTS = 40, 3


class Boot:
    """Runs the guest as the options (see boot.py) say. The result is in the attributes
    exit (status of the script in the guest, None where it never came), splats, problems."""

    def __init__(self, opt):
        self.opt = opt
        self.exit = None
        self.up = None
        self.starts = 1
        self.splats = []
        self.problems = []
        self.qmp = self.display = None
        self.dir = tempfile.mkdtemp(prefix="vm")
        self.console = os.path.join(opt.out, "console.log")
        self.procs = []

    # -- what the guest brings along --------------------------------------------------

    def _modules(self, archive):
        """The kernel's modules and the driver's, with their index."""
        opt, base = self.opt, os.path.join(self.dir, "modules")
        with open(os.path.join(opt.kernel_dir, "release"), encoding="ascii") as f:
            release = f.read().strip()
        root = f"{base}/lib/modules/{release}"
        shutil.copytree(f"{opt.kernel_dir}/root/lib/modules/{release}", root, symlinks=True)
        os.makedirs(f"{root}/updates", exist_ok=True)
        for module in opt.module:
            shutil.copy(module, f"{root}/updates/")
        subprocess.run(["depmod", "-b", base, release], check=True)
        archive.copy(f"{base}/lib/modules/{release}", f"vgpu/lib/modules/{release}")

    def _initramfs(self):
        opt, path = self.opt, os.path.join(self.dir, "initramfs")
        a = cpio.Archive(path)
        for d in ("dev", "proc", "sys", "bin", "root", "etc", "usr/bin", "usr/sbin", "sbin", "tmp", "run"):
            a.directory(d)
        a.device("dev/console", 5, 1)
        a.copy("/usr/bin/busybox", "bin/busybox")
        a.copy(f"{HERE}/init", "init")
        a.copy(f"{HERE}/stage2", "vgpu/stage2")
        a.copy(f"{HERE}/bin", "vgpu/bin")
        self._modules(a)
        keep_out = {"c": ["virtio_gpu_rs"], "rust": ["virtio_gpu"], "none": ["virtio_gpu", "virtio_gpu_rs"]}
        a.file("vgpu/modprobe.conf", "".join(f"blacklist {m}\n" for m in keep_out[opt.driver]).encode())
        run = "true"
        if opt.run:
            script = opt.run[0]
            name = "vgpu/run/" + os.path.basename(script)
            with open(script, "rb") as f:
                a.file(name, f.read(), 0o755)
            run = " ".join(_quote(w) for w in ["/" + name, *opt.run[1:]])
        for add in opt.add:
            source, _, dest = add.partition(":")
            a.copy(source, "vgpu/" + (dest or os.path.basename(source.rstrip("/"))))
        env = {
            "VGPU_DRIVER": opt.driver, "VGPU_SHELL": int(opt.shell), "VGPU_RUN": run, "VGPU_UDEV": int(opt.udev),
            "VGPU_HOST_OUT": opt.out, "VGPU_OUT": "/out", "VGPU_IMAGE": opt.image, "VGPU_KERNEL": opt.kernel,
            "VGPU_WAIT_CARD": 1,
        }
        for setting in opt.env:
            name, _, value = setting.partition("=")
            env[name] = value
        lines = "".join(f"export {k}={_quote(str(v))}\n" for k, v in env.items())
        a.file("vgpu/boot.env", lines.encode())
        a.close()
        return path

    # -- the machine ------------------------------------------------------------------

    def _command(self):
        opt = self.opt
        micro = opt.machine == "microvm"
        bus = "device" if micro else "pci"
        machine = "microvm,acpi=off,pit=on,pic=on,rtc=on" if micro else "q35"
        # The kernel's test of its timer fails now and then where the host is busy.
        append = ["console=ttyS0", "loglevel=7", "panic=-1", "nokaslr", "no_timer_check", "kunit.enable=0", "rdinit=/init",
                  *opt.append]
        cmd = [
            "qemu-system-x86_64", "-machine", f"{machine},memory-backend=mem",
            "-object", f"memory-backend-memfd,id=mem,size={opt.mem},share=on", "-m", opt.mem,
            "-accel", opt.accel, "-cpu", opt.cpu, "-smp", str(opt.smp),
            "-nodefaults", "-no-reboot", "-display", opt.display,
            "-kernel", opt.kernel_dir + ("/arch/x86/boot/bzImage" if opt.bzimage else "/vmlinux"), "-initrd", self._initramfs(), "-append", " ".join(append),
            "-chardev", f"socket,id=qmp,path={self.dir}/qmp", "-mon", "chardev=qmp,mode=control,pretty=off",
            "-device", f"virtio-serial-{bus}",
        ]
        if micro:
            cmd += ["-global", "virtio-mmio.force-legacy=false"]
        for port in ("host", "out"):
            cmd += ["-chardev", f"socket,id={port},path={self.dir}/{port}",
                    "-device", f"virtserialport,chardev={port},name=vgpu-{port}"]
        if opt.shell:
            cmd += ["-chardev", f"stdio,id=con,mux=on,signal=off,logfile={self.console}",
                    "-serial", "chardev:con", "-mon", "chardev=con"]
        else:
            cmd += ["-serial", f"file:{self.console}"]
        if opt.image_file:
            cmd += ["-drive", f"if=none,id=root,format=raw,readonly=on,file={opt.image_file}",
                    "-device", f"virtio-blk-{bus},drive=root"]
        cmd += ["-fsdev", f"local,id=out,path={opt.out},security_model=none,multidevs=remap",
                "-device", f"virtio-9p-{bus},fsdev=out,mount_tag=out"]
        for n, device in enumerate(opt.device):
            cmd += ["-device", device if "id=" in device else f"{device},id=gpu{n}"]
        return cmd + opt.qemu

    def _listen(self, name):
        s = socket.socket(socket.AF_UNIX)
        s.bind(f"{self.dir}/{name}")
        s.listen(1)
        return s

    def _accept(self, listener):
        listener.settimeout(0.2)
        while True:
            try:
                return listener.accept()[0]
            except socket.timeout:
                if self.qemu.poll() is not None:
                    raise QmpError("QEMU did not start") from None

    def _x_server(self, env):
        """A screen in memory, for display back ends that want one."""
        read, write = os.pipe()
        self.procs.append(subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "4096x3072x24", "-nolisten", "tcp"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        os.close(write)
        with os.fdopen(read) as f:
            self.display = env["DISPLAY"] = ":" + f.readline().strip()

    def _udmabuf(self, env):
        """Sees to it that QEMU can make dma-bufs of guest memory where a device needs that. Where the host
        cannot, a library stands in for it."""
        if not any("blob=on" in device for device in self.opt.device):
            return
        if os.access("/dev/udmabuf", os.R_OK | os.W_OK):
            return
        library = f"{self.dir}/udmabuf.so"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, f"{HERE}/udmabuf/stand-in.c"], check=True)
        env["LD_PRELOAD"] = library
        with open(f"{self.opt.out}/udmabuf", "w", encoding="ascii") as f:
            f.write("a stand-in, this host has no /dev/udmabuf\n")

    # -- the boot ---------------------------------------------------------------------

    def run(self):
        """Boots, serves the guest until it ends or its time is over, and looks at its log."""
        opt = self.opt
        os.makedirs(opt.out, exist_ok=True)
        open(self.console, "wb").close()
        listeners = {n: self._listen(n) for n in ("qmp", "host", "out")}
        env = dict(os.environ, LIBGL_ALWAYS_SOFTWARE="1", XDG_RUNTIME_DIR=self.dir,
                   VK_DRIVER_FILES="/usr/share/vulkan/icd.d/lvp_icd.json")
        if opt.gl:
            self._x_server(env)
        self._udmabuf(env)
        command = self._command()
        with open(f"{opt.out}/qemu.cmd", "w", encoding="utf-8") as f:
            f.write(" ".join(_quote(w) for w in command) + "\n")
        started = time.monotonic()
        with open(f"{opt.out}/qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(command, env=env, stdin=None if opt.shell else subprocess.DEVNULL,
                                         stdout=None if opt.shell else log, stderr=log)
        self.started = started
        self.said = (0, started)
        try:
            self.qmp = Qmp(self._accept(listeners["qmp"]))
            for name, serve in (("host", self._serve_host), ("out", self._serve_out)):
                sock = self._accept(listeners[name])
                thread = threading.Thread(target=serve, args=(sock,), daemon=True)
                thread.start()
                if name == "out":
                    out = thread
            self._wait(started + opt.timeout if opt.timeout else None)
            out.join(5)
        except QmpError as e:
            self.problems.append(str(e))
        finally:
            for p in [self.qemu, *self.procs]:
                if p.poll() is None:
                    p.terminate()
                    try:
                        p.wait(5)
                    except subprocess.TimeoutExpired:
                        p.kill()
                        p.wait()
            shutil.rmtree(self.dir, ignore_errors=True)
        self.seconds = time.monotonic() - started
        self._judge()

    def _wait(self, deadline):
        ended = None
        while self.qemu.poll() is None:
            time.sleep(0.05)
            now = time.monotonic()
            if self.up is None and self.starts < STARTS and self._stalled(now):
                self._start_again()
            if self.exit is not None:
                ended = ended or now
                # microvm cannot switch itself off.
                if now - ended > (1 if self.opt.machine == "microvm" else 60):
                    if self.opt.machine != "microvm":
                        self.problems.append("the guest did not power off within 60 s")
                    return
            elif deadline and now > deadline:
                self.problems.append(f"no end within {self.opt.timeout} s")
                self._freeze()
                return
        if self.exit is None:
            self.problems.append("the guest ended before its script did")

    def _stalled(self, now):
        """Whether the kernel has said nothing for a while, and has not got to its first program yet. On a busy host
        an emulated machine now and then stops there, before any driver of a display is there."""
        size = os.path.getsize(self.console)
        if size != self.said[0]:
            self.said = (size, now)
        if now - self.said[1] < STALLED or self.opt.shell:
            return False
        with open(self.console, encoding="utf-8", errors="replace") as f:
            return "Run /init" not in f.read()

    def _start_again(self):
        self.starts += 1
        self.said = (self.said[0], time.monotonic())
        print(f"# boot: no word of the kernel for {STALLED} s and no /init yet, the machine is reset", flush=True)
        # Without this -no-reboot makes an end of a reset.
        self.qmp.command("set-action", reboot="reset")
        self.qmp.command("system_reset")
        time.sleep(1)
        self.qmp.command("set-action", reboot="shutdown")

    def _freeze(self):
        """Before a stuck guest is killed: where its tasks are, into the console log."""
        try:
            for keys in ("w", "l"):
                self.qmp.command("human-monitor-command", **{"command-line": f"sendkey alt-sysrq-{keys}"})
                time.sleep(1.5)
        except QmpError:
            pass

    def _serve_out(self, sock):
        """What the guest's script prints: to the log, and on as it comes."""
        with open(f"{self.opt.out}/guest.log", "wb") as log:
            while True:
                data = sock.recv(65536)
                if not data:
                    return
                log.write(data)
                log.flush()
                if not self.opt.quiet:
                    sys.stdout.write(data.decode("utf-8", "replace"))
                    sys.stdout.flush()

    def _serve_host(self, sock):
        """Requests of bin/host: a line each, answered with "ok ..." or "error ..."."""
        for line in sock.makefile("r", encoding="utf-8", errors="replace"):
            words = line.split()
            if not words:
                continue
            try:
                answer = "ok " + self._request(words, line)
            except (QmpError, ValueError, KeyError, IndexError, OSError) as e:
                answer = f"error {e}"
            try:
                sock.sendall((answer.replace("\n", " ") + "\n").encode())
            except OSError:
                return

    def _request(self, words, line):
        what, args = words[0], words[1:]
        if what == "up":
            self.up = time.monotonic() - self.started
            return ""
        if what == "exit":
            self.exit = int(args[0])
            return ""
        if what == "screendump":
            name = os.path.basename(args[0])
            self._screendump(f"{self.opt.out}/{name}", int(args[1]) if len(args) > 1 else 0)
            return name
        if what == "picture":
            return self._picture(*args)
        if what == "qmp":
            request = json.loads(line.split(None, 1)[1])
            return json.dumps(self.qmp.command(request["execute"], **request.get("arguments", {})))
        if what == "key":
            self.qmp.command("send-key", keys=[{"type": "qcode", "data": k} for k in args])
            return ""
        raise ValueError(f"no such request: {what}")

    def _screendump(self, path, head):
        """What a scanout shows. Where QEMU draws with GL it cannot tell: the head's window has it."""
        if self.display:
            xwindow.grab(self.display, head).save(path)
        else:
            self.qmp.screendump(path, head)

    def _picture(self, name, colour, head="0"):
        """A screendump and what is on it: width, height, how many colours, percent that has this one."""
        from PIL import Image
        path = f"{self.opt.out}/{os.path.basename(name)}"
        self._screendump(path, int(head))
        with Image.open(path) as picture:
            picture = picture.convert("RGB")
            counts = {rgb: n for n, rgb in picture.getcolors(picture.width * picture.height)}
            share = 100 * counts.get(tuple(bytes.fromhex(colour)), 0) // (picture.width * picture.height)
            return f"{picture.width} {picture.height} {len(counts)} {share}"

    def _judge(self):
        allow = re.compile(self.opt.allow) if self.opt.allow else None
        with open(self.console, encoding="utf-8", errors="replace") as f:
            for line in f:
                if SPLAT.search(line) and not HARMLESS.search(line) and not (allow and allow.search(line)):
                    self.splats.append(line.strip())


def _quote(word):
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\\''") + "'"
