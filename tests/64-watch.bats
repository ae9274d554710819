#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story: --watch tells what is present, then every change of links, addresses, MTUs and routes as one JSON
# line each, also those that the kernel does not announce; it ends with its reader, and by signals.

load helper
load netns

setup() {
	vt_setup
	need_netns
	netns a b
}

watch() {
	spawn nsenter -t "${NETNS[a]}" -n -- "$VT_BIN/vault-ifinfo" --watch >events 2>errors </dev/null
	WATCH=$SPAWN_PID
	eventually 10 grep -q '"event":"watching"' events
	PRESENT=$(wc -l <events)
}

# change CONDITION: such a line came after the present state.
change() {
	tail -n +$((PRESENT + 1)) events | jq -se "any($1)" >/dev/null
}

sees() {
	eventually 5 change "$1" && return
	cat events >&2
	return 1
}

@test "the present state first, in order; then nothing while nothing happens" {
	cable a x b y
	address a x 10.1.0.1/24
	at a ip route add default via 10.1.0.9
	watch
	jq -se 'all(.v == 1 and .kind == "change" and (.time | test("^[0-9]{4}-.*T.*\\.[0-9]{3}Z$")))' events
	jq -se '[.[] | select(.event == "present" and .about == "link").interface] == ["lo", "x"]' events
	jq -se 'any(.about == "route" and .route.destination == "default" and .route.hops[0].next_hop == "10.1.0.9")' events
	jq -se 'last.event == "watching"' events
	signal "$WATCH" TERM 10
	assert_equal "$status" 143
	assert_equal "$(wc -l <events)" "$PRESENT"
}

@test "links, addresses, MTUs, routes: each change has its line" {
	cable a x b y
	watch
	at a ip link set x mtu 1300
	sees '.event == "changed" and .interface == "x" and .changed == ["mtu"] and .link.mtu == 1300'
	at a ip addr add 10.1.0.1/24 dev x
	sees '.event == "new" and .about == "address" and .address.address == "10.1.0.1" and .interface == "x"'
	sees '.event == "new" and .about == "route" and .route.destination == "10.1.0.0/24"'
	at a ip addr add fd01::1/64 dev x nodad preferred_lft 0
	sees '.about == "address" and .address.address == "fd01::1" and .address.deprecated'
	at a ip addr change fd01::1/64 dev x preferred_lft forever
	sees '.event == "changed" and .address.address == "fd01::1" and (.address.deprecated | not)'
	at a ip route add 10.9.0.0/16 via 10.1.0.2 mtu 1200
	sees '.event == "new" and .route.destination == "10.9.0.0/16" and .route.mtu == 1200'
	at a ip route del 10.9.0.0/16
	sees '.event == "gone" and .route.destination == "10.9.0.0/16"'
	at a ip link set x alias "$(printf '\033"x')"
	sees '.changed == ["alias"]'
	at a ip link add br0 type bridge
	sees '.event == "new" and .about == "link" and .interface == "br0"'
	at a ip link set x master br0
	sees '.changed and (.changed | index("master")) and .link.master == "br0"'
	at a ip link set br0 name br1
	sees '.changed and (.changed | index("name")) and .interface == "br1"'
	at b ip link set y down
	sees '.changed and (.changed | index("running")) and .link.state == "no-carrier"'
	at a ip link del br1
	sees '.event == "gone" and .about == "link" and .interface == "br1"'
	at a ip addr del 10.1.0.1/24 dev x
	sees '.event == "gone" and .about == "address" and .address.address == "10.1.0.1"'
	jq -se . events >/dev/null
	signal "$WATCH" HUP 10
	assert_equal "$status" 129
}

@test "routes that the kernel removes without a word" {
	cable a x b y
	address a x 10.1.0.1/24
	at a ip route add 10.9.0.0/16 via 10.1.0.2
	at a ip route add 10.8.0.0/16 via 10.1.0.3
	watch
	at a ip link set x down
	sees '.event == "gone" and .route.destination == "10.9.0.0/16"'
	sees '.event == "gone" and .route.destination == "10.8.0.0/16"'
	sees '.event == "changed" and (.changed | index("up")) and .link.up == false'
}

@test "a route that is replaced: the new one comes, the old one goes" {
	cable a x b y
	address a x 10.1.0.1/24
	at a ip route add 10.9.0.0/16 via 10.1.0.2
	watch
	at a ip route replace 10.9.0.0/16 via 10.1.0.3
	sees '.event == "new" and .route.destination == "10.9.0.0/16" and .route.hops[0].next_hop == "10.1.0.3"'
	sees '.event == "gone" and .route.destination == "10.9.0.0/16" and .route.hops[0].next_hop == "10.1.0.2"'
}

@test "many changes at once: at the end it knows what is there" {
	local n last
	cable a x b y
	watch
	for ((n = 0; n < 300; n++)); do
		echo "addr add 10.$((n / 250)).$((n % 250)).1/32 dev x"
		echo "link add q$n type bridge"
	done >batch
	for ((n = 0; n < 300; n++)); do echo "link del q$n"; done >>batch
	echo 'link set x alias last' >>batch
	at a ip -batch batch
	sees '.event == "changed" and .link.alias == "last"'
	# What came and what went, added up, is what is there (a loss makes it begin anew).
	last=$(grep -n '"event":"lost"' events | tail -n 1 | cut -d: -f1)
	tail -n +$((${last:-0} + 1)) events | jq -s '[.[] | select(.about == "link") | {i: .link.index, gone: (.event == "gone")}]
	    | group_by(.i) | map(last | select(.gone | not)) | length' >count
	assert_equal "$(cat count)" "$(at a ip -j link | jq length)"
}

@test "it ends with its reader" {
	spawn nsenter -t "${NETNS[a]}" -n -- bash -c '"$0" --watch | head -n 1; exit "${PIPESTATUS[0]}"' "$VT_BIN/vault-ifinfo" \
	    >first </dev/null
	wait_for "$SPAWN_PID" 10
	assert_equal "$status" 141
	jq -e .v first
}
