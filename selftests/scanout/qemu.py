# SPDX-License-Identifier: GPL-2.0
"""The display without copies on stock QEMU: on the 2D device with blobs, which shows the guest's pages by a udmabuf,
and on the one with 3D, which does not show such blobs, so that what is shown is copied as ever. What QEMU was
told is in its trace; the picture has the number of the last frame in the first column of every row."""

import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
# Name: QEMU's device, more words for the runner, whether nothing is to be copied.
HOSTS = {
    "qemu 1280x800": ("virtio-gpu-pci,blob=on,xres=1280,yres=800", [], True),
    "qemu 3840x2160": ("virtio-gpu-pci,blob=on,xres=3840,yres=2160,max_hostmem=512M", [], True),
    "qemu gl 1280x800": ("virtio-gpu-gl-pci,blob=on,hostmem=256M,xres=1280,yres=800", ["--gl"], False),
}
TRACE = {"transfers": "virtio_gpu_cmd_res_xfer_toh_2d", "flushes": "virtio_gpu_cmd_res_flush",
         "scanouts": "virtio_gpu_cmd_set_scanout", "blobs": "virtio_gpu_cmd_set_scanout_blob"}
FRAMES = 60


def first_column(path):
    """The values of the pixels at the left edge of a picture, and its size."""
    from PIL import Image

    with Image.open(path) as image:
        rgb = image.convert("RGB")
        return {rgb.getpixel((0, y)) for y in range(rgb.height)}, rgb.size


def run(lab, result, driver, name, program):
    """Boots the host once. Says what is wrong."""
    device, words, in_place = HOSTS[name]
    out = os.path.join(lab.out, f"{name.replace(' ', '-')}-{driver}")
    os.makedirs(out, exist_ok=True)
    trace = os.path.join(out, "trace")
    if os.path.exists(trace):
        os.unlink(trace)
    qemu = " ".join(f"-trace enable={event},file={trace}" for event in TRACE.values())
    r = subprocess.run([lab.boot, "--driver", driver, "--image", "none", "--quiet", "--timeout", "400", "--out", out,
                        "--mem", "2G", "--device", device, *words, "--add", program, f"--qemu={qemu}",
                        "--append", "drm_kms_helper.fbdev_emulation=0", "--run", os.path.join(HERE, "qemu.sh"), str(FRAMES)],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    told = {}
    for path in ("guest.log", "trace"):
        try:
            with open(os.path.join(out, path), encoding="utf-8", errors="replace") as f:
                told[path] = f.read()
        except FileNotFoundError:
            told[path] = ""
    # One event's name is the beginning of another's.
    count = {k: len(re.findall(rf"\b{event} ", told["trace"])) for k, event in TRACE.items()}
    bad = [f"the guest's end: {r.returncode}"] if r.returncode else []
    size = re.search(r"(\d+)x(\d+)", name)
    size = (int(size[1]), int(size[2]))
    per_frame = count["transfers"] * size[0] * size[1] * 4 // FRAMES
    print(f"    {name} {driver}: bytes copied per frame: {per_frame}; of {FRAMES} frames transfers {count['transfers']}, "
          f"flushes {count['flushes']}, set_scanout {count['scanouts']}, set_scanout_blob {count['blobs']}", flush=True)
    if count["flushes"] < FRAMES:
        bad.append("there are not as many flushes as frames")
    if in_place and count["transfers"]:
        bad.append(f"{count['transfers']} transfers")
    if not in_place and not count["transfers"]:
        bad.append("nothing was copied, though the host shows no blobs")
    try:
        column, shown = first_column(os.path.join(out, "last.png"))
        if shown != size or column != {(0, 0, FRAMES)}:
            bad.append(f"the picture is {shown[0]}x{shown[1]}, its first column {sorted(column)[:4]}")
    except OSError as e:
        bad.append(f"no picture: {e}")
    if driver == "c":
        for what in bad:
            print(f"    {name} c: {what}", flush=True)
    elif not result(not bad, f"{name}: {'nothing is copied' if in_place else 'what the host cannot show is copied'}, the picture is right"):
        print("\n".join("    " + line for line in [*bad, *told["guest.log"].splitlines()[-12:], out]))
