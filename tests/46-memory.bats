#!/usr/bin/env bats
# shellcheck disable=SC2034 # variables are for the words of endings.bash
#
# Goal of this story: secrets that last longer than a session lie in locked memory only, which is never written to swap
# space, while a tool waits and while its session is under way.

load helper
load endings

setup() {
	vt_setup
	people
	[ "$(uname)" = Linux ] || skip "NOT TESTED: needs Linux"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP: it has copies of its own"
	find_python json
}

# secrets FILE: the seed and the X25519 secret of an identity, in hex.
secrets() {
	bounded 10 vault_keygen --export hex --part ed25519 -f "$1"
	bounded 10 vault_keygen --export hex --part x25519 -f "$1"
}

# only_locked PID SECRET...: each is in that process's memory, and nowhere but in locked memory.
only_locked() {
	local pid=$1 i
	shift
	"$PYTHON" "$ROOT/tests/tools/memory.py" "$pid" "$@" >places || {
		[ $? = 3 ] && skip "NOT TESTED: the memory of processes cannot be read here"
		return 1
	}
	for ((i = 0; i < $#; i++)); do grep -q "^$i locked" places || fail "secret $i is not found: $(cat places)"; done
	! grep open places || fail 'a secret lies in memory that can be swapped'
}

@test "the tool that looks finds what is not locked" {
	local word
	word=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
	spawn "$PYTHON" -c 'import sys, time; here = bytes.fromhex(sys.argv[1]); print(flush=True); time.sleep(60)' "$word" >started
	eventually 10 vt_has_line started
	"$PYTHON" "$ROOT/tests/tools/memory.py" "$SPAWN_PID" "$word" >places || skip "NOT TESTED: the memory of processes cannot be read here"
	grep '^0 open' places
}

@test "identities and pre-shared keys: waiting, in a session, on every wire" {
	local wire server client psk=()
	read -r -d '' -a server < <(secrets "$SERVER_DIR/identity") || true
	read -r -d '' -a client < <(secrets "$CLIENT_DIR/identity") || true
	bounded 10 vault_keygen --psk -f psk
	bounded 10 vault_keygen --psk -f other
	(umask 077 && cat other psk >several)
	for wire in vault1 vault-tcp psk; do
		hold open 'some data'
		psk=()
		[ $wire != psk ] || psk=(--psk-file psk)
		[ $wire = psk ] || psk=(--wire "$wire" --protocol XX)
		[ $wire != psk ] && serve "${psk[@]}" || serve --psk-file several
		only_locked "$LISTEN_PID" "${server[@]}"
		CLIENT_STDIN=open start_client "${psk[@]}" -r "$SERVER_KEY" "$PWD/sock"
		eventually 10 has_size "$LISTEN_OUT" 9
		if [ $wire = psk ]; then
			word=$(bounded 10 vault_keygen --export hex -f psk)
			only_locked "$LISTEN_PID" "${server[@]}" "$word" "$(bounded 10 vault_keygen --export hex -f other)"
			only_locked "$CLIENT_PID" "${client[@]}" "$word"
		else
			only_locked "$LISTEN_PID" "${server[@]}"
			only_locked "$CLIENT_PID" "${client[@]}"
		fi
		release open
		ended "$CLIENT_PID" 0 vault-connect client.err
		ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	done
}
