#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - every exit status that the manual promises really comes, for its reason and for no other;
# - each failure is one line that says what and whose, a wrong command line two;
# - every clock ends what it is for, in its time, and says which one it was;
# - a signal ends every tool in every phase at once, and the other side learns that it was no end of data.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# ---- 0 ----

@test "0: all is delivered both ways" {
	printf 'from the client' >a
	printf 'from the server' >b
	LISTEN_STDIN=b serve
	CLIENT_STDIN=a meet 0 0 "$AT"
	cmp a "$LISTEN_OUT"
	cmp b client.out
	silent client.err "$LISTEN_ERR"
}

@test "0: a listener that waits ends by SIGTERM, and its socket is gone" {
	serve
	signal "$LISTEN_PID" TERM 10
	assert_equal "$status" 0
	silent "$LISTEN_ERR"
	assert_not_exists "$AT"
}

@test "0: --help and --version go to standard output; 1 if they cannot" {
	local tool
	for tool in listen connect keygen; do
		run --separate-stderr bounded 10 vault_$tool --help
		assert_success
		assert_regex "$output" "^Usage: vault-$tool "
		assert_equal "$stderr" ""
		assert_equal "$(bounded 10 vault_$tool -h)" "$output"
		run --separate-stderr bounded 10 vault_$tool --version
		assert_success
		assert_regex "${lines[0]}" "^vault-$tool \(vault-tools\) [0-9]+\.[0-9]+\.[0-9]+\$"
		assert_equal "$stderr" ""
		assert_equal "$(bounded 10 vault_$tool -V)" "$output"
		for option in --help --version; do
			status=0
			bounded 10 vault_$tool $option >/dev/full 2>err || status=$?
			expect_status 1 "vault-$tool $option" err
			one_line err 'cannot write to standard output' 'No space left'
		done
		# The first wrong option counts, not a later --help.
		run --separate-stderr bounded 10 vault_$tool --no-such-option --help
		assert_failure 2
		assert_equal "$output" ""
	done
}

# ---- 1 ----

@test "1: local input or output fails, named in one line" {
	serve
	CLIENT_STDIN=$PWD meet 6 1 "$AT"
	one_line client.err 'standard input: Is a directory'
	one_line "$LISTEN_ERR" 'the peer was interrupted'
	echo data >data
	LISTEN_STDIN=data serve
	CLIENT_STDOUT=/dev/full start_client "$AT"
	ended "$CLIENT_PID" 1 vault-connect client.err
	one_line client.err 'standard output: No space left'
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'output failed'
	client -o missing/file "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err '-o missing/file' 'No such file'
	run --separate-stderr bounded 10 vault_listen -o missing/file "$AT"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
	assert_not_exists "$AT"
	touch exists
	run --separate-stderr bounded 10 vault_keygen -f exists
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
	: >ready
	run --separate-stderr bounded 10 vault_listen --ready-fd 9 --anonymous "$AT" 9>/dev/full
	assert_failure 1
	assert_equal "$stderr" 'vault-listen: --ready-fd 9: No space left on device'
	assert_not_exists "$AT"
}

# ---- 2 ----

@test "2: a wrong command line is two lines on stderr, nothing on stdout" {
	local tool args
	while read -r tool args; do
		# shellcheck disable=SC2086
		run --separate-stderr bounded 10 vault_$tool $args
		assert_equal "$tool $args: $status" "$tool $args: 2"
		assert_equal "$output" ""
		assert_regex "${stderr_lines[0]}" "^vault-$tool: "
		assert_equal "${stderr_lines[1]}" "Try 'vault-$tool --help'."
		assert_equal "$tool $args: ${#stderr_lines[@]}" "$tool $args: 2"
	done <<-'END'
		listen --wrong
		listen -Q
		listen a b c
		listen 65536
		listen host:port
		listen -4 -6 0
		listen -w
		listen -w 5x 0
		listen --drain=-1 0
		listen --max-failures 0 0
		listen --ready-fd 77 0
		listen --ready-fd 1 0
		listen -o / 0
		connect
		connect localhost 0
		connect localhost 70000
		connect localhost 12ab
		connect :5004
		connect [::1 5004
		connect /path 5004
		connect -z=1 localhost 1
		connect --probe=1 localhost 1
		connect --json localhost 1
		connect --trust=perhaps localhost 1
		connect -w 1 -w 2 localhost 1
		connect --retry-delay 1 localhost 1
		connect --retry=x localhost 1
		connect --compress=20 localhost 1
		connect --message-timeout -5 localhost 1
		connect -p 0 localhost 1
		connect -o /dev/null localhost 1
		connect --send-only --recv-only localhost 1
		keygen --wrong
		keygen extra
		keygen -y -l
		keygen --import nonsense
	END
}

# ---- 3 ----

@test "3: cannot resolve" {
	client -n not-a-number 5004
	expect_status 3 vault-connect client.err
	one_line client.err "cannot resolve 'not-a-number'"
	client a..b 5004
	expect_status 3 vault-connect client.err
	one_line client.err "cannot resolve 'a..b'"
	run --separate-stderr bounded 10 vault_listen -n not-a-number 0
	assert_failure 3
	assert_regex "$stderr" "^vault-listen: cannot resolve 'not-a-number'"
}

@test "3: nobody listens" {
	odd bound
	client 127.0.0.1 "$ODD_PORT"
	expect_status 3 vault-connect client.err
	one_line client.err "cannot connect to 127.0.0.1:$ODD_PORT: Connection refused"
	client "$PWD/nothing"
	expect_status 3 vault-connect client.err
	one_line client.err "cannot connect to $PWD/nothing: No such file"
}

@test "3: the address is taken, or not ours" {
	SERVE_AT='127.0.0.1 0' serve
	run --separate-stderr bounded 10 vault_listen --anonymous 127.0.0.1 "$LISTEN_PORT"
	assert_failure 3
	assert_equal "$stderr" "vault-listen: cannot listen on 127.0.0.1:$LISTEN_PORT: Address already in use"
	run --separate-stderr bounded 10 vault_listen --anonymous 192.0.2.1 0
	assert_failure 3
	assert_regex "$stderr" '^vault-listen: cannot listen on 192.0.2.1:0: '
	assert_equal "${#stderr_lines[@]}" 1
	client -s 192.0.2.1 127.0.0.1 "$LISTEN_PORT"
	expect_status 3 vault-connect client.err
	one_line client.err 'cannot bind to source 192.0.2.1'
}

@test "3: the other side closes, or resets, in the handshake" {
	local kind
	for kind in slam reset; do
		odd $kind
		client 127.0.0.1 "$ODD_PORT"
		expect_status 3 vault-connect client.err
		one_line client.err "127.0.0.1:$ODD_PORT: the peer closed the connection during the handshake"
		no_controls client.err
	done
}

@test "3: a client that comes second is told that we are busy" {
	local hello
	# Its hello is on its way when the other client wins: magic, name and the beginning of the message.
	SERVE_AT='127.0.0.1 0' serve
	hello='VLT1\x1eNoise_XX_25519_AESGCM_SHA512\x00'
	odd to "$LISTEN_PORT" "$hello"
	meet 0 0 -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	ended "$ODD_PID" 0 odd
	assert_equal "$(sed -n 2p "$ODD_OUT")" 000003
}

@test "3: a server that says it is busy" {
	# Refusal code 3 in place of the second handshake message.
	odd say '\x00\x00\x03'
	timed client --trust=any 127.0.0.1 "$ODD_PORT"
	expect_status 3 vault-connect client.err
	one_line client.err 'the peer is busy'
	in_time 4500
}

# ---- 4 ----

@test "4: no connection in time (nobody answers)" {
	odd full
	timed client -w 500ms 127.0.0.1 "$ODD_PORT"
	expect_status 4 vault-connect client.err
	one_line client.err 'timeout: no connection in time' --handshake-timeout
	in_time 4500
}

@test "4: the handshake takes too long, at the client" {
	odd mute
	timed client -w 500ms 127.0.0.1 "$ODD_PORT"
	expect_status 4 vault-connect client.err
	one_line client.err 'timeout: the handshake took too long' --handshake-timeout
	in_time 4500
}

@test "4: the handshake takes too long, at the listener: silent, or in the middle of it" {
	local text
	for text in '' 'VLT1' 'VLT1\x1eNoise_XX_25519_AESGCM_SHA512\x00'; do
		SERVE_AT='127.0.0.1 0' serve -w 500ms --max-failures 1
		odd to "$LISTEN_PORT" "$text"
		timed ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
		one_line "$LISTEN_ERR" 'timeout: the handshake took too long' --handshake-timeout
		in_time 4500
		ended "$ODD_PID" 0 odd
	done
}

@test "4: nobody comes to the listener" {
	timed serve --accept-timeout 300ms
	timed ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'timeout: no client in time' --accept-timeout
	in_time 4500
	assert_not_exists "$AT"
}

@test "4: a record that does not end, toward either side" {
	echo data >data
	serve --message-timeout 500ms
	link --fault c2s:silence-one@f1+6
	CLIENT_STDIN=data timed meet 4 4 -r "$SERVER_KEY" "$LINK"
	one_line "$LISTEN_ERR" 'timeout: the peer stopped in the middle of a record' --message-timeout
	one_line client.err 'timeout: the peer gave up waiting'
	in_time 9000 # with the wait for an end of the connection that the relay keeps to itself
	LISTEN_STDIN=data serve
	link --fault s2c:silence-one@f1+6
	timed meet 4 4 --message-timeout 500ms -r "$SERVER_KEY" "$LINK"
	one_line client.err 'timeout: the peer stopped in the middle of a record' --message-timeout
	one_line "$LISTEN_ERR" 'timeout: the peer gave up waiting'
	in_time 9000 # with the wait for an end of the connection that the relay keeps to itself
}

@test "4: no data either way for too long; the peer is told" {
	hold in
	LISTEN_STDIN=in serve --idle-timeout 500ms
	timed meet 4 4 "$AT"
	says "$LISTEN_ERR" 'timeout: no data either way' --idle-timeout
	one_line client.err 'timeout: the peer gave up waiting'
	in_time 4500
	release in
	hold in
	LISTEN_STDIN=in serve
	timed meet 4 4 --idle-timeout 500ms "$AT"
	one_line client.err 'timeout: no data either way' --idle-timeout
	one_line "$LISTEN_ERR" 'timeout: the peer gave up waiting'
	in_time 4500
}

@test "4: a peer that is silent is gone after three keep-alives, the other side's clock does not matter" {
	hold in
	LISTEN_STDIN=in serve -v --keep-alive 1h
	start_client -v --keep-alive 300ms "$AT"
	told 10 client.err 'connected with'
	kill -STOP "$LISTEN_PID"
	timed ended "$CLIENT_PID" 4 vault-connect client.err
	says client.err 'timeout: nothing heard from the peer' --keep-alive
	in_time 9000
	kill -CONT "$LISTEN_PID"
	ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
}

@test "the clocks that do not run: no data is fine without --idle-timeout, keep-alive keeps" {
	hold in
	local clocks=(--keep-alive "$(ms 900)" --message-timeout "$(ms 2000)" -w "$(ms 4000)")
	LISTEN_STDIN=in serve -v "${clocks[@]}"
	start_client -v "${clocks[@]}" "$AT"
	told 10 client.err 'connected with'
	idle 5000
	release in finished
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat client.out)" finished
}

# ---- 5 is told in 40-trust.bats; here both sides at once ----

@test "5: the wrong key, and a client that is not authorized" {
	: >"$SERVER_DIR/authorized_keys"
	serve --max-failures 1
	meet 5 5 "$AT"
	one_line client.err authorized_keys
	one_line "$LISTEN_ERR" authorized_keys
}

# ---- 6 ----

@test "6: the peer was killed: neither side takes that for the end" {
	hold in 'first part'
	LISTEN_STDIN=in serve -v
	start_client "$AT"
	eventually 10 has_size client.out 10
	kill -KILL "$LISTEN_PID"
	ended "$CLIENT_PID" 6 vault-connect client.err
	one_line client.err "the connection ended before the peer's end of data"
	release in
	rm -f "$AT"
	hold in 'first part'
	serve
	CLIENT_STDIN=in start_client "$AT"
	eventually 10 has_size "$LISTEN_OUT" 10
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" "the connection ended before the peer's end of data"
}

@test "6: a cut connection, by a forged end and by a reset, in either direction" {
	local fault
	head -c 300000 /dev/zero >data
	for fault in c2s:cut-fin@100000 c2s:cut-rst@100000 s2c:cut-fin@100000 s2c:cut-rst@100000; do
		LISTEN_STDIN=data serve
		link --fault $fault
		# (Who has to wait for READY before it sends cannot be cut before it.)
		CLIENT_STDIN=data meet 6 6 --trust=any --quiet "$LINK"
		one_line client.err
		one_line "$LISTEN_ERR"
		ended "$LINK_PID" 0 relay
	done
}

# ---- 7 ----

@test "7: the peer could not write; it says 1 itself" {
	echo data >data
	LISTEN_STDOUT=/dev/full serve
	CLIENT_STDIN=data meet 1 7 "$AT"
	one_line client.err 'output failed'
	one_line "$LISTEN_ERR" 'standard output: No space left'
}

# ---- 8 ----

@test "8: who is there does not speak our language" {
	local text
	for text in 'SSH-2.0-OpenSSH_9.2\r\n' 'HTTP/1.0 400 Bad Request\r\n\r\n' '\x1b[2J\x1b]0;owned\x07' '\xff\xff'; do
		odd say "$text"
		client --trust=any 127.0.0.1 "$ODD_PORT"
		expect_status 8 vault-connect client.err
		one_line client.err "127.0.0.1:$ODD_PORT: "
	done
	for text in 'GET / HTTP/1.0\r\n\r\n' '\x16\x03\x01\x02\x00' 'VLT2'; do
		SERVE_AT='127.0.0.1 0' serve --max-failures 1
		odd to "$LISTEN_PORT" "$text"
		ended "$LISTEN_PID" 8 vault-listen "$LISTEN_ERR"
		one_line "$LISTEN_ERR" '127.0.0.1:' 'does not speak vault/1'
	done
}

@test "8: forged data is told to both ends and nothing of it is released" {
	head -c 100000 /dev/zero >data
	serve
	link --fault c2s:flip@60000
	CLIENT_STDIN=data meet 8 8 -r "$SERVER_KEY" "$LINK"
	one_line "$LISTEN_ERR" 'does not open'
	one_line client.err 'the peer reports a protocol error'
	cmp -n "$(size_of "$LISTEN_OUT")" data "$LISTEN_OUT"
}

# ---- 9 ----

@test "6: a client that is let in and leaves at once has used the listener up" {
	for _ in 1 2 3 4 5; do
		serve
		CLIENT_STDIN=$PWD meet 6 1 -r "$SERVER_KEY" "$AT"
		one_line "$LISTEN_ERR" 'the peer was interrupted'
	done
}

@test "9: a secret that others can read, at each tool" {
	chmod 644 "$SERVER_DIR/identity"
	client -i "$SERVER_DIR/identity" "$AT"
	expect_status 9 vault-connect client.err
	one_line client.err 'chmod 600'
	run --separate-stderr bounded 10 vault_listen -i "$SERVER_DIR/identity" "$AT"
	assert_failure 9
	assert_regex "$stderr" 'chmod 600'
	run --separate-stderr bounded 10 vault_keygen -y -f "$SERVER_DIR/identity"
	assert_failure 9
	assert_regex "$stderr" 'chmod 600'
}

# ---- 128+n ----

# calling PORT: somebody's connection to it is under way (state SYN_SENT), beside those that fill the queue.
calling() {
	local port
	port=$(printf '%04X' "$1")
	[ "$(grep -c " 0100007F:$port 02 " /proc/net/tcp)" -gt 1 ]
}

@test "130, 143, 129: vault-connect is ended in every phase, at once" {
	local name number
	odd full
	local full=$ODD_PORT
	odd mute
	local mute=$ODD_PORT
	odd bound
	local bound=$ODD_PORT
	while read -r name number; do
		echo "connecting, $name"
		start_client -v -w 1m 127.0.0.1 "$full"
		eventually 10 calling "$full"
		timed signal "$CLIENT_PID" "$name" 10
		expect_status "$number" 'vault-connect (connecting)' client.err
		in_time 4500
		echo "handshake, $name"
		start_client -vv -w 1m 127.0.0.1 "$mute"
		told 10 client.err 'TCP connected'
		timed signal "$CLIENT_PID" "$name" 10
		expect_status "$number" 'vault-connect (handshake)' client.err
		in_time 4500
		echo "retry, $name"
		start_client -v --retry --retry-delay 1m 127.0.0.1 "$bound"
		told 10 client.err 'trying again'
		timed signal "$CLIENT_PID" "$name" 10
		expect_status "$number" 'vault-connect (waiting to retry)' client.err
		in_time 4500
		echo "session, $name"
		hold in
		LISTEN_STDIN=in serve
		CLIENT_STDIN=in start_client -v "$AT"
		told 10 client.err 'connected with'
		timed signal "$CLIENT_PID" "$name" 10
		expect_status "$number" 'vault-connect (session)' client.err
		in_time 4500
		ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
		one_line "$LISTEN_ERR" 'the peer was interrupted'
		release in
	done <<-'END'
		INT 130
		TERM 143
		HUP 129
	END
}

@test "130, 129: a listener that waits, with and without a client in its handshake" {
	local name number
	while read -r name number; do
		SERVE_AT='127.0.0.1 0' serve
		timed signal "$LISTEN_PID" "$name" 10
		expect_status "$number" 'vault-listen (waiting)' "$LISTEN_ERR"
		in_time 4500
		SERVE_AT='127.0.0.1 0' serve -vv
		odd to "$LISTEN_PORT" 'VLT1'
		told 10 "$LISTEN_ERR" ': connected'
		timed signal "$LISTEN_PID" "$name" 10
		expect_status "$number" 'vault-listen (handshake)' "$LISTEN_ERR"
		in_time 4500
		ended "$ODD_PID" 0 odd
	done <<-'END'
		INT 130
		TERM 0
		HUP 129
	END
}

@test "a signal to a listener in a session: it may finish, and the status says what came of it" {
	hold in 'first '
	LISTEN_STDIN=in serve -v
	start_client "$AT"
	eventually 10 has_size client.out 6
	kill -TERM "$LISTEN_PID"
	release in second
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat client.out)" 'first second'
}

@test "a listener's session is closed when --drain is over, or by a second signal; the client learns why" {
	hold in 'first '
	LISTEN_STDIN=in serve --drain 500ms
	start_client "$AT"
	eventually 10 has_size client.out 6
	timed signal "$LISTEN_PID" TERM 10
	expect_status 143 vault-listen "$LISTEN_ERR"
	in_time 4500
	[ "$TOOK" -ge 450 ]
	ended "$CLIENT_PID" 6 vault-connect client.err
	one_line client.err 'the peer is shutting down'
	release in
	hold in 'first '
	LISTEN_STDIN=in serve -v --drain 1h
	start_client "$AT"
	eventually 10 has_size client.out 6
	kill -INT "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'another signal ends it now'
	timed signal "$LISTEN_PID" INT 10
	expect_status 130 vault-listen "$LISTEN_ERR"
	in_time 4500
	ended "$CLIENT_PID" 6 vault-connect client.err
}

@test "SIGHUP stays ignored where it was (nohup)" {
	hold in
	LISTEN_STDIN=in serve
	(
		trap '' HUP
		XDG_CONFIG_HOME=$PWD/client exec "$VT_BIN/vault-connect" -v "$AT" </dev/null >client.out 2>client.err 3>&-
	) &
	CLIENT_PID=$!
	VT_PIDS+=("$CLIENT_PID")
	told 10 client.err 'connected with'
	kill -HUP "$CLIENT_PID"
	release in 'still there'
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat client.out)" 'still there'
}
