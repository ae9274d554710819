#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # run sets output, stderr and their lines
#
# Goal of this test: vault-keygen makes keys that are on the disk, whole and for us alone, or says why not;
# shows, checks and converts them; and never shows a secret that was not asked for.
# (That the process leaves no core is tested in tests/unit/test_common.c.)

load helper

# ---- making an identity ----

@test "makes an identity and prints its public line" {
	run bounded 10 vault_keygen
	assert_success
	assert_output --regexp '^vk1[A-Za-z0-9_-]{47} [^ ]+@[^ ]+$'
	assert_equal "$output" "$(cat "$CONFIG/identity.pub")"
	assert_equal "$(mode_of "$CONFIG")" 700
	assert_equal "$(mode_of "$CONFIG/identity")" 600
	assert_equal "$(mode_of "$CONFIG/identity.pub")" 644
	run bounded 10 vault_keygen -y
	assert_success
	assert_output "$(cat "$CONFIG/identity.pub")"
}

@test "every identity is another one" {
	for i in 1 2 3; do bounded 10 vault_keygen -f "k$i" -C "" >>lines; done
	assert_equal "$(sort -u lines | wc -l)" 3
}

@test "the secret is 0600 whatever the umask, the public file follows it" {
	umask 0
	bounded 10 vault_keygen -f open
	assert_equal "$(mode_of open)" 600
	assert_equal "$(mode_of open.pub)" 644
	umask 077
	bounded 10 vault_keygen -f shut
	assert_equal "$(mode_of shut)" 600
	assert_equal "$(mode_of shut.pub)" 600
}

@test "an existing file stays, with --force it is replaced" {
	bounded 10 vault_keygen -f k
	cp k old
	run --separate-stderr bounded 10 vault_keygen -f k
	assert_failure 1
	assert_equal "$output" ""
	assert_equal "${stderr:?}" "vault-keygen: k: exists already and is left as it is (--force replaces it)"
	cmp k old
	run bounded 10 vault_keygen -f k --force
	assert_success
	run cmp k old
	assert_failure
	bounded 10 vault_keygen --check k
	assert_equal "$(ls k*)" "$(printf 'k\nk.pub')"
}

@test "a public file in the way: no secret is left behind" {
	echo mine >k.pub
	run bounded 10 vault_keygen -f k
	assert_failure 1
	assert_output --partial "k.pub: exists already"
	assert_file_not_exists k
	assert_equal "$(cat k.pub)" mine
}

@test "a link is not followed, neither by creating nor by replacing" {
	ln -s target k
	run bounded 10 vault_keygen -f k
	assert_failure 1
	run bounded 10 vault_keygen -f k --force
	assert_failure 1
	assert_output --partial "not a regular file"
	assert_file_not_exists target
}

@test "a full disk is status 1 and nothing is left" {
	for limit in 0 1; do
		# In units of 512 or 1024 bytes: 1 is enough for the secret, 0 for nothing.
		run bash -c "ulimit -f $limit; $VT_BIN/vault-keygen -f k -C '$(printf '%0120d' 1)'"
		if [ "$limit" = 0 ]; then
			assert_failure 1
			assert_output --partial "k: cannot write: File too large"
			assert_file_not_exists k
			assert_file_not_exists k.pub
		else
			assert_success
		fi
	done
}

@test "special files as target: status 1" {
	run bounded 10 vault_keygen -f /dev/full
	assert_failure 1
	run bounded 10 vault_keygen -f /dev/full --force
	assert_failure 1
	assert_output --partial "not a regular file"
	run bounded 10 vault_keygen -f /proc/nowhere/key
	assert_failure 1
	run bounded 10 vault_keygen -f home/
	assert_failure 1
}

@test "a lost standard output is status 1" {
	for args in "-f k1" "-f k2 --json" --psk "--psk --json" -h -V; do
		# shellcheck disable=SC2086
		run bash -c "'$VT_BIN/vault-keygen' $args >/dev/full"
		assert_failure 1
		assert_output --partial "cannot write to standard output: No space left on device"
	done
	run bash -c "'$VT_BIN/vault-keygen' -V >&-"
	assert_failure 1
	run bash -c "'$VT_BIN/vault-keygen' -f k >&-"
	assert_failure 1
}

@test "-f - prints the secret file, which is read again from a pipe" {
	bounded 10 vault_keygen -f - -C me >k 2>err
	grep -q 'others can open' err
	assert_file_not_exists "$CONFIG/identity"
	run bash -c "'$VT_BIN/vault-keygen' -y -f - < <(cat k)"
	assert_success
	assert_output --regexp '^vk1[^ ]+ me$'
	grep -qF "${output% me}" k
	run bounded 10 vault_keygen -f - --json
	assert_failure 2
}

@test "no secret on a terminal" {
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "'$VT_BIN/vault-keygen' -f -" /dev/null </dev/null
	assert_failure 9
	refute_output --partial vs1
	assert_output --partial "will not show a secret on a terminal"
	bounded 10 vault_keygen -f k
	run script -qec "'$VT_BIN/vault-keygen' -f k --export hex" /dev/null </dev/null
	assert_failure 9
	run script -qec "'$VT_BIN/vault-keygen' -f k --export hex --force" /dev/null </dev/null
	assert_success
	run script -qec "'$VT_BIN/vault-keygen' -f k --export hex -y" /dev/null </dev/null
	assert_success
}

@test "the comment: given, empty, or refused" {
	assert_regex "$(bounded 10 vault_keygen -f a -C 'a b')" '^vk1[^ ]+ a b$'
	assert_regex "$(bounded 10 vault_keygen -f b -C '')" '^vk1[^ ]+$'
	run bounded 10 vault_keygen -f c -C $'two\nlines'
	assert_failure 2
	run bounded 10 vault_keygen -f c -C "$(printf '%0200d' 1)"
	assert_failure 2
	assert_output --partial "-C: longer than 127 bytes"
	assert_file_not_exists c
}

# ---- showing ----

@test "-l prints fingerprint, public key and comment, the same for all forms" {
	bounded 10 vault_keygen -f k -C me >/dev/null
	run bounded 10 vault_keygen -l -f k
	assert_success
	assert_output --regexp '^([a-z2-7]{4}-){5}[a-z2-7]{4} vk1[^ ]+ me$'
	local line=$output
	run bounded 10 vault_keygen -l -f k.pub
	assert_output "$line"
	bounded 10 vault_keygen -f k --export wireguard | bounded 10 vault_keygen --import wireguard -f x >/dev/null
	run bounded 10 vault_keygen -l -f x
	assert_equal "${output%% *}" "${line%% *}"
}

@test "a secret that others can read is refused with the remedy" {
	bounded 10 vault_keygen -f k >/dev/null
	for mode in 640 604 660 622; do
		chmod $mode k
		for args in -y -l "--export hex"; do
			# shellcheck disable=SC2086
			run bounded 10 vault_keygen $args -f k
			assert_failure 9
			assert_output --partial "type: chmod 600 k"
			refute_output --partial vs1
		done
	done
	chmod 600 k
	bounded 10 vault_keygen -y -f k
}

@test "a missing or strange file is status 1, named" {
	run bounded 10 vault_keygen -y
	assert_failure 1
	assert_output "vault-keygen: $CONFIG/identity: No such file or directory"
	run bounded 10 vault_keygen -y -f home
	assert_failure 1
	assert_output --partial "home: "
	(umask 077 && bounded 10 vault_keygen --psk >p)
	run bounded 10 vault_keygen -l -f p
	assert_failure 1
	assert_output --partial "no public part"
}

# ---- checking ----

@test "--check says what a file is" {
	bounded 10 vault_keygen -f k -C me >/dev/null
	run bounded 10 vault_keygen --check k
	assert_success
	assert_output --regexp '^k: secret key, [a-z2-7-]{29} vk1[^ ]+ me$'
	run bounded 10 vault_keygen --check k.pub
	assert_success
	assert_output --regexp '^k.pub: public key, '
	bounded 10 vault_keygen --psk -f p
	run bounded 10 vault_keygen --check p
	assert_success
	assert_output "p: pre-shared key"
}

# damaged STATUS PART-OF-MESSAGE: what --check says of the file 'bad'.
damaged() {
	run bounded 10 vault_keygen --check bad
	assert_failure "$1"
	assert_output --partial "$2"
	refute_output --partial "${secret:4:20}"
	run --separate-stderr bounded 10 vault_keygen --check bad --json
	assert_failure "$1"
	echo "$output" | jq -e --arg m "$2" '.v == 1 and .ok == false and .file == "bad" and (.error | contains($m))'
}

@test "--check names every kind of damage" {
	umask 077
	bounded 10 vault_keygen -f k -C me >/dev/null
	secret=$(grep '^vs1' k)
	secret=${secret% me}
	echo "$secret" >bad && damaged_none
	echo "${secret%?}" >bad && damaged 1 "bad:1: wrong length"
	echo "${secret}A" >bad && damaged 1 "bad:1: wrong length"
	echo "$secret=" >bad && damaged 1 "bad:1: a character that does not belong"
	local other=A
	[ "${secret:20:1}" = A ] && other=B
	echo "${secret:0:20}$other${secret:21}" >bad && damaged 1 "bad:1: wrong checksum"
	echo "vz1${secret:3}" >bad && damaged 1 "bad:1: not a key of a known form"
	printf '# a\n%s\n%s\n' "$secret" "$secret" >bad && damaged 1 "bad:3: a second key"
	printf '%s\nmore\n' "$secret" >bad && damaged 1 "bad:2: not a key"
	printf '# nothing\n' >bad && damaged 1 "there is no key"
	: >bad && damaged 1 "there is no key"
	echo "$secret" >bad && chmod 640 bad && damaged 9 "permissions 0640"
	chmod 600 bad && bounded 10 vault_keygen -f k2 >/dev/null && cp k2.pub bad.pub
	damaged 1 "bad.pub: is not the public key of bad"
}

damaged_none() { bounded 10 vault_keygen --check bad >/dev/null; }

# ---- pre-shared keys ----

@test "--psk to standard output, and to a file of 0600" {
	run --separate-stderr bounded 10 vault_keygen --psk
	assert_success
	assert_output --regexp '^vp1[A-Za-z0-9_-]{47}$'
	run bounded 10 vault_keygen --psk -f p -C both
	assert_success
	assert_output ""
	assert_equal "$(mode_of p)" 600
	grep -qE '^vp1[A-Za-z0-9_-]{47} both$' p
	assert_file_not_exists p.pub
	run bounded 10 vault_keygen --psk -f p
	assert_failure 1
}

@test "a psk going to a file for all is warned of" {
	bounded 10 vault_keygen --psk >p 2>err
	grep -q 'warning: this secret goes to a file that others can open (0644)' err
	(umask 077 && bounded 10 vault_keygen --psk >q 2>err2)
	assert_equal "$(cat err2)" ""
}

@test "a psk from WireGuard and back" {
	echo AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= |
		bounded 10 vault_keygen --psk --import wireguard -f p
	run bounded 10 vault_keygen --psk --export wireguard -f p
	assert_output AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
	run bounded 10 vault_keygen --psk --export hex --json -f p
	assert_equal "$(jq -r '.part + " " + .key' <<<"$output")" \
		"psk 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
}

# ---- import and export ----

# RFC 8032, section 7.1, test 1.
SEED=9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
PUBLIC=d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a

@test "an Ed25519 seed goes in and comes out in every format" {
	echo "$SEED" | bounded 10 vault_keygen --import hex -f k -C "" >/dev/null
	assert_equal "$(bounded 10 vault_keygen -f k --export hex)" "$SEED"
	assert_equal "$(bounded 10 vault_keygen -f k --export hex -y)" "$PUBLIC"
	assert_equal "$(bounded 10 vault_keygen -f k.pub --export hex -y)" "$PUBLIC"
	assert_equal "$(bounded 10 vault_keygen -f k --export raw | od -An -v -tx1 | tr -d ' \n')" "$SEED"
	for format in raw hex base64; do
		bounded 10 vault_keygen -f k --export $format |
			bounded 10 vault_keygen --import $format -f k.$format -C "" >/dev/null
		cmp k.pub k.$format.pub
	done
}

@test "the X25519 part goes in and comes out" {
	echo "$SEED" | bounded 10 vault_keygen --import hex -f k -C "" >/dev/null
	for format in raw hex base64; do
		bounded 10 vault_keygen -f k --export $format --part x25519 |
			bounded 10 vault_keygen --import $format --part x25519 -f x.$format -C "" >x.line
		assert_regex "$(cat x.line)" '^vx1'
		assert_equal "$(bounded 10 vault_keygen -f x.$format --export hex)" \
			"$(bounded 10 vault_keygen -f k --export hex --part x25519)"
		assert_equal "$(bounded 10 vault_keygen -f x.$format --export hex -y)" \
			"$(bounded 10 vault_keygen -f k --export hex --part x25519 -y)"
	done
	run bounded 10 vault_keygen -f x.hex --export hex --part ed25519
	assert_failure 1
	assert_output --partial "no ed25519 part"
}

@test "WireGuard: RFC 7748's keys, clamped as wg shows them" {
	# Section 6.1, Bob. The secret there is not clamped; wg(8) shows and keeps it clamped.
	echo XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os= |
		bounded 10 vault_keygen --import wireguard -f k >/dev/null
	assert_equal "$(bounded 10 vault_keygen -f k --export wireguard -y)" 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=
	assert_equal "$(bounded 10 vault_keygen -f k --export wireguard)" WKsIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Gs=
}

@test "what is no key is not imported" {
	local b=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
	while read -r format text; do
		run bash -c "printf '$text' | '$VT_BIN/vault-keygen' --import $format -f k"
		assert_failure 1
		assert_output --partial "standard input: "
		assert_file_not_exists k
		assert_file_not_exists k.pub
	done <<-END
		hex ${SEED}00
		hex ${SEED%??}
		hex ${SEED%?}
		hex ${SEED%?}g
		hex ${SEED}\n\n
		hex
		hex $(printf '%064d' 0)
		hex $(printf '%0999d' 1)
		base64 $b
		base64 $b==
		base64 $b=x
		base64 ${b}_
		wireguard $SEED
		raw 1234567890123456789012345678901
		raw 1234567890123456789012345678901\n1
	END
}

@test "a public key is exported only as such" {
	bounded 10 vault_keygen -f k >/dev/null
	run bounded 10 vault_keygen -f k.pub --export hex
	assert_failure 1
	assert_output --partial "k.pub: there is only a public key in it"
}

# ---- JSON ----

@test "--json: one object, with facts and without secrets" {
	run --separate-stderr bounded 10 vault_keygen --json -f k -C me
	assert_success
	jq -e '.v == 1 and .file == "k" and .public_file == "k.pub" and .comment == "me"
		and (.public_key | startswith("vk1")) and (.x25519_public_key | startswith("vx1"))
		and (.fingerprint | length == 29)' <<<"$output"
	for args in "-y -f k" "-l -f k" "--check k" "--psk -f p" "--export hex -y -f k"; do
		# shellcheck disable=SC2086
		run --separate-stderr bounded 10 vault_keygen --json $args
		assert_success
		assert_equal "${#lines[@]}" 1
		jq -e '.v == 1' <<<"$output"
		refute_output --regexp 'vs1|vp1|vxs1'
		assert_equal "${stderr:-}" ""
	done
	run --separate-stderr bounded 10 vault_keygen --json --psk
	jq -e '.psk | startswith("vp1")' <<<"$output"
	run --separate-stderr bounded 10 vault_keygen --json --export hex -f k
	jq -e '.secret == true and .format == "hex" and .part == "ed25519" and (.key | length == 64)' <<<"$output"
}

# ---- usage ----

@test "help and version go to standard output" {
	run --separate-stderr bounded 10 vault_keygen --help
	assert_success
	assert_output --partial "Usage: vault-keygen"
	assert_equal "${stderr:-}" ""
	run --separate-stderr bounded 10 vault_keygen -V
	assert_success
	assert_line --index 0 --regexp '^vault-keygen \(vault-tools\) [0-9]+\.[0-9]+\.[0-9]+$'
	assert_line --index 1 --regexp '^libsodium [0-9.]+, AES hardware: (yes|no)$'
}

@test "wrong usage is status 2, says what, and makes nothing" {
	while IFS='|' read -r args message; do
		# shellcheck disable=SC2086
		run --separate-stderr bounded 10 vault_keygen $args
		assert_failure 2
		assert_equal "$output" ""
		assert_equal "${stderr_lines[0]}" "vault-keygen: $message"
		assert_equal "${stderr_lines[1]}" "Try 'vault-keygen --help'."
		assert_equal "${#stderr_lines[@]}" 2
	done <<-'END'
		--foo|unknown option '--foo'
		-x|unknown option '-x'
		--comm me|unknown option '--comm' (did you mean '--comment'?)
		-f|option '-f' needs a value
		--check|option '--check' needs a value
		--json=1|option '--json' takes no value
		-f a -f b|option '-f' was given twice
		-f a --file b|option '--file' was given twice
		-y -l|-y and -l cannot be used together
		-y --check k|-y and --check cannot be used together
		--psk -y|-y and --psk cannot be used together
		--import hex --export hex|--import and --export cannot be used together
		-f - --json|-f - and --json cannot be used together
		--export raw --json|--export raw and --json cannot be used together
		--export pgp|--export: 'pgp' is none of raw, hex, base64, wireguard, pem, openssh, age, minisign, signify
		--export hex --part dsa|--part: 'dsa' is neither ed25519 nor x25519
		--export wireguard --part ed25519|--part: wireguard has no ed25519 keys
		--export age --part ed25519|--part: age has no ed25519 keys
		--import openssh --part x25519|--part: openssh has no x25519 keys
		--export signify|--export signify is for public keys only: add -y
		--psk --import pem|--import and --psk cannot be used together
		--part x25519|--part needs --import or --export
		--psk --export hex|--psk --export needs -f FILE, the key to be exported
		-l -C me|-C and -l cannot be used together
		name|unexpected argument 'name'
		-- name|unexpected argument 'name'
	END
	assert_file_not_exists "$CONFIG"
}

@test "without a home, HOME is not needed for a named file" {
	run env -u HOME -u XDG_CONFIG_HOME "$VT_BIN/vault-keygen" -f k
	assert_success
}

@test "a home directory that is not there is not made; what is missing below it is" {
	run env -u XDG_CONFIG_HOME HOME="$PWD/nobody" "$VT_BIN/vault-keygen"
	assert_failure 1
	assert_output "vault-keygen: $PWD/nobody: the home directory: No such file or directory"
	assert_not_exists nobody
	mkdir nobody
	run env -u XDG_CONFIG_HOME HOME="$PWD/nobody" "$VT_BIN/vault-keygen"
	assert_success
	assert_file_exists nobody/.config/vault-tools/identity
}

@test "a directory that cannot be made: the reason is the first one's" {
	[ "$(uname)" = Linux ] || skip "needs /sys"
	run "$VT_BIN/vault-keygen" -f /sys/none/below/key
	assert_failure 1
	assert_output --partial '/sys/none: cannot create the directory: '
	refute_output --partial 'No such file'
}
