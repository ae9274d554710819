#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # stories set status and names of files for each other
#
# Goal of this story: vault-connect -L, and with vault-listen --forward behind it
# - real programs talk through both: curl and a web server, redis if it is there;
# - each local connection is a session of its own, in which the server's key is checked: remembered at the first, expected
#   from then on, refused when it has changed;
# - ends and half ends go through, what is cut is a reset at the local client, never an end;
# - it lives on through everything but a signal, and leaves nothing behind.

load helper
load endings
load forwarding

setup() {
	vt_setup
	find_python hashlib
	people
}

# both KIND [ARGS...]: a backend, a listener that forwards to it, and -L in front of that.
both() {
	backend "$@"
	serve --forward "$BACKEND"
	local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
}

# leave: both end well and have said nothing.
leave() {
	signal "$LOCAL_PID" TERM 10
	expect_status 0 vault-connect "$LOCAL_ERR"
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
	silent "$LOCAL_ERR" "$LISTEN_ERR" local.out
}

need_curl() { command -v curl >/dev/null || skip "curl is NOT INSTALLED: nothing is known about a real client"; }

@test "curl through both to a web server: small, large, uploads refused, many in parallel" {
	local n before
	need_curl
	mkdir www
	head -c 30000000 /dev/urandom >www/large
	for n in {1..40}; do echo "page $n" >"www/$n"; done
	: >web.log
	spawn "$PYTHON" -u -m http.server --bind 127.0.0.1 -d www 0 </dev/null >web.ready 2>web.log
	eventually 10 grep -q 'port [0-9]' web.ready
	BACKEND=127.0.0.1:$(sed -n 's/.* port \([0-9]*\).*/\1/p' web.ready)
	SERVE_AT="127.0.0.1 0" serve --forward "$BACKEND"
	local_listener -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	before=$(descriptors "$LOCAL_PID")
	[ "$(bounded 20 curl -sSf "http://$LOCAL/7")" = 'page 7' ]
	bounded 60 curl -sSf -o large "http://$LOCAL/large"
	cmp large www/large
	# What the server does not read: it says so and closes, and curl hears that.
	[ "$(bounded 20 curl -s -o refused -w '%{http_code}' --data-binary @www/large -H 'Expect:' "http://$LOCAL/1")" = 501 ]
	# shellcheck disable=SC2016
	seq 40 | bounded 60 xargs -P 20 -I N curl -sSf -o got.N "http://$LOCAL/N"
	for n in {1..40}; do cmp "got.$n" "www/$n"; done
	eventually 10 has_descriptors "$LOCAL_PID" "$before"
	vt_alive "$LISTEN_PID"
}

@test "redis through both" {
	command -v redis-server >/dev/null && command -v redis-cli >/dev/null || skip "redis is NOT INSTALLED"
	spawn redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --dir "$PWD" </dev/null >redis.log
	eventually 10 test -S redis.sock
	serve --forward "$PWD/redis.sock"
	LOCAL_AT=$PWD/l.sock local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
	[ "$(bounded 10 redis-cli -s "$LOCAL" set greeting hello)" = OK ]
	[ "$(bounded 10 redis-cli -s "$LOCAL" get greeting)" = hello ]
	head -c 3000000 /dev/urandom | base64 -w0 >value
	bounded 20 redis-cli -s "$LOCAL" -x set large <value >/dev/null
	[ "$(bounded 20 redis-cli -s "$LOCAL" strlen large)" = "$(size_of value)" ]
}

@test "the end of one direction, then the answer; large both ways; TCP and Unix at each place" {
	local at
	for at in 127.0.0.1:0 "$PWD/l.sock" 0 ; do
		case $at in
		/*) BACKEND_AT=$PWD/b.sock backend answer ;;
		*) backend answer ;;
		esac
		serve --forward "$BACKEND"
		LOCAL_AT=$at local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
		call "$LOCAL" --bytes 20000000
		calls 1 '.end == "eof" and .got > 70 and .sent == 20000000'
		saw 1 ".end == \"eof\" and .hash == \"$(hash_of 20000000)\""
		leave
		rm -f b.sock
	done
	both source --bytes 20000000
	call "$LOCAL" --times 3 --bytes 1000000
	calls 3 ".end == \"eof\" and .got == 20000000 and .hash == \"$(hash_of 20000000)\""
	saw 3 '.got == 1000000 and .end == "eof"'
	leave
}

@test "by default only this machine can connect, at IPv4 and IPv6; other addresses are warned of" {
	backend answer
	serve --forward "$BACKEND"
	LOCAL_AT=0 local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
	silent "$LOCAL_ERR"
	call "$LOCAL" --bytes 3
	calls 1 '.end == "eof"'
	if [ -e /proc/net/if_inet6 ] && grep -q '^0\{31\}1 ' /proc/net/if_inet6; then
		call "[::1]:${LOCAL##*:}" --bytes 3
		calls 1 '.end == "eof"'
	fi
	signal "$LOCAL_PID" TERM 10
	for at in 0.0.0.0:0 '*:0'; do
		LOCAL_AT=$at local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
		told 10 "$LOCAL_ERR" 'other machines can connect here, without encryption'
		call "127.0.0.1:${LOCAL##*:}" --bytes 3
		calls 1 '.end == "eof"'
		signal "$LOCAL_PID" TERM 10
	done
}

@test "the first session remembers the server's key, the others expect it, however many come at once" {
	local sandbox
	backend answer
	serve --forward "$BACKEND" -v
	for sandbox in auto off; do
		rm -f "$CLIENT_DIR/known_hosts"
		local_listener --sandbox "$sandbox" -v "$LISTEN_PATH"
		call "$LOCAL" --times 8 --bytes 1000
		calls 8 '.end == "eof"'
		[ "$(grep -c 'remembered in' "$LOCAL_ERR")" = 1 ]
		[ "$(wc -l <"$CLIENT_DIR/known_hosts")" = 1 ]
		grep -q "$SERVER_KEY" "$CLIENT_DIR/known_hosts"
		call "$LOCAL" --bytes 1000
		calls 1 '.end == "eof"'
		grep -q Noise_IK_ "$LOCAL_ERR"
		signal "$LOCAL_PID" TERM 10
		expect_status 0 vault-connect "$LOCAL_ERR"
	done
}

@test "a server whose key has changed, before the start or after: refused, with its reason; the backend hears nothing" {
	backend answer
	serve --forward "$BACKEND"
	local_listener "$LISTEN_PATH"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "eof"'
	signal "$LISTEN_PID" TERM 10
	XDG_CONFIG_HOME=$PWD/server bounded 10 vault_keygen --force >/dev/null
	serve --forward "$BACKEND"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "reset" and .got == 0'
	told 10 "$LOCAL_ERR" 'has CHANGED since it was remembered'
	signal "$LOCAL_PID" TERM 10
	local_listener "$LISTEN_PATH"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "reset" and .got == 0'
	told 10 "$LOCAL_ERR" 'has CHANGED: remembered fingerprint'
	[ "$(grep -c '"open"' backend.log)" = 1 ]
	vt_alive "$LOCAL_PID"
}

@test "--trust=strict, a wrong pin, a key that is not authorized: resets, and the reason here" {
	backend answer
	serve --forward "$BACKEND"
	local_listener --trust strict "$LISTEN_PATH"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "reset"'
	told 10 "$LOCAL_ERR" 'is unknown'
	signal "$LOCAL_PID" TERM 10
	local_listener -r "$CLIENT_KEY" "$LISTEN_PATH"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "reset"'
	told 10 "$LOCAL_ERR" 'has not the key given with --remote-key'
	signal "$LOCAL_PID" TERM 10
	local_listener -r "$SERVER_KEY" --anonymous "$LISTEN_PATH"
	call "$LOCAL" --bytes 10
	calls 1 '.end == "reset"'
	told 10 "$LOCAL_ERR" 'does not accept this side'
	silent backend.log
}

@test "a link that is cut is a reset at the local client, never an end; the next one goes through" {
	local fault n=0
	backend source --bytes 2000000
	serve --forward "$BACKEND"
	for fault in cut-fin@900000 cut-rst@900000 half-fin@900000 flip@800000 drop-frame@f9; do
		link --count 2 --faulty 1 --fault "s2c:$fault"
		local_listener -r "$SERVER_KEY" "$LINK"
		call "$LOCAL" --bytes 10
		calls 1 '.end == "reset" and .got < 2000000'
		call "$LOCAL" --bytes 10
		calls 1 ".end == \"eof\" and .hash == \"$(hash_of 2000000)\""
		signal "$LOCAL_PID" TERM 10
		expect_status 0 vault-connect "$LOCAL_ERR"
	done
}

@test "a local client that resets, and a -L that is killed, are resets at the backend" {
	both echo
	call "$LOCAL" --bytes 1000 --abort --recv 1000
	saw 1 '.end == "reset"'
	call "$LOCAL" --bytes 1000
	calls 1 '.end == "eof"'
	spawn "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$LOCAL" --bytes 1000 --keep </dev/null >calls
	told 10 backend.log '"number": 3, "event": "open"'
	kill -KILL "$LOCAL_PID"
	ended "$SPAWN_PID" 0 plain_peer
	calls 1 '.end == "reset"'
	eventually 20 saw_so_many 3
	[ "$(jq -r 'select(.event == "over" and .number == 3) | .end' backend.log)" = reset ]
}

@test "a backend that resets or is not there is a reset at the local client" {
	both reset --bytes 1000
	call "$LOCAL" --bytes 5000 --times 5
	calls 5 '.end == "reset"'
	signal "$BACKEND_PID" KILL 10
	call "$LOCAL" --bytes 5000 --times 5
	calls 5 '.end == "reset"'
	told 10 "$LISTEN_ERR" 'Connection refused'
	vt_alive "$LOCAL_PID"
	vt_alive "$LISTEN_PID"
}

@test "with a pre-shared key, and with the wire of Vault TCP" {
	backend answer
	bounded 10 vault_keygen --psk -f psk
	rm "$SERVER_DIR/authorized_keys"
	serve --forward "$BACKEND" --psk-file psk
	local_listener --psk-file psk -v "$LISTEN_PATH"
	call "$LOCAL" --bytes 100000 --times 3
	calls 3 '.end == "eof" and .got > 70'
	grep -q Noise_XXpsk3_ "$LOCAL_ERR"
	signal "$LISTEN_PID" TERM 10
	signal "$LOCAL_PID" TERM 10

	SERVE_AT="127.0.0.1 0" serve --forward "$BACKEND" --wire auto --anonymous
	local_listener --wire vault-tcp 127.0.0.1 "$LISTEN_PORT"
	call "$LOCAL" --bytes 100000 --times 3
	calls 3 '.end == "eof" and .got > 70'
	[ "$(grep -c 'nothing confirms delivery' "$LOCAL_ERR")" = 1 ]
	saw 6 '.got == 100000 and .end == "eof"'
}

@test "no server: resets, and a line that names it; when it comes, the next one goes through" {
	local_listener -r "$SERVER_KEY" "$PWD/sock"
	call "$LOCAL" --bytes 5
	calls 1 '.end == "reset"'
	told 10 "$LOCAL_ERR" "cannot connect to $PWD/sock: No such file or directory"
	backend answer
	serve --forward "$BACKEND"
	call "$LOCAL" --bytes 5
	calls 1 '.end == "eof"'
}

@test "a server that does not answer is given up after --handshake-timeout, and holds up nobody else" {
	odd mute
	local_listener -r "$SERVER_KEY" -w "$(ms 700)" 127.0.0.1 "$ODD_PORT"
	timed call "$LOCAL" --bytes 5 --times 10
	calls 10 '.end == "reset"'
	told 10 "$LOCAL_ERR" 'timeout'
	in_time 3000
}

@test "out of descriptors: it waits, says so, and goes on" {
	backend echo
	serve --forward "$BACKEND"
	command -v prlimit >/dev/null || skip "prlimit is NOT INSTALLED"
	VT_WRAP="prlimit --nofile=40:40 $VT_WRAP" local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
	spawn "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$LOCAL" --keep --times 30 --bytes 1000 </dev/null >many
	told 20 "$LOCAL_ERR" 'cannot accept a local connection: Too many open files'
	signal "$SPAWN_PID" KILL 10
	call "$LOCAL" --bytes 1000
	calls 1 '.end == "eof" and .got == 1000'
}

@test "a name is looked up at the start; with a number nothing is" {
	backend answer
	SERVE_AT="127.0.0.1 0" serve --forward "localhost:${BACKEND##*:}"
	local_listener -r "$SERVER_KEY" -vv localhost "$LISTEN_PORT"
	call "$LOCAL" --bytes 5
	calls 1 '.end == "eof"'
	[ -n "$VT_WRAP" ] || "$VT_BUILD/tests/sandbox-try" >/dev/null 2>&1 || return 0
	[ -n "$VT_WRAP" ] || told 10 "$LOCAL_ERR" 'name look-ups and connections stay possible'
	# The server goes away and comes back at another port than its name had: nothing but resets, and it lives.
	signal "$LISTEN_PID" TERM 10
	call "$LOCAL" --bytes 5
	calls 1 '.end == "reset"'
	told 20 "$LOCAL_ERR" 'looked up again'
}

@test "signals: what is under way may finish, then it is cut; status 0 only if nothing was" {
	backend answer
	serve --forward "$BACKEND"
	local_listener -r "$SERVER_KEY" -v --drain 60s "$LISTEN_PATH"
	spawn "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$LOCAL" --bytes 1000 --keep </dev/null >calls
	told 10 backend.log '"open"'
	kill -TERM "$LOCAL_PID"
	told 10 "$LOCAL_ERR" 'shutting down: 1 sessions may finish'
	run bounded 10 "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$LOCAL"
	assert_output --partial refused
	signal "$LOCAL_PID" TERM 10
	expect_status 143 vault-connect "$LOCAL_ERR"
	ended "$SPAWN_PID" 0 plain_peer 2>/dev/null || true
	calls 1 '.end == "reset"'
	saw 1 '.end == "reset"'
	local_listener -r "$SERVER_KEY" "$LISTEN_PATH"
	signal "$LOCAL_PID" INT 10
	expect_status 130 vault-connect "$LOCAL_ERR"
}

@test "SIGUSR1 tells how much has passed" {
	both answer
	call "$LOCAL" --bytes 1000
	kill -USR1 "$LOCAL_PID"
	told 10 "$LOCAL_ERR" '0 sessions now, 1 so far, 1 of them complete; 1000 bytes sent'
}

@test "what is wrong on the command line is said" {
	local bad
	for bad in "-L host" "-L 8080:db:5432" "-L 99999" "-L 80 -o file" "-L 80 -z" "-L 80 --send-only" "-L 80 --retry" \
	    "-L 80 --stats" "-L 80 -p 7" "-L 80 --progress"; do
		# shellcheck disable=SC2086
		run -2 bounded 10 vault_connect $bad 127.0.0.1 1
		assert_output --regexp '(-L|--local)'
	done
	run -2 bounded 10 vault_connect --drain 5 127.0.0.1 1
	run -2 bounded 10 vault_connect --ready-fd 2 127.0.0.1 1
	run -2 bounded 10 vault_connect -L 0
	assert_output --partial 'no HOST given'
	backend answer
	run -3 bounded 10 vault_connect -L "$BACKEND" 127.0.0.1 1
	assert_output --partial "cannot listen on $BACKEND: Address already in use"
}
