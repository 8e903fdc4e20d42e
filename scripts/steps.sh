# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The steps of the set-up, each keyed by what goes into it. want_NAME makes the step
# and leaves its place in a variable: TREE, LINUX, KERNEL_DIR, IMAGE_FILE, MODULE.

# What a step is keyed by besides its data: the text of the functions that make it.
text() {
	local f
	for f in "$@"; do sed -n "/^$f() {.*}$/p; /^$f() {$/,/^}/p" "$TOP/scripts/steps.sh"; done
}

# ---- Debian trees ------------------------------------------------------------------------

# The mirror of a Debian host's own configuration; empty: mmdebstrap's default.
host_mirror() {
	[ -z "${VGPU_MIRROR:-}" ] || { printf '%s\n' "$VGPU_MIRROR"; return; }
	local ID='' VERSION_CODENAME=''
	# shellcheck disable=SC1091
	. /etc/os-release 2>/dev/null || return 0
	[ "$ID" = debian ] && [ -n "$VERSION_CODENAME" ] || return 0
	{
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
			sed -nE "s/^deb +(\[[^]]*\] +)?(http[^ ]+) +$VERSION_CODENAME +.*main.*/\2/p"
		awk -v suite="$VERSION_CODENAME" 'BEGIN {RS=""; FS="\n"} {
			uri=""; ok=0
			for (i=1; i<=NF; i++) {
				if ($i ~ /^URIs:/) { split($i, w, " "); uri=w[2] }
				if ($i ~ "^Suites:.* " suite "( |$)" || $i ~ "^Suites: " suite "( |$)") ok=1
			}
			if (ok && uri ~ /^http/) print uri
		}' /etc/apt/sources.list.d/*.sources 2>/dev/null
	} | head -n 1 || true
}

# apt's proxy settings of this machine, as options for mmdebstrap.
host_proxy() { apt-config dump 2>/dev/null | sed -nE 's/^(Acquire::https?::Proxy) "(.+)";$/--aptopt=\1 "\2"/p' || true; }

want_debian_tools() {
	want_tools mmdebstrap:mmdebstrap bwrap:bubblewrap newuidmap:uidmap flock:util-linux xz:xz-utils \
		/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	bwrap --ro-bind / / true 2>/dev/null || die "bubblewrap cannot make a user namespace here; where AppArmor forbids it:
    sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	if [ "$(id -u)" != 0 ] && ! grep -q "^$(id -un):" /etc/subuid 2>/dev/null; then
		die "$(id -un) has no range of subordinate ids, which mmdebstrap needs:
    sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
	fi
}

# debian LIST SUITE OPTIONS... : the tree of a package list, as a tar stream on stdout.
debian() {
	local list=$1 suite=$2 hook bpo later optional mirror proxy=()
	shift 2
	bpo=$(packages "$list" backports | tr , ' ')
	later=$(packages "$list" later | tr , ' ')
	optional=$(packages "$list" optional | tr , ' ')
	mirror=$(host_mirror)
	mapfile -t proxy < <(host_proxy)
	hook='set -e; cd "$1"; in="chroot . env DEBIAN_FRONTEND=noninteractive"'
	if [ -n "$bpo" ]; then
		# The archive that the tree was made from also has the backports.
		hook+="; sed -n 's/ $suite / $suite-backports /p' etc/apt/sources.list | head -n 1 > etc/apt/sources.list.d/backports.list"
		hook+='; $in apt-get update -q'
		hook+="; \$in apt-get install -y -q --no-install-recommends -t $suite-backports $bpo"
	fi
	[ -z "$optional" ] || hook+="; ! chroot . apt-cache show $optional >/dev/null || \$in apt-get install -y -q --no-install-recommends -t $suite-backports $optional"
	[ -z "$later" ] || hook+="; \$in apt-get install -y -q --no-install-recommends $later"
	hook+='; rm -f var/cache/apt/archives/*.deb'
	local mode=auto
	[ "$(id -u)" = 0 ] || mode=unshare
	mmdebstrap --mode=$mode --variant=apt --format=tar --include="$(packages "$list" '')" \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' "${proxy[@]}" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--customize-hook="$hook" "$@" "$suite" - ${mirror:+"$mirror"}
}

# ---- The toolchain tree ------------------------------------------------------------------

build_tree() {
	debian toolchain trixie | tar -x -C "$1" --no-same-owner --exclude='./dev/*'
	chmod -R u+rwX "$1"
	touch "$1/etc/resolv.conf" "$1/etc/hosts"
	# What a kernel built here depends on.
	sed -nE '/^Package: (linux-source-7.3|rustc|clang-[0-9]+|bindgen|pahole)$/,/^$/{/^(Package|Version):/p}' \
		"$1/var/lib/dpkg/status" >"$1/.versions"
}

want_tree() {
	[ -z "${VGPU_TREE:-}" ] || { TREE=$VGPU_TREE; return; }
	want_debian_tools
	step tree "$(key "$TOP/scripts/packages/toolchain" "$(text build_tree debian)")" "toolchain tree" build_tree
	TREE=$STEP
	export VGPU_TREE=$TREE
}

in_tree() { "$TOP/scripts/enter" "$@"; }

# ---- The kernel --------------------------------------------------------------------------

build_linux() {
	tar -xf "$TREE/usr/src/linux-source-7.3.tar.xz" -C "$1" --strip-components=1
}

# The kernel's source: KSRC=DIR or Debian's newest 7.3.y.
want_linux() {
	local version
	want_tree
	if [ -n "${KSRC:-}" ]; then
		LINUX=$(cd "$KSRC" 2>/dev/null && pwd -P) || die "KSRC=$KSRC: no such directory"
		version=$(sed -nE 's/^(VERSION|PATCHLEVEL) = //p' "$LINUX/Makefile" 2>/dev/null | paste -sd.) || :
		[ -f "$LINUX/Kbuild" ] && [ -n "$version" ] || die "KSRC=$KSRC is not a kernel tree"
		[ "$version" = 7.3 ] || die "KSRC=$KSRC is Linux $version, the driver is for 7.3"
		export VGPU_BIND="${VGPU_BIND:-} $LINUX"
		return
	fi
	[ -e "$TREE/usr/src/linux-source-7.3.tar.xz" ] || die "Debian's backports no longer have linux-source-7.3;
    name a Linux 7.3 source tree of your own: make ... KSRC=DIR"
	step linux "$(key "$TREE/.versions" "$(text build_linux)")" "kernel source" build_linux
	LINUX=$STEP
}

# The words for make that choose a kernel's compiler. gcc takes a third less time than clang for the
# C part; KASAN with Rust in the kernel works with clang only.
kernel_tools() { [ "$1" = default ] || echo LLVM=1; }

# config_kernel DIR FRAGMENT... : a .config of these fragments and nothing else, each line of theirs checked.
config_kernel() {
	local dir=$1 lost
	shift
	cat "$@" >"$dir/wanted.config"
	# shellcheck disable=SC2046
	in_tree env KCONFIG_ALLCONFIG="$dir/wanted.config" make -s -C "$LINUX" $(kernel_tools "$KERNEL_NAME") O="$dir" allnoconfig
	# The last word on a symbol is the one that counts.
	lost=$(awk -F= '/^CONFIG_/ {v[$1]=$0} END {for (s in v) print v[s]}' "$dir/wanted.config" | while read -r l; do
		case $l in
		*=n) ! grep -q "^${l%=n}=" "$dir/.config" || echo "$l" ;;
		*) grep -qxF "$l" "$dir/.config" || echo "$l" ;;
		esac
	done)
	[ -z "$lost" ] || { echo "the configuration does not take:"; echo "$lost"; return 1; }
}

build_kernel() {
	local dir=$1 m
	# shellcheck disable=SC2046
	config_kernel "$dir" $(kernel_fragments "$KERNEL_NAME")
	m="make -C $LINUX $(kernel_tools "$KERNEL_NAME") O=$dir"
	in_tree $m -j"$(($(nproc) + 1))" vmlinux modules bzImage
	rm -rf "$dir/root"
	in_tree $m INSTALL_MOD_PATH="$dir/root" modules_install
	rm -f "$dir"/root/lib/modules/*/build
	# For whoever builds a module against it or boots it.
	kernel_tools "$KERNEL_NAME" >"$dir/.make"
	cp "$dir/include/config/kernel.release" "$dir/release"
}

kernel_fragments() {
	printf '%s\n' "$TOP/selftests/kernel/virtio_gpu_rs.config" "$TOP/selftests/kernel/guest.config"
	case $1 in
	default) ;;
	strict) printf '%s\n' "$TOP/selftests/kernel/"{debug,strict}.config ;;
	*) printf '%s\n' "$TOP/selftests/kernel/$1.config" ;;
	esac
}

# want_kernel [NAME] : the guest's kernel, built; NAME is default, debug or strict.
want_kernel() {
	local src
	KERNEL_NAME=${1:-default}
	[ -f "$TOP/selftests/kernel/${KERNEL_NAME/default/guest}.config" ] || die "there is no kernel '$KERNEL_NAME'"
	want_linux
	src=$LINUX
	[ -z "${KSRC:-}" ] || src="$LINUX $(git -C "$LINUX" rev-parse HEAD 2>/dev/null || cat "$LINUX/Makefile")"
	# shellcheck disable=SC2046
	RESUME=1 step "kernel-$KERNEL_NAME" "$(key "$src" "$TREE/.versions" "$(text build_kernel config_kernel kernel_tools)" \
		$(kernel_fragments "$KERNEL_NAME"))" "kernel ($KERNEL_NAME)" build_kernel
	KERNEL_DIR=$STEP
}

# ---- Guest roots -------------------------------------------------------------------------

build_image() {
	debian "$IMAGE_NAME" "$IMAGE_SUITE" |
		in_tree tar2sqfs -q -f -c zstd -X level=6 -b 131072 "$1/root.squashfs"
}

# piglit's own tests; those that it generates would be 2 GB.
build_image_piglit() {
	debian "$IMAGE_NAME" "$IMAGE_SUITE" --dpkgopt='path-exclude=/usr/lib/*/piglit/generated_tests/*' |
		in_tree tar2sqfs -q -f -c zstd -X level=6 -b 131072 "$1/root.squashfs"
}

# want_image NAME : a guest root, guest, igt or piglit.
want_image() {
	local how=build_image
	IMAGE_NAME=$1
	case $1 in
	guest) IMAGE_SUITE=trixie ;;
	igt) IMAGE_SUITE=sid ;;
	piglit) IMAGE_SUITE=trixie how=build_image_piglit ;;
	*) die "there is no guest root '$1'" ;;
	esac
	want_tree
	step "image-$1" "$(key "$TOP/scripts/packages/$1" "$IMAGE_SUITE" "$(text "$how" debian)")" \
		"guest root ($1)" "$how"
	IMAGE_FILE=$STEP/root.squashfs
}

# ---- The module --------------------------------------------------------------------------

# want_module [KERNEL-NAME] [WORDS...] : the driver built from this checkout against that kernel, into
# the cache. More words go to make; MODULE_FLAVOUR gives such a build a folder of its own.
want_module() {
	local words=("${@:2}")
	want_kernel "${1:-default}"
	MODULE=$CACHE/module-$CHECKOUT/$(basename "$KERNEL_DIR")${MODULE_FLAVOUR:+-$MODULE_FLAVOUR}
	MODULE_KO=$MODULE/drivers/gpu/drm/virtio_gpu/virtio_gpu_rs.ko
	mkdir -p "$MODULE"
	exec 7>"$MODULE.lock"
	flock 7
	# shellcheck disable=SC2046
	in_tree make -s -C "$KERNEL_DIR" $(cat "$KERNEL_DIR/.make") M="$TOP" MO="$MODULE" CONFIG_DRM_VIRTIO_GPU_RS=m \
		-j"$(($(nproc) + 1))" ${V:+V=$V} ${W:+W=$W} "${words[@]}" modules >&2 || die "the module does not build"
	exec 7>&-
}
