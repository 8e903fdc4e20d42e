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
