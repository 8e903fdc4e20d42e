#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: GL clients on virgl. What both drivers have to have the same goes to /out/verdicts and
# /out/weston.png; lines of results are for the driver that this guest has.
export XDG_RUNTIME_DIR=/run/x vblank_mode=0
mkdir -p -m 0700 $XDG_RUNTIME_DIR
result() { echo "$1 - $2"; }

timeout 100 glmark2-es2-drm --off-screen -s 320x240 --validate -b build:use-vbo=false -b build:use-vbo=true \
	-b texture -b shading:shading=gouraud -b shading:shading=phong -b bump -b effect2d -b jellyfish >/tmp/glmark 2>&1
sed -n 's/^\(\[.*\) Validation: \(.*\)/\1 \2/p' /tmp/glmark >/out/verdicts
grep -q 'GL_RENDERER: *virgl' /tmp/glmark && r=ok || r="not ok"
result "$r" "glmark2 draws with virgl"

# It ends when there is something to read.
mkfifo /tmp/silent
timeout 30 kmscube -v 640x480 -c 20 <>/tmp/silent >/tmp/kmscube 2>&1
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
sleep 6
grep -q 'GL renderer: virgl' /tmp/weston && r=ok || r="not ok"
result "$r" "weston draws with virgl"
host picture weston.png 000000
(WAYLAND_DISPLAY=w timeout -s INT 8 weston-simple-egl 2>&1; echo "end $?") >/tmp/egl &
sleep 5
host screendump client.png
wait $!
grep -q 'frames in' /tmp/egl && r=ok || r="not ok"
result "$r" "weston-simple-egl draws"
cat /tmp/egl | tail -3
