#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: GL clients on virgl. What both drivers have to have the same goes to /out; lines of results are
# for the driver that this guest has.
export XDG_RUNTIME_DIR=/run/x vblank_mode=0
mkdir -p -m 0700 $XDG_RUNTIME_DIR
result() { echo "$1 - $2"; }

# Every scene with every set of options that glmark2 has for it, one frame each, and what it says of its pixels.
timeout 900 glmark2-es2-drm --off-screen -s 320x240 --validate >/tmp/glmark 2>&1
sed -n 's/^\(\[.*\) Validation: \(.*\)/\1 \2/p' /tmp/glmark >/out/verdicts
grep -q 'GL_RENDERER: *virgl' /tmp/glmark && [ "$(wc -l </out/verdicts)" -ge 30 ] && r=ok || r="not ok"
result "$r" "glmark2 draws with virgl and judges all its scenes"
tail -n 3 /tmp/glmark

# And all of them for a time, some on the screen.
timeout 900 glmark2-es2-drm --off-screen -s 320x240 -b :duration=0.3 >/tmp/glmark-run 2>&1
sed -n 's/^\(\[.*\):* FPS: .*/\1/p' /tmp/glmark-run >/out/scenes
grep -q 'glmark2 Score: [1-9]' /tmp/glmark-run && [ "$(wc -l </out/scenes)" = "$(wc -l </out/verdicts)" ] && r=ok || r="not ok"
result "$r" "glmark2 runs all its scenes to the end"
tail -n 3 /tmp/glmark-run
timeout 300 glmark2-es2-drm -s 640x480 -b :duration=0.5 -b build -b texture -b effect2d >/tmp/glmark-screen 2>&1
grep -q 'glmark2 Score: [1-9]' /tmp/glmark-screen && r=ok || r="not ok"
result "$r" "glmark2 draws on the screen"
tail -n 3 /tmp/glmark-screen

/vgpu/frames && r=ok || r="not ok"
result "$r" "a client draws three scenes of its own"

# It ends when there is something to read.
mkfifo /tmp/silent
timeout 120 kmscube -v 640x480 -c 20 <>/tmp/silent >/tmp/kmscube 2>&1
status=$?
grep -q '^  renderer: "virgl' /tmp/kmscube && [ $status = 0 ] && ! grep -q interrupted /tmp/kmscube && r=ok || r="not ok"
result "$r" "kmscube draws 20 frames with virgl"

cat >/tmp/weston.ini <<-END
	[shell]
	panel-position=none
	background-image=/usr/share/weston/background.png
	background-type=scale-crop
	locking=false
	[output]
	name=Virtual-1
	mode=800x600
END
weston --config=/tmp/weston.ini --backend=drm-backend.so --renderer=gl --socket=w --idle-time=0 >/tmp/weston 2>&1 &
# It is drawn when it is the same twice and not of one colour.
n=0 last=
until [ $n -gt 60 ]; do
	n=$((n + 1))
	sleep 2
	now=$(host picture weston.png 000000)
	set -- $now
	[ -S $XDG_RUNTIME_DIR/w ] && [ "$1" = 800 ] && [ "$3" -gt 100 ] && [ "$now" = "$last" ] && break
	last=$now
done
echo "weston's picture: $now, after $n looks"
grep -q 'GL renderer: virgl' /tmp/weston && r=ok || r="not ok"
result "$r" "weston draws with virgl"
(WAYLAND_DISPLAY=w timeout -s INT 20 weston-simple-egl 2>&1; echo "end $?") >/tmp/egl &
sleep 10
host screendump client.png
wait $!
grep -q 'frames in' /tmp/egl && r=ok || r="not ok"
result "$r" "weston-simple-egl draws"
cat /tmp/egl | tail -3
