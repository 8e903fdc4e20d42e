#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the programs named, and what they leave of the window and in the log.
status=0
ulimit -n 4096
modprobe vgem
mm="/sys/kernel/debug/dri/[0-9]/virtio-gpu-host-visible-mm"
for p in "$@"; do
	"/vgpu/tests/$p" || status=1
	echo "# $p leaves $(cat $mm | tail -n 1)"
done
exit $status
