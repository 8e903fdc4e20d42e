#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the programs that came along, each a set of tests.
status=0
for p in /vgpu/tests/*; do
	echo "# ${p##*/}"
	"$p" || status=1
done
exit $status
