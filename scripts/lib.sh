# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What every script of the set-up shares: where the cache is, how a step gets
# into it whole or not at all, and how a long one shows that it is alive.
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=${VGPU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtio-gpu-rs}
mkdir -p "$CACHE/log" "$CACHE/home" "$CACHE/cargo"
CACHE=$(cd "$CACHE" && pwd -P)
export VGPU_CACHE=$CACHE
# What belongs to one checkout (module, results) stands under a name made of its path.
CHECKOUT=$(printf %s "$TOP" | sha256sum | cut -c1-12)

say() { printf 'vgpu: %s\n' "$*" >&2; }
die() { printf 'vgpu: %s\n' "$*" >&2; exit 1; }
elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# key FILE-OR-TEXT... : a short name for these inputs. A file counts with its contents.
key() {
	local a
	for a in "$@"; do if [ -f "$a" ]; then cat "$a"; else printf '%s\n' "$a"; fi; done | sha256sum | cut -c1-12
}

# packages FILE WORD : the packages of a list that are marked WORD ("" = not marked), comma separated.
packages() {
	sed 's/#.*//' "$TOP/scripts/packages/$1" |
		awk -v w="$2" 'NF==1 && w=="" {print $1} NF==2 && $1==w {print $2}' | paste -sd,
}

# long LABEL LOG CMD... : runs CMD with its output in LOG, and says that it goes on.
long() {
	local label=$1 log=$2 t0=$SECONDS pid rc=0 next=20 last
	shift 2
	("$@") >"$log" 2>&1 &
	pid=$!
	# shellcheck disable=SC2064
	trap "kill $pid 2>/dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if [ -t 2 ]; then
			last=$(tail -c 300 "$log" | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]' | cut -c1-60)
			printf '\r\033[Kvgpu: %s  %s  %s' "$label" "$(elapsed $((SECONDS - t0)))" "$last" >&2
		elif [ $((SECONDS - t0)) -ge $next ]; then
			say "$label: $(elapsed $((SECONDS - t0)))"
			next=$((next + (next < 120 ? 20 : 60)))
		fi
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	[ -t 2 ] && printf '\r\033[K' >&2
	if [ $rc -ne 0 ]; then
		tail -n 30 "$log" | sed 's/^/    /' >&2
		die "$label failed after $(elapsed $((SECONDS - t0))) (exit $rc); the whole log: $log"
	fi
	say "$label: done in $(elapsed $((SECONDS - t0)))"
}

# step NAME KEY LABEL FUNCTION : sets STEP to the step's directory in the cache, building it
# first where it is not there. FUNCTION gets a fresh directory of another name, renamed into
# place when it is complete. A step that can go on from where it was interrupted (RESUME=1)
# and remembers its own path is built in place; only the mark at its end makes it count.
step() {
	local name=$1 k=$2 label=$3 fn=$4 new
	STEP=$CACHE/$name-$k
	if [ -e "$STEP/.complete" ]; then
		touch "$STEP"
		STEP=$(cd "$STEP" && pwd -P)
		return
	fi
	exec 8>"$CACHE/.lock-$name"
	flock -n 8 || { say "$label: another run is at it, waiting"; flock 8; }
	if [ ! -e "$STEP/.complete" ]; then
		new=$CACHE/.new-$name-$k
		if [ "${RESUME:-}" = 1 ]; then new=$STEP; else rm -rf "$new" "$STEP"; fi
		mkdir -p "$new"
		say "$label ..."
		long "$label" "$CACHE/log/$name.log" "$fn" "$new"
		touch "$new/.complete"
		[ "$new" = "$STEP" ] || mv -T "$new" "$STEP"
		prune "$name"
	fi
	exec 8>&-
	touch "$STEP"
}

# prune NAME : keeps the two newest of a step's directories, and nothing half built but the newest.
prune() {
	local d
	# shellcheck disable=SC2012
	ls -1dt "$CACHE/$1"-???????????? 2>/dev/null | tail -n +3 | while read -r d; do
		say "removing the old $(basename "$d")"
		rm -rf "$d"
	done
	for d in "$CACHE/.new-$1"-????????????; do [ ! -e "$d" ] || rm -rf "$d"; done
}

# want_tools CMD:PACKAGE... : installs what is missing where it may, else says how.
want_tools() {
	local t missing=()
	for t in "$@"; do
		case ${t%%:*} in
		/*) [ -e "${t%%:*}" ] ;;
		*) command -v "${t%%:*}" >/dev/null ;;
		esac || missing+=("${t#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	local how="apt-get install -y --no-install-recommends ${missing[*]}"
	local as=
	if [ "$(id -u)" != 0 ]; then
		if ! sudo -n true 2>/dev/null; then
			die "missing on this machine: ${missing[*]}. Install it with:
    sudo $how"
		fi
		as="sudo -n"
	fi
	command -v apt-get >/dev/null || die "missing on this machine: ${missing[*]}, and there is no apt-get here"
	say "installing ${missing[*]}"
	# shellcheck disable=SC2086
	{ $as apt-get update -q && DEBIAN_FRONTEND=noninteractive $as $how; } >"$CACHE/log/apt.log" 2>&1 || {
		tail -n 5 "$CACHE/log/apt.log" >&2
		die "could not install ${missing[*]}; by hand: $how"
	}
}
