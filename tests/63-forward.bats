#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # stories set status and names of files for each other
#
# Goal of this story: vault-listen --forward
# - the backend hears of clients that have authenticated, and of no others;
# - an end is passed on as an end, in each direction by itself, and everything else as a reset, never as an end;
# - a backend that is not there, or goes away, costs one session its success and nobody else anything;
# - many at once, large ones, both families of sockets, raw Vault TCP clients; nothing is left behind;
# - it does not start without a rule who may connect.

load helper
load endings
load forwarding

setup() {
	vt_setup
	find_python hashlib
	people
}

# through: a client whose standard input goes to the backend and the answer to client.out.
through() { client -r "$SERVER_KEY" --protocol XX "${THROUGH:-$LISTEN_PATH}"; }

pattern() { "$VT_BUILD/tests/pattern" "$@"; }

@test "a request, an end, and then the answer: half-close goes through" {
	backend answer
	serve --forward "$BACKEND"
	head -c 300000 /dev/urandom >request
	CLIENT_STDIN=request through
	expect_status 0 vault-connect client.err
	[ "$(cat client.out)" = "300000 $(sha256sum request | cut -d' ' -f1)" ]
	saw 1 '.got == 300000 and .end == "eof"'
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_ERR" "$LISTEN_OUT"
}

@test "the backend may end first, and the client goes on" {
	backend source --bytes 100000
	serve --forward "$BACKEND"
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	eventually 10 has_size client.out 100000
	release input ' and more'
	ended "$CLIENT_PID" 0 vault-connect client.err
	[ "$(sha256sum <client.out | cut -d' ' -f1)" = "$(hash_of 100000)" ]
	saw 1 '.got == 14 and .end == "eof"'
}

@test "large transfers both ways, to TCP and Unix backends, with and without the sandbox" {
	local n=$((40 * 1024 * 1024)) at
	head -c $n /dev/urandom >large
	for at in "" "$PWD/b.sock"; do
		BACKEND_AT=$at backend echo
		for sandbox in auto off; do
			serve --forward "$BACKEND" --sandbox "$sandbox"
			CLIENT_SECONDS=60 CLIENT_STDIN=large through
			expect_status 0 vault-connect client.err
			cmp large client.out
			signal "$LISTEN_PID" TERM 10
			expect_status 0 vault-listen "$LISTEN_ERR"
			silent "$LISTEN_ERR"
		done
	done
}

@test "who is not let in is no news for the backend" {
	backend echo
	serve --forward "$BACKEND" -v
	mkdir -p stranger/vault-tools
	XDG_CONFIG_HOME=$PWD/stranger bounded 10 vault_keygen >/dev/null
	run -5 env XDG_CONFIG_HOME="$PWD/stranger" timeout 20 "$VT_BIN/vault-connect" -r "$SERVER_KEY" "$LISTEN_PATH" </dev/null
	XDG_CONFIG_HOME=$PWD/client run -0 bounded 10 vault_connect -z -r "$SERVER_KEY" "$LISTEN_PATH"
	printf 'not a handshake at all' | bounded 10 nc -N -U "$LISTEN_PATH" >/dev/null || true
	told 10 "$LISTEN_ERR" 'is not authorized'
	# One that may, so that there is something that could have been late.
	CLIENT_STDIN=server/vault-tools/authorized_keys through
	expect_status 0 vault-connect client.err
	saw 1 '.end == "eof"'
	[ "$(grep -c '"open"' backend.log)" = 1 ]
}

@test "a cut client is a reset at the backend, wherever it is cut, and never an end" {
	local fault
	backend answer
	head -c 2000000 /dev/urandom >large
	serve --forward "$BACKEND"
	for fault in cut-fin@900000 cut-rst@900000 half-fin@900000 cut-fin@700000 flip@800000 drop-frame@f9; do
		link --fault "c2s:$fault"
		CLIENT_STDIN=large THROUGH=$LINK through
		[ "$status" = 6 ] || [ "$status" = 8 ] || fail "$fault: status $status"
	done
	saw 6 '.end == "reset"'
	silent client.out
}

@test "a client or a listener that is killed is a reset at the backend" {
	backend answer
	serve --forward "$BACKEND"
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 backend.log '"open"'
	kill -KILL "$CLIENT_PID"
	wait_for "$CLIENT_PID" 10
	saw 1 '.end == "reset" and .got == 5'
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 backend.log '"number": 2, "event": "open"'
	kill -KILL "$LISTEN_PID"
	wait_for "$LISTEN_PID" 10
	saw 2 '.end == "reset"'
	ended "$CLIENT_PID" 6 vault-connect client.err
}

@test "over a Unix socket there is no reset; the backend's connection is closed at once, at least" {
	BACKEND_AT=$PWD/b.sock backend answer
	serve --forward "$BACKEND"
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 backend.log '"open"'
	kill -KILL "$CLIENT_PID"
	wait_for "$CLIENT_PID" 10
	saw 1 '.got == 5'
}

@test "a backend that resets: the client fails, with what came before, and the listener goes on" {
	backend reset --bytes 100000
	head -c 3000000 /dev/urandom >large
	serve --forward "$BACKEND" -v
	CLIENT_STDIN=large through
	[ "$status" = 6 ] || [ "$status" = 7 ] || fail "status $status"
	hold input "$(head -c 100000 /dev/zero | tr '\0' x)"
	CLIENT_STDIN=input through
	expect_status 6 vault-connect client.err
	told 10 "$LISTEN_ERR" "backend $BACKEND: Connection reset by peer"
	saw 2 'true'
	vt_alive "$LISTEN_PID"
}

@test "what a backend says before it leaves arrives, although it took not all" {
	backend goodbye
	serve --forward "$BACKEND"
	hold input
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	eventually 10 has_size client.out 7
	[ "$(cat client.out)" = goodbye ]
	# It is gone, and this it cannot take: that is no success.
	release input "$(head -c 500000 /dev/zero | tr '\0' x)"
	ended "$CLIENT_PID" 7 vault-connect client.err
}

@test "a backend that is not there: status 7, a line that names it, and the next one is served" {
	SERVE_AT="127.0.0.1 0"
	odd bound
	serve --forward "127.0.0.1:$ODD_PORT"
	printf hello >hello
	CLIENT_STDIN=hello client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 7 vault-connect client.err
	told 10 "$LISTEN_ERR" "--forward: cannot connect to 127.0.0.1:$ODD_PORT: Connection refused"
	# The client is not told where the backend is.
	run ! grep -q "$ODD_PORT" client.err
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen

	BACKEND_AT=$PWD/b.sock
	serve --forward "$BACKEND_AT"
	client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 7 vault-connect client.err
	told 10 "$LISTEN_ERR" "cannot connect to $BACKEND_AT: No such file or directory"
	backend echo
	CLIENT_STDIN=hello client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	cmp hello client.out
}

@test "a backend that does not answer is given up after --handshake-timeout" {
	odd full
	serve --forward "127.0.0.1:$ODD_PORT" -w "$(ms 500)"
	hold input hello
	CLIENT_STDIN=input through
	expect_status 7 vault-connect client.err
	told 10 "$LISTEN_ERR" "cannot connect to 127.0.0.1:$ODD_PORT: timeout (see --handshake-timeout)"
}

@test "a client that leaves while the backend does not answer leaves nothing" {
	odd full
	serve --forward "127.0.0.1:$ODD_PORT" -w "$(ms 60000)" -vv
	local before
	before=$(descriptors "$LISTEN_PID")
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 "$LISTEN_ERR" 'connected with'
	kill -KILL "$CLIENT_PID"
	wait_for "$CLIENT_PID" 10
	eventually 10 has_descriptors "$LISTEN_PID" "$before"
}

@test "two hundred at once; the descriptors are as many as before" {
	local before
	backend echo
	SERVE_AT="127.0.0.1 0" serve --forward "$BACKEND"
	local_listener -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	call "$LOCAL" --bytes 10
	calls 1 '.got == 10'
	before="$(descriptors "$LISTEN_PID") $(descriptors "$LOCAL_PID")"
	call "$LOCAL" --times 200 --bytes 100000
	calls 200 ".got == 100000 and .end == \"eof\" and .hash == \"$(hash_of 100000)\""
	saw 201 '.end == "eof"'
	eventually 10 has_descriptors "$LISTEN_PID" "${before% *}"
	eventually 10 has_descriptors "$LOCAL_PID" "${before#* }"
	silent "$LISTEN_ERR" "$LOCAL_ERR"
}

@test "Vault TCP clients are forwarded, too, beside native ones" {
	find_python cryptography nacl
	backend answer
	SERVE_AT="127.0.0.1 0" serve --forward "$BACKEND" --wire auto --anonymous
	head -c 70000 /dev/urandom >request
	CLIENT_STDIN=request client --wire vault-tcp 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	[ "$(cat client.out)" = "70000 $(sha256sum request | cut -d' ' -f1)" ]
	CLIENT_STDIN=request client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	[ "$(cat client.out)" = "70000 $(sha256sum request | cut -d' ' -f1)" ]
	saw 2 '.got == 70000 and .end == "eof"'
	# One that resets; what just ends is taken for an end there, see the page.
	hold input hello
	CLIENT_STDIN=input start_client --wire vault-tcp 127.0.0.1 "$LISTEN_PORT"
	told 10 backend.log '"number": 3, "event": "open"'
	kill -KILL "$CLIENT_PID"
	wait_for "$CLIENT_PID" 10
	eventually 20 saw_so_many 3
	[ "$(jq -r 'select(.event == "over" and .number == 3) | .end' backend.log)" = reset ]
}

@test "compressed sessions do not mix" {
	backend echo
	serve --forward "$BACKEND" --compress
	LOCAL_AT=$PWD/l.sock local_listener -r "$SERVER_KEY" --compress "$LISTEN_PATH"
	call "$LOCAL" --times 20 --bytes 1000000
	calls 20 ".got == 1000000 and .end == \"eof\" and .hash == \"$(hash_of 1000000)\""
}

@test "keys with a backend of their own, and keys that may only run a command" {
	local key
	BACKEND_AT=$PWD/b.sock backend answer
	key=$(cat "$SERVER_DIR/authorized_keys")
	printf 'forward="%s" %s\n' "$PWD/b.sock" "$key" >"$SERVER_DIR/authorized_keys"
	serve --forward /nowhere/at/all
	through
	expect_status 0 vault-connect client.err
	grep -q '^0 ' client.out
	# Read anew: now it may only run a command.
	printf 'command="true" %s\n' "$key" >"$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	through_fails() { through && [ "$status" = 5 ]; }
	eventually 10 through_fails
	told 10 "$LISTEN_ERR" "the client's key is only for a command ($SERVER_DIR/authorized_keys:1, client)"
	# And anew: a backend that was not known at the start.
	printf 'forward="%s" %s\n' "$PWD/other.sock" "$key" >"$SERVER_DIR/authorized_keys"
	BACKEND_AT=$PWD/other.sock backend answer
	kill -HUP "$LISTEN_PID"
	through_works() { through && [ "$status" = 0 ]; }
	eventually 10 through_works
}

@test "a drain lets sessions finish, and cuts what does not, with a reset" {
	backend answer
	serve --forward "$BACKEND" --drain "$(ms 300)"
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 backend.log '"open"'
	signal "$LISTEN_PID" TERM 20
	expect_status 143 vault-listen "$LISTEN_ERR"
	ended "$CLIENT_PID" 6 vault-connect client.err
	saw 1 '.end == "reset"'

	serve --forward "$BACKEND" --drain 60s -v
	hold input hello
	CLIENT_STDIN=input start_client -r "$SERVER_KEY" "$LISTEN_PATH"
	told 10 backend.log '"number": 2, "event": "open"'
	kill -TERM "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'shutting down'
	release input
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "no rule who may connect: it does not start, unless that is meant" {
	rm "$SERVER_DIR/authorized_keys"
	XDG_CONFIG_HOME=$PWD/server run -9 bounded 10 vault_listen --forward 127.0.0.1:9 "$PWD/sock"
	assert_output --partial 'nothing says who may connect'
	assert_not_exists "$PWD/sock"
	serve --forward 127.0.0.1:9 --anonymous
	silent "$LISTEN_ERR"
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen
	bounded 10 vault_keygen --psk -f psk
	serve --forward 127.0.0.1:9 --psk-file psk
}

@test "what is wrong on the command line is said" {
	local bad
	for bad in "--forward host" "--forward 127.0.0.1:0" "--forward 1:2:3" "--forward [::1" "--forward 80 -o file" \
	    "--forward 80 --hub" "--forward 80 --echo" "--forward 80 --tag" "--forward 80 --framing lines" \
	    "--forward 80 --recv-only" "--forward 80 --accept-timeout 5" "--forward 80 --max-failures 5"; do
		# shellcheck disable=SC2086
		run -2 bounded 10 vault_listen $bad "$PWD/sock"
		assert_output --partial "--forward"
	done
	XDG_CONFIG_HOME=$PWD/server run -3 bounded 10 vault_listen -n --forward no-number:80 "$PWD/sock"
	assert_output --partial "cannot resolve 'no-number'"
}

@test "clients that are killed at any time leave nothing, and no end at the backend" {
	local before end count=0 i pids
	backend answer
	serve --forward "$BACKEND"
	head -c 1000 /dev/urandom >small
	CLIENT_STDIN=small through
	expect_status 0 vault-connect client.err
	before=$(descriptors "$LISTEN_PID")
	hold input 'never ended'
	end=$((SECONDS + $(soak 5 60)))
	while [ $SECONDS -lt $end ]; do
		pids=()
		for i in 1 2 3; do
			CLIENT_STDIN=input CLIENT_STDERR=/dev/null CLIENT_STDOUT=/dev/null start_client -r "$SERVER_KEY" "$LISTEN_PATH"
			pids+=("$CLIENT_PID")
		done
		sleep "0.0$((RANDOM % 10))"
		for i in "${pids[@]}"; do
			kill -KILL "$i"
			wait_for "$i" 10
		done
		count=$((count + 3))
	done
	eventually 20 has_descriptors "$LISTEN_PID" "$before"
	CLIENT_STDIN=small through
	expect_status 0 vault-connect client.err
	# The two that were not killed ended, none of the others did.
	eventually 20 saw_so_many "$(grep -c '"open"' backend.log)"
	[ "$(jq -r 'select(.event == "over") | .end' backend.log | grep -c eof)" = 2 ]
	echo "$count clients, $(grep -c reset backend.log) of them had a backend"
}
