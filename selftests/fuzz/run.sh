#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: runs the programs that it is given, each with its settings: PROGRAM[,NAME=VALUE...] ...
n=0 status=0
ulimit -n 512
prepare() {
	for d in failslab fail_page_alloc fail_usercopy; do
		for f in ignore-gfp-wait ignore-gfp-highmem cache-filter task-filter; do
			[ ! -e /sys/kernel/debug/$d/$f ] || echo N >/sys/kernel/debug/$d/$f
		done
		[ ! -e /sys/kernel/debug/$d/min-order ] || echo 0 >/sys/kernel/debug/$d/min-order
		# Of every failure that is meant the kernel would tell in full.
		echo 0 >/sys/kernel/debug/$d/verbose
	done
}
leaks() {
	# What has just been freed may still be counted.
	for i in 1 2; do echo scan >/sys/kernel/debug/kmemleak; sleep 6; done
	echo scan >/sys/kernel/debug/kmemleak
	head -n 80 /sys/kernel/debug/kmemleak >/out/kmemleak
	sed 's/^/# /' /out/kmemleak
	! grep -q "unreferenced object" /out/kmemleak
}
[ ! -e /sys/kernel/debug/kmemleak ] || echo clear >/sys/kernel/debug/kmemleak
for words in "$@"; do
	n=$((n + 1))
	program=${words%%,*}
	settings=$(echo "$words" | cut -s -d, -f2- | tr , ' ')
	case $program in failnth*) prepare ;; esac
	if env $settings "/vgpu/tests/$program"; then echo "ok $((100 + n)) - $words"; else
		echo "not ok $((100 + n)) - $words"
		status=1
	fi
done
# What has just been closed is on its way to the host.
sleep 1
if [ ! -e /sys/kernel/debug/kmemleak ]; then :
elif leaks; then echo "ok 199 - kmemleak finds nothing"; else
	echo "not ok 199 - kmemleak finds nothing"
	status=1
fi
sed 's/^/# /' /sys/kernel/debug/dri/0/virtio-gpu-queues 2>/dev/null
exit $status
