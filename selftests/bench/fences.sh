#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: fences.sh ROUNDS SECONDS WAYS-OF-C WAYS CELL...  In each round each driver is loaded once and does all cells
# in each of its ways (a list with commas). A cell is SHAPE,MICROSECONDS,DEPTH.
rounds=$1 seconds=$2 ways_of_c=$(echo "$3" | tr , ' ') ways=$(echo "$4" | tr , ' ')
shift 4
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
	# shellcheck disable=SC2086
	driver c $ways_of_c
	# shellcheck disable=SC2086
	driver rust $ways
	round=$((round + 1))
done
