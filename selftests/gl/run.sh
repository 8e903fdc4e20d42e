#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the programs that came along, each a set of tests, in this order.
status=0
ulimit -n 4096
for p in ${PROGRAMS:-context resource submit async sync wire life}; do
	for bits in 64 32; do
		# The cycles are long, and the same for both.
		[ "$p$bits" != life32 ] || export CYCLES=200
		# In the gate 32 bits are what the entry of the ioctls is about.
		case ${VGPU_QUICK:-}$p$bits in 1resource32 | 1submit32 | 1life32) continue ;; esac
		read -r from rest </proc/uptime
		"/vgpu/tests/$p$bits" || status=1
		read -r to rest </proc/uptime
		echo "# $p$bits: from second $from to $to"
	done
done
exit $status
