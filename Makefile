# SPDX-License-Identifier: GPL-2.0
# The commands of the project; "make help" lists them. The module itself is
# built by Kbuild, which reads the file Kbuild here and not this one.
MAKEFLAGS += --no-print-directory
# Settings of the commands, from the command line or the environment.
export DRIVER IMAGE KERNEL DEVICE MACHINE GL VULKAN WINDOW SMP MEM CPU ACCEL APPEND QEMU_ARGS TIMEOUT OUT \
	KDIR KSRC LLVM INSTALL_MOD_PATH INSTALL_PATH T V W RUN PLUS FRESH FORCE

commands := run shell guest check check-full bench setup modules modules_install fmt fmt-check clippy doc \
	use-c use-rust graft ungraft kselftest clean clean-cache
.PHONY: help $(commands)

help:
	@sed -n 's/^#: \?//p' scripts/vgpu

$(commands):
	@scripts/vgpu $@
