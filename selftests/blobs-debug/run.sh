#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: what the fuzzer's script does, with another device that has buffers; then the window.
modprobe vgem || exit 1
status=0
sh /vgpu/fuzz-run.sh "$@" || status=$?
for i in 1 2 3 4 5 6 7 8 9 10; do
	line=$(tail -n 1 /sys/kernel/debug/dri/[0-9]/virtio-gpu-host-visible-mm)
	case $line in *"used 0 "* | *"not visible"*) break ;; esac
	sleep 1
done
echo "# the window: $line"
case $line in *"used 0 "* | *"not visible"*) echo "ok 200 - nothing is in the window" ;; *) echo "not ok 200 - nothing is in the window"; status=1 ;; esac
exit $status
