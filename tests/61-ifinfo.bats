#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - vault-ifinfo tells the same facts as ip(8), of this machine and of every kind of interface the kernel can make;
# - its JSON is valid whatever names and aliases are; its table fits a terminal;
# - it needs no privileges, no /sys and no netlink, and says what it cannot learn without.

load helper
load netns

setup() {
	vt_setup
	command -v jq >/dev/null || skip 'NOT TESTED: jq is not installed'
	declare -gA NETNS=()
}

# ---- the same facts as ip(8), each in its own words ----

THEIRS='map(select(.ifname) | {
	name: .ifname, index: .ifindex, mtu, mac: (.address // null), alias: (.ifalias // null), master: (.master // null),
	up: (.flags | index("UP") != null), loopback: (.flags | index("LOOPBACK") != null),
	running: (.flags | index("UP") != null and index("NO-CARRIER") == null),
	point_to_point: (.flags | index("POINTOPOINT") != null), multicast: (.flags | index("MULTICAST") != null),
	type: (.linkinfo.info_kind // ({ether: "ethernet", loopback: "loopback"}[.link_type] // .link_type)),
	addresses: [.addr_info[] | select(.local) | {
		family: {inet: "ipv4", inet6: "ipv6"}[.family], address: .local, prefix: .prefixlen, scope: .scope,
		peer: (.address // null), temporary: (.temporary // false), deprecated: (.deprecated // false and .family == "inet6"),
		tentative: (.tentative // false), duplicate: (.dadfailed // false)}] | sort}) | sort_by(.index)'
OURS='map(select(.kind == "interface") | {
	name, index, mtu, mac, alias, master, up, loopback, running, point_to_point, multicast, type,
	addresses: [.addresses[] | {
		family, address, prefix, scope, peer, temporary: (.temporary // false), deprecated: (.deprecated // false),
		tentative: (.tentative // false), duplicate: (.duplicate // false)}] | sort}) | sort_by(.index)'

# same_as_ip NAME: in that namespace ("": in this one). Addresses may change state between the two readings.
same_as_ip() {
	if [ -n "$1" ]; then
		at "$1" ip -j -d addr >theirs.json && at "$1" vault_ifinfo --json >ours.json || return 1
	else
		ip -j -d addr >theirs.json && vault_ifinfo --json >ours.json || return 1
	fi
	jq -S "$THEIRS" theirs.json >theirs && jq -sS "$OURS" ours.json >ours && diff theirs ours
}

# agree COMPARISON: likewise between the two halves of a comparison.
agree() { eventually 10 "$1" || { "$1"; false; }; }

# try_link NAME ARGS...: kinds that not every kernel has.
try_link() {
	at a ip link add "$@" 2>/dev/null || echo "# NOT TESTED, not in this kernel: ip link add $*" >&3
}

# Every kind of link, every size, up and down.
world() {
	local mtu
	need_netns
	netns a b
	for mtu in 576 1280 1400 1500 9000 65535; do
		at a ip link add "v$mtu" type veth peer name "w$mtu"
		at a ip link set "v$mtu" mtu "$mtu" up
		address a "v$mtu" "10.0.$((mtu % 250)).1/24"
	done
	at a ip link set w1500 up
	at a ip link set w1400 up
	at a ip link add br0 type bridge
	at a ip link set w9000 master br0 up
	at a ip link set v1500 alias 'to the "office" \ 1'
	at a ip link add fifteen-letters type bridge
	at a ip link set fifteen-letters up
	try_link mv0 link v1500 type macvlan mode bridge
	try_link d0 type dummy
	try_link v1500.7 link v1500 type vlan id 7
	try_link wg0 type wireguard
	try_link ifb7 type ifb
	try_link vx0 type vxlan id 5 dstport 4789
	if [ -c /dev/net/tun ]; then
		at a ip tuntap add dev tun0 mode tun
		at a ip tuntap add dev tap0 mode tap
		at a ip link set tun0 up mtu 1420
		at a ip addr add 10.7.0.1 peer 10.7.0.2 dev tun0
	fi
}

scopes() {
	at a ip addr add 10.3.0.1/16 scope global dev v1500
	at a ip addr add 10.4.0.1/16 scope link dev v1500
	at a ip addr add 10.5.0.1/32 scope host dev v1500
	at a ip addr add 10.6.0.1/32 scope site dev v1500 2>/dev/null || at a ip addr add 10.6.0.1/32 scope 200 dev v1500
	at a ip addr add 10.3.0.2/16 dev v1500 label v1500:x
	at a ip addr add 169.254.9.9/16 dev v1500
	address a v1500 2001:db8:1::1/64 fd00:1::1/48 fec0::1/64
	at a ip addr add 2001:db8:2::1/64 dev v1500 nodad preferred_lft 0
	at a ip addr add 2001:db8:3::1/64 dev v65535 # down at the other end: no duplicate can be looked for
	at a sh -c 'echo 2 >/proc/sys/net/ipv6/conf/v1500/use_tempaddr'
	at a ip addr add 2001:db8:4::1/64 dev v1500 mngtmpaddr nodad
	# The same address on both ends.
	at a ip addr add 2001:db8:5::1/64 dev v1400
	at a ip addr add 2001:db8:5::1/64 dev w1400
}

has_duplicate() { at a ip -6 addr show | grep -q dadfailed; }

@test "of this machine: the same as ip -j addr" {
	command -v ip >/dev/null || skip 'NOT TESTED: ip (iproute2) is not installed'
	need_libmnl
	eventually 10 same_as_ip '' || { same_as_ip ''; false; }
}

@test "every kind of link, MTUs from 576 to 65535, up and down, names of 15 letters: the same as ip" {
	world
	eventually 10 same_as_ip a || { same_as_ip a; false; }
	jq -se 'map(select(.name == "fifteen-letters")) | length == 1' ours.json
	jq -se 'map(.type) | contains(["veth", "bridge", "loopback"])' ours.json
	jq -se 'map(select(.name == "w9000").master) == ["br0"]' ours.json
	jq -se 'map(select(.name == "v1500").alias) == ["to the \"office\" \\ 1"]' ours.json
}

@test "nothing but a loopback that is down: the same as ip, and every question has its answer and status" {
	need_netns
	netns a
	at a ip link set lo down
	same_as_ip a
	run -0 at a vault_ifinfo
	assert_line --regexp '^lo +down '
	run -0 at a vault_ifinfo --payload=udp -4
	assert_line 'MTU 1500'
	assert_line --partial 'warning: no interface is up'
	run -1 at a vault_ifinfo -6
	run -1 at a vault_ifinfo --require-mtu 68
	for what in --route --path; do
		run --separate-stderr at a vault_ifinfo $what 10.1.0.1 --json
		assert_failure 3
		jq -e '.kind == "error" and .status == 3 and .code == "network"' <<<"$output"
	done
	run --separate-stderr at a vault_ifinfo --json
	jq -se '.[0].mtu == 1500 and .[0].mtu_fallback and .[0].primary_ipv4 == null and (.[1:] | map(.name) == ["lo"])' <<<"$output"
}

@test "addresses of all scopes, peers, labels; temporary, deprecated, tentative, duplicate ones: the same as ip" {
	world
	scopes
	eventually 10 has_duplicate
	eventually 10 same_as_ip a || { same_as_ip a; false; }
	jq -se '[.[] | .addresses[]?] | any(.temporary) and any(.deprecated) and any(.duplicate) and any(.tentative)
	    and any(.scope == "site") and any(.scope == "host") and any(.scope == "link")' ours.json
	[ ! -c /dev/net/tun ] || jq -se '[.[] | .addresses[]?] | any(.peer == "10.7.0.2")' ours.json
}

@test "speed and duplex are those of /sys" {
	need_netns
	netns a b
	cable a x b y
	at a unshare -m --propagation private sh -c 'mount -t sysfs none /sys && cat /sys/class/net/x/speed /sys/class/net/x/duplex' >sys
	at a vault_ifinfo --json x | jq -r 'select(.name == "x") | .speed_mbps, .duplex' >ours
	diff sys ours
}

@test "routes: the same as ip -j route get" {
	local to
	need_netns
	netns a b
	cable a x b y 1400
	address a x 10.1.0.1/24 fd01::1/64
	at a ip route add default via 10.1.0.2
	at a ip route add 10.9.0.0/16 via 10.1.0.3 mtu lock 1300 src 10.1.0.1
	at a ip -6 route add fd02::/64 via fd01::9
	for to in 10.1.0.77 8.8.8.8 10.9.1.1 10.1.0.1 127.0.0.1 fd01::5 fd02::1; do
		at a ip -j -d route get "$to" | jq -c '.[0] | [.gateway, .dev, .prefsrc, .metrics[0].mtu]' >theirs
		at a vault_ifinfo --route "$to" --json >route.json
		jq -c --argjson link "$(at a ip -j link)" '[.next_hop, .interface, .source,
		    (.interface as $i | .mtu | if . == ($link[] | select(.ifname == $i).mtu) then null else . end)]' route.json >ours
		diff theirs ours || fail "not the same toward $to"
	done
	run at a vault_ifinfo --route fd99::1
	assert_failure 3
	at a ip route add blackhole 10.66.0.0/16
	at a ip route add unreachable 10.67.0.0/16
	at a ip route add prohibit 10.68.0.0/16
	for to in 10.66.0.1 10.67.0.1 10.68.0.1; do
		run at a vault_ifinfo --route $to --json
		assert_failure 3
		jq -e '.status == 3 and .code == "network"' <<<"${lines[-1]}"
	done
}

@test "a next hop of the other family, and several" {
	need_netns
	netns a b
	cable a x b y
	address a x 10.1.0.1/24 fd01::1/64
	at a ip route add 10.9.0.0/16 via inet6 fd01::2 dev x
	at a ip route add 10.8.0.0/16 nexthop via 10.1.0.2 nexthop via 10.1.0.3
	run at a vault_ifinfo --route 10.9.0.1 --json
	assert_success
	assert_equal "$(jq -r .next_hop <<<"$output")" fd01::2
	run at a vault_ifinfo --route 10.8.0.1
	assert_success
	assert_line --regexp '^next hop   10\.1\.0\.[23]$'
}

# ---- hostile names, much of it, the terminal ----

hostile() {
	at a ip link add "$(printf 'a\033[31m"\\\x27')" type bridge
	at a ip link add "$(printf 'n\xff\xfe$(id)')" type bridge
	at a ip link add "$(printf '$s{}\302\233x')" type bridge
	at a ip link add name -- '-h' type bridge 2>/dev/null || true
	at a ip link add plain type bridge
	at a ip link set plain alias "$(printf '\033]0;x\007 "}\xff{\r')"
}

@test "hostile names and aliases: valid JSON in ASCII, a table without control characters, selectable" {
	need_netns
	netns a
	hostile
	at a vault_ifinfo --json >out.json
	jq -se 'map(select(.kind == "interface")) | length >= 5' out.json
	LC_ALL=C run grep -c '[^ -~]' out.json
	assert_output 0
	jq -se --arg n "$(printf 'a\033[31m"\\\x27')" 'map(select(.name == $n)) | length == 1' out.json
	at a vault_ifinfo >table
	LC_ALL=C run grep -c '[^ -~]' table
	assert_output 0
	run at a vault_ifinfo --json "$(printf 'n\xff\xfe$(id)')"
	assert_success
	assert_equal "$(wc -l <<<"$output")" 2
	at a vault_ifinfo -6 --all >list || true
	at a timeout 2 "$VT_BIN/vault-ifinfo" --watch >watch.json || true
	jq -se 'length > 5' watch.json
}

@test "the table fits 80 columns, with 15 letters, long addresses and all flags" {
	world
	scopes
	address a v1500 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128
	at a vault_ifinfo >table
	grep -q '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128 global' table
	run awk 'length($0) > 80' table
	assert_output ''
	run grep -c "$(printf '\033')" table
	assert_output 0
}

@test "colour on a terminal only, and not with NO_COLOR" {
	script -qec "'$VT_BIN/vault-ifinfo'" /dev/null >tty.out </dev/null || skip 'NOT TESTED: script(1) does not work here'
	grep -q "$(printf '\033')" tty.out
	NO_COLOR=1 script -qec "'$VT_BIN/vault-ifinfo'" /dev/null >tty.out </dev/null
	run grep -c "$(printf '\033')" tty.out
	assert_output 0
}

@test "a thousand interfaces: a snapshot within 100 ms, valid JSON, the same names as ip" {
	local n started took best=999999
	need_netns
	netns a
	for ((n = 0; n < 500; n++)); do echo "link add u$n type veth peer name d$n"; done >batch
	at a ip -batch batch
	at a vault_ifinfo --json >out.json
	assert_equal "$(jq -r 'select(.kind == "interface").name' out.json | sort | sha256sum)" \
	    "$(at a ip -j link | jq -r '.[].ifname' | sort | sha256sum)"
	[ -z "$VT_WRAP" ] || skip "the speed is NOT TESTED under $VT_WRAP"
	vt_words vault_ifinfo --json
	for n in 1 2 3 4 5; do
		took=$(nsenter -t "${NETNS[a]}" -n -- bash -c 'b=${EPOCHREALTIME/./}; "$@" >/dev/null; e=${EPOCHREALTIME/./}
		    echo $((e - b))' bash "${vt_command[@]}")
		[ "$took" -ge "$best" ] || best=$took
	done
	echo "# 1001 interfaces: $((best / 1000)) ms" >&3
	[ "$best" -lt "$(scaled 100000)" ]
}

# ---- without privileges, /sys, netlink ----

@test "an unprivileged user sees the same, and may ask for paths" {
	local as='setpriv --reuid=65534 --regid=65534 --clear-groups --'
	world
	cp "$VT_BIN/vault-ifinfo" tool
	chmod 755 tool . .. "$BATS_RUN_TMPDIR" 2>/dev/null
	at a $as "$PWD/tool" --version >/dev/null 2>&1 || skip 'NOT TESTED: an unprivileged user cannot run the tool here'
	as_nobody() { at a vault_ifinfo --json >root.json && at a $as "$PWD/tool" --json >nobody.json && diff root.json nobody.json; }
	agree as_nobody
	cable a x b y 1400
	address a x 10.1.0.1/24
	address b y 10.1.0.2/24
	run at a $as "$PWD/tool" --path 10.1.0.2 --json
	assert_success
	jq -e '.mtu == 1400 and .exact' <<<"$output"
}

@test "/sys is not needed" {
	world
	vt_words vault_ifinfo --json
	NO_SYS=(unshare -m --propagation private sh -c 'mount -t tmpfs none /sys && exec "$@"' sh "${vt_command[@]}")
	without_sys() { at a vault_ifinfo --json >with.json && at a "${NO_SYS[@]}" >without.json && diff with.json without.json; }
	agree without_sys
}

@test "netlink denied: the rest is the same, and what is missing is said" {
	world
	scopes
	eventually 10 has_duplicate
	vt_words vault_ifinfo
	DENIED=("$VT_BUILD/tests/denied" "${vt_command[@]}")
	"${DENIED[@]}" --version >/dev/null || skip 'NOT TESTED: seccomp does not work here'
	keep='map(select(.kind == "interface") | del(.type, .alias, .master) |
	    .addresses |= (map(if .family == "ipv4" then del(.scope) else . end) | sort) |
	    if .name == "tun0" then del(.mac) else . end) | sort_by(.index)'
	without_netlink() {
		at a vault_ifinfo --json | jq -sS "$keep" >with && at a "${DENIED[@]}" --json 2>errors | jq -sS "$keep" >without &&
		    diff with without
	}
	agree without_netlink
	grep -q 'netlink is not available' errors
	grep -q 'not known: kinds of virtual interfaces' errors
	grep -q 'not known: scopes of IPv4 addresses' errors
	at a "${DENIED[@]}" --json 2>/dev/null | jq -se '.[0] | .source == "proc" and (.missing | length == 2)'
	run -0 at a "${DENIED[@]}" --mtu
	assert_output 576 # what does not matter for the answer is not mentioned: cron mails all that is printed
	run -0 at a "${DENIED[@]}" --path 10.3.0.1 --json
	jq -e '.mtu == 65535 and .exact' <<<"${lines[-1]}"
	run -0 at a "${DENIED[@]}" --route 10.3.9.9
	assert_line 'source     10.3.0.1'
	assert_line 'next hop   not known'
	run at a "${DENIED[@]}" --watch
	assert_failure 1
	assert_output --partial 'netlink is not available'
}
