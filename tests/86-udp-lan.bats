#!/usr/bin/env bats
# Goal of this story: --announce and --browse find each other on one interface (here: lo), and what is forged is not listed.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() {
	udp_setup
	"$PYTHON" "$PEERS/udp_shout.py" probe || skip 'no multicast on lo'
}

browse() {
	XDG_CONFIG_HOME=$PWD/z.config spawn vault_udp --browse=lo "$@" >found 2>browse.err </dev/null
	BROWSE_PID=$SPAWN_PID
}

finds() { eventually 30 has found "$1"; }

@test "who announces itself is listed with address, port and key, once" {
	person a
	browse --json
	UDP_AT=0 udp a --quiet --announce=lo
	finds "${KEY[a]}"
	jq -e -n --arg k "${KEY[a]}" --argjson p "${PORT[a]}" '[inputs | select(.key == $k)] | length == 1 and
	    (.[0] | .event == "found" and .port == $p and .v == 1)' found
	signal "$BROWSE_PID" TERM 10
}

@test "the same as text, with the fingerprint" {
	person a
	browse
	UDP_AT=0 udp a --quiet --announce=lo
	finds ":${PORT[a]}"
	grep -q "$(XDG_CONFIG_HOME=$PWD/a.config bounded 10 vault_keygen -l | cut -d ' ' -f 1)" found
}

@test "garbage, forged and old announcements are not listed, good ones are, and nothing reaches the terminal raw" {
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
	person a
	UDP_AT=0 udp a --quiet --announce=lo --events events
	"$PYTHON" "$PEERS/udp_shout.py" good "${PORT[a]}"
	native n --peer "127.0.0.1:${PORT[a]}"
	eventually 20 said n '.event == "open"'
	jq -e -n --arg k "$("$PYTHON" "$PEERS/udp_shout.py" key)" '[inputs | select(.key == $k and .event != "drop")] |
	    map(select(.event == "up" or .event == "connect")) | length == 0' events
}
