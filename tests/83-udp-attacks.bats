#!/usr/bin/env bats
# Goal of this story: who can send datagrams to vault-udp, and see those of others, gets nothing by it:
# - 170 malformed, forged, replayed, oversized and absurd datagrams, from a stranger and from a peer that turned bad, deliver
#   nothing, take no memory and no session away, and draw no more bytes out of it than they were;
# - floods from many ports and addresses do not drown the peers that are known;
# - what py-vault-udp believes (junk keys, any port, reflections) is not believed.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() { udp_setup; }

BAD_SECRET=$(printf '02%.0s' {1..32})

bad_key() {
	PYTHONPATH=$PEERS "$PYTHON" -B -c 'import udp_wire, vault1_keys
print(vault1_keys.to_text("vk1", udp_wire.SignKeys(b"\2" * 32).public))'
}

# misbehave SECONDS ACT...: between honest messages; acts are in the file acts.
misbehave() {
	bounded "$1" "$PYTHON" "$PEERS/udp_misbehave.py" --patience "$(scaled 10)" -i "$BAD_SECRET" --to "127.0.0.1:${PORT[a]}" \
	    "${@:2}" >acts 2>acts.err || { cat acts.err; return 1; }
	[ -s acts ]
}

# only_honest: a put out 'before' and 'after' of each act, once, and is well.
only_honest() {
	local act odd
	for act in $(jq -r .act acts); do printf 'before %s\nafter %s\n' "$act" "$act"; done | diff - a.out
	odd=$(jq -c 'select(.alive and (.amplified | not) and .stolen == 0 and .violations == 0 | not)' acts)
	assert_equal "$odd" ''
	kill -0 "${PID[a]}"
}

# memory PID: the most that it ever used, in KiB.
memory() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }

@test "everything that can be wrong, from a stranger and from the peer itself" {
	person a
	udp a --quiet --framing=lines --remote-key "$(bad_key)"
	misbehave 55 all
	[ "$(lines_of acts)" -ge 170 ]
	only_honest
	if [ -z "$VT_WRAP" ] && [ "$VT_SLOW" = 1 ]; then [ "$(memory "${PID[a]}")" -lt 65536 ]; fi
	stop a
	# Some of what it sent could not be unpacked, and it claimed ends that were none: that is loss.
	assert_equal "$status" 6
}

@test "the same where every key is accepted on first use; each reason for a refusal was found" {
	local why
	udp a --quiet --framing=lines --stats=json
	misbehave 55 key- json- map- bytes-
	only_honest
	stop a
	grep '"event":"stats"' a.err >figures
	for why in key_form key_signature key_text key_weak key_time key_replay key_audience key_own downgrade clear map junk size; do
		jq -e --arg why "$why" '.drops[$why] > 0' figures >/dev/null || { echo "nothing was dropped as $why"; return 1; }
	done
	# No stranger was taken for a peer.
	jq -e '.peers | length == 1 and .[0].kind == "vault-udp" and .[0].state == "up"' figures
}

@test "floods: garbage and fresh keys from 1000 ports and 1000 addresses; the peer is heard through them" {
	person a
	udp a --quiet --framing=lines --remote-key "$(bad_key)"
	misbehave 55 flood-
	[ "$(lines_of acts)" = 4 ]
	only_honest
	if [ -z "$VT_WRAP" ] && [ "$VT_SLOW" = 1 ]; then [ "$(memory "${PID[a]}")" -lt 65536 ]; fi
}

@test "floods at full speed from 1000 ports and 1000 addresses: known peers are heard meanwhile, memory stays" {
	local from
	person a
	person b
	for from in ports addresses; do
		udp a --quiet --framing=lines --remote-key "${KEY[b]}" --stats=json
		udp b --quiet --framing=lines --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
		tell b first
		arrives a.out 1
		: >flood
		spawn "$VT_BUILD/tests/udpflood" "${PORT[a]}" "$from" --seconds "$(soak 2 30)" >flood 2>flood.err </dev/null
		FLOOD_PID=$SPAWN_PID
		eventually 20 vt_has_line flood
		# What a kernel's full buffer drops is lost; most is not, and each is there once.
		for i in {1..100}; do tell b "during $i"; done
		wait_for "$FLOOD_PID" 60
		assert_equal "$status" 0
		tell b last
		eventually 20 has a.out last
		[ "$(sort a.out | uniq -d)" = '' ]
		[ "$(grep -c '^during' a.out)" -ge 50 ]
		if [ -z "$VT_WRAP" ] && [ "$VT_SLOW" = 1 ]; then [ "$(memory "${PID[a]}")" -lt 65536 ]; fi
		stop a
		stop b
		grep '"event":"stats"' a.err >figures
		jq -e --argjson got "$(lines_of a.out)" '.drops.rate > 1000 and .drops.junk > 0 and .messages_received == $got and
		    .lost == 102 - $got and (.peers | length) == 1' figures
	done
}

@test "floods where every key is accepted: those who were there first stay, and newcomers are let in" {
	udp a --quiet --framing=lines
	misbehave 55 flood-keys
	only_honest
	native new --peer "127.0.0.1:${PORT[a]}"
	eventually 20 said new '.event == "open"'
	tell new 'say I am new'
	eventually 20 has a.out 'I am new'
}

@test "one key message of a stranger draws no more bytes than it had, however long one waits" {
	udp a --quiet --framing=lines
	misbehave 40 draw-
	[ "$(lines_of acts)" = 2 ]
	only_honest
}

@test "a stranger with good keys gets nothing of what is meant for the named peer" {
	person a
	person b
	udp b --quiet --framing=lines
	udp a --quiet --framing=lines "127.0.0.1:${PORT[b]}"
	native s --peer "127.0.0.1:${PORT[a]}"
	tell b hello
	arrives a.out 1
	tell a SECRET
	arrives b.out 1
	tell s 'ping'
	assert_equal "$(cat b.out)" SECRET
	assert_equal "$(cat s.recv)" ''
}

# ---- toward py-vault-udp ----

# with_python: a (with the option WITH) talks to u, a Python peer, and said hello.
with_python() {
	upstream u --scale 4 --no-rate-limit
	udp a --quiet --framing=lines ${WITH:+"$WITH"} "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	tell u 'say hello'
	tell a hello
	arrives u.recv 1
	arrives a.out 1
}

@test "py-vault-udp: our boxes sent back to us and its own sent again deliver nothing" {
	with_python
	tell u reflect
	tell u replay
	eventually 20 said u '.event == "replay"'
	tell u 'say good bye'
	arrives a.out 2
	assert_equal "$(cat a.out)" $'hello\ngood bye'
}

disturbed() {
	upstream evil --say-port "${PORT[u]}"
	tell evil "junk 127.0.0.1 ${PORT[a]} ${PORT[u]}"
	eventually 20 said evil '.event == "junk"'
	tell evil "peer 127.0.0.1 ${PORT[a]}"
	eventually 20 said evil '.event == "keys sent"'
	tell a 'still here?'
	arrives u.recv 2
	tell u 'say yes'
	arrives a.out 2
	assert_equal "$(cat a.out)" $'hello\nyes'
	assert_equal "$(cat evil.recv)" ''
	none u '.event == "message" and (.boxed | not)'
}

@test "py-vault-udp: unusable keys and keys of somebody else for its port change nothing, and nothing goes out in clear" {
	with_python
	disturbed
}

# says_secret COUNT: a is told so many lines that nobody may see.
says_secret() {
	local i
	for ((i = 0; i < $1; i++)); do tell a "SECRET $i"; done
}

@test "whatever unusable keys are thrown at it, before and after it knows the peer's: no byte of a message goes in clear" {
	local target round
	upstream u --scale 4 --sniff SECRET --no-rate-limit
	upstream evil --sniff SECRET --say-port "${PORT[u]}"
	upstream third --sniff SECRET
	udp a --quiet --framing=lines "127.0.0.1:${PORT[u]}" "127.0.0.1:${PORT[third]}" -w 3s
	says_secret 5
	for round in 1 2; do
		for target in u third evil; do tell evil "junk 127.0.0.1 ${PORT[a]} ${PORT[$target]}"; done
		eventually 20 junk_sent $((3 * round))
		if [ $round = 1 ]; then
			tell u "peer 127.0.0.1 ${PORT[a]}"
			eventually 30 said u '.event == "keys"'
		fi
		says_secret 20
		arrives u.recv $((5 + 20 * round)) 60
	done
	for target in u evil third; do none $target '.event == "sniffed"'; done
	none u '.event == "message" and (.boxed | not)'
	# They would have noticed.
	tell evil "peer 127.0.0.1 ${PORT[u]}"
	tell evil 'say SECRET'
	eventually 20 said u '.event == "sniffed"'
}

junk_sent() { [ "$(grep -c '"junk"' evil.events)" -ge "$1" ]; }

@test "the same with --opportunistic: once there are keys nobody talks us out of them" {
	WITH=--opportunistic with_python
	disturbed
}
