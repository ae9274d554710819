#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (vault-listen -k and thousands):
# - idle clients cost a few kilobytes each and no CPU; what is sent to all reaches all of them;
# - a fleet that comes at once is let in, all of it;
# - people who hold connections without using them are in nobody's way;
# - clients that die leave nothing behind.
# (In a soak run with the full numbers.)

load helper
load endings
load sessions

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

rss_anon() { awk '/^RssAnon/ { print $2 }' "/proc/$LISTEN_PID/status"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$LISTEN_PID/stat"; }
descriptors() { find "/proc/$LISTEN_PID/fd" -mindepth 1 2>/dev/null | wc -l; }
descriptors_are() { [ "$(descriptors)" = "$1" ]; }

# swarm COUNT ARGS...: in the background; what it says is in swarm.out.
swarm() {
	local n=$1
	shift
	[ -e stay ] || hold stay
	: >swarm.out
	spawn "$VT_BUILD/tests/swarm" --to "$LISTEN_PATH" --count "$n" "$@" <stay >swarm.out 2>swarm.err
	SWARM_PID=$SPAWN_PID
}

# (Not "select": of nothing at all jq says that it went well.)
event() { jq -es --arg e "$1" "any(.[]; .event == \$e and ($2))" swarm.out >/dev/null; }

# Files that can be open bound the number.
crowd() {
	local n hard
	n=$(soak 300 10000)
	[ -z "$VT_WRAP" ] || n=30
	hard=$(ulimit -H -n)
	[ "$hard" = unlimited ] || [ "$hard" -gt $((n + 100)) ] || n=$((hard - 100))
	echo "$n"
}

@test "a crowd that is idle: a few kilobytes each, no CPU; a word to all reaches all" {
	local n before
	n=$(crowd)
	hold all
	LISTEN_STDIN=all serve -k --anonymous --quiet
	before=$(rss_anon)
	swarm "$n" --expect 6
	eventually 60 event connected "(.count == $n and .failed == 0)"
	echo "RssAnon of $n: $(rss_anon) kB, before $before kB"
	instrumented || [ $(($(rss_anon) - before)) -le $((n * 65536 / 10000 + 1024)) ]
	before=$(ticks)
	idle 2000
	instrumented || [ $(($(ticks) - before)) -le 40 ]
	release all 'hello!'
	eventually 60 event received ".count == $n"
	ended "$SWARM_PID" 0 swarm swarm.err
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "a fleet that comes at once: none fails" {
	local n
	n=$(soak 200 1000)
	[ -z "$VT_WRAP" ] || n=30
	serve -k --anonymous --quiet -w 60s
	swarm "$n" --parallel "$n" --short
	ended "$SWARM_PID" 0 swarm swarm.err
	event connected "(.count == $n and .failed == 0)"
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "a Unix socket whose queue is full: clients wait for room, no longer than they were told to" {
	find_python socket
	spawn "$PYTHON" - "$AT" <<-'END' >crowded
		import os, socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		line = []
		try:
		    while True:
		        c = socket.socket(socket.AF_UNIX)
		        line.append(c)
		        c.setblocking(False)
		        c.connect(sys.argv[1])
		except BlockingIOError:
		    print("full", flush=True)
		while not os.path.exists("go"):
		    time.sleep(0.02)
		for c in line[:-1]:
		    s.accept()
		c = s.accept()[0]
		print(c.recv(4).decode(), flush=True)
	END
	eventually 10 grep -q full crowded
	client -w "$(ms 300)" "$AT"
	expect_status 4 vault-connect client.err
	one_line client.err 'timeout: no connection in time'
	start_client -v "$AT"
	touch go
	eventually 10 grep -q VLT1 crowded
	ended "$CLIENT_PID" 3 vault-connect client.err
	says client.err 'closed the connection during the handshake'
}

@test "make bench-server, with small numbers: nothing fails, nothing is lost, and that is what it says" {
	instrumented && skip "the tools are measured as they are"
	find_python json
	bounded 120 env BENCH_ROUNDS=1 BENCH_HANDSHAKES=20 BENCH_PARALLEL=4 BENCH_TOOLS=vault-xx,vault-ik BENCH_HELD=6 BENCH_MIB=1 \
	    BENCH_TIMES=1 BENCH_CLIENTS=1,20 BENCH_MESSAGES=100 BENCH_IDLE=1 BENCH_TOTAL=4 BENCH_SMALL=1000 BENCH_JSON=1 \
	    "$PYTHON" "$ROOT/tests/bench/server.py" >bench.json 2>bench.err || fail "$(cat bench.err)"
	jq -es 'length == 1 and (.[0] | ([.handshakes[].runs[0]] | length == 2 and all(.handshakes == 20 and .failed == 0)) and
	    ([.workers[].runs[0]] | length >= 4 and all(.handshakes == 20 and .failed == 0)) and
	    (.held.runs[0] | .held == 6 and .lost == 0 and .share > 0) and
	    ([.idle[].runs[0]] | length == 2 and all(.messages == 100 and .messages_lost == 0 and .rss_kib_client > 0)) and
	    ([.scale.bulk[].runs[0]] | length == 2 and all(.messages * .size >= 3932160 and .lost == 0 and .cpu_s_gib > 0 and .anon_kib > 0)) and
	    ([.scale.small[].runs[0]] | length == 2 and all(.messages == 1000 and .lost == 0 and .cpu_us_message > 0)))' bench.json
}

# Is each line of each client there, once and whole? whole FILE CLIENTS EACH SIZE
whole() {
	awk -v clients="$2" -v each="$3" -v size="$4" '
		length != size - 1 || $0 !~ /x$/ || ++seen[$1 " " $2] > 1 || $1 >= clients || $2 >= each { bad = 1; exit }
		END { exit bad || NR != clients * each }' "$1"
}

said_in() { event "$1" "(.count == $2 and .failed == 0)"; }

@test "a crowd that sends at the same time, to a slow reader: all of everybody's is there, and nobody waits for ever" {
	local n reader each=4 size=20000
	n=$(soak 150 1000)
	[ -z "$VT_WRAP" ] || n=20
	mkfifo slow
	# (To open it waits for the other side, so not here.)
	# shellcheck disable=SC2016
	spawn bash -c 'exec "$0" --limit 300 64M <slow >lines' "$VT_BUILD/tests/slowread"
	reader=$SPAWN_PID
	LISTEN_STDOUT=slow serve -k --anonymous --quiet --framing lines --recv-only
	swarm "$n" --send "$each" --size "$size" --turns
	eventually 60 said_in connected "$n"
	printf '!' >stay &
	eventually 120 said_in confirmed "$n"
	printf '!' >stay &
	eventually 60 said_in delivered "$n"
	ended "$SWARM_PID" 0 swarm swarm.err
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
	ended "$reader" 0 slowread
	whole lines "$n" "$each" "$size"
}

@test "out of descriptors: a listener says so once, not for each try, and goes on" {
	command -v prlimit >/dev/null || skip "prlimit is NOT INSTALLED"
	VT_WRAP="prlimit --nofile=40:40 $VT_WRAP" serve -k --anonymous
	swarm 60 --parallel 60
	eventually 20 grep -q 'cannot accept a connection: Too many open files' "$LISTEN_ERR"
	idle 1500
	[ "$(grep -c 'cannot accept a connection' "$LISTEN_ERR")" -le 2 ] || fail "$(cat "$LISTEN_ERR")"
	[ "$(grep -c 'Too many open files$' "$LISTEN_ERR")" = 1 ]
	release stay
	wait_for "$SWARM_PID" 20
	client "$AT"
	expect_status 0 vault-connect client.err
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "connections that are held, dripped into, or left in the middle of a hello or a frame are in nobody's way" {
	local start
	find_python socket
	"$VT_BUILD/tests/pattern" 5M 1 >data
	serve -k -w "$(ms 3000)"
	start=$(descriptors)
	spawn "$PYTHON" - "$LISTEN_PATH" "$(soak 60 500)" <<-'END' >held
		import socket, sys, time
		held = []
		for i in range(int(sys.argv[2])):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    if i % 3 == 1:
		        s.send(b"VLT1\x1cNoise_XX_25519_AESGCM_SHA5")
		    held.append(s)
		print("held", flush=True)
		word = b"VLT1\x1cNoise_XX_25519_AESGCM_SHA512\x00\x20" + bytes(32)
		for n in range(100):
		    for s in held[2::3]:
		        try:
		            s.send(word[n % len(word):][:1])
		        except OSError:
		            pass
		    time.sleep(0.1)
	END
	eventually 10 vt_has_line held
	CLIENT_STDIN=data client "$AT"
	expect_status 0 vault-connect client.err
	cmp data "$LISTEN_OUT"
	# Dripping does not stretch the handshake's time.
	eventually 20 descriptors_are "$start"
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "clients that are killed at random leave no descriptor behind" {
	local end start i pids=() victim
	draw_seed
	serve -k
	client "$AT"
	start=$(descriptors)
	end=$((SECONDS + $(soak 4 60)))
	hold forever
	while [ $SECONDS -lt $end ]; do
		CLIENT_STDIN=forever CLIENT_STDOUT=/dev/null CLIENT_STDERR=/dev/null start_client "$AT"
		pids+=("$CLIENT_PID")
		if [ ${#pids[@]} -gt 8 ]; then
			victim=$((RANDOM % ${#pids[@]}))
			kill -KILL "${pids[victim]}"
			wait_for "${pids[victim]}" 5
			unset "pids[victim]"
			pids=("${pids[@]}")
		fi
	done
	for i in "${pids[@]}"; do kill -KILL "$i"; done
	eventually 10 descriptors_are "$start"
	client "$AT"
	expect_status 0 vault-connect client.err
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}
