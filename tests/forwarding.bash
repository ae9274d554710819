# shellcheck disable=SC2034 # variables are for the stories
# forwarding: words for the stories about --forward and -L. After `load helper` and `load endings`.

# backend KIND [ARGS...]: tests/peers/plain_peer.py serves in the background. Sets BACKEND (an address for --forward),
# BACKEND_PID; what it sees is in backend.log. BACKEND_AT may name a Unix socket.
backend() {
	local ready=$BATS_TEST_TMPDIR/backend.$((++VT_COUNT))
	: >"$ready"
	: >backend.log
	spawn "$PYTHON" "$ROOT/tests/peers/plain_peer.py" serve "$@" --log backend.log ${BACKEND_AT:+--at "$BACKEND_AT"} \
	    >"$ready" </dev/null
	BACKEND_PID=$SPAWN_PID
	eventually 10 vt_has_line "$ready"
	BACKEND=$(jq -r 'if .path then .path else "127.0.0.1:\(.port)" end' "$ready")
}

# call ADDRESS [ARGS...]: the other end of it; a JSON line a connection in calls.
call() { bounded 60 "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$@" >calls; }

hash_of() { "$PYTHON" "$ROOT/tests/peers/plain_peer.py" hash "$1"; }

# saw N CONDITION: the backend has seen N connections to their end, and the jq condition holds for each end.
saw_so_many() { [ "$(grep -c '"over"' backend.log)" -ge "$1" ]; }
saw() {
	eventually 20 saw_so_many "$1" || { cat backend.log >&2; return 1; }
	jq -e -s "map(select(.event == \"over\")) | length == $1 and (map($2) | all)" backend.log >/dev/null && return
	echo "the backend did not see $1 of $2 but:" >&2
	cat backend.log >&2
	return 1
}

# calls N CONDITION: so many lines in calls, and it holds for each.
calls() {
	jq -e -s "length == $1 and (map($2) | all)" calls >/dev/null && return
	echo "not $1 of $2 but:" >&2
	head -n 5 calls >&2
	return 1
}

# local_listener ARGS...: vault-connect -L in the background with the client's configuration, back when it accepts.
# Sets LOCAL_PID, LOCAL (an address for call), LOCAL_ERR. LOCAL_AT: the argument of -L (default 127.0.0.1:0).
local_listener() {
	local ready=$BATS_TEST_TMPDIR/local.$((++VT_COUNT))
	: >"$ready"
	LOCAL_ERR=$BATS_TEST_TMPDIR/local.$VT_COUNT.err
	VT_WRAP="vt_interruptible $VT_WRAP" XDG_CONFIG_HOME=$PWD/client spawn vault_connect -L "${LOCAL_AT:-127.0.0.1:0}" \
	    --ready-fd 9 "$@" 9>"$ready" </dev/null >local.out 2>"$LOCAL_ERR"
	LOCAL_PID=$SPAWN_PID
	if ! eventually 10 vt_ready_or_gone "$ready" "$LOCAL_PID" || ! vt_has_line "$ready"; then
		cat "$LOCAL_ERR" >&2
		return 1
	fi
	LOCAL=$(jq -r 'if .path then .path else "\(.address):\(.port)" end' "$ready")
}

# descriptors PID: how many it has open.
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
has_descriptors() { [ "$(descriptors "$1")" = "$2" ]; }
