#!/usr/bin/env bats
# Goal of this story: vault-udp and py-vault-udp, whose habits an independent peer imitates (tests/peers/udp_upstream.py;
# its clocks run faster, so that keys expire while one looks):
# - what py-vault-udp cannot do with itself works: all data in boxes, both ways, for as long as one likes;
# - either side may be started first, and again; nothing is sent in clear, or believed, unless --opportunistic says so;
# - the old format works, too.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() {
	udp_setup
	SCALE=$(soak $((20 / (VT_SLOW > 4 ? 4 : VT_SLOW))) 1)
	LIFETIME=$((60 / SCALE))s
	U=(--quiet --framing=lines --lifetime="$LIFETIME")
}

# boxed NAME: all that this Python peer got and sent was in boxes, but for key messages.
all_boxed() {
	none "$1" '.event == "message" and (.boxed | not)'
	none "$1" '.event == "said" and (.boxed | not)'
}

@test "both ways over three lifetimes of the keys: every message arrives, in a box" {
	local n=200 i pause
	pause=$(awk "BEGIN { print 3.2 * 60 / $SCALE / $n }")
	upstream u --scale "$SCALE"
	udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	tell u "send $n u $pause"
	for ((i = 0; i < n; i++)); do
		tell a "a$i"
		sleep "$pause"
	done
	eventually 30 said u '.event == "sent"'
	[ "$(jq -n '[inputs | select(.event == "keys sent")] | length' u.events)" -ge 9 ]
	arrives a.out $n
	arrives u.recv $n
	for ((i = 0; i < n; i++)); do echo "u$i"; done | diff - a.out
	for ((i = 0; i < n; i++)); do echo "a$i"; done | diff - u.recv
	all_boxed u
	none u '.event == "expired"'
}

@test "py-vault-udp is started again: heard again, still only in boxes" {
	upstream u --scale "$SCALE"
	udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	tell u 'say one'
	arrives a.out 1
	tell u renew
	eventually 30 said u '.event == "renewed"'
	eventually 60 asked_again u
	tell u 'say two'
	tell a three
	arrives a.out 2 60
	arrives u.recv 1 60
	assert_equal "$(cat a.out u.recv)" $'one\ntwo\nthree'
	all_boxed u
}

asked_again() { jq -e -n '[inputs | .event] | index("renewed") as $i | .[$i:] | index("keys")' "$1.events" >/dev/null; }

@test "vault-udp is started again and remembers nothing: py-vault-udp keeps the old key until it expires, then they talk" {
	local port
	upstream u --scale "$SCALE"
	udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	port=${PORT[a]}
	tell u "peer 127.0.0.1 $port"
	eventually 30 said u '.event == "keys"'
	tell a one
	arrives u.recv 1
	stop a KILL
	rm -r "$XDG_STATE_HOME"
	UDP_AT=127.0.0.1:$port udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	tell a two
	arrives u.recv 2 60
	tell u 'say three'
	arrives a.out 1 60
	assert_equal "$(cat u.recv a.out)" $'one\ntwo\nthree'
	none u '.event == "message" and (.boxed | not)'
}

# ---- started again: in time ----

# talking OPTION...: a and u (of TIMES the speed) talk. AGAIN: how a is started again, at the same port.
talking() {
	upstream u --scale "$TIMES"
	U=(--quiet --framing=lines --lifetime="$(awk "BEGIN { print 60 / $TIMES }" | sed 's/\..*//')s" "$@" "127.0.0.1:${PORT[u]}")
	udp a "${U[@]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 60 said u '.event == "keys"'
	tell a one
	arrives u.recv 1 60
	tell u 'say one'
	arrives a.out 1 60
}

a_again() { UDP_AT=127.0.0.1:${PORT[a]} udp a "${U[@]}"; }

u_again() {
	local port=${PORT[u]}
	cat u.events >>before.events
	upstream u --scale "$TIMES" --port "$port"
	tell u "peer 127.0.0.1 ${PORT[a]}"
}

# talk_again SECONDS: what each is told from now on arrives within that time (of upstream's), and in boxes.
talk_again() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000 * VT_SLOW / TIMES)) i=0
	until has u.recv again && has a.out again; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || { echo "not within $1 s"; tail -n 30 u.events; return 1; }
		# Without receipts what was said to somebody who was not there yet is gone.
		if [ $((i++ % 10)) = 0 ]; then
			tell u 'say again'
			tell a again
		fi
		sleep $VT_POLL
	done
	none u '.event == "message" and (.boxed | not)'
}

@test "vault-udp is started again: within 90 s they talk" {
	TIMES=$(soak 4 1)
	talking
	stop a KILL
	a_again
	talk_again 90
}

@test "py-vault-udp is started again: within 90 s they talk" {
	TIMES=$(soak 4 1)
	talking
	stop u KILL
	u_again
	talk_again 90
}

@test "both are started again, either first: within 90 s they talk" {
	TIMES=$(soak 4 1)
	talking
	stop u KILL
	stop a KILL
	a_again
	u_again
	talk_again 90
	stop a KILL
	stop u KILL
	u_again
	a_again
	talk_again 90
}

@test "py-vault-udp was away for so long that it was given up: within 90 s they talk" {
	[ "$VT_SOAK" = 1 ] || skip "NOT TESTED but in make soak: it takes more than a minute"
	TIMES=20
	talking --events events
	stop u KILL
	eventually 100 has events silent
	u_again
	talk_again 90
}

@test "--solicit: nobody waits for a key, and who is started again is found in less than 15 s" {
	TIMES=1
	upstream u
	U=(--quiet --framing=lines --solicit "127.0.0.1:${PORT[u]}")
	udp a "${U[@]}"
	# It was not told of us yet, and talks to us.
	tell a again
	eventually 15 has u.recv again
	tell u "peer 127.0.0.1 ${PORT[a]}"
	talk_again 15
	stop a KILL
	rm -r "$XDG_STATE_HOME"
	a_again
	: >u.recv
	talk_again 15
	stop u KILL
	: >a.out
	u_again
	talk_again 15
	stop u KILL
	stop a KILL
	u_again
	a_again
	talk_again 15
}

@test "--solicit: keys of somebody else for its port are not believed while it can show that it is there" {
	TIMES=1
	talking --solicit
	upstream evil --say-port "${PORT[u]}"
	for _ in 1 2 3; do
		tell evil "peer 127.0.0.1 ${PORT[a]}"
		tell evil "junk 127.0.0.1 ${PORT[a]} ${PORT[u]}"
		tell evil renew
	done
	eventually 20 said evil '.event == "renewed"'
	tell a still
	arrives u.recv 2
	assert_equal "$(cat evil.recv)" ''
	none u '.event == "message" and (.boxed | not)'
	none u '.event == "said" and (.boxed | not)'
}

@test "keys that were kept: only of the one who holds them, and a file of others is not used" {
	upstream u --scale "$SCALE"
	udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	tell a one
	arrives u.recv 1
	assert_equal "$(mode_of "$XDG_STATE_HOME/vault-tools/udp_peers")" 600
	grep -Eq "^127\.0\.0\.1:${PORT[u]} vk1[^ ]+ vx1[^ ]+\$" "$XDG_STATE_HOME/vault-tools/udp_peers"
	stop a
	# Nonsense in it does no harm.
	{ head -c 300 /dev/urandom; printf '\n::: vk1 vx1\n\n127.0.0.1:1 vk1 vx1 more\n'; } >>"$XDG_STATE_HOME/vault-tools/udp_peers"
	udp a "${U[@]}" "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	tell a two
	arrives u.recv 2 60
	stop a
	chmod 666 "$XDG_STATE_HOME/vault-tools/udp_peers"
	udp a --framing=lines "127.0.0.1:${PORT[u]}"
	grep -q 'udp_peers.*not' a.err
}

@test "nothing is sent in clear to a peer whose keys are not there, and what comes in clear is not believed" {
	relay r --to 127.0.0.1:9 --sniff SECRET
	upstream u --scale "$SCALE"
	upstream v --clear
	udp a "${U[@]}" -w 3s "127.0.0.1:${PORT[r]}" "127.0.0.1:${PORT[u]}" "127.0.0.1:${PORT[v]}"
	tell a SECRET
	# v talks in clear and takes it, too.
	tell v "peer 127.0.0.1 ${PORT[a]}"
	tell v 'say believe me'
	eventually 20 said v '.event == "said"'
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	tell u 'say in a box'
	arrives a.out 1
	assert_equal "$(cat a.out)" 'in a box'
	arrives u.recv 1
	assert_equal "$(cat u.recv)" SECRET
	stop r
	jq -e '.found == 0 and .up.received > 0' r.json
	none u '.event == "message" and (.boxed | not)'
	none v '.event == "message" and (.boxed | not)'
}

@test "--opportunistic: clear both ways, said loudly and marked in the events" {
	upstream u --clear
	udp a --framing=lines --opportunistic --events events "127.0.0.1:${PORT[u]}"
	tell a 'to whom it may concern'
	arrives u.recv 1
	said u '.event == "message" and (.boxed | not)'
	tell u "peer 127.0.0.1 ${PORT[a]}"
	tell u 'say hello'
	arrives a.out 1
	grep -qi 'opportunistic\|unencrypted\|clear' a.err
	jq -e -n '[inputs | select(.event == "message" and .encrypted == false)] | length == 1' events
}

@test "the old format, both ways, sealed" {
	upstream u --v1 --scale "$SCALE"
	relay r --to 127.0.0.1:9 --sniff SECRET
	udp a "${U[@]}" --wire v1 -w 3s "127.0.0.1:${PORT[u]}" "127.0.0.1:${PORT[r]}"
	tell a 'SECRET'
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	for i in {1..10}; do
		tell a "a $i"
		tell u "say u $i"
	done
	arrives u.recv 11
	arrives a.out 10
	stop r
	jq -e '.found == 0 and .up.received > 0' r.json
	{ echo SECRET; for i in {1..10}; do echo "a $i"; done; } | diff - u.recv
	for i in {1..10}; do echo "u $i"; done | diff - a.out
	none u '.event == "message" and (.boxed | not)'
}

@test "the old format between two vault-udp" {
	udp a --quiet --framing=lines --wire v1
	udp b --quiet --framing=lines --wire v1 "127.0.0.1:${PORT[a]}"
	for i in {1..10}; do tell b "b $i"; done
	arrives a.out 10
	for i in {1..10}; do tell a "a $i"; done
	arrives b.out 10
	for i in {1..10}; do echo "b $i"; done | diff - a.out
	for i in {1..10}; do echo "a $i"; done | diff - b.out
}

@test "no more than its limit of 100 a second goes to py-vault-udp, and nothing of a burst is lost" {
	upstream u
	seq -f 'line %g' 250 >burst
	udp a --quiet --framing=lines "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	cat burst >&"${TELL[a]}"
	arrives u.recv 250
	diff burst u.recv
	none u '.event == "drop" and .why == "rate limit"'
}

@test "py-vault-udp's clock is half a second behind or 20 seconds ahead of ours" {
	local skew
	for skew in -0.5 20; do
		upstream u --skew $skew
		udp a --quiet --framing=lines "127.0.0.1:${PORT[u]}"
		tell u "peer 127.0.0.1 ${PORT[a]}"
		eventually 30 said u '.event == "keys"'
		tell u 'say u'
		tell a a
		arrives a.out 1
		arrives u.recv 1
		stop a
		stop u
	done
}

@test "what py-vault-udp cannot take is refused with the reason: no text, too large; the rest passes" {
	upstream u
	udp a --framing=lines "127.0.0.1:${PORT[u]}"
	tell u "peer 127.0.0.1 ${PORT[a]}"
	eventually 30 said u '.event == "keys"'
	tell a one
	tell a $'not \xff text'
	tell a "$(head -c 3000 /dev/urandom | base64 -w 0)"
	tell a 'zwei Äpfel'
	arrives u.recv 2
	assert_equal "$(cat u.recv)" $'one\nzwei Äpfel'
	grep -q 'UTF-8' a.err
	grep -q 'too large' a.err
}
