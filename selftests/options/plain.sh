#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In a guest that was started without any of the words that this is about.
. /vgpu/tell.sh
module=$(gpu module "$1")
modprobe "$module" modeset=0
no_card
tell $? "modeset=0: the driver leaves the device alone"
modprobe -r "$module"
gpu load "$1"
has_card
tell $? "without a word it takes the device"
/vgpu/ids up
tell $? "numbers of resources go up"
gpu unload "$1"
modprobe "$module" virglhack=0
has_card
tell $? "virglhack=0: there is a card"
/vgpu/ids again
tell $? "virglhack=0: a number is used again"
gpu unload "$1"
