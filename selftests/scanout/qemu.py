# SPDX-License-Identifier: GPL-2.0
"""The display without copies on stock QEMU: on the 2D device with blobs, which shows the guest's pages by a udmabuf,
and on the one with 3D, which does not show such blobs, so that what is shown is copied as ever. What QEMU was
told is in its trace; the picture has the number of the last frame in the first column of every row."""

import os
import re
import subprocess

import cursors
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
# A device behind the DMA API, where everything goes through bounce buffers.
BOUNCED = ("virtio-gpu-pci,blob=on,xres=1280,yres=800,iommu_platform=on", ["--append", "swiotlb=force"])
GL = ("virtio-gpu-gl-pci,blob=on,hostmem=256M,xres=1280,yres=800", ["--gl"])
# Name: QEMU's device, more words for the runner, whether nothing is to be copied.
ANIMATIONS = {
    "qemu 1280x800": ("virtio-gpu-pci,blob=on,xres=1280,yres=800", [], True),
    "qemu 3840x2160": ("virtio-gpu-pci,blob=on,xres=3840,yres=2160,max_hostmem=512M", [], True),
    "qemu bounced 1280x800": (*BOUNCED, True),
    "qemu gl 1280x800": (*GL, False),
}
# Name: the device, more words for the runner, the program's, and who sees the cursor.
IMPORTS = {
    "qemu cursor": ("virtio-gpu-pci,blob=on,xres=1280,yres=800", [], ["2d"], cursors.Viewer),
    "qemu bounced cursor": (*BOUNCED, ["2d"], cursors.Viewer),
    "qemu gl import": (*GL, [], cursors.Window),
}
HOSTS = [*ANIMATIONS, *IMPORTS]
TRACE = {"transfers": ("virtio_gpu_cmd_res_xfer_toh_2d", "virtio_gpu_cmd_res_xfer_toh_3d"),
         "flushes": ("virtio_gpu_cmd_res_flush",), "scanouts": ("virtio_gpu_cmd_set_scanout",),
         "blobs": ("virtio_gpu_cmd_set_scanout_blob",), "cursors": ("virtio_gpu_update_cursor",)}
FRAMES = 60
# The cursor of import.c: width, height, seed; its hotspot.
CURSOR, HOT = (64, 64, 7), (3, 5)


def read(path):
    """Red, green and blue of the rows of a picture; None if there is none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except OSError:
        return None


def place(lab, driver, name):
    """Where a boot puts what it has."""
    return os.path.join(lab.out, f"{name.replace(' ', '-')}-{driver}")


class Boot:
    """One boot of a host. Attributes: status, said (by the guest), trace (QEMU's), count (of its commands)."""

    def __init__(self, lab, driver, name, device, words, script, *args, more=""):
        self.out = place(lab, driver, name)
        os.makedirs(self.out, exist_ok=True)
        for old in os.listdir(self.out):
            os.unlink(self.path(old))
        qemu = " ".join(f"-trace enable={event},file={self.path('trace')}" for events in TRACE.values() for event in events)
        qemu = f"{qemu} {more}"
        env = dict(os.environ, VGPU_MODULES=os.environ["VGPU_MODULES_DEFAULT"])
        self.status = subprocess.run(
            [lab.boot, "--driver", driver, "--quiet", "--timeout", "600", "--out", self.out, "--mem", "2G",
             "--device", device, *words, f"--qemu={qemu}", "--append", "drm_kms_helper.fbdev_emulation=0",
             "--run", os.path.join(HERE, script), *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=env).returncode
        self.said, self.trace = self._text("guest.log"), self._text("trace")
        # One event's name is the beginning of another's.
        self.count = {k: sum(len(re.findall(rf"\b{e} ", self.trace)) for e in events) for k, events in TRACE.items()}

    def path(self, name):
        return os.path.join(self.out, name)

    def _text(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def tell(self, result, driver, bad, good):
        """The result; what the C driver makes of it is none of ours."""
        bad = [*([f"the guest's end: {self.status}"] if self.status else []), *bad]
        if driver == "c":
            for what in bad:
                print(f"    {os.path.basename(self.out)}: {what}", flush=True)
        elif not result(not bad, good):
            print("\n".join("    " + line for line in [*bad, *self.said.splitlines()[-12:], self.out]))


def animation(lab, result, driver, name, program):
    """So many frames, and the picture of the last one."""
    device, words, in_place = ANIMATIONS[name]
    boot = Boot(lab, driver, name, device, ["--image", "none", *words, "--add", program], "qemu.sh", str(FRAMES))
    width, height = map(int, re.search(r"(\d+)x(\d+)", name).groups())
    count, bad = boot.count, []
    print(f"    {name} {driver}: bytes copied per frame: {count['transfers'] * width * height * 4 // FRAMES}; of {FRAMES} frames "
          + ", ".join(f"{k} {n}" for k, n in count.items() if k != "cursors"), flush=True)
    if count["flushes"] < FRAMES:
        bad.append("there are not as many flushes as frames")
    if in_place and count["transfers"]:
        bad.append(f"{count['transfers']} transfers")
    if not in_place and not count["transfers"]:
        bad.append("nothing was copied, though the host shows no blobs")
    picture = read(boot.path("last.png"))
    if picture is None or picture.shape != (height, width, 3):
        bad.append(f"no picture of that size: {picture if picture is None else picture.shape}")
    elif (picture[:, 0] != (0, 0, FRAMES)).any():
        bad.append(f"the first column of the picture is {np.unique(picture[:, 0], axis=0)[:4].tolist()}")
    boot.tell(result, driver, bad, f"{name}: {'nothing is copied' if in_place else 'what the host cannot show is copied'}, "
              "the picture is right")


def numbers(width, height, seed):
    """The pixels that import.c draws."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint32)
    v = x * np.uint32(0x9e3779b1) ^ y * np.uint32(0x85ebca6b) ^ np.uint32(seed * 0xc2b2ae35 & 0xffffffff)
    v ^= v >> np.uint32(15)
    v *= np.uint32(0x2c1b3c6d)
    return v ^ v >> np.uint32(12)


def pattern(width, height, seed):
    """Red, green and blue of them."""
    v = numbers(width, height, seed)
    return np.stack([(v >> np.uint32(s) & np.uint32(255)).astype(np.uint8) for s in (16, 8, 0)], axis=2)


def imports(lab, result, driver, name):
    """Dumb buffers on the screen, as a cursor and, on the host with 3D, which shows no blobs, in OpenGL."""
    program, bad = os.path.join(lab.build, "import"), []
    subprocess.run(["gcc", "-O2", "-Wall", "-o", program, f"{HERE}/import.c", "-l:libEGL.so.1", "-l:libGLESv2.so.2",
                    "-l:libgbm.so.1"], check=True)
    device, words, args, eyes = IMPORTS[name]
    eyes = eyes(place(lab, driver, name))
    boot = Boot(lab, driver, name, device, ["--image", "guest", *words, "--add", program], "import.sh", *args, more=eyes.words)
    drawn = eyes.has(HOT, numbers(*CURSOR))
    found = re.search(r"^import: first=(\d+) second=(\d+) cursor=(\d+) cursorid=(\d+)$", boot.said, re.M)
    wrong = [int(n) for n in found.groups()] if found else []
    said = "the program has not ended" if not found else "the program has ended" if args else \
        f"OpenGL reads wrong pixels: {wrong[0]} and {wrong[1]} of the pictures, {wrong[2]} of the cursor"
    copies = [int(n, 16) for n in re.findall(r"virtio_gpu_cmd_res_xfer_toh_[23]d res 0x([0-9a-f]+)", boot.trace)]
    pictures = sum(n != wrong[3] for n in copies) if found else 0
    print(f"    {name} {driver}: bytes copied per frame: {pictures * 1280 * 800 * 4 // 2}; transfers {len(copies)}; {said}", flush=True)
    bad += [] if wrong[:3] == [0, 0, 0] else ["OpenGL reads other pixels than were drawn"]
    for seed, file in ((1, "first.png"), (2, "second.png")):
        picture = read(boot.path(file))
        if picture is None or picture.shape != (800, 1280, 3) or (picture != pattern(1280, 800, seed)).any():
            bad.append(f"{file} is not what was drawn")
    moves = re.findall(r"virtio_gpu_update_cursor scanout 0, x (\d+), y (\d+), (\w+), res 0x([0-9a-f]+)", boot.trace)
    if not found or not any(m[2] == "update" and int(m[3], 16) == wrong[3] for m in moves):
        bad.append(f"the cursor's commands are {moves}")
    elif [m[:2] for m in moves if int(m[3], 16)][-1] != ("123", "45"):
        bad.append(f"the cursor is not where it belongs: {moves}")
    if args and driver == "rust" and boot.count["transfers"]:
        bad.append(f"{boot.count['transfers']} transfers")
    if not drawn:
        bad.append(f"no cursor that the host has drawn is ours: {[(x, y, got.shape) for x, y, got in eyes.seen]}")
    boot.tell(result, driver, bad, f"{name}: picture and cursor are right as drawn"
              + ("" if args else ", and OpenGL reads the dumb buffers they are in"))


def run(lab, result, driver, name, program):
    """One of HOSTS."""
    if name in IMPORTS:
        imports(lab, result, driver, name)
    else:
        animation(lab, result, driver, name, program)
