# shellcheck disable=SC2034 # variables are for the stories
# endings: further words for the stories, about how a session ends and what people are told. After `load helper`.

# ---- people ----

# people: a server and a client, each with a configuration directory of its own and an identity in it, and the
# client's key in the server's authorized_keys. Sets SERVER_DIR, CLIENT_DIR, SERVER_KEY, CLIENT_KEY.
people() {
	strangers
	XDG_CONFIG_HOME=$PWD/server bounded 10 vault_keygen -C server >/dev/null
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_keygen -C client >/dev/null
	SERVER_KEY=$(key_of "$SERVER_DIR/identity.pub")
	CLIENT_KEY=$(key_of "$CLIENT_DIR/identity.pub")
	cp "$CLIENT_DIR/identity.pub" "$SERVER_DIR/authorized_keys"
}

# strangers: two directories, no keys.
strangers() {
	mkdir -p server/vault-tools client/vault-tools
	SERVER_DIR=$PWD/server/vault-tools
	CLIENT_DIR=$PWD/client/vault-tools
}

key_of() { cut -d ' ' -f 1 "$1"; }
fingerprint_of() { bounded 10 vault_keygen -l -f "$1" | cut -d ' ' -f 1; }

# ---- the two tools ----

# A shell without job control lets what it starts in the background ignore SIGINT, and our tools respect that.
vt_interruptible() {
	trap - INT QUIT
	exec "$@"
}

# serve ARGS...: start_listener with the server's configuration. On a Unix socket of this test, where no other
# process can be in the way, unless SERVE_AT says where.
serve() {
	local at
	# shellcheck disable=SC2206
	at=(${SERVE_AT:-"$PWD/sock"})
	VT_WRAP="vt_interruptible $VT_WRAP" XDG_CONFIG_HOME=$PWD/server start_listener "$@" "${at[@]}"
}

# client ARGS...: vault-connect with the client's configuration, to its end. Sets status; what it wrote is in
# client.out and client.err. CLIENT_STDIN may name its input.
client() {
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded "${CLIENT_SECONDS:-60}" vault_connect "$@" <"${CLIENT_STDIN:-/dev/null}" \
	    >client.out 2>client.err || status=$?
}

# start_client ARGS...: the same, in the background. Sets CLIENT_PID.
start_client() {
	VT_WRAP="vt_interruptible $VT_WRAP" XDG_CONFIG_HOME=$PWD/client spawn vault_connect "$@" <"${CLIENT_STDIN:-/dev/null}" >"${CLIENT_STDOUT:-client.out}" \
	    2>"${CLIENT_STDERR:-client.err}"
	CLIENT_PID=$SPAWN_PID
}

# meet LISTENER-STATUS CLIENT-STATUS CLIENT-ARGS...: one client to the listener's end; both statuses as given.
meet() {
	local listener=$1 connect=$2
	shift 2
	client "$@"
	expect_status "$connect" vault-connect client.err
	ended "$LISTEN_PID" "$listener" vault-listen "$LISTEN_ERR"
}

# ended PID STATUS NAME [FILE]: a process of spawn() ends with this status.
ended() {
	wait_for "$1" 20
	expect_status "$2" "$3" "${4:-}"
}

expect_status() {
	[ "$status" = "$1" ] && return
	echo "$2 ended with status $status, expected: $1; it says:" >&2
	[ -z "${3:-}" ] || cat -v "$3" >&2
	return 1
}

# rival BEFORE HOW TOLD ARGS...: a first contact with ARGS. While it is under way (from when the client says TOLD until
# the server goes on), another process remembers another key for the same name. BEFORE: what known_hosts is at the start,
# 'none', 'empty' or 'others'; HOW it is changed: 'append' or 'replace' (another file under that name). Sets RIVAL to the
# line that was added; the client's status is in $status, the listener has ended.
rival() {
	local before=$1 how=$2 told=$3 known=$CLIENT_DIR/known_hosts
	shift 3
	RIVAL="$PWD/sock $CLIENT_KEY"
	rm -f "$known" rival.in
	case $before in
	empty) : >"$known" ;;
	others) echo "elsewhere $CLIENT_KEY" >"$known" ;;
	esac
	printf 'not for everybody' >rival.in
	LISTEN_STDIN=rival.in serve --max-failures 1
	kill -STOP "$LISTEN_PID"
	CLIENT_STDIN=rival.in start_client -vv -w "$(ms 60000)" "$@" "$PWD/sock"
	told 20 client.err "$told"
	if [ "$how" = replace ]; then
		cat "$known" - <<<"$RIVAL" >known.new
		mv known.new "$known"
	else
		echo "$RIVAL" >>"$known"
	fi
	kill -CONT "$LISTEN_PID"
	wait_for "$LISTEN_PID" 20
	wait_for "$CLIENT_PID" 20
}

# contradicted: after rival(), the client has refused, nothing was exchanged, and what the other process wrote is kept.
contradicted() {
	expect_status 5 vault-connect client.err
	says client.err "the key of $PWD/sock (fingerprint $(fingerprint_of "$SERVER_DIR/identity")" 'remembered meanwhile'
	! grep -F 'remembered in' client.err || return 1
	silent client.out "$LISTEN_OUT"
	assert_equal "$(tail -n 1 "$CLIENT_DIR/known_hosts")" "$RIVAL"
	! grep -F "$SERVER_KEY" "$CLIENT_DIR/known_hosts" || return 1
}

# ---- what is said ----

# no_controls FILE: nothing that a terminal would take for a command, and no line of nonsense.
no_controls() {
	if LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"; then
		echo "control characters in $1:" >&2
		cat -v "$1" >&2
		return 1
	fi
}

# one_line FILE TEXT...: it holds one line of one tool, with every TEXT in it, and no control characters.
one_line() {
	local file=$1 text
	shift
	if [ "$(wc -l <"$file")" != 1 ] || ! grep -qE '^vault-(listen|connect|keygen): .' "$file"; then
		echo "$file: not one line of a tool:" >&2
		cat -v "$file" >&2
		return 1
	fi
	no_controls "$file"
	says "$file" "$@"
}

says() {
	local file=$1 text
	shift
	for text in "$@"; do
		grep -qF -e "$text" "$file" && continue
		echo "$file does not say '$text', but:" >&2
		cat -v "$file" >&2
		return 1
	done
}

silent() {
	local file
	for file in "$@"; do
		[ ! -s "$file" ] && continue
		echo "$file is not empty:" >&2
		cat -v "$file" >&2
		return 1
	done
}

# ---- input that stays open ----

# hold NAME [TEXT]: a fifo NAME. Whoever reads it gets TEXT, then nothing, until release.
hold() {
	rm -f "$1" "$1.go"
	mkfifo "$1"
	# shellcheck disable=SC2016
	spawn bash -c 'exec 8>"$0"; printf %s "$1" >&8; until [ -e "$0.go" ]; do sleep 0.02; done; cat "$0.go" >&8' \
	    "$PWD/$1" "${2:-}" </dev/null
	HOLD_PID=$SPAWN_PID
}

# release NAME [TEXT]: write TEXT, then end it.
release() {
	printf %s "${2:-}" >"$1.tmp"
	mv "$1.tmp" "$1.go"
}

# ---- clocks ----

# ms N: a duration of the tools that a slow build or wrapper stretches.
ms() { echo "$(($1 * VT_SLOW))ms"; }

# idle N: nothing happens for so many milliseconds, which is what is tested.
idle() { sleep "$(($1 * VT_SLOW / 1000)).$(printf %03d $(($1 * VT_SLOW % 1000)))"; }

# in_time N: what timed() measured was not longer than N milliseconds.
in_time() {
	[ "$TOOK" -le $(($1 * VT_SLOW)) ] && return
	echo "it took $TOOK ms" >&2
	return 1
}

# own_port: a TCP port in OWN_PORT that is free, and that the system gives nobody who asks for any: who tries it again
# and again while nobody listens there comes to no other test.
own_port() {
	local least _
	read -r least _ </proc/sys/net/ipv4/ip_local_port_range || least=32768
	[ "$least" -gt 11000 ] || least=32768
	while :; do
		OWN_PORT=$((10000 + RANDOM % (least - 10000)))
		(: <"/dev/tcp/127.0.0.1/$OWN_PORT") 2>/dev/null || return 0
	done
}

# ---- waiting for what is said ----

# told SECONDS FILE TEXT: until FILE holds TEXT.
told() { eventually "$1" grep -qF -e "$3" "$2"; }

size_of() { stat -c %s "$1" 2>/dev/null || stat -f %z "$1"; }
has_size() { [ "$(size_of "$1")" -ge "$2" ]; }

# stuck PID: it has written something, and nothing more the last ten times we asked.
stuck() {
	local now
	now=$(grep wchar "/proc/$1/io")
	if [ "$now" != "${STUCK_AT:-wchar: 0}" ]; then
		STUCK_AT=$now STUCK_FOR=0
		return 1
	fi
	[ $((++STUCK_FOR)) -ge 10 ]
}

# timed COMMAND...: how long it took, in milliseconds, in TOOK.
timed() {
	local begin=${EPOCHREALTIME/./}
	"$@"
	TOOK=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

# ---- what else may sit at the other end of a connection ----

# odd KIND [ARG...]: tests/peers/odd_server.py in the background; sets ODD_PID and ODD_PORT. It stays until odd_end
# or the end of the test.
odd() {
	local out=$BATS_TEST_TMPDIR/odd.$((++VT_COUNT))
	find_python socket
	: >"$out"
	[ -e odd.stdin ] || hold odd.stdin
	spawn "$PYTHON" "$ROOT/tests/peers/odd_server.py" "$@" <odd.stdin >"$out"
	ODD_PID=$SPAWN_PID
	ODD_OUT=$out
	eventually 10 vt_has_line "$out"
	ODD_PORT=$(head -n 1 "$out")
}

# link [RELAY-OPTIONS...]: a relay in front of what serve() began; sets LINK (a Unix socket) and LINK_PID.
link() {
	local ready=$BATS_TEST_TMPDIR/link.$((++VT_COUNT))
	LINK=$BATS_TEST_TMPDIR/l$VT_COUNT
	: >"$ready"
	spawn "$VT_BUILD/tests/relay" --to "$LISTEN_PATH" --listen "$LINK" --report "$BATS_TEST_TMPDIR/link.report" "$@" \
	    </dev/null >"$ready"
	LINK_PID=$SPAWN_PID
	eventually 10 vt_has_line "$ready"
}
