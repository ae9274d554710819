#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - two people without keys exchange eight characters and are safe, with one command each;
# - a guess costs one of three tries, however it is made, and the one who listens sees each;
# - a code lets one client in, once, and not after its time;
# - with --remember on both sides the code is the last one that is needed;
# - who fails learns on the right side why and what to do next, in one line; the code itself is shown once and nowhere else.

load helper
load endings

setup() {
	vt_setup
	strangers
	AT=$PWD/sock
	echo 'what is sent' >in
}

keys() {
	people
	rm -f "$SERVER_DIR/authorized_keys"
}

# offer ARGS...: a listener with a code, which is in $CODE and, fit to be read, in the file code.
offer() {
	serve --code "$@"
	eventually 10 grep -q 'one-time code' "$LISTEN_ERR"
	CODE=$(sed -nE 's/^vault-listen: one-time code ([^,]*),.*/\1/p' "$LISTEN_ERR")
	[[ $CODE =~ ^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$ ]] || fail "not a code: '$CODE'"
	write_code "$CODE"
}

write_code() { (umask 077 && echo "$1" >code); }

# wrong: another code than $CODE, in the file code.
wrong() { if [ "$CODE" = 2222-2222 ]; then write_code 3333-3333; else write_code 2222-2222; fi; }

guess() { CLIENT_STDIN=in client --code-file code "$AT"; }

# told_of N FILE: what was said about wrong guesses.
told_of() { assert_equal "$(grep -c 'a wrong code was tried' "$2")" "$1"; }

@test "two people without keys: one code, and the data arrives" {
	offer
	CLIENT_STDIN=in meet 0 0 --code-file code "$AT"
	cmp in "$LISTEN_OUT"
	silent client.err
	one_line "$LISTEN_ERR" "one-time code $CODE, good for 10 min" "on the other side type vault-connect --code $AT"
	# No keys were there, none are made, nobody is remembered.
	assert_equal "$(find server client -type f)" ''
}

@test "the code as people type it: small letters, blanks, no dash, look-alikes; from a descriptor, with the data behind it" {
	offer
	{
		tr 'A-Z01' 'a-zol' <<<" ${CODE/-/ } "
		cat in
	} >typed
	CLIENT_STDIN=typed meet 0 0 --code-fd 0 "$AT"
	cmp in "$LISTEN_OUT"
	offer
	exec 7<code
	CLIENT_STDIN=in meet 0 0 --code-fd 7 "$AT"
	exec 7<&-
	cmp in "$LISTEN_OUT"
}

@test "three wrong guesses: each is told on both sides, then the code is dead and the listener ends with 5" {
	local i
	offer
	wrong
	for i in 1 2 3; do
		guess
		expect_status 5 vault-connect client.err
		one_line client.err 'the code is wrong, or dead' 'read it again'
		silent client.out
	done
	ended "$LISTEN_PID" 5 vault-listen "$LISTEN_ERR"
	told_of 3 "$LISTEN_ERR"
	says "$LISTEN_ERR" 'after 2 more the code is dead' 'after 1 more the code is dead' 'for a new one start again'
	assert_equal "$(wc -l <"$LISTEN_ERR")" 4
	silent "$LISTEN_OUT"
}

@test "two wrong guesses do no harm to the one who knows the code" {
	offer
	wrong
	guess
	guess
	expect_status 5 vault-connect client.err
	write_code "$CODE"
	CLIENT_STDIN=in meet 0 0 --code-file code "$AT"
	told_of 2 "$LISTEN_ERR"
	cmp in "$LISTEN_OUT"
}

@test "a crowd that guesses at the same time gets three answers, and the right code comes too late" {
	local i pids=() dead=0
	offer
	wrong
	kill -STOP "$LISTEN_PID"
	for i in $(seq 12); do
		CLIENT_STDERR=guess.$i CLIENT_STDOUT=out.$i CLIENT_STDIN=in start_client --code-file code "$AT"
		pids+=("$CLIENT_PID")
	done
	kill -CONT "$LISTEN_PID"
	for i in "${pids[@]}"; do
		wait_for "$i" 30
		[ "$status" = 5 ] || [ "$status" = 3 ] || fail "status $status"
	done
	ended "$LISTEN_PID" 5 vault-listen "$LISTEN_ERR"
	told_of 3 "$LISTEN_ERR"
}

@test "scans, cut connections and clients without a code cost no try" {
	SERVE_AT='127.0.0.1 0' offer
	local i
	for i in 1 2 3 4 5; do
		printf 'GET / HTTP/1.0\r\n\r\n' | timeout 5 nc -N 127.0.0.1 "$LISTEN_PORT" >/dev/null || true
		CLIENT_STDIN=in client --known-hosts known 127.0.0.1 "$LISTEN_PORT"
		expect_status 5 vault-connect client.err
		one_line client.err 'a pre-shared key or a one-time code' '--code'
	done
	told_of 0 "$LISTEN_ERR"
	CLIENT_STDIN=in meet 0 0 --code-file code 127.0.0.1 "$LISTEN_PORT"
	cmp in "$LISTEN_OUT"
}

@test "a code has its time; it cannot be given more than ten minutes" {
	offer --accept-timeout "$(scaled 1)s"
	ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
	says "$LISTEN_ERR" 'timeout: nobody came with the code in time'
	run bounded 5 vault_listen --code --accept-timeout 601s "$AT"
	assert_failure 2
	assert_output --partial 'a code is good for 10 minutes at most'
	run bounded 5 vault_listen --code --accept-timeout 0 "$AT"
	assert_failure 2
}

@test "one client: a second one with the right code is not served" {
	mkfifo slow
	offer
	exec 8<>slow
	CLIENT_STDIN=slow CLIENT_STDOUT=first.out CLIENT_STDERR=first.err start_client -v --code-file code "$AT" 8>&-
	eventually 10 grep -q 'connected with' first.err
	guess
	expect_status 3 vault-connect client.err
	echo word >&8
	exec 8>&-
	wait_for "$CLIENT_PID" 20
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" word
}

@test "--remember: each side has the other's key, and the next time no code is needed" {
	keys
	offer --remember
	CLIENT_STDIN=in meet 0 0 --code-file code --remember "$AT"
	says client.err "new server $AT: key $SERVER_KEY" "accepts this side's key from now on"
	says "$LISTEN_ERR" "key $CLIENT_KEY" "added to $SERVER_DIR/authorized_keys"
	assert_equal "$(cat "$CLIENT_DIR/known_hosts")" "$AT $SERVER_KEY"
	[[ $(cat "$SERVER_DIR/authorized_keys") =~ ^"$CLIENT_KEY code-20"[0-9-]*$ ]]
	assert_equal "$(mode_of "$SERVER_DIR/authorized_keys")" 600
	serve
	CLIENT_STDIN=in meet 0 0 --trust strict "$AT"
	cmp in "$LISTEN_OUT"
	silent "$LISTEN_ERR" client.err
	# Once more: nothing is doubled.
	offer --remember
	meet 0 0 --code-file code --remember "$AT"
	says "$LISTEN_ERR" 'stands already in'
	assert_equal "$(wc -l <"$SERVER_DIR/authorized_keys")" 1
	assert_equal "$(wc -l <"$CLIENT_DIR/known_hosts")" 1
}

@test "--copy-id: the key is installed in the file that is named, behind what stands there; no data flows" {
	keys
	printf '# people\n%s' "$SERVER_KEY me" >list # (without a newline at its end)
	chmod 600 list
	offer --remember -a list
	CLIENT_STDIN=in meet 0 0 --code-file code --copy-id "$AT"
	silent client.out "$LISTEN_OUT"
	assert_equal "$(sed -E 's/ code-.*//' list)" "$(printf '# people\n%s\n%s' "$SERVER_KEY me" "$CLIENT_KEY")"
	serve -a list
	meet 0 0 "$AT"
}

@test "who is not remembered is told: the other side did not ask, or was not asked, or has no key" {
	keys
	offer
	meet 0 7 --code-file code --copy-id "$AT"
	says client.err "did not remember this side's key" 'vault-listen --code --remember'
	offer
	meet 0 0 --code-file code --remember "$AT"
	says client.err "did not remember this side's key"
	offer --remember
	meet 0 0 --code-file code "$AT"
	says "$LISTEN_ERR" 'does not ask to be remembered' 'vault-connect --remember'
	[ ! -e "$SERVER_DIR/authorized_keys" ] || [ ! -s "$SERVER_DIR/authorized_keys" ]
	rm "$CLIENT_DIR"/identity*
	offer --remember
	client --code-file code --remember "$AT"
	expect_status 2 vault-connect client.err
	says client.err 'no identity to be remembered: type vault-keygen first'
	signal "$LISTEN_PID" TERM 10
	rm "$SERVER_DIR"/identity*
	XDG_CONFIG_HOME=$PWD/server run bounded 5 vault_listen --code --remember "$AT"
	assert_failure 2
	assert_output --partial 'type vault-keygen first'
}

@test "a list that has no room, or cannot be read, is not made worse; the client is told" {
	keys
	echo "$SERVER_KEY me" >list
	chmod 600 list
	# A disk that is full after a few bytes of the line.
	printf '#!/usr/bin/env bash\nulimit -f 1\nexec "$@"\n' >limited
	chmod +x limited
	head -c 1000 /dev/zero | tr '\0' '#' >full && echo >>full
	chmod 600 full
	VT_WRAP="$PWD/limited $VT_WRAP" offer --remember -a full
	meet 1 7 --code-file code --copy-id "$AT"
	says "$LISTEN_ERR" "cannot remember the client's key" full
	says client.err "did not remember this side's key"
	assert_equal "$(wc -c <full)" 1001
	echo 'no key' >list
	XDG_CONFIG_HOME=$PWD/server run bounded 5 vault_listen --code --remember -a list "$AT"
	assert_failure 1
	assert_output --partial 'list:1:'
}

offers_or_gone() { grep -q 'one-time code' listen.err || vt_gone "$1"; }

# struck FAULT EXPECTED: a listener that remembers, with this fault in the calls about its list. EXPECTED: the lines that
# the list may then have.
struck() {
	: >listen.err
	XDG_CONFIG_HOME=$PWD/server spawn traced -qq -o trace -P "$PWD/list" -e "inject=$1" "$VT_BIN/vault-listen" --code --remember \
	    -a "$PWD/list" "$AT" <in >listen.out 2>listen.err
	eventually 20 offers_or_gone "$SPAWN_PID"
	TOLD=none
	if grep -q 'one-time code' listen.err; then
		write_code "$(sed -nE 's/.*one-time code ([^,]*),.*/\1/p' listen.err)"
		client --code-file code --copy-id "$AT"
		TOLD=$status
	fi
	wait_for "$SPAWN_PID" 20
	grep -qE '\(INJECTED\)|killed by SIGKILL' trace && ((++STRUCK))
	# What stands there is whole: it is read line by line, and what was there first is there still.
	[[ $(wc -l <list) =~ ^($2)$ ]] || fail "$1: $(cat list)"
	assert_equal "$(head -n 1 list)" "$SERVER_KEY me"
	serve -a list --accept-timeout 1ms
	ended "$LISTEN_PID" 4 vault-listen "$LISTEN_ERR"
}

@test "killed or out of room at any call about the list: never half a line, never one lost" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about faults at every call"
	strace -qq -o strace.try -e inject=getppid:error=EPERM true 2>/dev/null || skip "strace DOES NOT WORK here: nothing is known about faults"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	# Without a sandbox a tool opens the list less often, and it is the number of the call that is named here.
	sanitized && skip "NOT TESTED with sanitizers"
	keys
	local call n before
	STRUCK=0
	# How often each is called depends on the build, with or without a sandbox.
	for call in openat:signal=KILL flock:signal=KILL lseek:signal=KILL write:signal=KILL close:signal=KILL write:error=ENOSPC \
	    write:error=EIO flock:error=ENOLCK; do
		for ((n = 1; n < 12; n++)); do
			echo "$SERVER_KEY me" >list
			chmod 600 list
			rm -f "$AT"
			before=$STRUCK
			struck "$call:when=$n" '1|2'
			[ "$STRUCK" -gt "$before" ] || break
		done
		[ "$n" -gt 1 ] || fail "$call: nothing happened"
	done
	echo "$SERVER_KEY me" >list
	struck write:error=ENOSPC 1
	says client.err "did not remember this side's key"
	assert_equal "$TOLD" 7
}

@test "a right code does not help a server whose remembered key has changed" {
	keys
	echo "$AT $CLIENT_KEY" >"$CLIENT_DIR/known_hosts"
	offer
	guess
	expect_status 5 vault-connect client.err
	one_line client.err "the key of $AT has CHANGED" "known_hosts:1"
	silent "$LISTEN_OUT"
	signal "$LISTEN_PID" TERM 10
}

@test "an impostor in the listener's place gets one try and no data; nobody tries again by itself" {
	find_python nacl msgpack cryptography
	write_code 7K3M-9QXF
	cp code real
	write_code 2222-2222
	imitate listen --code-file code --unix "$AT" --recv got
	CLIENT_STDIN=in client --code-file real "$AT"
	expect_status 5 vault-connect client.err
	one_line client.err 'the code is wrong, or dead'
	ended "$SPAWN_PID" 5 vault1_peer peer.err
	[ ! -s got ]
	run bounded 5 vault_connect --code-file real --retry "$AT"
	assert_failure 2
	assert_output --partial '--code and --retry cannot be used together'
}

# imitate ROLE ARGS...: the tests' own implementation, in the background.
imitate() {
	: >peer.ready
	local ready=()
	[ "$1" != listen ] || ready=(--ready-fd 8)
	spawn "$PYTHON" "$ROOT/tests/peers/vault1_peer.py" "$1" "${ready[@]}" "${@:2}" 8>peer.ready <in >peer.out 2>peer.err
	[ "$1" != listen ] || eventually 10 vt_has_line peer.ready
}

@test "an implementation of its own, written from the protocol's text, understands the same code, in both roles" {
	find_python nacl msgpack cryptography
	run bounded 20 "$PYTHON" "$ROOT/tests/peers/vault1_code.py" "$ROOT/tests/vectors/cpace-ristretto255.json"
	assert_output ok
	offer
	imitate connect --code-file code "$AT"
	ended "$SPAWN_PID" 0 vault1_peer peer.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp in "$LISTEN_OUT"
	imitate listen --code-file code --unix "$PWD/other"
	CLIENT_STDIN=in client --code-file code "$PWD/other"
	expect_status 0 vault-connect client.err
	ended "$SPAWN_PID" 0 vault1_peer peer.err
	cmp in peer.out
	cmp in client.out
}

@test "a code is a rule who may connect: a command for the one client that knows it" {
	offer -c 'tr a-z A-Z; exit 3'
	CLIENT_STDIN=in client --code-file code --exec-status "$AT"
	expect_status 3 vault-connect client.err
	assert_equal "$(cat client.out)" 'WHAT IS SENT'
	wait_for "$LISTEN_PID" 20
	! grep -qaF -e "$CODE" -e "${CODE/-/}" client.out || fail "the command saw the code"
	offer -c 'env; cat /proc/$PPID/cmdline'
	CLIENT_STDIN=in meet 0 0 --code-file code "$AT"
	grep -q '^VTOOLS_REMOTE_ADDR' client.out
	! grep -qaF -e "$CODE" -e "${CODE/-/}" client.out || fail 'the command has it in its environment'
}

# ---- a service that runs on ----

@test "-k --code: who is known comes in by key, one more by the code, and is known from then on" {
	keys
	local args
	mkdir -p known/vault-tools
	spawn socat UNIX-LISTEN:back,fork EXEC:cat
	eventually 10 test -S back
	for args in '-k --hub' '-k -e cat' "--forward $PWD/back"; do
		rm -f "$CLIENT_DIR/known_hosts"
		XDG_CONFIG_HOME=$PWD/known bounded 10 vault_keygen --force >"$SERVER_DIR/authorized_keys"
		# shellcheck disable=SC2086
		offer -v --remember $args
		XDG_CONFIG_HOME=$PWD/known bounded 20 vault_connect -z "$AT" >client.out 2>client.err
		client -z "$AT"
		expect_status 5 vault-connect client.err
		client --code-file code --copy-id "$AT"
		expect_status 0 vault-connect client.err
		says client.err 'remembered in' "accepts this side's key from now on"
		assert_equal "$(wc -l <"$SERVER_DIR/authorized_keys")" 2
		client -z --trust=strict "$AT"
		expect_status 0 vault-connect client.err
		client --code-file code "$AT"
		expect_status 5 vault-connect client.err
		one_line client.err 'or dead'
		signal "$LISTEN_PID" TERM 20
		expect_status 0 vault-listen "$LISTEN_ERR"
	done
}

@test "-k --code: without a file of keys one is made; the code is dead after three wrong ones, the service is not" {
	keys
	offer -v -k --remember
	wrong
	for left in 2 1 0; do
		guess
		expect_status 5 vault-connect client.err
	done
	says "$LISTEN_ERR" 'the code is dead'
	write_code "$CODE"
	guess
	expect_status 5 vault-connect client.err
	assert_not_exists "$SERVER_DIR/authorized_keys"
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
	offer -k --remember
	client --code-file code --copy-id "$AT"
	expect_status 0 vault-connect client.err
	assert_equal "$(cut -d ' ' -f 1 "$SERVER_DIR/authorized_keys")" "$CLIENT_KEY"
	CLIENT_STDIN=in client --trust=strict "$AT"
	expect_status 0 vault-connect client.err
	eventually 10 cmp in "$LISTEN_OUT"
	signal "$LISTEN_PID" TERM 20
	# Without --remember it is one session, and nobody is remembered.
	rm "$SERVER_DIR/authorized_keys" "$CLIENT_DIR/known_hosts"
	offer -k
	CLIENT_STDIN=in guess
	expect_status 0 vault-connect client.err
	client "$AT"
	expect_status 5 vault-connect client.err
	assert_not_exists "$SERVER_DIR/authorized_keys"
	signal "$LISTEN_PID" TERM 20
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "-k --code: of many who come with the right code at the same time one is let in" {
	keys
	local i pids=() in=0
	offer -v -k
	for i in $(seq 8); do
		XDG_CONFIG_HOME=$PWD/client spawn vault_connect --code-file code "$AT" <in >/dev/null 2>"err.$i"
		pids+=("$SPAWN_PID")
	done
	for i in "${pids[@]}"; do
		status=0
		wait_for "$i" 20
		case $status in
		0) ((++in)) ;;
		3 | 5) ;;
		*) fail "status $status: $(cat err.*)" ;;
		esac
	done
	assert_equal "$in" 1
	signal "$LISTEN_PID" TERM 20
	assert_equal "$(cat "$LISTEN_OUT")" "$(cat in)"
}

@test "one side with a code, the other without: both are told what to do" {
	keys
	serve --anonymous --max-failures 1
	write_code 7K3M-9QXF
	meet 5 5 --code-file code "$AT"
	one_line client.err 'vault-listen --code'
	says "$LISTEN_ERR" 'no --code'
}

@test "what is no code is refused before anybody is asked, and others must not read its file" {
	local bad
	for bad in '' 7K3M 7K3M-9QXU 7K3M-9QXF-1 'hello, world'; do
		write_code "$bad"
		client --code-file code "$AT"
		expect_status 2 vault-connect client.err
		says client.err 'this is no code'
	done
	write_code 7K3M-9QXF
	chmod 644 code
	client --code-file code "$AT"
	expect_status 9 vault-connect client.err
	says client.err 'type: chmod 600 code'
	client --code-file none "$AT"
	expect_status 1 vault-connect client.err
}

@test "without a terminal --code says what else there is" {
	command -v setsid >/dev/null || skip "setsid is NOT INSTALLED: nothing is known about being without a terminal"
	run bounded 10 setsid -w "$VT_BIN/vault-connect" --code "$AT" </dev/null
	assert_failure 2
	assert_output --partial 'no terminal to ask at; give it with --code-file or --code-fd'
}

@test "the code is shown once and is nowhere else: not in arguments, environments, events, JSON or words at -vvv" {
	offer -vvv --events events
	local file
	for file in "/proc/$LISTEN_PID/cmdline" "/proc/$LISTEN_PID/environ"; do
		! grep -qaF "$CODE" "$file" || fail "in $file"
	done
	CLIENT_STDIN=in meet 0 0 -vvv --code-file code "$AT"
	assert_equal "$(cat "$LISTEN_ERR" client.err client.out events "$BATS_TEST_TMPDIR"/ready.* | grep -cF "$CODE")" 1
	assert_equal "$(cat "$LISTEN_ERR" client.err client.out events "$BATS_TEST_TMPDIR"/ready.* | grep -cF "${CODE/-/}")" 0
}

# holds PID: is the code in its memory, in either form? (Only root may look: we are not dumpable.)
holds() {
	"$PYTHON" - "$1" "$CODE" <<-'EOF'
		import sys
		forms = [sys.argv[2].encode(), sys.argv[2].replace("-", "").encode()]
		with open("/proc/%s/maps" % sys.argv[1]) as maps, open("/proc/%s/mem" % sys.argv[1], "rb", 0) as mem:
		    for line in maps:
		        words = line.split()
		        if "w" not in words[1] and "---p" != words[1]:
		            continue
		        start, end = (int(x, 16) for x in words[0].split("-"))
		        try:
		            mem.seek(start)
		            if any(f in mem.read(end - start) for f in forms):
		                sys.exit(0)
		        except (OSError, ValueError, OverflowError):
		            pass
		sys.exit(1)
	EOF
}

@test "once the session is up, the code is in neither memory any more" {
	find_python os
	[ "$(id -u)" = 0 ] || skip "NOT TESTED: only root may look into a process that is not dumpable"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP, whose memory it would be"
	offer
	holds "$LISTEN_PID" || skip "NOT TESTED: this system lets nobody look into a process"
	mkfifo slow
	exec 8<>slow
	CLIENT_STDIN=slow start_client -v --code-file code "$AT" 8>&-
	eventually 10 grep -q 'connected with' client.err
	echo word >&8
	eventually 10 grep -q word "$LISTEN_OUT"
	! holds "$LISTEN_PID" || fail 'the listener still has it'
	! holds "$CLIENT_PID" || fail 'the client still has it'
	exec 8>&-
	wait_for "$CLIENT_PID" 20
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "many listeners that remember at the same time lose no line" {
	keys
	local i n codes=() pids=() listeners=()
	n=$(soak 6 30)
	echo "$SERVER_KEY me" >"$SERVER_DIR/authorized_keys"
	for i in $(seq "$n"); do
		mkdir -p "c$i/vault-tools"
		XDG_CONFIG_HOME=$PWD/c$i bounded 10 vault_keygen >/dev/null
		SERVE_AT="$PWD/sock.$i" offer --remember
		listeners+=("$LISTEN_PID")
		cp -p code "code.$i"
	done
	for i in $(seq "$n"); do
		XDG_CONFIG_HOME=$PWD/c$i spawn vault_connect --code-file "code.$i" --copy-id "$PWD/sock.$i" >/dev/null 2>"err.$i"
		pids+=("$SPAWN_PID")
	done
	for i in "${pids[@]}" "${listeners[@]}"; do
		ended "$i" 0 one
	done
	for i in $(seq "$n"); do
		grep -qF "$(key_of "c$i/vault-tools/identity.pub") code-" "$SERVER_DIR/authorized_keys"
	done
	assert_equal "$(wc -l <"$SERVER_DIR/authorized_keys")" $((n + 1))
}

@test "at a terminal the code is asked for, and a slip of the fingers is asked again" {
	find_python pty
	offer
	CLIENT_STDIN=in
	cat >ask.py <<-'EOF'
		import os, pty, select, sys, time
		pid, fd = pty.fork()
		if pid == 0:
		    os.dup2(os.open("in", os.O_RDONLY), 0)
		    os.execv(sys.argv[1], sys.argv[1:])
		seen, typed, end = b"", 0, time.monotonic() + 30
		answers = [b"7K3M-9\n", open("code", "rb").read()]
		while time.monotonic() < end:
		    if select.select([fd], [], [], 0.1)[0]:
		        try:
		            got = os.read(fd, 4096)
		        except OSError:
		            break
		        if not got:
		            break
		        seen += got
		    if typed < 2 and seen.count(b"Code: ") > typed:
		        os.write(fd, answers[typed])
		        typed += 1
		sys.stdout.buffer.write(seen)
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
	XDG_CONFIG_HOME=$PWD/client run bounded 40 "$PYTHON" ask.py "$VT_BIN/vault-connect" --code "$AT"
	assert_success
	assert_output --partial 'That is no code'
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	told_of 0 "$LISTEN_ERR"
	cmp in "$LISTEN_OUT"
}

@test "what cannot go together is refused with both names" {
	local args
	for args in '--code --psk-file x' '--code --protocol NN' '--code --retry' '--code --probe' '--code --trust any' \
	    '--code --wire vault1' '--code --remember --anonymous' '--code --copy-id -o x' '--code --code-file a --code-fd 0'; do
		# shellcheck disable=SC2086
		run bounded 5 vault_connect $args "$AT"
		assert_failure 2
		assert_output --partial 'cannot be used together'
	done
	for args in '--code --psk-file x' '--code --protocol NN' '--code --anonymous' '--code --wire auto' '--code --authorized-keys x'; do
		# shellcheck disable=SC2086
		run bounded 5 vault_listen $args "$AT"
		assert_failure 2
		assert_output --partial 'cannot be used together'
	done
	run bounded 5 vault_connect --code -L 7000 localhost
	assert_failure 2
	assert_output --partial 'cannot be used together'
	run bounded 5 vault_connect --remember "$AT"
	assert_output --partial '--remember needs --code'
	run bounded 5 vault_connect --copy-id "$AT"
	assert_output --partial '--copy-id needs --code'
	run bounded 5 vault_listen --remember "$AT"
	assert_output --partial '--remember needs --code'
}
