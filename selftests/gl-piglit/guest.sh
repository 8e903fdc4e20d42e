#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest.
exec python3 /vgpu/tests.py /vgpu/selection
