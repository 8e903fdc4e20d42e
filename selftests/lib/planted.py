# SPDX-License-Identifier: GPL-2.0
"""The driver with a bug put in by a patch, which a test has to find."""

import contextlib
import os
import shutil
import subprocess

from programs import result

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def kernel_build(kernel):
    """The folder that a kernel is built in."""
    usual = os.environ["VGPU_KERNEL_BUILD"]
    if kernel == "default":
        return usual
    # Next to the default one, named like the folder of this checkout's module.
    module = os.environ[f"VGPU_MODULES_{kernel.upper()}"]
    return os.path.join(os.path.dirname(usual), module.split("/drivers/")[0].rsplit("/", 1)[1])


@contextlib.contextmanager
def module(patch, kernel="default"):
    """The module with the bug of a patch file, for as long as it is wanted; None where it does not build, which is a
    result."""
    name, kdir = os.path.basename(patch), kernel_build(kernel)
    tree = os.path.join(os.environ["VGPU_BUILD"], "planted", name)
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    for part in ("Kbuild", "Makefile", "drivers", "include"):
        source = os.path.join(TOP, part)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(tree, part))
    with open(f"{kdir}/.make", encoding="ascii") as f:
        how = f.read().split()
    ko = f"{tree}/out/drivers/gpu/drm/virtio_gpu/virtio_gpu_rs.ko"
    for words in (["patch", "-s", "-p1", "-i", patch],
                  ["make", "-s", "-C", kdir, *how, f"M={tree}", f"MO={tree}/out", "CONFIG_DRM_VIRTIO_GPU_RS=m",
                   f"-j{os.cpu_count()}"]):
        r = subprocess.run(words, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            print(r.stdout[-3000:])
            result(False, f"{name} builds")
            ko = None
            break
    yield ko
    shutil.rmtree(tree, ignore_errors=True)
