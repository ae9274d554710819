#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - what we share with others (a terminal, a file's permissions) is afterwards as it was before;
# - what is not known is not guessed: an identity out of reach, an input without an end, a refusal that
#   does not fit;
# - names of any bytes can be used and do not break what a script reads.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# ---- what is shared ----

@test "a terminal that cannot be opened a second time is blocking again afterwards" {
	find_python fcntl
	sanitized && skip "NOT TESTED with sanitizers: they read their options in /proc"
	local hide=()
	if [ "$(id -u)" = 0 ]; then
		unshare -m sh -c 'mount -t tmpfs none /proc' 2>/dev/null || skip "/proc CANNOT BE HIDDEN here, and root may open any terminal"
		# shellcheck disable=SC2016
		hide=(unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' -)
	fi
	echo data >data
	LISTEN_STDIN=data serve
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "${hide[@]}" "$VT_BIN/vault-connect" "$AT" <<-'END'
		import fcntl, os, pty, subprocess, sys, termios

		def blocking(fd):
		    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK

		master, slave = pty.openpty()
		os.chmod(os.ttyname(slave), 0)
		tool = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, start_new_session=True,
		    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
		got = b""
		while b"\n" not in got:
		    got += os.read(master, 100)
		assert got == b"data\r\n", got
		assert tool.wait() == 0, tool.returncode
		assert blocking(slave) and blocking(master), "left non-blocking"
	END
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "-o in place of an old file: the same people may read it as before" {
	echo data >data
	for mode in 600 644 4755 400; do
		: >file
		chmod $mode file
		LISTEN_STDIN=data serve
		meet 0 0 -o file "$AT"
		assert_equal "$(cat file)" data
		assert_equal "$(mode_of file)" $((mode % 1000))
		rm -f file
	done
}

@test "a key that comes through a FIFO: who keeps us waiting is named; who is quick is not" {
	mkfifo key
	: >ready
	XDG_CONFIG_HOME=$PWD/server spawn vault_listen -i key --ready-fd 9 "$AT" 9>ready </dev/null >listen.out 2>listen.err
	told 10 listen.err 'waiting for somebody to write to key'
	cat "$SERVER_DIR/identity" >key
	eventually 10 vt_has_line ready
	assert_equal "$(jq -r .key ready)" "$SERVER_KEY"
	one_line listen.err 'waiting for somebody'
	signal "$SPAWN_PID" TERM 10
	expect_status 0 vault-listen listen.err
	run bounded 10 vault_keygen -y -f <(cat "$SERVER_DIR/identity")
	assert_success
	assert_output --partial "$SERVER_KEY"
	refute_output --partial waiting
}

# ---- what is not known ----

@test "the peer takes nothing: what comes in all the same while the session lives is no success" {
	local at
	for at in '' too-late; do
		hold theirs
		hold ours
		LISTEN_STDIN=theirs serve --send-only
		CLIENT_STDIN=ours start_client -vv "$AT"
		told 10 client.err 'connected with'
		if [ -n "$at" ]; then
			release ours "$at"
			wait_for "$HOLD_PID" 10
			release theirs 'done'
			ended "$CLIENT_PID" 7 vault-connect client.err
			says client.err 'the peer takes no more, but there is more in standard input'
		else
			release theirs 'done'
			ended "$CLIENT_PID" 0 vault-connect client.err
			release ours
		fi
		assert_equal "$(cat client.out)" 'done'
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	done
}

@test "an identity out of reach is an error, not a throw-away key" {
	serve
	rm -rf client/vault-tools
	echo file >client/vault-tools
	client -r "$SERVER_KEY" "$AT"
	says "$LISTEN_ERR" 'throw-away'
	signal "$LISTEN_PID" TERM 10
	rm client/vault-tools
	ln -s vault-tools client/vault-tools
	serve
	client -r "$SERVER_KEY" "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err "$PWD/client/vault-tools/identity: Too many levels of symbolic links"
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "a first message that was changed on its way: the key has not changed, and nobody says so" {
	serve
	link --fault c2s:flip@40 --keep --faulty 1
	echo "$LINK $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
	client "$LINK"
	expect_status 5 vault-connect client.err
	one_line client.err "could not read the first message although it has the expected key" 'try again'
	client "$LINK"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	signal "$LINK_PID" TERM 10
}

@test "SIGTERM to a listener whose session is complete and only waits for the network changes no status" {
	local length
	echo data >data
	LISTEN_STDIN=data serve
	link
	echo "$LINK $SERVER_KEY" >>"$CLIENT_DIR/known_hosts"
	meet 0 0 "$LINK"
	eventually 10 [ -s link.report ]
	length=$(jq .c2s.received link.report)
	LISTEN_STDIN=data serve -vv
	link --fault "c2s:silence-one@$length"
	echo "$LINK $SERVER_KEY" >>"$CLIENT_DIR/known_hosts"
	client -vv "$LINK"
	signal "$LISTEN_PID" TERM 10
	expect_status 0 vault-listen "$LISTEN_ERR"
}

@test "a pause of nothing between two tries is refused" {
	client --retry --retry-delay 0 "$AT"
	expect_status 2 vault-connect client.err
	says client.err '--retry-delay' 'at least 10ms'
}

# ---- names of any bytes ----

@test "names that are not UTF-8 work, and JSON stays JSON" {
	local odd=$'s\xff\xfe'
	SERVE_AT=$PWD/$odd serve -v
	[ -n "$LISTEN_PATH" ]
	echo "$PWD/$odd $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
	client -z --json "$PWD/$odd"
	expect_status 0 vault-connect client.err
	jq -e '.name | endswith("s\\xff\\xfe")' client.out
	client --stats=json "$PWD/$odd"
	expect_status 0 vault-connect client.err
	jq -e 'select(.event == "stats") | .peer' client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	client -z --json "$PWD/$odd"
	expect_status 3 vault-connect client.err
	jq -e '.status == 3 and (.message | contains("s\\xff\\xfe"))' client.out
}

# ---- libraries ----

# hide_libraries: in mounts of its own a program finds none of the libraries that are loaded when needed. Sets HIDE.
hide_libraries() {
	local lib libs=()
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	[ "$(id -u)" = 0 ] || skip "NOT TESTED: only root has mounts of its own"
	unshare -m true 2>/dev/null || skip "NOT TESTED: no mounts of our own"
	while read -r lib; do libs+=("$lib"); done < <(PATH=$PATH:/sbin:/usr/sbin ldconfig -p |
	    awk '/libcrypto\.so\.|libIPSec_MB\.so\./ { print $NF }')
	[ ${#libs[@]} -gt 0 ] || skip "NOT TESTED: ldconfig knows no such library"
	HIDE=$PWD/hide
	{
		echo '#!/bin/sh'
		# shellcheck disable=SC2016
		printf 'exec unshare -m sh -c '\''for f in %s; do mount --bind /dev/null $f || exit 99; done; exec "$@"'\'' - "$@"\n' "${libs[*]}"
	} >"$HIDE"
	chmod +x "$HIDE"
}

@test "without libcrypto and ipsec-mb bulk data goes through; what only libcrypto has is refused by name, at both ends" {
	hide_libraries
	"$VT_BUILD/tests/pattern" 3M 1 >data
	VT_WRAP=$HIDE serve
	CLIENT_STDIN=data VT_WRAP=$HIDE client "$AT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp data "$LISTEN_OUT"
	"$VT_BIN/vault-listen" --version | grep -qw 'libcrypto [0-9]' || skip "the rest NOT TESTED: built without libcrypto"
	VT_WRAP=$HIDE client --protocol Noise_XX_25519_ChaChaPoly_BLAKE2s "$AT"
	expect_status 2 vault-connect client.err
	says client.err 'needs libcrypto, which is not there'
	VT_WRAP=$HIDE serve -k -v
	client -r "$SERVER_KEY" --protocol Noise_XX_25519_ChaChaPoly_BLAKE2s "$AT"
	expect_status 5 vault-connect client.err
	says "$LISTEN_ERR" 'Noise_XX_25519_ChaChaPoly_BLAKE2s, which needs libcrypto, and that is not there'
	VT_WRAP=$HIDE client "$AT"
	expect_status 0 vault-connect client.err
	kill -TERM "$LISTEN_PID"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}
