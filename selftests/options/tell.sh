# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For the scripts beside it: what is true of the card, and a line for the group.
tell() { if [ "$1" = 0 ]; then echo "good $2"; else echo "bad $2"; fi; }
. /vgpu/guest.sh
has_card() { wait_for 5 test -e /dev/dri/card0; }
no_card() { sleep 1; [ ! -e /dev/dri/card0 ]; }
