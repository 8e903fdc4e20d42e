# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What the scripts of the desktops share: looking at the screen, and waiting for it.
. /vgpu/guest.sh
export XDG_RUNTIME_DIR=/run/desktop LIBSEAT_BACKEND=builtin XDG_CONFIG_HOME=/run/desktop
mkdir -p -m 0700 $XDG_RUNTIME_DIR

# share NAME.png RRGGBB : the percentage of the screen that has this colour.
share() { host picture "$1" "$2" | cut -d' ' -f4; }

# shows NAME.png RRGGBB LEAST MOST : whether that percentage is between these.
shows() {
	now=$(share "$1" "$2") && [ -n "$now" ] && [ "$now" -ge "$3" ] && [ "$now" -le "$4" ]
}

# expect SECONDS WHAT NAME.png RRGGBB LEAST MOST : waits until it does, and says so.
expect() {
	seconds=$1 what=$2
	shift 2
	if wait_for "$seconds" shows "$@"; then
		echo "$what: $(share "$1" "$2") % of the screen is $2"
	else
		echo "$what: $(share "$1" "$2") % of the screen is $2, not $3 to $4"
		fail
	fi
}

# fail : the logs, and the end.
fail() {
	tail -n 25 /out/*.log 2>/dev/null
	exit 1
}
