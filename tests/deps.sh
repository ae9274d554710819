#!/usr/bin/env bash
# Install what is missing, and only that.
#
#   tests/deps.sh SET...        SET is build (compile, run the demo), test (make check), lint, fuzz, valgrind or
#                               bench (what make bench compares with)
#   tests/deps.sh --libraries   only say which libraries are missing, install nothing
#
# Silent and quick when nothing is missing; asks for root only when something is.
set -u

pkg_config=${PKG_CONFIG:-pkg-config}
cc=${CC:-cc}
[ "$cc" = default ] && cc=cc
with_libcrypto=${WITH_LIBCRYPTO:-1}
with_libmnl=${WITH_LIBMNL:-}
python_modules='cryptography nacl msgpack zstandard'

with_ipsec_mb=${WITH_IPSEC_MB:-}

missing=() # Debian package names
wanted=()  # the same, but everything works without them

have() { command -v "$1" >/dev/null 2>&1; }
need() { missing+=("$1"); }
need_tool() { have "$1" || need "$2"; }
need_pkg() { $pkg_config --exists "$1" 2>/dev/null || need "$2"; }

have_header() {
	# shellcheck disable=SC2086
	printf '#include <%s>\n' "$1" | $cc ${CPPFLAGS:-} -E - >/dev/null 2>&1
}

# Debian renamed libmsgpack-dev to libmsgpack-c-dev.
msgpack_package() {
	if have apt-cache && apt-cache policy libmsgpack-c-dev 2>/dev/null | grep -q 'Candidate: [0-9]'; then
		echo libmsgpack-c-dev
	else
		echo libmsgpack-dev
	fi
}

need_libraries() {
	need_pkg libsodium libsodium-dev
	need_pkg libzstd libzstd-dev
	$pkg_config --exists msgpack-c 2>/dev/null || need_pkg msgpack "$(msgpack_package)"
	need_pkg jansson libjansson-dev
	if [ "$with_libcrypto" != 0 ]; then need_pkg libcrypto libssl-dev; fi
	# Nothing fails without it, but less is known: it is installed, and not insisted on.
	if [ "$1" != --libraries ] && [ "$with_libmnl" != 0 ] && [ "$(uname)" = Linux ]; then need_pkg libmnl libmnl-dev; fi
	$pkg_config --exists libev 2>/dev/null || have_header ev.h || need libev-dev
	if [ "$1" != --libraries ]; then want_ipsec_mb; fi
}

# For CPUs with vector AES instructions, as Debian has it.
want_ipsec_mb() {
	[ "$with_ipsec_mb" != 0 ] && [ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] && have apt-get || return 0
	have_header intel-ipsec-mb.h || wanted+=(libipsec-mb-dev)
}

need_build() {
	have "$cc" || have cc || have gcc || have clang || { need gcc; need libc6-dev; }
	need_tool make make
	need_tool "$pkg_config" pkg-config
	need_libraries build
}

need_python() {
	local python
	for python in "${PYTHON:-}" /usr/bin/python3 python3; do
		# shellcheck disable=SC2086
		[ -n "$python" ] && have "$python" && "$python" -c '
import sys
from importlib.machinery import PathFinder
sys.exit(any(PathFinder.find_spec(m) is None for m in sys.argv[1:]))' $python_modules && return
	done
	missing+=(python3 python3-cryptography python3-nacl python3-msgpack python3-zstandard)
}

have_bats_library() {
	local dir
	local IFS=:
	for dir in ${BATS_LIB_PATH:-} /usr/lib/bats /usr/lib /usr/local/lib; do
		[ -e "$dir/$1/load.bash" ] && return
	done
	return 1
}

need_test() {
	local lib
	need_tool bats bats
	for lib in bats-assert bats-support bats-file; do have_bats_library $lib || need $lib; done
	need_python
	need_tool jq jq
	need_tool tmux tmux
	need_tool mandoc mandoc
	need_tool timeout coreutils
	need_tool nc netcat-openbsd
	need_tool socat socat
	need_tool zsh zsh
	need_tool fish fish
	need_tool strace strace
	# The other owners of the keys that are converted.
	need_tool openssl openssl
	need_tool ssh-keygen openssh-client
	need_tool wg wireguard-tools
	need_tool age age
	need_tool minisign minisign
	have signify || need_tool signify-openbsd signify-openbsd
	[ "$(uname)" != Linux ] || need_iproute
}

# ip and ss; unshare, nsenter and setpriv are in util-linux, which every Debian has.
need_iproute() {
	have ip || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || need iproute2
}

need_lint() {
	need_tool gcc gcc
	need_tool clang clang
	need_tool clang-tidy clang-tidy
	need_tool cppcheck cppcheck
	need_tool shellcheck shellcheck
	need_tool ctags universal-ctags
	need_tool mandoc mandoc
}

need_fuzz() {
	local runtime
	need_tool "${FUZZ_CC:-clang}" clang
	for runtime in "$("${FUZZ_CC:-clang}" -print-resource-dir 2>/dev/null)"/lib/*/libclang_rt.fuzzer*; do
		[ -e "$runtime" ] && return
	done
	need libclang-rt-dev
}

need_sshd() {
	have sshd || [ -x /usr/sbin/sshd ] && return
	need openssh-server
	echo "deps: note: Debian's openssh-server also starts an ssh server of its own on port 22" >&2
}

need_bench() {
	nc -h 2>&1 | grep -q OpenBSD || need netcat-openbsd
	need_tool ncat ncat
	need_tool socat socat
	need_tool stunnel stunnel4
	need_tool spiped spiped
	need_tool ssh openssh-client
	need_sshd
	need_tool openssl openssl
	need_tool iperf3 iperf3
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
	else
		echo "deps: neither root nor sudo; run as root: $*" >&2
		return 1
	fi
}

apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q)

known_to_apt() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'; }

# Not worth a question, nor a failure.
install_wanted() {
	[ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; } || return 0
	local package
	for package in "${wanted[@]}"; do
		known_to_apt "$package" || as_root "${apt[@]}" update >&2
		known_to_apt "$package" || continue
		echo "deps: installing $package"
		as_root "${apt[@]}" install -y --no-install-recommends "$package" </dev/null >&2 ||
		    echo "deps: going on without $package" >&2
	done
}

install_apt() {
	echo "deps: installing ${missing[*]}"
	as_root "${apt[@]}" update >&2 || echo "deps: apt-get update failed, trying with what is known" >&2
	# Before the update the system may not have known the newer name.
	local i
	for i in "${!missing[@]}"; do
		case ${missing[$i]} in libmsgpack*) missing[i]=$(msgpack_package) ;; esac
	done
	as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

print_names() {
	cat >&2 <<-END
		deps: missing (Debian names): ${missing[*]}
		deps: there is no apt-get here. Install, whichever is your system:
		  Fedora   dnf install gcc make pkgconf libsodium-devel libzstd-devel msgpack-devel jansson-devel openssl-devel
		           libev-devel libmnl-devel; tests: iproute bats bats-assert bats-support bats-file python3-cryptography python3-pynacl
		           python3-msgpack python3-zstandard jq tmux mandoc socat nmap-ncat zsh fish
		  Arch     pacman -S base-devel libsodium zstd msgpack-c jansson openssl libev libmnl; tests: iproute2 bash-bats bats-assert
		           bats-support bats-file python-cryptography python-pynacl python-msgpack python-zstandard jq tmux
		           mandoc socat openbsd-netcat zsh fish
		  Alpine   apk add build-base bash pkgconf libsodium-dev zstd-dev msgpack-c-dev jansson-dev openssl-dev libev-dev libmnl-dev;
		           tests: iproute2 bats bats-assert bats-support bats-file py3-cryptography py3-pynacl py3-msgpack py3-zstandard
		           jq tmux mandoc coreutils socat netcat-openbsd zsh fish
		  macOS    brew install bash make pkgconf libsodium zstd msgpack jansson openssl@3 libev; tests: bats-core jq tmux
		           mandoc coreutils socat fish, and pip install cryptography pynacl msgpack zstandard
		  FreeBSD  pkg install bash gmake pkgconf libsodium zstd msgpack-c jansson libev; tests: bats-core bats-assert
		           bats-support bats-file py311-cryptography py311-pynacl py311-msgpack py311-zstandard jq tmux
		           mandoc coreutils socat zsh fish
		  lint     clang clang-tools-extra cppcheck shellcheck universal-ctags
	END
}

if [ "${1:-}" = --libraries ]; then
	have "$pkg_config" || need pkg-config
	need_libraries --libraries
	[ ${#missing[@]} = 0 ] && exit 0
	echo "missing: ${missing[*]}; run make deps" >&2
	exit 1
fi

for set in "$@"; do
	case $set in
	build) need_build ;;
	test) need_test ;;
	lint) need_lint ;;
	fuzz) need_fuzz ;;
	valgrind) need_tool valgrind valgrind ;;
	bench) need_bench ;;
	*) echo "deps: unknown set '$set'" >&2; exit 2 ;;
	esac
done
if [ ${#missing[@]} = 0 ]; then
	[ ${#wanted[@]} = 0 ] || install_wanted
	exit 0
fi

if have apt-get; then
	[ ${#wanted[@]} = 0 ] || trap install_wanted EXIT
	install_apt || { echo "deps: could not install ${missing[*]}" >&2; exit 1; }
	exit 0
fi
print_names
exit 1
