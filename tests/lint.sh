#!/usr/bin/env bash
# Lint everything: C with gcc, clang, clang-tidy and cppcheck; shell, man pages, Python, whitespace.
# Says loudly which checks could not run; in CI that is a failure.
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
bad=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() { echo "lint: $* FAILED" >&2; bad=1; }

can() {
	command -v "$1" >/dev/null 2>&1 && return
	echo "lint: NOT CHECKED: $1 is not installed" >&2
	[ -z "${CI:-}" ] || bad=1
	return 1
}

list() {
	local f
	for f in "$@"; do [ -e "$f" ] && printf '%s\n' "$f"; done
}

# flags COMPILER WITH_LIBCRYPTO
flags() {
	make -s --no-print-directory CC="$1" CFLAGS= WITH_LIBCRYPTO="$2" print-flags
}

compilers() {
	local crypto
	for crypto in 1 0; do
		# gcc sees more when it optimises, so it compiles in earnest; clang warns without.
		if can gcc; then
			# shellcheck disable=SC2046,SC2016
			xargs -P "$jobs" -I{} sh -c 'f=$1; shift; exec "$@" -c -o "$0/$(echo "$f" | tr / _).o" "$f"' \
			    "$work" {} gcc $(flags gcc $crypto) -Werror <"$work/c" || fail "gcc, WITH_LIBCRYPTO=$crypto"
		fi
		if can clang; then
			# shellcheck disable=SC2046
			xargs -P "$jobs" -n 8 clang $(flags clang $crypto) -Werror -fsyntax-only <"$work/c" ||
			    fail "clang, WITH_LIBCRYPTO=$crypto"
		fi
	done
}

# The analyser looks at one file at a time and cannot know that error_set() always returns -1; it is told here.
error_set_hint() {
	cat <<-END
		#include "proto/error.h"
		#define error_set(...) ((error_set)(__VA_ARGS__), -1)
	END
}

analysers() {
	error_set_hint >"$work/hint.h"
	if can clang-tidy; then
		# One file at a time: clang 14 confuses va_lists across files.
		# shellcheck disable=SC2046,SC2016
		grep -E '^(lib|cmd)/' "$work/c" |
		    xargs -P "$jobs" -I{} sh -c 'hint="-include $1"; f=$2; shift 2
			[ "$f" = lib/proto/error.c ] && hint=
			out=$(clang-tidy --quiet "$f" -- "$@" $hint 2>&1) || { printf "%s\n" "$out"; exit 1; }' \
		    sh "$work/hint.h" {} $(flags clang 1) || fail clang-tidy
	fi
	if can cppcheck; then
		# shellcheck disable=SC2046
		# legacyUninitvar: wrong about arrays that are handed to the function that fills them.
		cppcheck -q -j"$jobs" --enable=warning,performance,portability --inline-suppr --std=c11 \
		    --suppress=missingIncludeSystem --suppress=legacyUninitvar --error-exitcode=1 -Ilib \
		    -DWITH_LIBCRYPTO=1 --template='{file}:{line}: {severity}: {message} [{id}]' \
		    $(list lib cmd tests/tools tests/bench) || fail cppcheck
	fi
}

shell() {
	can shellcheck || return
	# shellcheck disable=SC2046
	shellcheck .ci/run $(list tests/*.sh tests/*/*.sh) || fail shellcheck
	# What a file sets for the shell that sources it looks unused.
	# shellcheck disable=SC2046
	[ -z "$(list tests/*.bash completions/*.bash)" ] ||
	    shellcheck -s bash -e SC2034 $(list tests/*.bash completions/*.bash) || fail "shellcheck of sourced files"
	[ -z "$(list tests/*.bats)" ] || shellcheck -s bats -S warning -e SC2030,SC2031,SC2034,SC2238 tests/*.bats || fail "shellcheck of bats"
}

man_pages() {
	local pages
	pages=$(list man/*.[1-9])
	[ -n "$pages" ] || return
	can mandoc || return
	# shellcheck disable=SC2086
	mandoc -T lint -W warning $pages || fail mandoc
}

python() {
	local files interpreter=${PYTHON:-/usr/bin/python3}
	files=$(list tests/peers/*.py tests/*.py tests/*/*.py | sort -u)
	[ -n "$files" ] || return
	[ -x "$interpreter" ] || interpreter=python3
	can "$interpreter" || return
	# shellcheck disable=SC2086
	PYTHONPYCACHEPREFIX="$work/pycache" "$interpreter" -m py_compile $files || fail py_compile
}

whitespace() {
	local file found=0
	while read -r file; do
		case $file in
		tests/fuzz/corpus/* | tests/vectors/* | *.png | *.bin) continue ;;
		esac
		if [ ! -f "$file" ] || [ ! -s "$file" ]; then continue; fi
		if grep -nHE '[[:blank:]]+$|'$'\r' "$file"; then found=1; fi
		if [ -n "$(tail -c 1 "$file")" ]; then echo "$file: no newline at its end"; found=1; fi
	done < <(git ls-files 2>/dev/null || find . -type f -not -path './build*' | sed 's|^\./||')
	[ $found = 0 ] || fail whitespace
}

list lib/*.c lib/*/*.c cmd/*.c tests/unit/*.c tests/tools/*.c tests/fuzz/*.c tests/bench/*.c >"$work/c"
compilers
analysers
shell
man_pages
python
whitespace
[ $bad = 0 ] || exit 1
echo "lint: ok ($(wc -l <"$work/c") C files)"
