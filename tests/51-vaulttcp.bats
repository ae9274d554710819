#!/usr/bin/env bats
# Goal of this story: --wire vault-tcp talks to Vault TCP programs, whose habits an independent peer imitates
# (tests/peers/vaulttcp_peer.py):
# - in both roles, with every pattern, cipher and hash that they can use, and messages of every size;
# - each handshake message arrives alone, so that a peer that reads it with one recv() never fails;
# - what is cut, forged or too large is never a success, and what goes wrong here is a reset there, never an end;
# - an end between two frames is taken for the end, with a warning; keys are checked where the other side forgets to;
# - who has proven nothing gets nothing, ends nothing and does not use the listener up, but who only receives is served;
# - --wire auto serves such clients and vault/1 at the same port.

# shellcheck disable=SC2016 # the dollars belong to jq
# shellcheck disable=SC2034 # variables are for the words of endings.bash

load helper
load endings

NN=Noise_NN_25519_AESGCM_SHA512

setup() {
	vt_setup
	find_python cryptography nacl
	people
	printf 'good day' >day
}

raw_peer() { "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" "$@"; }

# peer_listens ARGS...: the peer in the background. Sets PEER_PID, PEER_PORT, PEER_KEY; it reports in peer.json.
peer_listens() {
	: >peer.ready
	rm -f peer.json peer.got
	spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" listen --ready-fd 9 --json peer.json --recv peer.got "$@" \
	    9>peer.ready </dev/null 2>peer.err
	PEER_PID=$SPAWN_PID
	eventually 20 vt_has_line peer.ready || { cat peer.err; return 1; }
	PEER_PORT=$(jq -r .port peer.ready)
	PEER_KEY=$(jq -r .key peer.ready)
}

# raw_client ARGS...: vault-connect to it, to its end. Sets status.
raw_client() { client --wire vault-tcp "$@" 127.0.0.1 "$PEER_PORT"; }

# raw_client_at PORT ARGS...: the same, to another port.
raw_client_at() { client --wire vault-tcp "${@:2}" 127.0.0.1 "$1"; }

# raw_listener ARGS...: vault-listen, back when it accepts.
raw_listener() { SERVE_AT="127.0.0.1 0" serve --wire vault-tcp "$@"; }

# peer_connects ARGS...: the peer to our listener, to its end; it reports in peer.json.
peer_connects() {
	rm -f peer.json peer.got
	raw_peer connect 127.0.0.1 "$LISTEN_PORT" --json peer.json --recv peer.got "$@" 2>peer.err || true
	[ -s peer.json ] || { cat peer.err; return 1; }
}

# peer_says CONDITION: the peer is done, and the jq condition holds for each of its reports.
peer_says() {
	[ -z "${PEER_PID:-}" ] || wait_for "$PEER_PID" 30
	PEER_PID=
	if ! jq -e -s "length > 0 and (map($1) | all)" peer.json >/dev/null; then
		echo "the peer does not say $1 but:" >&2
		cat peer.json peer.err >&2
		return 1
	fi
}

# What a pattern wants to be known on either side: OURS for vault-connect, THEIRS for the peer.
knows() {
	OURS=() THEIRS=()
	# (The system may have given this port to another server before.)
	rm -f "$CLIENT_DIR/known_hosts"
	case $1 in
	*_NK_* | *_XK_* | *_IK_*) OURS=(-r "$2") THEIRS=(--remote "$2") ;;
	esac
}

built_in() { vault_connect --protocol "$1" --wire vault-tcp /nowhere/at/all 2>&1 </dev/null | grep -qv 'not built in'; }

names() {
	local p c h
	for p in NN NX NK XX XK IK; do
		echo "Noise_${p}_25519_AESGCM_SHA512"
		echo "Noise_${p}_25519_ChaChaPoly_SHA256"
	done
	for c in AESGCM ChaChaPoly; do
		for h in SHA512 SHA256 BLAKE2b BLAKE2s; do
			echo "Noise_XX_25519_${c}_$h"
		done
	done
	echo Noise_NN_448_AESGCM_SHA512
	echo Noise_XX_448_ChaChaPoly_BLAKE2b
}

@test "the peer agrees with itself, and the vectors with it" {
	raw_peer selftest
	raw_peer vectors >vectors
	diff vectors "$ROOT/tests/vectors/vaulttcp-own.json"
}

# ---- both roles, what can be spoken ----

@test "vault-connect to a Vault TCP server: every pattern, cipher and hash, data both ways" {
	local name count=0
	seq 30000 >up
	"$VT_BUILD/tests/pattern" 200000 1 >down
	for name in $(names); do
		built_in "$name" || continue
		peer_listens --protocol "$name" --send down --when first --act half --half-close --linger 20
		knows "$name" "$PEER_KEY"
		CLIENT_STDIN=up raw_client --protocol "$name" "${OURS[@]}"
		expect_status 0 "vault-connect $name" client.err
		cmp client.out down
		peer_says '.status == "ok" and .end == "fin" and .first == 0'
		cmp peer.got up
		count=$((count + 1))
	done
	[ $count -ge 16 ]
}

@test "vault-listen for a Vault TCP client: every pattern, cipher and hash, data both ways" {
	local name count=0
	seq 30000 >up
	"$VT_BUILD/tests/pattern" 200000 1 >down
	for name in $(names); do
		built_in "$name" || continue
		# With an identity, so that the patterns that want it known can be served.
		LISTEN_STDIN=down raw_listener --protocol "$name" --anonymous
		knows "$name" "$LISTEN_KEY"
		peer_connects --protocol "$name" --send up --act half --half-close "${THEIRS[@]}"
		peer_says '.status == "ok" and .end == "fin" and .first == 0'
		ended "$LISTEN_PID" 0 "vault-listen $name" "$LISTEN_ERR"
		cmp "$LISTEN_OUT" up
		cmp peer.got down
		count=$((count + 1))
	done
	[ $count -ge 16 ]
}

@test "messages of 0, 1, 65518 and 65519 bytes arrive, in both roles, and many small ones, whole or byte by byte" {
	printf '\0' >expected
	"$PYTHON" -c 'import sys
for n in (0, 1, 65518, 65519, 0): sys.stdout.buffer.write(bytes(i & 255 for i in range(n)))' >expected
	peer_listens --messages 0,1,65518,65519,0 --act half --half-close
	raw_client --stats=json
	expect_status 0 vault-connect client.err
	cmp client.out expected
	jq -e 'select(.event? == "stats") | .messages_received == 5 and .bytes_received == 131038' \
	    <(grep '^{' client.err)
	raw_listener --anonymous
	peer_connects --messages 0,1,65518,65519,0 --act half
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp "$LISTEN_OUT" expected
	seq 1000 >up
	raw_listener --anonymous
	peer_connects --send up --sizes 1,0,7,30 --act half --dribble-frames --dribble-delay 0
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp "$LISTEN_OUT" up
	raw_listener --anonymous
	peer_connects --act coalesce
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	[ "$(cat "$LISTEN_OUT")" = 'one two three' ]
}

@test "what is longer than a message is split; none that is sent is longer than 65519 bytes" {
	"$VT_BUILD/tests/pattern" 5000000 1 >up
	peer_listens
	CLIENT_STDIN=up raw_client
	expect_status 0 vault-connect client.err
	peer_says '.received == 5000000 and (.sizes | max) == 65519'
	cmp peer.got up
	LISTEN_STDIN=up raw_listener --anonymous
	peer_connects --pause 0.01
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	peer_says '.received == 5000000 and (.sizes | max) == 65519'
	cmp peer.got up
}

@test "handshake messages dribbled toward us, byte by byte" {
	local p
	for p in NN XX IK; do
		peer_listens --protocol "Noise_${p}_25519_AESGCM_SHA512" --dribble --send day --when first --act half --half-close --stream
		knows "Noise_${p}_" "$PEER_KEY"
		CLIENT_STDIN=day raw_client --protocol "$p" "${OURS[@]}"
		expect_status 0 vault-connect client.err
		cmp client.out day
		raw_listener --anonymous --protocol "$p"
		knows "Noise_${p}_" "$LISTEN_KEY"
		peer_connects --protocol "Noise_${p}_25519_AESGCM_SHA512" --dribble --send day --act half "${THEIRS[@]}"
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
		cmp "$LISTEN_OUT" day
	done
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

# ---- keys ----

@test "a wrong pin is refused with 5 in every pattern that shows or wants a key, also in XX, and nothing is sent" {
	local p wrong
	wrong=$SERVER_KEY
	for p in XX NX NK XK IK; do
		peer_listens --protocol "Noise_${p}_25519_AESGCM_SHA512"
		CLIENT_STDIN=day raw_client --protocol "$p" -r "$wrong"
		expect_status 5 "vault-connect $p" client.err
		peer_says '.received == 0 and .status != "ok"'
	done
	# ... and a key that is remembered counts, too.
	peer_listens --protocol Noise_XX_25519_AESGCM_SHA512 --count 2
	CLIENT_STDIN=day raw_client --protocol XX
	expect_status 0 vault-connect client.err
	says client.err remembered
	grep -q "^127.0.0.1:$PEER_PORT $PEER_KEY" "$CLIENT_DIR/known_hosts"
	CLIENT_STDIN=day raw_client --protocol XX
	expect_status 0 vault-connect client.err
	peer_says '.received == 8'
	local port=$PEER_PORT
	peer_listens 127.0.0.1 "$port" --protocol Noise_XX_25519_AESGCM_SHA512 --count 2
	CLIENT_STDIN=day raw_client --protocol XX
	expect_status 5 vault-connect client.err
	says client.err CHANGED
	CLIENT_STDIN=day raw_client
	expect_status 5 'vault-connect NN where a key is remembered' client.err
	peer_says '.received == 0'
}

@test "who may connect: a client that is not authorized gets nothing, and learns it as an end; NN shows no key" {
	local p
	for p in XX XK IK NN; do
		LISTEN_STDIN=day raw_listener --protocol "$p" --max-failures 1
		knows "Noise_${p}_" "$SERVER_KEY"
		peer_connects --protocol "Noise_${p}_25519_AESGCM_SHA512" "${THEIRS[@]}" --messages 3
		ended "$LISTEN_PID" 5 "vault-listen $p" "$LISTEN_ERR"
		silent "$LISTEN_OUT"
		peer_says '.received == 0 and .end != null'
		[ $p = NN ] || says "$LISTEN_ERR" 'not authorized'
	done
	raw_listener --protocol XX
	peer_connects --protocol Noise_XX_25519_AESGCM_SHA512 --static "$CLIENT_DIR/identity" --send day --act half
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp "$LISTEN_OUT" day
}

# says_and_leaves HEX [LEAVE]: send these bytes to the listener, read the answer, then LEAVE: 'fin' (and read to the end),
# 'rst', or 'stay' until the other side has closed. The number of bytes that came is printed.
says_and_leaves() {
	"$PYTHON" - "$LISTEN_PORT" "$@" <<-'END'
		import socket, struct, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.sendall(bytes.fromhex(sys.argv[2]))
		how = (sys.argv[3:] or ["fin"])[0]
		count = 0
		try:
		    if how != "stay":
		        count = len(s.recv(4096))
		    if how == "fin":
		        s.shutdown(socket.SHUT_WR)
		    if how == "rst":
		        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    else:
		        while part := s.recv(65536):
		            count += len(part)
		except OSError:
		    pass
		print(count)
	END
}

@test "who knows only a public key, or repeats a first message, proves nothing: no session, no data, no empty file" {
	local wire p first
	export PEERS=$ROOT/tests/peers
	x25519=$(vault_keygen --export hex --part x25519 -y -f "$CLIENT_DIR/identity")
	# What the client itself once said to this server, from an IK session.
	repeated=$("$PYTHON" - "$SERVER_KEY" "$CLIENT_DIR/identity" <<-'END'
		import os, sys
		sys.path.insert(0, os.environ["PEERS"])
		from noise_ref import Handshake, Name
		from vault1_keys import Identity, x_public
		hs = Handshake(Name("Noise_IK_25519_AESGCM_SHA512"), True, s=Identity(sys.argv[2]).secret, rs=x_public(sys.argv[1]))
		print(hs.write_message(b"").hex())
	END
	)
	[ ${#repeated} = 192 ]
	for wire in vault-tcp auto; do
		for p in IX IN IK; do
			echo "precious" >file
			SERVE_AT="127.0.0.1 0" LISTEN_STDIN=day serve --wire $wire --protocol $p -o file --max-failures 4 -v
			first=$(head -c 32 "$VT_BIN/vault-listen" | od -An -v -tx1 | tr -d ' \n')$x25519
			[ $p != IK ] || first=$repeated
			# Only the answer of the handshake comes back.
			[ "$(says_and_leaves "$first" fin)" -le 96 ]
			says_and_leaves "$first" rst
			[ "$(says_and_leaves "${first}00000014$(printf '%040d' 0)" fin)" -le 96 ]
			vt_alive "$LISTEN_PID"
			[ "$(says_and_leaves "${first}00000014$(printf '%032d' 0)" fin)" -le 96 ]
			ended "$LISTEN_PID" 5 "vault-listen $wire $p" "$LISTEN_ERR"
			grep -q 'without having proven that it holds its key' "$LISTEN_ERR"
			[ "$(cat file)" = precious ]
		done
	done
}

@test "... and the one that it belongs to is served afterwards, with or without something to say" {
	local p
	for p in IX IN IK; do
		knows "Noise_${p}_" "$SERVER_KEY"
		LISTEN_STDIN=day raw_listener --protocol $p -o file
		[ $p = IK ] || says_and_leaves "$(printf '%064d' 9)$(vault_keygen --export hex --part x25519 -y -f "$CLIENT_DIR/identity")"
		CLIENT_STDIN=day raw_client_at "$LISTEN_PORT" --protocol $p "${OURS[@]}"
		expect_status 0 "vault-connect $p" client.err
		ended "$LISTEN_PID" 0 "vault-listen $p" "$LISTEN_ERR"
		cmp file day
		cmp client.out day
		# It only receives.
		LISTEN_STDIN=day raw_listener --protocol $p --send-only
		raw_client_at "$LISTEN_PORT" --protocol $p --recv-only "${OURS[@]}"
		expect_status 0 "vault-connect $p --recv-only" client.err
		ended "$LISTEN_PID" 0 "vault-listen $p --send-only" "$LISTEN_ERR"
		cmp client.out day
		# It has nothing to send, and that is all.
		raw_listener --protocol $p --recv-only -o file
		raw_client_at "$LISTEN_PORT" --protocol $p --send-only "${OURS[@]}"
		expect_status 0 "vault-connect $p --send-only" client.err
		ended "$LISTEN_PID" 0 "vault-listen $p --recv-only" "$LISTEN_ERR"
		[ ! -s file ]
		# Vault TCP itself proves nothing if it says nothing.
		raw_listener --protocol $p --max-failures 1
		peer_connects --protocol "Noise_${p}_25519_AESGCM_SHA512" --static "$CLIENT_DIR/identity" --act half "${THEIRS[@]}"
		ended "$LISTEN_PID" 5 "vault-listen $p, nothing said" "$LISTEN_ERR"
	done
}

@test "scans, requests and looks do not use up a listener for anyone; who comes for data and is silent is served" {
	local wire hex
	http=$(printf 'GET / HTTP/1.0\r\nHost: www.example.org\r\n\r\n' | od -An -v -tx1 | tr -d ' \n')
	for wire in vault-tcp auto; do
		SERVE_AT="127.0.0.1 0" LISTEN_STDIN=day serve --wire $wire --anonymous -v -w "$((1500 * VT_SLOW))ms"
		for hex in '' 00 "$http" "${http:0:64}" "${http:0:66}" "${http:0:72}" "$(printf '%064d' 0)"; do
			says_and_leaves "$hex" fin
			[ -z "$hex" ] || says_and_leaves "$hex" rst
		done
		# A frame that was begun must be one within the time for a handshake.
		[ "$(says_and_leaves "${http:0:66}" stay)" -le 48 ]
		raw_client_at "$LISTEN_PORT" -z
		expect_status 0 'vault-connect -z' client.err
		vt_alive "$LISTEN_PID"
		silent "$LISTEN_OUT"
		# One that sends nothing, and takes what there is.
		peer_connects
		peer_says '.status == "ok" and .received == 8 and .sent == 0'
		ended "$LISTEN_PID" 0 "vault-listen $wire" "$LISTEN_ERR"
	done
	# A listener that only receives has nothing for it.
	raw_listener --anonymous --recv-only -w "$((800 * VT_SLOW))ms" --max-failures 1
	says_and_leaves "${http:0:64}" stay
	ended "$LISTEN_PID" 4 'vault-listen --recv-only' "$LISTEN_ERR"
	# Nor is it a success, for either wire, if there was nothing to come for.
	hold open ''
	LISTEN_STDIN=open raw_listener --anonymous -o file -v
	"$PYTHON" - "$LISTEN_PORT" "${http:0:64}" <<-'END'
		import socket, sys, time
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.sendall(bytes.fromhex(sys.argv[2]))
		s.recv(4096)
		time.sleep(1)
	END
	wait_for "$LISTEN_PID" 20
	[ "$status" = 6 ]
	assert_not_exist file
}

@test "a server's key that the handshake does not prove: such patterns are not for this wire" {
	local p
	for p in NX1 XX1 IX1 I1X1; do
		run -2 bounded 10 vault_connect --wire vault-tcp --protocol $p 127.0.0.1 1
		assert_line --partial "does not prove the server's key"
		run -2 bounded 10 vault_listen --wire vault-tcp --protocol $p 0
	done
	# Nor those that want a key to be known that nobody could know.
	built_in Noise_NN_448_AESGCM_SHA512 || return 0
	for p in NK XK IK; do
		run -2 bounded 10 vault_connect --wire vault-tcp --protocol Noise_${p}_448_AESGCM_SHA512 -r "$SERVER_KEY" 127.0.0.1 1
		assert_line --partial 'nobody could know a 448 key'
	done
	run -2 bounded 10 vault_connect --wire vault-tcp --protocol KN 127.0.0.1 1
	run -2 bounded 10 vault_listen --wire vault-tcp --protocol KN 0
}

@test "a server that does not allow us: 6, or 0 with a word about it if nothing was sent" {
	peer_listens --protocol Noise_XX_25519_AESGCM_SHA512 --allow "$SERVER_KEY"
	hold open ''
	CLIENT_STDIN=open raw_client --protocol XX --recv-only -r "$PEER_KEY"
	expect_status 0 vault-connect client.err
	says client.err "may not accept this side's key"
	peer_listens --protocol Noise_XX_25519_AESGCM_SHA512 --allow "$SERVER_KEY"
	CLIENT_STDIN=day raw_client --protocol XX -r "$PEER_KEY"
	expect_status 6 vault-connect client.err
	says client.err "may not accept this side's key"
	# Ours says it by a reset.
	: >"$SERVER_DIR/authorized_keys"
	raw_listener --protocol XX --max-failures 1
	CLIENT_STDIN=day raw_client_at "$LISTEN_PORT" --protocol XX -r "$SERVER_KEY"
	expect_status 6 vault-connect client.err
	says client.err "may not accept this side's key"
	ended "$LISTEN_PID" 5 vault-listen "$LISTEN_ERR"
	peer_listens --protocol Noise_XX_25519_AESGCM_SHA512 --allow "$CLIENT_KEY"
	CLIENT_STDIN=day raw_client --protocol XX -r "$PEER_KEY" --quiet
	expect_status 0 vault-connect client.err
	peer_says '.received == 8'
}

@test "payloads in the handshake, another protocol, noise: no session" {
	peer_listens --payload 616263
	CLIENT_STDIN=day raw_client
	[ "$status" = 5 ] || [ "$status" = 8 ]
	raw_listener --anonymous --protocol XX --max-failures 1
	peer_connects --protocol Noise_XX_25519_AESGCM_SHA512 --payload 616263
	wait_for "$LISTEN_PID" 20
	[ "$status" = 5 ] || [ "$status" = 8 ] || [ "$status" = 3 ]
	silent "$LISTEN_OUT"
	peer_listens --protocol Noise_NN_25519_ChaChaPoly_SHA512
	CLIENT_STDIN=day raw_client
	expect_status 5 vault-connect client.err
	peer_says '.received == 0'
	# An all-zero key.
	raw_listener --anonymous --max-failures 1
	head -c 32 /dev/zero | bounded 10 nc -q 5 127.0.0.1 "$LISTEN_PORT" >/dev/null || true
	wait_for "$LISTEN_PID" 20
	[ "$status" = 5 ] || [ "$status" = 8 ]
}

@test "-z: which key, which protocol" {
	peer_listens --protocol Noise_XX_25519_AESGCM_SHA512
	raw_client -z --json --protocol XX
	expect_status 0 vault-connect client.err
	jq -e --arg k "$PEER_KEY" '.key == $k and .protocol == "Noise_XX_25519_AESGCM_SHA512" and .status == 0' client.out
}

# ---- two of ours ----

@test "two of ours over this wire, and options that it cannot have" {
	seq 50000 >up
	LISTEN_STDIN=day raw_listener --anonymous --protocol IK
	CLIENT_STDIN=up client --wire vault-tcp --protocol IK -r "$LISTEN_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp client.out day
	cmp "$LISTEN_OUT" up
	vault_keygen --psk -f psk
	run -2 bounded 10 vault_connect --wire vault-tcp --psk-file psk 127.0.0.1 1
	run -2 bounded 10 vault_connect --wire vault-tcp --compress 127.0.0.1 1
	run -2 bounded 10 vault_connect --wire vault-tcp --protocol NNpsk0 127.0.0.1 1
	run -2 bounded 10 vault_connect --wire auto 127.0.0.1 1
	run -2 bounded 10 vault_connect --max-message-size 100 127.0.0.1 1
	run -2 bounded 10 vault_connect --wire vault-tcp --max-message-size 65537 127.0.0.1 1
	run -2 bounded 10 vault_connect --wire other 127.0.0.1 1
	assert_line --partial 'vault-tcp'
	run -2 bounded 10 vault_listen --wire vault-tcp --protocol NN --protocol XX 0
	run -2 bounded 10 vault_listen --wire auto --psk-file psk 0
}

# ---- auto ----

@test "--wire auto: vault/1 and Vault TCP clients take turns, each is served in its own way" {
	local i count
	count=$(soak 20 200)
	mkfifo targets
	vault_keygen -f pinned -C '' >pinned.line
	: >peer.json
	exec 7<>targets
	spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" connect - --json peer.json --protocol Noise_XX_25519_AESGCM_SHA512 \
	    --static "$CLIENT_DIR/identity" --messages 3 --act half --half-close <targets 7>&- 2>peer.err
	PEER_PID=$SPAWN_PID
	for ((i = 0; i < count; i++)); do
		LISTEN_STDIN=day SERVE_AT="127.0.0.1 0" serve -i pinned --wire auto --protocol XX
		if [ $((i % 2)) = 0 ]; then
			CLIENT_STDIN=day client -r "$(cut -d' ' -f1 pinned.line)" --protocol XX 127.0.0.1 "$LISTEN_PORT"
			expect_status 0 "vault-connect, session $i" client.err
			cmp client.out day
			silent client.err
		else
			echo "127.0.0.1 $LISTEN_PORT" >&7
		fi
		ended "$LISTEN_PID" 0 "vault-listen, session $i" "$LISTEN_ERR"
		[ $((i % 2)) = 1 ] || silent "$LISTEN_ERR"
		[ "$(wc -c <"$LISTEN_OUT")" = $((i % 2 == 0 ? 8 : 3)) ]
	done
	exec 7>&-
	peer_says '.status == "ok" and .received == 8'
	[ "$(wc -l <peer.json)" = $((count / 2)) ]
}

@test "--wire auto: first bytes that only look like the other wire are refused, and the next client is served" {
	local begin
	SERVE_AT="127.0.0.1 0" serve --wire auto --anonymous -v
	printf 'VLT1\377garbage garbage garbage' | bounded 10 nc -q 5 127.0.0.1 "$LISTEN_PORT" >refused || true
	printf 'VLT1\034Noise_XX_25519_AESGCM_SHA999\0\001x' | bounded 10 nc -q 5 127.0.0.1 "$LISTEN_PORT" >refused2 || true
	printf 'VLT' | bounded 10 nc -q 1 127.0.0.1 "$LISTEN_PORT" >/dev/null || true
	eventually 10 eval '[ "$(grep -c "during the handshake" "$LISTEN_ERR")" = 2 ]'
	says "$LISTEN_ERR" 'unknown Noise protocol'
	# Raw clients whose keys begin like the magic, byte by byte: they are answered in their way.
	for begin in V VL VLT; do
		"$PYTHON" - "$LISTEN_PORT" $begin <<-'END'
			import socket, sys
			s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
			for b in sys.argv[2].encode().ljust(32, b"k"):
			    s.sendall(bytes([b]))
			answer = b""
			while len(answer) < 48:
			    part = s.recv(4096)
			    if not part:
			        sys.exit("closed after %d bytes" % len(answer))
			    answer += part
			sys.exit(len(answer) != 48)
		END
	done
	# They left without a word, so somebody else is served.
	peer_connects --send day --act half
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp "$LISTEN_OUT" day
}
