#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: fences.sh ROUNDS SECONDS CELL...  In each round each driver is loaded once and does all cells,
# each in every way that it has. A cell is SHAPE,MICROSECONDS,DEPTH.
rounds=$1 seconds=$2
shift 2
export VGPU_WAIT_CARD=1

# driver NAME WAYS...
driver() {
	name=$1
	shift
	gpu load "$name" || exit 1
	for cell in $cells; do
		for who in "$@"; do
			# shellcheck disable=SC2046
			line=$(/vgpu/gpuctx bench $(way "$cell" "$who")) || { echo "$line"; exit 1; }
			echo "driver=$name $line"
		done
	done
	gpu unload "$name" || exit 1
}

# The arguments of gpuctx for a cell and a way.
way() {
	echo "$1" | { IFS=, read -r shape us depth; echo "$shape $2 $us $depth $seconds"; }
}

cells=$*
round=0
while [ $round -lt "$rounds" ]; do
	driver c wait
	driver rust wait pass bound
	round=$((round + 1))
done
