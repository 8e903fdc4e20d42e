#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the programs named, then what they have left.
status=0
/vgpu/tests/leaks clear
for p in "$@"; do "/vgpu/tests/$p" || status=1; done
/vgpu/tests/leaks || status=1
exit $status
