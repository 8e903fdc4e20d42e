#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: the driver comes and goes, with a client that has the card open.
# lifecycle.sh ROUNDS
. /vgpu/guest.sh
rounds=${1:-5}
module=$(gpu module | tr - _)
n=0 bad=0

result() {	# STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
fail() { echo "# $*"; failed=1; }

said() { grep -q "$1" /tmp/holder; }

hold() {	# starts the client and waits until it shows its picture
	wait_for 10 card || { fail "round $round: no card"; return 1; }
	: >/tmp/holder
	/vgpu/holder "$(card)" ff0000 >/tmp/holder 2>&1 &
	holder=$!
	wait_for 20 said held || { fail "round $round: $(cat /tmp/holder)"; return 1; }
}

ended() { ! kill -0 "$holder" 2>/dev/null; }

let_go() {	# SIGNAL
	kill "-$1" "$holder"
	wait_for 20 ended || { fail "round $round: the client does not end: $(cat "/proc/$holder/stack" 2>/dev/null)"; return 1; }
	wait "$holder" 2>/dev/null
	return 0
}

# What is in use while the driver is not there.
kib() {
	wait_for 10 idle 0 || console_off
	gpu unload || { fail "round $round: no unload"; return 1; }
	read -r used slab <<-END
		$(memory)
	END
	gpu load || { fail "round $round: no load"; return 1; }
}

refs() { cat "/sys/module/$module/refcnt"; }
idle() { [ "$(refs)" = "$1" ]; }

# The console keeps its own reference on the framebuffer.
console_off() { for v in /sys/class/vtconsole/vtcon*; do grep -q 'frame buffer' "$v/name" && echo 0 >"$v/bind"; done; }

# ---- load and unload -----------------------------------------------------------

load_round() {
	hold || return 1
	console_off
	rmmod "$module" 2>/dev/null && fail "round $round: the module left under an open file"
	# By turns: an orderly end and a kill.
	if [ $((round % 2)) = 0 ]; then let_go TERM || return 1; else let_go KILL || return 1; fi
	wait_for 10 idle 0 || { fail "round $round: $(refs) references are left"; return 1; }
	gpu unload || { fail "round $round: no unload"; return 1; }
	[ ! -e /dev/dri/card0 ] || fail "round $round: the node outlived the module"
	gpu load || { fail "round $round: no load"; return 1; }
}

# ---- unbind and bind -----------------------------------------------------------

bind_round() {
	hold || return 1
	driver=$(echo /sys/bus/virtio/drivers/*/"$dev")
	driver=${driver%/*}
	echo "$dev" >"$driver/unbind" || { fail "round $round: no unbind"; return 1; }
	kill -USR1 "$holder"
	wait_for 20 said 'stale' || { fail "round $round: $(cat /tmp/holder)"; return 1; }
	said 'stale ok' || fail "round $round: $(cat /tmp/holder)"
	# By turns: the stale client ends before the device comes back, or after it.
	if [ $((round % 2)) = 0 ]; then
		let_go TERM || return 1
		echo "$dev" >"$driver/bind" || { fail "round $round: no bind"; return 1; }
	else
		echo "$dev" >"$driver/bind" || { fail "round $round: no bind"; return 1; }
		let_go $([ $((round % 4)) = 1 ] && echo TERM || echo KILL) || return 1
	fi
}

# What leaks grows in both halves; what settles late does not.
flat() { [ $# = 4 ] && { [ $(($3 - $2)) -le "$1" ] || [ $(($4 - $3)) -le "$1" ]; }; }	# LIMIT SAMPLES...

many() {	# NAME FUNCTION
	failed=0 round=0 samples='' slabs=''
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		"$2" || { fail "round $round: given up"; break; }
		# After a quarter, when all that is made once is there, half way from there, and at the end.
		if [ "$rounds" -ge 20 ]; then
			case $round in
			$((rounds / 4)) | $((rounds * 5 / 8)) | "$rounds") kib && samples="$samples $used" slabs="$slabs $slab" ;;
			esac
		fi
	done
	result $failed "$1, $round of $rounds times"
	if [ "$rounds" -ge 20 ]; then
		echo "# $1: KiB in use after 1/4, 5/8 and all rounds:$samples, of slabs:$slabs"
		# Pages come and go by some hundred; slabs do not. KASAN keeps what was freed, up to a 32nd of the memory.
		kept=0
		[ "$VGPU_KERNEL" = default ] || kept=32768
		flat $((384 + rounds * 2 + kept)) $samples && flat $((64 + rounds * 3 / 4 + kept)) $slabs
		result $? "$1: no memory left behind"
	fi
}

dev=
for d in /sys/bus/virtio/drivers/virtio_gpu*/virtio* /sys/bus/virtio/drivers/virtio-gpu*/virtio*; do
	[ ! -e "$d" ] || dev=${d##*/}
done
many "load and unload with a client" load_round
many "unbind and bind with a client" bind_round

# ---- what is left --------------------------------------------------------------

for p in $(stuck); do
	echo "# $p $(cat "/proc/$p/comm") $(cat "/proc/$p/stack" 2>/dev/null)"
	bad_process=1
done
result ${bad_process:-0} "no process stuck"

cards=0
for c in /sys/class/drm/card*; do case ${c##*/} in card*-*) ;; *) cards=$((cards + 1)) ;; esac; done
nodes=$(ls /dev/dri | grep -c '^card')
echo "# $cards cards, $nodes nodes"
[ $cards = 1 ] && [ "$nodes" = 1 ]
result $? "one card, as before"

leaks=$(leaks)
good=$?
if [ "$leaks" != none ]; then
	echo "# kmemleak: $leaks"
	result $good "kmemleak finds nothing"
fi

failed=0 round=last
if hold; then
	sleep 1
	picture=$(host picture lifecycle.png ff0000)
	echo "# picture: $picture"
	case $picture in *" 1 100") ;; *) fail "not the client's picture" ;; esac
	let_go TERM
fi
result $failed "the last one draws"
console_off
wait_for 10 idle 0
result $? "no reference to the module is left"
echo "1..$n"
exit $bad
