# sessions: words for the stories that run many sessions; `load sessions` after `load helper`.
#
# Jobs and results are JSON lines, see tests/tools/sessions.py; the rules about results are jq conditions.
# A story that draws random numbers calls draw_seed, so that a failure can be repeated with VT_SEED.

# run_sessions JOBS RESULTS [OPTIONS...]: run all jobs; a result for each, or it fails.
run_sessions() {
	find_python json
	VT_BIN=$VT_BIN VT_BUILD=$VT_BUILD VT_WRAP=$VT_WRAP VT_SLOW=$VT_SLOW \
		"$PYTHON" "$ROOT/tests/tools/sessions.py" "${@:3}" <"$1" >"$2"
	[ -s "$1" ]
	[ "$(wc -l <"$1")" = "$(wc -l <"$2")" ]
}

# thin JOBS: in valgrind, where a session takes seconds, every 13th of them is enough.
thin() {
	[ -n "$VT_WRAP" ] || return 0
	awk 'NR % 13 == 1' "$1" >"$1.thin"
	mv "$1.thin" "$1"
}

# every RESULTS CONDITION [JQ OPTIONS...]: the jq condition holds for each; the first that break it are shown.
every() {
	local broken
	[ -s "$1" ]
	broken=$(jq -c "${@:3}" "select([$2] | all | not)" "$1")
	[ -z "$broken" ] && return 0
	echo "not so in $(wc -l <<<"$broken") of $(wc -l <"$1"): $2" >&2
	head -n 3 <<<"$broken" >&2
	return 1
}

# some RESULTS CONDITION: it holds for at least one (or what the story is about did not happen).
some() {
	[ -n "$(jq -c "select($2)" "$1")" ] && return 0
	echo "not so in any of $(wc -l <"$1"): $2" >&2
	head -n 3 "$1" >&2
	return 1
}

# draw_seed: RANDOM begins at VT_SEED, which is made up if it is not given, and shown if the test fails.
draw_seed() {
	VT_SEED=${VT_SEED:-$RANDOM}
	echo "VT_SEED=$VT_SEED"
	RANDOM=$VT_SEED
}

# random_to N: $REPLY is 0..N-1.
random_to() { REPLY=$(((RANDOM << 30 | RANDOM << 15 | RANDOM) % $1)); }

# Keys for both sides: SAFE is arguments (JSON) with which they know each other, show no warning and speak XX.
two_keys() {
	vault_keygen -f listen.key -C '' >listen.pub
	vault_keygen -f connect.key -C '' >connect.pub
	KEY=$(cut -d' ' -f1 listen.pub)
	SAFE_LISTEN=$(jq -nc --arg d "$PWD" '["-i", $d + "/listen.key", "-a", $d + "/connect.pub"]')
	SAFE_CONNECT=$(jq -nc --arg d "$PWD" --arg k "$KEY" '["-i", $d + "/connect.key", "-r", $k, "--protocol", "XX"]')
}

# jobs_from FILTER [JQ OPTIONS...]: a job line for each object that the jq filter makes, SAFE arguments before its
# own. In the filter $d is the current directory.
jobs_from() {
	jq -nc --arg d "$PWD" --argjson safe_listen "$SAFE_LISTEN" --argjson safe_connect "$SAFE_CONNECT" "${@:2}" \
		"$1 | .listen = \$safe_listen + .listen | .connect = \$safe_connect + .connect"
}
