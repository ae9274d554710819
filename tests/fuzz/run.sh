#!/usr/bin/env bash
# Fuzz: tests/fuzz/run.sh NAME...   Each target for $FUZZ_SECONDS seconds, two at a time, starting from a copy of
# its committed corpus. A crash fails the run and the input that caused it is named.
set -u
cd "$(dirname "$0")/../.." || exit 1
VT_BUILD=${VT_BUILD:-$PWD/build}
FUZZ_SECONDS=${FUZZ_SECONDS:-60}
work=$VT_BUILD/fuzz/work
failed=0

fuzz_one() {
	local name=$1
	mkdir -p "$work/$name/corpus" "$work/$name/artifacts"
	rm -f "$work/$name/artifacts"/*
	if [ -d "tests/fuzz/corpus/$name" ]; then
		cp -R "tests/fuzz/corpus/$name/." "$work/$name/corpus/"
	fi
	"$VT_BUILD/fuzz/$name" -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix="$work/$name/artifacts/" "$work/$name/corpus" >"$work/$name/log" 2>&1 </dev/null
}

finish() {
	local name=$1 artifact
	if wait "$2"; then
		printf 'ok   %-16s %s\n' "$name" "$(sed -n \
		    -e 's/^#[0-9]*[[:space:]]*DONE *cov: *\([0-9]*\) ft: *\([0-9]*\) .*/edges: \1 features: \2/p' \
		    -e 's/^stat::number_of_executed_units: */runs: /p' "$work/$name/log" | tr '\n' ' ')"
		return
	fi
	failed=$((failed + 1))
	printf 'FAIL %s\n' "$name"
	grep -vE '^#[0-9]+[[:space:]]|^INFO:' "$work/$name/log" | tail -n 40 | sed 's/^/    /'
	for artifact in "$work/$name/artifacts"/*; do
		[ -e "$artifact" ] && echo "    input: $artifact (replay: $VT_BUILD/fuzz/$name $artifact)"
	done
}

[ $# -gt 0 ] || echo "fuzz: no targets"
while [ $# -gt 0 ]; do
	fuzz_one "$1" &
	first=$!
	if [ $# -gt 1 ]; then
		fuzz_one "$2" &
		second=$!
		finish "$1" $first
		finish "$2" $second
		shift 2
	else
		finish "$1" $first
		shift
	fi
done
[ $failed = 0 ]
