# shellcheck disable=SC2154 # output is what run of bats sets
# paths: words for the stories about paths to a host. After `load helper` and `load netns`.

# path HOST [OPTIONS]: sets status and the object in $output.
path() {
	run --separate-stderr at a vault_ifinfo --path "$@" --json
}

is() {
	jq -e "$1" <<<"$output" >/dev/null && return
	echo "not so: $1" >&2
	echo "$output" >&2
	return 1
}

few_packets() { is '.packets <= 48'; }

# a - r - b with the kernel's forwarding; the second link has the MTU given, at both its ends.
routed() {
	netns a r b
	cable a x r p 1500
	cable r q b y "$1"
	address a x 10.1.0.1/24
	address r p 10.1.0.2/24
	address r q 10.2.0.2/24
	address b y 10.2.0.1/24
	if [ "$1" -ge 1280 ]; then
		address a x fd01::1/64
		address r p fd01::2/64
		address r q fd02::2/64
		address b y fd02::1/64
		at a ip -6 route add default via fd01::2
		at b ip -6 route add default via fd02::2
	fi
	at a ip route add default via 10.1.0.2
	at b ip route add default via 10.2.0.2
	routing r
}
