#!/usr/bin/env bats
# Goal of this story (--wire vault-tcp, how sessions begin and end):
# - each handshake message arrives alone, so that a peer that reads it with one recv() never fails;
# - what is cut, forged or too large is never a success, and what goes wrong here is a reset there, never an end;
# - an end between two frames is taken for the end, with a warning.

# shellcheck disable=SC2016 # the dollars belong to jq
# shellcheck disable=SC2030,SC2031,SC2034,SC2094,SC2154 # variables are for the words of endings.bash and vaulttcp.bash

load helper
load endings
load vaulttcp

setup() {
	vt_setup
	find_python cryptography nacl
	people
	printf 'good day' >day
}

# ---- the pause ----

# pause_of COUNT PATTERN: so many sessions in a row with data at once, none fails.
pause_to_listener() {
	local p=$1 i
	peer_listens --count "$2" --protocol "Noise_${p}_25519_AESGCM_SHA512"
	knows "Noise_${p}_" "$PEER_KEY"
	for ((i = 0; i < $2; i++)); do
		CLIENT_STDIN=day raw_client --send-only --protocol "$p" "${OURS[@]}"
		expect_status 0 "vault-connect $p, session $i" client.err
	done
	peer_says '.status == "ok" and .received == 8 and .first == 0'
	[ "$(wc -l <peer.json)" = "$2" ]
}

@test "a server that reads each handshake message with one recv(): sessions in a row with data at once, none fails" {
	local p count
	count=$(soak 12 200)
	for p in XX XK NN NX NK IK; do pause_to_listener $p "$count"; done
}

@test "a client that reads each handshake message with one recv(): the same, with a listener that speaks first" {
	local p i count
	count=$(soak 8 200)
	mkfifo targets
	for p in NN NX NK IK XX XK; do
		: >"peer.$p.json"
		vault_keygen --force -f pinned -C '' >pinned.line
		knows "Noise_${p}_" "$(cut -d' ' -f1 pinned.line)"
		exec 7<>targets
		# A client with a key proves it before it is served: by an empty message, if it has nothing to say.
		[ $p != IK ] || THEIRS+=(--messages 0)
		spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" connect - --json "peer.$p.json" \
		    --protocol "Noise_${p}_25519_AESGCM_SHA512" "${THEIRS[@]}" <targets 7>&- 2>peer.err
		PEER_PID=$SPAWN_PID
		for ((i = 0; i < count; i++)); do
			LISTEN_STDIN=day raw_listener -i pinned --anonymous --protocol "$p"
			echo "127.0.0.1 $LISTEN_PORT" >&7
			ended "$LISTEN_PID" 0 "vault-listen $p, session $i" "$LISTEN_ERR"
		done
		exec 7>&-
		mv "peer.$p.json" peer.json
		peer_says '.status == "ok" and .received == 8 and .first == 0'
		[ "$(wc -l <peer.json)" = "$count" ]
	done
}

@test "what the peer asks for is answered without a pause: it has read the handshake if it speaks" {
	peer_listens --echo --protocol Noise_XX_25519_AESGCM_SHA512 --half-close
	CLIENT_STDIN=day raw_client --protocol XX
	expect_status 0 vault-connect client.err
	raw_listener --anonymous -v
	peer_connects --messages 5 --act half
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

# ---- ends ----

@test "an end between two frames: 0 and one warning, none with --quiet; inside of one, or a reset: 6" {
	local act
	for act in half cut:1 cut:4 cut:21 cut:1019 cut:500:rst rst; do
		peer_listens --send day --act "$act" --half-close --protocol Noise_XX_25519_AESGCM_SHA512
		raw_client --recv-only --protocol XX -r "$PEER_KEY"
		if [ $act = half ]; then
			expect_status 0 "vault-connect ($act)" client.err
			one_line client.err 'warning' 'nothing confirms delivery'
		else
			expect_status 6 "vault-connect ($act)" client.err
			grep -c . client.err | grep -x 2
		fi
		cmp client.out day
		raw_listener --protocol XX --recv-only --anonymous
		peer_connects --send day --act "$act" --protocol Noise_XX_25519_AESGCM_SHA512
		if [ $act = half ]; then
			ended "$LISTEN_PID" 0 "vault-listen ($act)" "$LISTEN_ERR"
			one_line "$LISTEN_ERR" 'warning' 'nothing confirms delivery'
		else
			ended "$LISTEN_PID" 6 "vault-listen ($act)" "$LISTEN_ERR"
		fi
		cmp "$LISTEN_OUT" day
	done
	peer_listens --send day --act half --half-close
	raw_client --recv-only --quiet
	expect_status 0 vault-connect client.err
	silent client.err
}

@test "-o: a cut leaves no file, an end leaves it" {
	peer_listens --send day --act cut:30 --half-close
	raw_client --recv-only -o file
	expect_status 6 vault-connect client.err
	assert_not_exist file
	peer_listens --send day --act half --half-close
	raw_client --recv-only -o file
	expect_status 0 vault-connect client.err
	cmp file day
}

@test "lengths that cannot be, forged and repeated frames: 8" {
	local act
	for act in claim:0 claim:1 claim:15 claim:65536 claim:65552 claim:4294967295 badtag replay; do
		peer_listens --act "$act" --half-close
		raw_client --recv-only
		expect_status 8 "vault-connect ($act)" client.err
		peer_says '.end == "rst"'
		raw_listener --anonymous
		peer_connects --messages 3 --act "$act"
		ended "$LISTEN_PID" 8 "vault-listen ($act)" "$LISTEN_ERR"
		peer_says '.end == "rst"'
	done
}

@test "--max-message-size: 8 for what is longer, and the largest itself is taken" {
	peer_listens --messages 1000 --act half --half-close
	raw_client --max-message-size 1000
	expect_status 0 vault-connect client.err
	peer_listens --messages 1001 --act half --half-close
	raw_client --max-message-size 1000
	expect_status 8 vault-connect client.err
	says client.err 1001 --max-message-size
	silent client.out
}

@test "half a frame and then silence: 4 after --message-timeout; silence: 4 after --idle-timeout" {
	peer_listens --act stall:3 --half-close
	raw_client --message-timeout "$((300 * VT_SLOW))ms" --recv-only
	expect_status 4 vault-connect client.err
	says client.err --message-timeout
	peer_says '.end == "rst" or .end == "fin"'
	peer_listens
	raw_client --idle-timeout "$((300 * VT_SLOW))ms" --recv-only
	expect_status 4 vault-connect client.err
	says client.err --idle-timeout
}

@test "an end of the peer with data on its way is not a success" {
	"$VT_BUILD/tests/pattern" 3000000 1 >up
	peer_listens --leave-after 1000000
	CLIENT_STDIN=up raw_client
	expect_status 6 vault-connect client.err
	# The peer has closed already; all that is sent then fits into the socket and would be lost silently.
	peer_listens --act fin
	hold late ''
	CLIENT_STDIN=late start_client --wire vault-tcp -v 127.0.0.1 "$PEER_PORT"
	told 10 client.err 'connected with'
	wait_for "$PEER_PID" 20
	PEER_PID=
	release late 'too late'
	ended "$CLIENT_PID" 6 vault-connect client.err
}

@test "a slow reader has it all before we leave with 0, however much the sockets hold" {
	"$VT_BUILD/tests/pattern" 3000000 1 >up
	peer_listens --read-rate 1500000
	CLIENT_STDIN=up raw_client --send-only
	expect_status 0 vault-connect client.err
	# It has acknowledged the last byte, so only what its own socket holds is left to be read.
	peer_says '.status == "ok" and .received == 3000000'
	cmp peer.got up
}

@test "a reader that stops reading: 4 after --idle-timeout, not for ever, and not 0" {
	"$VT_BUILD/tests/pattern" 30M 1 >up
	peer_listens --read-rate 1000
	CLIENT_STDIN=up raw_client --send-only --idle-timeout "${VT_SLOW}s"
	expect_status 4 vault-connect client.err
	vt_end_all
}

# ---- what goes wrong here is a reset there ----

@test "our own bad ends are a reset at the peer, never an end: signals, kill -9, a full output, a failing input" {
	local how
	for how in INT TERM KILL; do
		peer_listens --echo --half-close
		rm -f never
		hold never 'some data'
		CLIENT_STDIN=never start_client --wire vault-tcp 127.0.0.1 "$PEER_PORT"
		told 10 client.out 'some data'
		kill -s $how "$CLIENT_PID"
		peer_says '.end == "rst" and .received == 9'
		wait_for "$CLIENT_PID" 20
		rm -f never
		hold never 'some data'
		LISTEN_STDIN=never raw_listener --anonymous --drain 10ms
		spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" connect 127.0.0.1 "$LISTEN_PORT" --json peer.json --messages 3 2>peer.err
		PEER_PID=$SPAWN_PID
		eventually 10 has_size "$LISTEN_OUT" 3
		rm -f peer.json
		kill -s $how "$LISTEN_PID"
		peer_says '.end == "rst"'
		wait_for "$LISTEN_PID" 20
		[ "$status" -ge 128 ]
	done
	[ -c /dev/full ] || return 0
	peer_listens --send day --half-close
	CLIENT_STDOUT=/dev/full CLIENT_STDIN=/dev/null start_client --wire vault-tcp 127.0.0.1 "$PEER_PORT"
	ended "$CLIENT_PID" 1 vault-connect client.err
	peer_says '.end == "rst"'
	peer_listens --half-close
	CLIENT_STDIN=. raw_client
	expect_status 1 vault-connect client.err
	peer_says '.end == "rst"'
}
