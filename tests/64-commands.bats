#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # dollars for other shells and jq; stories set names of files for each other
#
# Goal of this story (--control and --events of listeners that run commands, forward, or turn away):
# - who is there, with what figures, is told as for any other service, and what cannot be done there is refused;
# - a session that is closed kills its command or resets its backend, and nobody else's; a drain lets the others finish;
# - how each command has ended is told, before its client's end is;
# - who is turned away by a limit is counted and told, but a flood of them is no flood of events.

load helper
load endings
load forwarding
load hosting

setup() {
	vt_setup
	people
	AT=$PWD/sock
	CONTROL=$PWD/control
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# A command that answers each line, and writes how its input ended to fate.NAME of its client: "end", or "term" when it
# is told to leave, which it does when there is a file go.
answerer() {
	cat >answerer <<-'END'
		#!/bin/bash
		fate=fate.$VTOOLS_PEER_NAME
		trap 'echo term >>"$fate"; until [ -e go ]; do sleep 0.02; done; exit 3' TERM
		while read -r line; do echo "got $line"; done
		echo end >>"$fate"
	END
	chmod +x answerer
}

# two ARGS...: a listener with --control and --events, and two clients, alice and bob, in that order, who have said
# something that was answered.
two() {
	local name n=0
	: >"$SERVER_DIR/authorized_keys"
	for name in alice bob; do
		bounded 10 vault_keygen -f "$name" -C "$name" >/dev/null
		cat "$name.pub" >>"$SERVER_DIR/authorized_keys"
	done
	serve --control "$CONTROL" --events events "$@"
	for name in alice bob; do
		JOIN_TEXT="hello from $name"$'\n' join "$name" -i "$name"
		eventually 10 answers list ".clients | length == $((++n))"
	done
}

# ---- commands ----

@test "commands: list, stats, close one, drain; and the events of all that" {
	answerer
	two -k -e ./answerer
	eventually 10 has_size alice.out 21
	eventually 10 has_size bob.out 19
	answer list '[.clients[].id] == [1, 2] and [.clients[].name] == ["alice", "bob"] and
		all(.clients[]; has("ending") and .ending == null)'
	answer list '[.clients[] | [.bytes_received, .bytes_sent]] == [[17, 21], [15, 19]]'
	answer 'stats 2' '.ok and .id == 2 and .name == "bob" and .bytes_received == 15 and .bytes_sent == 19'
	answer stats '.clients == 2 and .clients_total == 2 and .bytes_received == 32 and .bytes_sent == 40 and .turned_away == 0'
	# There are no messages, and only the command can end its own direction well.
	local line
	for line in 'send 1 hello' 'send64 1 aGVsbG8=' 'broadcast hello' 'broadcast64 aGVsbG8=' 'finish 1'; do
		answer "$line" '.ok == false and (.error | contains("this service"))'
	done
	# It is killed, and sees no end; until it has ended it is in the list, with the reason, and nothing more can be done.
	answer 'close 1'
	ended "$(pid_of alice)" 6 vault-connect alice.err
	says alice.err 'the peer is shutting down'
	told 10 fate.alice term
	answer list '[.clients[].id] == [1, 2] and .clients[0].ending == "closed by the control socket" and .clients[1].ending == null'
	answer 'stats 1' '.ok and .id == 1 and .ending == "closed by the control socket"'
	answer 'close 1' '.ok == false and .error == "no such client"'
	touch go
	eventually 10 answers list '[.clients[].id] == [2]'
	answer 'stats 1' '.ok == false and .error == "no such client"'
	assert_equal "$(cat fate.alice)" term
	# The other one has noticed nothing, and finishes.
	answer shutdown '.ok and .clients == 1'
	release bob.in $'and good bye\n'
	ended "$(pid_of bob)" 0 vault-connect bob.err
	assert_equal "$(cat bob.out)" $'got hello from bob\ngot and good bye'
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat fate.bob)" end
	assert_not_exist "$CONTROL"
	events 'map(.event) == ["listening", "connect", "connect", "command_ended", "disconnect", "shutdown", "command_ended", "disconnect", "end"]'
	events 'map(select(.event == "command_ended") | [.id, .name, .exit_status, .signal, .reason]) ==
		[[1, "alice", 3, null, "status 3"], [2, "bob", 0, null, "status 0"]]'
	events 'map(select(.event == "disconnect") | [.id, .status, .reason]) ==
		[[1, 6, "closed by the control socket"], [2, 0, "complete"]]'
	events '.[-1] | .status == 0 and .clients_total == 2'
}

@test "how a command has ended is told: status, signal, none that can be run; for one client and for many" {
	local many cases=('exit 0|0,null' 'exit 7|7,null' 'kill -9 $$|null,9' 'exec /no/such/command|127,null') case
	for many in '' -k; do
		for case in "${cases[@]}"; do
			rm -f events
			# shellcheck disable=SC2086
			serve $many --events events --quiet -c "${case%|*}"
			client "$AT"
			eventually 10 many_events command_ended 1
			events "map(select(.event == \"command_ended\") | [.id, .name, .exit_status, .signal]) == [[1, \"client\", ${case#*|}]]"
			[ -n "$many" ] || wait_for "$LISTEN_PID" 10
			[ -z "$many" ] || signal "$LISTEN_PID" TERM 10
			events 'map(.event) - ["shutdown"] == ["listening", "connect", "command_ended", "disconnect", "end"]'
		done
	done
}

# ---- backends ----

@test "backends: list, stats, close one, drain; and the events of all that" {
	find_python hashlib
	backend echo
	two --forward "$BACKEND"
	eventually 10 has_size alice.out 17
	eventually 10 has_size bob.out 15
	answer list '[.clients[] | [.id, .name, .bytes_received, .bytes_sent, .ending]] == [[1, "alice", 17, 17, null], [2, "bob", 15, 15, null]]'
	answer stats '.clients == 2 and .bytes_received == 32 and .bytes_sent == 32'
	local line
	for line in 'send 1 hello' 'broadcast hello' 'finish 1'; do
		answer "$line" '.ok == false and (.error | contains("this service"))'
	done
	answer 'close 1'
	ended "$(pid_of alice)" 6 vault-connect alice.err
	says alice.err 'the peer is shutting down'
	saw 1 '.end == "reset"'
	eventually 10 answers list '[.clients[].id] == [2]'
	answer shutdown '.ok and .clients == 1'
	release bob.in $'and good bye\n'
	ended "$(pid_of bob)" 0 vault-connect bob.err
	assert_equal "$(cat bob.out)" $'hello from bob\nand good bye'
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	eventually 20 saw_so_many 2
	events 'map(.event) == ["listening", "connect", "connect", "disconnect", "shutdown", "disconnect", "end"]'
	events 'map(select(.event == "disconnect") | [.id, .status, .reason, .bytes_received, .bytes_sent]) ==
		[[1, 6, "closed by the control socket", 17, 17], [2, 0, "complete", 28, 28]]'
}

@test "a drain that is over ends what is left: commands killed, backends reset, 143" {
	answerer
	touch go
	two -k -e ./answerer --drain "$(ms 300)"
	answer shutdown '.ok and .clients == 2'
	ended "$LISTEN_PID" 143 vault-listen "$LISTEN_ERR"
	ended "$(pid_of alice)" 6 vault-connect alice.err
	ended "$(pid_of bob)" 6 vault-connect bob.err
	assert_equal "$(cat fate.alice fate.bob)" $'term\nterm'
	events 'map(select(.event == "disconnect") | [.status, .reason]) == [[6, "shut down"], [6, "shut down"]]'
	events 'map(select(.event == "command_ended") | .exit_status) == [3, 3]'
}

# ---- who is turned away ----

# knock COUNT: so many connections to 127.0.0.1:$LISTEN_PORT, one after the other, each until it is closed there. Prints
# how many were told "busy".
knock() {
	find_python socket
	bounded 60 "$PYTHON" - "$LISTEN_PORT" "$1" <<-'END'
		import socket, sys
		busy = 0
		for _ in range(int(sys.argv[2])):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
		        s.shutdown(socket.SHUT_WR)
		        busy += s.recv(16) == b"\0\0\3"
		print(busy)
	END
}

@test "--max-per-ip and --handshake-rate: who is turned away is told and counted, at most once a second for each reason" {
	local option began
	for option in max-per-ip handshake-rate; do
		rm -f events
		SERVE_AT="127.0.0.1 0" serve -k --"$option" 1 --control "$CONTROL" --events events
		began=$SECONDS
		if [ $option = max-per-ip ]; then
			AT="127.0.0.1 $LISTEN_PORT" join_at
			assert_equal "$(knock 200)" 200
			wanted=200
		else
			wanted=$(knock 200)
			[ "$wanted" -ge 100 ]
		fi
		eventually 10 many_events turned_away 1
		answer stats ".turned_away == $wanted"
		signal "$LISTEN_PID" TERM 20
		events "map(select(.event == \"turned_away\") | .count) | add == $wanted and length >= 1 and length <= $((SECONDS - began + 3))"
		events "all(.[] | select(.event == \"turned_away\"); .reason == \"--$option is reached\" and .error == \"network\" and
			.status == 3 and (.peer | startswith(\"127.0.0.1:\")))"
		# The first one was told at once, not when it was over.
		events 'map(select(.event == "turned_away")) | .[0].count == 1'
	done
}

# join_at: a client that stays, with the one connection that its address may have.
join_at() {
	hold stays.in
	# shellcheck disable=SC2086
	CLIENT_STDIN=stays.in CLIENT_STDERR=stays.err start_client -v -r "$SERVER_KEY" $AT
	told 20 stays.err 'connected with'
}
