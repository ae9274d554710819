#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - --path HOST:PORT finds both ways exactly where a vault-udp peer answers, also where they are different, through
#   losses, into black holes, and from below 1280;
# - whose key it is counts as it does for vault-udp; who does not want us, or is not there, leaves what the host's own
#   answers tell, and the right words and status;
# - the peer goes on with what it does as if nobody had asked.

load helper
load netns
load paths

setup() {
	vt_setup
	need_netns
}

# person NAME: an identity; sets KEY_OF[NAME].
declare -gA KEY_OF=()
person() {
	XDG_CONFIG_HOME=$PWD/$1.config vault_keygen -C "$1" >/dev/null
	KEY_OF[$1]=$(cut -d ' ' -f 1 "$1.config/vault-tools/identity.pub")
}

# peer [OPTIONS]: vault-udp in b, port 11000, with an identity; as "me" is who asks.
peer() {
	[ -e b.config ] || { person b; person me; }
	: >peer.ready
	: >peer.events
	mkfifo -m 600 peer.in 2>/dev/null || true
	exec 7<>peer.in
	vt_words vault_udp -i b.config/vault-tools/identity -l 11000 --ready-fd 9 --events peer.events "$@"
	XDG_CONFIG_HOME=$PWD/b.config spawn nsenter -t "${NETNS[b]}" -n -- "${vt_command[@]}" 9>peer.ready <peer.in >peer.out 2>peer.err
	PEER=$SPAWN_PID
	eventually 10 vt_has_line peer.ready || { cat peer.err; false; }
}

# as WHO path...: with that configuration.
as() { XDG_CONFIG_HOME=$PWD/$1.config "${@:2}"; }

talked() { is '.peer.state == "talked" and .peer.key == "'"${KEY_OF[b]}"'" and (.answers | index("vault-udp"))'; }

@test "a vault-udp peer behind a router, second link 1400, 1280, 576: both ways exactly, authentic, few packets" {
	local mtu to
	for mtu in 1400 1280 576; do
		routed $mtu
		peer
		for to in 10.2.0.1:11000 '[fd02::1]:11000'; do
			[ $mtu -ge 1280 ] || [ $to = 10.2.0.1:11000 ] || continue
			as me path $to -r "${KEY_OF[b]}"
			assert_success
			assert_equal "$stderr" ''
			talked
			is ".mtu == $mtu and .exact and .limit == \"router\" and .mtu_back == $mtu and .mtu_back_exact"
			is '.black_hole == false and .black_hole_back == false'
			few_packets
		done
		vt_end_all
		rm -f peer.in
	done
}

@test "a vault-udp peer: both ways different, each found exactly, in both families, whatever answers besides" {
	local sizes ab ba to
	need_tun
	for sizes in '1400 1280' '1280 1400' '1500 1399' '1492 1281' '1333 1500'; do
		read -r ab ba <<<"$sizes"
		netns a b
		hop --ab "$ab" --ba "$ba"
		peer
		for to in 10.2.0.1:11000 '[fd02::1]:11000'; do
			as me path $to -i me.config/vault-tools/identity --trust any
			assert_success
			talked
			is ".mtu == $ab and .exact and .mtu_back == $ba and .mtu_back_exact and .black_hole == false"
			few_packets
		done
		# Without a port it is as before.
		path 10.2.0.1
		is '.peer == null'
		vt_end_all
		rm -f peer.in
	done
}

@test "a vault-udp peer: black holes there, back, and both" {
	local sizes ab ba to
	need_tun
	for sizes in '1280 1500' '1500 1290' '1399 1300'; do
		read -r ab ba <<<"$sizes"
		netns a b
		hop --ab "$ab" --ba "$ba" --silent
		peer
		for to in 10.2.0.1:11000 '[fd02::1]:11000'; do
			as me path $to -r "${KEY_OF[b]}" --timeout "$(scaled 20)s"
			assert_success
			talked
			is ".mtu == $ab and .exact and .black_hole == ($ab < 1500)"
			is ".mtu_back == $ba and .mtu_back_exact and .black_hole_back == ($ba < 1500)"
			few_packets
		done
		vt_end_all
		rm -f peer.in
	done
}

@test "a vault-udp peer: losses are no black hole" {
	need_tun
	netns a b
	hop --ab 1400 --ba 1350 --lose 5
	peer
	as me path 10.2.0.1:11000 -r "${KEY_OF[b]}" --timeout "$(scaled 30)s"
	assert_success
	talked
	is '.mtu == 1400 and .exact and .mtu_back == 1350 and .black_hole == false and .black_hole_back == false'
	few_packets
}

# next_door: without a router, for what is about keys.
next_door() {
	netns a b
	cable a x b y 1400
	address a x 10.2.0.2/24
	address b y 10.2.0.1/24
}

@test "in words; a key that was not known is remembered, and then it must be that one" {
	next_door
	peer
	XDG_CONFIG_HOME=$PWD/me.config run --separate-stderr at a vault_ifinfo --path 10.2.0.1:11000
	assert_success
	assert_line 'path MTU   1400'
	assert_line 'way back   1400'
	assert_line "peer       ${KEY_OF[b]}"
	[[ $stderr == *"${KEY_OF[b]}"* ]]
	grep -qF "10.2.0.1:11000 ${KEY_OF[b]}" me.config/vault-tools/known_hosts
	as me path 10.2.0.1:11000 --trust strict
	assert_success
	assert_equal "$stderr" ''
	talked
	signal "$PEER" TERM 10
	# Another one has its address.
	rm -r b.config
	person b
	peer
	as me path 10.2.0.1:11000
	assert_failure 5
	jq -se '.[0] | .kind == "path" and .status == 5 and .mtu == 1400 and .exact and .peer.state == "refused"' <<<"$output"
	jq -se '.[1] | .kind == "error" and .status == 5 and .code == "auth"' <<<"$output"
	[[ $stderr == *CHANGED* ]]
}

@test "a key that is not the one asked for, an unknown one with --trust=strict: status 5, and what the host tells" {
	next_door
	peer
	as me path 10.2.0.1:11000 -r "${KEY_OF[me]}"
	assert_failure 5
	jq -se '.[0] | .mtu == 1400 and .exact and .peer.state == "refused" and .peer.key == $k and (.answers | index("vault-udp") | not)' \
	    --arg k "${KEY_OF[b]}" <<<"$output"
	as me path 10.2.0.1:11000 --trust strict
	assert_failure 5
	[ ! -e me.config/vault-tools/known_hosts ] || not grep -q vk1 me.config/vault-tools/known_hosts
	as me path 10.2.0.1:11000 --trust any
	assert_success
	talked
	[ ! -e me.config/vault-tools/known_hosts ] || not grep -q vk1 me.config/vault-tools/known_hosts
}

not() {
	if "$@"; then return 1; fi
}

@test "a peer that does not know us: it is silent, that is said, and what the host tells is told" {
	next_door
	person b
	person me
	person other
	mkdir -p b.config/vault-tools
	echo "${KEY_OF[other]} other" >b.config/vault-tools/authorized_keys
	peer
	as me path 10.2.0.1:11000
	assert_success
	is '.mtu == 1400 and .exact and .peer.state == "silent" and .peer.key == null and .mtu_back == 1400'
	[[ $stderr == *"does not take our key: ${KEY_OF[me]}"* ]]
	# Who insists has a status of its own.
	as me path 10.2.0.1:11000 -r "${KEY_OF[b]}"
	assert_failure 4
	jq -se '(.[0] | .mtu == 1400 and .status == 4) and (.[1] | .code == "timeout" and .status == 4)' <<<"$output"
	grep -q '"key_refused"\|refused' peer.events
	# The one that it knows may ask.
	as other path 10.2.0.1:11000 -r "${KEY_OF[b]}"
	assert_success
	talked
	# Without an identity nobody is known.
	mkdir -p nobody.config
	as nobody path 10.2.0.1:11000
	assert_success
	[[ $stderr == *'throw-away'* ]]
	is '.peer.state == "silent"'
}

@test "a port where nobody is, or nothing of ours: the kernel's way alone; with -r status 3 and 4" {
	next_door
	person b
	person me
	as me path 10.2.0.1:11000
	assert_success
	assert_equal "$stderr" ''
	is '.mtu == 1400 and .exact and .peer.state == "closed"'
	as me path 10.2.0.1:11000 -r "${KEY_OF[b]}"
	assert_failure 3
	jq -se '.[1] | .code == "network" and .status == 3' <<<"$output"
	spawn nsenter -t "${NETNS[b]}" -n -- nc -u -l -k 10.2.0.1 11000 </dev/null >/dev/null
	eventually 5 udp_port 11000
	as me path 10.2.0.1:11000 --identity me.config/vault-tools/identity
	assert_failure 4
	jq -se '.[0] | .mtu == 1400 and .exact and .peer.state == "silent"' <<<"$output"
}

udp_port() { at b ss -Hunl | grep -q ":$1 "; }

@test "a peer that knows nothing of sizes for answers: the way there exactly, the way back at least" {
	find_python nacl msgpack zstandard
	next_door
	: >native.ready
	: >native.events
	spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/peers/udp_native.py" --bind 10.2.0.1 --port 11000 --ready-fd 9 \
	    --events native.events 9>native.ready </dev/null 2>native.err
	eventually 20 vt_has_line native.ready || { cat native.err; false; }
	mkdir me.config
	as me path 10.2.0.1:11000 --trust any
	assert_success
	is '.peer.state == "talked" and .mtu == 1400 and .exact and (.answers | index("vault-udp"))'
	# Echo knows better.
	is '.mtu_back == 1400 and (.mtu_back_exact | not) and (.black_hole_back | not)'
	few_packets
	run grep -c '"violation"' native.events
	assert_output 0
}

@test "the peer is not disturbed: its input is not for who measures, its end is not theirs, its talk with us goes on" {
	next_door
	person b
	person me
	mkdir -p b.config/vault-tools
	echo "${KEY_OF[me]} me" >b.config/vault-tools/authorized_keys
	peer --until-end
	printf 'kept for who listens\n' >&7
	as me path 10.2.0.1:11000 -r "${KEY_OF[b]}"
	assert_success
	talked
	vt_alive "$PEER"
	# A session of the same identity, which goes on while another process measures.
	mkfifo me.in
	exec 6<>me.in
	vt_words vault_udp -i me.config/vault-tools/identity -r "${KEY_OF[b]}" -l 0 10.2.0.1:11000
	XDG_CONFIG_HOME=$PWD/me.config spawn nsenter -t "${NETNS[a]}" -n -- "${vt_command[@]}" <me.in >me.out 2>me.err 7>&-
	local me=$SPAWN_PID
	eventually 20 grep -q 'kept for who listens' me.out
	echo before >&6
	eventually 20 grep -q before peer.out
	for n in 1 2 3; do
		as me path 10.2.0.1:11000 -r "${KEY_OF[b]}"
		assert_success
		talked
		echo "after $n" >&6
		eventually 20 grep -q "after $n" peer.out
	done
	assert_equal "$(cat peer.out)" $'before\nafter 1\nafter 2\nafter 3'
	assert_equal "$(cat me.out)" 'kept for who listens'
	signal "$me" TERM 10
	jq -se 'map(select(.event == "moved")) == []' peer.events
}

@test "without privileges, without echo: the peer's answers are enough" {
	local as='setpriv --reuid=65534 --regid=65534 --clear-groups --'
	need_tun
	netns a b
	hop --ab 1400 --ba 1300
	peer
	cp "$VT_BIN/vault-ifinfo" tool
	mkdir nobody.config
	chmod 755 tool . .. "$BATS_RUN_TMPDIR" 2>/dev/null
	chmod 777 nobody.config
	at a $as "$PWD/tool" --version >/dev/null 2>&1 || skip 'NOT TESTED: an unprivileged user cannot run the tool here'
	XDG_CONFIG_HOME=$PWD/nobody.config run --separate-stderr at a $as "$PWD/tool" --path 10.2.0.1:11000 -r "${KEY_OF[b]}" --json
	assert_success
	talked
	is '.mtu == 1400 and .exact and .mtu_back == 1300 and .mtu_back_exact'
	[ "$VT_WRAP" ] || "$VT_BUILD/tests/denied" --echo "$VT_BIN/vault-ifinfo" --version >/dev/null || return 0
	vt_words vault_ifinfo
	XDG_CONFIG_HOME=$PWD/me.config run --separate-stderr at a "$VT_BUILD/tests/denied" --echo "${vt_command[@]}" \
	    --path 10.2.0.1:11000 -r "${KEY_OF[b]}" --json
	assert_success
	is '.mtu == 1400 and .mtu_back == 1300 and .answers == ["vault-udp"]'
}

@test "options of the peer: each needs --path, and a port" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		run --separate-stderr vault_ifinfo $words
		assert_failure 2
		assert_equal "$output" ''
		[[ $stderr == *"Try 'vault-ifinfo --help'."* ]]
	done <<-'END'
		-i identity
		--remote-key vk1x --mtu
		--trust new --route localhost
		--known-hosts file
		--trust sometimes --path localhost:1
		--remote-key nonsense --path localhost:1
		--trust any --path localhost
	END
	run vault_ifinfo --path localhost:11000 -i no-such-file
	assert_failure 1
}
