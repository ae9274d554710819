#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # run sets output, stderr and their lines
#
# Goal of this story: keys of other programs are keys here and the other way round, as the other program itself says;
# what cannot be taken is refused with what to do, and nothing is made of it.

load helper

# need PROGRAM: the judge of this story.
need() { command -v "$1" >/dev/null || skip "$1 is NOT INSTALLED: nothing is known about its keys"; }

# refused MESSAGE ARGS... <INPUT: status 1, nothing made.
refused() {
	run bounded 10 vault_keygen "${@:2}" -f made
	assert_failure 1
	assert_output --partial "$1"
	refute_output --regexp 'vs1|vxs1'
	assert_file_not_exists made
	assert_file_not_exists made.pub
}

setup() {
	vt_setup
	umask 077
	bounded 10 vault_keygen -f k -C 'me here' >/dev/null
}

@test "PEM: openssl reads ours and we read openssl's, Ed25519 and X25519" {
	need openssl
	local kind
	bounded 10 vault_keygen --export pem -f k >k.pem
	openssl pkey -in k.pem -pubout | cmp - <(vault_keygen -y --export pem -f k)
	bounded 10 vault_keygen --export pem --part x25519 -f k >kx.pem
	openssl pkey -in kx.pem -pubout | cmp - <(vault_keygen -y --export pem --part x25519 -f k)
	for kind in ED25519 X25519; do
		openssl genpkey -algorithm $kind -out $kind.pem
		bounded 10 vault_keygen --import pem -f $kind <$kind.pem >line
		openssl pkey -in $kind.pem -pubout >$kind.pub.pem
		bounded 10 vault_keygen -y --export pem -f $kind | cmp - $kind.pub.pem
		assert_equal "$(bounded 10 vault_keygen -y --import pem <$kind.pub.pem)" "$(cut -d ' ' -f 1 line)"
	done
	openssl pkey -in ED25519.pem | cmp - <(vault_keygen --export pem -f ED25519)
	refused 'an x25519 key, and --part says ed25519' --import pem --part ed25519 <X25519.pem
}

@test "PEM: what is not taken" {
	need openssl
	openssl genpkey -algorithm ED25519 -out k.pem
	openssl pkey -in k.pem -aes256 -passout pass:abcd >locked
	refused 'it is encrypted; take its passphrase away' --import pem <locked
	openssl genrsa 2048 2>/dev/null >rsa
	refused 'another kind of key' --import pem <rsa
	openssl ecparam -name prime256v1 -genkey -noout >ec
	refused 'another kind of key' --import pem <ec
	openssl pkey -in k.pem -pubout >public
	refused 'not a secret key in the format pem: another kind of key' --import pem <public
	refused 'not a key of that format' --import pem <k
}

@test "OpenSSH: ssh-keygen reads ours and we read its, with comments" {
	need ssh-keygen
	bounded 10 vault_keygen --export openssh -f k >ssh
	bounded 10 vault_keygen -y --export openssh -f k >ssh.pub
	assert_equal "$(ssh-keygen -y -f ssh)" "$(cat ssh.pub)"
	assert_regex "$(ssh-keygen -lf ssh.pub)" ' me here \(ED25519\)'
	ssh-keygen -q -t ed25519 -N '' -C 'a comment' -f theirs
	bounded 10 vault_keygen --import openssh -f ours <theirs >line
	assert_regex "$(cat line)" '^vk1[^ ]+ a comment$'
	assert_equal "$(bounded 10 vault_keygen -y --import openssh <theirs.pub)" "$(cat line)"
	bounded 10 vault_keygen -y --export openssh -f ours | cmp - theirs.pub
	bounded 10 vault_keygen --export openssh -f ours >back
	ssh-keygen -y -f back | cmp - theirs.pub
	bounded 10 vault_keygen -y --import openssh -f line.pub -C other <theirs.pub
	assert_regex "$(cat line.pub)" '^vk1[^ ]+ other$'
}

@test "OpenSSH: what is not taken" {
	need ssh-keygen
	ssh-keygen -q -t ed25519 -N 'a passphrase' -f locked
	refused 'it is encrypted; take its passphrase away' --import openssh <locked
	local kind
	for kind in rsa ecdsa; do
		ssh-keygen -q -t $kind -N '' -f $kind
		refused 'another kind of key' --import openssh <$kind
		refused 'another kind of key' -y --import openssh <$kind.pub
	done
	refused 'another kind of key' --import openssh <locked.pub
}

@test "an SSH key opens a session" {
	need ssh-keygen
	ssh-keygen -q -t ed25519 -N '' -C carol -f carol
	bounded 10 vault_keygen --import openssh -f me <carol >/dev/null
	bounded 10 vault_keygen -y --import openssh -f list <carol.pub >/dev/null
	start_listener --recv-only -i k -a list 127.0.0.1 0
	echo hello | bounded 20 vault_connect -i me -r @k.pub --send-only 127.0.0.1 "$LISTEN_PORT"
	wait_for "$LISTEN_PID" 10
	assert_equal "$(cat "$LISTEN_OUT")" hello
}

@test "age: identities and recipients both ways, and age decrypts with ours" {
	need age
	need age-keygen
	age-keygen -o theirs 2>/dev/null
	age-keygen -y theirs >theirs.recipient
	bounded 10 vault_keygen --import age -f ours <theirs >/dev/null
	bounded 10 vault_keygen -y --export age -f ours | cmp - theirs.recipient
	bounded 10 vault_keygen --export age -f ours >back
	age-keygen -y back | cmp - theirs.recipient
	assert_equal "$(bounded 10 vault_keygen -y --import age <theirs.recipient)" "$(bounded 10 vault_keygen -y -f ours | cut -d ' ' -f 1)"
	bounded 10 vault_keygen --export age -f k >k.age
	echo secret | age -r "$(bounded 10 vault_keygen -y --export age -f k)" | age -d -i k.age | grep -qx secret
	refused 'another kind of key' -y --import age <theirs
	refused 'another kind of key' --import age <theirs.recipient
	sed 's/Q/P/2' theirs | tr P Z >damaged
	refused 'not a key of that format' --import age <damaged
}

@test "WireGuard: wg agrees" {
	need wg
	bounded 10 vault_keygen --export wireguard -f k >secret
	assert_equal "$(wg pubkey <secret)" "$(bounded 10 vault_keygen -y --export wireguard -f k)"
	wg genkey >theirs
	bounded 10 vault_keygen --import wireguard -f ours <theirs >/dev/null
	bounded 10 vault_keygen --export wireguard -f ours | cmp - theirs
	assert_equal "$(wg pubkey <theirs | vault_keygen -y --import wireguard)" "$(bounded 10 vault_keygen -y -f ours | cut -d ' ' -f 1)"
}

@test "minisign: a signature is verified with the key that went through here" {
	need minisign
	minisign -G -W -p m.pub -s m.sec >/dev/null
	bounded 10 vault_keygen -y --import minisign -f ours <m.pub >line
	assert_regex "$(cat line)" '^vk1[^ ]+ minisign public key [0-9A-F]{12,16}$'
	bounded 10 vault_keygen -y --export minisign -f ours >back
	cmp back m.pub
	echo text >file
	minisign -S -s m.sec -m file </dev/null >/dev/null
	minisign -V -p back -m file
	# One that was never minisign's has a number, too.
	bounded 10 vault_keygen -y --export minisign -f k >k.mini
	run minisign -V -p k.mini -m file
	assert_failure
	assert_output --partial 'but the key id in the public key is'
	refused 'another kind of key' -y --import minisign <m.sec
}

@test "signify: a signature is verified with the key that went through here" {
	local signify=signify-openbsd
	command -v $signify >/dev/null || signify=signify
	need $signify
	$signify -G -n -p s.pub -s s.sec -c hello
	bounded 10 vault_keygen -y --import signify -f ours <s.pub >line
	assert_regex "$(cat line)" '^vk1[^ ]+ hello public key [0-9A-F]{16}$'
	bounded 10 vault_keygen -y --export signify -f ours >back
	echo text >file
	$signify -S -s s.sec -m file -x file.sig
	$signify -V -q -p back -m file -x file.sig
	cmp <(tail -n 1 back) <(tail -n 1 s.pub)
}

@test "what is imported can be locked at once" {
	need ssh-keygen
	ssh-keygen -q -t ed25519 -N '' -C carol -f carol
	echo pass >pass
	bounded 20 vault_keygen --import openssh -N --passphrase-file pass -f me <carol >/dev/null
	grep -q '^ve1' me
	bounded 20 vault_keygen --export openssh -f me --passphrase-file pass >back
	ssh-keygen -y -f back | cmp - carol.pub
}
