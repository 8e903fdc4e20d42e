# SPDX-License-Identifier: GPL-2.0
# For scripts in the guest: the card that is there, who is stuck, memory in use, orders of the host's.
# A group gives it along with --add and its script says ". /vgpu/guest.sh".

# The card of the device that is there now; one that only a stale file keeps has no sysfs folder.
card() {
	for c in /sys/class/drm/card*; do
		case ${c##*/} in card*-*) ;; *) [ -e "$c/device" ] && echo "/dev/dri/${c##*/}" && return ;; esac
	done
	return 1
}

wait_for() {	# SECONDS COMMAND...
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.1
	done
}

waiting() {	# processes that wait uninterruptibly now
	for p in /proc/[0-9]*; do
		read -r stat 2>/dev/null <"$p/stat" || continue
		case ${stat##*) } in D*) echo "${p##*/}" ;; esac
	done
}

# Who waits uninterruptibly whenever one looks is stuck. Who waits for a vertical blank is not.
stuck() {
	still=$(waiting)
	for look in 1 2 3 4; do
		[ -n "$still" ] || return 0
		sleep 0.7
		now=" $(echo $(waiting)) " was=$still still=
		for p in $was; do case $now in *" $p "*) still="$still $p" ;; esac; done
	done
	echo $still
}

# Memory in use for good, in KiB (not free, not at hand for a CPU to allocate, and not given back on
# demand), and what the slabs have of it.
memory() {
	sync
	[ ! -e /proc/sys/vm/drop_caches ] || echo 3 >/proc/sys/vm/drop_caches
	sleep 2
	awk '/^MemTotal/ {t=$2} /^MemFree|^Buffers|^Cached|^SReclaimable/ {f+=$2} /^Shmem:/ {s=$2} /^SUnreclaim/ {u=$2}
		/pagesets/ {p=1} / start_pfn/ {p=0} p && $1=="count:" {f+=4*$2} END {print t-f+s, u}' /proc/meminfo /proc/zoneinfo
}

# What kmemleak finds, which is bad; "none" where the kernel does not have it.
leaks() {
	kmemleak=/sys/kernel/debug/kmemleak
	[ -e $kmemleak ] || { echo none; return; }
	echo scan >$kmemleak
	sleep 6
	echo scan >$kmemleak
	found=$(tr '\n' ' ' <$kmemleak | head -c 4000)
	echo "${found:-nothing}"
	[ -z "$found" ]
}

# Lines of the host's are orders for a program and are answered by it, on files 3 and 4; one that starts
# with "!" is a shell's, and answered alike. Until the line "quit".
serve() {	# PROGRAM
	mkfifo /tmp/to /tmp/from
	"$1" </tmp/to >/tmp/from & client=$!
	exec 3>/tmp/to 4</tmp/from
	read -r line <&4 && echo "$line"
	while read -r line; do
		case $line in
		quit) break ;;
		!*) eval "${line#!}" >/tmp/said 2>&1; s=$?; echo "said $(tail -n 1 /tmp/said)"; [ $s = 0 ] && echo ok 0 || echo "err $s" ;;
		*) echo "$line" >&3; read -r answer <&4; echo "$answer" ;;
		esac
	done
	exec 3>&-
	wait $client
}
