#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - once the tools are set up, what they do not need cannot be done any more, and what they need can;
# - --sandbox=require fails where there is no sandbox, auto goes on and says so with -v, off is off.

load helper
load endings
load sandbox

setup() {
	sandbox_setup
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
	run --separate-stderr bounded 10 vault_listen --version
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
