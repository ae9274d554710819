#!/usr/bin/env bats
# Goal of this story:
# - port scans, other protocols, garbage and silent connections do not use up a listener's one session;
# - and do not keep a client that authenticates from it, who is served promptly, also behind 40 silent strangers;
# - the listener stays as small as it was: descriptors, memory;
# - --max-failures ends it with the status of the failure, --accept-timeout with 4;
# - whatever bytes a stranger sends, to a listener or from one, the tool leaves in time, with a status that says why.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load sessions

setup() {
	vt_setup
	two_keys
	head -c 300000 /dev/urandom >up
	head -c 200000 /dev/urandom >down
	STRANGERS=()
}

teardown() {
	hang_up
	vt_teardown
}

# listener ARGS...: it knows the good client's key, and sends it ./down.
listener() {
	LISTEN_STDIN=$PWD/down start_listener -i listen.key -a connect.pub "$@" 127.0.0.1 0
}

# served: the good client comes and gets its session within seconds; the listener leaves with 0, too.
served() {
	bounded 5 vault_connect -i connect.key -r "$KEY" --protocol XX 127.0.0.1 "$LISTEN_PORT" <up >got
	cmp got down
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" 0
	cmp "$LISTEN_OUT" up
}

# stranger: one more connection, in STRANGER; they stay open until hang_up.
stranger() {
	exec {STRANGER}<>"/dev/tcp/127.0.0.1/$LISTEN_PORT"
	STRANGERS+=("$STRANGER")
}

hang_up() {
	local fd
	for fd in "${STRANGERS[@]}"; do exec {fd}>&-; done
	STRANGERS=()
}

# refused_within SECONDS: the last stranger is hung up on; what it was told is in ./told.
refused_within() { bounded "$1" cat <&"$STRANGER" >told 2>/dev/null || [ $? = 1 ]; }

# reset_connections N: connect, and reset at once.
reset_connections() {
	find_python socket
	"$PYTHON" -c 'import socket, struct, sys
for _ in range(int(sys.argv[2])):
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	s.close()' "$LISTEN_PORT" "$1"
}

descriptors() { find "/proc/$LISTEN_PID/fd" -mindepth 1 2>/dev/null | wc -l; }
descriptors_are() { [ "$(descriptors)" = "$1" ]; }
resident_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$LISTEN_PID/status"; }

# ---- strangers ----

@test "a port scan: connect and close, connect and reset" {
	local i
	listener
	for i in {1..20}; do
		stranger
		hang_up
	done
	reset_connections 20
	served
	assert_equal "$(cat "$LISTEN_ERR")" ''
}

@test "other protocols are hung up on at once and told nothing that could be taken for an answer" {
	local hello
	listener
	for hello in 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' 'SSH-2.0-x\r\n' '\n' \
		'\x00\x00\x00\x20' 'VLT2' 'VLT1\x00' 'VLT1\x05Noise'; do
		stranger
		printf %b "$hello" >hello
		cat hello >&"$STRANGER" # in one piece: it is hung up on after the first bytes
		refused_within 3
		# At most a refusal: length 0 and a code.
		assert [ "$(wc -c <told)" -le 3 ]
	done
	hang_up
	served
}

@test "16 silent connections, and 40, are in nobody's way" {
	local n i
	for n in 16 40; do
		listener
		for ((i = 0; i < n; i++)); do stranger; done
		served
		assert_equal "$(cat "$LISTEN_ERR")" ''
		hang_up
	done
}

@test "40 who begin a hello and do not go on are in nobody's way either" {
	local i
	listener
	for ((i = 0; i < 40; i++)); do
		stranger
		printf 'VLT1\x1cNoise_XX' >&"$STRANGER"
	done
	served
}

@test "talkative strangers, more and more of them, do not push out who has just come" {
	local i ready=$BATS_TEST_TMPDIR/relay.ready
	listener
	find_python socket
	for ((i = 0; i < 16; i++)); do
		stranger
		printf V >&"$STRANGER"
	done
	# The good client's first message takes 300 ms, in which six more come.
	spawn "$VT_BUILD/tests/relay" --to "127.0.0.1:$LISTEN_PORT" --port-only --fault c2s:stall@0:300 </dev/null >"$ready" 2>/dev/null
	eventually 10 vt_has_line "$ready"
	spawn "$PYTHON" -c 'import socket, sys, time
held = []
while len(held) < 200:
	try:
		held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
		held[-1].send(b"V")
	except OSError:
		break
	time.sleep(0.05)' "$LISTEN_PORT" </dev/null
	bounded 10 vault_connect -i connect.key -r "$KEY" --protocol XX 127.0.0.1 "$(cat "$ready")" <up >got
	cmp got down
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" 0
	cmp "$LISTEN_OUT" up
}

@test "silent connections are hung up on after the handshake's time" {
	listener -w 300ms
	stranger
	refused_within 5
	assert_equal "$(wc -c <told)" 0
	stranger
	printf 'VLT1' >&"$STRANGER"
	refused_within 5
	served
}

noisy() { [ "$(descriptors)" -gt "$1" ]; }

@test "a client in the middle of noise" {
	local fds
	draw_seed
	listener
	fds=$(descriptors)
	spawn "$VT_BUILD/tests/garbage" client 127.0.0.1 "$LISTEN_PORT" --count 100000 --parallel 8 --seed "$VT_SEED" >noise
	eventually 5 noisy "$fds"
	served
	refute [ -s noise ]
}

# ---- limits ----

# fails_with STATUS: the listener ends by itself, with this status and a line that says why.
fails_with() {
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" "$1"
	assert_equal "$(wc -l <"$LISTEN_ERR")" "${2:-1}"
	assert_equal "$(wc -c <"$LISTEN_OUT")" 0
}

@test "--max-failures N: the status is that of the failure, the others before do not count more than once" {
	listener --max-failures 3
	stranger && printf 'GET / HTTP/1.0\r\n\r\n' >&"$STRANGER" && refused_within 3
	stranger && printf 'GET / HTTP/1.0\r\n\r\n' >&"$STRANGER" && refused_within 3
	vt_alive "$LISTEN_PID"
	stranger && printf 'GET / HTTP/1.0\r\n\r\n' >&"$STRANGER"
	fails_with 8
}

@test "--max-failures 1: closed 3, silent 4, an unknown key 5, nonsense 8" {
	listener --max-failures 1
	stranger
	hang_up
	fails_with 3
	listener --max-failures 1 -w 200ms
	stranger
	fails_with 4
	listener --max-failures 1
	stranger
	printf 'garbage\n' >&"$STRANGER"
	fails_with 8
	vault_keygen -f other.key -C '' >/dev/null
	listener --max-failures 1
	run bounded 5 vault_connect -i other.key -r "$KEY" --protocol XX 127.0.0.1 "$LISTEN_PORT" <up
	assert_equal "$status" 5
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" 5
}

@test "--max-failures N lets N-1 fail and the next one in" {
	listener --max-failures 5
	for _ in 1 2 3 4; do
		stranger
		printf 'garbage\n' >&"$STRANGER"
		refused_within 3
	done
	served
}

@test "--accept-timeout: 4, also while strangers come; not once a client is there" {
	listener --accept-timeout 200ms
	fails_with 4
	grep -q accept-timeout "$LISTEN_ERR"

	listener --accept-timeout "${VT_SLOW}s"
	spawn "$VT_BUILD/tests/garbage" client 127.0.0.1 "$LISTEN_PORT" --count 100000 --parallel 4 >noise
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" 4
	tail -n 1 "$LISTEN_ERR" | grep accept-timeout

	listener --accept-timeout "$(scaled 2)s"
	"$VT_BUILD/tests/slowread" --limit "$(scaled 20)" $((100000 / VT_SLOW)) <up |
		bounded 20 vault_connect -i connect.key -r "$KEY" --protocol XX 127.0.0.1 "$LISTEN_PORT" >got
	wait_for "$LISTEN_PID" 5
	assert_equal "$status" 0
	cmp "$LISTEN_OUT" up
}

# ---- random bytes ----

nonsense() {
	"$VT_BUILD/tests/garbage" client 127.0.0.1 "$LISTEN_PORT" --count "$1" --seed "$2" --parallel "$3" --limit-ms 300 >noise
	jq -e '.failed == 0 and ([.shapes[]] | all(. > 0))' noise
}

@test "random and half-right strangers come to a listener: it stays as it was, then serves its client" {
	local fds before after
	draw_seed
	listener -w 200ms
	fds=$(descriptors)
	# What is allocated at the first connections is not a leak.
	nonsense 100 1 40
	before=$(resident_kb)
	# With more than 16 the oldest are thrown out, with fewer each has its time.
	nonsense "$(soak 200 5000)" "$VT_SEED" 40
	nonsense "$(soak 200 5000)" "$VT_SEED" 12
	eventually 5 descriptors_are "$fds"
	after=$(resident_kb)
	echo "resident $before kB, then $after kB"
	instrumented || assert [ "$((after - before))" -lt 256 ]
	served
}

@test "random and half-right servers: vault-connect leaves in time, with 3, 4, 5 or 8, one line, and writes nothing out" {
	local count
	draw_seed
	count=$(soak 200 10000)
	[ -n "$VT_WRAP" ] && count=20
	spawn "$VT_BUILD/tests/garbage" server --count "$count" --seed "$VT_SEED" --limit-ms 20000 --parallel 64 >noise
	eventually 5 vt_has_line noise
	cat >one <<-END
		[ \$((\$1 % 2)) = 0 ] && protocol='--protocol NN'
		timeout -k 2 $(scaled 6) $VT_WRAP '$VT_BIN/vault-connect' -w 1s --message-timeout 1s --trust any --quiet \$protocol \
		    127.0.0.1 $(jq .port noise) <up >out.\$1 2>err.\$1
		echo "\$? \$(wc -c <out.\$1) \$(wc -l <err.\$1)" >result.\$1
		rm out.\$1 err.\$1
	END
	seq "$count" | xargs -P 24 -n 1 sh one
	wait_for "$SPAWN_PID" 10
	assert_equal "$status" 0
	cat result.* >results
	sort results | uniq -c
	assert_equal "$(wc -l <results)" "$count"
	run -1 grep -vE '^[3458] 0 1$' results
	grep -q '^8' results
}
