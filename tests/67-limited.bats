#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # stories set status and names of files for each other
#
# Goal of this story: a key with command= or forward= in authorized_keys gets that and never anything else:
# - no standard input or output of a listener, for one client or for many;
# - no backend where it may only run a command, no command where it may only have a backend;
# - it is refused like an unknown key: the client hears no more than that, the listener says the line of the file.

load helper
load endings
load forwarding
load hosting

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# limit OPTIONS: the client's key has these in authorized_keys, in its second line.
limit() { printf '# a list\n%s %s client\n' "$1" "$CLIENT_KEY" >"$SERVER_DIR/authorized_keys"; }

# turned_away WHAT: the client that was here has met a refusal that tells it nothing, and the listener says that its key
# is only for WHAT.
turned_away() {
	expect_status 5 vault-connect client.err
	one_line client.err "does not accept this side's key"
	! grep -qE 'command|forward|backend' client.err || return 1
	silent client.out "$LISTEN_OUT"
	told 10 "$LISTEN_ERR" "the client's key is only for $1 ($SERVER_DIR/authorized_keys:2, client)"
	one_line "$LISTEN_ERR" 'only for'
}

# finds_no SERVICE-ARGS...: with each rule in RULES, the client is turned away by a listener of that kind; a probe, too.
RULES=('command="cat"|a command' 'forward="localhost:9"|a backend' 'forward="localhost:9",command="cat"|a command or a backend')
finds_no() {
	local rule
	echo secret >secret
	echo intruder >intruder
	for rule in "${RULES[@]}"; do
		limit "${rule%|*}"
		rm -f events
		LISTEN_STDIN=secret serve --events events "$@"
		CLIENT_STDIN=intruder client "$AT"
		turned_away "${rule#*|}"
		eventually 10 many_events handshake_failed 1
		events '.[1] | .event == "handshake_failed" and .status == 5 and .error == "auth" and (.reason | test("is only for"))'
		events ".[1].key == \"$CLIENT_KEY\" and all(.[]; .event != \"connect\")"
		client -z "$AT"
		expect_status 5 vault-connect client.err
		signal "$LISTEN_PID" TERM 10
		expect_status 0 vault-listen "$LISTEN_ERR"
	done
}

@test "a listener for one client: no standard input, no standard output" {
	finds_no
}

@test "a listener for many: neither messages to it nor from it" {
	local how
	for how in -k --hub --echo; do finds_no "$how" --framing lines; done
}

@test "a rule that limits no more than time, rate and number is served as ever" {
	limit 'rate=10M,max-clients=1,expires=2099-01-01'
	echo hello >hello
	serve
	CLIENT_STDIN=hello meet 0 0 "$AT"
	assert_equal "$(cat "$LISTEN_OUT")" hello
}

@test "who is turned away uses up nothing: the next one has the session" {
	limit 'command="cat"'
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_keygen -f friend -C friend >/dev/null
	cat friend.pub >>"$SERVER_DIR/authorized_keys"
	echo hello >hello
	serve
	client "$AT"
	turned_away 'a command'
	CLIENT_STDIN=hello client -i friend "$AT"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" hello
}

@test "a command is for keys without forward=, unless they have command=, too" {
	local many
	for many in '' -k; do
		limit 'forward="localhost:9"'
		# shellcheck disable=SC2086
		serve $many -e "touch $PWD/ran"
		client "$AT"
		turned_away 'a backend'
		signal "$LISTEN_PID" TERM 10
		assert_not_exists ran
		limit 'forward="localhost:9",command="echo mine"'
		# shellcheck disable=SC2086
		serve $many -e "touch $PWD/ran"
		client "$AT"
		expect_status 0 vault-connect client.err
		assert_equal "$(cat client.out)" mine
		[ -n "$many" ] || wait_for "$LISTEN_PID" 10
		assert_not_exists ran
	done
}

@test "a backend is for keys without command=, unless they have forward=, too" {
	find_python hashlib
	BACKEND_AT=$PWD/b.sock backend answer
	limit 'command="cat"'
	serve --forward "$PWD/b.sock"
	client "$AT"
	turned_away 'a command'
	assert_equal "$(cat backend.log)" ''
	signal "$LISTEN_PID" TERM 10
	limit "command=\"cat\",forward=\"$PWD/b.sock\""
	serve --forward /nowhere/at/all
	client "$AT"
	expect_status 0 vault-connect client.err
	grep -q '^0 ' client.out
}

@test "a list that is read anew counts for clients of Vault TCP, too, whose first message has not come yet" {
	find_python cryptography nacl
	SERVE_AT="127.0.0.1 0" serve -k --wire vault-tcp --protocol IK --framing lines -v
	mkfifo words
	spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" connect 127.0.0.1 "$LISTEN_PORT" --protocol Noise_IK_25519_AESGCM_SHA512 \
	    --static "$CLIENT_DIR/identity" --remote "$SERVER_KEY" --send words --json peer.json 2>peer.err </dev/null
	# It is opened when the handshake is over: the verdict has been spoken, but nobody is served before the first message.
	exec 8>words
	limit 'command="cat"'
	kill -HUP "$LISTEN_PID"
	told 10 "$LISTEN_ERR" "the client's key is only for a command ($SERVER_DIR/authorized_keys:2, client)"
	# (Nobody may read any more.)
	(trap '' PIPE; echo intruder >&8) 2>/dev/null || true
	exec 8>&-
	wait_for "$SPAWN_PID" 20
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_OUT"
	! grep -q 'connected with' "$LISTEN_ERR" || return 1
}
