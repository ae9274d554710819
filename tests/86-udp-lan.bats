#!/usr/bin/env bats
# Goal of this story: --announce and --browse find each other on one interface (here: lo), and what is forged is not listed.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp
load netns

setup() { udp_setup; }

on_lo() { "$PYTHON" "$PEERS/udp_shout.py" probe || skip 'no multicast on lo'; }

browse() {
	XDG_CONFIG_HOME=$PWD/z.config spawn vault_udp --browse=lo "$@" >found 2>browse.err </dev/null
	BROWSE_PID=$SPAWN_PID
}

finds() { eventually 30 has found "$1"; }

@test "who announces itself is listed with address, port and key, once" {
	on_lo
	person a
	browse --json
	UDP_AT=0 udp a --quiet --announce=lo
	finds "${KEY[a]}"
	jq -e -n --arg k "${KEY[a]}" --argjson p "${PORT[a]}" '[inputs | select(.key == $k)] | length == 1 and
	    (.[0] | .event == "found" and .port == $p and .v == 1)' found
	signal "$BROWSE_PID" TERM 10
}

@test "the same as text, with the fingerprint" {
	on_lo
	person a
	browse
	UDP_AT=0 udp a --quiet --announce=lo
	finds ":${PORT[a]}"
	grep -q "$(XDG_CONFIG_HOME=$PWD/a.config bounded 10 vault_keygen -l | cut -d ' ' -f 1)" found
}

@test "garbage, forged and old announcements are not listed, good ones are, and nothing reaches the terminal raw" {
	on_lo
	local good
	browse --json
	# The browser says nothing when it is ready: again until it is heard.
	good=$("$PYTHON" "$PEERS/udp_shout.py" key)
	eventually 30 shouted "$good"
	"$PYTHON" "$PEERS/udp_shout.py" bad
	"$PYTHON" "$PEERS/udp_shout.py" second
	finds "$("$PYTHON" "$PEERS/udp_shout.py" key second)"
	jq -r .key found | grep -vxF -e "$good" -e "$("$PYTHON" "$PEERS/udp_shout.py" key second)" >others || true
	# Neighbours in parallel tests announce themselves, too; those of this program are known.
	not grep -xF -f <("$PYTHON" "$PEERS/udp_shout.py" badkeys) others
	not grep -q $'[\x01-\x09\x0b-\x1f]' found
	kill -0 "$BROWSE_PID"
}

shouted() {
	"$PYTHON" "$PEERS/udp_shout.py" good
	has found "$1"
}

@test "an announcement makes nobody a peer, and nobody answers it" {
	on_lo
	person a
	UDP_AT=0 udp a --quiet --announce=lo --events events
	"$PYTHON" "$PEERS/udp_shout.py" good "${PORT[a]}"
	native n --peer "127.0.0.1:${PORT[a]}"
	eventually 20 said n '.event == "open"'
	jq -e -n --arg k "$("$PYTHON" "$PEERS/udp_shout.py" key)" '[inputs | select(.key == $k and .event != "drop")] |
	    map(select(.event == "up" or .event == "connect")) | length == 0' events
}

# lists EVENT KEY: the browser has said that.
lists() { jq -e -n --arg e "$1" --arg k "$2" '[inputs | select(.event == $e and .key == $k)] | length == 1' found; }

@test "who is not heard any more is listed as lost: after 60 s, or --max-age" {
	local silence began
	on_lo
	silence=$(soak 3 60)
	person a
	browse --json --max-age="${silence}s"
	# The browser says nothing when it is ready.
	eventually 30 shouted "$("$PYTHON" "$PEERS/udp_shout.py" key)"
	UDP_AT=0 udp a --quiet --announce=lo
	began=${EPOCHREALTIME/./}
	finds "${KEY[a]}"
	stop a KILL
	not lists lost "${KEY[a]}"
	eventually $((silence + 10)) lists lost "${KEY[a]}"
	[ $((${EPOCHREALTIME/./} - began)) -ge $((silence * 1000000 - 500000)) ]
	jq -e -n --arg k "${KEY[a]}" '[inputs | select(.key == $k) | .event] == ["found", "lost"]' found
}

@test "IPv6, on a network of two: address with its interface, and the peer can be reached there; one hop" {
	local at key
	need_netns
	netns a b
	cable a one b two
	eventually 20 has_link_local a one
	eventually 20 has_link_local b two
	person a
	person b
	spawn nsenter -t "${NETNS[b]}" -n "$VT_BIN/vault-udp" --browse=two --json >found 2>browse.err </dev/null
	BROWSE_PID=$SPAWN_PID
	spawn nsenter -t "${NETNS[b]}" -n "$PYTHON" "$PEERS/udp_shout.py" hear two >hops </dev/null
	: >a.ready
	open_tell a
	XDG_CONFIG_HOME=$PWD/a.config spawn nsenter -t "${NETNS[a]}" -n "$VT_BIN/vault-udp" -6 -l 0 --quiet --announce=one --ready-fd 9 \
	    9>a.ready </dev/fd/"${TELL[a]}" >a.out 2>a.err
	PID[a]=$SPAWN_PID
	ready a
	eventually 60 lists found "${KEY[a]}"
	at=$(jq -r --arg k "${KEY[a]}" 'select(.key == $k) | "\(.address):\(.port)"' found)
	[[ $at == \[fe80::*%*\]:${PORT[a]} ]]
	eventually 60 has hops 'hops 1'
	echo hello >hello
	XDG_CONFIG_HOME=$PWD/b.config bounded 20 nsenter -t "${NETNS[b]}" -n "$VT_BIN/vault-udp" -l 0 --quiet --remote-key "${KEY[a]}" "$at" <hello
	arrives a.out 1
	signal "$BROWSE_PID" TERM 10
}

has_link_local() { at "$1" ip -6 addr show dev "$2" scope link -tentative | grep -q fe80; }
