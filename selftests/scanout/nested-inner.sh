#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the inner guest: draws, and says so on its console.
exec /vgpu/still64 "$1" >/dev/ttyS0 2>&1
