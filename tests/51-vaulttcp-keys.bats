#!/usr/bin/env bats
# Goal of this story (--wire vault-tcp, who may talk to whom):
# - keys are checked where the other side forgets to;
# - who has proven nothing gets nothing, ends nothing and does not use the listener up, but who only receives is served.

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
