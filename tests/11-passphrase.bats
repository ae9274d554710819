#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # run sets output, stderr and their lines
#
# Goal of this story: a key on the disk is of no use to who copies it; its owner types a passphrase once and goes on as
# before; a machine that starts alone gets it from where machines keep secrets; and whatever happens while a key is
# written anew, one whole key is there.

load helper

setup() {
	vt_setup
	umask 077
	echo 'correct horse' >pass
	echo 'battery staple' >other
	printf 'correct horse\nbattery staple\n' >both
	umask 022
}

# locked_key: the file 'k', locked with 'correct horse'. (Its text is made once: every derivation costs most of a second.)
locked_key() {
	if [ ! -e "$BATS_FILE_TMPDIR/k" ]; then
		bounded 20 vault_keygen -N --passphrase-file pass -f "$BATS_FILE_TMPDIR/k" -C me >/dev/null
	fi
	cp "$BATS_FILE_TMPDIR/k" "$BATS_FILE_TMPDIR/k.pub" .
}

# typing 'EXPECTED=>TYPED'... -- COMMAND...: at a terminal.
typing() {
	find_python pty
	run "$PYTHON" "$ROOT/tests/tools/terminal.py" "$@"
}

@test "a locked key: nothing secret is in the file, its public key is" {
	bounded 20 vault_keygen -N --passphrase-file pass -f k -C me >line
	assert_equal "$(mode_of k)" 600
	run cat k
	refute_output --regexp 'vs1|correct|horse'
	assert_output --regexp $'\n''ve1[A-Za-z0-9_-]{178} me$'
	assert_output --regexp '# Created: 20[0-9-]+T[0-9:]+Z'
	assert_equal "$(bounded 10 vault_keygen -y -f k </dev/null)" "$(cat line)"
	assert_equal "$(cat k.pub)" "$(cat line)"
	run bounded 10 vault_keygen --check k
	assert_output --regexp '^k: secret key, locked with a passphrase, .* me$'
	run bounded 10 vault_keygen --check k --json
	jq -e '.locked and .ok and (.created | startswith("20"))' <<<"$output"
}

@test "the secret comes out with the passphrase, and only with it" {
	echo 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 >seed
	bounded 20 vault_keygen --import hex -N --passphrase-fd 4 -f k <seed 4<pass >/dev/null
	assert_equal "$(bounded 20 vault_keygen -f k --export hex --passphrase-file pass)" "$(cat seed)"
	run bounded 20 vault_keygen -f k --export hex --passphrase-file other
	assert_failure 5
	assert_output "vault-keygen: k: wrong passphrase: start again with the right one"
	run bounded 20 vault_keygen --check k --passphrase-file other
	assert_failure 5
	run setsid -w "$VT_BIN/vault-keygen" -f k --export hex
	assert_failure 1
	assert_output --partial 'no terminal to ask on: give --passphrase-file or --passphrase-fd'
	# What needs no secret asks for none.
	run setsid -w "$VT_BIN/vault-keygen" -f k --export hex -y
	assert_success
}

@test "the cost of a try is measured: between 0.4 and 1.2 seconds of this processor" {
	[ "$VT_SLOW" = 1 ] || skip "measured in a plain build only"
	locked_key
	# shellcheck disable=SC2034
	TIMEFORMAT='%U %S'
	{ time "$VT_BIN/vault-keygen" --check k --passphrase-file pass >/dev/null; } 2>cost
	awk '{ exit !($1 + $2 > 0.4 && $1 + $2 < 1.2) }' cost || fail "$(cat cost) s"
}

@test "-p: another passphrase, none, and one again; comment and date stay" {
	locked_key
	local created
	created=$(grep Created k)
	bounded 30 vault_keygen -p -f k --passphrase-file both
	bounded 20 vault_keygen --check k --passphrase-file other
	run bounded 20 vault_keygen -p -f k --passphrase-file both
	assert_failure 5
	printf 'battery staple\n\n' >empty && chmod 600 empty
	run bounded 20 vault_keygen -p -f k --passphrase-file empty
	assert_success
	assert_output "vault-keygen: k has no passphrase now"
	grep -qE '^vs1[^ ]+ me$' k
	assert_equal "$(grep Created k)" "$created"
	assert_equal "$(mode_of k)" 600
	run bounded 20 vault_keygen -p -f k --passphrase-file pass --json
	jq -e '.locked and .file == "k"' <<<"$output"
	bounded 20 vault_keygen --check k --passphrase-file pass
	run bounded 20 vault_keygen -p -f k --passphrase-file pass
	assert_failure 1
	assert_output --partial 'no new passphrase was given (it is the second line, after the current one)'
	run bounded 10 vault_keygen -p -f k.pub --passphrase-file pass
	assert_failure 1
	assert_output --partial 'only a public key'
}

@test "pre-shared keys can be locked, too" {
	bounded 20 vault_keygen --psk -N --passphrase-file pass -f p
	run bounded 10 vault_keygen --check p
	assert_output "p: pre-shared key, locked with a passphrase"
	bounded 20 vault_keygen --psk --export hex -f p --passphrase-file pass | grep -qE '^[0-9a-f]{64}$'
	run bounded 20 vault_keygen --psk -N --passphrase-file pass
	assert_output --regexp '^ve1[A-Za-z0-9_-]{178}$'
}

@test "a file that others can read is refused with the remedy: the key's and the passphrase's" {
	locked_key
	chmod 640 k
	run bounded 10 vault_keygen -y -f k
	assert_failure 9
	assert_output --partial 'type: chmod 600 k'
	chmod 600 k && chmod 644 pass
	run bounded 10 vault_keygen --check k --passphrase-file pass
	assert_failure 9
	assert_output --partial 'type: chmod 600 pass'
}

@test "every kind of wrong passphrase says what it is" {
	locked_key
	: >none && chmod 600 none
	run bounded 10 vault_keygen --check k --passphrase-file none
	assert_failure 5
	assert_output --partial 'the passphrase given is empty'
	run bounded 10 vault_keygen -N -f n --passphrase-file none
	assert_failure 1
	assert_output --partial 'no new passphrase was given'
	printf '\n' >none
	run bounded 10 vault_keygen -N -f n --passphrase-file none
	assert_output --partial 'the passphrase is empty'
	printf 'a\0b\n' >none
	run bounded 10 vault_keygen -N -f n --passphrase-file none
	assert_output --partial 'zero byte'
	printf '%01500d\n' 1 >none
	run bounded 10 vault_keygen -N -f n --passphrase-file none
	assert_output --partial 'longer than a passphrase may be'
	assert_file_not_exists n
	run bounded 10 vault_keygen -N -f n --passphrase-file missing
	assert_failure 1
	run bounded 10 vault_keygen -N -f n --passphrase-fd 77
	assert_failure 2
	run bounded 10 vault_keygen -f n --passphrase-file pass
	assert_failure 2
	assert_output --partial -- '--passphrase-file needs -N, -p, --check or --export'
	run bounded 10 vault_keygen -N -f k --passphrase-file pass
	assert_failure 1
	assert_output --partial 'exists already'
}

@test "at a terminal: asked twice, nothing is shown, and the echo is back" {
	typing 'New passphrase for k: =>battery' 'The same again: =>staple' 'were not the same. New passphrase for k: =>correct horse' \
	    'The same again: =>correct horse' -- "$VT_BIN/vault-keygen" -N -f k
	assert_success
	refute_output --regexp 'correct|battery|staple'
	assert_line 'status=0 echo=on'
	bounded 20 vault_keygen --check k --passphrase-file pass
	typing 'Passphrase for k: =>no' 'Wrong. Passphrase for k: =>correct horse' \
	    'New passphrase for k (empty for none): =>' 'again: =>' -- "$VT_BIN/vault-keygen" -p -f k
	assert_success
	assert_line 'status=0 echo=on'
	grep -q '^vs1' k
}

@test "at a terminal: three tries, then status 5" {
	locked_key
	typing 'Passphrase=>a' 'Wrong. Pass=>b' 'Wrong. Pass=>c' -- "$VT_BIN/vault-keygen" --export hex -f k --force
	assert_success
	assert_line 'vault-keygen: k: wrong passphrase: start again with the right one'
	assert_line 'status=5 echo=on'
}

@test "at a terminal: ^C leaves it as it was, ^Z and fg ask again" {
	locked_key
	typing 'Passphrase for k: =>^C' -- "$VT_BIN/vault-keygen" --export hex -f k --force
	assert_line 'status=-2 echo=on'
	typing 'Passphrase for k: =>^Z' 'Passphrase for k: =>correct horse' -- "$VT_BIN/vault-keygen" --export hex -f k --force
	assert_output --partial '[stopped echo=on]'
	assert_output --regexp $'\n[0-9a-f]{64}\n'
	assert_line 'status=0 echo=on'
}

# ---- listener and client ----

@test "listener and client with locked keys: file, descriptor, credentials" {
	locked_key
	bounded 20 vault_keygen -N --passphrase-file other -f client >/dev/null
	mkdir -m 700 credentials
	cp k credentials/vault-tools.identity
	cp pass credentials/vault-tools.passphrase
	echo hello >in
	LISTEN_STDIN=in CREDENTIALS_DIRECTORY=$PWD/credentials start_listener --send-only -a client.pub 127.0.0.1 0
	assert_equal "$LISTEN_KEY" "$(cut -d ' ' -f 1 k.pub)"
	bounded 30 vault_connect -i client --passphrase-fd 5 5<other -r @k.pub --recv-only 127.0.0.1 "$LISTEN_PORT" >out
	wait_for "$LISTEN_PID" 10
	assert_equal "$status" 0
	cmp in out
	# As systemd gives them: a file of root, with the mask of an access list as the group's bits.
	[ "$(id -u)" = 0 ] || return 0
	chmod 440 credentials/*
	run env CREDENTIALS_DIRECTORY="$PWD/credentials" "$VT_BIN/vault-listen" --accept-timeout 1ms --anonymous 127.0.0.1 0
	assert_failure 4
	run env CREDENTIALS_DIRECTORY="$PWD/elsewhere" "$VT_BIN/vault-listen" -i credentials/vault-tools.identity 127.0.0.1 0
	assert_failure 9
}

@test "listener and client say what is wrong before anything is sent" {
	locked_key
	local tool
	for tool in listen connect; do
		run bounded 20 "$VT_BIN/vault-$tool" -i k --passphrase-file other 127.0.0.1 1
		assert_failure 5
		assert_output "vault-$tool: k: wrong passphrase: start again with the right one"
		run setsid -w "$VT_BIN/vault-$tool" -i k 127.0.0.1 1
		assert_failure 1
		assert_output --partial 'no terminal to ask on: give --passphrase-file or --passphrase-fd'
		run bounded 10 "$VT_BIN/vault-$tool" -i k --passphrase-file pass --passphrase-fd 0 127.0.0.1 1
		assert_failure 2
		assert_output --partial -- '--passphrase-file and --passphrase-fd cannot be used together'
	done
}

# in_memory PID TEXT-OR-HEX: how often these bytes are in the process's memory.
in_memory() {
	"$PYTHON" - "$@" <<-'END'
		import sys
		pid, what = sys.argv[1], sys.argv[2]
		what = bytes.fromhex(what[2:]) if what.startswith("0x") else what.encode()
		n = 0
		with open("/proc/%s/mem" % pid, "rb", 0) as mem:
		    for line in open("/proc/%s/maps" % pid):
		        span, mode = line.split()[:2]
		        if "r" not in mode or "[v" in line:
		            continue
		        low, high = (int(x, 16) for x in span.split("-"))
		        try:
		            mem.seek(low)
		            n += mem.read(high - low).count(what)
		        except (OSError, ValueError):
		            pass
		print(n)
	END
}

@test "a listener asks once; the passphrase is gone, the key in guarded memory, and no log has either" {
	[ -r /proc/self/mem ] && [ "$(id -u)" = 0 ] || skip "the memory of others can be read by root only"
	instrumented && skip "NOT TESTED with sanitizers or valgrind: looks into the memory of the tool"
	find_python sys
	locked_key
	start_listener -vvv -k -i k --passphrase-file pass --sandbox off --anonymous 127.0.0.1 0
	local seed
	seed=$(bounded 20 vault_keygen --export hex -f k --passphrase-file pass)
	assert_equal "$(in_memory "$LISTEN_PID" 'correct horse')" 0
	assert_equal "$(in_memory "$LISTEN_PID" "0x$seed")" 1
	# Several sessions with the key unlocked once.
	for _ in 1 2 3; do bounded 10 vault_connect -z 127.0.0.1 "$LISTEN_PORT" >/dev/null 2>&1; done
	assert_equal "$(in_memory "$LISTEN_PID" "0x$seed")" 1
	run cat "$LISTEN_ERR" "$LISTEN_OUT" "/proc/$LISTEN_PID/cmdline" "/proc/$LISTEN_PID/environ"
	refute_output --regexp 'correct|horse|vs1|ve1'
	refute_output --partial "$seed"
	signal "$LISTEN_PID" TERM 10
}

# ---- accidents ----

# whole_key: k is the old key or the new one, whole.
whole_key() { "$VT_BIN/vault-keygen" --check k >/dev/null; }

@test "kill -9 at every step of -p: a whole key is there" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	bounded 10 vault_keygen -f k >/dev/null
	printf '\n' >empty && chmod 600 empty
	local n call public
	public=$(cat k.pub)
	# (One call at a time: strace counts each by itself.)
	for call in openat fchmod write fsync close rename; do
		for ((n = 1; n < 100; n++)); do
			status=0
			traced -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-keygen" -p -f k --passphrase-file empty 2>/dev/null || status=$?
			whole_key || fail "after $call $n: $(tail -n 2 trace)"
			assert_equal "$("$VT_BIN/vault-keygen" -y -f k)" "$public"
			[ $status = 0 ] && break
		done
		[ $n -gt 1 ] && [ $n -lt 100 ] || fail "$call: $n steps"
	done
}

@test "kill -9 at every step of making a key: never half a secret under its name" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	local n call
	for call in openat fchmod write fsync close renameat2; do
		for ((n = 1; n < 100; n++)); do
			rm -f k k.pub
			status=0
			traced -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-keygen" -f k >/dev/null 2>&1 || status=$?
			if [ -e k ] || [ -e k.pub ]; then whole_key || fail "after $call $n: $(tail -n 2 trace)"; fi
			[ $status = 0 ] && break
		done
		[ $n -gt 1 ] && [ $n -lt 100 ] || fail "$call: $n steps"
	done
}

@test "a full disk at every step of -p: an error, and the old key" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	bounded 10 vault_keygen -f k >/dev/null
	printf '\n' >empty && chmod 600 empty
	cp k old
	local call n
	for call in write fsync rename; do
		run traced -qq -o trace -e trace=$call -e inject=$call:error=ENOSPC:when=1 \
		    "$VT_BIN/vault-keygen" -p -f k --passphrase-file empty
		assert_failure 1
		assert_output --partial 'No space left on device'
		cmp k old
		assert_equal "$(echo k*)" 'k k.pub'
	done
}
