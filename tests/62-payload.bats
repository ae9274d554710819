#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story: every number of --payload is confirmed by sending it. That many bytes fit into one packet of the
# link's MTU, which may not be fragmented; one byte more is refused, or needs a second packet.

load helper
load netns

setup() {
	vt_setup
	need_netns
	find_python socket
	netns a b
}

# fits WIRE TRANSPORT FAMILY: the number.
fits() {
	at a vault_ifinfo --payload --json x | jq --arg w "$1" --arg t "$2" --arg f "$3" \
	    'select(.wire == $w and .transport == $t and .family == $f).payload'
}

# link MTU: a and b, one cable, both families where the MTU allows.
link() {
	at a ip link del x 2>/dev/null || true
	cable a x b y "$1"
	address a x 10.1.0.1/24
	address b y 10.1.0.2/24
	[ "$1" -lt 1280 ] || { address a x fd01::1/64; address b y fd01::2/64; }
	# No large packets that only look like one here.
	at a ip link set x gso_max_segs 1
}

# udp FAMILY ADDRESS BYTES: send it, not to be fragmented; the errno, 0 if it left.
udp() {
	at a "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_INET if sys.argv[1] == "ipv4" else socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(0 if sys.argv[1] == "ipv4" else 41, 10 if sys.argv[1] == "ipv4" else 23, 3) # MTU_DISCOVER, PROBE
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
if sys.argv[1] == "ipv6": s.setsockopt(41, 62, 1) # DONTFRAG
try: s.sendto(bytes(int(sys.argv[3])), (sys.argv[2], 9)); print(0)
except OSError as e: print(e.errno)' "$1" "$2" "$3"
}

@test "UDP: the largest datagram passes, one byte more is refused, for MTUs from 576 to 65535" {
	local mtu n
	for mtu in 576 1280 1400 1500 9000 65535; do
		link $mtu
		n=$(fits none udp ipv4)
		assert_equal "$n" $((mtu - 28))
		spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/tools/segments.py" y 9 0.3 ready >sizes </dev/null
		eventually 5 test -e ready
		assert_equal "$(udp ipv4 10.1.0.2 "$n")" 0
		assert_equal "$(udp ipv4 10.1.0.2 $((n + 1)))" 90
		if [ $mtu -ge 1280 ]; then
			n=$(fits none udp ipv6)
			assert_equal "$n" $((mtu - 48))
			assert_equal "$(udp ipv6 fd01::2 "$n")" 0
			assert_equal "$(udp ipv6 fd01::2 $((n + 1)))" 90
		fi
		wait_for "$SPAWN_PID" 10
		assert_equal "$(sort -u sizes)" $mtu
		rm ready
	done
}

@test "below 1280 there is no IPv6, and that is said" {
	link 576
	run at a vault_ifinfo --payload --json x
	assert_success
	jq -se 'map(select(.family == "ipv6")) | length >= 4 and all(.payload == 0 and (.note | test("1280")))' <<<"$output"
	run at a vault_ifinfo --payload=udp -4 x
	assert_line 'udp over IPv4: 548 bytes, datagram'
}

# message WIRE ADDRESS BYTES: as one record through a session that stands; the sizes of the packets into sizes.
message() {
	local port
	rm -f ready.p ready sizes in
	mkfifo in
	: >ready.p
	spawn nsenter -t "${NETNS[b]}" -n -- "$VT_BIN/vault-listen" --anonymous --quiet --recv-only --wire "$1" --ready-fd 9 \
	    -o out "$2" 0 9>ready.p </dev/null 2>listen.err
	LISTENER=$SPAWN_PID
	eventually 10 vt_has_line ready.p || { cat listen.err; fail 'no listener'; }
	port=$(jq -r .port ready.p)
	exec 8<>in
	spawn nsenter -t "${NETNS[a]}" -n -- "$VT_BIN/vault-connect" --anonymous --trust=any -v --send-only --wire "$1" "$2" \
	    "$port" <in 2>connect.err 8>&-
	SENDER=$SPAWN_PID
	# A first byte, so that all of the handshake and its acknowledgements are over.
	printf x >&8
	eventually 10 grep -q 'connected with' connect.err
	eventually 10 first_byte_is_there
	spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/tools/segments.py" y "$port" 0.3 ready >sizes </dev/null 8>&-
	SNIFFER=$SPAWN_PID
	eventually 5 test -e ready
	head -c "$3" /dev/zero >&8
	wait_for "$SNIFFER" 10
	exec 8>&-
	wait_for "$SENDER" 10
	assert_equal "$status" 0
	wait_for "$LISTENER" 10
}

first_byte_is_there() { at b ss -Htni state established | grep -q 'bytes_received:[1-9]' && at a ss -Htn state established | awk '{ exit $2 != 0 }'; }

@test "TCP: a record that fills one segment, one byte more that needs a second, on both stream wires" {
	local mtu wire family n to
	command -v ss >/dev/null || skip 'NOT TESTED: ss (iproute2) is not installed'
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	for mtu in 576 1280 1500; do
		link $mtu
		for wire in vault1 vault-tcp; do
			for family in ipv4 ipv6; do
				[ "$family" = ipv4 ] || [ $mtu -ge 1280 ] || continue
				to=10.1.0.2
				[ "$family" = ipv4 ] || to=fd01::2
				n=$(fits $wire tcp $family)
				message $wire $to "$n"
				assert_equal "$(cat sizes)" $mtu
				message $wire $to $((n + 1))
				[ "$(wc -l <sizes)" -gt 1 ]
				assert_equal "$(sort -n sizes | tail -n 1)" $mtu
			done
		done
	done
}

# datagram FAMILY ADDRESS BYTES [OPTIONS...]: one message of vault-udp that does not shrink; the status of the sender, and the
# largest packet into largest.
datagram() {
	local to=$2
	[ "$1" = ipv4 ] || to="[$2]"
	rm -f ready.p ready got
	: >ready.p
	head -c "$3" /dev/urandom >message
	# One message of just that length: raw framing would cut it to what fits.
	{ printf "$(printf '\\x%02x' $(($3 >> 24)) $(($3 >> 16 & 255)) $(($3 >> 8 & 255)) $(($3 & 255)))"; cat message; } >framed
	spawn nsenter -t "${NETNS[b]}" -n -- "$VT_BIN/vault-udp" --trust=any --quiet --recv-only --until-end --framing raw \
	    --ready-fd 9 -l "$to:11000" --mtu "$MTU" "${@:4}" 9>ready.p >got </dev/null 2>listen.err
	RECEIVER=$SPAWN_PID
	eventually 10 vt_has_line ready.p || { cat listen.err; fail 'no receiver'; }
	spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/tools/segments.py" y 11000 0.5 ready >sizes </dev/null
	SNIFFER=$SPAWN_PID
	eventually 5 test -e ready
	run at a vault_udp --trust=any --quiet --send-only --framing u32 --mtu "$MTU" -l 0 "${@:4}" "$to:11000" <framed
	[ "$status" = 0 ] || return 0
	wait_for "$RECEIVER" 20
	wait_for "$SNIFFER" 20
	cmp message got
	sort -n sizes | tail -n 1 >largest
}

@test "vault-udp: the largest message passes in one packet of the link's size, one byte more is refused" {
	local family to n
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	for MTU in 576 1280 1500; do
		link $MTU
		for family in ipv4 ipv6; do
			[ $family = ipv4 ] || [ $MTU -ge 1280 ] || continue
			to=10.1.0.2
			[ $family = ipv4 ] || to=fd01::2
			n=$(fits vault-udp udp $family)
			datagram $family $to "$n"
			assert_equal "$status" 0
			assert_equal "$(cat largest)" $MTU
			datagram $family $to "$n" --no-padding
			assert_equal "$status" 0
			[ "$(cat largest)" -le $MTU ]
			datagram $family $to $((n + 1))
			[ "$status" -ne 0 ]
			assert_output --partial "$n"
			vt_end_all
			netns a b
			link $MTU
		done
	done
}

# message_of BYTES: UTF-8 text of which zstd makes nothing smaller (a seed is searched for), framed for u32.
message_of() {
	"$PYTHON" "$ROOT/tests/tools/densetext.py" "$1" message
	{ printf "$(printf '\\x%02x' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"; cat message; } >framed
}

said_message() { jq -e -n '[inputs | select(.event == "message" and .boxed)] | length > 0' python.events >/dev/null; }

# python_takes TO FROM BYTES OURS ARGS...: one message from vault-udp to the peer that behaves as py-vault-udp does, in b, which
# has the options ARGS; sets sent (the status) and said; the largest packet into largest.
python_takes() {
	local to=$1 from=$2 sniffer python
	rm -f ready python.ready python.events python.recv
	: >python.ready
	: >python.events
	: >python.recv
	message_of "$3"
	spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/peers/udp_upstream.py" --bind "$to" --port 11000 --ready-fd 9 \
	    --peer "[$from]:11000" --events python.events --recv python.recv --scale 20 "${@:5}" 9>python.ready </dev/null 2>python.err
	python=$SPAWN_PID
	eventually 20 vt_has_line python.ready || { cat python.err; fail 'no peer'; }
	spawn nsenter -t "${NETNS[b]}" -n -- "$PYTHON" "$ROOT/tests/tools/segments.py" y 11000 1 ready >sizes </dev/null
	sniffer=$SPAWN_PID
	eventually 5 test -e ready
	# shellcheck disable=SC2086
	run at a vault_udp --trust=any --quiet --send-only --framing u32 --mtu "$MTU" --lifetime 3s -l "[$from]:11000" $4 \
	    "[$to]:11000" <framed
	sent=$status said=$output
	[ "$sent" != 0 ] || eventually 20 said_message || { tail -n 5 python.events python.err; false; }
	wait_for "$sniffer" 70
	signal "$python" TERM 10
	sort -n sizes | tail -n 1 >largest
}

# largest_to_python ROW OURS THEIRS: for each size of link, ROW's largest message, and one byte more.
largest_to_python() {
	local family to from n theirs=()
	[ -z "$VT_WRAP" ] || skip "NOT TESTED under $VT_WRAP"
	find_python nacl msgpack zstandard
	[ -z "$3" ] || theirs=("$3")
	for MTU in 576 1280 1500; do
		for family in ipv4 ipv6; do
			[ $family = ipv4 ] || [ $MTU -ge 1280 ] || continue
			to=10.1.0.2 from=10.1.0.1
			[ $family = ipv4 ] || to=fd01::2 from=fd01::1
			netns a b
			link $MTU
			n=$(fits "$1" udp $family)
			python_takes $to $from "$n" "$2" "${theirs[@]}"
			[ "$sent" = 0 ] || echo "$MTU $family $1: $said"
			assert_equal "$sent" 0
			cmp <(cat message; echo) python.recv
			assert_equal "$(cat largest)" $MTU
			python_takes $to $from $((n + 1)) "$2" "${theirs[@]}"
			[ "$sent" -ne 0 ]
			[[ $said == *"at most $n fit"* ]]
			[ ! -s python.recv ]
			vt_end_all
		done
	done
}

@test "vault-udp to Python, v2: the largest message passes whole, one byte more is refused" {
	largest_to_python 'vault-udp v2, to Python' '' ''
}

@test "vault-udp to Python, the old format: the largest message passes whole, one byte more is refused" {
	largest_to_python 'vault-udp v1' '--wire v1' --v1
}
