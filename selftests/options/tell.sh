# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For the scripts beside it: what is true of the card, and a line for the group.
tell() { if [ "$1" = 0 ]; then echo "good $2"; else echo "bad $2"; fi; }
card() {
	n=0
	while [ ! -e /dev/dri/card0 ]; do
		n=$((n + 1))
		[ $n -le 50 ] || return 1
		sleep 0.1
	done
}
no_card() { sleep 1; [ ! -e /dev/dri/card0 ]; }
