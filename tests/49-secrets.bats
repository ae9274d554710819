#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # stories set status and names of files for each other
#
# Goal of this story: no secret is anywhere but in its file and in the memory of the tool that needs it: not in arguments,
# environments of tools and their children, words at -vvv, events or figures; and nobody looks into a tool who is not root,
# not even the user whose tool it is. (That the process leaves no core is tested in tests/unit/test_common.c, and where in
# memory secrets are in 46-memory.bats.)

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	umask 077
}

# forms FILE...: the keys in these files in every form in which they could slip out, one a line.
forms() {
	local file format part
	for file in "$@"; do
		sed -n 's/^\(v[a-z]*1[^ ]*\).*/\1/p' "$file"
		for format in hex base64; do
			bounded 20 vault_keygen --export $format -f "$file"
			[ "$file" = psk ] || bounded 20 vault_keygen --export $format --part x25519 -f "$file"
		done
	done
	cat words
}

@test "keys, passphrases and pre-shared keys are in no argument, environment, word, event or figure" {
	echo 'correct horse battery' >words
	bounded 10 vault_keygen --psk -C group -f psk
	forms psk "$SERVER_DIR/identity" "$CLIENT_DIR/identity" >secrets
	[ "$(wc -l <secrets)" -ge 14 ]
	bounded 20 vault_keygen -p -f "$SERVER_DIR/identity" --passphrase-file words
	hold open 'some data'
	serve -vvv -k --events events --stats=json --psk-file psk --passphrase-file words -c 'env; cat /proc/self/environ /proc/$PPID/cmdline; cat'
	CLIENT_STDIN=open start_client -vvv --stats=json --psk-file psk "$AT"
	eventually 10 grep -q 'some data' client.out
	cat "/proc/$LISTEN_PID/cmdline" "/proc/$LISTEN_PID/environ" "/proc/$CLIENT_PID/cmdline" "/proc/$CLIENT_PID/environ" >seen
	ps axeww >>seen
	kill -USR1 "$LISTEN_PID"
	release open
	ended "$CLIENT_PID" 0 vault-connect client.err
	signal "$LISTEN_PID" TERM 20
	# What was looked through is what was meant, and says who it was by name.
	grep -qa VTOOLS_PEER_PSK=group client.out
	grep -q 'pre-shared key group' "$LISTEN_ERR"
	grep -q '"psk":"group"' events
	cat client.out client.err "$LISTEN_OUT" "$LISTEN_ERR" events >>seen
	! grep -aFf secrets seen || fail 'a secret has slipped out'
}

@test "a failure shows no secret either: damaged, mistyped and refused ones" {
	local file text
	echo 'correct horse battery' >words
	bounded 10 vault_keygen --psk -f psk
	for file in psk "$CLIENT_DIR/identity"; do
		text=$(sed -n 's/^\(v[a-z]*1[^ ]*\).*/\1/p' "$file")
		echo "${text%?}" >short
		echo "$text$text" >long
		echo "${text:1}" >headless
		printf '%s\n%s\n' "$text" "${text%?}" >second
		cp "$file" open && chmod 644 open
		for bad in short long headless second open; do
			client --psk-file $bad "$AT"
			cp client.err all
			client -i $bad "$AT"
			cat client.err >>all
			client -r "@$bad" "$AT"
			cat client.err >>all
			bounded 10 vault_keygen --check $bad >>all 2>&1 || true
			bounded 10 vault_keygen -y -f $bad >>all 2>&1 || true
			bounded 10 vault_listen -a $bad "$AT" >>all 2>&1 </dev/null || true
			[ "$(wc -l <all)" -ge 5 ]
			! grep -F "${text:5:20}" all || fail "$bad: a secret has slipped out"
		done
	done
}

@test "nobody but root looks into a tool, not even its own user" {
	[ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] && command -v setpriv strace >/dev/null ||
		skip "NOT TESTED: needs Linux, root, setpriv and strace"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	local place as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	place=$(mktemp -d)
	chmod 755 "$place"
	cp "$VT_BIN/vault-listen" "$place/"
	chmod 755 "$place/vault-listen"
	"${as[@]}" "$place/vault-listen" --help >/dev/null 2>&1 || { rm -r "$place"; skip "NOT TESTED: that user can run nothing here"; }
	spawn "${as[@]}" env -u XDG_CONFIG_HOME HOME=/nonexistent "$place/vault-listen" --anonymous --ready-fd 7 127.0.0.1 0 </dev/null 7>ready.nobody
	eventually 10 vt_has_line ready.nobody
	spawn_tool=$SPAWN_PID
	# Of another program of this user he can.
	spawn "${as[@]}" sleep 60
	eventually 10 grep -qs sleep "/proc/$SPAWN_PID/comm"
	run -0 "${as[@]}" cat "/proc/$SPAWN_PID/environ"
	run "${as[@]}" cat "/proc/$spawn_tool/environ"
	assert_failure
	run "${as[@]}" cat "/proc/$spawn_tool/mem"
	assert_failure
	assert_output --partial 'Permission denied'
	run "${as[@]}" timeout 10 strace -p "$spawn_tool" -o /dev/null
	assert_failure
	assert_output --partial 'not permitted'
	rm -r "$place"
	signal "$spawn_tool" TERM 10
}
