#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the fuzzer and the sweep of failures in guests, and looks in QEMU's trace
whether the host has got everything back; builds a driver with each of the bugs
in planted/, which they must find.

    fuzz.py short      in the default kernel; in the gate for a few seconds
    fuzz.py debug      in the debug kernel: VGPU_PART=1/2 the fuzzer, 2/2 the sweep

SEED= repeats a run of the fuzzer. Runs inside the toolchain tree.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

import programs as lib  # noqa: E402
from traced import Guests  # noqa: E402

QUICK = os.environ.get("VGPU_QUICK") or ""
PROGRAMS = {"fuzz": ("fuzz.c", "virtgpu.c", "generic.c", "kms.c"), "failnth": ("failnth.c", "failnth-calls.c", "failnth-kms.c"), "rings": ("rings.c",)}
TRACED = ("ctx_create", "ctx_destroy", "res_create_2d", "res_create_3d", "res_unref")
# Blobs are not traced here.
REFUSED = re.compile(r"virtio_gpu_resource_create_2d: (host couldn't handle|resource creation failed)")


def build():
    """The programs; the folder they are in."""
    return lib.build({p: [os.path.join(HERE, s) for s in sources] for p, sources in PROGRAMS.items()},
                     os.path.join(os.path.dirname(HERE), "gl"))


GUESTS = Guests(os.path.join(HERE, "run.sh"), build, {"gl": ["--gl"], "2d": []}, TRACED, REFUSED,
                add=[os.path.join(HERE, "prepare-failures")], driver=os.environ.get("DRIVER") or "rust")


def planted(patch):
    return os.path.join(HERE, "planted", patch)


def short():
    if QUICK:
        GUESTS.run("gl", "gl", ["fuzz64,SECONDS=6", "rings64"])
        return
    GUESTS.run("gl", "gl", ["fuzz64,SECONDS=60", "fuzz32,SECONDS=60", "rings64"], seconds=400)
    GUESTS.run("2d", "2d", ["fuzz64,SECONDS=30", "fuzz32,SECONDS=30"], seconds=300)
    GUESTS.finds(planted("unchecked-count.patch"), "gl", ["fuzz64,SECONDS=60"], seconds=300)


def debug():
    part = (os.environ.get("VGPU_PART") or "").split("/")[0]
    if part != "2":
        # Ten minutes.
        GUESTS.run("gl", "gl", ["fuzz64,SECONDS=270", "fuzz32,SECONDS=150", "rings32"], kernel="debug", seconds=1500)
        GUESTS.run("2d", "2d", ["fuzz64,SECONDS=120", "fuzz32,SECONDS=60"], kernel="debug", seconds=900)
    if part != "1":
        GUESTS.run("fail-gl", "gl", ["failnth64"], kernel="debug", seconds=1800)
        GUESTS.run("fail-2d", "2d", ["failnth32"], kernel="debug", seconds=1800)
        GUESTS.finds(planted("missing-put.patch"), "gl", ["failnth64,ONLY=execbuffer"], kernel="debug", seconds=600)


{"short": short, "debug": debug}[sys.argv[1]]()
