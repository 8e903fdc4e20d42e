#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: so many frames, and a picture of the last one.
AT_END="host screendump last.png" /vgpu/scanout64 animate 2 "$1"
status=$?
cat /sys/kernel/debug/dri/0/virtio-gpu-scanouts 2>/dev/null
exit $status
