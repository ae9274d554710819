#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - every option of the two stream tools does what --help says of it;
# - addresses can be written in every form in use, and sockets in the file system are cleaned up;
# - what does not fit together is refused by name, before anything is opened;
# - a script can ask who is there, and learns it in JSON, without disturbing anyone.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
	echo data >data
}

# refused TOOL STATUS TEXT... -- ARGS...: a usage error whose first line has every TEXT in it.
refused() {
	local tool=$1 text texts=()
	shift
	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	shift
	run --separate-stderr bounded 10 vault_"$tool" "$@"
	assert_equal "$tool $*: $status" "$tool $*: 2"
	assert_equal "$output" ""
	assert_equal "${#stderr_lines[@]}" 2
	for text in "${texts[@]}"; do
		[[ ${stderr_lines[0]} == "vault-$tool: "*"$text"* ]] || fail "'${stderr_lines[0]}' does not name '$text'"
	done
	assert_equal "${stderr_lines[1]}" "Try 'vault-$tool --help'."
}

# ---- what --help lists ----

@test "--help lists every option, and every option listed is taken" {
	local tool option
	for tool in listen connect; do
		bounded 10 vault_$tool --help >help
		while read -r option; do
			# Each is told apart from an unknown one: nothing here gets as far as the network.
			run --separate-stderr bounded 10 vault_$tool "$option" --no-such-option --no-such-option
			[[ $status != 0 || $option == -h || $option == --help || $option == -V || $option == --version ]]
			[[ $stderr != "vault-$tool: unknown option '$option'"* ]] || fail "$tool $option is listed, but not taken"
		done < <(grep -oE '^ +(-[a-zA-Z0-9], )?--?[a-z0-9A-Z-]+' help | grep -oE -e '--?[a-zA-Z0-9-]+')
		[ "$(grep -cE '^ +(-[a-zA-Z0-9]|--)' help)" -gt 20 ]
	done
}

@test "options that are given twice, in whatever spelling, are refused" {
	local option
	for option in -i --identity --psk-file -w --handshake-timeout --message-timeout --idle-timeout --keep-alive -o; do
		refused listen "$option" twice -- $option 1 $option 1 "$AT"
		refused connect "$option" twice -- $option 1 $option 1 "$AT"
	done
	for option in -4 -6 -n --anonymous --send-only --recv-only --progress --no-progress --quiet --compress; do
		refused listen "$option" twice -- $option $option "$AT"
		refused connect "$option" twice -- $option $option "$AT"
	done
	for option in -a --authorized-keys --max-failures --accept-timeout --drain; do
		refused listen "$option" twice -- $option 1 $option 1 "$AT"
	done
	for option in -r --remote-key --known-hosts -s -p --retry-delay; do
		refused connect "$option" twice -- $option 1 $option 1 "$AT"
	done
	refused connect --trust twice -- --trust any --trust any "$AT"
	refused connect --protocol twice -- --protocol XX --protocol NN "$AT"
	refused connect --handshake-timeout twice -- -w 1 --handshake-timeout 1 "$AT"
}

@test "options that do not fit together: both are named" {
	refused listen -4 -6 -- -4 -6 0
	refused connect -4 -6 -- -6 -4 localhost 1
	local tool
	for tool in listen connect; do
		refused $tool --send-only --recv-only -- --send-only --recv-only "$AT"
		refused $tool --send-only --output -- --send-only -o file "$AT"
		refused $tool --progress --no-progress -- --progress --no-progress "$AT"
		refused $tool --verbose --quiet -- -v --quiet "$AT"
	done
	refused listen --anonymous --authorized-keys -- --anonymous -a file "$AT"
	refused connect --anonymous --identity -- --anonymous -i file "$AT"
	refused connect --trust --remote-key -- --trust=any -r "$SERVER_KEY" "$AT"
	refused connect --json --probe -- --json "$AT"
	refused connect --retry-delay --retry -- --retry-delay 1 "$AT"
}

@test "numbers, durations and levels have ranges, and the reason is given" {
	local tool value
	for tool in listen connect; do
		for value in '' x -1 1x 1.5 '1 s' ' 1' 99999999999999999999 11y 0x10; do
			refused $tool --idle-timeout -- --idle-timeout="$value" "$AT"
		done
		for value in 0 20 -1 x ''; do refused $tool --compress -- --compress="$value" "$AT"; done
	done
	for value in 0 -1 x 1.5 99999999999; do refused listen --max-failures -- --max-failures="$value" "$AT"; done
	for value in -1 x 1.5 99999999999; do refused connect --retry -- --retry="$value" "$AT"; done
	for value in 0 65536 -1 http ''; do refused connect -p -- -p "$value" localhost 1; done
	for value in 0 1 2 -1 x 70000; do refused listen --ready-fd -- --ready-fd "$value" "$AT"; done
	refused listen --ready-fd 'not open' -- --ready-fd 99 "$AT"
}

@test "durations in every unit are taken" {
	local value
	for value in 500ms 10 10s 5m 2h 0; do
		serve -w "$value" --message-timeout "$value" --idle-timeout "$value" --keep-alive "$value" --drain "$value"
		meet 0 0 -w "$value" --message-timeout "$value" --idle-timeout "$value" --keep-alive "$value" "$AT"
	done
}

@test "options may stand behind operands, in groups, and -- ends them" {
	serve
	meet 0 0 "$AT" -vv
	says client.err 'connected with'
	serve
	meet 0 0 -nvv -- "$AT"
	refused listen "'cat'" -- "$AT" 1 cat
	refused connect "'-v'" -- localhost 1 -- -v
}

# ---- addresses ----

@test "addresses: HOST PORT, HOST:PORT, [V6]:PORT, [V6] PORT, V6 PORT, a lone port" {
	local form
	SERVER_DIR=$PWD/server/vault-tools
	for form in '127.0.0.1 0' '127.0.0.1:0' 'localhost 0' 'localhost:0' '0' ':0'; do
		SERVE_AT=$form serve
		meet 0 0 -4 --trust=any "127.0.0.1:$LISTEN_PORT"
	done
	for form in '127.0.0.1 %' '127.0.0.1:%' 'localhost %' 'LOCALHOST:%'; do
		SERVE_AT='127.0.0.1 0' serve
		# shellcheck disable=SC2086
		meet 0 0 --trust=any ${form//%/$LISTEN_PORT}
	done
}

# (A script whose variable or command gave nothing means one address, and none of the others.)
@test "an empty HOST is refused, and does not stand for all addresses" {
	refused listen HOST empty -- '' 0
	refused listen HOST empty -- ''
	refused listen HOST empty -- '[]' 0
	refused listen HOST empty -- '[]:0'
	refused connect HOST empty -- '' 5004
	refused connect -L HOST empty -- -L '[]:0' localhost
}

@test "IPv6: every form, and the name in known_hosts is one" {
	has_ipv6 || skip "no IPv6 on this machine"
	local form
	for form in '[::1]:0' '[::1] 0' '::1 0' '0:0:0:0:0:0:0:1 0'; do
		SERVE_AT=$form serve
		assert_equal "$LISTEN_ADDRESS" ::1
		# shellcheck disable=SC2086
		meet 0 0 ${form/%0/$LISTEN_PORT}
		assert_equal "$(tail -n 1 "$CLIENT_DIR/known_hosts")" "[::1]:$LISTEN_PORT $SERVER_KEY"
	done
}

has_ipv6() {
	find_python socket
	"$PYTHON" -c 'import socket; s = socket.socket(socket.AF_INET6); s.bind(("::1", 0))' 2>/dev/null
}

@test "-4, -6 and neither: which families are listened on and called" {
	SERVE_AT=0 serve -4
	assert_equal "$LISTEN_ADDRESS" 0.0.0.0
	if has_ipv6; then
		client --trust=any ::1 "$LISTEN_PORT"
		expect_status 3 vault-connect client.err
		client -6 --trust=any 127.0.0.1 "$LISTEN_PORT"
		expect_status 3 vault-connect client.err
		one_line client.err "cannot resolve '127.0.0.1'"
	fi
	meet 0 0 -4 --trust=any localhost "$LISTEN_PORT"
	has_ipv6 || return 0
	SERVE_AT=0 serve -6
	client -4 --trust=any 127.0.0.1 "$LISTEN_PORT"
	expect_status 3 vault-connect client.err
	meet 0 0 --trust=any ::1 "$LISTEN_PORT"
	local host
	for host in 127.0.0.1 ::1; do
		SERVE_AT=0 serve
		meet 0 0 --trust=any $host "$LISTEN_PORT"
	done
}

@test "-n: no look-ups" {
	client -n localhost 1
	expect_status 3 vault-connect client.err
	one_line client.err "cannot resolve 'localhost'"
	SERVE_AT='127.0.0.1 0' serve -n
	meet 0 0 -n --trust=any 127.0.0.1 "$LISTEN_PORT"
}

@test "-s and -p: the source address and port are those" {
	find_python socket
	local port
	# A port that was free a moment ago.
	port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.2", 0)); print(s.getsockname()[1])')
	SERVE_AT='127.0.0.1 0' serve -v
	meet 0 0 --trust=any -s 127.0.0.2 -p "$port" 127.0.0.1 "$LISTEN_PORT"
	says "$LISTEN_ERR" "127.0.0.2:$port: connected with"
	SERVE_AT='127.0.0.1 0' serve -v
	meet 0 0 -4 --trust=any --source localhost 127.0.0.1 "$LISTEN_PORT"
	client -s ::1 127.0.0.1 1
	expect_status 3 vault-connect client.err
	no_controls client.err
}

# ---- Unix sockets ----

@test "a Unix socket is removed at the end, however it ended" {
	serve
	[ -S "$AT" ]
	meet 0 0 "$AT"
	assert_not_exists "$AT"
	serve --accept-timeout 50ms
	ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
	assert_not_exists "$AT"
	serve
	signal "$LISTEN_PID" INT 10
	assert_not_exists "$AT"
}

@test "a stale socket is replaced; a live one, and what is no socket, is refused and left alone" {
	serve
	kill -KILL "$LISTEN_PID"
	wait_for "$LISTEN_PID" 10
	[ -S "$AT" ]
	serve
	local first=$LISTEN_PID
	run --separate-stderr bounded 10 vault_listen --anonymous "$AT"
	assert_failure 3
	assert_equal "$stderr" "vault-listen: cannot listen on $AT: Address already in use"
	# The one that lives was not disturbed.
	client "$AT"
	expect_status 0 vault-connect client.err
	ended "$first" 0 vault-listen
	echo mine >"$AT"
	run --separate-stderr bounded 10 vault_listen --anonymous "$AT"
	assert_failure 3
	assert_equal "$(cat "$AT")" mine
}

@test "a path that is too long, and one that is relative" {
	refused listen 'Unix socket has at most' -- "/$(printf '%0200d' 0)"
	refused connect 'Unix socket has at most' -- "/$(printf '%0200d' 0)"
	refused connect 'a Unix socket has no port' -- "$AT" 5004
}

# ---- --ready-fd ----

@test "--ready-fd: one JSON line, exactly, when clients can connect; then closed" {
	SERVE_AT='127.0.0.1 0' serve
	assert_equal "$(jq -Sc 'keys' <"$BATS_TEST_TMPDIR/ready.1")" '["address","event","key","port","v"]'
	jq -e --arg key "$SERVER_KEY" '.v == 1 and .event == "listening" and .address == "127.0.0.1" and .port > 0
	    and .key == $key' "$BATS_TEST_TMPDIR/ready.1"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/ready.1")" 1
	assert_equal "$(find "/proc/$LISTEN_PID/fd" -lname '*/ready.*' 2>/dev/null)" ""
	meet 0 0 --trust=any 127.0.0.1 "$LISTEN_PORT"
	serve
	jq -e --arg path "$AT" '.path == $path and (has("port") | not)' "$BATS_TEST_TMPDIR/ready.2"
	meet 0 0 "$AT"
	# Without an identity the key is the one of this run.
	mv "$SERVER_DIR/identity" elsewhere
	serve
	[ "$LISTEN_KEY" != "$SERVER_KEY" ]
	meet 0 0 -r "$LISTEN_KEY" "$AT"
}

@test "--ready-fd into a pipe: the reader sees the end of it at once" {
	mkfifo ready
	bounded 10 cat ready >line &
	local reader=$!
	spawn vault_listen --anonymous --ready-fd 7 "$AT" 7>ready </dev/null >/dev/null
	wait "$reader"
	assert_equal "$(jq -r .path line)" "$AT"
	signal "$SPAWN_PID" TERM 10
}

# ---- probing ----

@test "-z: who is there, as text and as JSON; the listener waits on for its client" {
	SERVE_AT='127.0.0.1 0' serve
	local name=127.0.0.1:$LISTEN_PORT
	client -z --trust=any 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	assert_equal "$(sed -n 1p client.out)" "$name key $SERVER_KEY"
	assert_equal "$(sed -n 2p client.out)" "$name fingerprint $(fingerprint_of "$SERVER_DIR/identity")"
	assert_regex "$(sed -n 3p client.out)" "^$name protocol Noise_XX_25519_[A-Za-z0-9]+_SHA512\$"
	assert_regex "$(sed -n 4p client.out)" "^$name rtt [0-9]+\.[0-9]{3} ms\$"
	assert_equal "$(wc -l <client.out)" 4
	client -z --json --trust=any 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	assert_equal "$(wc -l <client.out)" 1
	jq -e --arg key "$SERVER_KEY" --arg name "$name" '.v == 1 and .key == $key and .name == $name and .address == $name
	    and .throwaway == false and .status == 0 and .rtt_ms >= 0 and (.protocol | startswith("Noise_XX_"))
	    and (.software | startswith("vault-tools ")) and .fingerprint' client.out
	silent "$LISTEN_ERR"
	CLIENT_STDIN=data meet 0 0 --trust=any 127.0.0.1 "$LISTEN_PORT"
	cmp data "$LISTEN_OUT"
}

@test "-z reads no input, and its statuses are those of a connection" {
	hold in
	serve
	CLIENT_STDIN=in client -z "$AT" # a probe that read its input would not end
	expect_status 0 vault-connect client.err
	release in
	client -z --trust=strict --known-hosts empty "$AT"
	expect_status 5 vault-connect client.err
	silent client.out
	client -z --json --trust=strict --known-hosts empty "$AT"
	expect_status 5 vault-connect client.err
	jq -e '.v == 1 and .error == "auth" and .status == 5 and (.message | test("unknown"))' client.out
	one_line client.err 'is unknown'
	client -z --json --anonymous "$AT"
	expect_status 5 vault-connect client.err
	jq -e '.error == "auth"' client.out
	client -z --json "$PWD/nothing"
	expect_status 3 vault-connect client.err
	jq -e '.error == "network" and .status == 3' client.out
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect -z "$AT" </dev/null >/dev/full 2>client.err || status=$?
	expect_status 1 vault-connect client.err
	one_line client.err 'cannot write to standard output'
	meet 0 0 "$AT"
}

@test "-z of a server without an identity says that it is a throw-away key" {
	mv "$SERVER_DIR/identity" elsewhere
	serve
	client -z --trust=any --known-hosts none "$AT"
	expect_status 0 vault-connect client.err
	grep -qx "$AT throw-away key" client.out
	client -z --json --trust=any --known-hosts none "$AT"
	jq -e '.throwaway == true' client.out
	signal "$LISTEN_PID" TERM 10
}

# ---- trying again ----

@test "--retry: a listener that appears later" {
	CLIENT_STDIN=data start_client -v --retry --retry-delay 50ms "$AT"
	told 10 client.err 'trying again in'
	serve
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp data "$LISTEN_OUT"
}

@test "--retry: what is tried again has eaten no input; a server that closes in the handshake is tried again" {
	serve
	link --fault s2c:cut-fin@10 --faulty 2 --count 3
	CLIENT_STDIN=data meet 0 0 -v --retry --retry-delay 50ms -r "$SERVER_KEY" "$LINK"
	assert_equal "$(grep -c 'trying again' client.err)" 2
	cmp data "$LISTEN_OUT"
}

@test "--retry=N: N more times, and then the status of the last" {
	client -v --retry=2 --retry-delay 20ms "$AT"
	expect_status 3 vault-connect client.err
	assert_equal "$(grep -c 'trying again' client.err)" 2
	assert_equal "$(tail -n 1 client.err)" "vault-connect: cannot connect to $AT: No such file or directory"
	client --retry=2 --retry-delay 20ms "$AT"
	one_line client.err 'cannot connect'
	client -v --retry=0 "$AT"
	expect_status 3 vault-connect client.err
	assert_equal "$(grep -c 'trying again' client.err)" 0
	assert_equal "$(tail -n 1 client.err)" "vault-connect: cannot connect to $AT: No such file or directory"
}

@test "--retry: a refusal of keys is not tried again" {
	: >"$SERVER_DIR/authorized_keys"
	serve
	client -v --retry --retry-delay 20ms "$AT"
	expect_status 5 vault-connect client.err
	run grep 'trying again' client.err
	assert_failure
}

# ---- the listener's own ----

@test "--max-failures N: ends after N, with the last one's status; fewer do not matter" {
	serve --max-failures 3 --quiet
	client --anonymous "$AT"
	expect_status 5 vault-connect client.err
	client --protocol NN --known-hosts none "$AT"
	expect_status 5 vault-connect client.err
	vt_alive "$LISTEN_PID"
	meet 5 5 --anonymous "$AT"
	one_line "$LISTEN_ERR" throw-away
	serve --max-failures 2
	client --anonymous "$AT"
	meet 0 0 "$AT"
}

@test "up to 16 handshakes at once: mute connections do not keep a real client out" {
	local i
	SERVE_AT='127.0.0.1 0' serve
	for i in $(seq 20); do odd to "$LISTEN_PORT" 'VLT1'; done
	CLIENT_STDIN=data meet 0 0 --trust=any 127.0.0.1 "$LISTEN_PORT"
	cmp data "$LISTEN_OUT"
}

@test "--accept-timeout does not run once a client is there" {
	hold in
	LISTEN_STDIN=in serve -v --accept-timeout "$(ms 2000)"
	start_client -v "$AT"
	told 10 client.err 'connected with'
	idle 2200
	release in 'still here'
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat client.out)" 'still here'
}

# ---- data ----

@test "--send-only and --recv-only, on either side" {
	hold never
	LISTEN_STDIN=data serve --send-only
	meet 0 0 "$AT"
	cmp data client.out
	LISTEN_STDIN=never serve --recv-only
	CLIENT_STDIN=data meet 0 0 "$AT"
	cmp data "$LISTEN_OUT"
	serve
	CLIENT_STDIN=data meet 0 0 --send-only "$AT"
	cmp data "$LISTEN_OUT"
	LISTEN_STDIN=data serve
	CLIENT_STDIN=never meet 0 0 --recv-only "$AT"
	cmp data client.out
	release never
}

@test "--compress, with and without a level, on one side or both" {
	local a b
	"$VT_BUILD/tests/pattern" 300K 3 >noise
	cat noise noise >twice
	while read -r a b; do
		# shellcheck disable=SC2086
		LISTEN_STDIN=twice serve ${a/-0/}
		# shellcheck disable=SC2086
		CLIENT_STDIN=twice meet 0 0 ${b/-0/} "$AT"
		cmp twice "$LISTEN_OUT"
		cmp twice client.out
	done <<-'END'
		--compress --compress
		--compress=1 --compress=19
		--compress -0
		-0 --compress=5
	END
}

@test "-v says more, -vv still more, --quiet nothing but errors" {
	local plain one two
	serve
	meet 0 0 --trust=any "$AT"
	plain=$(wc -l <client.err)
	serve
	meet 0 0 -v "$AT"
	one=$(wc -l <client.err)
	serve
	meet 0 0 -vv "$AT"
	two=$(wc -l <client.err)
	[ "$plain" = 0 ]
	[ "$one" -gt 0 ]
	[ "$two" -gt "$one" ]
	client --quiet "$PWD/nothing"
	expect_status 3 vault-connect client.err
	one_line client.err 'cannot connect'
}
