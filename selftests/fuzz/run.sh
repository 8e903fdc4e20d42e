#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: runs the programs that it is given, each with its settings: PROGRAM[,NAME=VALUE...] ...
n=0 status=0
ulimit -n 512
/vgpu/kmemleak clear
for words in "$@"; do
	n=$((n + 1))
	program=${words%%,*}
	settings=$(echo "$words" | cut -s -d, -f2- | tr , ' ')
	case $program in failnth*) /vgpu/prepare-failures ;; esac
	if env $settings "/vgpu/tests/$program"; then echo "ok $((100 + n)) - $words"; else
		echo "not ok $((100 + n)) - $words"
		status=1
	fi
done
# What has just been closed is on its way to the host.
sleep 1
if [ ! -e /sys/kernel/debug/kmemleak ]; then :
elif /vgpu/kmemleak; then echo "ok 199 - kmemleak finds nothing"; else
	echo "not ok 199 - kmemleak finds nothing"
	status=1
fi
sed 's/^/# /' /sys/kernel/debug/dri/0/virtio-gpu-queues 2>/dev/null
exit $status
