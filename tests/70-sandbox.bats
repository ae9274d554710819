#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - once the tools are set up, what they do not need cannot be done any more, and what they need can;
# - that is so in a real transfer, too: they try nothing that is refused;
# - --sandbox=require fails where there is no sandbox, auto goes on and says so with -v, off is off;
# - everything that comes late (names, second connections, keys to remember, files to name) works inside.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	TRY=$VT_BUILD/tests/sandbox-try
}

# need_sandbox: the rest is about what this system and build have.
need_sandbox() {
	local why
	[ -z "$VT_WRAP" ] || skip "the sandbox is NOT TESTED under $VT_WRAP"
	why=$("$TRY" 2>&1) || skip "the sandbox is NOT TESTED: $why"
}

need_strace() {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about the calls of the tools"
	strace -o strace.try true 2>/dev/null || skip "strace DOES NOT WORK here: nothing is known about the calls of the tools"
}

# tried [NEED...] < lines "TRY: OUTCOME": each turns out so. REFUSED stands for either refusal, KILLED for SIGSYS.
tried() {
	local expected
	expected=$(cat)
	mapfile -t words < <(cut -d' ' -f1 <<<"$expected" | sed 's/:$//')
	"$TRY" "$@" "${words[@]}" >outcomes 2>&1 || { cat outcomes >&2; return 1; }
	sed -E -e 's/: (Operation not permitted|Permission denied)$/: REFUSED/' -e 's/: killed by signal 31$/: KILLED/' \
	    -e 's/: Connection refused$/: ok/' outcomes >simple
	diff <(echo "$expected") simple
}

filters_of() { awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$1/status"; }
has_filters() { [ "$(filters_of "$1")" = "$2" ]; }

# ---- what can be done inside ----

@test "outside of a sandbox all that is tried works, so that a refusal means something" {
	[ "$(uname)" = Linux ] || skip "NOT TESTED: needs Linux"
	local name
	mkdir d && touch k d/a
	# Without the system calls that it is made of, the sandbox is none, and nothing is refused.
	need_sandbox
	for name in read:/etc/passwd append:k create:new name:d/n rename:d/a:d/b remove:d/b mkdir:d/m connect:9 bind:0 \
	    socket:inet:stream socket:unix:stream socket:inet:dgram fast-listener:9 fast-msg:9 fast-to:9 fast-many:9 old-open:k \
	    accept send sendto tune tune-ip resolve:localhost exec fork thread kill memory code make-code \
	    ptrace process-vm; do
		run "$TRY" --off "$name"
		assert_success
		assert_output --regexp "^$name: (ok|Connection refused)$"
	done
}

@test "a session under way: descriptors and memory, nothing else" {
	need_sandbox
	mkdir d && touch k d/a
	tried <<-'EOF'
		send: ok
		tune: ok
		stat:k: ok
		memory: ok
		foreground: ok
		link-local: ok
		abort: killed by signal 6
		read:/etc/passwd: REFUSED
		read:k: REFUSED
		append:k: REFUSED
		create:new: REFUSED
		name:d/n: REFUSED
		rename:d/a:d/b: REFUSED
		remove:d/a: REFUSED
		mkdir:d/m: REFUSED
		socket:inet:stream: REFUSED
		socket:17:raw: REFUSED
		sendto: REFUSED
		fast-listener:9: REFUSED
		fast-msg:9: REFUSED
		fast-to:9: REFUSED
		fast-many:9: REFUSED
		accept: REFUSED
		tune-ip: REFUSED
		kill: REFUSED
		code: REFUSED
		make-code: REFUSED
		type: REFUSED
		connect:9: KILLED
		bind:0: KILLED
		listen: KILLED
		exec: KILLED
		fork: KILLED
		thread: KILLED
		ptrace: KILLED
		process-vm: KILLED
	EOF
	[ "$(ls d)" = a ]
}

@test "-o: names are given and taken in that directory, no file is opened, none elsewhere is touched" {
	need_sandbox
	mkdir d e && touch d/a d/b e/a
	tried --directory d <<-'EOF'
		name:d/n: ok
		rename:d/a:d/c: ok
		remove:d/b: ok
		read:d/c: REFUSED
		append:d/c: REFUSED
		create:d/new: REFUSED
		mkdir:d/m: REFUSED
		name:e/n: REFUSED
		rename:e/a:e/b: REFUSED
		rename:d/c:e/c: REFUSED
		remove:e/a: REFUSED
		socket:inet:stream: REFUSED
		exec: KILLED
	EOF
	[ "$(echo d/* e/*)" = 'd/c d/n e/a' ]
}

@test "known_hosts: that file, and not its neighbours" {
	need_sandbox
	mkdir d && touch d/known_hosts d/identity
	tried --append d/known_hosts <<-'EOF'
		append:d/known_hosts: ok
		read:d/known_hosts: ok
		read:d/identity: REFUSED
		append:d/identity: REFUSED
		create:d/authorized_keys: REFUSED
		remove:d/known_hosts: REFUSED
		rename:d/identity:d/known_hosts: REFUSED
		socket:inet:stream: REFUSED
	EOF
	rm d/known_hosts
	tried --arrival d/known_hosts <<-'EOF'
		name:d/known_hosts: ok
		name:d/identity: File exists
		read:d/known_hosts: REFUSED
		read:d/identity: REFUSED
		append:d/identity: REFUSED
		create:d/authorized_keys: REFUSED
		remove:d/identity: REFUSED
	EOF
}

@test "a listener: clients are accepted, its socket is removed, nobody is connected to" {
	need_sandbox
	mkdir d && touch d/sock k
	tried --accept --removal d/sock <<-'EOF'
		accept: ok
		remove:d/sock: ok
		remove:k: REFUSED
		name:d/n: REFUSED
		socket:inet:stream: REFUSED
		fast-listener:9: REFUSED
		fast-to:9: REFUSED
		connect:9: KILLED
		listen: KILLED
		fork: KILLED
	EOF
}

@test "what was a listener does not connect by TCP Fast Open, in any of its forms" {
	need_sandbox
	local needs
	for needs in '' '--twice' '--accept --again' '--connect 9' '--connect 9 --resolve --again' '--unix'; do
		echo "needs: $needs"
		# shellcheck disable=SC2086
		tried $needs <<-'EOF'
			fast-listener:10: REFUSED
			fast-msg:10: REFUSED
			fast-to:10: REFUSED
			fast-many:10: REFUSED
		EOF
	done
}

@test "one port to connect to, by TCP and nothing else; or Unix sockets and nothing else" {
	need_sandbox
	tried --unix <<-'EOF'
		socket:unix:stream: ok
		socket:unix:dgram: REFUSED
		socket:inet:stream: REFUSED
		socket:inet:dgram: REFUSED
		connect:9: REFUSED
	EOF
	tried --connect 9 <<-'EOF'
		socket:inet:stream: ok
		socket:inet:stream:tcp: ok
		socket:inet6:stream: ok
		socket:unix:stream: REFUSED
		socket:inet:stream:mptcp: REFUSED
		socket:inet:stream:132: REFUSED
		socket:inet:dgram: REFUSED
		socket:inet:dgram:icmp: REFUSED
		socket:inet:raw:icmp: REFUSED
		socket:inet:raw:tcp: REFUSED
		socket:inet6:dgram: REFUSED
		sendto: REFUSED
		connect:9: ok
		connect:10: REFUSED
		socket:17:raw: REFUSED
		bind:0: KILLED
		accept: REFUSED
		read:/etc/passwd: REFUSED
		thread: KILLED
	EOF
	tried --connect 9 --also 13 --also 17 <<-'EOF'
		connect:9: ok
		connect:13: ok
		connect:17: ok
		connect:10: REFUSED
		bind:0: KILLED
	EOF
	tried --connect 9 --bind 0 <<-'EOF'
		bind:0: ok
		bind:9: REFUSED
		connect:10: REFUSED
	EOF
}

@test "names to be looked up: the files that are read for that, a thread, DNS; no process, no other file" {
	need_sandbox
	: >k
	tried --connect 9 --resolve <<-'EOF'
		resolve:localhost: ok
		thread: ok
		read:/etc/hosts: ok
		read:/etc/resolv.conf: ok
		read:/etc/passwd: REFUSED
		read:/etc: REFUSED
		read:/run: REFUSED
		read:/usr/share: REFUSED
		socket:inet:dgram: ok
		socket:unix:stream: ok
		socket:inet:stream:mptcp: REFUSED
		socket:inet:dgram:icmp: REFUSED
		socket:inet:raw:icmp: REFUSED
		socket:16:raw:16: REFUSED
		connect:9: ok
		connect:10: REFUSED
		read:k: REFUSED
		append:/etc/hosts: REFUSED
		create:new: REFUSED
		socket:17:raw: REFUSED
		fork: KILLED
		exec: KILLED
		ptrace: KILLED
	EOF
}

@test "a sandbox that will be entered again can name directories, by open(2), too, and read nothing" {
	need_sandbox
	: >k
	tried --again <<-'EOF'
		old-path:k: ok
		old-open:k: REFUSED
		read:k: REFUSED
	EOF
	tried <<-'EOF'
		old-path:k: REFUSED
		old-open:k: REFUSED
	EOF
}

@test "what was allowed until the session began is not afterwards" {
	need_sandbox
	mkdir d && touch k d/sock
	tried --accept --connect 9 --bind 0 --resolve --append k --directory d --removal d/sock --twice <<-'EOF'
		send: ok
		memory: ok
		accept: REFUSED
		append:k: REFUSED
		name:d/n: REFUSED
		remove:d/sock: REFUSED
		socket:inet:stream: REFUSED
		code: REFUSED
		connect:9: KILLED
		bind:0: KILLED
		thread: KILLED
	EOF
}

# ---- the tools themselves ----

@test "a waiting listener is in it, and deeper when it has its client" {
	need_sandbox
	[ -n "$(filters_of self)" ] || skip "NOT TESTED: this kernel does not count filters"
	local before
	before=$(filters_of self)
	hold in
	LISTEN_STDIN=in serve
	assert_equal "$(filters_of "$LISTEN_PID")" $((before + 1))
	assert_equal "$(awk '$1 == "NoNewPrivs:" { print $2 }' "/proc/$LISTEN_PID/status")" 1
	start_client -r "$SERVER_KEY" "$AT"
	eventually 10 has_filters "$LISTEN_PID" $((before + 2))
	eventually 10 has_filters "$CLIENT_PID" $((before + 2))
	release in
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	serve --sandbox off
	assert_equal "$(filters_of "$LISTEN_PID")" "$before"
}

# after CALL FILE: what strace wrote after the first CALL; after_last: after the last one.
after() { awk -v call=" $1(" 'seen { print } index($0, call) { seen = 1 }' "$2"; }
after_last() { tac "$2" | awk -v call=" $1(" 'index($0, call) { exit } { print }' | tac; }

# no_calls FILE NAMES: none of these calls in it. refused_nothing FILE: and the sandbox had nothing to refuse
# (that regular files cannot be polled is the kernel's own word).
no_calls() {
	[ -s "$1" ] || { echo "$1 is empty" >&2; return 1; }
	! grep -E " ($2)\(" "$1" >&2
}
refused_nothing() { ! grep -vE ' epoll_ctl\(' "$1" | grep -E '= -1 (EPERM|EACCES|ENOSYS)|SIGSYS' >&2; }

# both_traced LISTEN-ARGS -- CONNECT-ARGS: a transfer of data both ways, calls in listen.trace and connect.trace.
both_traced() {
	local listen=()
	while [ "$1" != -- ]; do listen+=("$1"); shift; done
	shift
	: >ready
	spawn strace -f -o listen.trace "$VT_BIN/vault-listen" --sandbox=require -i "$SERVER_DIR/identity" \
	    -a "$SERVER_DIR/authorized_keys" --ready-fd 9 "${listen[@]}" 9>ready <data >listen.out 2>listen.err
	LISTEN_PID=$SPAWN_PID
	eventually 20 vt_has_line ready
	status=0
	XDG_CONFIG_HOME=$PWD/client timeout "$(scaled 30)" strace -f -o connect.trace "$VT_BIN/vault-connect" \
	    --sandbox=require "${@}" <data >connect.out 2>connect.err || status=$?
	expect_status 0 vault-connect connect.err
	ended "$LISTEN_PID" 0 vault-listen listen.err
}

new_calls='open|openat|openat2|creat|socket|connect|bind|listen|execve|execveat|clone|clone3|fork|vfork|unlink|unlinkat'

@test "strace: after the last step no file, no socket, no program, and nothing is refused" {
	need_sandbox
	need_strace
	local pattern
	"$VT_BUILD/tests/pattern" 3M 1 >data
	for pattern in XX IK; do
		both_traced --compress "$AT" -- --compress -r "$SERVER_KEY" --protocol $pattern "$AT"
		cmp data listen.out
		cmp data connect.out
		after seccomp listen.trace >listen.inside
		after seccomp connect.trace >connect.inside
		# The path of the listener's socket is removed, which is why its sandbox has two steps.
		no_calls connect.inside "$new_calls"
		no_calls listen.inside "${new_calls%|unlink|unlinkat}"
		after_last seccomp listen.trace >listen.session
		no_calls listen.session "$new_calls|accept|accept4"
		refused_nothing listen.inside
		refused_nothing connect.inside
	done
}

@test "strace: -o opens nothing and gives the file its name; a key is remembered before the session" {
	need_sandbox
	need_strace
	"$VT_BUILD/tests/pattern" 1M 2 >data
	both_traced -o got "$AT" -- -o back "$AT"
	cmp data got
	cmp data back
	grep -q "^$AT $SERVER_KEY" "$CLIENT_DIR/known_hosts"
	for side in listen connect; do
		after_last seccomp $side.trace >$side.session
		no_calls $side.session "$new_calls"
		after seccomp $side.trace >$side.inside
		refused_nothing $side.inside
		grep -q ' linkat(' $side.session
	done
}

# (Otherwise all that the machine's memory holds would be waited for at the end, while the peer hears nothing.)
@test "strace: -o has the disk write while data comes, and waits for it, in steps of 8 MiB" {
	need_sandbox
	need_strace
	"$VT_BUILD/tests/pattern" 30M 2 >data
	local side begun waited
	both_traced -o got "$AT" -- -o back "$AT"
	cmp data got
	for side in listen connect; do
		after seccomp $side.trace >$side.inside
		refused_nothing $side.inside
		begun=$(grep -c 'sync_file_range(.*, SYNC_FILE_RANGE_WRITE)' $side.inside) || true
		waited=$(grep -c 'sync_file_range(.*SYNC_FILE_RANGE_WAIT_AFTER)' $side.inside) || true
		assert_equal "$side: $begun begun, $waited waited for" "$side: 3 begun, 2 waited for"
	done
}

@test "strace: with a code both keys are remembered before the session, in files that are new, and nothing is refused" {
	need_sandbox
	need_strace
	local code
	rm -f "$SERVER_DIR/authorized_keys"
	"$VT_BUILD/tests/pattern" 1M 2 >data
	XDG_CONFIG_HOME=$PWD/server spawn strace -f -o listen.trace "$VT_BIN/vault-listen" --sandbox=require --code --remember \
	    "$AT" <data >listen.out 2>listen.err
	LISTEN_PID=$SPAWN_PID
	eventually 20 grep -q 'one-time code' listen.err
	code=$(sed -nE 's/.*one-time code ([^,]*),.*/\1/p' listen.err)
	status=0
	XDG_CONFIG_HOME=$PWD/client timeout "$(scaled 30)" strace -f -o connect.trace "$VT_BIN/vault-connect" \
	    --sandbox=require --remember --code-fd 7 "$AT" 7<<<"$code" <data >connect.out 2>connect.err || status=$?
	expect_status 0 vault-connect connect.err
	ended "$LISTEN_PID" 0 vault-listen listen.err
	cmp data listen.out
	cmp data connect.out
	grep -q "^$AT $SERVER_KEY" "$CLIENT_DIR/known_hosts"
	grep -q "^$CLIENT_KEY" "$SERVER_DIR/authorized_keys"
	for side in listen connect; do
		after_last seccomp $side.trace >$side.session
		no_calls $side.session "$new_calls"
		after seccomp $side.trace >$side.inside
		refused_nothing $side.inside
	done
}

@test "strace: X448, BLAKE2s and libcrypto's first use want no file" {
	need_sandbox
	need_strace
	"$VT_BUILD/tests/pattern" 3M 3 >data
	"$VT_BIN/vault-listen" --version | grep -q libcrypto || skip "NOT TESTED: built without libcrypto"
	"$VT_BIN/vault-keygen" --psk -f p.psk >/dev/null
	: >ready
	spawn strace -f -o listen.trace "$VT_BIN/vault-listen" --sandbox=require --psk-file p.psk \
	    --protocol Noise_NNpsk0_448_ChaChaPoly_BLAKE2s --ready-fd 9 "$AT" 9>ready </dev/null >listen.out 2>listen.err
	LISTEN_PID=$SPAWN_PID
	eventually 20 vt_has_line ready
	bounded 30 vault_connect --sandbox=require --psk-file p.psk --protocol Noise_NNpsk0_448_ChaChaPoly_BLAKE2s "$AT" \
	    <data
	ended "$LISTEN_PID" 0 vault-listen listen.err
	cmp data listen.out
	after_last seccomp listen.trace >listen.session
	no_calls listen.session "$new_calls"
	refused_nothing listen.session
}

@test "inside, required: both directions over TCP, by name, and the whole of -z" {
	need_sandbox
	"$VT_BUILD/tests/pattern" 3M 4 >data
	SERVE_AT='localhost 0' LISTEN_STDIN=data serve --sandbox=require --compress -o got
	client --sandbox=require -z --json localhost "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	[ "$(jq -r .key client.out)" = "$SERVER_KEY" ]
	CLIENT_STDIN=data meet 0 0 --sandbox=require --compress localhost "$LISTEN_PORT"
	cmp data got
	cmp data client.out
	assert_equal "$(wc -l <"$CLIENT_DIR/known_hosts")" 1
}

@test "inside, required: an older -o file is replaced, one that was cut is not" {
	need_sandbox
	echo old >got
	echo new >data
	serve --sandbox=require -o got
	CLIENT_STDIN=data meet 0 0 --sandbox=require -r "$SERVER_KEY" "$AT"
	cmp data got
	hold in 'a beginning'
	serve --sandbox=require -o got
	CLIENT_STDIN=in start_client --sandbox=require -r "$SERVER_KEY" -v "$AT"
	told 10 client.err connected
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	cmp data got
	[ -z "$(find . -maxdepth 1 -name '.got*')" ]
}

@test "inside, required: a changed key is found out and told, by the second connection" {
	need_sandbox
	local other
	other=$(key_of "$CLIENT_DIR/identity.pub")
	SERVE_AT='127.0.0.1 0' serve --sandbox=require
	echo "127.0.0.1:$LISTEN_PORT $other" >"$CLIENT_DIR/known_hosts"
	client --sandbox=require 127.0.0.1 "$LISTEN_PORT"
	expect_status 5 vault-connect client.err
	says client.err "$(fingerprint_of "$SERVER_DIR/identity")" CHANGED
	echo "localhost:$LISTEN_PORT $other" >"$CLIENT_DIR/known_hosts"
	client --sandbox=require localhost "$LISTEN_PORT"
	expect_status 5 vault-connect client.err
	says client.err "$(fingerprint_of "$SERVER_DIR/identity")" CHANGED
	signal "$LISTEN_PID" TERM 10
}

@test "inside, required: --retry looks up a name and connects again, and says that it may" {
	need_sandbox
	own_port
	start_client --sandbox=require --retry --retry-delay 100ms -v localhost "$OWN_PORT"
	told 10 client.err 'trying again'
	says client.err 'sandbox: name look-ups and connections stay possible until the session is up'
	SERVE_AT="localhost $OWN_PORT" serve
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	grep -q "^localhost:$OWN_PORT $SERVER_KEY" "$CLIENT_DIR/known_hosts"
}

@test "inside, required: several first contacts at a time; who cannot compare is refused, and well off the next time" {
	need_sandbox
	local i again=()
	for i in 1 2 3; do
		SERVE_AT="$PWD/sock$i" serve
		LISTEN_PIDS[i]=$LISTEN_PID
	done
	for i in 1 2 3; do
		CLIENT_STDERR=client$i.err start_client --sandbox=require "$PWD/sock$i"
		CLIENT_PIDS[i]=$CLIENT_PID
	done
	for i in 1 2 3; do
		wait_for "${CLIENT_PIDS[i]}" 20
		if [ "$status" = 0 ]; then
			one_line client$i.err 'remembered in'
			ended "${LISTEN_PIDS[i]}" 0 vault-listen
		else
			expect_status 5 vault-connect client$i.err
			one_line client$i.err 'by another process meanwhile' 'try again'
			wait_for "${LISTEN_PIDS[i]}" 20
			again+=("$i")
		fi
	done
	[ ${#again[@]} -lt 3 ]
	assert_equal "$(wc -l <"$CLIENT_DIR/known_hosts")" $((3 - ${#again[@]}))
	for i in "${again[@]}"; do
		SERVE_AT="$PWD/sock$i" serve
		meet 0 0 --sandbox=require "$PWD/sock$i"
		one_line client.err 'remembered in'
	done
	assert_equal "$(wc -l <"$CLIENT_DIR/known_hosts")" 3
}

@test "inside, required: another process remembers another key while we first meet a server: refused" {
	need_sandbox
	local before
	for before in none empty others; do
		echo "known_hosts: $before"
		rival $before append 'files and system calls are confined' --sandbox=require
		contradicted
	done
}

# ---- where there is none ----

@test "--sandbox=require: 9 where landlock, seccomp or both are missing, and nothing was promised" {
	need_sandbox
	local missing
	serve
	for missing in landlock seccomp both; do
		case $missing in
		landlock) why='no landlock (Function not implemented)' ;;
		seccomp) why='no seccomp (Function not implemented)' ;;
		both) why='no landlock (Function not implemented), no seccomp (Function not implemented)' ;;
		esac
		: >ready
		run --separate-stderr bounded 10 "$TRY" --deny $missing "$VT_BIN/vault-listen" --sandbox=require \
		    --ready-fd 9 "$PWD/other" 9>ready
		assert_failure 9
		assert_equal "$stderr" "vault-listen: --sandbox=require: $why"
		[ ! -s ready ]
		assert_not_exists other
		run --separate-stderr bounded 10 "$TRY" --deny $missing "$VT_BIN/vault-connect" --sandbox=require \
		    -r "$SERVER_KEY" "$AT"
		assert_failure 9
		assert_equal "$stderr" "vault-connect: --sandbox=require: $why"
	done
	signal "$LISTEN_PID" TERM 10
	assert_equal "$status" 0
}

@test "--sandbox=auto: goes on without; -v says what is missing, otherwise nothing is said" {
	need_sandbox
	local missing
	echo data >data
	for missing in landlock seccomp both; do
		XDG_CONFIG_HOME=$PWD/server spawn "$TRY" --deny $missing "$VT_BIN/vault-listen" -v -o got "$AT" \
		    </dev/null >/dev/null 2>listen.err
		LISTEN_PID=$SPAWN_PID
		told 10 listen.err 'listening on'
		status=0
		XDG_CONFIG_HOME=$PWD/client bounded 10 "$TRY" --deny $missing "$VT_BIN/vault-connect" -r "$SERVER_KEY" "$AT" \
		    <data 2>client.err || status=$?
		expect_status 0 vault-connect client.err
		silent client.err
		ended "$LISTEN_PID" 0 vault-listen listen.err
		assert_equal "$(grep -c 'sandbox: not complete: no ' listen.err)" 1
		cmp data got
		rm got
	done
}

@test "a wrong mode is a usage error" {
	local tool
	for tool in vault_listen vault_connect; do
		run --separate-stderr bounded 10 $tool --sandbox=maybe "$AT"
		assert_failure 2
		assert_equal "$output" ''
		assert_equal "${stderr_lines[0]}" "${tool/_/-}: --sandbox: 'maybe' is none of auto, require, off"
	done
}

@test "--version names the sandbox, and a build without one says so" {
	run bounded 10 vault_listen --version
	assert_success
	assert_line --index 1 --regexp 'sandbox( landlock [0-9]+)?( \+)?( seccomp)?( none.*)?, AES'
	if "$TRY" 2>/dev/null && [ -z "$VT_WRAP" ]; then
		assert_line --index 1 --regexp 'sandbox landlock [0-9]+ \+ seccomp'
	else
		run --separate-stderr bounded 10 vault_listen --sandbox=require "$AT"
		assert_failure 9
		assert_regex "$stderr" '^vault-listen: --sandbox=require: '
	fi
}

@test "inside, required: the same, when known_hosts is replaced by another file" {
	need_sandbox
	local before
	for before in empty others; do
		echo "known_hosts: $before"
		rival $before replace 'files and system calls are confined' --sandbox=require
		contradicted
	done
}
