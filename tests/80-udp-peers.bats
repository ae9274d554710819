#!/usr/bin/env bats
# Goal of this story: what judges vault-udp is right itself. The peers in Python agree with each other and with the
# vectors of the unmodified programs, the attacks are refused by the strict peer, and the relay does what it says.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() { udp_setup; }

@test "the peers: formats, habits, key exchange, expiry, replay, restart; and the vectors" {
	local vectors=${SHARED:-$ROOT/../shared}/vectors/vault-wire.json args=()
	[ ! -e "$vectors" ] || args=("$vectors")
	run bounded 50 "$PYTHON" "$PEERS/udp_selftest.py" "${args[@]}"
	assert_success
	assert_line --regexp '^[0-9]+ passed, 0 failed, 0 skipped$'
}

@test "the attacks: a strict peer delivers what is honest, once, and nothing else" {
	native a --life 60
	bounded 50 "$PYTHON" "$PEERS/udp_misbehave.py" --patience 10 --to "127.0.0.1:${PORT[a]}" all >acts
	[ "$(lines_of acts)" -ge 170 ]
	for act in $(jq -r .act acts); do printf 'before %s\nafter %s\n' "$act" "$act"; done >wanted
	diff wanted a.recv
	assert_equal "$(jq -c 'select(.alive and (.amplified | not) and .stolen == 0 | not)' acts)" ''
}

@test "the relay: losses, duplicates, reordering, bits, replay and other ports, and it says how often" {
	local n=400
	native a
	relay r --to "127.0.0.1:${PORT[a]}" --seed 7 --after 12 --loss 0.1 --dup 0.1 --reorder 0.1
	native b --peer "127.0.0.1:${PORT[r]}"
	eventually 20 said b '.event == "open"'
	tell b "send $n line 0.001"
	eventually 30 said b '.event == "sent"'
	tell r 'loss 0'
	tell r rebind
	eventually 10 grep -q rebound r.err
	tell b 'say last'
	eventually 20 has a.recv last
	eventually 20 said a '.event == "roamed"'
	got=$(lines_of a.recv)
	[ "$got" -lt "$n" ]
	[ "$got" -gt $((n / 2)) ]
	# What was lost comes now, for the first time; the rest is known.
	tell r replay up
	arrives a.recv $((n + 1))
	tell b ping
	eventually 20 said a '.event == "drop" and .why == "replay"'
	stop r
	stop a
	jq -e '.up | .lost > 10 and .doubled > 10 and .reordered > 10 and .replayed > 300 and .sent > .received - .lost' r.json
	jq -e --argjson lost $((n + 1 - got)) '.up.lost - $lost | . >= -8 and . <= 2' r.json # a key message or a ping; held ones
	{ seq -f 'line%g' 0 $((n - 1)); echo last; } >wanted
	each_once a.recv wanted
	assert_equal "$(jq .missing a.json)" 0
}

@test "the relay: every bit of one datagram; nothing is delivered but the datagram, once" {
	native a
	relay r --to "127.0.0.1:${PORT[a]}" --way up --flip-all 6 --flip-size 1400
	native b --peer "127.0.0.1:${PORT[r]}"
	eventually 20 said b '.event == "open"'
	tell b 'send 20 line 0.001'
	arrives a.recv 20
	stop r
	jq -e '.up.flipped > 11000' r.json
	for i in {0..19}; do echo "line$i"; done | diff - a.recv
}

@test "the relay finds what passes in clear" {
	native a
	relay r --to "127.0.0.1:${PORT[a]}" --sniff enc_key --sniff 'never said'
	native b --peer "127.0.0.1:${PORT[r]}"
	eventually 20 said b '.event == "open"'
	tell b 'send 20 secret'
	arrives a.recv 20
	stop r
	# Key messages, of which there are some.
	jq -e '.found > 0 and .found < 20' r.json
}
