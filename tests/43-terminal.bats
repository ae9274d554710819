#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (a person at a real terminal, by tmux):
# - two people can talk, and ^D, ^C and ^Z mean what they mean everywhere;
# - the end of the other side ends the session, and the terminal is as it was;
# - a tool in the background of a shell works, is not stopped, and takes nothing that is typed;
# - progress is shown to a person and to nobody else;
# - nothing that the peer says about itself reaches the terminal as a command.

load helper
load endings

setup() {
	vt_setup
	command -v tmux >/dev/null || skip "tmux is NOT INSTALLED: nothing is known about terminals"
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
	mkdir bin
	local tool
	for tool in listen connect; do
		printf '#!/bin/sh\nexec %s %s "$@"\n' "$VT_WRAP" "$VT_BIN/vault-$tool" >bin/vault-$tool
		chmod +x bin/vault-$tool
	done
	printf '%s\n' 'PS1="> "' 'PROMPT_COMMAND=' "PATH=$PWD/bin:\$PATH" 'unset HISTFILE' >rc
	unset TMUX
}

teardown() {
	command -v tmux >/dev/null && tm kill-server 2>/dev/null
	vt_teardown
}

tm() { tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null "$@" 3>&- 4>&-; }

# terminal NAME CONFIG: an interactive shell on a terminal of its own.
terminal() {
	tm new-session -d -s "$1" -x 150 -y 40 \
	    "INPUTRC=/dev/null XDG_CONFIG_HOME=$PWD/$2 exec bash --noprofile --rcfile $PWD/rc -i"
	see "$1" '>'
}

# enter NAME TEXT: type a line.
enter() {
	tm send-keys -t "$1" -l "$2"
	tm send-keys -t "$1" Enter
}

key() { tm send-keys -t "$1" "$2"; }

screen() { tm capture-pane -p -J -t "$1"; }
shown() { screen "$1" | grep -qE -e "$2"; }

# see NAME REGEX: wait until a line on the screen matches.
see() {
	eventually 15 shown "$1" "$2" && return
	screen "$1" | sed 's/^/| /' >&2
	return 1
}

at_prompt() { screen "$1" | grep . | tail -n 1 | grep -q '^> *$'; }

# ended_with NAME STATUS: the command has ended, with this status.
ended_with() {
	eventually 15 at_prompt "$1"
	enter "$1" 'echo status=$?'
	see "$1" '^status=[0-9]'
	shown "$1" "^status=$2\$" && return
	screen "$1" | grep . | sed 's/^/| /' >&2
	return 1
}

# two_terminals: a listener and a client, connected.
two_terminals() {
	terminal one server
	terminal two client
	enter one "vault-listen -v $* $AT"
	see one 'vault-listen: listening on'
	enter two "vault-connect -v $AT"
	see two '^vault-connect: .*: connected with'
	see one 'vault-listen: .*: connected with'
}

@test "two people talk; ^D of one ends it for both, with 0" {
	local who other
	for who in one two; do
		other=$([ $who = one ] && echo two || echo one)
		two_terminals
		enter one 'good morning'
		see two '^good morning$'
		enter two 'you too'
		see one '^you too$'
		key $who C-d
		ended_with $who 0
		ended_with "$other" 0
		shown one '^vault-listen: .*, complete$'
		shown two '^vault-connect: .*, complete$'
		tm kill-server
		eventually 10 test ! -e sock
	done
}

@test "^C: 130 here, 6 there, and the shell goes on as before" {
	two_terminals
	enter two 'not the end'
	see one '^not the end$'
	key two C-c
	ended_with two 130
	see one '^vault-listen: .*the peer was interrupted$'
	ended_with one 6
	enter two 'echo still $((40 + 2))'
	see two '^still 42$'
}

@test "^C at the listener: it may finish, a second one ends it; the client has 6" {
	two_terminals --drain 1h
	key one C-c
	see one 'another signal ends it now'
	enter two 'still there'
	see one '^still there$'
	key one C-c
	ended_with one 130
	see two 'the peer is shutting down'
	ended_with two 6
}

@test "^Z and fg: nothing is lost, what is typed meanwhile is the shell's" {
	two_terminals
	key two C-z
	see two 'Stopped'
	enter two 'echo in the shell $((40 + 2))'
	see two '^in the shell 42$'
	enter one 'sent meanwhile'
	enter two 'fg'
	see two '^sent meanwhile$'
	enter two 'back again'
	see one '^back again$'
	screen one >was
	run grep 'in the shell' was
	assert_failure
	key two C-d
	see two ', complete$'
	ended_with one 0
	ended_with two 0
}

@test "a listener in the background of a shell: it works, is not stopped, takes nothing that is typed" {
	terminal one server
	enter one "vault-listen -v $AT >got & "
	see one 'vault-listen: listening on'
	enter one 'echo typed $((40 + 2))'
	see one '^typed 42$'
	echo 'by the way' >data
	hold in 'by the way'
	CLIENT_STDIN=in start_client "$AT"
	see one 'vault-listen: .*: connected with'
	eventually 10 has_size got 10
	enter one 'echo typed $((80 + 4))'
	see one '^typed 84$'
	enter one 'jobs -r | wc -l'
	see one '^1$'
	release in
	ended "$CLIENT_PID" 0 vault-connect client.err
	enter one 'wait; echo status=$?'
	see one '^status=0$'
	assert_equal "$(cat got)" 'by the way'
	silent client.out
}

@test "fg of such a listener: from then on it takes what is typed" {
	terminal one server
	enter one "vault-listen -v $AT >got &"
	see one 'vault-listen: listening on'
	hold in
	CLIENT_STDIN=in start_client "$AT"
	see one 'vault-listen: .*: connected with'
	enter one 'fg'
	see one '^vault-listen -v [^&]*$'
	enter one 'hello there'
	eventually 10 has_size client.out 12
	assert_equal "$(cat client.out)" 'hello there'
	release in
	ended "$CLIENT_PID" 0 vault-connect client.err
}

@test "a terminal that goes away ends the tool, and the peer knows that it was no end" {
	hold in
	LISTEN_STDIN=in serve -v
	terminal two client
	enter two "vault-connect -v $AT"
	see two 'connected with'
	tm kill-server
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	says "$LISTEN_ERR" 'the peer was interrupted'
	# The same where nobody gets a SIGHUP: the terminal reads as ended, but nobody has ended the input.
	release in
	hold in
	LISTEN_STDIN=in serve -v
	find_python pty
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "$VT_BIN/vault-connect" -v "$AT" 2>client.err <<-'END'
		import fcntl, os, pty, signal, subprocess, sys, termios, time

		master, slave = pty.openpty()
		done, result = os.pipe()
		if os.fork() == 0:
		    os.setsid()
		    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
		    os.close(master)
		    signal.signal(signal.SIGHUP, signal.SIG_IGN)
		    tool = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=subprocess.DEVNULL,
		        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
		    os.write(result, b"%d" % tool.wait())
		    os._exit(0)
		os.close(slave)
		os.close(result)
		until = time.monotonic() + 20
		while "connected with" not in open("client.err").read():
		    assert time.monotonic() < until
		    time.sleep(0.02)
		os.close(master)
		assert os.read(done, 10) == b"1"
	END
	says client.err 'standard input: Input/output error'
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
}

@test "progress: shown on a terminal while it lasts, gone at the end; none in a file or with --no-progress" {
	hold in 'some bytes'
	LISTEN_STDIN=in serve
	terminal two client
	enter two "vault-connect $AT </dev/null >got; echo status=\$?"
	see two '^0 B sent, 10 B received, .*/s'
	release in
	see two '^status=0$'
	run shown two 'received'
	assert_failure
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"

	serve
	enter two "clear; vault-connect --progress $AT </dev/null >got; echo status=\$?"
	see two '^0 B sent, 0 B received in [0-9.]+ s'
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"

	hold in 'some bytes'
	LISTEN_STDIN=in serve
	enter two "clear; vault-connect --no-progress $AT </dev/null >got & vault-connect --version >/dev/null"
	eventually 10 has_size got 10
	idle 1500 # longer than it takes a progress line to come
	run shown two 'received'
	assert_failure
	release in
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "progress does not go to a file, whatever is asked for; the summary may" {
	serve
	meet 0 0 "$AT"
	silent client.err
	serve
	meet 0 0 --progress "$AT"
	no_controls client.err
	assert_equal "$(wc -l <client.err)" 1
	says client.err 'sent, 0 B received in'
}

@test "what the peer says of itself does not reach the terminal raw" {
	find_python msgpack cryptography nacl
	local name peer
	terminal two client
	tm pipe-pane -t two 'cat >>raw'
	for name in close-escapes map-name-escapes; do
		rm -f ready peer
		: >ready
		spawn "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" listen --unix "$PWD/peer" --misbehave $name --quiet --send none \
		    --recv none --ready-fd 9 9>ready </dev/null
		peer=$SPAWN_PID
		eventually 10 vt_has_line ready
		enter two "clear; vault-connect -vv --trust=any $PWD/peer </dev/null; echo $name=\$?"
		see two "^$name=[0-9]+\$"
		wait_for "$peer" 10
	done
	serve -vv
	run --separate-stderr bounded 20 "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" connect "$AT" --misbehave close-escapes \
	    -i "$CLIENT_DIR/identity" --send none --recv none
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	no_controls "$LISTEN_ERR"
	enter two 'echo finished $((40 + 2))'
	see two '^finished 42$'
	# It was shown, as text.
	eventually 10 grep -aq 'finished 42' raw
	grep -aqF ']0;title' raw
	run grep -aqP '\x1b\]|\x07|\xc2\x9b|\x1b\[31m' raw
	assert_failure
}
