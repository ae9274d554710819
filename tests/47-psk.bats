#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2086,SC2154 # stories set status and names of files for each other
#
# Goal of this story: a group exchanges its pre-shared key while everything runs. The listener accepts the old and the
# new one for a time, says which one a client has, and refuses with the reason what is over.

load helper
load endings
load hosting

setup() {
	vt_setup
	strangers
	AT=$PWD/sock
	bounded 10 vault_keygen --psk -C old -f old
	bounded 10 vault_keygen --psk -C new -f new
	cat old new >both
	chmod 600 both
}

@test "several keys on a listener: whoever has one of them comes in, and each end names it" {
	local name
	for name in old new; do
		serve -v --stats=json --events events --psk-file both
		meet 0 0 -v --stats=json --psk-file $name "$AT"
		says client.err "pre-shared key $name" "\"psk\":\"$name\""
		says "$LISTEN_ERR" "pre-shared key $name" "\"psk\":\"$name\""
		events 'any(.[]; .event == "connect" and .psk == $n) and any(.[]; .event == "disconnect" and .psk == $n)' --arg n $name
		rm events
	done
	bounded 10 vault_keygen --psk -C other -f other
	serve --events events --psk-file both --max-failures 1
	meet 5 5 --psk-file other "$AT"
	one_line client.err 'different pre-shared key' --psk-file
	one_line "$LISTEN_ERR" 'different pre-shared keys' --psk-file
	events 'any(.[]; .event == "handshake_failed" and .psk == null)'
}

@test "sixteen keys: the first and the last one do, a seventeenth is refused by name" {
	local i
	: >many
	chmod 600 many
	for i in $(seq 16); do
		bounded 10 vault_keygen --psk -C "key $i" >one.$i
		chmod 600 one.$i
		cat one.$i >>many
	done
	for i in 1 16; do
		serve -v --psk-file many
		meet 0 0 --psk-file one.$i "$AT"
		says "$LISTEN_ERR" "pre-shared key key $i"
	done
	run -1 bounded 10 vault_keygen --psk --append -f many
	assert_output --partial 'as many as a file can have'
	cat old >>many
	client --psk-file many "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err 'at most 16'
}

@test "every place of a psk that a listener reads first works with several, the others are usage errors" {
	local pattern
	for pattern in NNpsk0 XXpsk0 XXpsk1 XXpsk3 IXpsk1 NNpsk0+psk2 XXpsk1+psk2; do
		serve --anonymous --psk-file both --protocol $pattern
		meet 0 0 --psk-file new --trust=any --protocol $pattern "$AT"
	done
	for pattern in NNpsk2 XXpsk2; do
		run -2 bounded 10 vault_listen --psk-file both --protocol $pattern "$AT"
		assert_output --partial "--protocol $pattern"
		assert_output --partial 'which of the 2 in both'
		serve --anonymous --psk-file old --protocol $pattern
		meet 0 0 --psk-file old --trust=any --protocol $pattern "$AT"
	done
}

@test "rotation: appended, read anew on SIGHUP, the old line taken out; whoever is in stays" {
	cp old keys
	serve -k -v --events events --psk-file keys
	join one --psk-file old
	client --psk-file new "$AT"
	expect_status 5 vault-connect client.err
	bounded 10 vault_keygen --psk --import hex -C new --append -f keys < <(vault_keygen --psk --export hex -f new)
	kill -HUP "$LISTEN_PID"
	eventually 10 grep -q '2 pre-shared keys' "$LISTEN_ERR"
	join two --psk-file new
	client --psk-file old "$AT"
	expect_status 0 vault-connect client.err
	sed -i '/ old$/d' keys
	kill -HUP "$LISTEN_PID"
	eventually 10 grep -q '1 pre-shared keys' "$LISTEN_ERR"
	client --psk-file old "$AT"
	expect_status 5 vault-connect client.err
	echo garbage >>keys
	kill -HUP "$LISTEN_PID"
	eventually 10 grep -q 'stay in force' "$LISTEN_ERR"
	says "$LISTEN_ERR" 'keys:4:'
	join three --psk-file new
	release one.in
	release two.in
	release three.in
	ended "$PID_one" 0 vault-connect one.err
	ended "$PID_two" 0 vault-connect two.err
	ended "$PID_three" 0 vault-connect three.err
	events '[.[] | select(.event == "connect").psk] == ["old", "new", "old", "new"]'
	events '[.[] | select(.event == "reload") | .status] == [0, 0, 1]'
	stop_listener 0
}

@test "expires=: the listener refuses and says which key and line, the client takes the first that is good" {
	{
		sed -n 's/^vp1/expires=2001-01-31 vp1/p' old
		grep ^vp1 new
	} >over
	chmod 600 over
	serve --psk-file over --max-failures 1
	meet 5 5 --psk-file old "$AT"
	one_line client.err 'does not accept'
	one_line "$LISTEN_ERR" 'pre-shared key has expired (over:1, old)'
	run ! grep -qi expired client.err
	serve -v --psk-file over
	meet 0 0 --psk-file over "$AT"
	says "$LISTEN_ERR" 'pre-shared key new'
	sed -i 2d over
	client --psk-file over "$AT"
	expect_status 5 vault-connect client.err
	one_line client.err 'over: the key has expired' 'get a new key'
	sed 's/2001/2999/' over >later
	chmod 600 later
	serve --psk-file later
	meet 0 0 --psk-file old "$AT"
}

@test "a wrong line is named, and nothing of it is shown" {
	local text
	while read -r text; do
		{
			cat both
			echo "$text"
		} >bad
		chmod 600 bad
		client --psk-file bad "$AT"
		expect_status 1 vault-connect client.err
		one_line client.err "bad:$(wc -l <bad): "
		run -1 bounded 10 vault_keygen --check bad
		assert_output --partial "bad:$(wc -l <bad): "
		run ! grep -E 'v[ps]1[A-Za-z0-9_-]{9}|nobody understands' client.err
	done <<-END
		garbage that nobody understands
		$(grep ^vp1 old)
		$(vault_keygen -y -f - < <(vault_keygen -f - --force))
		rate=5K $(vault_keygen --psk)
		expires=2027-01-31
		expires=yesterday $(vault_keygen --psk)
	END
	chmod 640 both
	client --psk-file both "$AT"
	expect_status 9 vault-connect client.err
	one_line client.err 'chmod 600 both'
}

@test "--append: a new file, one more, fifty at once; --check names them" {
	local i pids=()
	bounded 10 vault_keygen --psk --append -C first -f group
	assert_equal "$(mode_of group)" 600
	for i in $(seq 15); do
		vault_keygen --psk --append -C "member $i" -f group >"out.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	assert_equal "$(grep -c ^vp1 group)" 16
	assert_equal "$(mode_of group)" 600
	run -0 bounded 10 vault_keygen --check group
	assert_line --index 0 'group: 16 pre-shared keys'
	for i in $(seq 15); do assert_output --partial ": member $i"; done
	run -0 bounded 10 vault_keygen --check group --json
	jq -e '.ok and (.keys | length) == 16 and .keys[0].name == "first" and (.keys[0].expired | not)' <<<"$output"
	run ! ls group.*
	run -1 bounded 10 vault_keygen --psk -f group
	assert_output --partial 'exists already'
	vault_keygen --psk --export hex -f old >bare
	chmod 600 bare
	run -1 bounded 10 vault_keygen --psk --append -f bare
	assert_equal "$(wc -l <bare)" 1
	run -2 bounded 10 vault_keygen --append -f bare
	run -2 bounded 10 vault_keygen --psk --append
	run -2 bounded 10 vault_keygen --psk --append --force -f bare
	run -2 bounded 10 vault_keygen --psk --append -N -f bare
}

@test "killed or out of room at any call of --append: the old keys or one more" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	strace -qq -o strace.try -e inject=getppid:error=EPERM true 2>/dev/null || skip "strace DOES NOT WORK here: nothing is known about accidents"
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	local n killed=0 call
	cp both before
	for call in openat flock read write fsync fchmod close rename; do
		for ((n = 1; n < 100; n++)); do
			cp before both
			traced -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-keygen" --psk --append -C third -f both >/dev/null 2>&1 || true
			head -c "$(size_of before)" both | cmp - before || fail "$call $n: keys are lost"
			[[ $(grep -c ^vp1 both) =~ ^[23]$ ]] || fail "$call $n: $(wc -l <both) lines"
			"$VT_BIN/vault-keygen" --check both >checked || fail "$call $n: $(cat both checked)"
			grep -q 'killed by SIGKILL' trace || break
			((++killed))
		done
		[ "$n" -gt 1 ] && [ "$n" -lt 100 ] || fail "$call: $n times"
	done
	[ "$killed" -gt 20 ]
	rm -f both.new-*
	for call in write fsync rename; do
		cp before both
		run traced -qq -o trace -e trace=$call -e inject=$call:error=ENOSPC:when=1 \
		    "$VT_BIN/vault-keygen" --psk --append -f both
		assert_failure 1
		assert_output --partial 'No space left'
		cmp both before
		[ -z "$(compgen -G 'both.new-*')" ]
	done
}
