#!/usr/bin/env bash
# Prove that calls and includes only go down: cmd -> lib/run -> lib/proto -> lib/crypto, and that the two lower
# floors touch no kernel, no clock, no heap and no stream. Also the size caps of functions and files.
#
#   tests/layers.sh [BUILD]    on a plain build (a sanitizer adds symbols of its own)
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
pkg_config=${PKG_CONFIG:-pkg-config}

# Never, whatever a library may export.
FORBIDDEN='malloc calloc realloc reallocarray free aligned_alloc posix_memalign strdup strndup asprintf vasprintf
	read write pread pwrite readv writev recv send recvfrom sendto recvmsg sendmsg socket bind listen accept connect
	poll select epoll_wait ioctl open openat close fcntl dup pipe stat fstat lstat unlink rename mmap
	time clock_gettime gettimeofday sleep usleep nanosleep getrandom getentropy rand random
	printf fprintf vprintf vfprintf puts fputs putchar fputc fopen fdopen fread fwrite fclose perror
	exit _exit quick_exit abort __assert_fail err errx warn warnx getenv setenv signal sigaction fork execve system
	pthread_create pthread_mutex_lock stdin stdout stderr
	__printf_chk __fprintf_chk __vprintf_chk __vfprintf_chk __read_chk __recv_chk __poll_chk'

# What the lower floors may take from libc and the compiler.
LIBC='mem[a-z]+|str[a-z]+|bcmp|bzero|explicit_bzero|v?snprintf|__(mem|str|stp)[a-z]+_chk|__v?snprintf_chk|__isoc23_strtou?l+'
COMPILER='__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(u?div|u?mod|u?divmod|mul|ashl|ashr|lshr|neg|cmp|ucmp|popcount|clz|ctz|bswap|ffs|parity)[sdt]i[0-9]?'

# object:symbol that break the rule for a reason that is written here. A zero-copy pack buffer would be the usual one.
# library.c loads, which is all that it is for; ipsec-mb leaves it to its caller to have room for expanded keys, which
# only sessions with bulk data need.
EXCEPTIONS='crypto/library.o:dlopen crypto/library.o:dlsym crypto/aead_ipsecmb.o:aligned_alloc crypto/aead_ipsecmb.o:free'

# Functions longer than the cap because they are one flat switch over options.
FLAT_SWITCHES=''
FUNCTION_MAX=70
FILE_MAX=450

bad=0
complain() {
	echo "layers: $*" >&2
	bad=1
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The names that a library exports, read from the library (where the linker finds it) and not guessed.
exported_by() {
	local package=$1 flag path found=0
	for flag in $($pkg_config --libs "$package" 2>/dev/null); do
		case $flag in -l*) ;; *) continue ;; esac
		# shellcheck disable=SC2046
		path=$(${CC:-cc} $($pkg_config --libs-only-L "$package") -print-file-name="lib${flag#-l}.so")
		[ -e "$path" ] || continue
		nm -D --defined-only "$path" | awk '{ sub(/@.*/, "", $NF); print $NF }'
		found=1
	done
	[ $found = 1 ] || complain "cannot find the shared library of $package"
}

objects_of() {
	local src object
	for src in lib/"$1"/*.c; do
		[ -e "$src" ] || continue
		object=$build/${src#lib/}
		echo "${object%.c}.o"
	done
}

defined_in() { objects_of "$1" | xargs -r nm -g --defined-only | awk 'NF == 3 { print $3 }'; }

# undefined FLOOR: lines "object symbol"
undefined() {
	local object
	for object in $(objects_of "$1"); do
		nm -u "$object" | awk -v o="${object#"$build/"}" '$1 == "U" || $1 == "w" { print o, $2 }'
	done
}

check_symbols() {
	local floor=$1 allowed=$2 object symbol
	undefined "$floor" >"$work/undefined"
	while read -r object symbol; do
		case " $EXCEPTIONS " in *" $object:$symbol "*) continue ;; esac
		if grep -qxF -- "$symbol" "$work/forbidden"; then
			complain "$object uses $symbol, which lib/$floor must never call"
		elif ! grep -qxF -- "$symbol" "$allowed" &&
		    ! [[ $symbol =~ ^($LIBC)$ || $symbol =~ ^($COMPILER)$ ]]; then
			complain "$object uses $symbol, which lib/$floor may not know"
		fi
	done <"$work/undefined"
}

rank() {
	case $1 in
	crypto) echo 1 ;;
	proto) echo 2 ;;
	run) echo 3 ;;
	*) echo 9 ;;
	esac
}

check_includes() {
	local file line included floor
	for file in lib/*/*.[ch]; do
		[ -e "$file" ] || continue
		floor=$(basename "$(dirname "$file")")
		while IFS=: read -r line included; do
			included=${included#*\"}
			included=${included%%\"*}
			case $included in
			*..*) complain "$file:$line: includes \"$included\"; name the floor instead" ;;
			*/*)
				[ "$(rank "${included%%/*}")" -le "$(rank "$floor")" ] ||
				    complain "$file:$line: lib/$floor includes \"$included\", which is above it"
				[ -e "lib/$included" ] || complain "$file:$line: there is no lib/$included"
				;;
			*) [ -e "lib/$floor/$included" ] || complain "$file:$line: \"$included\" is not in lib/$floor" ;;
			esac
		done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file")
	done
}

check_exits() {
	local floor object symbol
	for floor in crypto proto run; do
		while read -r object symbol; do
			case $symbol in
			exit | quick_exit | abort | err | errx | verr | verrx | getopt | getopt_long)
				complain "$object uses $symbol: only cmd/ may" ;;
			esac
		done < <(undefined $floor)
	done
}

check_sizes() {
	local file lines name from to
	for file in lib/*.[ch] lib/*/*.[ch] cmd/*.[ch] tests/tools/*.[ch] tests/bench/*.[ch] tests/bench/*.py; do
		[ -e "$file" ] || continue
		lines=$(wc -l <"$file")
		[ "$lines" -le $FILE_MAX ] || complain "$file has $((lines)) lines, more than $FILE_MAX"
	done
	if ! ctags --version 2>/dev/null | grep -q Universal; then
		echo "layers: NOT CHECKED: length of functions (Universal Ctags is not installed)" >&2
		[ -z "${CI:-}" ] || bad=1
		return
	fi
	while read -r name file from to; do
		case " $FLAT_SWITCHES " in *" $name "*) continue ;; esac
		[ $((to - from + 1)) -le $FUNCTION_MAX ] ||
		    complain "$file:$from: $name has $((to - from + 1)) lines, more than $FUNCTION_MAX"
	done < <(find lib cmd tests/tools tests/bench -name '*.[ch]' -print | sort |
	    ctags --languages=C --langmap=C:.c.h --kinds-C=f --fields=+ne -f - -L - |
	    awk -F'\t' '{ l = e = ""
		for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) l = substr($i, 6); if ($i ~ /^end:/) e = substr($i, 5) }
		if (e != "") print $1, $2, l, e }')
}

for floor in crypto proto run; do
	for object in $(objects_of $floor); do
		[ -e "$object" ] || { echo "layers: $object is missing: build first" >&2; exit 1; }
	done
done

packages='libsodium libzstd jansson'
for package in msgpack msgpack-c libcrypto; do
	$pkg_config --exists "$package" 2>/dev/null && packages="$packages $package"
done

tr -s ' \t\n' '\n' <<<"$FORBIDDEN" | sed '/^$/d' >"$work/forbidden"
for package in $packages; do exported_by "$package"; done >"$work/libraries"
defined_in crypto >"$work/own_crypto"
defined_in proto >"$work/own_proto"
cat "$work/libraries" "$work/own_crypto" >"$work/allowed_crypto"
cat "$work/allowed_crypto" "$work/own_proto" >"$work/allowed_proto"

check_symbols crypto "$work/allowed_crypto"
check_symbols proto "$work/allowed_proto"
check_includes
check_exits
check_sizes

[ $bad = 0 ] || exit 1
echo "layers: ok ($(objects_of crypto | wc -l) objects in lib/crypto, $(objects_of proto | wc -l) in lib/proto)"
