#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - --path finds the MTU of a path exactly, behind the kernel's own router and behind one with faults, both families;
# - it says where the limit comes from, and names a black hole and the last router before it;
# - the way back is found without any help from the host, also where it is different;
# - every end has its status, the JSON says the same, and never more than a few dozen packets are sent, in bounded time.

load helper
load netns
load paths

setup() {
	vt_setup
	need_netns
}

@test "a router whose second link has MTU 1400, 1280 or 576: found exactly, and the router named" {
	local mtu to
	for mtu in 1400 1280 576; do
		routed $mtu
		for to in 10.2.0.1 fd02::1; do
			[ $mtu -ge 1280 ] || [ $to = 10.2.0.1 ] || continue
			path $to
			assert_success
			is ".mtu == $mtu and .exact and .limit == \"router\" and .link_mtu == 1500 and .black_hole == false"
			is '.limit_from == "10.1.0.2" or .limit_from == "fd01::2"'
			is '.answers | index("udp") and index("echo")'
			few_packets
		done
		path 10.2.0.1 --require-mtu $mtu
		assert_success
		path 10.2.0.1 --require-mtu $((mtu + 1))
		assert_failure 1
		[ "$(jq -r .status <<<"${lines[0]}")" = 1 ]
		vt_end_all
	done
}

@test "in words: limit, what fits, and with --payload header by header" {
	routed 1400
	run at a vault_ifinfo --path 10.2.0.1
	assert_success
	assert_line 'path MTU   1400'
	assert_line 'limit      10.1.0.2 says so'
	assert_line --regexp '^fits       1372 bytes in a UDP datagram, 1348 in a TCP segment$'
	run at a vault_ifinfo --path 10.2.0.1 --payload=udp
	assert_line 'MTU 1400'
	assert_line 'udp over IPv4: 1372 bytes, datagram'
}

@test "nothing smaller on the way, the host next door, this machine itself" {
	netns a b
	cable a x b y 9000
	address a x 10.1.0.1/24 fd01::1/64
	address b y 10.1.0.2/24 fd01::2/64
	for to in 10.1.0.2 fd01::2; do
		path $to
		assert_success
		is '.mtu == 9000 and .exact and .limit == "link" and .mtu_back == 9000'
		few_packets
	done
	for to in 127.0.0.1 ::1 10.1.0.1; do
		path $to
		assert_success
		is '.mtu == 65535 and .exact'
	done
}

@test "both ways different: each is found exactly, in both families" {
	local sizes ab ba to
	need_tun
	for sizes in '1400 1280' '1280 1400' '1500 1399' '1492 1281' '1333 1500'; do
		read -r ab ba <<<"$sizes"
		netns a b
		hop --ab "$ab" --ba "$ba"
		path 10.2.0.1
		assert_success
		is ".mtu == $ab and .exact and .mtu_back == $ba"
		is ".mtu_back_exact == ($ba < 1500)"
		few_packets
		path fd02::1
		assert_success
		is ".mtu == $ab and .exact"
		# Packets that the way there does not take cannot come back, unless the sender cuts them up.
		is ".mtu_back == $ba or (.mtu_back_exact | not)"
		few_packets
		vt_end_all
	done
}

@test "black holes: found exactly, the last router named, what to set said" {
	local most to
	need_tun
	for most in 1280 1399 1472; do
		netns a b
		hop --ab $most --ba $most --silent
		for to in 10.2.0.1 fd02::1; do
			path $to
			assert_success
			is ".mtu == $most and .exact and .black_hole and .limit == \"black hole\" and .limit_from == null"
			is '(.black_hole_behind == "10.9.9.9" or .black_hole_behind == "fd09::9") and .black_hole_hops == 1'
			few_packets
		done
		vt_end_all
	done
	netns a b
	hop --ab 1300 --silent
	run at a vault_ifinfo --path 10.2.0.1
	assert_success
	assert_line --partial 'BLACK HOLE'
	assert_line --partial 'as far as 10.9.9.9, 1 hop away'
	assert_line --partial 'mtu lock 1300'
}

@test "a black hole beyond an honest router, one that tells nothing at all, one of 65535" {
	need_tun
	netns a b
	hop --ab 1350 --mute
	path 10.2.0.1
	is '.mtu == 1350 and .black_hole and .black_hole_behind == null'
	vt_end_all
	netns a b
	HOP_MTU=65535 hop --ab 40001 --silent
	path 10.2.0.1 --timeout 20s
	is '.mtu == 40001 and .exact and .black_hole'
	few_packets
}

@test "a router that does not say what fits" {
	need_tun
	netns a b
	hop --ab 1351 --no-mtu
	for to in 10.2.0.1 fd02::1; do
		path $to
		is '.mtu == 1351 and .exact and .limit == "router" and .black_hole == false'
		few_packets
	done
}

@test "lost packets are no black hole" {
	need_tun
	netns a b
	hop --ab 1400 --lose 3
	path 10.2.0.1
	is '.mtu == 1400 and .exact and .limit == "router"'
	vt_end_all
	netns a b
	hop --lose 4
	path 10.2.0.1
	is '.mtu == 1500 and .exact and .limit == "link"'
}

@test "without echo: only datagrams, which the host answers only so many of; within the time, and right" {
	need_tun
	netns a b
	hop --ab 1300
	vt_words vault_ifinfo
	NO_ECHO=("$VT_BUILD/tests/denied" --echo "${vt_command[@]}")
	run --separate-stderr at a "${NO_ECHO[@]}" --path 10.2.0.1 --json
	assert_success
	is '.mtu == 1300 and .answers == ["udp"] and .mtu_back == null'
	vt_end_all
	netns a b
	hop --ab 1301 --silent
	run --separate-stderr at a "${NO_ECHO[@]}" --path 10.2.0.1 --json --timeout 25s
	assert_success
	is '.mtu == 1301 and .exact and .black_hole and .answers == ["udp"]'
	few_packets
}

@test "a ping socket does, where it is allowed; a silent port does not matter then" {
	routed 1400
	ping_sockets a
	spawn nsenter -t "${NETNS[b]}" -n -- nc -u -l -k 10.2.0.1 33434 </dev/null >/dev/null
	path 10.2.0.1
	assert_success
	is '.mtu == 1400 and .exact'
	path 10.2.0.1:33434
	is '.mtu == 1400 and .exact'
}

@test "unreachable, silent, silent behind a router that speaks, no time: status, words and JSON" {
	need_tun
	netns a b
	run at a vault_ifinfo --path 10.2.0.1
	assert_failure 3
	hop --refuse
	path 10.2.0.1
	assert_failure 3
	is '.status == 3 and .code == "network" and (.error | test("10.9.9.9"))'
	vt_end_all
	netns a b
	cable a x b y
	address a x 10.1.0.1/24
	path 10.1.0.2 # nobody has that address
	assert_failure 3
	is '.status == 3'
	vt_end_all
	# The hole swallows everything.
	netns a b
	hop --ab 60 --silent
	path 10.2.0.1 --timeout 2s
	assert_failure 4
	is '.status == 4 and .code == "timeout"'
	vt_end_all
	# Nobody at the end, but a router that knows its link.
	netns a b
	hop --ab 1400
	at b ip addr flush dev hopb
	at b ip link set hopb down
	path 10.2.0.1 --timeout 6s
	assert_failure 4
	[ "$(jq -r 'select(.kind == "path") | .mtu' <<<"${lines[0]}")" = 1400 ]
	jq -e '.answered == false and .status == 4' <<<"${lines[0]}"
	jq -e '.kind == "error" and .status == 4' <<<"${lines[1]}"
}

@test "what the kernel has learnt before is not taken for the link" {
	routed 1400
	path 10.2.0.1
	is '.mtu == 1400 and .link_mtu == 1500'
	path 10.2.0.1
	is '.mtu == 1400 and .link_mtu == 1500 and .limit == "router"'
	run at a vault_ifinfo --path 10.2.0.1 --ipv6
	[ "$status" = 3 ] || [ "$status" = 4 ]
}
