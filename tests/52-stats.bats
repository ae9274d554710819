#!/usr/bin/env bats
# Goal of this story: what people and programs are told about a session.
# - --stats gives the figures at the end, as text or as JSON, and SIGUSR1 gives them at any time;
# - with --log-json every line on standard error is a JSON object;
# - --rate-limit holds, and nothing waits for it that should not;
# - -v says what limited the transfer, and is right;
# - progress counts what the other side has, not what is on its way.

# shellcheck disable=SC2016 # the dollars belong to jq
# shellcheck disable=SC2034 # variables are for the words of endings.bash

load helper
load endings

setup() {
	vt_setup
	people
	printf 'good day' >day
}

NAMES='["bytes_confirmed","bytes_received","bytes_sent","event","level","message","messages_received","messages_sent","peer","peer_key","program","protocol","psk","rtt_ms","status","time","uptime_seconds","v","verdict","waits"]'
KINDS='["cpu","input","network","output","pace","peer_input","peer_output"]'

# stats FILE [N]: the first (or Nth) line with figures.
stats() { grep '"event":"stats"' "$1" | sed -n "${2:-1}p"; }

# pair LISTEN-ARGS -- CONNECT-ARGS: a listener and a client to both ends, with 0.
pair() {
	local listen=()
	while [ "$1" != -- ]; do
		listen+=("$1")
		shift
	done
	shift
	SERVE_AT="127.0.0.1 0" serve "${listen[@]}"
	client -r "$SERVER_KEY" "$@" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

# ---- figures ----

@test "--stats=json: one object with every figure, and both sides agree" {
	seq 100000 >up
	LISTEN_STDIN=day CLIENT_STDIN=up pair --stats=json -- --stats=json
	for file in client.err "$LISTEN_ERR"; do
		[ "$(wc -l <"$file")" = 1 ]
		jq -e '.program | IN("vault-connect", "vault-listen")' "$file"
		jq -e "keys == $NAMES and (.waits | keys) == $KINDS and .v == 1 and .status == 0" "$file"
		jq -e '([.waits[]] | add) as $all | $all > 0.99 and $all < 1.01' "$file"
		jq -e '.uptime_seconds > 0 and .uptime_seconds < 60 and .rtt_ms > 0 and .rtt_ms < 5000' "$file"
		jq -e '.protocol | startswith("Noise_IK_25519_")' "$file"
	done
	jq -e --argjson n "$(size_of up)" '.bytes_sent == $n and .bytes_confirmed == $n and .bytes_received == 8' client.err
	jq -e --argjson n "$(size_of up)" '.bytes_received == $n and .bytes_sent == 8 and .bytes_confirmed == 8' "$LISTEN_ERR"
	jq -e --arg k "$SERVER_KEY" '.peer_key == $k' client.err
	jq -e --arg k "$CLIENT_KEY" '.peer_key == $k' "$LISTEN_ERR"
	jq -es '.[0].messages_sent == .[1].messages_received and .[1].messages_sent == .[0].messages_received and
		.[0].messages_sent > 8' client.err "$LISTEN_ERR"
}

@test "--stats: the same as text, with the program's name in front" {
	local name
	CLIENT_STDIN=day pair --stats -- --stats=text
	for file in client.err "$LISTEN_ERR"; do
		for name in bytes_sent bytes_received bytes_confirmed messages_sent messages_received uptime_seconds protocol \
		    peer peer_key rtt_ms waits status; do
			grep -qE "(^vault-(listen|connect): |[,;] )$name:? ?[^ ]" "$file" || fail "no $name: $(cat "$file")"
		done
		[ "$(grep -cvE '^vault-(listen|connect): ' "$file")" = 0 ]
	done
	grep -qE 'bytes_sent 8, bytes_received 0, bytes_confirmed 8, messages_sent 1,' client.err
}

@test "--stats: a session that fails has its status in it; without a key peer_key is null" {
	local relay
	"$VT_BUILD/tests/pattern" 300000 1 >up
	SERVE_AT="127.0.0.1 0" serve --stats=json --protocol NN --anonymous
	hold open 'x'
	CLIENT_STDIN=open start_client --stats=json --protocol NN 127.0.0.1 "$LISTEN_PORT"
	eventually 10 has_size "$LISTEN_OUT" 1
	kill -KILL "$CLIENT_PID"
	wait_for "$CLIENT_PID" 10
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	stats "$LISTEN_ERR" | jq -e '.status == 6 and .peer_key == null and .bytes_received == 1'
	run -2 bounded 10 vault_listen --stats=yaml 0
	assert_line --partial 'neither text nor json'
}

@test "--stats: over a Unix socket, with compression, on the raw wire" {
	"$VT_BUILD/tests/pattern" 200000 1 | od -An -v -tx1 >letters
	serve --stats=json --compress
	CLIENT_STDIN=letters client --stats=json --compress -r "$SERVER_KEY" "$PWD/sock"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	jq -es --argjson n "$(size_of letters)" '.[0].bytes_sent == $n and .[1].bytes_received == $n and .[0].bytes_confirmed == $n and
		.[0].messages_sent == .[1].messages_received' client.err "$LISTEN_ERR"
	CLIENT_STDIN=letters pair --stats=json --wire vault-tcp --protocol XX --quiet -- --stats=json --wire vault-tcp --protocol XX --quiet
	jq -es --argjson n "$(size_of letters)" '.[0].bytes_sent == $n and .[1].bytes_received == $n and .[0].bytes_confirmed == $n and
		.[0].messages_sent == .[1].messages_received' client.err "$LISTEN_ERR"
}

# ---- SIGUSR1 ----

@test "SIGUSR1: the figures in the middle of a transfer, on both sides, and the transfer goes on" {
	local file
	hold open 'half'
	SERVE_AT="127.0.0.1 0" serve --stats=json
	CLIENT_STDIN=open start_client --stats=json -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	eventually 10 has_size "$LISTEN_OUT" 4
	kill -USR1 "$CLIENT_PID" "$LISTEN_PID"
	for file in client.err "$LISTEN_ERR"; do eventually 10 vt_has_line "$file"; done
	kill -USR1 "$CLIENT_PID"
	eventually 10 eval '[ "$(wc -l <client.err)" = 2 ]'
	release open ' and half'
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	[ "$(cat "$LISTEN_OUT")" = 'half and half' ]
	stats client.err 1 | jq -e '.status == null and .bytes_sent == 4 and .bytes_received == 0'
	stats client.err 3 | jq -e '.status == 0 and .bytes_sent == 13'
	stats "$LISTEN_ERR" 1 | jq -e '.status == null and .bytes_received == 4'
	stats "$LISTEN_ERR" 2 | jq -e '.status == 0 and .bytes_received == 13'
	stats client.err 1 | jq -e '.waits.input > 0.3'
}

@test "SIGUSR1: without --stats as text; before there is a session it says so and ends nothing" {
	hold open 'half'
	SERVE_AT="127.0.0.1 0" serve
	kill -USR1 "$LISTEN_PID"
	told 10 "$LISTEN_ERR" 'no session yet'
	CLIENT_STDIN=open start_client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	eventually 10 has_size "$LISTEN_OUT" 4
	kill -USR1 "$CLIENT_PID" "$LISTEN_PID"
	told 10 client.err 'bytes_sent 4'
	told 10 "$LISTEN_ERR" 'bytes_received 4'
	told 10 client.err 'under way'
	release open
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	# Nobody listens there: it waits for the next try.
	start_client --retry --retry-delay 1m -v "$PWD/nobody"
	told 10 client.err 'trying again'
	kill -USR1 "$CLIENT_PID"
	told 10 client.err 'no session yet'
	vt_alive "$CLIENT_PID"
	signal "$CLIENT_PID" TERM 10
}

@test "SIGUSR1: at any time, from the start on" {
	local tool
	mkfifo fifo
	for tool in vault_listen vault_connect; do
		# It waits for the key while it sets itself up.
		case $tool in
		vault_listen) XDG_CONFIG_HOME=$PWD/server spawn vault_listen -a fifo --accept-timeout 100ms "$PWD/sock" </dev/null 2>early.err ;;
		vault_connect) XDG_CONFIG_HOME=$PWD/client spawn vault_connect -r @fifo "$PWD/nobody" </dev/null 2>early.err ;;
		esac
		exec 8>fifo
		kill -USR1 "$SPAWN_PID"
		sleep 0.1
		kill -USR1 "$SPAWN_PID"
		echo "$SERVER_KEY" >&8
		exec 8>&-
		wait_for "$SPAWN_PID" 10
		[ "$status" = 4 ] || [ "$status" = 3 ]
	done
}

# ---- JSON ----

# Every line: an object with v, time, level, message; the time is now, in UTC.
all_json() {
	jq -es 'length > 0 and all(.[]; .v == 1 and (.program | startswith("vault-")) and (.level | IN("error", "warning", "info")) and (.message | type) == "string" and
		(.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$")) and
		((.time | sub("[.][0-9]+"; "") | fromdate) - now | fabs < 300))' "$1" || { cat "$1"; return 1; }
	[ "$(jq -c . "$1" | wc -l)" = "$(wc -l <"$1")" ]
}

@test "--log-json: every line on standard error is an object, whatever it is about" {
	CLIENT_STDIN=day pair --log-json -vv --stats -- --log-json -vv --stats=text
	all_json client.err
	all_json "$LISTEN_ERR"
	stats client.err | jq -e '.bytes_sent == 8'
	jq -es 'any(.[]; .level == "info" and (.message | startswith("limited by")))' client.err
	# Errors and warnings.
	client --log-json -r "$SERVER_KEY" 127.0.0.1 1
	expect_status 3 vault-connect client.err
	all_json client.err
	jq -e '.level == "error" and .program == "vault-connect"' client.err
	SERVE_AT="127.0.0.1 0" serve --log-json --anonymous
	kill -USR1 "$LISTEN_PID"
	eventually 10 vt_has_line "$LISTEN_ERR"
	client --log-json 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	all_json client.err
	jq -e '.level == "warning"' client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	all_json "$LISTEN_ERR"
	# ... and what fails before anything begins.
	client --log-json -i "$PWD/no-such-file" 127.0.0.1 1
	expect_status 1 vault-connect client.err
	all_json client.err
	client --log-json --protocol IK 127.0.0.1 1
	expect_status 2 vault-connect client.err
	all_json client.err
	run -2 bounded 10 vault_connect --log-json --progress 127.0.0.1 1
}

@test "--log-json: what a peer's name or key could break is escaped" {
	client --log-json "$(printf 'no\nsuch\033host')" 5004
	[ "$status" -ne 0 ]
	all_json client.err
	no_controls client.err
}

# ---- --rate-limit ----

@test "--rate-limit: two seconds' worth takes two seconds, in both directions" {
	local most
	most=$(soak 4500 2700) # (a busy machine has a rate of its own)
	[ -z "$VT_WRAP" ] || skip 'valgrind has a rate of its own'
	"$VT_BUILD/tests/pattern" 2M 1 >up
	timed eval 'CLIENT_STDIN=up pair -- --rate-limit 1M'
	echo "$TOOK ms"
	[ "$TOOK" -ge 1600 ]
	[ "$TOOK" -le $((most * VT_SLOW)) ]
	timed eval 'LISTEN_STDIN=up pair --rate-limit 1M --'
	echo "$TOOK ms"
	[ "$TOOK" -ge 1600 ]
	[ "$TOOK" -le $((most * VT_SLOW)) ]
	# Much smaller, and still a stream: 4 KB at once, then 1000 bytes a second.
	head -c 6000 up >small
	timed eval 'CLIENT_STDIN=small pair -- --rate-limit 1000'
	echo "$TOOK ms"
	[ "$TOOK" -ge 1500 ]
	[ "$TOOK" -le $((most * VT_SLOW)) ]
}

@test "--rate-limit: the end of input and signals do not wait for it" {
	"$VT_BUILD/tests/pattern" 100M 1 >up
	SERVE_AT="127.0.0.1 0" serve
	CLIENT_STDIN=up start_client --rate-limit 10K -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	eventually 10 has_size "$LISTEN_OUT" 4096
	timed signal "$CLIENT_PID" TERM 10
	[ "$status" = 143 ]
	[ "$TOOK" -le $((1500 * VT_SLOW)) ]
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	# 4096 bytes may be sent at once; then the end, which costs nothing.
	head -c 4096 up >first
	SERVE_AT="127.0.0.1 0" serve
	CLIENT_STDIN=first timed client --rate-limit 1 -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	[ "$TOOK" -le $((3000 * VT_SLOW)) ]
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	run -2 bounded 10 vault_connect --rate-limit 0 127.0.0.1 1
}

# ---- what limits ----

# verdict FILE TEXT: -v has said it.
verdict() { grep -qxE "vault-(listen|connect): limited by $2" "$1" || { cat "$1"; return 1; }; }

@test "-v: a slow reader is the peer's output to the sender and our own output there" {
	[ -z "$VT_WRAP" ] || skip "under valgrind it is this side's CPU, and that is said"
	"$VT_BUILD/tests/pattern" 12M 1 >up
	mkfifo out
	spawn bash -c 'exec "$0/tests/slowread" 5M <out >copy' "$VT_BUILD"
	LISTEN_STDOUT=out CLIENT_STDIN=up pair -v --recv-only -- -v --send-only
	verdict client.err "the peer's output"
	verdict "$LISTEN_ERR" "our own output"
	eventually 20 cmp copy up
	# And over a Unix socket.
	spawn bash -c 'exec "$0/tests/slowread" 5M <out >copy' "$VT_BUILD"
	LISTEN_STDOUT=out serve -v --recv-only
	CLIENT_STDIN=up client -v --send-only -r "$SERVER_KEY" "$PWD/sock"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	verdict client.err "the peer's output"
	verdict "$LISTEN_ERR" "our own output"
}

@test "-v: a slow input is our own input to the sender and the peer's input there; --rate-limit is itself" {
	[ -z "$VT_WRAP" ] || skip "under valgrind it is this side's CPU, and that is said"
	"$VT_BUILD/tests/pattern" 1M 1 >up
	mkfifo in
	spawn bash -c 'exec "$0/tests/slowread" 1M <up >in' "$VT_BUILD"
	CLIENT_STDIN=in pair -v --recv-only -- -v --send-only
	verdict client.err "our own input"
	verdict "$LISTEN_ERR" "the peer's input \(or the network\)"
	CLIENT_STDIN=up pair -v -- -v --rate-limit 1M
	verdict client.err "--rate-limit"
	verdict "$LISTEN_ERR" "the peer's input \(or the network\)"
	# The verdict is the largest share.
	CLIENT_STDIN=up pair -- --stats=json --rate-limit 1M
	jq -e '.waits.pace > 0.5 and .verdict == "limited by --rate-limit"' client.err
}

@test "-v: when one side has ended, the other is waited for, whoever has sent more" {
	local n
	"$VT_BUILD/tests/pattern" 1M 1 >up
	for wire in vault1 vault-tcp; do
		# The listener sends all at once and ends; the client takes its time to say a word.
		hold slow ''
		SERVE_AT="127.0.0.1 0" LISTEN_STDIN=up serve -v --wire $wire --protocol XX
		CLIENT_STDIN=slow start_client -v --wire $wire --protocol XX -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
		eventually 20 cmp client.out up
		sleep $((2 * VT_SLOW))
		release slow 'a word'
		ended "$CLIENT_PID" 0 vault-connect client.err
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
		verdict client.err "our own input"
		verdict "$LISTEN_ERR" "the peer's input \(or the network\)"
		# The other way round.
		rm slow
		hold slow ''
		SERVE_AT="127.0.0.1 0" LISTEN_STDIN=slow serve -v --wire $wire --protocol XX
		CLIENT_STDIN=up start_client -v --wire $wire --protocol XX -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
		eventually 20 cmp "$LISTEN_OUT" up
		sleep $((2 * VT_SLOW))
		release slow 'a word'
		ended "$CLIENT_PID" 0 vault-connect client.err
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
		verdict client.err "the peer's input \(or the network\)"
		verdict "$LISTEN_ERR" "our own input"
		rm slow
	done
}

@test "-v and --stats: no verdict on a session that moved nothing, or never was one" {
	local file
	pair -v --stats=json -- -v --stats=json
	for file in client.err "$LISTEN_ERR"; do
		stats "$file" | jq -e '.verdict == null and .status == 0'
		! grep 'limited by' "$file" || fail 'nothing was to be limited'
	done
	# The client is not authorized.
	rm "$CLIENT_DIR/identity"
	SERVE_AT="127.0.0.1 0" serve --max-failures 1
	CLIENT_STDIN=day client -v --stats=json -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 5 vault-connect client.err
	stats client.err | jq -e '.verdict == null and .status == 5'
	! grep 'limited by' client.err || fail 'there was no session'
	ended "$LISTEN_PID" 5 vault-listen "$LISTEN_ERR"
}

@test "--stats: also when the server has not the key that was given, in every pattern" {
	local p
	for p in IK XX; do
		SERVE_AT="127.0.0.1 0" serve -v
		client --stats=json --protocol $p -r "$CLIENT_KEY" 127.0.0.1 "$LISTEN_PORT"
		expect_status 5 vault-connect client.err
		[ "$(grep -c '"event":"stats"' client.err)" = 1 ]
		stats client.err | jq -e '.status == 5 and .verdict == null and .bytes_sent == 0'
		client --stats --protocol $p -r "$CLIENT_KEY" 127.0.0.1 "$LISTEN_PORT"
		expect_status 5 vault-connect client.err
		grep -q 'waits: .*; status 5' client.err
		signal "$LISTEN_PID" TERM 10
	done
}

@test "messages name the peer's address once" {
	SERVE_AT="127.0.0.1 0" serve
	client --protocol XX -r "$CLIENT_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 5 vault-connect client.err
	[ "$(grep -o "127.0.0.1:$LISTEN_PORT" client.err | wc -l)" = 1 ] || fail "$(cat client.err)"
	client --trust strict 127.0.0.1 "$LISTEN_PORT"
	expect_status 5 vault-connect client.err
	[ "$(grep -o "127.0.0.1:$LISTEN_PORT" client.err | wc -l)" = 1 ] || fail "$(cat client.err)"
	client -r "$SERVER_KEY" 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

# ---- progress ----

@test "--progress counts what the other side has: nothing, while it takes nothing" {
	command -v script >/dev/null || skip 'script is not installed'
	"$VT_BUILD/tests/pattern" 2M 1 >up
	mkfifo out
	spawn bash -c 'exec "$0/tests/slowread" --hold-until go <out >copy' "$VT_BUILD"
	LISTEN_STDOUT=out SERVE_AT="127.0.0.1 0" serve --recv-only
	cat >run <<-END
		exec env TERM=xterm XDG_CONFIG_HOME=$PWD/client $VT_WRAP $VT_BIN/vault-connect --progress --send-only -r $SERVER_KEY \
		    127.0.0.1 $LISTEN_PORT <up
	END
	spawn script -qefc 'sh run' typescript </dev/null >/dev/null
	eventually 20 grep -q 'sent, 0 B received' typescript
	# The pipe holds a megabyte at most; the rest is on its way, and not said to be sent.
	sleep $((VT_SLOW))
	tr '\r' '\n' <typescript | grep -oE '[0-9.]+ [KM]?i?B sent' >shown
	[ -s shown ]
	if grep -E '^2[.0]* MiB' shown; then fail 'more is shown than the peer has'; fi
	touch go
	ended "$SPAWN_PID" 0 script typescript
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	tr '\r' '\n' <typescript | grep -E '2.0 MiB sent, 0 B received in'
	eventually 10 cmp copy up
}
