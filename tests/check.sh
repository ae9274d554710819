#!/usr/bin/env bash
# Run tests and count: tests/check.sh KIND...   KIND is unit, vectors, corpus or bats.
#
# Normally called by make, which sets the environment (see the head of the Makefile). Several programs run at a
# time; each one's output is shown whole when it ends. The last line is always "N passed, N failed, N skipped".
# A program that ends badly, prints no count or runs out of time counts as failed.
set -u
cd "$(dirname "$0")/.." || exit 1

export VT_BUILD=${VT_BUILD:-$PWD/build}
export VT_BIN=${VT_BIN:-$VT_BUILD/bin}
export VT_SLOW=${VT_SLOW:-1}
export VT_WRAP=${VT_WRAP:-}
export VT_SOAK=${VT_SOAK:-}
SHARED=${SHARED:-../shared}
JOBS=${VT_JOBS:-7}
[ -n "$VT_WRAP" ] && JOBS=2

kinds="$*"
results=$VT_BUILD/results/${kinds// /-}
rm -rf "$results"
mkdir -p "$results" || exit 1
timeout=$(command -v timeout || command -v gtimeout) || { echo "check: no timeout(1); run make deps" >&2; exit 1; }

passed=0 failed=0 skipped=0
names=() pids=()

# job NAME SECONDS COMMAND...: run in the background, at most $JOBS at a time.
job() {
	local name=$1 limit=$(($2 * VT_SLOW)) file
	shift 2
	while [ ${#names[@]} -ge "$JOBS" ]; do collect; done
	file=$results/${name//\//_}
	(
		start=$SECONDS
		# Its own process group (timeout makes one), so that nothing it started outlives it.
		"$timeout" -k 10 "$limit" "$@" >"$file.out" 2>&1 </dev/null &
		trap 'kill $! 2>/dev/null' INT TERM
		wait $!
		status=$?
		echo "$((SECONDS - start)) $limit" >"$file.time"
		echo "$status" >"$file.status"
	) &
	names+=("$name")
	pids+=($!)
}

# Wait for one job to end, then show every one that has ended.
collect() {
	local i file shown=0
	while [ $shown = 0 ]; do
		wait -n "${pids[@]}" 2>/dev/null
		for i in "${!names[@]}"; do
			file=$results/${names[$i]//\//_}
			[ -e "$file.status" ] || { kill -0 "${pids[$i]}" 2>/dev/null && continue; }
			wait "${pids[$i]}"
			show "${names[$i]}" "$file"
			unset "names[$i]" "pids[$i]"
			shown=1
		done
		names=("${names[@]}") pids=("${pids[@]}")
	done
}

collect_all() {
	while [ ${#names[@]} -gt 0 ]; do collect; done
}

interrupted() {
	trap - INT TERM
	[ ${#pids[@]} -gt 0 ] && kill "${pids[@]}" 2>/dev/null
	exit 130
}
trap interrupted INT TERM

# counts WORD FILE: the number before WORD in the last summary line.
counts() {
	local n
	n=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$2" | tail -n 1 | grep -oE "[0-9]+ $1" | grep -oE '^[0-9]+')
	echo "${n:-0}"
}

show() {
	local name=$1 file=$2 status p=0 f=0 s=0 seconds limit plan why=
	status=$(cat "$file.status" 2>/dev/null || echo lost)
	read -r seconds limit <"$file.time" || seconds=0 limit=0
	case $name in
	*.bats)
		p=$(grep -cE '^ok [0-9]+' "$file.out")
		s=$(grep -cE '^ok [0-9]+ .*# skip' "$file.out")
		p=$((p - s))
		f=$(grep -cE '^not ok [0-9]+' "$file.out")
		plan=$(grep -oE '^1\.\.[0-9]+' "$file.out" | head -n 1)
		plan=${plan#1..}
		if [ -z "$plan" ]; then
			why='no test ran'
		elif [ $((p + f + s)) -lt "$plan" ]; then
			why="$((plan - p - f - s)) of $plan tests did not finish"
			f=$((plan - p - s))
		fi
		;;
	corpus/*)
		if [ "$status" = 0 ] && grep -qE '^[1-9][0-9]* inputs$' "$file.out"; then p=1; else why='no inputs'; fi
		;;
	*)
		p=$(counts passed "$file.out") f=$(counts failed "$file.out") s=$(counts skipped "$file.out")
		[ $((p + f + s)) = 0 ] && why='nothing was counted'
		;;
	esac
	case $status in
	124 | 137) why="out of time after $limit s" ;;
	0) ;;
	*) [ "$f" = 0 ] && why="exit status $status" ;;
	esac
	[ -n "$why" ] && [ "$f" = 0 ] && f=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))

	printf '%s %s: %d passed, %d failed, %d skipped (%s s)%s\n' "$([ "$f" = 0 ] && echo ok || echo FAIL)" \
	    "$name" "$p" "$f" "$s" "$seconds" "${why:+ -- $why}"
	case $name in
	*.bats) sed -e '/^1\.\.[0-9]*$/d' -e 's/^/    /' "$file.out" ;;
	*) [ "$f" = 0 ] || sed 's/^/    /' "$file.out" ;;
	esac
}

do_unit() {
	local src name
	for src in tests/unit/test_*.c; do
		[ -e "$src" ] || continue
		name=$(basename "$src" .c)
		name=${name#test_}
		# shellcheck disable=SC2086
		job "unit/$name" 60 $VT_WRAP "$VT_BUILD/tests/unit/$name"
	done
	collect_all
}

# Vector files go to the program that is named after their kind: noise-own.json to noise-vectors.
do_vectors() {
	local file
	for file in tests/vectors/noise*.json "$SHARED"/vectors/noise/*.json; do
		[ -e "$file" ] && vector_job noise-vectors "$file"
	done
	for file in tests/vectors/*_test.json "$SHARED"/vectors/wycheproof/*.json; do
		[ -e "$file" ] && [ -e tests/tools/wycheproof.c ] && vector_job wycheproof "$file"
	done
	collect_all
}

vector_job() {
	job "vectors/$1 $(basename "$2")" 120 "$VT_BUILD/tests/$1" "$2"
}

# The committed corpus of every fuzz target, through the build without a fuzzer.
do_corpus() {
	local src name dir
	for src in tests/fuzz/fuzz_*.c; do
		[ -e "$src" ] || continue
		name=$(basename "$src" .c)
		name=${name#fuzz_}
		job "corpus/$name" 60 "$VT_BUILD/fuzz/$name-replay" "tests/fuzz/corpus/$name"
	done
	collect_all
	for dir in tests/fuzz/corpus/*/; do
		name=$(basename "$dir")
		if [ ! -d "$dir" ] || [ -e "tests/fuzz/fuzz_$name.c" ]; then continue; fi
		echo "FAIL corpus/$name: there is no tests/fuzz/fuzz_$name.c"
		failed=$((failed + 1))
	done
}

do_bats() {
	local file limit=400
	[ -n "$VT_SOAK" ] && limit=900
	# A test that hangs is named; the limit of its file is for what even that cannot end.
	export BATS_TEST_TIMEOUT=$((60 * VT_SLOW))
	# The longest first, so that none of them is left at the end.
	# shellcheck disable=SC2046
	for file in $(wc -c tests/*.bats | sort -rn | awk '$2 != "total" { print $2 }'); do
		[ -e "$file" ] && job "$(basename "$file")" $limit bats --tap "$file"
	done
	collect_all
}

for kind in "$@"; do
	case $kind in
	unit | vectors | corpus | bats) "do_$kind" ;;
	*) echo "check: unknown kind '$kind'" >&2; exit 2 ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
