#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: runs IGT programs and prints what they print, with marks of its
# own (lines that start with @) around every run.
#
# A program runs once with all its subtests. Where that run dies or runs out of
# time, the subtests it did not get to are run one by one.
dir=/usr/libexec/igt-gpu-tools
export IGT_FORCE_DRIVER=virtio_gpu IGT_HANG_DETECTOR=0

once() {	# PROGRAM SECONDS [SUBTEST]
	echo "@run $1 $3"
	timeout -k 5 "$2" "$dir/$1" ${3:+--run-subtest "$3"} </dev/null >/tmp/one 2>&1
	rc=$?
	cat /tmp/one
	echo "@exit $1 $rc $3"
	return $rc
}

grep -v '^#' /vgpu/programs | while read -r prog limit rest; do
	[ -n "$prog" ] || continue
	limit=${limit:-60}
	if [ ! -x "$dir/$prog" ]; then
		echo "@missing $prog"
		continue
	fi
	echo "@list $prog $("$dir/$prog" --list-subtests 2>/dev/null | tr '\n' ' ')"
	once "$prog" "$limit"
	rc=$?
	cp /tmp/one /tmp/all
	[ $rc -lt 100 ] && continue
	for sub in $("$dir/$prog" --list-subtests 2>/dev/null); do
		grep -q "^Starting subtest: $sub\$" /tmp/all || once "$prog" 30 "$sub"
	done
done
echo "@end"
