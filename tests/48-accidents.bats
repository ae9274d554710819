#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # stories set status and names of files for each other
#
# Goal of this story: whatever happens while a key or a list of keys is written (a crash, a full disk, another process
# that writes as well), there is never half a file, never a lost line, and what does not fit together is said with the
# command that mends it.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	KNOWN=$CLIENT_DIR/known_hosts
	umask 077
}

needs_faults() {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	strace -qq -o strace.try -e inject=getppid:error=EPERM true 2>/dev/null || skip "strace DOES NOT WORK here: nothing is known about accidents"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
}

# crowd FILE: fifty clients that meet a server under fifty names at the same time. Sets NAMES of those that ended with 0.
crowd() {
	local i pids=()
	NAMES=()
	for i in $(seq 50); do
		XDG_CONFIG_HOME=$PWD/client spawn vault_connect --send-only --known-hosts "$1" "127.0.1.$i" "$LISTEN_PORT" \
		    </dev/null >/dev/null 2>"err.$i"
		pids+=("$SPAWN_PID")
	done
	for i in $(seq 50); do
		status=0
		wait_for "${pids[i - 1]}" 60
		if [ "$status" = 0 ]; then
			says "err.$i" 'new server'
			NAMES+=("127.0.1.$i:$LISTEN_PORT")
		else
			expect_status 5 vault-connect "err.$i"
			one_line "err.$i" 'try again'
		fi
	done
}

@test "fifty clients that remember at the same time lose no line" {
	[ "$(uname)" = Linux ] || skip "NOT TESTED: needs the whole of 127.0.0.0/8"
	local name
	SERVE_AT="0.0.0.0 0" serve -k
	printf 'other:1 %s' "$CLIENT_KEY" >list
	crowd list
	assert_equal "${#NAMES[@]}" 50
	# A file that nobody has made yet: who cannot know whether another wrote of the same server is refused, and tries again.
	crowd fresh
	[ "${#NAMES[@]}" -gt 0 ]
	for name in "${NAMES[@]}"; do grep -qxF "$name $SERVER_KEY" fresh || fail "$name is lost"; done
	for name in $(seq -f "127.0.1.%g:$LISTEN_PORT" 50); do
		grep -qxF "$name $SERVER_KEY" list || fail "$name is lost"
	done
	assert_equal "$(wc -l <list)" 51
	assert_equal "$(head -n 1 list)" "other:1 $CLIENT_KEY"
	signal "$LISTEN_PID" TERM 20
}

# struck FAULT: a client meets a new server, with this fault in the calls about known_hosts. What it writes is whole.
struck() {
	serve
	STATUS=0
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 XDG_CONFIG_HOME=$PWD/client bounded 30 strace -qq -o trace -P "$KNOWN" -P "$CLIENT_DIR" -e "inject=$1" \
	    "$VT_BIN/vault-connect" "$AT" </dev/null >client.out 2>client.err || STATUS=$?
	# (A client that was killed is the end of the listener's session, too.)
	kill "$LISTEN_PID" 2>/dev/null || true
	wait_for "$LISTEN_PID" 20
}

@test "killed or out of room at any call about known_hosts: the old lines, or one more" {
	needs_faults
	local call n killed=0
	for call in openat flock read lseek write fsync close; do
		for ((n = 1; n < 30; n++)); do
			echo "other:1 $CLIENT_KEY" >"$KNOWN"
			struck $call:signal=KILL:when=$n
			assert_equal "$(head -n 1 "$KNOWN")" "other:1 $CLIENT_KEY"
			[ "$(wc -l <"$KNOWN")" = 1 ] || assert_equal "$(tail -n +2 "$KNOWN")" "$AT $SERVER_KEY"
			grep -q 'killed by SIGKILL' trace || break
			((++killed))
		done
	done
	[ $killed -ge 6 ] || fail "only $killed calls"
	for call in write:error=ENOSPC write:error=EIO; do
		echo "other:1 $CLIENT_KEY" >"$KNOWN"
		struck $call
		assert_equal "$STATUS" 0
		assert_equal "$(cat "$KNOWN")" "other:1 $CLIENT_KEY"
		says client.err 'cannot remember the key'
	done
}

@test "killed at any call that makes known_hosts: no file, or a whole one" {
	needs_faults
	local n call killed=0
	for call in write linkat fsync flock; do
		for ((n = 1; n < 30; n++)); do
			rm -f "$KNOWN"
			serve
			ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 XDG_CONFIG_HOME=$PWD/client bounded 30 strace -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-connect" "$AT" </dev/null >client.out 2>client.err || true
			kill "$LISTEN_PID" 2>/dev/null || true
	wait_for "$LISTEN_PID" 20
			[ ! -s "$KNOWN" ] || assert_equal "$(cat "$KNOWN")" "$AT $SERVER_KEY"
			grep -q 'killed by SIGKILL' trace || break
			((++killed))
		done
	done
	[ $killed -gt 1 ] || fail "only $killed calls"
	assert_equal "$(cat "$KNOWN")" "$AT $SERVER_KEY"
}

@test "a disk without room: keys and lists stay as they are, and the line says so" {
	[ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || skip "NOT TESTED: no small disk can be made here"
	mkdir small
	cat >in-small <<-'END'
		set -eu
		mount -t tmpfs -o size=16k,nr_inodes=32 tmpfs small
		vault_keygen() { "$VT_BIN/vault-keygen" "$@"; }
		vault_keygen -f small/k >/dev/null
		vault_keygen --psk -C old -f small/psk
		echo "other:1 $CLIENT_KEY" >small/known
		cp -r small before
		dd if=/dev/zero of=small/fill bs=1k 2>/dev/null || true
		fails() {
			status=0
			"$@" >out 2>&1 || status=$?
			[ "$status" = 1 ] && grep -q 'No space left' out || { cat out; echo "status $status: $*"; exit 9; }
		}
		fails vault_keygen -f small/other
		fails vault_keygen --force -f small/k
		fails vault_keygen --psk --append -C new -f small/psk
		fails vault_keygen --psk -f small/psk2
		printf '\n' >empty
		printf 'word\n' >word
		fails vault_keygen -p -f small/k --passphrase-file word
		rm small/fill
		diff -r small before
		vault_keygen --check small/k >/dev/null
	END
	chmod 700 in-small
	CLIENT_KEY=$CLIENT_KEY run bounded 60 unshare -m bash in-small
	assert_success
}

@test "--force from many at once, and killed at any call: the pair fits, or --check has the command that mends it" {
	local i pids=()
	vault_keygen -f k >/dev/null
	for i in $(seq 20); do
		vault_keygen --force -f k >/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	bounded 10 vault_keygen --check k
	needs_faults
	local n call killed=0 mended=0 mend
	for call in openat flock fchmod write fsync close rename; do
		for ((n = 1; n < 100; n++)); do
			traced -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-keygen" --force -f k >/dev/null 2>&1 || true
			if ! "$VT_BIN/vault-keygen" --check k >checked 2>&1; then
				mend=$(sed -n 's/.*; type: //p' checked)
				[ -n "$mend" ] || fail "$call $n: $(cat checked)"
				PATH=$VT_BIN:$PATH bash -c "$mend"
				"$VT_BIN/vault-keygen" --check k || fail "$call $n: not mended"
				((++mended))
			fi
			grep -q 'killed by SIGKILL' trace || break
			((++killed))
			rm -f k.new-* k.pub.new-*
		done
		[ "$n" -gt 1 ] && [ "$n" -lt 100 ] || fail "$call: $n times"
	done
	[ "$killed" -gt 20 ] && [ "$mended" -gt 0 ]
}

@test "-p of an identity that was replaced while somebody thought of a passphrase: the new one stays" {
	vault_keygen -f k >/dev/null
	mkfifo word
	exec 8<>word
	spawn vault_keygen -p -f k --passphrase-fd 9 9<word 8>&-
	eventually 10 reads_fifo "$SPAWN_PID"
	vault_keygen --force -f k >/dev/null
	cp k after
	echo word >&8
	exec 8>&-
	wait_for "$SPAWN_PID" 20
	expect_status 1 vault-keygen
	cmp k after
	bounded 10 vault_keygen --check k
}

# reads_fifo PID: it has begun to wait for the passphrase, so it has read the key.
reads_fifo() { [ "$(cut -d ' ' -f 1 "/proc/$1/syscall" 2>/dev/null)" = 0 ]; }
