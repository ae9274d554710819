#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # run sets output, stderr and their lines
#
# Goal of this story: a person can look up which server has which key, compare it over the telephone, forget it when it
# changed for a good reason, and keep to himself where he connects to; and no line of known_hosts gets lost by that.

load helper

setup() {
	vt_setup
	bounded 10 vault_keygen -f k -C server >/dev/null
	bounded 10 vault_keygen -f other -C '' >/dev/null
	KEY=$(cut -d ' ' -f 1 k.pub)
	OTHER=$(cut -d ' ' -f 1 other.pub)
	PRINT=$(bounded 10 vault_keygen -l -f k | cut -d ' ' -f 1)
	mkdir -p "$CONFIG"
	printf '%s\n' '# mine' "a.example.org:5004 $KEY the first" "a.example.org:22 $OTHER" "*.example.net:5004,!x.example.net:5004 $KEY" \
	    "[2001:db8::1]:5004 $KEY" "/run/s $OTHER" >"$CONFIG/known_hosts"
	umask 077
}

@test "-F finds names, addresses, paths and patterns, and says where" {
	run bounded 10 vault_keygen -F A.example.org
	assert_success
	assert_output "$CONFIG/known_hosts:2: $PRINT $KEY the first"
	run bounded 10 vault_keygen -F a.example.org:22
	assert_output --partial "known_hosts:3: "
	run bounded 10 vault_keygen -F w.example.net
	assert_output --partial "known_hosts:4: "
	run bounded 10 vault_keygen -F '[2001:DB8:0::1]:5004'
	assert_output --partial "known_hosts:5: "
	run bounded 10 vault_keygen -F /run/s --json
	jq -e '.line == 6 and .name == "/run/s" and (.public_key | startswith("vk1"))' <<<"$output"
	for host in x.example.net a.example.org:23 example.org; do
		run bounded 10 vault_keygen -F "$host"
		assert_failure 1
		assert_output --partial 'no key is known for '
	done
	run bounded 10 vault_keygen -F a -f nowhere
	assert_failure 1
	assert_output --partial 'nowhere: there is no such file, so no server is known'
}

@test "-R takes out that line and leaves every other byte" {
	cp "$CONFIG/known_hosts" before
	run bounded 10 vault_keygen -R a.example.org
	assert_success
	assert_output ""
	diff <(sed 2d before) "$CONFIG/known_hosts"
	assert_equal "$(mode_of "$CONFIG/known_hosts")" "$(mode_of before)"
	run bounded 10 vault_keygen -R w.example.net
	assert_failure 1
	assert_output --partial 'only patterns, which are for others, too'
	diff <(sed 2d before) "$CONFIG/known_hosts"
	run bounded 10 vault_keygen -R /run/s --json
	jq -e '.removed == 1' <<<"$output"
	diff <(sed '2d;6d' before) "$CONFIG/known_hosts"
	assert_equal "$(ls "$CONFIG")" known_hosts
}

@test "-R of a file that is a link: the link stays" {
	mv "$CONFIG/known_hosts" real
	ln -s "$PWD/real" "$CONFIG/known_hosts"
	bounded 10 vault_keygen -R a.example.org
	[ -L "$CONFIG/known_hosts" ]
	run grep -c 'the first' real
	assert_output 0
}

@test "-H hides names; they are found, and later ones are hidden" {
	bounded 10 vault_keygen -H
	run cat "$CONFIG/known_hosts"
	refute_output --regexp 'a\.example\.org|2001|/run/s'
	assert_output --partial '*.example.net'
	run bounded 10 vault_keygen -F a.example.org
	assert_output "$CONFIG/known_hosts:2: $PRINT $KEY the first"
	run bounded 10 vault_keygen -F '[2001:db8::1]:5004'
	assert_success
	start_listener --recv-only -i k --anonymous 127.0.0.1 0
	bounded 10 vault_connect --anonymous --send-only 127.0.0.1 "$LISTEN_PORT" </dev/null
	wait_for "$LISTEN_PID" 10
	run bounded 10 vault_keygen -F "127.0.0.1:$LISTEN_PORT"
	assert_output --partial "$KEY"
	run grep -c 127.0.0.1 "$CONFIG/known_hosts"
	assert_output 0
	bounded 10 vault_keygen -R a.example.org
	run bounded 10 vault_keygen -F a.example.org
	assert_failure 1
}

@test "a pattern is for all its servers, and a wrong key under it is refused" {
	start_listener -k --recv-only -i k --anonymous 127.0.0.1 0
	echo "127.0.0.?:*,!127.0.0.9:* $KEY" >one
	bounded 10 vault_connect --known-hosts one --trust=strict --anonymous --send-only 127.0.0.1 "$LISTEN_PORT" </dev/null
	echo "127.*:* $OTHER" >wrong
	run bounded 10 vault_connect --known-hosts wrong --anonymous --send-only 127.0.0.1 "$LISTEN_PORT" </dev/null
	assert_failure 5
	assert_output --partial 'has CHANGED'
	assert_output --partial 'wrong:1'
	signal "$LISTEN_PID" TERM 10
}

@test "a changed key: the command in the message is the one that helps" {
	start_listener -k --recv-only -i k --anonymous 127.0.0.1 0
	echo "127.0.0.1:$LISTEN_PORT $OTHER" >one
	run bounded 10 vault_connect --known-hosts one --anonymous --send-only 127.0.0.1 "$LISTEN_PORT" </dev/null
	assert_failure 5
	assert_output --partial "$PRINT"
	assert_output --partial "$(bounded 10 vault_keygen -l -f other | cut -d ' ' -f 1)"
	local command
	command=$(grep -oE 'vault-keygen -R [^ ]+ -f [^ ]+' <<<"$output" | head -n 1)
	PATH=$VT_BIN:$PATH bash -c "$command"
	run bounded 10 vault_connect --known-hosts one --anonymous --send-only 127.0.0.1 "$LISTEN_PORT" </dev/null
	assert_success
	assert_output --partial 'remembered in one'
	signal "$LISTEN_PID" TERM 10
}

@test "-lv: words for the telephone and a picture, the same for secret and public key" {
	run bounded 10 vault_keygen -lv -f k
	assert_success
	assert_line --index 0 --partial "$PRINT"
	assert_equal "$(sed -n '2,7p' <<<"$output" | tr ' ' '\n' | sed 's/two/2/;s/three/3/;s/four/4/;s/five/5/;s/six/6/;s/seven/7/' |
	    cut -c 1 | tr -d '\n' | sed -E 's/.{4}/&-/g;s/-$//')" "$PRINT"
	assert_line --index 7 '+-----------------+'
	local all=$output
	run bounded 10 vault_keygen -lv -f k.pub
	assert_output "$all"
	run bounded 10 vault_keygen -lv -f k --json
	jq -e '.words | split(" ") | length == 24' <<<"$output"
	run bounded 10 vault_keygen -v
	assert_failure 2
}

@test "kill -9 and a full disk at every step of -R: the old file or the new one" {
	command -v strace >/dev/null || skip "strace is NOT INSTALLED: nothing is known about accidents"
	cp "$CONFIG/known_hosts" old
	sed 2d old >new
	local n call
	# (One call at a time: strace counts each by itself.)
	for call in openat flock fchmod write fsync close rename; do
		for ((n = 1; n < 100; n++)); do
			cp old one
			status=0
			traced -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$n \
			    "$VT_BIN/vault-keygen" -R a.example.org -f one 2>/dev/null || status=$?
			cmp -s one old || cmp -s one new || fail "after $call $n: $(tail -n 2 trace)"
			[ $status = 0 ] && break
		done
		[ $n -gt 1 ] && [ $n -lt 100 ] || fail "$call: $n steps"
	done
	cmp one new
	cp old one
	rm -f one.new-*
	for call in write fsync rename; do
		run traced -qq -o trace -e trace=$call -e inject=$call:error=ENOSPC:when=1 \
		    "$VT_BIN/vault-keygen" -R a.example.org -f one
		assert_failure 1
		assert_output --partial 'No space left on device'
		cmp one old
		assert_equal "$(echo one*)" one
	done
}

@test "wrong usage of -F, -R, -H is status 2" {
	while IFS='|' read -r args message; do
		# shellcheck disable=SC2086
		run bounded 10 vault_keygen $args
		assert_failure 2
		assert_line "vault-keygen: $message"
	done <<-'END'
		-F a -R a|-F and -R cannot be used together
		-F a -H|-F and -H cannot be used together
		-F a -l|-F and -l cannot be used together
		-R a --force|-R and --force cannot be used together
		-H -N|-H and -N cannot be used together
		-v -y|-v needs -l
	END
}
