#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: runs IGT programs and prints what they print, with marks of its
# own (lines that start with @) around every run.
#
# A line of the list is PROGRAM SECONDS [PART [SUBTEST]]. A program runs once
# with all its subtests. Where that run dies or runs out of time, the subtests it did not get to are run one by one.
dir=/usr/libexec/igt-gpu-tools
export IGT_FORCE_DRIVER=virtio_gpu IGT_HANG_DETECTOR=0

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

grep -v '^#' /vgpu/programs | while read -r prog limit part sub; do
	[ -n "$prog" ] || continue
	limit=${limit:-60}
	if [ ! -x "$dir/$prog" ]; then
		echo "@missing $prog"
		continue
	fi
	if [ -n "$sub" ]; then
		echo "@list $prog $sub"
		once "$prog" "$limit" "$sub"
		continue
	fi
	echo "@list $prog $("$dir/$prog" --list-subtests 2>/dev/null | tr '\n' ' ')"
	once "$prog" "$limit"
	rc=$?
	cp /tmp/one /tmp/all
	[ $rc -lt 100 ] && continue
	for s in $("$dir/$prog" --list-subtests 2>/dev/null); do
		grep -q "^Starting subtest: $s\$" /tmp/all || once "$prog" 30 "$s"
	done
done
echo "@end"
