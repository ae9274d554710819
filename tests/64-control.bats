#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (vault-listen --control, --events, --stats for many clients):
# - what happens is told as JSON lines that fit what happened, and what is asked for is done;
# - nobody who reads slowly, or not at all, holds the listener up;
# - no name, label or message breaks the format;
# - the socket is there for its owner only, and gone at the end.

load helper
load endings
load hosting

setup() {
	vt_setup
	people
	AT=$PWD/sock
	CONTROL=$PWD/control
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

COUNTS='bytes_sent bytes_received messages_sent messages_received uptime_seconds'

# three: a listener with --control and --events, and three clients: alice, bob and carol, in that order, with keys of their own.
three() {
	local name
	: >"$SERVER_DIR/authorized_keys"
	for name in alice bob carol; do
		bounded 10 vault_keygen -f "$name" -C "$name" >/dev/null
		cat "$name.pub" >>"$SERVER_DIR/authorized_keys"
	done
	serve -k --framing lines --control "$CONTROL" --events events "$@"
	for name in alice bob carol; do
		JOIN_TEXT="hello from $name"$'\n' join "$name" -i "$name"
		answer list ".clients | length == $((++joined))"
	done
}

# descriptors: how many the listener has open; nothing where that cannot be known.
descriptors() { find "/proc/$LISTEN_PID/fd" -type l 2>/dev/null | wc -l; }

# ---- the whole story ----

@test "three clients: list, stats, send to one, to all, close one; and the events of all that" {
	local joined=0 name
	three --event-messages --tag
	eventually 10 has_size "$LISTEN_OUT" 50
	# Who is there (get_connection_ids), with figures (get_connection_stats).
	answer list '[.clients[].id] == [1, 2, 3] and [.clients[].name] == ["alice", "bob", "carol"]'
	for name in $COUNTS; do answer list "all(.clients[]; .$name | type == \"number\")"; done
	answer list 'all(.clients[]; .key | startswith("vk1")) and all(.clients[]; .protocol | startswith("Noise_"))'
	answer list ".clients[1] | .key == \"$(key_of bob.pub)\" and .fingerprint == \"$(fingerprint_of bob)\""
	answer 'stats 3' '.ok and .id == 3 and .name == "carol" and .bytes_received == 17 and .bytes_sent == 0 and .messages_received == 1'
	answer stats '.clients == 3 and .clients_total == 3 and .bytes_received == 49 and .bytes_sent == 0'
	# send_to and broadcast.
	answer 'send 2 only for bob' '.ok and .id == 2 and .size == 12'
	answer 'broadcast for all of you' '.ok and .clients == 3 and .size == 14'
	eventually 10 grep -qx 'for all of you' alice.out
	eventually 10 grep -qx 'for all of you' carol.out
	eventually 10 has_size bob.out 28
	assert_equal "$(cat bob.out)" $'only for bob\nfor all of you'
	assert_equal "$(cat alice.out)" 'for all of you'
	answer 'stats 2' '.bytes_sent == 28 and .messages_sent == 2'
	# close: what was sent before it arrives.
	run -0 ask 'send 3 good bye' 'close 3' 'close 3'
	assert_equal "$(jq -c .ok <<<"$output" | tr '\n' ' ')" 'true true false '
	ended "$(pid_of carol)" 6 vault-connect carol.err
	says carol.err 'the peer is shutting down'
	assert_equal "$(tail -n 1 carol.out)" 'good bye'
	answer list '[.clients[].id] == [1, 2]'
	answer 'send 3 too late' '.ok == false and .error == "no such client"'
	# finish: it ends well.
	answer 'finish 2'
	release bob.in
	ended "$(pid_of bob)" 0 vault-connect bob.err
	answer shutdown '.ok and .clients == 1'
	release alice.in
	ended "$(pid_of alice)" 0 vault-connect alice.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_not_exist "$CONTROL"
	assert_equal "$(sort "$LISTEN_OUT")" $'1\thello from alice\n2\thello from bob\n3\thello from carol'
	# The events are those of all that, in their order.
	events 'map(.event) == ["listening", "connect", "message", "connect", "message", "connect", "message", "disconnect", "disconnect",
		"shutdown", "disconnect", "end"]'
	events 'all(.[]; .v == 1 and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z$")))'
	events ".[0] | .path == \"$AT\" and .key == \"$SERVER_KEY\""
	events 'map(select(.event == "connect") | [.id, .name]) == [[1, "alice"], [2, "bob"], [3, "carol"]]'
	events 'map(select(.event == "message") | [.id, .name, .size]) == [[1, "alice", 16], [2, "bob", 14], [3, "carol", 16]]'
	events 'map(select(.event == "disconnect") | [.id, .status, .reason]) ==
		[[3, 6, "closed by the control socket"], [2, 0, "complete"], [1, 0, "complete"]]'
	events 'map(select(.event == "disconnect") | [.bytes_sent, .bytes_received, .messages_sent, .messages_received]) ==
		[[24, 17, 2, 1], [28, 15, 2, 1], [15, 17, 1, 1]]'
	events '.[-1] | .event == "end" and .status == 0 and .clients_total == 3 and .bytes_received == 49'
	assert_equal "$(mode_of events)" 600
}

@test "handshakes that fail are events with a reason and, if it was proven, the key" {
	serve -k --events events
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_keygen -f stranger -C stranger >/dev/null
	client -i stranger "$AT"
	expect_status 5 vault-connect client.err
	eventually 10 many_events handshake_failed 1
	events '.[1] | .event == "handshake_failed" and .status == 5 and .error == "auth" and (.reason | test("authorized_keys"))'
	events ".[1].key == \"$(key_of stranger.pub)\""
	stop_listener 0
	events 'map(.event) == ["listening", "handshake_failed", "shutdown", "end"] and .[-1].clients_total == 0 and
		.[2].reason == "Terminated"'
}

@test "without --event-messages there is none for a message; events are added to what the file has" {
	echo '{"event":"of another run"}' >events
	serve -k --events events
	echo hello >hello
	CLIENT_STDIN=hello client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0
	events 'map(.event) == ["of another run", "listening", "connect", "disconnect", "shutdown", "end"]'
}

@test "one client alone: its events, with the status that the listener ends with" {
	echo hello >hello
	serve --events events
	CLIENT_STDIN=hello client "$AT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	events 'map(.event) == ["listening", "connect", "disconnect", "end"]'
	events '.[2] | .id == 1 and .name == "client" and .bytes_received == 6 and .status == 0 and .reason == "complete"'
	events '.[3].status == 0 and .[3].bytes_received == 6'
	# One that is cut.
	rm events
	hold open hello
	serve --events events
	CLIENT_STDIN=open start_client "$AT"
	eventually 10 has_size "$LISTEN_OUT" 5
	signal "$CLIENT_PID" KILL 10
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	events '.[2] | .status == 6 and .error == "truncated" and .bytes_received == 5'
	events '.[3].status == 6'
}

# ---- formats ----

@test "texts: with spaces, empty, as JSON with any characters, as base64 with any bytes" {
	find_python socket
	serve -k --framing nul --control "$CONTROL"
	join bob
	run -0 ask 'send 1 two  spaces ' 'send 1 ' 'send 1 "line\nand \u0000 and \u00e9"' 'send64 1 /wD+CgA=' 'send 1 {"a":1}'
	assert_equal "$(jq -c '[.ok, .size]' <<<"$output" | tr '\n' ' ')" '[true,12] [true,0] [true,17] [true,5] [true,7] '
	eventually 10 has_size bob.out 46
	printf 'two  spaces \0\0line\nand \0 and \xc3\xa9\0\xff\0\xfe\n\0\0{"a":1}\0' | cmp - bob.out
	# What is no text, or too long, is said, and nothing is sent.
	run -0 ask 'send 1 "open' 'send 1 "a" b' 'send64 1 a!' 'broadcast "\ud800"' 'send x hi' 'send' 'send -1 a' 'send 18446744073709551617 a' \
	    'stats 0' 'nonsense' 'list 1' 'close' ''"$(printf '\001\377')"
	assert_equal "$(jq -r .ok <<<"$output" | sort -u)" false
	assert_equal "$(jq -r 'select(.error | type == "string" and length > 0) | .v' <<<"$output" | wc -l)" 13
	run -0 bounded 20 "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"send 1 " + b"x" * 65537 + b"\n"); print(s.makefile().readline())
' "$CONTROL"
	assert_output --partial 'longer than --max-message-size'
	eventually 10 has_size bob.out 46
	stop_listener 143
}

@test "hostile labels and software names: every line is JSON, and shows no control characters" {
	local evil
	evil=$(printf '\033]0;x\007"},{"\\ \xff\xc3\x28 \xe2\x80\xae')
	printf '%s %s\n' "$CLIENT_KEY" "$evil" >"$SERVER_DIR/authorized_keys"
	serve -k --control "$CONTROL" --events events
	join bob
	ask list >listed
	no_controls listed
	no_controls events
	events 'length == 2 and (.[1].name | contains("\"},{\"\\"))'
	kill -USR1 "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'bytes_sent'
	no_controls "$LISTEN_ERR"
	stop_listener 143
}

# ---- who does not read ----

@test "a reader of events that stands still: nothing waits for it, and what it missed is counted" {
	local i n lost told
	mkfifo pipe
	exec 7<>pipe # held open, not read
	serve -k --framing lines --events fd:7 --event-messages
	n=$(soak 6000 60000)
	seq "$n" >in
	timed eval 'CLIENT_STDIN=in client "$AT"'
	expect_status 0 vault-connect client.err
	cmp in "$LISTEN_OUT"
	# Now it reads: what was kept, then how much is missing.
	cat <&7 >events &
	VT_PIDS+=("$!")
	eventually 10 has_size events 65536
	echo again >in
	CLIENT_STDIN=in client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0
	eventually 10 many_events end 1
	lost=$(jq -s '[.[].events_lost // 0] | add' events)
	told=$(jq -s '[.[] | select(.event == "message")] | length' events)
	[ "$lost" -gt 0 ]
	# Two connects and disconnects, and the messages: told or counted.
	assert_equal "$(($(jq -s '[.[] | select(.event | IN("connect", "disconnect", "message"))] | length' events) + lost))" $((n + 1 + 4))
	[ "$told" -gt 100 ]
	exec 7>&-
}

@test "a reader of events that goes away is told once, and all goes on; a pipe without one is refused" {
	mkfifo pipe
	run -1 bounded 10 vault_listen -k --events pipe "$AT"
	assert_output --partial 'nobody reads this pipe'
	head -n 1 <pipe >first &
	VT_PIDS+=("$!")
	serve -k --events pipe
	wait_for "${VT_PIDS[-2]}" 10 || true
	jq -e '.event == "listening"' first
	echo hello >hello
	for i in 1 2 3; do
		CLIENT_STDIN=hello client "$AT"
		expect_status 0 vault-connect client.err
	done
	stop_listener 0
	assert_equal "$(grep -c 'Broken pipe: no more events' "$LISTEN_ERR")" 1
}

@test "a client of the control socket that does not read is dropped; others do not notice" {
	local joined=0
	three
	find_python socket
	spawn "$PYTHON" "$HOSTING" pile "$CONTROL" list 20000 >piled </dev/null
	# Meanwhile, with many at once.
	for i in 1 2 3 4 5; do answer list '.clients | length == 3'; done
	answer 'broadcast still here'
	for i in alice bob carol; do eventually 10 grep -qx 'still here' $i.out; done
	ended "$SPAWN_PID" 0 pile piled
	assert_equal "$(cat piled)" dropped
	answer list '.clients | length == 3'
	stop_listener 143
}

@test "a line without an end is bounded; thirty-two may be connected, and one more is told; none of it is left" {
	local before
	serve -k --control "$CONTROL"
	find_python socket
	answer help
	before=$(descriptors)
	run -0 bounded 30 "$PYTHON" -c '
import socket, sys
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1]); return s
s = connect()
try:
    for _ in range(64): s.sendall(b"x" * 65536)
except OSError: pass
print(s.makefile().readline().strip())
s.close()
held = []
for i in range(32):
    held.append(connect())
    held[-1].sendall(b"help\n")
    assert held[-1].makefile().readline().startswith("{\"v\":1,\"ok\":true")
print(connect().makefile().readline().strip())
held.pop().close()
# A last line needs no newline.
import time
for _ in range(200):
    s = connect()
    # While the one that left is still counted, this one is closed, maybe before it has sent anything.
    try: s.sendall(b"stats"); s.shutdown(socket.SHUT_WR)
    except OSError: pass
    answer = s.makefile().read()
    if "clients_total" in answer: break
    time.sleep(0.02)
print(answer)
' "$CONTROL"
	assert_line --index 0 --partial 'the line is too long'
	assert_line --index 1 --partial 'too many control connections'
	assert_line --index 2 --partial '"clients_total":0'
	if [ -n "$before" ]; then eventually 10 eval '[ "$(descriptors)" = "$before" ]'; fi
	stop_listener 0
}

@test "--slow=block: while one client takes nothing, what would be sent to it is refused and not piled up" {
	serve -k --framing lines --control "$CONTROL"
	mkfifo stuck
	exec 7<>stuck
	hold a.in
	CLIENT_STDIN=a.in CLIENT_STDOUT=stuck CLIENT_STDERR=a.err start_client -v "$AT"
	told 20 a.err 'connected with'
	find_python socket
	run -0 bounded 60 "$PYTHON" -c '
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile()
for i in range(2000):
    s.sendall(b"send 1 " + b"x" * 60000 + b"\n")
    a = json.loads(f.readline())
    if not a["ok"]: break
print(i, a["error"])
s.sendall(b"broadcast hi\n"); print(json.loads(f.readline())["error"])
' "$CONTROL"
	assert_line --index 0 --partial 'busy'
	assert_line --index 1 --partial 'busy'
	[ "${lines[0]%% *}" -lt 1000 ]
	exec 7>&-
	stop_listener 143
}

# ---- the socket ----

@test "the control socket: for its owner only; one left behind is replaced, one in use is not; several listeners" {
	serve -k --control "$CONTROL"
	assert_equal "$(mode_of "$CONTROL")" 600
	run -3 bounded 10 vault_listen -k --anonymous --control "$CONTROL" "$PWD/other"
	assert_output --partial 'Address already in use'
	answer help '.commands | length > 5'
	signal "$LISTEN_PID" KILL 10
	assert_exist "$CONTROL"
	rm "$AT"
	serve -k --control "$CONTROL"
	answer help
	stop_listener 0
	assert_not_exist "$CONTROL"
	run -2 bounded 10 vault_listen --control "$CONTROL" "$AT"
	assert_output --partial '--control needs -k'
	run -2 bounded 10 vault_listen -k --event-messages "$AT"
	run -2 bounded 10 vault_listen -k --events fd:77 "$AT"
	run -2 bounded 10 vault_listen -k --events fd:1 "$AT"
	run -2 bounded 10 vault_listen -k --control "$(printf '/%0150d' 0)" "$AT"
	run -1 bounded 10 vault_listen -k --events /nowhere/to/be/found "$AT"
}

@test "reload: by the socket and by SIGHUP, and both are told" {
	serve -k --control "$CONTROL" --events events
	answer reload
	: >"$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	eventually 10 many_events reload 2
	client "$AT"
	expect_status 5 vault-connect client.err
	echo nonsense >"$SERVER_DIR/authorized_keys"
	answer reload '.ok == false and (.error | contains("authorized_keys:1"))'
	events 'map(select(.event == "reload") | .status) == [0, 0, 1]'
	stop_listener 0
}

@test "--hub and --echo with a control socket; the end of standard input ends nobody" {
	serve --hub --framing lines --control "$CONTROL"
	join alice
	join bob
	answer 'broadcast from above' '.clients == 2'
	eventually 10 grep -qx 'from above' bob.out
	stop_listener 143
	serve --echo --framing lines --control "$CONTROL"
	join carol
	answer 'send 1 hi'
	eventually 10 grep -qx 'hi' carol.out
	answer list '.clients | length == 1'
	stop_listener 143
}

# ---- figures on stderr ----

@test "SIGUSR1: a line for each client and the sums, as text or JSON; --stats: the sums at the end" {
	local joined=0 name
	serve -k -v --stats
	join dave
	kill -USR1 "$LISTEN_PID"
	told 10 "$LISTEN_ERR" '1 clients, 1 in all, 0 failed handshakes: bytes_sent 0'
	for name in $COUNTS; do grep -qE "^vault-listen: 1: .* $name [0-9.]+.*, name client" "$LISTEN_ERR"; done
	stop_listener 143
	tail -n 1 "$LISTEN_ERR" | grep -q 'status 143'
	# As JSON.
	three --stats=json
	eventually 10 has_size "$LISTEN_OUT" 49
	kill -USR1 "$LISTEN_PID"
	told 10 "$LISTEN_ERR" '"event":"totals"'
	grep '^{' "$LISTEN_ERR" >figures
	jq -es 'length == 4 and all(.[]; .v == 1 and .level == "info") and map(.event) == ["stats", "stats", "stats", "totals"] and
		map(.name) == ["alice", "bob", "carol", null] and .[3].clients == 3 and .[3].status == null' figures
	for name in $COUNTS; do jq -es "all(.[]; .$name | type == \"number\")" figures; done
	stop_listener 143
	tail -n 1 "$LISTEN_ERR" | jq -e '.event == "totals" and .status == 143 and .clients_total == 3 and .bytes_received == 49'
}

# ---- documents ----

@test "what README and the man page type works: nc, jq, the table of Vault TCP" {
	local word
	nc -h 2>&1 | grep -q -- '-N' || skip 'NOT TESTED: no nc that knows -N'
	recipe() { awk -v mark="<!-- try: $1 -->" '$0 == mark { f = 1; next } f && /^```/ { if (i) exit; i = 1; next } f && i' "$ROOT/README.md"; }
	recipe control-serve | grep -qx 'vault-listen -k --framing lines --tag --control ./ctl --events ./events'
	serve -k --framing lines --tag --control ./ctl --events ./events
	JOIN_TEXT=$'good morning\n' join alice
	eventually 10 has_size "$LISTEN_OUT" 15
	cat >late <<-'END'
		until [ -n "$(jq -r 'select(.event == "disconnect")' ./events)" ]; do sleep 0.02; done
	END
	recipe control-ask | sed '/^jq/e cat late' >commands
	run -0 bounded 20 bash -e commands
	assert_line --index 0 $'1\tclient\t13'
	assert_line 'client left: closed by the control socket'
	ended "$(pid_of alice)" 6 vault-connect alice.err
	assert_equal "$(cat alice.out)" $'have a good day\nback in five minutes'
	# The man page has the same function, and each command that the table names is one.
	grep -qF "vctl() { printf '%s\\en' \"\$*\" | nc -NU \"\${CTL:-ctl}\"; }" "$ROOT/man/vault-listen.1"
	CONTROL=$PWD/ctl
	for word in list stats send send64 broadcast broadcast64 finish close reload shutdown help; do
		ask help | jq -e --arg w "$word" '.commands | map(split(" ")[0]) | index([$w])' >/dev/null
		grep -qE "^\.It $word( |$)" "$ROOT/man/vault-protocol.5"
	done
	[ "$(ask help | jq '.commands | length')" = 11 ]
	stop_listener 0
}
