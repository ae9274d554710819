# shellcheck disable=SC2154 # vt_command is set by vt_words of helper.bash
# netns: the words for stories in network namespaces. Each namespace is held by one process of spawn(): when the
# test ends, however it ends, the process ends and the kernel removes the namespace with all that is in it. The
# machine's own interfaces, its /run/netns and its /sys are never touched.

# need_netns: the rest needs root and a kernel with network namespaces.
need_netns() {
	[ "$(uname)" = Linux ] || skip 'NOT TESTED: needs Linux'
	[ "$(id -u)" = 0 ] || skip 'NOT TESTED: needs root, for network namespaces'
	command -v ip >/dev/null || skip 'NOT TESTED: ip (iproute2) is not installed'
	command -v nsenter >/dev/null || skip 'NOT TESTED: util-linux is not installed'
	unshare -n true 2>/dev/null || skip 'NOT TESTED: network namespaces cannot be made here'
	need_libmnl
	declare -gA NETNS=()
}

# need_libmnl: without it the tools know less than ip(8).
need_libmnl() { vault_ifinfo --version | grep -q libmnl || skip 'NOT TESTED: built without libmnl'; }

need_tun() {
	[ -c /dev/net/tun ] || skip 'NOT TESTED: there is no /dev/net/tun'
}

netns_is_own() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# netns NAME...: new ones, with loopback up.
netns() {
	local name
	for name; do
		spawn unshare -n -m --propagation private sleep 1000 </dev/null
		NETNS[$name]=$SPAWN_PID
		eventually 5 netns_is_own "$SPAWN_PID"
		at "$name" ip link set lo up
	done
}

# at NAME COMMAND...: in that namespace, at most half a minute. vault_NAME means the tool.
at() {
	local pid=${NETNS[$1]}
	vt_words "${@:2}"
	timeout -k 2 "$(scaled 30)" nsenter -t "$pid" -n -- "${vt_command[@]}"
}

# netns_file NAME: what tunhop and --netns take.
netns_file() { echo "/proc/${NETNS[$1]}/ns/net"; }

# cable A DEVICE B DEVICE [MTU]: two ends, up.
cable() {
	at "$1" ip link add "$2" type veth peer name "$4" netns "${NETNS[$3]}"
	at "$1" ip link set "$2" mtu "${5:-1500}" up
	at "$3" ip link set "$4" mtu "${5:-1500}" up
}

# address NAME DEVICE ADDRESS...: usable at once.
address() {
	local a
	for a in "${@:3}"; do
		case $a in
		*:*) at "$1" ip addr add "$a" dev "$2" nodad ;;
		*) at "$1" ip addr add "$a" dev "$2" ;;
		esac
	done
}

routing() { at "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'; }

# ping_sockets NAME: whoever wants may send an echo there (otherwise only root, by a raw socket).
ping_sockets() { at "$1" sh -c 'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range'; }

# hop OPTIONS...: tunhop between a (10.1.0.1, fd01::1) and b (10.2.0.1, fd02::1); its own addresses are 10.9.9.9 and
# fd09::9. Sets HOP_PID.
hop() {
	local ready=$BATS_TEST_TMPDIR/hop.$((++VT_COUNT))
	: >"$ready"
	spawn "$VT_BUILD/tests/tunhop" --a "$(netns_file a)" --b "$(netns_file b)" --four 10.9.9.9 --six fd09::9 \
	    --ready-fd 9 "$@" 9>"$ready" </dev/null
	HOP_PID=$SPAWN_PID
	eventually 5 vt_has_line "$ready"
	at a ip link set hopa mtu "${HOP_MTU:-1500}"
	at b ip link set hopb mtu "${HOP_MTU:-1500}"
	address a hopa 10.1.0.1/24 fd01::1/64
	address b hopb 10.2.0.1/24 fd02::1/64
	at a ip route add default dev hopa
	at a ip -6 route add default dev hopa
	at b ip route add default dev hopb
	at b ip -6 route add default dev hopb
}
