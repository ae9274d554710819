#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # dollars for other shells; stories set status and names of files for each other
#
# Goal of this story: a command for each client (vault-listen -e, -c, --):
# - what the client sends is its input, its output and its status come back, however it ends;
# - a client that vanishes, or a listener that is killed, kills it: it never sees an end that is none;
# - it gets what it should know about the client, and nothing else that was open or secret;
# - with -k one each, and in the end no process and no descriptor is left.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# children: the helper below the listener and what that has started, without what is dead already.
below() {
	local all pid
	all=$(pgrep -P "$1" 2>/dev/null) || return 0
	for pid in $all; do
		[ "$(ps -o stat= -p "$pid" 2>/dev/null | cut -c 1)" = Z ] || echo "$pid"
		below "$pid"
	done
}
helper_of() { pgrep -P "$LISTEN_PID" | head -n 1; }
commands() { below "$(helper_of)"; }
no_commands() { [ -z "$(commands)" ]; }
some_commands() { [ -n "$(commands)" ]; }
no_zombies() { ! ps -o stat= --ppid "$(helper_of)" | grep -q Z; }
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

# A command that writes how its input ended into the file fate: "end" at an end, "term" when it is told to leave.
watcher() {
	cat >watcher <<-'END'
		#!/bin/bash
		trap 'echo term >>"$1"; exit 3' TERM
		echo up >>"$1"
		while read -r line; do echo "got $line" >>"$1"; done
		echo end >>"$1"
	END
	chmod +x watcher
}

# group_gone PGID: none of that process group lives.
group_gone() { ! ps -eo pgid=,stat= | awk -v g="$1" '$1 == g && $2 !~ /^Z/ { found = 1 } END { exit !found }'; }

# late_reader ARGS...: a client whose output is read from descriptor 7, by whoever does.
late_reader() {
	mkfifo out
	exec 6<>out
	CLIENT_STDOUT=out start_client "$@" 6>&-
	exec 7<out 6>&-
}

# ---- one client ----

@test "-e: what is sent comes back through a command, which is split at blanks and by nothing else" {
	head -c 300000 /dev/urandom >data
	serve -e cat
	CLIENT_STDIN=data meet 0 0 "$AT"
	cmp data client.out
	silent client.err
	printf 'x' >'a$b'
	serve -e "  ls   -1	a\$b "
	meet 0 0 "$AT"
	assert_equal "$(cat client.out)" 'a$b'
}

@test "-c is a line of shell, behind -- every word is as it is" {
	serve -c 'tr a-z A-Z | rev; echo "$0" done'
	echo abc >in
	CLIENT_STDIN=in meet 0 0 "$AT"
	assert_equal "$(cat client.out)" "$(printf 'CBA\n/bin/sh done')"
	# (serve puts the address last.)
	SERVE_AT="$AT -- printf %s|" serve
	meet 0 0 "$AT"
	assert_equal "$(cat client.out)" "|"
}

@test "its status: 7 for a client that did not ask for it, the status itself with --exec-status" {
	local n
	for n in 0 1 7 126 143; do
		serve --quiet -c "echo out; exit $n"
		meet "$n" $((n == 0 ? 0 : 7)) "$AT"
		assert_equal "$(cat client.out)" out
		if [ "$n" = 0 ]; then silent client.err; else one_line client.err "the peer's command ended with status $n"; fi
		serve --quiet -c "cat; exit $n"
		meet "$n" "$n" --exec-status "$AT"
		silent client.err
	done
	serve --quiet -c 'kill -KILL $$'
	meet 137 137 --exec-status "$AT"
	serve -c 'exit 3'
	meet 3 7 "$AT"
	one_line "$LISTEN_ERR" 'the command ended with status 3'
}

@test "what is not there is 127, what cannot be run 126, and the listener says why" {
	serve -e /no/such/thing
	meet 127 127 --exec-status "$AT"
	says "$LISTEN_ERR" 'cannot run /no/such/thing: No such file or directory'
	touch file
	serve -e "$PWD/file"
	meet 126 126 --exec-status "$AT"
	says "$LISTEN_ERR" "cannot run $PWD/file: Permission denied"
}

@test "a failure of the session keeps its own status, also with --exec-status" {
	serve -c 'exit 0'
	client --exec-status -r "$CLIENT_KEY" "$AT"
	expect_status 5 vault-connect client.err
	meet 0 0 --exec-status "$AT"
	# Its output is lost: that is worse than its status.
	serve --quiet -c 'echo x; exit 3'
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect --exec-status "$AT" </dev/null >/dev/full 2>client.err || status=$?
	expect_status 1 vault-connect client.err
}

# ---- who ends first ----

@test "a command that is content with less is a good end, one that is not is a bad one" {
	head -c 3000000 /dev/zero >data
	serve -c 'head -c 10 | wc -c'
	CLIENT_STDIN=data meet 0 0 "$AT"
	assert_equal "$(cat client.out)" 10
	hold open abc
	serve --quiet -c 'head -c 2; exit 4'
	CLIENT_STDIN=open meet 4 4 --exec-status "$AT"
	assert_equal "$(cat client.out)" ab
}

@test "a command that closes its input holds the client back, and it is no failure" {
	head -c 3000000 /dev/zero >data
	rm -f go
	mkfifo go
	serve -c 'exec <&-; cat go; echo bye'
	CLIENT_STDIN=data start_client "$AT"
	echo now >go
	ended "$CLIENT_PID" 0 vault-connect client.err
	assert_equal "$(cat client.out)" "$(printf 'now\nbye')"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "a command that closes its output goes on to read" {
	head -c 300000 /dev/urandom >data
	serve -c 'echo first; exec >&-; cat >copy; sleep 0.2; exit 5' --quiet
	CLIENT_STDIN=data meet 5 5 --exec-status "$AT"
	assert_equal "$(cat client.out)" first
	cmp data copy
}

@test "all that it said before its end arrives, however slow the reader, and whatever it leaves behind" {
	serve -c 'head -c 5000000 /dev/zero; exit 2' --quiet
	late_reader --exec-status "$AT"
	eventually 10 some_commands
	idle 300
	some_commands
	assert_equal "$(wc -c <&7)" 5000000
	exec 7<&-
	ended "$CLIENT_PID" 2 vault-connect client.err
	ended "$LISTEN_PID" 2 vault-listen "$LISTEN_ERR"
	# Something in the background holds its output: that is not waited for for ever, and not killed.
	serve -c 'sleep 600 & echo $! >pid; echo said'
	timed meet 0 0 "$AT"
	in_time 5000
	assert_equal "$(cat client.out)" said
	kill "$(cat pid)"
	# What is late, but not too late, is taken.
	serve -c '(sleep 0.2; echo late) & echo early'
	meet 0 0 "$AT"
	assert_equal "$(cat client.out)" "$(printf 'early\nlate')"
}
@test "a client whose reader leaves ends a command that only talks" {
	serve --quiet -e yes
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 20 vault_connect "$AT" </dev/null 2>client.err | head -n 1 >client.out
	assert_equal "$(cat client.out)" y
	wait_for "$LISTEN_PID" 20
	[ "$status" != 0 ]
	# One that only sends does not disturb it.
	serve -c 'seq 100000; cat >copy'
	echo sent >in
	CLIENT_STDIN=in meet 0 0 --send-only "$AT"
	assert_equal "$(cat copy)" sent
}

# ---- truncation ----

@test "a client that vanishes: TERM, and no end of input" {
	watcher
	hold open $'one\ntwo\n'
	serve -e "$PWD/watcher $PWD/fate"
	CLIENT_STDIN=open start_client "$AT"
	told 10 fate 'got two'
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	told 1 fate term
	run ! grep end fate
}

@test "a command that does not listen to TERM gets KILL, its group as well, and still no end" {
	hold open $'one\n'
	serve -c 'trap "" TERM; echo $$ >pid; exec 3<&0; (trap "" TERM; cat <&3 >all; echo end >fate) & cat >more; echo end >fate'
	CLIENT_STDIN=open start_client "$AT"
	eventually 10 test -s more -o -s all
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	[ ! -e fate ]
	eventually 5 group_gone "$(cat pid)"
}

@test "a client that vanishes while the command reads nothing" {
	head -c 200000 /dev/zero >data
	cat >stubborn <<<'echo $$ >pid; exec sleep 600'
	serve -e "sh stubborn"
	CLIENT_STDIN=data start_client "$AT"
	eventually 10 test -s pid
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	run ! kill -0 "$(cat pid)" 2>/dev/null
}

@test "a listener that is killed leaves no command behind, and none sees an end" {
	watcher
	hold open $'one\n'
	serve -k -e "$PWD/watcher $PWD/fate"
	CLIENT_STDIN=open start_client "$AT"
	told 10 fate 'got one'
	local helper
	helper=$(helper_of)
	kill -KILL "$LISTEN_PID"
	eventually 10 test ! -e "/proc/$helper/fd/0"
	told 1 fate term
	run ! grep end fate
	wait_for "$LISTEN_PID" 5
	wait_for "$CLIENT_PID" 10
	[ "$status" != 0 ]
}

@test "a helper that is killed takes its commands along, and the listener ends with 1" {
	watcher
	hold open $'one\n'
	serve -k -e "$PWD/watcher $PWD/fate"
	CLIENT_STDIN=open start_client "$AT"
	told 10 fate 'got one'
	kill -KILL "$(helper_of)"
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
	says "$LISTEN_ERR" 'the helper that runs commands has died'
	run ! grep end fate
	wait_for "$CLIENT_PID" 10
	[ "$status" != 0 ]
}

@test "a helper that is killed: every client is told, one that is silent and one that is busy" {
	hold open $'one\n'
	serve -k -e cat
	CLIENT_STDIN=open CLIENT_STDOUT=silent.out CLIENT_STDERR=silent.err start_client "$AT"
	SILENT=$CLIENT_PID
	eventually 10 grep -q one silent.out
	CLIENT_STDIN=/dev/zero CLIENT_STDOUT=busy.out CLIENT_STDERR=busy.err start_client "$AT"
	BUSY=$CLIENT_PID
	eventually 10 test -s busy.out
	kill -KILL "$(helper_of)"
	ended "$SILENT" 7 vault-connect silent.err
	ended "$BUSY" 7 vault-connect busy.err
	# (Its pipe may have told us first.)
	one_line silent.err "the peer's output failed"
	one_line busy.err "the peer's output failed"
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
}

@test "SIGTERM: sessions may finish, then their commands are told to leave" {
	watcher
	hold open $'one\n'
	serve -k --drain "$(ms 500)" -e "$PWD/watcher $PWD/fate"
	CLIENT_STDIN=open start_client "$AT"
	told 10 fate 'got one'
	kill -TERM "$LISTEN_PID"
	ended "$LISTEN_PID" 143 vault-listen "$LISTEN_ERR"
	told 1 fate term
	run ! grep end fate
	ended "$CLIENT_PID" 6 vault-connect client.err
	# And one that finishes in time is not disturbed.
	rm fate
	hold open $'one\n'
	serve -k --drain "$(ms 20000)" -e "$PWD/watcher $PWD/fate"
	CLIENT_STDIN=open start_client "$AT"
	told 10 fate 'got one'
	kill -TERM "$LISTEN_PID"
	release open $'two\n'
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	told 1 fate end
}

# ---- what it gets ----

@test "the environment: about the client, and nothing about keys or the listener" {
	sed -i "s/ client\$/ Ada's laptop/" "$SERVER_DIR/authorized_keys"
	VTOOLS_OTHER=x NOTIFY_SOCKET=x CREDENTIALS_DIRECTORY=x LISTEN_FDNAMES=x KEPT=kept \
	    SERVE_AT="127.0.0.1 0" serve -e env
	client 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	wait_for "$LISTEN_PID" 10
	says client.out VTOOLS_REMOTE_ADDR=127.0.0.1 VTOOLS_LOCAL_ADDR=127.0.0.1 "VTOOLS_LOCAL_PORT=$LISTEN_PORT" \
	    "VTOOLS_PEER_KEY=$CLIENT_KEY" "VTOOLS_PEER_NAME=Ada's laptop" VTOOLS_PROTOCOL=Noise_XX_25519_ VTOOLS_PEER_PSK= KEPT=kept
	grep -E '^VTOOLS_REMOTE_PORT=[1-9][0-9]*$' client.out
	run ! grep -E '^(VTOOLS_OTHER|NOTIFY_SOCKET|CREDENTIALS_DIRECTORY|LISTEN_)' client.out
	assert_equal "$(grep -c ^VTOOLS_ client.out)" 8
}

@test "three descriptors, its own process group, signals as by default, no filter of the sandbox" {
	[ "$(uname)" = Linux ] || skip "NOT TESTED: needs Linux"
	exec 7</dev/null
	serve -c 'ls /proc/$$/fd; ps -o pgid= -p $$ | tr -d " "; echo $$; cat /proc/self/status; cat /proc/$$/limits' 7</dev/null
	local limit
	limit=$(ulimit -n)
	meet 0 0 "$AT"
	exec 7<&-
	assert_equal "$(head -n 3 client.out | tr '\n' ' ')" "0 1 2 "
	assert_equal "$(sed -n 4p client.out)" "$(sed -n 5p client.out)"
	# None is ignored, also where the listener itself was started so. (Signals from 32 on, bit 31, are as they were found:
	# the C library keeps the first of them for itself and lets nobody change them.)
	assert_equal "$((0x$(awk '/^SigIgn/ { print $2 }' client.out) & 0x7fffffff))" 0
	grep -E '^SigBlk:\s*0000000000000000$' client.out
	grep -E '^NoNewPrivs:\s*0$' client.out
	grep -E "^Max open files +$limit " client.out
}

@test "--user is for commands, too" {
	[ "$(id -u)" = 0 ] || skip "NOT TESTED: needs root"
	chmod 755 "$BATS_TEST_TMPDIR"
	SERVE_AT="127.0.0.1 0" serve --user nobody -c 'id -un; cat /proc/self/status'
	client 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	assert_equal "$(head -n 1 client.out)" nobody
	grep -E '^CapEff:\s*0+$' client.out
}

@test "its standard error is the listener's" {
	serve -c 'echo oops >&2; cat'
	meet 0 0 "$AT"
	silent client.out
	assert_equal "$(cat "$LISTEN_ERR")" oops
}

@test "a key's own command comes instead; a command that no key names is not run" {
	sed -i '1s/^/command="echo \\"mine: $VTOOLS_PEER_NAME\\"; exit 9" /' "$SERVER_DIR/authorized_keys"
	serve -e cat --quiet
	meet 9 9 --exec-status "$AT"
	assert_equal "$(cat client.out)" "mine: client"
	# Also one that was written while the listener runs.
	serve -k -e cat --quiet
	sed -i 's/exit 9/exit 8/' "$SERVER_DIR/authorized_keys"
	client --exec-status "$AT"
	expect_status 9 vault-connect client.err
	kill -HUP "$LISTEN_PID"
	changed() { client --exec-status "$AT" && [ "$status" = 8 ]; }
	eventually 10 changed
	signal "$LISTEN_PID" TERM 10
	# A key that is only for a backend runs nothing.
	sed -i 's/^command=.*" vk/forward="localhost:9" vk/' "$SERVER_DIR/authorized_keys"
	serve -e 'touch ran'
	client "$AT"
	expect_status 5 vault-connect client.err
	[ ! -e ran ]
}

# ---- who may ----

@test "without a rule who may connect, no command: status 9, unless --anonymous" {
	rm "$SERVER_DIR/authorized_keys"
	local words
	for words in "-e cat" "-k -e cat" "-c cat" "-k -c cat" "-- cat"; do
		# shellcheck disable=SC2086
		run env XDG_CONFIG_HOME="$PWD/server" "$VT_BIN/vault-listen" "$AT" $words
		assert_equal "$status" 9
		assert_output --partial "nothing says who may connect"
	done
	serve --anonymous -e cat
	meet 0 0 "$AT"
	bounded 10 vault_keygen --psk -f psk >/dev/null
	serve --psk-file psk -e cat
	meet 0 0 --psk-file psk "$AT"
}

@test "a client that may not connect starts nothing" {
	: >"$SERVER_DIR/authorized_keys"
	serve -k -e "touch $PWD/ran"
	client "$AT"
	expect_status 5 vault-connect client.err
	client -z "$AT"
	no_commands
	[ ! -e ran ]
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "what cannot be used together" {
	local words
	for words in "-e cat -c cat" "-e cat -- cat" "-c cat -- cat" "-e cat --hub" "-e cat --echo" "-e cat -k --framing lines" \
	    "-k -c cat --tag" "-e cat --forward 80" "-e cat -o file" "-k -e cat --max-failures 1" "-e cat --max-clients 3" \
	    "-e cat --send-only" "-c cat --recv-only"; do
		# shellcheck disable=SC2086
		run bounded 10 vault_listen --anonymous "$AT" $words
		assert_equal "$status $words" "2 $words"
	done
	run bounded 10 vault_listen --anonymous "$AT" -e "  "
	assert_equal "$status" 2
	for words in "-z" "--wire vault-tcp" "-L 0"; do
		# shellcheck disable=SC2086
		run bounded 10 vault_connect --exec-status $words "$AT"
		assert_equal "$status $words" "2 $words"
	done
}

# ---- many ----

# cats: a listener that runs cat for many, one client of which has come and gone. as_before: it and its helper have as
# many descriptors as then, and no command runs.
cats() {
	serve -k -e cat
	client "$AT"
	expect_status 0 vault-connect client.err
	HELPER=$(helper_of)
	eventually 10 no_commands
	BEFORE=$(descriptors "$LISTEN_PID")+$(descriptors "$HELPER")
}
as_before() { no_commands && [ "$(descriptors "$LISTEN_PID")+$(descriptors "$HELPER")" = "$BEFORE" ]; }

@test "many short sessions, each with 100 kB through its own command: all intact, nothing left" {
	local n many
	many=$(soak 60 1000)
	[ -z "$VT_WRAP" ] || many=5
	head -c 100000 /dev/urandom >data
	cats
	for ((n = 0; n < many; n++)); do
		bounded 30 env XDG_CONFIG_HOME="$PWD/client" "$VT_BIN/vault-connect" "$AT" <data >"out.$((n % 8))" 2>"err.$((n % 8))" &
		pids[n % 8]=$!
		if [ $((n % 8)) = 7 ] || [ $n = $((many - 1)) ]; then
			for ((i = 0; i <= n % 8; i++)); do
				wait "${pids[i]}"
				cmp data "out.$i"
			done
		fi
	done 3>&-
	eventually 10 as_before
	eventually 10 no_zombies
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_ERR"
	[ ! -e "/proc/$HELPER/fd/0" ]
}

@test "clients that are killed at any moment leave neither commands nor descriptors" {
	local n many
	many=$(soak 30 400)
	[ -z "$VT_WRAP" ] || many=4
	head -c 3000000 /dev/urandom >data
	cats
	for ((n = 0; n < many; n++)); do
		CLIENT_STDIN=data CLIENT_STDOUT=/dev/null start_client "$AT"
		sleep "0.0$((RANDOM % 5))"
		kill -KILL "$CLIENT_PID" 2>/dev/null || true
		wait "$CLIENT_PID" 2>/dev/null || true
	done
	eventually 15 as_before
	client "$AT"
	expect_status 0 vault-connect client.err
}

@test "commands at the same time do not hold each other's pipes, and one that blocks blocks nobody" {
	hold one "a"
	hold two "b"
	hold three "c"
	serve -k -e cat
	local i
	for i in one two three; do
		CLIENT_STDIN=$i CLIENT_STDOUT=out.$i CLIENT_STDERR=err.$i start_client "$AT"
		eval "pid_$i=$CLIENT_PID"
		eventually 10 has_size "out.$i" 1
	done
	# The first one ends although the others, begun later, live.
	release one 1
	ended "$pid_one" 0 vault-connect err.one
	release three 3
	ended "$pid_three" 0 vault-connect err.three
	release two 2
	ended "$pid_two" 0 vault-connect err.two
	assert_equal "$(cat out.one out.two out.three)" a1b2c3
}

@test "a client that reads nothing of very much output costs no memory and can leave" {
	serve -k -e yes
	late_reader "$AT"
	head -c 1000000 <&7 >/dev/null
	idle 500
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/$LISTEN_PID/status")" -lt $((60000 * (VT_SLOW > 1 ? 20 : 1))) ]
	kill -KILL "$CLIENT_PID"
	exec 7<&-
	eventually 15 no_commands
}

# ---- clients of Vault TCP ----

# raw_client ARGS...: an independent Vault TCP client, to its end; its report is in peer.json, what it got in got.
raw_client() {
	rm -f peer.json got
	"$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" connect 127.0.0.1 "$LISTEN_PORT" --json peer.json --recv got "$@" 2>peer.err || true
	[ -s peer.json ] || { cat peer.err; return 1; }
}

@test "--wire auto: Vault TCP clients, side by side with native ones; one that just closes is an end" {
	find_python cryptography nacl
	printf 'good day' >day
	SERVE_AT="127.0.0.1 0" serve -k --wire auto --anonymous --quiet -c 'tee all; echo "end of $(cat all)" >fate'
	raw_client --send day --leave-after 8
	told 10 fate "end of good day"
	client 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
}

@test "a Vault TCP client: an ordinary status is an end, whatever it is; a signal is a reset" {
	find_python cryptography nacl
	SERVE_AT="127.0.0.1 0" serve -k --wire vault-tcp --anonymous --quiet -c 'echo hello; exit 3'
	raw_client
	jq -e '.end == "fin"' peer.json
	assert_equal "$(cat got)" hello
	signal "$LISTEN_PID" TERM 10
	SERVE_AT="127.0.0.1 0" serve -k --wire vault-tcp --anonymous --quiet -c 'echo hello; kill -9 $$'
	raw_client
	jq -e '.end == "rst"' peer.json
}
