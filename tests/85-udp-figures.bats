#!/usr/bin/env bats
# Goal of this story: what vault-udp says about itself, and what it can be told while it runs:
# - --stats has the names that py-vault-udp's figures have, and they are right; SIGUSR1 gives them at any time;
# - --events is a line of JSON for each thing that happens, with what a script needs to act on it;
# - --tag, --to, --max-messages, --linger, --no-padding, --compress, --mtu do what they say;
# - --control adds and removes peers, changes the port, sends and tells.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() { udp_setup; }

stats_of() { grep '"event":"stats"' "$1" | sed -n "${2:-1}p"; }

pair() {
	person a
	person b
	udp a --quiet --framing=lines --remote-key "${KEY[b]}" "$@"
}

to_a() { udp b --quiet --framing=lines --remote-key "${KEY[a]}" "$@" "127.0.0.1:${PORT[a]}"; }

# sends N ARGS...: b sends N lines of 10 bytes to a, ends, and a has them.
sends() {
	local had
	had=$(lines_of a.out)
	seq -f 'line %04g.' "$1" >lines
	UDP_STDIN=lines to_a "${@:2}"
	ends b 20
	arrives a.out $((had + $1))
}

@test "--stats=json: the names of py-vault-udp's figures and more; both sides agree" {
	local key
	pair --stats=json
	sends 25 --stats=json
	assert_equal "$status" 0
	stop a
	assert_equal "$status" 0
	for key in messages_sent messages_received bytes_sent bytes_received uptime_seconds peer_count unique_ips peers peers_by_ip \
	    protocol_version recv_port mtu keys nonces lost reordered duplicates drops key status; do
		stats_of a.err | jq -e --arg k "$key" 'has($k)' >/dev/null || { echo "a: no $key"; return 1; }
		stats_of b.err | jq -e --arg k "$key" 'has($k)' >/dev/null || { echo "b: no $key"; return 1; }
	done
	stats_of b.err | jq -e '.v == 1 and .messages_sent == 25 and .bytes_sent == 250 and .messages_received == 0 and .lost == 0 and
	    .status == 0 and .protocol_version == 2 and .peers[0].kind == "vault-udp" and .peers[0].confirmed == 25'
	stats_of a.err | jq -e --arg k "${KEY[b]}" '.messages_received == 25 and .bytes_received == 250 and .messages_sent == 0 and
	    .status == 0 and .uptime_seconds > 0 and .uptime_seconds < 600'
	stats_of b.err | jq -e --arg k "${KEY[a]}" --argjson p "${PORT[a]}" '.peers[0].key == $k and .peers[0].peer == "127.0.0.1:\($p)" and
	    .peers[0].rtt_ms > 0'
}

@test "figures are of all peers there were, also when others have their places" {
	local name
	person a
	person b
	person c
	udp a --quiet --framing=lines --max-peers=1 --max-age=1s --remote-key "${KEY[b]}" --remote-key "${KEY[c]}" --stats=json
	seq 5 >lines
	for name in b c; do
		UDP_STDIN=lines udp $name --quiet --framing=lines --max-age=1s --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
		ends $name 40
		assert_equal "$status" 0
	done
	stop a
	stats_of a.err | jq -e '.messages_received == 10 and .bytes_received == 10 and .lost == 0'
	assert_equal "$(lines_of a.out)" 10
}

@test "SIGUSR1 gives the figures while it runs, also without --stats" {
	pair
	to_a
	tell b one
	arrives a.out 1
	kill -s USR1 "${PID[a]}"
	eventually 10 has a.err messages_received
	tell b two
	arrives a.out 2
}

@test "--events: every line is JSON with a version, a time and who; keys, messages, ends, drops" {
	pair --events events
	person c
	sends 3
	udp c --quiet --framing=lines -w 1s "127.0.0.1:${PORT[a]}"
	tell c 'let me in'
	ends c 20
	stop a
	jq -e -n '[inputs] | length > 5 and all(.v == 1 and (.event | type) == "string")' events
	jq -e -n '[inputs | select(.event != "listening") | .time] | all(test("^20[0-9-]+T[0-9:.]+Z$"))' events
	jq -e -n --arg k "${KEY[b]}" '[inputs | select(.event == "message")] | length == 3 and
	    all(.key == $k and .bytes == 10 and .encrypted == true)' events
	jq -e -n '[inputs | .event] | index("listening") == 0' events
	jq -e -n --arg k "${KEY[c]}" '[inputs | select(.key == $k)] | all(.event != "message")' events
	not grep -q 'line 0001' events
}

@test "--ready-fd and --log-json: one object, then nothing that is not JSON" {
	person a
	person b
	udp a --log-json -vv --remote-key "${KEY[b]}"
	jq -e -s --argjson p "${PORT[a]}" --arg k "${KEY[a]}" 'length == 1 and .[0].v == 1 and .[0].port == $p and .[0].key == $k and
	    .[0].address == "127.0.0.1"' a.ready
	sends 2
	stop a
	jq -e -n '[inputs] | all(.v == 1)' a.err
}

@test "--tag puts the sender's address before each message" {
	local port
	pair --tag
	to_a
	port=${PORT[b]}
	tell b hello
	arrives a.out 1
	assert_equal "$(cat a.out)" "127.0.0.1:$port"$'\t'hello
}

@test "--to sends to one of several peers" {
	person a
	person b
	person c
	for n in b c; do udp $n --quiet --framing=lines --remote-key "${KEY[a]}"; done
	udp a --quiet --framing=lines --remote-key "${KEY[b]}" --remote-key "${KEY[c]}" --to "127.0.0.1:${PORT[c]}" "127.0.0.1:${PORT[b]}" \
	    "127.0.0.1:${PORT[c]}"
	tell a 'for c'
	arrives c.out 1
	tell b 'from b'
	arrives a.out 1
	assert_equal "$(cat b.out)" ''
}

@test "several --to: by address, key and name; the others get nothing, and nobody waits for them" {
	person a
	for n in b c d e; do
		person $n
		udp $n --quiet --framing=lines --remote-key "${KEY[a]}"
		echo "${KEY[$n]} name-of-$n" >>allowed
	done
	seq 20 >lines
	UDP_STDIN=lines udp a --quiet --framing=lines -a allowed --to "127.0.0.1:${PORT[b]}" --to "${KEY[c]}" --to name-of-d \
	    "127.0.0.1:${PORT[b]}" "127.0.0.1:${PORT[c]}" "127.0.0.1:${PORT[d]}" "127.0.0.1:${PORT[e]}"
	ends a 20
	assert_equal "$status" 0
	for n in b c d; do
		arrives $n.out 20
		diff lines $n.out
	done
	# It was there, and was heard: the next word of a that is for it comes, and is the first.
	udp f --quiet --framing=lines -i a.config/vault-tools/identity --remote-key "${KEY[e]}" "127.0.0.1:${PORT[e]}"
	tell f 'now for e'
	arrives e.out 1
	assert_equal "$(cat e.out)" 'now for e'
}

@test "one of several does not answer: the others get all, and the status is 4" {
	local n
	person a
	person b
	person c
	udp b --quiet --framing=lines --remote-key "${KEY[a]}"
	udp c --quiet --framing=lines --remote-key "${KEY[a]}"
	stop c
	seq 20 >lines
	for n in '' "127.0.0.1:${PORT[c]}" "${KEY[c]}"; do
		UDP_STDIN=lines udp a --quiet --framing=lines -w 2s --trust=any ${n:+--to "127.0.0.1:${PORT[b]}" --to "$n"} \
		    "127.0.0.1:${PORT[b]}" "127.0.0.1:${PORT[c]}"
		ends a 20
		assert_equal "$status" 4
		grep -qF "${n:-127.0.0.1:${PORT[c]}}" a.err
	done
	arrives b.out 60
	# Whoever is not meant is not waited for.
	UDP_STDIN=lines udp a --quiet --framing=lines -w 20s --trust=any --to "127.0.0.1:${PORT[b]}" "127.0.0.1:${PORT[b]}" "127.0.0.1:${PORT[c]}"
	ends a 10
	assert_equal "$status" 0
}

@test "--max-messages leaves after so many, with 0" {
	pair --max-messages=3
	seq 3 >lines
	UDP_STDIN=lines to_a
	ends a 20
	assert_equal "$status" 0
	diff lines a.out
}

@test "--linger stays after all was sent, and still receives" {
	pair
	echo hello >lines
	UDP_STDIN=lines to_a --linger=10s
	arrives a.out 1
	tell a 'still there?'
	arrives b.out 1
	kill -0 "${PID[b]}"
}

@test "padding: without --no-padding sizes show nothing, with it they do" {
	local option
	for option in '' --no-padding; do
		pair
		relay r --to "127.0.0.1:${PORT[a]}"
		# shellcheck disable=SC2086
		udp b --quiet --framing=lines $option --remote-key "${KEY[a]}" "127.0.0.1:${PORT[r]}"
		for n in 1 20 300 700; do tell b "$(head -c $n /dev/zero | tr '\0' x)$n"; done
		arrives a.out 4
		stop r
		jq '[.sizes | keys[] | tonumber | select(. < 1100)] | length' r.json >"small$option"
		stop a
		stop b
	done
	assert_equal "$(cat small)" 0
	[ "$(cat small--no-padding)" -ge 1 ]
}

@test "--compress: what shrinks fits, which otherwise would not" {
	pair
	head -c 20000 /dev/zero | tr '\0' y >long
	echo >>long
	UDP_STDIN=long to_a --compress=3
	ends b 20
	assert_equal "$status" 0
	arrives a.out 1
	cmp a.out long
}

@test "--mtu: no packet is larger" {
	pair --mtu=1280
	relay r --to "127.0.0.1:${PORT[a]}"
	udp b --quiet --framing=lines --mtu=1280 --remote-key "${KEY[a]}" "127.0.0.1:${PORT[r]}"
	for n in 1 500 1000; do tell b "$(head -c $n /dev/urandom | base64 -w 0 | head -c $n)"; done
	tell a back
	arrives a.out 3
	arrives b.out 1
	stop r
	jq -e '[.sizes | keys[] | tonumber] | max <= 1280 - 28' r.json
}

@test "--pace and --rate-limit" {
	local began n
	pair --rate-limit=100
	seq 40 >lines
	began=$EPOCHREALTIME
	UDP_STDIN=lines to_a --pace=20
	ends b 20
	assert_equal "$status" 0
	n=$((${EPOCHREALTIME/./} - ${began/./}))
	[ "$n" -gt 900000 ]
	diff lines a.out
	seq 1000 >lines
	UDP_STDIN=lines to_a --pace=100000
	ends b 30
	assert_equal "$status" 6
	n=$(($(lines_of a.out) - 40))
	[ "$n" -gt 50 ]
	[ "$n" -lt 900 ]
}

@test "--max-age and --skew: clocks that differ" {
	person a
	udp a --quiet --framing=lines --skew=5s --max-age=20s
	native ahead --skew 3 --peer "127.0.0.1:${PORT[a]}"
	native behind --skew -15 --peer "127.0.0.1:${PORT[a]}"
	tell ahead 'say a'
	tell behind 'say b'
	arrives a.out 2
	native far --skew 15 --peer "127.0.0.1:${PORT[a]}"
	native old --skew -40 --peer "127.0.0.1:${PORT[a]}"
	tell far 'say c'
	tell old 'say d'
	tell ahead 'say e'
	arrives a.out 3
	each_once a.out <(printf '%s\n' a b e)
}

# ---- control ----

# control LINE...: its answers.
control() {
	printf '%s\n' "$@" | "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while True:
    data = s.recv(65536)
    if not data:
        break
    sys.stdout.buffer.write(data)
' "$PWD/control"
}

controlled() {
	person a
	udp a --quiet --framing=lines --control "$PWD/control"
}

@test "--control: only the owner may, and the socket is gone afterwards" {
	controlled
	assert_equal "$(mode_of control)" 600
	control list
	stop a
	[ ! -e control ]
}

@test "--control: a peer is added, listed, sent to and removed" {
	person b
	controlled
	udp b --quiet --framing=lines
	control "add 127.0.0.1:${PORT[b]}"
	eventually 20 talks_to_b
	control 'broadcast good morning'
	arrives b.out 1
	assert_equal "$(cat b.out)" 'good morning'
	id=$(control list | jq -r '.id // .peers[0].id' | head -n 1)
	control "send $id just you"
	arrives b.out 2
	control "remove $id"
	eventually 10 lists_nobody
	control 'broadcast nobody'
	tell b 'hello?'
	assert_equal "$(cat b.out)" $'good morning\njust you'
}

talks_to_b() { control list | grep -q '"up"'; }
lists_nobody() { ! control list | grep -q '"up"'; }

@test "--control: the port changes while messages flow, and peers follow" {
	person b
	controlled
	udp b --quiet --framing=lines "127.0.0.1:${PORT[a]}"
	tell b one
	arrives a.out 1
	control 'port 0'
	tell a two
	arrives b.out 1
	tell b three
	arrives a.out 2
	assert_equal "$(cat a.out b.out)" $'one\nthree\ntwo'
}

@test "--control: nonsense is answered, and does no harm; shutdown ends it with 0" {
	controlled
	control 'dance' 'send' 'send 999 x' 'remove' 'remove abc' 'port 99999' 'port x' "$(head -c 100000 /dev/zero | tr '\0' z)" '' >answers
	[ -s answers ]
	kill -0 "${PID[a]}"
	control list
	control shutdown
	ends a 20
	assert_equal "$status" 0
}
