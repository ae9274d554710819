#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (vault-listen --workers): threads do the public-key work of handshakes, and nobody can tell.
# - many clients at once are let in, and whoever is refused is told the same as without;
# - while a thread works on somebody's handshake, all others are served; that somebody may leave, run out of time, be
#   sent away, or find that the keys have changed meanwhile;
# - the threads can do no more than the rest of the process.

load helper
load endings
load hosting
load sandbox

setup() {
	sandbox_setup
	# (With the server's key at hand clients say IK.)
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

threads() { find "/proc/$LISTEN_PID/task" -mindepth 1 -maxdepth 1 -printf '%f\n'; }
workers() { threads | grep -vx "$LISTEN_PID"; }
# (A sanitizer may have one of its own.)
threads_are() { sanitized || [ "$(threads | wc -l)" = "$1" ]; }
# with N ARGS...: a listener with so many. (It says that it is ready before they are there, unless there must be a sandbox.)
with() {
	serve -k --workers "$@"
	eventually 10 threads_are $(($1 == 1 ? 1 : $1 + 1))
}

descriptors() { find "/proc/$LISTEN_PID/fd" -mindepth 1 2>/dev/null | wc -l; }
descriptors_are() { [ "$(descriptors)" = "$1" ]; }

# slowly MILLISECONDS: from here on every worker is so slow in the middle of each handshake, where it draws random
# numbers. (A debugger holds it there.)
slowly() {
	local t attach=()
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about handshakes under way"
	instrumented && skip "there can be only one tracer"
	for t in $(workers); do attach+=(-p "$t"); done
	spawn strace -qq -o trace -e trace=getrandom -e "inject=getrandom:delay_enter=$1ms" "${attach[@]}" 2>strace.err
	STRACE_PID=$SPAWN_PID
	if ! eventually 5 each_traced; then
		grep -q 'not permitted' strace.err && skip "no process can be traced here"
		cat strace.err >&2
		return 1
	fi
}
# on: they go on.
on() {
	kill -KILL "$STRACE_PID" # (it would sit out the delay otherwise)
	wait_for "$STRACE_PID" 10
}
tracer() { sed -n 's/^TracerPid:\t//p' "/proc/$LISTEN_PID/task/$1/status"; }
each_traced() { for t in $(workers); do [ "$(tracer "$t")" != 0 ] || return 1; done; }

# away N: so many handshakes are being worked on.
away() { [ "$(for t in $(workers); do sed -n 's/^State:\tt.*/away/p' "/proc/$LISTEN_PID/task/$t/status"; done | wc -l)" = "$1" ]; }

# swarm NAME COUNT ARGS...: in the background, what it says is in NAME.
swarm() {
	[ -e stay ] || hold stay
	spawn "$VT_BUILD/tests/swarm" --to "$LISTEN_PATH" --count "$2" --parallel 100 --identity "$CLIENT_DIR/identity" --short "${@:3}" \
	    <stay >"$1" 2>"$1.err"
}
all_in() { jq -es --argjson n "$2" 'any(.[]; .event == "connected" and .count == $n and .failed == 0)' "$1"; }

@test "many clients at once, XX and IK: all are let in, and nothing is left of them" {
	local n before xx
	n=$(soak 300 5000)
	[ -z "$VT_WRAP" ] || n=20
	with 4 --events events --recv-only
	threads_are 5
	before=$(descriptors)
	hold stay
	swarm xx "$n"
	xx=$SPAWN_PID
	swarm ik "$n" --pattern IK --server "$SERVER_KEY"
	ended "$SPAWN_PID" 0 swarm ik.err
	ended "$xx" 0 swarm xx.err
	all_in xx "$n"
	all_in ik "$n"
	eventually 10 descriptors_are "$before"
	threads_are 5
	events "[.[] | select(.event == \"connect\")] | length == $((2 * n))"
	events 'any(.[]; .event == "handshake_failed") | not'
	kill -TERM "$LISTEN_PID"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_ERR"
}

@test "data arrives as it was sent, each way, with messages and without" {
	with 2 --echo
	head -c 3000000 /dev/urandom >in
	for i in 1 2 3; do
		CLIENT_STDIN=in client "$AT"
		expect_status 0 vault-connect client.err
		cmp in client.out
	done
}

@test "an idle client costs no more with workers: the memory of a handshake goes back" {
	local n=300 before
	instrumented && skip "memory is measured as it is"
	with 4 --anonymous --quiet
	before=$(awk '/^RssAnon/ { print $2 }' "/proc/$LISTEN_PID/status")
	hold stay
	spawn "$VT_BUILD/tests/swarm" --to "$LISTEN_PATH" --count $n <stay >swarm.out 2>swarm.err
	eventually 30 jq -es "any(.[]; .event == \"connected\" and .count == $n)" swarm.out
	# (As much as a crowd may cost that needs no threads, see there; and what these need once.)
	[ $(($(awk '/^RssAnon/ { print $2 }' "/proc/$LISTEN_PID/status") - before)) -le $((n * 65536 / 10000 + 1024 + 512)) ]
}

@test "wrong keys: either side is told what it is told without workers, and the next one is served" {
	local w
	bounded 10 vault_keygen -f other
	bounded 10 vault_keygen --psk -f one
	bounded 10 vault_keygen --psk -f two
	for w in 1 3; do
		with $w --events events --max-clients 5
		client -i other -w "$(ms 20000)" "$AT"
		expect_status 5 'a client that nobody knows' client.err
		cp client.err unknown.$w
		client -r "$(key_of other.pub)" "$AT"
		expect_status 5 'a client that expects another server' client.err
		cp client.err pinned.$w
		client --psk-file one "$AT"
		expect_status 5 'a client with a pre-shared key' client.err
		cp client.err psk.$w
		client "$AT"
		expect_status 0 vault-connect client.err
		events '[.[] | select(.event == "handshake_failed")] | length >= 3'
		signal "$LISTEN_PID" TERM 10
		grep -v 'add this line' "$LISTEN_ERR" | sed 's/^vault-listen: [^:]*: //' >listen.$w
		rm events
		with $w --psk-file two
		client --psk-file one "$AT"
		expect_status 5 'another pre-shared key' client.err
		one_line client.err 'different pre-shared key'
		signal "$LISTEN_PID" TERM 10
	done
	for f in unknown pinned psk listen; do diff $f.1 $f.3; done
}

@test "while handshakes are worked on, sessions go on, and others come in behind" {
	local i pids=()
	with 2 -w 60s --echo
	join old
	slowly 30000
	for i in 1 2 3; do
		CLIENT_STDOUT=new.out CLIENT_STDERR=new.$i start_client -w 60s "$AT"
		pids+=("$CLIENT_PID")
	done
	eventually 10 away 2
	release old.in 'still here'
	told 10 old.out 'still here'
	ended "$(pid_of old)" 0 vault-connect old.err
	away 2 # it did not wait for them
	on
	for i in 1 2 3; do ended "${pids[i - 1]}" 0 vault-connect new.$i; done
	stop_listener 0
}

@test "a client that leaves, and one that runs out of time, while a thread works on their handshakes" {
	local before
	with 2 --events events -w "$(ms 1500)"
	before=$(descriptors)
	slowly 30000
	start_client -w 60s "$AT"
	eventually 10 away 1
	signal "$CLIENT_PID" KILL 10
	CLIENT_STDERR=late.err start_client -w 60s "$AT"
	eventually 10 away 2
	eventually 10 many_events handshake_failed 2
	events 'all(.[] | select(.event == "handshake_failed"); .reason | test("timeout: the handshake took too long"))'
	eventually 10 descriptors_are "$before"
	away 2 # nobody waits for their results any more
	wait_for "$CLIENT_PID" 20
	expect_status 3 vault-connect late.err
	on
	client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0
}

@test "a listener that is told to end while handshakes are under way, and in the queue" {
	local pids=() i
	with 2 -w 60s
	join old
	slowly 30000
	for i in 1 2 3 4; do
		CLIENT_STDOUT=new.out CLIENT_STDERR=new.$i start_client -w 60s "$AT"
		pids+=("$CLIENT_PID")
	done
	eventually 10 away 2
	kill -TERM "$LISTEN_PID"
	for i in 1 2 3 4; do
		wait_for "${pids[i - 1]}" 20
		expect_status 3 'a client that came too late' new.$i
	done
	says new.1 busy
	release old.in 'my last words'
	ended "$(pid_of old)" 0 vault-connect old.err
	on
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" 'my last words'
}

@test "keys that are taken away while a handshake is under way: that client is refused" {
	with 2 -w 60s --events events
	slowly 30000
	start_client -w 60s "$AT"
	eventually 10 away 1
	echo "$SERVER_KEY somebody else" >"$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	eventually 10 many_events reload 1
	on
	ended "$CLIENT_PID" 5 vault-connect client.err
	stop_listener 0
}

@test "pre-shared keys that are exchanged while a handshake is under way: it ends with those that it began with" {
	bounded 10 vault_keygen --psk -C old -f old
	bounded 10 vault_keygen --psk -C new -f new
	cp old list
	with 2 -w 60s --events events --psk-file list
	slowly 30000
	CLIENT_STDERR=first.err start_client -w 60s --psk-file old "$AT"
	eventually 10 away 1
	cp new list
	for i in 1 2 3; do
		kill -HUP "$LISTEN_PID"
		eventually 10 many_events reload $((2 * i))
	done
	on
	ended "$CLIENT_PID" 0 vault-connect first.err
	client --psk-file old "$AT"
	expect_status 5 'the old key' client.err
	client --psk-file new "$AT"
	expect_status 0 'the new key' client.err
	events '[.[] | select(.event == "connect") | .psk] == ["old", "new"]'
	stop_listener 0
}

@test "a one-time code beside the keys: guesses are counted, and who has a key comes in meanwhile" {
	local code
	bounded 10 vault_keygen -f new
	with 3 --code --remember
	told 10 "$LISTEN_ERR" 'one-time code'
	code=$(sed -nE 's/^vault-listen: one-time code ([^,]*),.*/\1/p' "$LISTEN_ERR")
	(umask 077 && echo "$code" >right && if [ "$code" = 2222-2222 ]; then echo 3333-3333; else echo 2222-2222; fi >wrong)
	client --code-file wrong "$AT"
	expect_status 5 'a wrong code' client.err
	told 10 "$LISTEN_ERR" 'after 2 more the code is dead'
	client "$AT"
	expect_status 0 'a key' client.err
	client -i new --code-file right --copy-id "$AT"
	expect_status 0 'the code' client.err
	client -i new "$AT"
	expect_status 0 'the new key' client.err
	stop_listener 0
}

@test "limits go on working: --max-clients, --max-per-ip, --handshake-rate" {
	with 2 --max-clients 1
	join one
	client "$AT"
	expect_status 3 'one more' client.err
	says client.err busy
	release one.in
	ended "$(pid_of one)" 0 vault-connect one.err
	stop_listener 0
	SERVE_AT='127.0.0.1 0' with 2 -w 60s --max-per-ip 1 --events events
	slowly 30000
	CLIENT_STDERR=first.err start_client -w 60s --trust=any 127.0.0.1 "$LISTEN_PORT"
	eventually 10 away 1
	client --trust=any 127.0.0.1 "$LISTEN_PORT"
	expect_status 3 'from the same address' client.err
	events 'any(.[]; .event == "turned_away" and (.reason | test("max-per-ip")))'
	on
	ended "$CLIENT_PID" 0 vault-connect first.err
	client --trust=any 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 'afterwards' client.err
	stop_listener 0
	SERVE_AT='127.0.0.1 0' with 2 --handshake-rate 1 --events events
	client --trust=any 127.0.0.1 "$LISTEN_PORT"
	for i in 1 2 3; do client --trust=any 127.0.0.1 "$LISTEN_PORT"; done
	events 'any(.[]; .event == "turned_away" and (.reason | test("handshake-rate")))'
	stop_listener 0
}

@test "more clients than threads can take wait in the kernel, and none is pushed out" {
	instrumented && skip "there can be only one tracer"
	with 2 --events events --recv-only
	slowly 2
	swarm out 400 --parallel 400
	ended "$SPAWN_PID" 0 swarm out.err
	all_in out 400
	events 'any(.[]; .event == "handshake_failed") | not'
	on
	stop_listener 0
}

@test "commands for clients, a backend, and Vault TCP's wire have their handshakes done by threads, too" {
	with 2 -c 'tr a-z A-Z'
	echo hello >in
	CLIENT_STDIN=in client "$AT"
	expect_status 0 vault-connect client.err
	assert_equal "$(cat client.out)" HELLO
	stop_listener 0
	with 2 --wire auto --protocol XX --echo
	threads_are 3
	for wire in vault1 vault-tcp; do
		CLIENT_STDIN=in client --wire $wire --protocol XX -r "$SERVER_KEY" -w 20s "$AT"
		expect_status 0 "$wire" client.err
		assert_equal "$(cat client.out)" hello
	done
	stop_listener 0
}

@test "the threads are confined as the rest of the process is: files, sockets, programs" {
	local t
	need_sandbox
	mkdir d && touch d/known_hosts d/identity
	"$TRY" --thread read:/etc/passwd append:d/identity connect:9 exec fork thread process-vm make-code memory >other
	"$TRY" read:/etc/passwd append:d/identity connect:9 exec fork thread process-vm make-code memory >main
	diff main other
	assert_equal "$(sed 's/.*: //' other | sort | uniq -c | tr -s ' \n' ' ')" ' 3 Operation not permitted 5 killed by signal 31 1 ok '
	# What landlock refuses: the filter lets files be opened here.
	"$TRY" --thread --append d/known_hosts append:d/known_hosts read:d/identity append:d/identity >other
	assert_equal "$(cat other)" "$(printf '%s\n' 'append:d/known_hosts: ok' 'read:d/identity: Permission denied' 'append:d/identity: Permission denied')"
	with 3 --sandbox require
	for t in $(threads); do
		grep -q '^Seccomp:.2$' "/proc/$LISTEN_PID/task/$t/status"
		grep -q '^NoNewPrivs:.1$' "/proc/$LISTEN_PID/task/$t/status"
	done
	client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0
	with 3 --sandbox off
	threads_are 4
	client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0
}

@test "--workers: 1 is no thread, auto as many as there are processors; it needs -k or the like" {
	local n
	with 1
	threads_are 1 # and stays so
	stop_listener 0
	serve -k
	threads_are 1
	stop_listener 0
	n=$(nproc)
	[ "$n" -le 64 ] || n=64
	[ "$n" = 1 ] || n=$((n + 1))
	serve -k --workers auto
	eventually 10 threads_are "$n"
	stop_listener 0
	serve --forward 127.0.0.1:9 --workers 2
	eventually 10 threads_are 3
	stop_listener 0
	for n in 0 65 -1 some ''; do
		run -2 bounded 10 vault_listen -k --workers "$n" "$AT"
		assert_output --partial --workers
	done
	run -2 bounded 10 vault_listen --workers 2 "$AT"
	assert_output --partial '--workers needs --keep-open'
}
