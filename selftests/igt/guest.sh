#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: runs IGT programs and prints what they print, with marks of its
# own (lines that start with @) around every run.
#
# A line of the list is PROGRAM SECONDS [PART [SUBTESTS]]; subtests are a pattern, or several with
# commas, of which the last that fits counts and one with ! takes away. A program runs once with all
# its subtests. Where that run dies or runs out of time, those it did not get to are run one by one.
set -f
dir=/usr/libexec/igt-gpu-tools
export IGT_FORCE_DRIVER=virtio_gpu IGT_HANG_DETECTOR=0

# Before anything sleeps: what does not come back from it is let go of, and output is kept. IGT sleeps by
# rtcwake, as whose clock wakes the machine; QEMU's firmware does not put the registers of power management
# back in place, so that is done here.
sleepy() {
	busybox umount /out
	for d in $(ls /sys/bus/virtio/drivers/9pnet_virtio | grep virtio); do
		echo "$d" >/sys/bus/virtio/drivers/9pnet_virtio/unbind
	done
	cat >/vgpu/bin/rtcwake <<-'END'
		#!/bin/sh
		lpc=/sys/bus/pci/devices/0000:00:1f.0/config
		dd if=$lpc of=/tmp/lpc bs=4 skip=16 count=2 2>/dev/null
		# Programs that sleep again and again for so many seconds of their own wait 15 s each time.
		/usr/sbin/rtcwake $(echo " $*" | sed 's/ -s *[0-9]*/ -s 2/')
		rc=$?
		dd if=/tmp/lpc of=$lpc bs=4 seek=16 conv=notrunc 2>/dev/null
		exit $rc
	END
	chmod +x /vgpu/bin/rtcwake
	exec >/tmp/kept 2>&1
}

awake() {
	cd /sys/bus/virtio/drivers/virtio_console || return
	for d in $(ls | grep virtio); do echo "$d" >unbind; echo "$d" >bind; done
	sleep 1
	cat /tmp/kept >/dev/vgpu-out
	echo "@sleeps $(cat /sys/power/suspend_stats/success)" >/dev/vgpu-out
}

once() {	# PROGRAM SECONDS [SUBTEST]
	echo "@run $1 $3"
	start=$(cut -d. -f1 /proc/uptime)
	timeout -k 5 "$2" "$dir/$1" ${3:+--run-subtest "$3"} </dev/null >/tmp/one 2>&1
	rc=$?
	cat /tmp/one
	echo "@time $1 $(($(cut -d. -f1 /proc/uptime) - start)) $3"
	echo "@exit $1 $rc $3"
	return $rc
}

chosen() {	# NAME PATTERNS
	yes=1
	for p in $(echo "$2" | tr , ' '); do
		case $p in
		!*) case $1 in ${p#!}) yes=1 ;; esac ;;
		*) case $1 in $p) yes=0 ;; esac ;;
		esac
	done
	return $yes
}

asleep=$(grep -v '^#' /vgpu/programs | sed 's/![^ ,]*suspend[^ ,]*//g' | grep suspend)
[ -z "$asleep" ] || sleepy
grep -v '^#' /vgpu/programs | while read -r prog limit part sub; do
	[ -n "$prog" ] || continue
	limit=${limit:-60}
	if [ ! -x "$dir/$prog" ]; then
		echo "@missing $prog"
		continue
	fi
	subs=
	for s in $("$dir/$prog" --list-subtests 2>/dev/null); do
		chosen "$s" "${sub:-*}" && subs="$subs $s"
	done
	echo "@list $prog$subs"
	once "$prog" "$limit" "$sub"
	rc=$?
	cp /tmp/one /tmp/all
	[ $rc -lt 100 ] && continue
	[ "$subs" != " $sub" ] || continue
	for s in $subs; do
		grep -q "^Starting subtest: $s\$" /tmp/all || once "$prog" 30 "$s"
	done
done
echo "@end"
[ -z "$asleep" ] || awake
