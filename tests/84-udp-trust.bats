#!/usr/bin/env bats
# Goal of this story: who may talk to vault-udp, who it talks to, and the exit statuses of all tools where they apply.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load udp

setup() { udp_setup; }

# told ARGS...: vault-udp to its end with the configuration of b. Sets status; out and err.
told() {
	status=0
	XDG_CONFIG_HOME=$PWD/b.config bounded "${SECONDS_MOST:-20}" vault_udp -l 127.0.0.1:0 --framing=lines "$@" >out 2>err <"${INPUT:-/dev/null}" ||
	    status=$?
}

two() {
	person a
	person b
	echo message >message
}

@test "pinned keys on both sides: silent, delivered, 0" {
	two
	udp a --quiet --framing=lines --remote-key "${KEY[b]}"
	INPUT=message told --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	arrives a.out 1
	cmp a.out message
	assert_equal "$(cat err)" ''
}

@test "another key than the pinned one: nothing is sent, status 5" {
	two
	person c
	udp a --framing=lines
	INPUT=message told -w 2s --remote-key "${KEY[c]}" "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 5
	assert_equal "$(cat a.out)" ''
	grep -qi 'key' err
}

@test "a peer that is not in authorized_keys is not heard; one that is, is" {
	two
	person c
	echo "${KEY[c]} c" >allowed
	udp a --quiet --framing=lines -a allowed
	INPUT=message SECONDS_MOST=8 told -w 2s --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
	[ "$status" = 4 ] || [ "$status" = 5 ]
	assert_equal "$(cat a.out)" ''
	cp -r c.config/. b.config
	INPUT=message told --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	arrives a.out 1
}

@test "without any rule a key is accepted on first use, with a warning on both sides" {
	two
	udp a --framing=lines
	INPUT=message told "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	arrives a.out 1
	grep -q 'vault-udp: ' err
	grep -q 'vault-udp: ' a.err
	grep -qF "${KEY[a]}" err || grep -qiE 'SHA256|key' err
}

@test "a named peer is remembered, then silent; a changed key is refused in every mode, 5" {
	local mode
	two
	person c
	udp a --quiet --framing=lines
	INPUT=message told "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	grep -qF "${KEY[a]}" b.config/vault-tools/known_hosts
	INPUT=message told "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	assert_equal "$(cat err)" ''
	arrives a.out 2
	stop a
	# Somebody else at that address.
	UDP_AT=127.0.0.1:${PORT[a]} udp c --quiet --framing=lines
	for mode in new any strict; do
		INPUT=message told -w 2s --trust=$mode "127.0.0.1:${PORT[c]}"
		assert_equal "$mode: $status" "$mode: 5"
	done
	assert_equal "$(cat c.out)" ''
}

@test "--trust=strict: an unknown key is refused, and nothing is remembered" {
	two
	udp a --quiet --framing=lines
	INPUT=message told -w 2s --trust=strict "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 5
	assert_equal "$(cat a.out)" ''
	[ ! -s b.config/vault-tools/known_hosts ]
}

@test "who waits for peers and has an authorized_keys file lets in those in it, no others" {
	two
	person c
	cp b.config/vault-tools/identity.pub a.config/vault-tools/authorized_keys
	udp a --quiet --framing=lines
	INPUT=message told --quiet "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	arrives a.out 1
	mv b.config b.away
	cp -r c.config b.config
	INPUT=message told -w 2s --quiet "127.0.0.1:${PORT[a]}"
	[ "$status" = 4 ]
	assert_equal "$(cat a.out)" message
}

@test "a key that is for a command or a backend only is not heard, whoever called whom, unless it is given with --remote-key" {
	local rule
	two
	echo refused >message
	for rule in 'command="cat"' 'forward="localhost:9"' 'rate=1M,forward="localhost:9",command="cat"'; do
		echo "$rule ${KEY[b]} b" >a.config/vault-tools/authorized_keys
		udp a --framing=lines
		INPUT=message told -w 2s --quiet --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
		assert_equal "$status" 4
		assert_equal "$(cat a.out)" ''
		grep -qE "refused: its key is only for a (command|backend)( or a backend)? \(.*/authorized_keys:1\)" a.err
		stop a
		# With -a it is no other, and a name in known_hosts is no way around.
		udp b --quiet --framing=lines
		for args in "-a a.config/vault-tools/authorized_keys" --trust=any --trust=new; do
			status=0
			# shellcheck disable=SC2086
			XDG_CONFIG_HOME=$PWD/a.config bounded 20 vault_udp -l 127.0.0.1:0 -w 2s $args "127.0.0.1:${PORT[b]}" <message >out 2>err || status=$?
			assert_equal "$args: $status" "$args: 5"
			grep -q 'its key is only for a' err
		done
		[ ! -s a.config/vault-tools/known_hosts ]
		assert_equal "$(cat b.out)" ''
		stop b
	done
	# Who gives it on the command line means this.
	udp a --quiet --framing=lines --remote-key "${KEY[b]}"
	echo message >message
	INPUT=message told --quiet --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	arrives a.out 1
}

@test "a key that cannot sign is refused with the reason; a throw-away one is warned of on the other side" {
	two
	head -c 32 /dev/urandom | bounded 10 vault_keygen --import raw --part x25519 -f only -C '' >/dev/null
	told -i only "127.0.0.1:9"
	assert_equal "$status" 2
	grep -qi 'sign' err
	udp a --framing=lines
	rm -r b.config
	INPUT=message told --quiet --remote-key "${KEY[a]}" "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 0
	eventually 10 grep -qi 'throw-away' a.err
}

@test "nobody answers: status 4 in time, and it says who" {
	relay r --to 127.0.0.1:9
	tell r block
	echo message >message
	INPUT=message told -w 1s "127.0.0.1:${PORT[r]}"
	assert_equal "$status" 4
	grep -qF "127.0.0.1:${PORT[r]}" err
}

@test "a peer that is not there any more when the end is told: status 6, in time" {
	two
	udp a --quiet --framing=lines
	relay r --to "127.0.0.1:${PORT[a]}"
	udp b --quiet --framing=lines "127.0.0.1:${PORT[r]}"
	tell b one
	arrives a.out 1
	tell r block
	tell b lost
	hush b
	ends b 40
	assert_equal "$status" 6
	grep -q 'confirm' b.err
}

@test "stopped by a signal: 143 where something was to be sent, 0 where it only waited for peers" {
	two
	udp a --quiet --framing=lines
	udp b --quiet --framing=lines "127.0.0.1:${PORT[a]}"
	tell b one
	arrives a.out 1
	stop b
	assert_equal "$status" 143
	stop a
	assert_equal "$status" 0
}

@test "usage: the option and the reason, status 2" {
	local args
	while read -r args; do
		# shellcheck disable=SC2086
		told $args
		assert_equal "$args: $status" "$args: 2"
		grep -q "^vault-udp: " err
		grep -q "Try 'vault-udp --help'" err
		[ ! -s out ]
	done <<-END
		--framing=words 127.0.0.1:5000
		--mtu=12 127.0.0.1:5000
		--lifetime=never-ever 127.0.0.1:5000
		--pace=fast 127.0.0.1:5000
		--wire=v7 127.0.0.1:5000
		--rate-limit=-1 127.0.0.1:5000
		--no-such-option
		127.0.0.1:70000
	END
}

@test "a port that is taken, a name that nobody knows: 3; a secret that others can read: 9" {
	two
	udp a --quiet
	run bounded 10 vault_udp -l "127.0.0.1:${PORT[a]}" </dev/null
	assert_equal "$status" 3
	told no-such-host.invalid:5000
	assert_equal "$status" 3
	chmod 644 b.config/vault-tools/identity
	told "127.0.0.1:${PORT[a]}"
	assert_equal "$status" 9
}

@test "its output cannot be written: 1, and the sender knows: 6" {
	[ -c /dev/full ] || skip 'no /dev/full'
	two
	: >full.ready
	XDG_CONFIG_HOME=$PWD/a.config spawn vault_udp -l 127.0.0.1:0 --quiet --framing=lines --ready-fd 9 9>full.ready >/dev/full 2>full.err </dev/null
	PID["full"]=$SPAWN_PID
	ready full
	INPUT=message told -w 1s "127.0.0.1:${PORT[full]}"
	assert_equal "$status" 6
	grep -q '1 of our messages were lost' err
	ends full 20
	assert_equal "$status" 1
	grep -q 'vault-udp: .*No space' full.err
}

@test "--help and --version go to standard output with status 0" {
	run -0 --separate-stderr bounded 10 vault_udp --help
	[ -n "$output" ]
	[ -z "$stderr" ]
	run -0 --separate-stderr bounded 10 vault_udp --version
	[[ $output == 'vault-udp (vault-tools) '* ]]
}
