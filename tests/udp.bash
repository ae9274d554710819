# shellcheck disable=SC2034 # variables are for the stories
# udp: words for the stories about vault-udp and the peers of it in Python. After `load helper`.
#
# Everyone has a NAME. Files: NAME.out, NAME.err (tools), NAME.recv, NAME.events, NAME.json (peers); the arrays PID, PORT
# and KEY say who that is and where. Whoever reads commands or messages gets them through tell().

udp_setup() {
	vt_setup
	find_python nacl msgpack zstandard
	declare -gA PID PORT KEY TELL
	PEERS=$ROOT/tests/peers
	# Interpreters take their time to begin, and what is measured in time is slower in slow builds.
	SCALE=${SCALE:-20}
}

# open_tell NAME: a pipe that stays open; sets TELL[NAME] to its descriptor.
open_tell() {
	local fd
	rm -f "$1.in"
	mkfifo "$1.in"
	exec {fd}<>"$1.in"
	TELL[$1]=$fd
}

# tell NAME TEXT...: a line to its standard input. hush NAME: that was all.
tell() { printf '%s\n' "${*:2}" >&"${TELL[$1]}"; }
hush() {
	local fd=${TELL[$1]}
	unset "TELL[$1]"
	exec {fd}>&-
}

# alone COMMAND...: run it without the pipes to others (and its own other end), which it would keep open.
alone() {
	local fd
	for fd in "${TELL[@]}"; do exec {fd}>&-; done
	vt_words "$@"
	# shellcheck disable=SC2154 # vt_words sets it
	exec "${vt_command[@]}"
}

# ready NAME: its --ready-fd line has come; sets PORT, KEY.
ready() {
	if ! eventually 20 vt_ready_or_gone "$1.ready" "${PID[$1]}" || ! vt_has_line "$1.ready"; then
		echo "$1 is not ready; it says:" >&2
		cat "$1.err" >&2
		return 1
	fi
	PORT[$1]=$(jq -r '.port // empty' "$1.ready")
	KEY[$1]=$(jq -r '.key // empty' "$1.ready")
}

# py NAME PROGRAM ARGS...: a Python peer or the relay in the background; commands through tell().
py() {
	local name=$1 program=$2 files=(--events "$1.events" --json "$1.json" --recv "$1.recv")
	shift 2
	[ "$program" != tools/udprelay.py ] || files=(--report "$name.json")
	open_tell "$name"
	: >"$name.ready"
	: >"$name.events"
	: >"$name.recv"
	spawn alone "$PYTHON" "$ROOT/tests/$program" --ready-fd 9 "${files[@]}" --life "$(scaled 100)" "$@" \
	    9>"$name.ready" <&"${TELL[$name]}" 2>"$name.err"
	PID[$name]=$SPAWN_PID
	ready "$name"
}

upstream() { py "$1" peers/udp_upstream.py --bind 127.0.0.1 "${@:2}"; }
native() { py "$1" peers/udp_native.py "${@:2}"; }
relay() { py "$1" tools/udprelay.py "${@:2}"; }

# person NAME: a configuration directory of its own with an identity in it; sets KEY[NAME].
person() {
	[ -e "$1.config" ] || XDG_CONFIG_HOME=$PWD/$1.config bounded 10 vault_keygen -C "$1" >/dev/null
	KEY[$1]=$(cut -d ' ' -f 1 "$1.config/vault-tools/identity.pub")
}

# udp NAME ARGS...: vault-udp in the background at a free port of 127.0.0.1, with the configuration of that person. Its
# standard input is UDP_STDIN, or what tell() says.
udp() {
	local name=$1 input=${UDP_STDIN:-}
	shift
	: >"$name.ready"
	if [ -z "$input" ]; then
		open_tell "$name"
		input=/dev/fd/${TELL[$name]}
	fi
	XDG_CONFIG_HOME=$PWD/$name.config spawn alone vault_udp -l "${UDP_AT:-127.0.0.1:0}" --ready-fd 9 "$@" 9>"$name.ready" <"$input" \
	    >"$name.out" 2>"$name.err"
	PID[$name]=$SPAWN_PID
	ready "$name"
}

# stop NAME [SIGNAL]: end it; sets status.
stop() { signal "${PID[$1]}" "${2:-TERM}" 20; }

# ends NAME SECONDS: it ends by itself; sets status.
ends() { wait_for "${PID[$1]}" "$2"; }

lines_of() { wc -l <"$1"; }
has_lines() { [ "$(lines_of "$1")" -ge "$2" ]; }
has() { grep -qF -- "$2" "$1"; }

# arrives FILE COUNT [SECONDS]: so many lines, in time.
arrives() {
	eventually "${3:-20}" has_lines "$1" "$2" && return
	echo "$1: $(lines_of "$1") of $2 lines" >&2
	return 1
}

# said NAME CONDITION: a peer's event for which the jq condition holds.
said() { jq -e -n "[inputs | select($2)] | length > 0" "$1.events" >/dev/null; }

# none NAME CONDITION: there is no such event.
none() {
	local found
	found=$(jq -c "select($2)" "$1.events" | head -n 3)
	[ -n "$found" ] || return 0
	echo "$1: $found" >&2
	return 1
}

# each_once FILE WANTED: the same lines in any order, none twice and none else.
each_once() { diff <(sort "$1") <(sort "$2"); }

# not COMMAND...: it fails. (A '!' would be overlooked by bats.)
not() {
	if "$@"; then
		echo "but it is so: $*" >&2
		return 1
	fi
}
