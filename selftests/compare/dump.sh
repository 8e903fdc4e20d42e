#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: what drm_info, modetest and kmsdump say of every card, under one driver and then the other.
for driver in rust c; do
	[ $driver = rust ] || gpu load $driver || exit 1
	udevadm settle -t 20
	for card in 0 1; do
		n=0
		until [ -e /dev/dri/card$card ] || [ $n -gt 100 ]; do sleep 0.1; n=$((n + 1)); done
		drm_info -j /dev/dri/card$card >/out/$driver-$card.json || exit 1
		# By its bus, as there are two cards of one driver.
		modetest -D "pci:$(basename "$(readlink -f /sys/class/drm/card$card/device)")" >/out/$driver-$card.modetest 2>&1
		./kmsdump /dev/dri/card$card >/out/$driver-$card.kmsdump || exit 1
	done
	gpu unload || exit 1
done
