#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the programs named, each a set of tests.
status=0
for p in "$@"; do
	echo "# $p"
	"/vgpu/tests/$p" || status=1
done
exit $status
