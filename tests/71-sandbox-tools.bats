#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - the tools are in their sandbox when they say so, and in a real transfer try nothing that is refused;
# - everything that comes late (names, second connections, keys to remember, files to name) works inside.

load helper
load endings
load sandbox

setup() {
	sandbox_setup
}

need_strace() {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about the calls of the tools"
	strace -o strace.try true 2>/dev/null || skip "strace DOES NOT WORK here: nothing is known about the calls of the tools"
}

filters_of() { awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$1/status"; }
has_filters() { [ "$(filters_of "$1")" = "$2" ]; }

@test "a waiting listener is in it, and deeper when it has its client" {
	need_sandbox
	[ -n "$(filters_of self)" ] || skip "NOT TESTED: this kernel does not count filters"
	local before
	before=$(filters_of self)
	hold in
	LISTEN_STDIN=in serve
	eventually 10 has_filters "$LISTEN_PID" $((before + 1))
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

@test "vault-udp says that it is bound at once, with --sandbox=require not before it is in; where it cannot be, never" {
	need_sandbox
	[ -n "$(filters_of self)" ] || skip "NOT TESTED: this kernel does not count filters"
	local before mode
	before=$(filters_of self)
	for mode in auto require; do
		: >ready
		spawn "$VT_BIN/vault-udp" --quiet -l 127.0.0.1:0 --recv-only --sandbox=$mode --ready-fd 9 9>ready </dev/null 2>udp.err
		eventually 10 test -s ready
		[ $mode = auto ] || has_filters "$SPAWN_PID" $((before + 1))
		eventually 10 has_filters "$SPAWN_PID" $((before + 1))
		signal "$SPAWN_PID" TERM 10
		assert_equal "$status" 0
	done
	: >ready
	run --separate-stderr bounded 10 "$TRY" --deny both "$VT_BIN/vault-udp" --quiet -l 127.0.0.1:0 --recv-only \
	    --sandbox=require --ready-fd 9 9>ready
	assert_failure 9
	[ ! -s ready ]
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

tasks_of() { find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l; }
has_tasks() { [ "$(tasks_of "$1")" = "$2" ]; }

@test "the second thread of --compress begins inside, and is as confined as the first" {
	need_sandbox
	[ -n "$(filters_of self)" ] || skip "NOT TESTED: this kernel does not count filters"
	[ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ] || skip "NOT TESTED: one processor only"
	local status
	seq 1000000 >up
	hold in
	LISTEN_STDIN=in LISTEN_STDOUT=got serve --sandbox=require --compress
	CLIENT_STDIN=up start_client --sandbox=require --compress -r "$SERVER_KEY" "$AT"
	eventually 20 has_tasks "$CLIENT_PID" 2
	eventually 20 cmp -s up got
	for status in "/proc/$CLIENT_PID/task"/*/status; do grep -E '^(NoNewPrivs|Seccomp|Seccomp_filters|SigBlk):' "$status"; done >all
	assert_equal "$(grep -v SigBlk all | sort | uniq -c | awk '{ print $1 }' | sort -u)" 2
	assert_equal "$(grep -c 'Seccomp:[[:space:]]*2' all)" 2
	assert_equal "$(tasks_of "$LISTEN_PID")" 1 # it has nothing to compress
	release in
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp up got
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

# bulk_under PROTOCOL: 3 MB under it, and the listener looked for no file once it was inside.
bulk_under() {
	: >ready
	spawn strace -f -o listen.trace "$VT_BIN/vault-listen" --sandbox=require --psk-file p.psk --protocol "$1" \
	    --ready-fd 9 "$AT" 9>ready </dev/null >listen.out 2>listen.err
	LISTEN_PID=$SPAWN_PID
	eventually 20 vt_has_line ready
	bounded 30 vault_connect --sandbox=require --psk-file p.psk --protocol "$1" "$AT" <data
	ended "$LISTEN_PID" 0 vault-listen listen.err
	cmp data listen.out
	after_last seccomp listen.trace >listen.session
	no_calls listen.session "$new_calls"
	refused_nothing listen.session
}

@test "strace: X448, BLAKE2s and the libraries for bulk data want no file when they are first used" {
	need_sandbox
	need_strace
	"$VT_BUILD/tests/pattern" 3M 3 >data
	"$VT_BIN/vault-keygen" --psk -f p.psk >/dev/null
	bulk_under Noise_NNpsk0_25519_AESGCM_SHA512
	"$VT_BIN/vault-listen" --version | grep -qw 'libcrypto [0-9]' || skip "NOT TESTED: built without libcrypto"
	bulk_under Noise_NNpsk0_448_ChaChaPoly_BLAKE2s
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

@test "inside, required: the same, when known_hosts is replaced by another file" {
	need_sandbox
	local before
	for before in empty others; do
		echo "known_hosts: $before"
		rival $before replace 'files and system calls are confined' --sandbox=require
		contradicted
	done
}
