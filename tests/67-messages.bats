#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (--framing):
# - what was one message for the sender is one for the receiver: empty ones, as long as a record, much longer;
# - also where the other side is written in Python, and on the wire of Vault TCP, which has a longest message;
# - who cannot keep boundaries is left with a word, and who does not want them is served as before;
# - what cannot be sent or written as a message is an error that loses nothing that was whole.

load helper
load endings

SIZES='0 1 65519 65520 1048576 0 5'

setup() {
	vt_setup
	find_python msgpack cryptography nacl zstandard
	people
	AT=$PWD/sock
	SERVE_AT=$AT
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

units() { "$PYTHON" "$ROOT/tests/peers/units.py" "$@"; }

# make_units NAME FRAMING SIZE...: a file of such messages.
make_units() { units make "${@:2}" >"$1"; }

# same FRAMING FILE FRAMING FILE: the same messages.
same() { diff <(units show "$1" <"$2") <(units show "$3" <"$4"); }

stop_listener() {
	signal "$LISTEN_PID" TERM 20
	expect_status "$1" vault-listen "$LISTEN_ERR"
}

# send_with FRAMING FILE [ARGS...]: a client to its end.
send_with() { CLIENT_STDIN=$2 client --framing "$1" "${@:3}" "$AT"; }

@test "to one listener and back: every size, in every framing, and from one framing to another" {
	local here there
	for here in lines nul u32; do make_units "in.$here" $here $SIZES; done
	for here in lines nul u32; do
		for there in u32 $here; do
			LISTEN_STDIN=in.$there serve --framing $there --max-message-size 1M
			send_with $here in.$here --max-message-size 1M
			expect_status 0 vault-connect client.err
			ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
			same $here in.$here $there "$LISTEN_OUT"
			same $there in.$there $here client.out
		done
	done
}

@test "through an echo and a hub: compressed, rate-limited, nothing but empty ones" {
	local from
	make_units in u32 $SIZES
	serve --echo --max-message-size 1M --compress
	for from in '' --compress --rate-limit=10M; do
		send_with u32 in --max-message-size 1M $from
		expect_status 0 vault-connect client.err
		cmp in client.out
	done
	make_units in u32 0 0 0
	send_with u32 in
	expect_status 0 vault-connect client.err
	cmp in client.out
	stop_listener 0
	serve --hub --max-message-size 1M
	CLIENT_STDIN=/dev/null CLIENT_STDOUT=heard CLIENT_STDERR=heard.err start_client -v --framing nul --recv-only \
	    --max-message-size 1M "$AT"
	told 10 heard.err 'connected with'
	make_units in lines $SIZES
	send_with lines in --max-message-size 1M
	expect_status 0 vault-connect client.err
	stop_listener 0
	ended "$CLIENT_PID" 0 vault-connect heard.err
	same lines in nul heard
}

@test "many small ones: none is merged, none is lost, and fast enough" {
	seq 1 200000 >in
	serve --echo
	send_with lines in
	expect_status 0 vault-connect client.err
	cmp in client.out
	CLIENT_STDIN=in client --framing lines --stats=json "$AT"
	jq -e 'select(.messages_sent) | .messages_sent == 200000 and .messages_received == 200000' client.err
	stop_listener 0
}

@test "-k --framing --tag: the number stands before each message" {
	make_units in u32 0 3 65519
	serve -k --framing lines --tag </dev/null
	send_with u32 in --send-only
	expect_status 0 vault-connect client.err
	stop_listener 0
	run units show lines <"$LISTEN_OUT"
	assert_equal "${lines[0]% *}" 2
	assert_equal "${lines[1]% *}" 5
	assert_equal "${lines[2]% *}" 65521
	assert_equal "$(cut -c 1-2 "$LISTEN_OUT" | uniq -c | tr -s ' ')" $' 3 1\t'
}

@test "a unit that came in pieces is sent when it is whole; a last line counts" {
	hold in $'one\ntw'
	serve -k --framing lines
	CLIENT_STDIN=in start_client -v --framing lines --send-only "$AT"
	told 10 client.err 'connected with'
	eventually 10 grep -qx one "$LISTEN_OUT"
	assert_equal "$(cat "$LISTEN_OUT")" one
	release in $'o\n\nlast'
	ended "$CLIENT_PID" 0 vault-connect client.err
	stop_listener 0
	assert_equal "$(cat "$LISTEN_OUT")" $'one\ntwo\n\nlast'
}

@test "input that ends in a unit, or holds one too long: status 1, and all before it is delivered" {
	make_units whole u32 5 70000 0
	serve --echo --max-message-size 100K
	{ cat whole; printf '\0\0\0\5four'; } >in
	send_with u32 in --max-message-size 100K
	expect_status 1 vault-connect client.err
	says client.err 'in the middle of a message'
	cmp whole client.out
	{ cat whole; printf '\0\0\0'; } >in
	send_with u32 in --max-message-size 100K
	expect_status 1 vault-connect client.err
	cmp whole client.out
	make_units more u32 100001 5
	cat whole more >in
	send_with u32 in --max-message-size 100000
	expect_status 1 vault-connect client.err
	says client.err 'longer than --max-message-size' '100000 bytes'
	cmp whole client.out
	make_units in lines 65537
	send_with lines in
	expect_status 1 vault-connect client.err
	says client.err '65536 bytes'
	silent client.out
	stop_listener 0
}

@test "a message of the peer that is too long, or holds the delimiter: named, and all before it is written" {
	make_units in u32 5 0 70000 5
	LISTEN_STDIN=in serve --framing u32 --max-message-size 100K
	send_with lines /dev/null
	expect_status 8 vault-connect client.err
	says client.err 'longer than --max-message-size' '65536 bytes'
	make_units in lines 5 0
	cmp in client.out
	ended "$LISTEN_PID" 8 vault-listen "$LISTEN_ERR"
	printf 'one\0t\nwo\0three\0' >in
	LISTEN_STDIN=in serve --framing nul
	send_with lines /dev/null
	expect_status 1 vault-connect client.err
	says client.err 'a newline'
	assert_equal "$(cat client.out)" one
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
}

@test "who keeps no boundaries is left at once, before anything was sent" {
	local args
	printf 'one\ntwo\n' >in
	for args in '' '-e cat'; do
		# shellcheck disable=SC2086
		serve $args
		send_with lines in
		expect_status 8 vault-connect client.err
		says client.err 'keeps no message boundaries' --framing
		silent client.out
		ended "$LISTEN_PID" 8 vault-listen "$LISTEN_ERR"
		silent "$LISTEN_OUT"
	done
	serve
	send_with lines in --retry=3
	expect_status 8 vault-connect client.err
	ended "$LISTEN_PID" 8 vault-listen "$LISTEN_ERR"
}

@test "a client without the option is served as before" {
	printf 'one\ntwo\nthree' >in
	LISTEN_STDIN=in serve --framing lines
	CLIENT_STDIN=in client "$AT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp in "$LISTEN_OUT"
	cmp in client.out
	# Both kinds in one hub: the listener's framing says where the messages of the one end.
	serve --hub --framing lines
	CLIENT_STDIN=/dev/null CLIENT_STDOUT=plain CLIENT_STDERR=plain.err start_client -v --recv-only "$AT"
	told 10 plain.err 'connected with'
	PLAIN=$CLIENT_PID
	CLIENT_STDIN=/dev/null CLIENT_STDOUT=kept CLIENT_STDERR=kept.err start_client -v --framing u32 --recv-only "$AT"
	told 10 kept.err 'connected with'
	CLIENT_STDIN=in client "$AT"
	expect_status 0 vault-connect client.err
	make_units more nul 0 7
	send_with nul more
	expect_status 0 vault-connect client.err
	stop_listener 0
	ended "$PLAIN" 0 vault-connect plain.err
	ended "$CLIENT_PID" 0 vault-connect kept.err
	printf '\n' >>in
	units make lines 0 7 >>in
	cmp in plain
	same lines in u32 kept
}

@test "an output that is slow, or goes away" {
	make_units in u32 100000 100000 100000 100000 100000 100000 100000 100000 100000 100000 0 5
	serve --echo --max-message-size 1M
	mkfifo slow.pipe
	"$VT_BUILD/tests/slowread" 2M <slow.pipe >slow.got 2>/dev/null 3>&- &
	VT_PIDS+=($!)
	CLIENT_STDIN=in CLIENT_STDOUT=slow.pipe start_client --framing u32 --max-message-size 1M "$AT"
	ended "$CLIENT_PID" 0 vault-connect client.err
	eventually 10 cmp in slow.got
	mkfifo gone.pipe
	head -c 10 <gone.pipe >/dev/null 3>&- &
	VT_PIDS+=($!)
	# (More than a pipe holds.)
	cat in in in in >more
	CLIENT_STDIN=more CLIENT_STDOUT=gone.pipe start_client --framing u32 --max-message-size 1M "$AT"
	ended "$CLIENT_PID" 141 vault-connect client.err
	# -o: the file is there only if all of it is.
	send_with u32 in --max-message-size 1M -o got
	expect_status 0 vault-connect client.err
	cmp in got
	stop_listener 0
	LISTEN_STDIN=in serve --framing u32 --max-message-size 1M
	send_with u32 /dev/null --max-message-size 90K -o not
	expect_status 8 vault-connect client.err
	[ ! -e not ]
	ended "$LISTEN_PID" 8 vault-listen "$LISTEN_ERR"
}

@test "a peer in Python, in both roles" {
	local port
	make_units in u32 $SIZES
	: >ready
	spawn "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" listen --unix "$PWD/peer" --ready-fd 9 --units --recv got --json rep \
	    --identity "$SERVER_DIR/identity" 9>ready <in 2>peer.err
	eventually 20 vt_has_line ready
	CLIENT_STDIN=in client --framing u32 --max-message-size 1M -r "$SERVER_KEY" "$PWD/peer"
	expect_status 0 vault-connect client.err
	ended "$SPAWN_PID" 0 vault1_peer peer.err
	cmp in got
	cmp in client.out
	jq -e '.peer_map.f == true' rep
	LISTEN_STDIN=in serve --framing u32 --max-message-size 1M
	bounded 30 "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" connect "$AT" --identity "$CLIENT_DIR/identity" --units --recv got <in
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp in got
	cmp in "$LISTEN_OUT"
	# One that does not agree, and one that ends in the middle of a message.
	: >ready
	spawn "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" listen --unix "$PWD/peer2" --ready-fd 9 --identity "$SERVER_DIR/identity" \
	    9>ready <in >peer.out 2>peer.err
	eventually 20 vt_has_line ready
	CLIENT_STDIN=in client --framing u32 -r "$SERVER_KEY" "$PWD/peer2"
	expect_status 8 vault-connect client.err
	ended "$SPAWN_PID" 8 vault1_peer peer.err
	silent peer.out
}

# The command of README.md, toward our listener.
@test "the recipe of README" {
	mkdir -p d && touch 'd/a b.c' $'d/two\nlines.c' d/c.h
	find . -name '*.c' -print0 >names
	awk '$0 == "<!-- try: messages -->" { f = 1; next } f && /^```/ { if (i) exit; i = 1; next } f && i' "$ROOT/README.md" |
	    sed "s|server.example.org|$AT|" >recipe.sh
	[ -s recipe.sh ]
	serve -k --framing nul
	XDG_CONFIG_HOME=$PWD/client PATH=$VT_BIN:$PATH run -0 bounded 30 bash recipe.sh
	stop_listener 0
	cmp names "$LISTEN_OUT"
}

@test "--wire vault-tcp: each unit a message, both roles; empty ones survive, a longer one is named" {
	local peer=$ROOT/tests/peers/vaulttcp_peer.py pattern
	# (--stream: how long a busy machine takes to read a handshake message is for other stories.)
	make_units in u32 0 1 65519 0 5
	for pattern in IK XX; do
		: >ready
		rm -f got peer.json
		spawn "$PYTHON" "$peer" listen --ready-fd 9 --json peer.json --stream --units --recv got --send in --when first --act half \
		    --protocol Noise_${pattern}_25519_AESGCM_SHA512 --half-close 9>ready </dev/null 2>peer.err
		eventually 20 vt_has_line ready
		CLIENT_STDIN=in client --framing u32 --wire vault-tcp -r "$(jq -r .key ready)" --protocol $pattern 127.0.0.1 "$(jq .port ready)"
		expect_status 0 vault-connect client.err
		ended "$SPAWN_PID" 0 vaulttcp_peer peer.err
		cmp in client.out
		# Where the handshake does not prove a client, an empty message comes before the first if that is empty, too.
		if [ $pattern = XX ]; then cmp in got; else cmp <(tail -c +5 got) in; fi
		LISTEN_STDIN=in SERVE_AT='127.0.0.1 0' serve --wire vault-tcp --framing u32 --protocol $pattern
		bounded 30 "$PYTHON" "$peer" connect 127.0.0.1 "$LISTEN_PORT" --json peer.json --stream --units --recv got2 --send in --act half \
		    --half-close --protocol Noise_${pattern}_25519_AESGCM_SHA512 --static "$CLIENT_DIR/identity" \
		    --remote "$SERVER_KEY"
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
		if [ $pattern = XX ]; then cmp in "$LISTEN_OUT"; else cmp <(tail -c +5 in) "$LISTEN_OUT"; fi
		cmp in got2
		rm got2
	done
	make_units in u32 5 65520 5
	SERVE_AT='127.0.0.1 0' LISTEN_STDIN=/dev/null serve --wire vault-tcp --framing u32 --protocol XX
	CLIENT_STDIN=in client --framing u32 --max-message-size 1M --wire auto 127.0.0.1 1 || true
	expect_status 2 vault-connect client.err
	echo "127.0.0.1:$LISTEN_PORT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
	CLIENT_STDIN=in client --framing u32 --wire vault-tcp --protocol XX 127.0.0.1 "$LISTEN_PORT"
	expect_status 1 vault-connect client.err
	says client.err 'longer than 65519 bytes, the most that this wire carries'
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	make_units first u32 5
	cmp first "$LISTEN_OUT"
}

@test "usage: words that are none, and what does not go together" {
	run -2 bounded 10 vault_connect --framing words 127.0.0.1 1
	assert_output --partial "'words' is none of raw, lines, nul, u32"
	run -2 bounded 10 vault_connect --framing lines -z 127.0.0.1 1
	run -2 bounded 10 vault_connect --framing lines -L 0 127.0.0.1 1
	run -2 bounded 10 vault_connect --framing lines --max-message-size 17M 127.0.0.1 1
	run -2 bounded 10 vault_connect --framing raw --max-message-size 1K 127.0.0.1 1
	run -2 bounded 10 vault_listen --framing lines -e cat "$AT"
	run -2 bounded 10 vault_listen --framing lines --forward 1 "$AT"
}
