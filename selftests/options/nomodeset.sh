#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In a guest that was started with nomodeset.
. /vgpu/tell.sh
module=$(gpu module "$1")
modprobe "$module"
no_card
tell $? "nomodeset: the driver leaves the device alone"
modprobe -r "$module"
modprobe "$module" modeset=1
has_card
tell $? "nomodeset: modeset=1 counts for more"
gpu unload "$1"
