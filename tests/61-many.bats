#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story (vault-listen -k):
# - many clients at once, each served whole: what was sent is on standard output, message by message;
# - what is sent to all reaches all, and who does not take it is waited for, passed over or sent away, as asked;
# - limits hold, and only those above them notice;
# - keys can be given limits, taken away and added while the listener runs.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# join NAME ARGS...: a client in the background, with input that stays open; its files are NAME.*
join() {
	local name=$1
	shift
	hold "$name.in"
	CLIENT_STDIN=$name.in CLIENT_STDOUT=$name.out CLIENT_STDERR=$name.err start_client -v "$@" "$AT"
	eval "PID_$name=\$CLIENT_PID"
	told 10 "$name.err" 'connected with'
}

pid_of() { eval "echo \$PID_$1"; }

# stop_listener STATUS: SIGTERM, and what it ends with.
stop_listener() {
	signal "$LISTEN_PID" TERM 20
	expect_status "$1" vault-listen "$LISTEN_ERR"
}

has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

@test "many clients one after the other and at once: every line of each, whole" {
	local i pids=() n=20
	serve -k --framing lines --tag
	for ((i = 1; i <= n; i++)); do
		seq -f "client $i line %.0f" 1 2000 >in.$i
		CLIENT_STDIN=in.$i CLIENT_STDERR=err.$i start_client "$AT"
		pids+=("$CLIENT_PID")
	done
	for i in "${pids[@]}"; do ended "$i" 0 vault-connect; done
	stop_listener 0
	# Each has the number of its connection before it, always the same; in its own order nothing is missing.
	assert_equal "$(wc -l <"$LISTEN_OUT")" $((n * 2000))
	for ((i = 1; i <= n; i++)); do
		grep -P "\tclient $i line" "$LISTEN_OUT" | cut -f 2 | cmp - in.$i
		assert_equal "$(grep -P "\tclient $i line" "$LISTEN_OUT" | cut -f 1 | sort -u | wc -l)" 1
	done
}

@test "raw: what each client sends is complete, in order, and delivered when it says so" {
	"$VT_BUILD/tests/pattern" 3M 1 >data
	serve -k
	CLIENT_STDIN=data client "$AT"
	expect_status 0 vault-connect client.err
	cmp data "$LISTEN_OUT"
	CLIENT_STDIN=data client "$AT"
	expect_status 0 vault-connect client.err
	cat data data | cmp - "$LISTEN_OUT"
	stop_listener 0
}

@test "standard input goes to all who are there, and its end ends their sessions" {
	local name
	hold all
	LISTEN_STDIN=all serve -k
	for name in a b c; do
		join $name
	done
	printf 'one\ntwo\n' >all.tmp
	release all $'one\ntwo\n'
	for name in a b c; do
		eventually 10 has_lines $name.out 2
		release $name.in "from $name"$'\n'
		ended "$(pid_of $name)" 0 vault-connect $name.err
		assert_equal "$(cat $name.out)" $'one\ntwo'
	done
	eventually 10 has_lines "$LISTEN_OUT" 3
	assert_equal "$(sort "$LISTEN_OUT")" $'from a\nfrom b\nfrom c'
	stop_listener 0
}

@test "--hub: to the others, not back; who ends is let go, who only listens stays" {
	serve --hub --framing lines
	join a
	join b
	join listener --recv-only
	release a.in $'hello\n'
	eventually 10 grep -q hello b.out
	eventually 10 grep -q hello listener.out
	ended "$PID_a" 0 vault-connect a.err
	silent a.out
	release b.in $'world'
	ended "$PID_b" 0 vault-connect b.err
	eventually 10 has_lines listener.out 2
	assert_equal "$(cat listener.out)" $'hello\nworld'
	assert_equal "$(cat "$LISTEN_OUT")" $'hello\nworld'
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
	ended "$PID_listener" 0 vault-connect listener.err
}

@test "--echo: all of it comes back, from 1 byte to megabytes, to many at once" {
	local i pids=()
	serve --echo
	for i in 1 1000 100000 3000000; do
		"$VT_BUILD/tests/pattern" $i $i >in.$i
		CLIENT_STDIN=in.$i CLIENT_STDOUT=out.$i CLIENT_STDERR=err.$i start_client "$AT"
		pids+=("$CLIENT_PID")
	done
	for i in "${pids[@]}"; do ended "$i" 0 vault-connect; done
	for i in 1 1000 100000 3000000; do cmp in.$i out.$i; done
	silent "$LISTEN_OUT"
	stop_listener 0
}

@test "a session that is cut harms no other" {
	serve -k --framing lines
	join good
	link --fault c2s:cut-rst@f5
	echo "$LINK $SERVER_KEY" >>"$CLIENT_DIR/known_hosts"
	seq 1 100000 >data
	CLIENT_STDIN=data client "$LINK"
	expect_status 6 vault-connect client.err
	join killed
	kill -KILL "$PID_killed"
	release good.in $'whole\n'
	eventually 10 grep -qx whole "$LISTEN_OUT"
	stop_listener 0
	ended "$PID_good" 0 vault-connect good.err
}

# ---- slow clients ----

# slow_one: a client that takes nothing until ./go exists, then all.
slow_one() {
	mkfifo slow.pipe
	"$VT_BUILD/tests/slowread" --hold-until go <slow.pipe >slow.got 2>/dev/null 3>&- &
	VT_PIDS+=($!)
	CLIENT_STDOUT=slow.pipe CLIENT_STDERR=slow.err CLIENT_STDIN=/dev/null start_client -v "$AT"
	SLOW_PID=$CLIENT_PID
	told 10 slow.err 'connected with'
}

# feed: a fifo ./source that gets ./data as soon as ./feed exists.
feed() {
	mkfifo source
	spawn bash -c 'exec 8>source; until [ -e feed ]; do sleep 0.02; done; exec cat data >&8' </dev/null
}

@test "--slow=block: all wait for the slow one, and nobody misses anything" {
	"$VT_BUILD/tests/pattern" 12M 1 >data
	feed
	LISTEN_STDIN=source serve -k
	slow_one
	join quick
	touch feed
	idle 500
	[ "$(size_of quick.out)" -lt 12582912 ]
	touch go
	release quick.in
	ended "$PID_quick" 0 vault-connect quick.err
	ended "$SLOW_PID" 0 vault-connect slow.err
	cmp data quick.out
	eventually 10 cmp data slow.got
	stop_listener 0
}

@test "--slow=drop: the quick one gets all, the slow one misses whole messages" {
	seq -f 'line %.0f of many, and long enough to fill what lies between' 1 200000 >data
	feed
	LISTEN_STDIN=source serve -k --slow drop --framing lines
	slow_one
	join quick
	touch feed
	eventually 20 has_size quick.out "$(size_of data)"
	touch go
	release quick.in
	ended "$PID_quick" 0 vault-connect quick.err
	ended "$SLOW_PID" 0 vault-connect slow.err
	cmp data quick.out
	eventually 10 grep -q . slow.got
	[ "$(size_of slow.got)" -lt "$(size_of data)" ]
	# Nothing but whole lines, in order.
	cut -d ' ' -f 2 slow.got | sort -n -c
	run ! grep -vx 'line [0-9]* of many, and long enough to fill what lies between' slow.got
	stop_listener 0
}

@test "--slow=close: the slow one is sent away with a reason, the quick one gets all" {
	seq -f 'line %.0f of many, and long enough to fill what lies between' 1 200000 >data
	feed
	LISTEN_STDIN=source serve -v -k --slow close --framing lines
	slow_one
	join quick
	touch feed
	eventually 20 has_size quick.out "$(size_of data)"
	touch go
	ended "$SLOW_PID" 3 vault-connect slow.err
	says slow.err 'the peer is busy or at a limit'
	release quick.in
	ended "$PID_quick" 0 vault-connect quick.err
	cmp data quick.out
	says "$LISTEN_ERR" 'does not take what is sent'
	stop_listener 0
}

# ---- messages ----

@test "--framing: nul and u32 come out whole, too; one too long ends that client's session only" {
	serve -k --framing nul --max-message-size 100
	join other
	printf 'one\0two\nlines\0\0last' >data
	CLIENT_STDIN=data client "$AT"
	expect_status 0 vault-connect client.err
	printf 'one\0two\nlines\0\0last\0' | cmp - "$LISTEN_OUT"
	head -c 101 /dev/zero | tr '\0' x >data
	CLIENT_STDIN=data client "$AT"
	expect_status 8 vault-connect client.err
	release other.in ok
	eventually 10 grep -aq ok "$LISTEN_OUT"
	stop_listener 0
	SERVE_AT=$PWD/sock2
	AT=$SERVE_AT
	echo "$AT $SERVER_KEY" >>"$CLIENT_DIR/known_hosts"
	serve -k --framing u32 --tag
	printf '\0\0\0\3abc\0\0\0\0\0\0\0\1x' >data
	CLIENT_STDIN=data client "$AT"
	expect_status 0 vault-connect client.err
	printf '\0\0\0\0051\tabc\0\0\0\0021\t\0\0\0\0031\tx' | cmp - "$LISTEN_OUT"
	printf '\0\0\0\3ab' >data
	CLIENT_STDIN=data client "$AT"
	expect_status 8 vault-connect client.err
	stop_listener 0
}

# ---- standard output ----

@test "standard output fails or its reader leaves: 1 or 141, and every client learns it" {
	LISTEN_STDOUT=/dev/full serve -k
	join waits
	echo text >data
	CLIENT_STDIN=data client "$AT"
	expect_status 7 vault-connect client.err
	ended "$PID_waits" 7 vault-connect waits.err
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'standard output: No space left on device'
	mkfifo pipe
	head -c 3 <pipe >got &
	LISTEN_STDOUT=pipe serve -k
	"$VT_BUILD/tests/pattern" 3M 1 >data
	CLIENT_STDIN=data client "$AT"
	expect_status 7 vault-connect client.err
	ended "$LISTEN_PID" 141 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_ERR"
}

@test "standard input fails: every client is told that this side was interrupted, 1 here" {
	mkdir -p dir
	LISTEN_STDIN=dir serve -k --events events
	join a
	ended "$PID_a" 6 vault-connect a.err
	says a.err 'the peer was interrupted'
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'standard input: Is a directory'
	assert_equal "$(jq -r 'select(.event == "disconnect") | .reason' events)" 'standard input failed'
	assert_equal "$(jq -r 'select(.event == "shutdown") | .reason' events)" 'standard input failed'
}

@test "a message on standard input that is too long: every client is told, also one that is busy sending; 1 here" {
	hold long
	LISTEN_STDIN=long serve -k --framing lines --max-message-size 100 --events events
	join a
	mkfifo endless
	spawn bash -c 'yes "a line" >endless 2>/dev/null' </dev/null
	CLIENT_STDIN=endless CLIENT_STDOUT=b.out CLIENT_STDERR=b.err start_client "$AT"
	PID_b=$CLIENT_PID
	eventually 10 has_size "$LISTEN_OUT" 100000
	release long "good$(printf '\n%0200d' 1)"
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'standard input: a message longer than --max-message-size (100)'
	for name in a b; do
		ended "$(pid_of $name)" 6 vault-connect $name.err
		says $name.err 'the peer was interrupted'
		assert_equal "$(cat $name.out)" good
	done
	assert_equal "$(jq -r 'select(.event == "disconnect") | .reason' events | sort -u)" 'standard input failed'
}

@test "a last message without its end that cannot be delivered: no receipt, like for any other" {
	local words
	for words in 'last' 'whole\nlast'; do
		serve -k --echo --framing lines
		# Nothing can go back to it.
		join a --send-only
		# shellcheck disable=SC2059
		release a.in "$(printf "$words")"
		ended "$PID_a" 7 vault-connect a.err
		stop_listener 0
	done
}

# ---- limits ----

@test "--max-clients, max-clients= of a key, --max-per-ip, --handshake-rate: who is above is told busy" {
	sed -i 's/^/max-clients=2 /' "$SERVER_DIR/authorized_keys"
	serve -v -k -m 1
	join a
	client "$AT"
	expect_status 3 vault-connect client.err
	one_line client.err 'busy'
	says "$LISTEN_ERR" '--max-clients is reached'
	client -z "$AT" # to look is no session
	expect_status 0 vault-connect client.err
	release a.in
	ended "$PID_a" 0 vault-connect a.err
	client "$AT"
	expect_status 0 vault-connect client.err
	stop_listener 0

	serve -v -k
	join a
	join b
	client "$AT"
	expect_status 3 vault-connect client.err
	says "$LISTEN_ERR" 'max-clients= of its key is reached'
	release a.in
	release b.in
	stop_listener 0

	SERVE_AT='127.0.0.1 0' serve -v -k --max-per-ip 1 --handshake-rate 3
	AT=127.0.0.1:$LISTEN_PORT
	join c -r "$SERVER_KEY"
	client -r "$SERVER_KEY" "$AT"
	expect_status 3 vault-connect client.err
	says "$LISTEN_ERR" '--max-per-ip is reached'
	release c.in
	ended "$PID_c" 0 vault-connect c.err
	# (Under valgrind not as many come in a second.)
	if [ -z "$VT_WRAP" ]; then
		for _ in 1 2 3 4 5 6; do
			client -r "$SERVER_KEY" "$AT"
			[ "$status" = 0 ] || break
		done
		expect_status 3 vault-connect client.err
		says "$LISTEN_ERR" '--handshake-rate is reached'
	fi
	stop_listener 0
}

@test "expires= and rate= of a key" {
	sed -i 's/^/expires=2020-01-01 /' "$SERVER_DIR/authorized_keys"
	serve -k
	client "$AT"
	expect_status 5 vault-connect client.err
	told 10 "$LISTEN_ERR" "the client's key has expired ($SERVER_DIR/authorized_keys:1, client)"
	stop_listener 0
	sed -i 's/^expires=[^ ]*/rate=1M/' "$SERVER_DIR/authorized_keys"
	"$VT_BUILD/tests/pattern" 1500K 1 >data
	serve -k
	CLIENT_STDIN=data timed client "$AT"
	expect_status 0 vault-connect client.err
	[ "$TOOK" -ge 1000 ]
	cmp data "$LISTEN_OUT"
	stop_listener 0
	LISTEN_STDIN=data serve
	timed meet 0 0 "$AT"
	[ "$TOOK" -ge 1000 ]
	cmp data client.out
}

@test "a hang-up reads authorized_keys anew: who is in stays, who was removed does not come back" {
	serve -v -k
	join a
	cp "$SERVER_DIR/authorized_keys" kept
	echo '# nobody' >"$SERVER_DIR/authorized_keys.new"
	mv "$SERVER_DIR/authorized_keys.new" "$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'authorized_keys: 0 keys'
	client "$AT"
	expect_status 5 vault-connect client.err
	echo 'nonsense' >"$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'the keys that were read before stay in force'
	client "$AT"
	expect_status 5 vault-connect client.err
	cp kept "$SERVER_DIR/authorized_keys"
	kill -HUP "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'authorized_keys: 1 keys'
	client "$AT"
	expect_status 0 vault-connect client.err
	release a.in 'still here'
	ended "$PID_a" 0 vault-connect a.err
	stop_listener 0
	grep -q 'still here' "$LISTEN_OUT"
}

# ---- the end ----

@test "SIGTERM: sessions may finish; those that do not are cut after --drain, and that is told" {
	serve -k --drain "$(ms 500)"
	join stays
	signal "$LISTEN_PID" TERM 20
	expect_status 143 vault-listen "$LISTEN_ERR"
	ended "$PID_stays" 6 vault-connect stays.err
	says stays.err 'shutting down'
	serve -k
	join ends
	kill -TERM "$LISTEN_PID"
	release ends.in 'the last word'
	ended "$PID_ends" 0 vault-connect ends.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" 'the last word'
}

# without_fin: a relay to the listener, at a socket of its own, that passes everything on but the client's end of its
# connection, and says when that has come. So a session that is complete is still there.
without_fin() {
	find_python socket
	spawn "$PYTHON" - "$LISTEN_PATH" relay >said <<-'END'
		import select, signal, socket, sys
		listener, server = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[2])
		listener.listen(1)
		print("listening", flush=True)
		client, _ = listener.accept()
		server.connect(sys.argv[1])
		other = {client: server, server: client}
		while other:
		    for s in select.select(list(other), [], [])[0]:
		        data = s.recv(65536)
		        try:
		            if data:
		                (server if s is client else client).sendall(data)
		            elif s is server:
		                client.shutdown(socket.SHUT_WR)
		        except OSError:
		            pass
		        if not data:
		            del other[s]
		            print("client ended" if s is client else "server ended", flush=True)
		signal.pause()
	END
	eventually 10 vt_has_line said
}

@test "a second signal, when all that was begun is complete: status 0, and the event says complete" {
	serve -k --events events -v
	without_fin
	printf 'the last word' >word
	CLIENT_STDIN=word client -r "$SERVER_KEY" "$PWD/relay"
	expect_status 0 vault-connect client.err
	told 10 said 'client ended'
	kill -TERM "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'shutting down'
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" 'the last word'
	assert_equal "$(jq -r 'select(.event == "disconnect") | "\(.reason) \(.status)"' events)" 'complete 0'
}

@test "a second signal cuts what is under way, a third does not wait" {
	serve -k --drain 0 -v
	join stays
	kill -TERM "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'shutting down'
	signal "$LISTEN_PID" TERM 20
	expect_status 143 vault-listen "$LISTEN_ERR"
	ended "$PID_stays" 6 vault-connect stays.err
	serve -k --drain 0 -v
	join stays
	kill -STOP "$PID_stays"
	kill -INT "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'shutting down'
	kill -INT "$LISTEN_PID"
	signal "$LISTEN_PID" INT 20
	expect_status 130 vault-listen "$LISTEN_ERR"
	kill -CONT "$PID_stays"
	wait_for "$PID_stays" 20
}

@test "options that only many clients can have, and those that only one can" {
	run -2 bounded 10 vault_listen --tag "$AT"
	assert_output --partial '--tag needs --keep-open'
	run -2 bounded 10 vault_listen -m 3 "$AT"
	run -2 bounded 10 vault_listen -k -o file "$AT"
	assert_output --partial '--output and --keep-open cannot be used together'
	run -2 bounded 10 vault_listen --hub --echo "$AT"
	run -2 bounded 10 vault_listen -k --framing words "$AT"
	assert_output --partial "'words' is none of raw, lines, nul, u32"
	run -2 bounded 10 vault_listen -k --slow never "$AT"
}
