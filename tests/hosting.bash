# shellcheck disable=SC2034,SC2154 # variables are for the stories
# hosting: words for the stories about what stands around a listener. After `load helper` and `load endings`.

HOSTING=$ROOT/tests/peers/hosting.py

# ask LINE...: answers of the control socket $CONTROL, one a line.
ask() {
	find_python socket
	bounded 30 "$PYTHON" "$HOSTING" ask "$CONTROL" "$@"
}

# answer LINE [JQ-CONDITION] [JQ-OPTIONS...]: the answer to one line is so.
answer() {
	local got
	got=$(ask "$1") || return 1
	jq -e "${2:-.ok}" "${@:3}" <<<"$got" >/dev/null && return
	echo "the answer to '$1' is not so (${2:-.ok}): $got" >&2
	return 1
}

answers() { ask "$1" | jq -e "${2:-.ok}" "${@:3}"; }

# join NAME ARGS...: a client in the background, with input that stays open; its files are NAME.*
join() {
	local name=$1
	shift
	hold "$name.in" "${JOIN_TEXT:-}"
	CLIENT_STDIN=$name.in CLIENT_STDOUT=$name.out CLIENT_STDERR=$name.err start_client -v "$@" "$AT"
	eval "PID_$name=\$CLIENT_PID"
	told 20 "$name.err" 'connected with'
}

pid_of() { eval "echo \$PID_$1"; }

# events CONDITION [JQ-OPTIONS...]: the file of events, as an array, is so.
events() {
	jq -es "$@" events >/dev/null && return
	echo "events are not so: $1" >&2
	cat events >&2
	return 1
}

# many_events NAME COUNT: there are so many of that name.
many_events() { [ "$(jq -rs --arg n "$1" '[.[] | select(.event == $n)] | length' events)" -ge "$2" ]; }

# stop_listener STATUS: SIGTERM, and what it ends with.
stop_listener() {
	signal "$LISTEN_PID" TERM 20
	expect_status "$1" vault-listen "$LISTEN_ERR"
}

# activated SPECS -- ARGS...: vault-listen with sockets that were handed over. Sets PORTS, LISTEN_PID, LISTEN_OUT,
# LISTEN_ERR, READY (a file).
activated() {
	local specs=() n=$((++VT_COUNT))
	while [ "$1" != -- ]; do
		specs+=("$1")
		shift
	done
	shift
	find_python socket
	READY=$BATS_TEST_TMPDIR/ready.$n
	LISTEN_OUT=$BATS_TEST_TMPDIR/listen.$n.out
	LISTEN_ERR=$BATS_TEST_TMPDIR/listen.$n.err
	: >"$READY"
	vt_words vault_listen --ready-fd 8 "$@"
	XDG_CONFIG_HOME=$PWD/server spawn "$PYTHON" "$HOSTING" activate "${specs[@]}" -- "${vt_command[@]}" 8>"$READY" \
	    9>"$BATS_TEST_TMPDIR/ports.$n" </dev/null >"$LISTEN_OUT" 2>"$LISTEN_ERR"
	LISTEN_PID=$SPAWN_PID
	eventually 10 vt_ready_or_gone "$READY" "$LISTEN_PID"
	mapfile -t PORTS <"$BATS_TEST_TMPDIR/ports.$n"
}
