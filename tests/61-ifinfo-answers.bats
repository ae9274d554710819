#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - what scripts ask (--mtu, --ipv4, --ipv6, --require-mtu, selection) is answered by the rules, with the right status;
# - what is wrong with a question is said, and the recipes of README work.

load helper
load netns

setup() {
	vt_setup
	command -v jq >/dev/null || skip 'NOT TESTED: jq is not installed'
	declare -gA NETNS=()
}

@test "--mtu: the smallest that is up, loopback left out by its flag and not by its name" {
	need_netns
	netns a
	run at a vault_ifinfo --mtu
	assert_success
	assert_line 1500
	assert_line --partial 'warning: no interface is up besides loopback'
	run at a vault_ifinfo --mtu --json
	jq -e '.mtu == 1500 and .fallback == true' <<<"${lines[-1]}"
	at a ip link set lo name elsewhere 2>/dev/null || { at a ip link set lo down; at a ip link set lo name elsewhere; }
	at a ip link set elsewhere mtu 600 up
	at a ip link add lo type veth peer name p
	at a ip link set p mtu 700
	run -0 at a vault_ifinfo --mtu
	assert_line 1500 # p is down, and lo is, too
	at a ip link set lo mtu 1400 up
	run at a vault_ifinfo --mtu
	assert_success
	assert_output 1400
	at a ip link set p up
	run at a vault_ifinfo --mtu
	assert_output 700
	run at a vault_ifinfo --mtu elsewhere
	assert_output 600
	run at a vault_ifinfo --mtu lo elsewhere
	assert_output 600
}

@test "--ipv4: no loopback, no link-local, the one of the default route first; else 127.0.0.1, and it says so" {
	need_netns
	netns a b
	run at a vault_ifinfo --ipv4
	assert_success
	assert_line 127.0.0.1
	assert_line --partial warning
	run at a vault_ifinfo --ipv4 --json
	jq -e '.address == "127.0.0.1" and .fallback == true' <<<"${lines[-1]}"
	cable a x b y
	cable a z b q
	address a x 169.254.1.1/16
	run at a vault_ifinfo --ipv4
	assert_line 127.0.0.1
	run at a vault_ifinfo --ipv4 x
	assert_failure 1
	refute_line 127.0.0.1
	address a x 10.1.0.1/24
	address a z 10.2.0.1/24
	at a ip route add default via 10.2.0.9
	run at a vault_ifinfo --ipv4
	assert_success
	assert_output $'10.2.0.1\n10.1.0.1'
	run at a vault_ifinfo -4 --json
	jq -se 'map([.address, .primary, .interface]) == [["10.2.0.1", true, "z"], ["10.1.0.1", false, "x"]]' <<<"$output"
	run at a vault_ifinfo --json
	jq -e '.kind == "host" and .primary_ipv4 == "10.2.0.1" and .primary_interface == "z" and .hostname == $h' \
	    --arg h "$(hostname)" <<<"${lines[0]}"
	run at a vault_ifinfo -4 --all
	assert_line 127.0.0.1
	assert_line 169.254.1.1
	at a ip link set z down
	run at a vault_ifinfo -4
	assert_output 10.1.0.1
}

@test "--ipv6: no link-local unless --all, and then with its link; stable before temporary before deprecated" {
	need_netns
	netns a b
	run at a vault_ifinfo -6
	assert_failure 1
	cable a x b y
	at a ip addr add 2001:db8:2::1/64 dev x nodad preferred_lft 0
	address a x 2001:db8:1::1/64
	run at a vault_ifinfo -6
	assert_success
	assert_output $'2001:db8:1::1\n2001:db8:2::1'
	run at a vault_ifinfo --ipv6 --all
	assert_line ::1
	assert_line --regexp '^fe80::[0-9a-f:]*%x$'
}

@test "--require-mtu: status and words, for interfaces, a route and none at all" {
	need_netns
	netns a b
	run at a vault_ifinfo --require-mtu 1400
	assert_failure 1
	assert_output --partial 'no interface is up'
	cable a x b y 1399
	address a x 10.1.0.1/24
	run at a vault_ifinfo --require-mtu 1400
	assert_failure 1
	assert_output --partial 'is 1399, less than 1400'
	run at a vault_ifinfo --require-mtu 1400 --mtu --json
	assert_failure 1
	jq -e '.status == 1 and .code == "io"' <<<"$(grep '"kind":"error"' <<<"$output")"
	run at a vault_ifinfo --require-mtu 1399
	assert_success
	assert_output ''
	run --separate-stderr at a vault_ifinfo --require-mtu 1400 --route 10.1.0.2 --json
	assert_failure 1
	jq -se '.[0].kind == "route" and .[0].status == 1 and .[0].mtu == 1399 and .[1].kind == "error"' <<<"$output"
	run at a vault_ifinfo --require-mtu 1399 --route 10.1.0.2
	assert_success
}

@test "selection by name and address; what matches nothing is status 1 and named" {
	need_netns
	netns a b
	cable a x b y
	address a x 10.1.0.1/24 fd01::1/64
	for word in x 10.1.0.1 fd01::1 fd01:0:0::1; do
		run at a vault_ifinfo --json $word
		assert_success
		jq -se 'map(select(.kind == "interface").name) == ["x"]' <<<"$output"
	done
	run at a vault_ifinfo x nowhere0
	assert_failure 1
	assert_output --partial "'nowhere0'"
	run at a vault_ifinfo --json nowhere0
	assert_failure 1
	jq -se 'last | .kind == "error" and .status == 1' <<<"$(grep '^{' <<<"$output")"
	run at a vault_ifinfo -- x
	assert_success
}

@test "--netns: by name, by path; one that is not there, one that is a plain file" {
	need_netns
	netns a b
	cable a x b y 1333
	run vault_ifinfo --netns "$(netns_file a)" --mtu
	assert_success
	assert_output 1333
	at b mkdir -p netns
	# Where names are is changed only for these commands.
	vt_words vault_ifinfo --netns here --mtu
	run unshare -m --propagation private sh -c 'mount -t tmpfs none /run && mkdir /run/netns && : >/run/netns/here &&
	    mount --bind "$0" /run/netns/here && exec "$@"' "$(netns_file a)" "${vt_command[@]}"
	assert_success
	assert_output 1333
	run vault_ifinfo --netns not-there
	assert_failure 1
	assert_output --partial "'not-there'"
	: >plain
	run vault_ifinfo --netns "$PWD/plain" --json
	assert_failure 1
	jq -e .status <<<"${lines[-1]}"
}

# ---- options ----

@test "usage errors: status 2, the option is named, nothing on stdout" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		run --separate-stderr vault_ifinfo $words
		assert_failure 2
		assert_equal "$output" ''
		[[ $stderr == *"Try 'vault-ifinfo --help'."* ]]
	done <<-'END'
		--nonsense
		--mtu --route localhost
		--route a --path b
		--watch --json lo
		--watch --mtu
		--require-mtu 0
		--require-mtu many
		--require-mtu 1400 --watch
		--payload=sctp
		--all
		--timeout 1s
		--timeout x --path localhost
		--path localhost lo
		--path /unix/socket
		--path localhost:0
		--path localhost:70000
		--route localhost:80
		--mtu --mtu
		--mtu --ipv4
		--netns=
	END
}

@test "hosts that nobody knows: status 3; --timeout holds for names, too" {
	run vault_ifinfo --route no.such.host.invalid --timeout 5s --json
	[ "$status" = 3 ] || [ "$status" = 4 ]
	jq -e --argjson s "$status" '.status == $s' <<<"${lines[-1]}"
	run vault_ifinfo --path 192.0.2.999
	[ "$status" = 3 ] || [ "$status" = 4 ]
}

@test "a full disk is status 1" {
	[ -c /dev/full ] || skip 'NOT TESTED: there is no /dev/full'
	run bash -c "'$VT_BIN/vault-ifinfo' --json >/dev/full"
	assert_failure 1
	assert_output --partial 'standard output'
}

# recipe NAME: the command behind the marker "try: NAME" of README.md, for the interface and host here.
recipe() {
	awk -v mark="<!-- try: $1 -->" '$0 == mark { f = 1; next } f && /^```/ { if (i) exit; i = 1; next } f && i' \
	    "$ROOT/README.md" | sed -e 's/wg0/x/' -e 's/server.example.org/10.1.0.2/' -e 's/ 5004$/ 0/' >recipe.sh
	[ -s recipe.sh ] || fail "README.md has no commands for '$1'"
	run --separate-stderr at a env PATH="$VT_BIN:$PATH" bash recipe.sh
}

@test "the recipes of README" {
	need_netns
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	netns a b
	cable a x b y 1420
	address a x 10.1.0.1/24
	address b y 10.1.0.2/24
	recipe ifinfo-alert
	assert_success
	assert_equal "$output$stderr" ''
	recipe ifinfo-payload
	assert_success
	assert_line 'MTU 1420'
	recipe ifinfo-path
	assert_success
	assert_line 'path MTU   1420'
	at a ip link set x mtu 1390
	recipe ifinfo-alert
	assert_failure 1
	[ -n "$stderr" ]
	# The listener is there only; a file for it comes from the other side.
	recipe ifinfo-bind &
	BIND=$!
	eventually 10 listener_at
	PORT=$(at a ss -Htnl | awk '$4 ~ /^10\.1\.0\.1:/ { sub(/.*:/, "", $4); print $4 }')
	echo content | at b vault_connect --anonymous --trust=any --quiet --send-only 10.1.0.1 "$PORT"
	wait "$BIND"
	assert_equal "$(cat report.pdf)" content
}

listener_at() { at a ss -Htnl | awk '$4 ~ /^10\.1\.0\.1:/ { found = 1 } END { exit !found }'; }
