#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - two people who have keys understand each other without an option, and each end knows whom it talks to;
# - a stranger's key is taken the first time with one line, and never again something else in its place;
# - whoever is refused learns why, on both ends, in one line that tells what to do next;
# - no mode, pattern or file lets somebody in who should not be.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	KNOWN=$CLIENT_DIR/known_hosts
}

# ---- a server's key, the first time and later ----

@test "a new server is remembered with one line; the second time nothing is said" {
	serve
	meet 0 0 "$AT"
	one_line client.err "new server $AT: key $SERVER_KEY" "fingerprint $(fingerprint_of "$SERVER_DIR/identity")" \
	    "remembered in $KNOWN"
	silent "$LISTEN_ERR" client.out
	assert_equal "$(cat "$KNOWN")" "$AT $SERVER_KEY"
	assert_equal "$(mode_of "$KNOWN")" 600
	serve
	meet 0 0 "$AT"
	silent "$LISTEN_ERR" client.err
	assert_equal "$(wc -l <"$KNOWN")" 1
}

@test "however short the session: whoever is new is told of and remembered" {
	local i
	echo hello >in
	for i in $(seq "$(soak 30 300)"); do
		serve --recv-only
		CLIENT_STDIN=in client --send-only --known-hosts "known.$i" "$AT"
		assert_equal "$status" 0
		assert_equal "$(cat "known.$i")" "$AT $SERVER_KEY"
		says client.err 'new server'
		wait_for "$LISTEN_PID" 5
		assert_equal "$status" 0
	done
}

# rogue ARGS...: meet a server that takes what comes and never says READY. Sets GOT to what it could get, in bytes.
rogue() {
	local relay server
	: >rogue.ready
	: >relay.ready
	spawn "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" listen --ready-fd 8 --identity "$SERVER_DIR/identity" \
	    --misbehave greet-never 127.0.0.1 0 8>rogue.ready >rogue.out 2>rogue.err
	server=$SPAWN_PID
	eventually 10 vt_has_line rogue.ready
	spawn "$VT_BUILD/tests/relay" --ready-fd 8 --to "127.0.0.1:$(jq .port rogue.ready)" --report report \
	    --timeout "$(scaled 20)" 8>relay.ready 2>relay.err
	relay=$SPAWN_PID
	eventually 10 vt_has_line relay.ready
	CLIENT_STDIN=secret client -w "$(scaled 1)s" --send-only "$@" 127.0.0.1 "$(jq .port relay.ready)"
	assert_equal "$status" 4
	kill "$server"
	wait_for "$server" 10
	wait_for "$relay" 10
	GOT=$(jq .c2s.received report)
}

@test "a server met for the first time gets no data before it has said READY; one that is known may" {
	find_python nacl msgpack cryptography
	head -c 300000 /dev/urandom >secret
	rogue
	[ "$GOT" -lt 2000 ]
	rogue -r "$SERVER_KEY"
	[ "$GOT" -gt 2000 ]
}

@test "-v: both ends name the other's key; XX the first time, IK when the key is known" {
	local pattern
	for pattern in XX IK; do
		serve -v
		meet 0 0 -v "$AT"
		says client.err "connected with Noise_${pattern}_25519_" "peer key $SERVER_KEY"
		says "$LISTEN_ERR" "connected with Noise_${pattern}_25519_" "peer key $CLIENT_KEY"
	done
}

@test "a server is remembered by the name and port that were typed" {
	SERVE_AT='127.0.0.1 0' serve
	meet 0 0 127.0.0.1 "$LISTEN_PORT"
	assert_equal "$(cat "$KNOWN")" "127.0.0.1:$LISTEN_PORT $SERVER_KEY"
	# Another name is another server.
	SERVE_AT='127.0.0.1 0' serve
	meet 0 0 --known-hosts other "LocalHost:$LISTEN_PORT"
	assert_equal "$(cat other)" "localhost:$LISTEN_PORT $SERVER_KEY"
}

@test "--trust=strict: an unknown key is refused, with its fingerprint; a known one is not" {
	serve --max-failures 1
	meet 3 5 --trust=strict "$AT"
	one_line client.err "the key of $AT is unknown" "$(fingerprint_of "$SERVER_DIR/identity")" \
	    'check it with the server' '--remote-key'
	one_line "$LISTEN_ERR" 'the peer closed the connection during the handshake'
	assert_not_exists "$KNOWN"
	# The key in the message is one that --remote-key takes.
	serve
	meet 0 0 -r "$(grep -oE 'v[kx]1[A-Za-z0-9_-]{47}' client.err)" "$AT"
	silent client.err
	echo "$AT $SERVER_KEY" >"$KNOWN"
	serve
	meet 0 0 --trust=strict "$AT"
	silent client.err
}

@test "--trust=any: accepted with a warning each time, never remembered" {
	for _ in 1 2; do
		serve
		meet 0 0 --trust=any "$AT"
		one_line client.err "warning: the key of $AT is unknown" 'accepted unchecked' \
		    "$(fingerprint_of "$SERVER_DIR/identity")"
		assert_not_exists "$KNOWN"
	done
}

@test "-r KEY and -r @FILE: the right key needs no memory and no words, and makes it IK" {
	serve -v
	meet 0 0 -r "$SERVER_KEY" "$AT"
	silent client.err
	says "$LISTEN_ERR" Noise_IK_
	serve -v
	meet 0 0 -r "@$SERVER_DIR/identity.pub" "$AT"
	silent client.err
	says "$LISTEN_ERR" Noise_IK_
	assert_not_exists "$KNOWN"
}

@test "-r with another key: refused in IK and in XX, both fingerprints are named" {
	local protocol
	for protocol in '' --protocol=XX --protocol=IK --protocol=NK; do
		serve --quiet --protocol XX --protocol IK --protocol NK
		# shellcheck disable=SC2086
		client $protocol -r "$CLIENT_KEY" "$AT" # a key, but not the server's
		expect_status 5 vault-connect client.err
		one_line client.err 'not the key given with --remote-key' "$(fingerprint_of "$CLIENT_DIR/identity")" \
		    "$(fingerprint_of "$SERVER_DIR/identity")"
		signal "$LISTEN_PID" TERM 10
	done
}

@test "while a first session goes on, others of the same person read and write what is remembered" {
	hold in
	serve --hub
	CLIENT_STDIN=in start_client "$AT"
	told 10 client.err 'remembered in'
	echo hello >hello
	CLIENT_STDIN=hello CLIENT_STDOUT=second CLIENT_STDERR=second.err start_client --send-only "$AT"
	ended "$CLIENT_PID" 0 vault-connect second.err
	signal "$LISTEN_PID" TERM 10
}

@test "a changed key is refused in every mode, in XX and IK: both fingerprints, the line, what to do" {
	local mode protocol
	# A comment and another server first: the line number counts them.
	printf '# servers\nelsewhere:1 %s\n%s %s\n' "$CLIENT_KEY" "$AT" "$CLIENT_KEY" >"$KNOWN"
	cp "$KNOWN" before
	for mode in new strict any; do
		for protocol in '' --protocol=XX; do
			serve --quiet
			# shellcheck disable=SC2086
			client --trust="$mode" $protocol "$AT"
			expect_status 5 vault-connect client.err
			one_line client.err "the key of $AT has CHANGED" "$KNOWN:3" "$(fingerprint_of "$CLIENT_DIR/identity")" \
			    "$(fingerprint_of "$SERVER_DIR/identity")" 'remove that line'
			cmp "$KNOWN" before
			signal "$LISTEN_PID" TERM 10
		done
	done
	# What the message says helps.
	sed -i.bak 3d "$KNOWN"
	serve
	meet 0 0 "$AT"
	assert_equal "$(tail -n 1 "$KNOWN")" "$AT $SERVER_KEY"
}

@test "another process remembers another key while we first meet a server: refused, and nothing is exchanged" {
	local before how
	for before in none empty others; do
		for how in append replace; do
			[ "$before/$how" != none/replace ] || continue
			echo "known_hosts: $before, $how"
			rival "$before" "$how" 'TCP connected' --sandbox=off
			contradicted
		done
	done
	# The same key instead is what we would have remembered.
	CLIENT_KEY=$SERVER_KEY rival none append 'TCP connected' --sandbox=off
	expect_status 0 vault-connect client.err
	assert_equal "$(cat "$KNOWN")" "$RIVAL"
}

@test "a changed key at a listener that gives up after one failure: both ends are told, once" {
	echo "$AT $CLIENT_KEY" >"$KNOWN"
	serve --max-failures 1
	meet 5 5 "$AT"
	one_line client.err 'not have the key that is pinned or remembered'
	one_line "$LISTEN_ERR" 'expects another key of this side'
}

@test "nothing that was typed reaches a server whose key has changed" {
	echo "$AT $CLIENT_KEY" >"$KNOWN"
	echo 'for the other one only' >secret
	serve --quiet
	CLIENT_STDIN=secret client --protocol XX "$AT"
	expect_status 5 vault-connect client.err
	signal "$LISTEN_PID" TERM 10
	silent "$LISTEN_OUT"
}

@test "two lines for one server: either key will do" {
	printf '%s %s\n%s %s\n' "$AT" "$CLIENT_KEY" "$AT" "$SERVER_KEY" >"$KNOWN"
	serve
	meet 0 0 --trust=strict "$AT"
	silent client.err
}

@test "a server with a throw-away key is never remembered and always warned of, and refused by strict" {
	local mode
	mv "$SERVER_DIR/identity" elsewhere
	for mode in new any new; do
		serve
		meet 0 0 --trust="$mode" "$AT"
		one_line client.err "warning: $AT has a throw-away key" 'run vault-keygen there'
		assert_not_exists "$KNOWN"
	done
	serve --max-failures 1
	meet 3 5 --trust=strict "$AT"
	one_line client.err "the key of $AT is unknown"
	assert_not_exists "$KNOWN"
}

@test "a throw-away key in place of a remembered one is a changed key" {
	echo "$AT $SERVER_KEY" >"$KNOWN"
	mv "$SERVER_DIR/identity" elsewhere
	serve --quiet
	client "$AT"
	expect_status 5 vault-connect client.err
	one_line client.err "the key of $AT has CHANGED"
	signal "$LISTEN_PID" TERM 10
}

@test "a known_hosts file with a wrong line is named with its line, and nobody is asked" {
	printf '# fine\n%s vk1nonsense\n' "$AT" >"$KNOWN"
	client "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err "$KNOWN:2"
}

@test "a key that cannot be remembered: the session goes on, a line says so" {
	serve
	meet 0 0 --known-hosts /proc/known "$AT"
	one_line client.err 'cannot remember the key of' /proc/known
}

# ---- who may connect ----

@test "a key that is not in authorized_keys: both ends are told, and what they are told helps" {
	echo "$SERVER_KEY somebody else" >"$SERVER_DIR/authorized_keys"
	serve --max-failures 1
	meet 5 5 "$AT"
	one_line client.err "does not accept this side's key" "add it to the peer's authorized_keys"
	says "$LISTEN_ERR" "key is not authorized: to let it in, add this line to $SERVER_DIR/authorized_keys: $CLIENT_KEY"
	one_line "$LISTEN_ERR" 'not authorized'
	grep -oE 'vk1[A-Za-z0-9_-]{47}' "$LISTEN_ERR" | head -n 1 >>"$SERVER_DIR/authorized_keys"
	serve
	meet 0 0 "$AT"
}

@test "a refused client does not use the listener up" {
	serve
	client --anonymous "$AT"
	expect_status 5 vault-connect client.err
	says client.err "does not accept this side's key"
	meet 0 0 "$AT"
	says "$LISTEN_ERR" 'throw-away key' 'run vault-keygen there'
}

@test "an unauthorized client gets nothing, and nothing of it is taken" {
	: >"$SERVER_DIR/authorized_keys"
	echo 'not for everybody' >secret
	echo 'not from everybody' >attack
	LISTEN_STDIN=secret serve --max-failures 1
	CLIENT_STDIN=attack meet 5 5 "$AT"
	silent client.out "$LISTEN_OUT"
}

@test "authorized_keys: empty is nobody, a wrong line is named, -a of a missing file is an error" {
	: >empty
	serve -a empty --max-failures 1
	meet 5 5 "$AT"
	printf '# one\n\n%s me\nvk1%s wrong\n' "$CLIENT_KEY" "${CLIENT_KEY:4}" >wrong
	run --separate-stderr bounded 10 vault_listen -a wrong "$AT"
	assert_failure 1
	assert_regex "$stderr" '^vault-listen: wrong:4: '
	assert_equal "${#stderr_lines[@]}" 1
	run --separate-stderr bounded 10 vault_listen -a missing "$AT"
	assert_failure 1
	assert_equal "$stderr" 'vault-listen: --authorized-keys missing: no such file'
	assert_not_exists "$AT"
}

@test "authorized_keys knows comments, empty lines, labels, CRLF and keys given as X25519" {
	printf '# people\r\n\r\n  %s somebody else\r\n\t%s the client\r\n' "$SERVER_KEY" "$CLIENT_KEY" >list
	serve -a list
	meet 0 0 "$AT"
	bounded 10 vault_keygen --export wireguard --part x25519 -f "$CLIENT_DIR/identity" >wg
	bounded 10 vault_keygen --import wireguard --part x25519 -f wgkey <wg
	key_of wgkey.pub >list
	assert_regex "$(cat list)" '^vx1'
	serve -a list
	meet 0 0 "$AT"
	serve -a list
	meet 0 0 -i wgkey "$AT"
	echo "$SERVER_KEY" >list
	serve -a list --max-failures 1
	meet 5 5 -i wgkey "$AT"
}

@test "without a rule who may connect: one warning line, unless --anonymous or --quiet" {
	rm "$SERVER_DIR/authorized_keys"
	serve
	meet 0 0 --trust=any "$AT"
	one_line "$LISTEN_ERR" 'warning: anyone who can reach this may connect' '--authorized-keys' '--psk-file'
	serve --quiet
	meet 0 0 --quiet --trust=any "$AT"
	silent "$LISTEN_ERR" client.err
	serve --anonymous
	meet 0 0 --anonymous --trust=any "$AT"
	silent "$LISTEN_ERR"
}

@test "--anonymous at the listener lets in who is not in the default authorized_keys" {
	: >"$SERVER_DIR/authorized_keys"
	serve --anonymous -v
	meet 0 0 --anonymous -r "$SERVER_KEY" "$AT"
	silent client.err
	run grep -F "$CLIENT_KEY" "$LISTEN_ERR"
	assert_failure
}

@test "files that others can change or read are refused with the chmod that helps" {
	chmod 644 "$CLIENT_DIR/identity"
	client "$AT"
	expect_status 9 vault-connect client.err
	one_line client.err "$CLIENT_DIR/identity: permissions 0644" "chmod 600 $CLIENT_DIR/identity"
	cp "$SERVER_DIR/identity" mine
	chmod 640 mine
	run --separate-stderr bounded 10 vault_listen -i mine "$AT"
	assert_failure 9
	assert_regex "$stderr" '^vault-listen: mine: permissions 0640 .*type: chmod 600 mine$'
	chmod 664 "$SERVER_DIR/authorized_keys"
	run --separate-stderr bounded 10 vault_listen -a "$SERVER_DIR/authorized_keys" "$AT"
	assert_failure 9
	assert_regex "$stderr" "^vault-listen: .*type: chmod go-w $SERVER_DIR/authorized_keys\$"
	bounded 10 vault_keygen --psk -f psk
	chmod 604 psk
	run --separate-stderr bounded 10 vault_connect --psk-file psk "$AT"
	assert_failure 9
	assert_regex "$stderr" '^vault-connect: psk: permissions 0604 .*type: chmod 600 psk$'
	chmod 600 "$CLIENT_DIR/identity"
	echo "$AT $SERVER_KEY" >"$KNOWN"
	chmod 622 "$KNOWN"
	client "$AT"
	expect_status 9 vault-connect client.err
	one_line client.err "chmod go-w $KNOWN"
	assert_not_exists "$AT"
}

@test "an identity that is missing or none is an error that names the file" {
	client -i nowhere "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err 'nowhere: No such file'
	client -i "$SERVER_DIR/identity.pub" "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err 'holds a public key; the secret key of an identity is needed here'
	client -r vk1nonsense "$AT"
	[ "$status" = 1 ] || [ "$status" = 2 ]
	no_controls client.err
	client -r @nowhere "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err nowhere
}

# ---- pre-shared keys ----

@test "the same psk on both sides: strangers meet, without a warning" {
	rm "$SERVER_DIR"/* "$CLIENT_DIR"/*
	bounded 10 vault_keygen --psk -f psk
	serve -v --psk-file psk
	meet 0 0 --psk-file psk "$AT"
	silent client.err
	says "$LISTEN_ERR" Noise_XXpsk3_
	assert_not_exists "$KNOWN"
}

@test "psk files: vp1 line, hex, base64 and 32 bytes are the same secret" {
	local form
	rm "$SERVER_DIR/authorized_keys"
	bounded 10 vault_keygen --psk -f psk.line
	for form in hex base64 raw; do
		bounded 10 vault_keygen --psk --export $form -f psk.line >psk.$form
		chmod 600 psk.$form
		serve --psk-file psk.line
		meet 0 0 --trust=any --psk-file psk.$form "$AT"
	done
	assert_equal "$(size_of psk.raw)" 32
}

@test "another psk: both ends say so" {
	rm "$SERVER_DIR/authorized_keys"
	bounded 10 vault_keygen --psk -f one
	bounded 10 vault_keygen --psk -f two
	serve --psk-file one --max-failures 1
	meet 5 5 --psk-file two "$AT"
	one_line client.err psk
	one_line "$LISTEN_ERR" 'different pre-shared keys'
	assert_not_exists "$KNOWN"
}

@test "a psk on one side only: both ends say so" {
	rm "$SERVER_DIR/authorized_keys"
	bounded 10 vault_keygen --psk -f psk
	serve --psk-file psk --max-failures 1
	meet 5 5 "$AT"
	one_line client.err 'does not allow' psk
	one_line "$LISTEN_ERR" XX psk
	serve --anonymous --max-failures 1
	meet 5 5 --psk-file psk "$AT"
	one_line client.err 'does not allow' psk
	one_line "$LISTEN_ERR" XXpsk3 psk
}

@test "a psk does not replace authorized_keys" {
	bounded 10 vault_keygen --psk -f psk
	: >"$SERVER_DIR/authorized_keys"
	serve --psk-file psk --max-failures 1
	meet 5 5 --psk-file psk "$AT"
	one_line client.err "does not accept this side's key"
	one_line "$LISTEN_ERR" 'not authorized'
}

# ---- patterns ----

@test "every interactive pattern that both sides can serve carries a session" {
	local pattern extra
	echo 'there and back' >hello
	for pattern in NN NK NX XN XK XX IN IK IX; do
		serve --anonymous -v --protocol $pattern
		extra=(-r "$SERVER_KEY")
		[[ $pattern == ?N ]] && extra=(--quiet)
		CLIENT_STDIN=hello meet 0 0 --protocol $pattern "${extra[@]}" "$AT"
		says "$LISTEN_ERR" "Noise_${pattern}_25519_"
		cmp hello "$LISTEN_OUT"
		silent client.err
	done
}

@test "full names choose curve, cipher and hash" {
	local name
	for name in Noise_XX_25519_ChaChaPoly_BLAKE2s Noise_IX_25519_AESGCM_SHA256 Noise_NX_25519_ChaChaPoly_BLAKE2b \
	    Noise_X1X1_25519_ChaChaPoly_SHA512; do
		serve --anonymous -v --protocol $name
		meet 0 0 --trust=any --protocol $name "$AT"
		says "$LISTEN_ERR" $name
	done
}

@test "NN proves nothing and says so; strict, a pin or a memory refuse it" {
	serve --anonymous --protocol NN
	meet 0 0 --protocol NN "$AT"
	one_line client.err "warning: $AT proved no identity"
	assert_not_exists "$KNOWN"
	serve --anonymous --protocol NN --max-failures 1
	meet 3 5 --protocol NN --trust=strict "$AT"
	one_line client.err 'shows no key in this protocol'
	client --protocol NN -r "$SERVER_KEY" "$AT"
	expect_status 2 vault-connect client.err
	says client.err --remote-key '--protocol NN'
	echo "$AT $SERVER_KEY" >"$KNOWN"
	serve --anonymous --protocol NN --max-failures 1
	meet 3 5 --protocol NN "$AT"
	one_line client.err 'shows no key in this protocol' remembered
}

@test "a client without a key in its pattern is not authorized" {
	serve --protocol NX --max-failures 1
	meet 5 5 --protocol NX "$AT"
	one_line "$LISTEN_ERR" 'no key' "$SERVER_DIR/authorized_keys"
	one_line client.err 'accepts only keys that it knows' 'shows none' 'another --protocol'
}

@test "a protocol that the listener does not allow: both ends name it" {
	serve --max-failures 1
	meet 5 5 --protocol NN "$AT"
	one_line client.err 'the peer does not allow Noise_NN_'
	one_line "$LISTEN_ERR" Noise_NN_
	serve --protocol XX --protocol NX --anonymous
	meet 0 0 --protocol NX "$AT"
}

@test "protocols that cannot work are usage errors, on both sides" {
	local name
	bounded 10 vault_keygen --psk -f psk
	for name in N K X Nonsense Noise_XX_25519_AESGCM Noise_XX_25519_AESGCM_SHA512x XXpsk9 KK KN '' $'X\033[2J'; do
		run --separate-stderr bounded 10 vault_listen --protocol "$name" "$AT"
		assert_failure 2
		[ -z "$output" ]
		assert_equal "${stderr_lines[1]}" "Try 'vault-listen --help'."
		assert_equal "${#stderr_lines[@]}" 2
		client --protocol "$name" "$AT"
		expect_status 2 "vault-connect --protocol '$name'" client.err
		assert_equal "$(sed -n 2p client.err)" "Try 'vault-connect --help'."
		assert_equal "$(wc -l <client.err)" 2
		no_controls client.err
	done
	for name in 'IK' 'XK' 'NK' 'XXpsk3' 'XX --psk-file psk'; do
		# shellcheck disable=SC2086
		client --protocol $name "$AT"
		expect_status 2 "vault-connect --protocol $name" client.err
		assert_equal "$(wc -l <client.err)" 2
	done
	run --separate-stderr bounded 10 vault_listen --protocol XXpsk3 "$AT"
	assert_failure 2
	assert_regex "$stderr" '--protocol XXpsk3 needs --psk-file'
	run --separate-stderr bounded 10 vault_listen --protocol XX --psk-file psk "$AT"
	assert_failure 2
	assert_not_exists "$AT"
}
