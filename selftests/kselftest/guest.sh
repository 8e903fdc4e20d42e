#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the kernel's own runner over what was installed, from the project and from a grafted tree.
for tree in own graft; do
	echo "# $tree"
	cp -r /vgpu/$tree /tmp/$tree
	/tmp/$tree/run_kselftest.sh 2>&1 | tee /out/$tree.log
done
