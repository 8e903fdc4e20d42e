#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the driver shows to who looks from outside: trace events, debugfs, fdinfo. Root, tracefs and debugfs needed.
here=$(dirname "$0")
tracing=/sys/kernel/tracing
[ -d $tracing/events ] || mount -t tracefs tracefs $tracing 2>/dev/null
[ -d /sys/kernel/debug/dri ] || mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
work=$(mktemp -d)
trap 'echo 0 >$tracing/events/virtio_gpu/enable; echo 0 >$tracing/events/dma_fence/enable; rm -rf "$work"' EXIT
n=0 bad=0

result() {	# STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

card=
for c in /sys/class/drm/card?; do
	case $(readlink -f "$c/device/driver") in *virtio*) card=${c##*card} ;; esac
done
echo "TAP version 13"
[ -n "$card" ] || { echo "1..0 # SKIP no virtio-gpu device"; exit 4; }
if [ -d /sys/module/virtio_gpu_rs ]; then ours=1; else ours=0; fi
debug=/sys/kernel/debug/dri/$card

# ---- trace events ---------------------------------------------------------------------

if [ ! -d $tracing/events/virtio_gpu ]; then
	if [ -d $tracing ]; then result 1 "trace system virtio_gpu"; else skip "trace system virtio_gpu" "no tracefs"; fi
else
	format_of() { sed -n 's/^\tfield:\(.*\);\toffset:.*/\1/p; s/^print fmt: //p' "$tracing/events/virtio_gpu/$1/format" | grep -v ' common_'; }
	cat >"$work/want" <<-'END'
	int dev
	unsigned int vq
	__data_loc char[] name
	u32 type
	u32 flags
	u64 fence_id
	u32 ctx_id
	u32 num_free
	u32 seqno
	"vdev=%d vq=%u name=%s type=0x%x flags=0x%x fence_id=%llu ctx_id=%u num_free=%u seqno=%u", REC->dev, REC->vq, __get_str(name), REC->type, REC->flags, REC->fence_id, REC->ctx_id, REC->num_free, REC->seqno
	END
	for event in virtio_gpu_cmd_queue virtio_gpu_cmd_response; do
		format_of $event >"$work/format"
		diff "$work/want" "$work/format" >"$work/diff"
		rc=$?
		sed 's/^/# /' "$work/diff"
		result $rc "fields and text of $event"
	done

	echo >$tracing/trace
	echo 1 >$tracing/events/virtio_gpu/enable
	echo 1 >$tracing/events/dma_fence/enable
	# Makes objects and framebuffers; what it says itself is not asked here.
	"$here/ioctl" >/dev/null 2>&1
	sleep 0.5
	echo 0 >$tracing/events/virtio_gpu/enable
	echo 0 >$tracing/events/dma_fence/enable
	cat $tracing/trace >"$work/trace"
	grep -q ' virtio_gpu_cmd_queue: ' "$work/trace"
	result $? "commands are traced"
	# Every command is answered once, under its number; numbers go up by one for each queue; what is asked is a
	# request by its type, what is answered a response; as many descriptors are free as before in the end.
	awk '
		function value(name,   i) { for (i = 1; i <= NF; i++) if (index($i, name "=") == 1) return substr($i, length(name) + 2); return "" }
		/ virtio_gpu_cmd_(queue|response): / {
			vq = value("vq"); seq = value("seqno") + 0; type = value("type")
			if (value("name") != (vq == "0" ? "control" : "cursor")) {print "# name: " $0; wrong = 1}
			if ($0 ~ /cmd_queue/) {
				if ((vq in last) && seq != last[vq] + 1) {print "# number: " $0; wrong = 1}
				last[vq] = seq; asked[vq "," seq] = 1; n++
				if (type !~ /^0x[123]..$/) {print "# type: " $0; wrong = 1}
			} else if ((vq "," seq) in asked) {
				delete asked[vq "," seq]
				if (vq == "0" && type !~ /^0x1[12]..$/) {print "# type: " $0; wrong = 1}
			} else if (seq in late) {print "# answered twice: " $0; wrong = 1}
			else late[seq] = 1
		}
		END {for (k in asked) {print "# not answered: " k; wrong = 1} exit wrong || n < 3}' "$work/trace"
	result $? "every command is answered under its number"
	# Bit 0 of the flags asks for a fence. What a client creates has one that others can wait for.
	if grep -qE 'virtio_gpu_cmd_queue: .* vq=0 .* type=0x(101|204|207) flags=0x[0-9a-f]*[13579bdf] ' "$work/trace"; then
		grep -q 'dma_fence_emit: driver=virtio_gpu timeline=controlq' "$work/trace"
		result $? "fences are traced when their command goes out"
	else
		skip "fences are traced when their command goes out" "no command had one"
	fi
	before=$(grep -c . $tracing/trace)
	"$here/ioctl" >/dev/null 2>&1
	[ "$(grep -c . $tracing/trace)" = "$before" ]
	result $? "nothing is traced while the events are off"
fi

# ---- debugfs ---------------------------------------------------------------------------

if [ ! -d "$debug" ]; then
	skip "debugfs" "no debugfs"
else
	lines="virgl edid indirect resource_uuid blob_resources context_init"
	good=0
	for line in $lines; do
		grep -qxE "$(echo "$line" | tr _ ' ') *: (yes|no)" "$debug/virtio-gpu-features" || { echo "# no line $line"; good=1; }
	done
	for line in "cap sets" scanouts; do
		grep -qxE "$line *: [0-9]+" "$debug/virtio-gpu-features" || { echo "# no line $line"; good=1; }
	done
	result $good "virtio-gpu-features"
	grep -qxE "scanouts         : $(ls -d /sys/class/drm/card"$card"-* | grep -c .)" "$debug/virtio-gpu-features"
	result $? "virtio-gpu-features counts the scanouts"
	awk '/^fence [0-9]+ [0-9]+$/ && $2 <= $3 {good++} END {exit good != 1 || NR != 1}' "$debug/virtio-gpu-irq-fence"
	result $? "virtio-gpu-irq-fence: $(cat "$debug/virtio-gpu-irq-fence")"
	grep -qE '^Host allocations not visible to guest$|^total: ' "$debug/virtio-gpu-host-visible-mm"
	result $? "virtio-gpu-host-visible-mm"
	if [ $ours = 1 ]; then
		sed 's/^/# /' "$debug/virtio-gpu-queues"
		[ "$(grep -cE '^descriptors      : [0-9]+ of [0-9]+ free$|^answered         : [1-9][0-9]*$|^device is lost   : no$' "$debug/virtio-gpu-queues")" -ge 5 ]
		result $? "virtio-gpu-queues"
	else
		skip "virtio-gpu-queues" "the C driver has no such file"
	fi
fi

# ---- fdinfo ------------------------------------------------------------------------------

exec 3<>"/dev/dri/card$card"
if [ $ours = 1 ]; then
	grep -qxE 'drm-driver:	virtio_gpu' /proc/$$/fdinfo/3 && grep -q '^drm-client-id:' /proc/$$/fdinfo/3
	result $? "fdinfo names the driver"
else
	skip "fdinfo names the driver" "the C driver does not"
fi
exec 3<&-
echo "1..$n"
exit $bad
