#!/usr/bin/env bats
# Goal of this story: --wire vault-tcp talks to Vault TCP programs, whose habits an independent peer imitates
# (tests/peers/vaulttcp_peer.py):
# - in both roles, with every pattern, cipher and hash that they can use, and messages of every size;
# - two of ours over this wire, and options that it cannot have;
# - --wire auto serves such clients and vault/1 at the same port.

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
