#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - sockets that systemd (or who does the same) hands over are served, and what is none is refused with a clear word;
# - who waits for it is told when the listener is ready, how it is, and that it ends; a watchdog is fed by the loop;
# - started as root, it stops being root for good, and sees only what it is given.

load helper
load endings
load hosting

setup() {
	vt_setup
	people
	AT=$PWD/sock
	CONTROL=$PWD/control
	echo hello >hello
}

# greet ADDRESS...: one client that says hello.
greet() {
	CLIENT_STDIN=hello client --trust any "$@"
	expect_status 0 vault-connect client.err
}

# ---- sockets that were handed over ----

@test "LISTEN_FDS: sockets of all families are served, told by --ready-fd and events, and not removed" {
	activated tcp tcp6 "unix:$AT" -- -k --events events
	jq -e --argjson p "${PORTS[0]}" '.event == "listening" and .address == "127.0.0.1" and .port == $p' "$READY"
	greet 127.0.0.1 "${PORTS[0]}"
	greet ::1 "${PORTS[1]}"
	greet "$AT"
	stop_listener 0
	assert_equal "$(cat "$LISTEN_OUT")" $'hello\nhello\nhello'
	assert_exist "$AT"
	events ".[0].port == ${PORTS[0]} and (map(select(.event == \"connect\")) | length == 3)"
}

@test "LISTEN_FDS: one client alone, on a Unix socket that was there before" {
	activated "unix:$AT" --
	jq -e --arg p "$AT" '.path == $p and .port == null' "$READY"
	greet "$AT"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" hello
	assert_exist "$AT"
}

@test "LISTEN_FDNAMES: the one named control is the control socket" {
	activated tcp "control=unix:$CONTROL" -- -k
	greet 127.0.0.1 "${PORTS[0]}"
	answer stats '.clients_total == 1'
	answer shutdown
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_exist "$CONTROL"
	# Alone it does not say where to listen.
	rm "$CONTROL"
	activated "control=unix:$CONTROL" -- -k "$AT"
	greet "$AT"
	answer stats '.clients_total == 1'
	stop_listener 0
	assert_not_exist "$AT"
	rm "$CONTROL"
	activated "control=unix:$CONTROL" tcp --
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'a control socket needs -k'
}

@test "LISTEN_FDS: what is no listening stream socket is refused; for another process it is not meant" {
	activated dgram -- -k
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'descriptor 3: it is not a stream socket'
	activated tcp connected -- -k
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'descriptor 4: it does not listen'
	activated file --
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'descriptor 3: it is not a socket'
	activated --count 2 tcp --
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'descriptor 4: it is not'
	activated --count 99999 tcp --
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'LISTEN_FDS: not a number from 0 to 16'
	activated --count many tcp --
	ended "$LISTEN_PID" 2 vault-listen
	activated tcp -- -k "$AT"
	ended "$LISTEN_PID" 2 vault-listen
	says "$LISTEN_ERR" 'no address can be given'
	activated --pid 1 tcp -- -k "$AT"
	greet "$AT"
	stop_listener 0
}

# ---- a supervisor ----

# supervisor ADDRESS: what is told there is in the file told.
supervisor() {
	find_python socket
	: >told
	spawn "$PYTHON" "$HOSTING" notified "$1" "$PWD/told" </dev/null
	[ "${1:0:1}" = @ ] || eventually 10 test -S "$1"
	[ "${1:0:1}" != @ ] || eventually 10 grep -qF "$1" /proc/net/unix
	export NOTIFY_SOCKET=$1
}

@test "NOTIFY_SOCKET: READY once clients can connect, STATUS with their number, STOPPING at the end" {
	supervisor "$PWD/notify"
	serve -k --control "$CONTROL"
	told 10 told READY=1
	join alice --trust any
	told 10 told 'STATUS=1 client'
	join bob --trust any
	told 10 told 'STATUS=2 clients'
	answer reload
	told 10 told 'RELOADING=1 MONOTONIC_USEC='
	stop_listener 143
	told 10 told STOPPING=1
	head -n 1 told | grep -q '^READY=1 STATUS=waiting for clients$'
	# After reloading it is ready again; the end comes after all of it.
	[ "$(grep -n STOPPING told | cut -d: -f1)" -gt "$(grep -n RELOADING told | cut -d: -f1)" ]
	assert_equal "$(grep -c READY=1 told)" 2
	run ! grep WATCHDOG told
}

@test "NOTIFY_SOCKET: an abstract one, and one client alone" {
	[ "$(uname)" = Linux ] || skip 'abstract sockets are those of Linux'
	supervisor "@vault-tools-$$-$BATS_TEST_NUMBER"
	serve
	told 10 told READY=1
	greet "$AT"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	told 10 told STOPPING=1
	told 10 told 'STATUS=1 client'
}

@test "NOTIFY_SOCKET: nobody there is a warning, not a failure; a name that is none, too" {
	export NOTIFY_SOCKET=$PWD/nobody
	serve
	says "$LISTEN_ERR" "NOTIFY_SOCKET $PWD/nobody: No such file"
	greet "$AT"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	export NOTIFY_SOCKET=relative
	serve
	says "$LISTEN_ERR" 'NOTIFY_SOCKET relative: Invalid argument'
	stop_listener 0
}

@test "WATCHDOG_USEC: fed twice in that time while the loop goes on, and not if it is meant for another" {
	supervisor "$PWD/notify"
	export WATCHDOG_USEC=$((200000 * VT_SLOW))
	serve -k
	told 10 told READY=1
	eventually 10 eval '[ "$(grep -c "^WATCHDOG=1$" told)" -ge 3 ]'
	kill -STOP "$LISTEN_PID"
	told 10 told READY=1
	idle 300
	n=$(grep -c WATCHDOG told)
	idle 500
	assert_equal "$(grep -c WATCHDOG told)" "$n"
	kill -CONT "$LISTEN_PID"
	eventually 10 eval '[ "$(grep -c "^WATCHDOG=1$" told)" -gt "$n" ]'
	stop_listener 0
	: >told
	WATCHDOG_PID=1 serve -k
	told 10 told READY=1
	idle 500
	stop_listener 0
	run ! grep WATCHDOG told
}

@test "what is meant for the listener does not reach who it starts" {
	supervisor "$PWD/notify"
	export WATCHDOG_USEC=1000000
	activated tcp -- -c 'env; ls /proc/self/fd'
	CLIENT_STDIN=/dev/null client --trust any 127.0.0.1 "${PORTS[0]}"
	says client.out VTOOLS_PEER_KEY
	run ! grep -E "LISTEN_|NOTIFY_|WATCHDOG_" client.out
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

# ---- root no more ----

need_root() {
	[ "$(id -u)" = 0 ] || skip "NOT TESTED: needs root"
	id nobody >/dev/null 2>&1 || skip "NOT TESTED: there is no user nobody"
	[ "$(uname)" = Linux ] || skip "NOT TESTED: needs /proc"
	# The tests' own directory may be closed to others; what is listened on and opened is done by root.
}

# is_nobody PID: real, effective, saved and file system ids, and groups, are nobody's.
is_nobody() {
	local uid gid
	uid=$(id -u nobody)
	gid=$(id -g nobody)
	grep -qP "^Uid:\t$uid\t$uid\t$uid\t$uid$" "/proc/$1/status"
	grep -qP "^Gid:\t$gid\t$gid\t$gid\t$gid$" "/proc/$1/status"
	assert_equal "$(awk '$1 == "Groups:" { $1 = ""; print }' "/proc/$1/status" | xargs)" "$(id -G nobody)"
	assert_equal "$(awk '$1 == "CapEff:" || $1 == "CapPrm:" { print $2 }' "/proc/$1/status" | sort -u)" 0000000000000000
}

@test "--user: nobody, for good, with the port and the key that only root may have" {
	local mode
	need_root
	for mode in -k --echo --anonymous; do
		SERVE_AT='127.0.0.1 0' serve "$mode" --user nobody --events events
		is_nobody "$LISTEN_PID"
		CLIENT_STDIN=hello client --trust any 127.0.0.1 "$LISTEN_PORT"
		expect_status 0 vault-connect client.err
		if [ "$mode" = --anonymous ]; then ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"; else stop_listener 0; fi
	done
	events 'map(select(.event == "disconnect") | .status) == [0, 0, 0]'
}

@test "--user and --chroot: one client and many; the socket inside is removed; keys inside are read again" {
	local root=$PWD/jail
	need_root
	# LeakSanitizer reads /proc, which is not in there.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	chmod 755 . ..
	mkdir -m 755 jail
	mkdir jail/run jail/etc
	chown nobody jail/run
	cp "$SERVER_DIR/authorized_keys" jail/etc/keys
	CONTROL=$root/run/control
	SERVE_AT=$root/run/sock serve -k --user nobody --chroot "$root" -a "$root/etc/keys" --control "$CONTROL"
	is_nobody "$LISTEN_PID"
	assert_equal "$(readlink "/proc/$LISTEN_PID/root")" "$root"
	assert_equal "$(readlink "/proc/$LISTEN_PID/cwd")" "$root"
	greet "$root/run/sock"
	answer reload
	: >jail/etc/keys
	answer reload
	client --trust any "$root/run/sock"
	expect_status 5 vault-connect client.err
	stop_listener 0
	assert_not_exist "$CONTROL"
	assert_not_exist "$root/run/sock"
	# Outside of it: told, and it goes on with the keys that it has.
	serve -k --user nobody --chroot "$root/" --control "$CONTROL"
	greet "$AT"
	answer reload '.ok == false and (.error | endswith("lies outside of --chroot"))'
	stop_listener 0
	assert_exist "$AT"
	# One client alone.
	serve --user nobody --chroot "$root"
	assert_equal "$(readlink "/proc/$LISTEN_PID/root")" "$root"
	greet "$AT"
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "--user, --chroot: what cannot be is refused" {
	run -2 bounded 10 vault_listen --user no-such-user-here "$AT"
	assert_output --partial 'no such user'
	assert_not_exist "$AT"
	run -2 bounded 10 vault_listen --chroot / "$AT"
	assert_output --partial '--chroot needs --user'
	run -2 bounded 10 vault_listen --user root --chroot relative "$AT"
	run -2 bounded 10 vault_listen --user root --chroot / -o file "$AT"
	need_root
	run -9 bounded 10 vault_listen --user nobody --chroot "$PWD/missing" "$AT"
	assert_output --partial 'No such file'
	# Who is somebody else already and no root cannot become another, but may be who it is.
	chmod 755 . .. "$BATS_RUN_TMPDIR"
	mkdir -m 777 open
	run -9 bounded 10 setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups env HOME="$PWD/none" \
	    "$VT_BIN/vault-listen" --anonymous --user root "$PWD/open/sock"
	assert_output --partial 'Operation not permitted'
	run -4 bounded 10 setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups env HOME="$PWD/none" XDG_CONFIG_HOME="$PWD/none" \
	    "$VT_BIN/vault-listen" --anonymous --user nobody --accept-timeout 100ms "$PWD/open/sock"
}
