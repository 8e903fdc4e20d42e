#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: udev loads a driver for the device, by its alias; which one, modprobe.d says.
n=0 bad=0
result() {	# STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
driver() {
	for d in /sys/bus/virtio/devices/virtio*; do
		[ "$(cat "$d/device")" != 0x0010 ] || basename "$(readlink -f "$d/driver" 2>/dev/null)"
	done
}
settle() { udevadm settle -t 20; }
# The file is replaced as "make use-c" does it; udev looks at the folder every few seconds, or when it is told to.
use() { cp /vgpu/conf/$1.conf $conf.new && mv $conf.new $conf; }
appear() { udevadm control --reload && udevadm trigger --action=add --subsystem-match=virtio && settle; }
go() {
	for v in /sys/class/vtconsole/vtcon*; do grep -q 'frame buffer' "$v/name" && echo 0 >"$v/bind"; done
	modprobe -r virtio_gpu 2>/dev/null
	modprobe -r virtio_gpu_rs 2>/dev/null
	[ ! -d /sys/module/virtio_gpu ] && [ ! -d /sys/module/virtio_gpu_rs ]
}
# The runner keeps both out of this boot.
rm -f /etc/modprobe.d/vgpu.conf
conf=/etc/modprobe.d/virtio_gpu_rs.conf
go
for round in 1 2; do
	for which in rust c; do
		use $which
		appear
		case $which in rust) want=virtio_gpu_rs other=virtio_gpu ;; c) want=virtio_gpu other=virtio_gpu_rs ;; esac
		echo "# $(driver)"
		[ "$(driver)" = $want ] && [ -d /sys/module/$want ] && [ ! -d /sys/module/$other ]
		result $? "use-$which, round $round: udev gives the device to $want and does not load $other"
		[ -e /dev/dri/card0 ]
		result $? "use-$which, round $round: there is a card"
		dmesg -C
		go
		gone=$?
		# The C driver may leave objects behind ("drm_mm_takedown"); ours must not.
		[ $which = c ] || ! dmesg | grep -E 'WARNING|BUG' || gone=1
		result $gone "use-$which, round $round: and it can go"
	done
done
use rust
modprobe virtio_gpu && settle
[ "$(driver)" = virtio_gpu ]
result $? "by its name the other one can still be loaded"
go
echo "1..$n"
exit $bad
