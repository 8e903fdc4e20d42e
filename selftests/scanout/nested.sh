#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the outer guest: QEMU with a guest of its own, in the tree that the host has its QEMU from.
root=/tmp/root
mkdir -p $root/usr $root/etc $root/dev $root/proc $root/tmp $root/out
for d in usr etc; do mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro $d $root/$d || exit 1; done
for d in bin sbin lib lib64; do ln -s usr/$d $root/$d; done
mount --bind /dev $root/dev
mount -t proc proc $root/proc
# From memory, not over 9p.
cp /out/vmlinux /out/initramfs $root/tmp/
[ -c /dev/udmabuf ] || { echo "no udmabuf"; exit 1; }
trace=""
for e in virtio_gpu_cmd_res_xfer_toh_2d virtio_gpu_cmd_set_scanout_blob; do trace="$trace -trace enable=$e,file=/tmp/trace"; done
mkfifo $root/tmp/monitor.in $root/tmp/monitor.out
# shellcheck disable=SC2086
chroot $root /usr/bin/qemu-system-x86_64 -machine q35,memory-backend=m -object memory-backend-memfd,id=m,size=400M,share=on \
	-m 400M -accel tcg -cpu qemu64 -nodefaults -no-reboot -display none -serial file:/tmp/serial \
	-chardev pipe,id=mon,path=/tmp/monitor -mon chardev=mon,mode=readline $trace \
	-kernel /tmp/vmlinux -initrd /tmp/initramfs -append \
	"console=ttyS0 loglevel=5 panic=-1 nokaslr no_timer_check kunit.enable=0 rdinit=/init drm_kms_helper.fbdev_emulation=0" \
	-device virtio-gpu-pci,blob=on,xres="$1",yres="$2" >/tmp/qemu.log 2>&1 &
pid=$!
exec 3>$root/tmp/monitor.in
cat $root/tmp/monitor.out >/tmp/monitor.log &
until grep -q '^still: ' $root/tmp/serial 2>/dev/null; do
	kill -0 $pid 2>/dev/null || { cat /tmp/qemu.log; tail -n 20 $root/tmp/serial; exit 1; }
	sleep 1
done
read -r up _ </proc/uptime
echo "nested: up ${up%%.*} s, dma-bufs of udmabuf $(grep -c udmabuf /sys/kernel/debug/dma_buf/bufinfo)"
sleep 2
echo "screendump /tmp/shown.ppm" >&3
# The monitor answers with its prompt when the file is there.
n=0
while sleep 2; do
	n=$((n + 1))
	echo "info status" >&3
	grep -q running /tmp/monitor.log && [ $n -gt 2 ] && break
	[ $n -lt 60 ] || break
done
grep '^still: ' $root/tmp/serial
cp $root/tmp/shown.ppm $root/tmp/trace $root/tmp/serial /out/
echo quit >&3
wait $pid
