#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: Vulkan by Venus, shown and not shown, and OpenGL on top of it.
export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json
number=0
result() {
	number=$((number + 1))
	echo "$1 $number - $2"
}
expect() {
	if [ "$2" -ge "$3" ]; then result ok "$1 ($2)"; else result 'not ok' "$1 ($2, not $3)"; sed 's/^/    /' /tmp/log | cut -c 1-200 | tail -n 20; fi
}
seconds=${VGPU_SECONDS:-1}

vulkaninfo --summary >/tmp/log 2>&1
expect 'vulkaninfo finds Venus' "$(grep -c 'deviceName *= Virtio-GPU Venus' /tmp/log)" 1
vkmark --winsys headless -b ":duration=$seconds" >/tmp/log 2>&1
cp /tmp/log /out/vkmark.log
expect 'vkmark: scenes' "$(grep -c 'FPS: [1-9]' /tmp/log)" 13
# Buffers of the card's other renderer are pictures, which Venus does not take: GBM by way of zink.
export LIBGL_ALWAYS_SOFTWARE=1 MESA_LOADER_DRIVER_OVERRIDE=zink
vkmark --winsys kms -b ":duration=$seconds" >/tmp/log 2>&1
cp /tmp/log /out/vkmark-kms.log
expect 'vkmark on the screen: scenes' "$(grep -c 'FPS: [1-9]' /tmp/log)" 13
# The scenes of which the host's lavapipe does not die (Mesa 26.1: its thread jumps to address 0), whatever the driver.
glmark2-es2-drm --off-screen -s 320x240 -b ":duration=$seconds" -b build:use-vbo=false -b build:use-vbo=true \
	-b texture:texture-filter=nearest -b texture:texture-filter=linear -b texture:texture-filter=mipmap \
	-b shading:shading=gouraud -b 'effect2d:kernel=0,1,0;1,-4,1;0,1,0;' -b pulsar -b desktop:effect=blur \
	-b desktop:effect=shadow -b jellyfish -b shadow -b conditionals -b function -b loop >/tmp/log 2>&1
cp /tmp/log /out/glmark2.log
expect 'glmark2 says that it runs on zink' "$(grep -c 'GL_RENDERER: *zink' /tmp/log)" 1
expect 'glmark2: scenes' "$(grep -c 'FPS: [1-9]' /tmp/log)" 15
dmesg | grep -E 'ERROR|response 0x' >/tmp/log
cp /tmp/log /out/errors
expect 'lines of errors in the log, less one' "$((1 - $(wc -l </tmp/log)))" 1
mm=/sys/kernel/debug/dri/0/virtio-gpu-host-visible-mm
tail -n 1 $mm >/tmp/log
expect 'nothing is left in the window' "$(grep -c 'used 0 ' /tmp/log)" 1
