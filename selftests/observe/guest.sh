#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the test of kselftest, and what the host compares between the two drivers, into /out.
/vgpu/kselftest/observe.sh
status=$?
for c in /sys/class/drm/card?; do card=${c##*card}; done
debug=/sys/kernel/debug/dri/$card
for e in virtio_gpu_cmd_queue virtio_gpu_cmd_response; do
	grep -v '^ID:' "/sys/kernel/tracing/events/virtio_gpu/$e/format" >"/out/$e"
done
cp $debug/virtio-gpu-features $debug/virtio-gpu-host-visible-mm /out/
ls $debug >/out/debugfs
# The driver's lines, without time stamp and without the device's name.
gpu unload
dmesg -c >/dev/null
gpu load
sleep 1
dmesg | sed -E 's/^\[ *[0-9.]+\] //; s/^virtio-(pci|mmio) [^ ]+ \[drm\]/[drm]/; s/^virtio-(pci|mmio) [^:]+:[^ ]* \[drm\]/[drm]/' | grep '\[drm' >/out/dmesg
exit $status
