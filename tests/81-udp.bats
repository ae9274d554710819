#!/usr/bin/env bats
# Goal of this story: two vault-udp, and a network between them that does its worst:
# - messages arrive whole, once, encrypted, and never split or merged, in every framing, up to the size that is named;
# - what is lost is counted exactly, and status 0 means that nothing was;
# - what is doubled, replayed or changed in any bit delivers nothing; a peer that moves stays the same peer.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() { udp_setup; }

# text FILE COUNT WORD: lines that all contain PLAINLY, no two the same.
text() { seq "$2" | sed "s/.*/PLAINLY $3 &/" >"$1"; }

# known: people a and b, who know each other: A and B are their options.
known() {
	person a
	person b
	A=(--quiet --remote-key "${KEY[b]}" "$@")
	B=(--quiet --remote-key "${KEY[a]}" "$@")
}

# both_sent: a and b have ended with 0, without a word, and each put out what the other was given.
both_sent() {
	local side
	for side in a b; do
		ends $side 100
		cat $side.err
		assert_equal "$side: $status" "$side: 0"
		[ ! -s $side.err ]
	done
	cmp a.out down
	cmp b.out up
}

@test "many messages each way, as fast as they go: all arrive in order, both leave with 0" {
	local n
	n=$(soak 10000 100000)
	known --framing=lines --until-end
	text up "$n" up
	text down "$n" down
	UDP_STDIN=up udp a "${A[@]}"
	UDP_STDIN=down udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	both_sent
}

@test "a row of short messages at once, and input that stays open: all go, also those of one read that are many batches" {
	known --framing=lines
	text first 1 first
	text row 20000 row
	udp a "${A[@]}"
	udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	tell b "$(cat first)"
	arrives a.out 1
	cat row >&"${TELL[b]}"
	arrives a.out 20001
	cat first row | cmp - a.out
	kill -0 "${PID[b]}"
}

@test "messages of every size from one byte to the largest, both ways, as fast as they go: all whole, once, in order" {
	local n
	n=$(soak 10000 100000)
	known --framing=u32 --until-end --stats=json
	sizes up "$n" 1
	sizes down "$n" 2
	UDP_STDIN=up udp a "${A[@]}"
	UDP_STDIN=down udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	for side in a b; do
		ends $side 100
		assert_equal "$side: $status" "$side: 0"
		figures $side | jq -e --argjson n "$n" '.messages_sent == $n and .messages_received == $n and .lost == 0 and .duplicates == 0'
	done
	cmp a.out down
	cmp b.out up
}

# sizes FILE COUNT SEED: random messages as u32, of 1 to 1347 bytes, what a datagram of an MTU of 1500 takes at least, each
# size several times.
sizes() {
	"$PYTHON" -c '
import random, struct, sys
r = random.Random(int(sys.argv[2]))
for i in range(int(sys.argv[1])):
    n = 1 + i % 1347 if i < 2694 else r.randint(1, 1347)
    sys.stdout.buffer.write(struct.pack(">I", n) + r.randbytes(n))
' "$2" "$3" >"$1"
}

# The relay in Python has its own speed.
@test "what passes by is all of one size, and nothing of it is in clear" {
	local n
	n=$(soak 3000 100000)
	known --framing=lines --until-end --pace=5000
	text up "$n" up
	text down "$n" down
	UDP_STDIN=up udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}" --sniff PLAINLY
	UDP_STDIN=down udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	both_sent
	stop r
	jq -e --argjson n "$n" '.found == 0 and .up.received > $n and .down.received > $n' r.json
	# Two sizes, before and after the path was probed, and a few probes.
	jq -e --argjson n "$n" '[.sizes | to_entries[] | select(.value > 20) | .value] | length <= 2 and add > 2 * $n - 100' r.json
}

# figures NAME: its --stats=json.
figures() { jq -c 'select(.event == "stats")' <(grep '^{' "$1.err") | tail -n 1; }

@test "losses, duplicates and reordering: nothing wrong or twice, what is lost is counted to the message, status 6" {
	local n side other lost=0
	n=$(soak 3000 30000)
	known --framing=lines --until-end --stats=json --pace=5000
	text up "$n" up
	text down "$n" down
	UDP_STDIN=up udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}" --seed "${VT_SEED:-3}" --after 12 --loss 0.1 --dup 0.1 --reorder 0.1
	UDP_STDIN=down udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	for side in a b; do
		ends $side 60
		assert_equal "$status" 6
	done
	stop r
	for side in a b; do
		if [ $side = a ]; then other=down; else other=up; fi
		[ "$(sort $side.out | uniq -d)" = '' ]
		[ "$(sort $side.out | comm -23 - <(sort $other))" = '' ]
		figures $side >figures
		jq -e --argjson n "$n" --argjson got "$(lines_of $side.out)" \
		    '.messages_sent == $n and .messages_received == $got and .lost == $n - $got and .lost > 0' figures
	done
}

@test "duplicates and reordering only: nothing is lost, status 0" {
	local n
	n=$(soak 2000 30000)
	known --framing=lines --until-end --pace=5000
	text up "$n" up
	UDP_STDIN=/dev/null udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}" --after 12 --dup 0.2 --reorder 0.1
	UDP_STDIN=up udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	ends b 60
	assert_equal "$status" 0
	ends a 60
	assert_equal "$status" 0
	each_once a.out up
	stop r
	jq -e '.up | .doubled > 100 and .reordered > 50' r.json
}

@test "everything that was seen is sent again, both ways: not one message is delivered twice" {
	known --framing=lines
	udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}"
	udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	for i in {1..40}; do
		tell a "down $i"
		tell b "up $i"
	done
	arrives a.out 40
	arrives b.out 40
	tell r replay
	tell a 'down last'
	tell b 'up last'
	arrives a.out 41
	arrives b.out 41
	for i in {1..40} last; do echo "up $i"; done | diff - a.out
	for i in {1..40} last; do echo "down $i"; done | diff - b.out
	stop r
	jq -e '.up.replayed > 40 and .down.replayed > 40' r.json
}

@test "every bit of a datagram: none of the changed ones is delivered, the datagram itself is, once" {
	known --framing=lines --rate-limit=1000000
	udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}" --way up --flip-all 8
	udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	for i in {1..30}; do
		tell b "up $i"
		arrives a.out "$i"
	done
	for i in {1..30}; do echo "up $i"; done | diff - a.out
	stop r
	jq -e '.up.flipped >= 8 * 1000' r.json
}

@test "a kernel that cannot cut and join datagrams: done without, quietly, and nothing is lost" {
	local n hit=0
	[ "$VT_SLOW" = 1 ] || skip 'under strace sanitizers and valgrind cannot work'
	command -v strace >/dev/null || skip 'strace is NOT INSTALLED'
	known --framing=lines --until-end --sandbox=off
	text up 3000 up
	for n in 5 6 7 8 9; do
		: >a.ready
		XDG_CONFIG_HOME=$PWD/a.config spawn strace -qq -o options -e trace=setsockopt -e inject=setsockopt:error=ENOPROTOOPT \
		    "$VT_BIN/vault-udp" -l 127.0.0.1:0 --ready-fd 9 "${A[@]}" 9>a.ready </dev/null >a.out 2>a.err
		PID[a]=$SPAWN_PID
		ready a
		XDG_CONFIG_HOME=$PWD/b.config bounded 30 strace -qq -o calls -e trace=sendmmsg -e "inject=sendmmsg:error=EIO:when=$n" \
		    "$VT_BIN/vault-udp" -l 127.0.0.1:0 "${B[@]}" "127.0.0.1:${PORT[a]}" <up >b.out 2>b.err
		ends a 20
		assert_equal "$status" 0
		cmp a.out up
		assert_equal "$(cat a.err b.err)" ''
		# If what failed was to be cut by the kernel, nothing was any more.
		grep -q 'cmsg_type.*INJECTED' calls || continue
		hit=1
		not grep -q cmsg_type <(sed '1,/INJECTED/d' calls)
	done
	[ $hit = 1 ]
}

@test "framings: read, line, NUL and u32; never split and never merged" {
	known
	udp a "${A[@]}" --framing=u32
	head -c 700 /dev/urandom >binary
	printf 'one\0two\0\0with\nnewline' | bounded 20 env XDG_CONFIG_HOME="$PWD/b.config" "$VT_BIN/vault-udp" -l 127.0.0.1:0 "${B[@]}" \
	    --framing=nul "127.0.0.1:${PORT[a]}"
	XDG_CONFIG_HOME=$PWD/b.config bounded 20 vault_udp -l 127.0.0.1:0 "${B[@]}" --framing=raw "127.0.0.1:${PORT[a]}" <binary
	{
		printf '\0\0\0\3one\0\0\0\3two\0\0\0\0\0\0\0\14with\nnewline\0\0\2\274'
		cat binary
	} >wanted
	eventually 20 cmp a.out wanted
}

@test "a message that holds the delimiter is not written, and that is no success" {
	known
	udp a "${A[@]}" --framing=lines --until-end
	hush a
	printf 'one\0two\nlines\0three' >messages
	UDP_STDIN=messages udp b "${B[@]}" --framing=nul "127.0.0.1:${PORT[a]}"
	ends b 20
	assert_equal "$status" 6
	ends a 20
	assert_equal "$status" 1
	assert_equal "$(cat a.out)" $'one\nthree'
	grep -q delimiter a.err
}

@test "an empty line is a message, a last line without a newline, too" {
	known --framing=lines --until-end
	udp a "${A[@]}"
	hush a
	printf '\n\nlast' >messages
	UDP_STDIN=messages udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	ends b 20
	assert_equal "$status" 0
	ends a 20
	assert_equal "$status" 0
	assert_equal "$(od -An -c a.out | tr -d ' ')" '\n\nlast\n'
}

@test "a message that is too large is refused with the limit named; its neighbours pass" {
	known --framing=lines
	udp a "${A[@]}"
	head -c 100000 /dev/urandom | base64 -w 0 >large
	status=0
	{ echo before; cat large; echo; echo after; } |
	    XDG_CONFIG_HOME=$PWD/b.config bounded 20 vault_udp -l 127.0.0.1:0 "${B[@]}" "127.0.0.1:${PORT[a]}" 2>err || status=$?
	assert_equal "$status" 1
	grep -qE 'too large.*[0-9]+ bytes' err
	not grep -qF "$(head -c 100 large)" a.out
}

@test "several peers on one address: each hears what is for all, and only that" {
	local name
	person a
	for name in b c d; do person $name; done
	udp a --quiet --framing=lines --remote-key "${KEY[b]}" --remote-key "${KEY[c]}" --remote-key "${KEY[d]}"
	for name in b c d; do
		udp $name --quiet --framing=lines --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
		tell $name "from $name"
	done
	arrives a.out 3
	tell a 'to all'
	for name in b c d; do
		arrives $name.out 1
		assert_equal "$(cat $name.out)" 'to all'
	done
	each_once a.out <(printf 'from %s\n' b c d)
}

@test "a peer whose address changes stays the same peer" {
	known --framing=lines
	udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}"
	udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	tell b one
	arrives a.out 1
	tell r rebind
	eventually 10 grep -q rebound r.err
	tell b two
	arrives a.out 2
	tell a three
	arrives b.out 1
	assert_equal "$(cat a.out b.out)" $'one\ntwo\nthree'
}

@test "IPv6" {
	"$PYTHON" -c 'import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).bind(("::1", 0))' || skip 'no IPv6 here'
	known --framing=lines
	UDP_AT='[::1]:0' udp a "${A[@]}"
	UDP_AT='[::1]:0' udp b "${B[@]}" "[::1]:${PORT[a]}"
	tell b up
	arrives a.out 1
	tell a down
	arrives b.out 1
	assert_equal "$(cat a.out b.out)" $'up\ndown'
	stop a
	stop b
	# One socket for both, and a peer of each.
	person c
	UDP_AT=0 udp a --quiet --framing=lines --remote-key "${KEY[b]}" --remote-key "${KEY[c]}" --tag
	udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	UDP_AT='[::1]:0' udp c "${B[@]}" "[::1]:${PORT[a]}"
	tell b four
	tell c six
	arrives a.out 2
	each_once a.out <(printf '127.0.0.1:%s\tfour\n[::1]:%s\tsix\n' "${PORT[b]}" "${PORT[c]}")
	tell a all
	arrives b.out 1
	arrives c.out 1
}

@test "key lifetimes pass while messages flow: none is lost" {
	local n=60 i
	known --framing=lines --lifetime=1s --until-end
	udp a "${A[@]}"
	relay r --to "127.0.0.1:${PORT[a]}" --sniff PLAINLY
	udp b "${B[@]}" "127.0.0.1:${PORT[r]}"
	for ((i = 0; i < n; i++)); do
		tell a "PLAINLY down $i"
		tell b "PLAINLY up $i"
		sleep 0.1
	done
	arrives a.out $n
	arrives b.out $n
	for ((i = 0; i < n; i++)); do echo "PLAINLY up $i"; done | diff - a.out
	for ((i = 0; i < n; i++)); do echo "PLAINLY down $i"; done | diff - b.out
	stop r
	jq -e '.found == 0' r.json
}

@test "a peer that is killed and comes back with the same identity is heard again" {
	known --framing=lines --lifetime=2s
	udp a "${A[@]}"
	udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	tell b one
	arrives a.out 1
	stop b KILL
	udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	tell b two
	arrives a.out 2
	tell a three
	arrives b.out 1
	assert_equal "$(cat a.out b.out)" $'one\ntwo\nthree'
}

@test "who is started first does not matter: nobody there yet is no error" {
	local port
	known --framing=lines
	udp a "${A[@]}"
	port=${PORT[a]}
	stop a
	echo early >message
	UDP_STDIN=message udp b "${B[@]}" "127.0.0.1:$port"
	UDP_AT=127.0.0.1:$port udp a "${A[@]}"
	ends b 20
	assert_equal "$status" 0
	arrives a.out 1
	cmp a.out message
}

@test "the receiver is killed in the middle: the sender says so, in time, with 6" {
	known --framing=lines
	udp a "${A[@]}"
	udp b "${B[@]}" "127.0.0.1:${PORT[a]}"
	tell b one
	arrives a.out 1
	stop a KILL
	tell b two
	hush b
	ends b 40
	assert_equal "$status" 6
}

@test "the strict native peer has nothing to object to, and both ends agree" {
	person a
	udp a --quiet --framing=lines --lifetime=2s --remote-key "$(identity_of n 1)"
	native n -i "$(printf '01%.0s' {1..32})" --pin "${KEY[a]}" --peer "127.0.0.1:${PORT[a]}" --scale 30
	tell n 'send 100 up 0.05'
	for i in {0..99}; do
		tell a "down$i"
		sleep 0.05
	done
	arrives a.out 100
	arrives n.recv 100
	tell n 'end'
	eventually 10 said n '.event == "ended" and .said.messages == 100'
	none n '.event == "violation"'
	for i in {0..99}; do echo "down$i"; done | diff - n.recv
	for i in {0..99}; do echo "up$i"; done | diff - a.out
}

# identity_of: the public key of the secret 0101...
identity_of() {
	PYTHONPATH=$PEERS "$PYTHON" -B -c 'import udp_wire, vault1_keys
print(vault1_keys.to_text("vk1", udp_wire.SignKeys(b"\1" * 32).public))'
}
