#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: rounds.sh PROGRAM ROUNDS  In each round each driver is loaded, measured and unloaded.
export VGPU_WAIT_CARD=1
round=0
while [ $round -lt "$2" ]; do
	for name in c rust; do
		gpu load $name || exit 1
		"/vgpu/$1" >/tmp/lines || { cat /tmp/lines; exit 1; }
		sed "s/^/driver=$name /" /tmp/lines
		gpu unload $name || exit 1
	done
	round=$((round + 1))
done
