# shellcheck disable=SC2034 # variables are for the stories
# helper: the words that the .bats stories are written in. Each file begins with `load helper`.
#
# From the environment (see the head of the Makefile; the defaults are for running bats by hand):
#   VT_BUILD VT_BIN   build directory and directory of the tools
#   VT_WRAP           words put before every tool (valgrind)
#   VT_SLOW           factor for every time limit
#   VT_SOAK           1: larger counts, see soak()
#
# No test sleeps to wait for something: it polls, every 20 ms and with a bound, for what it waits for.
# Every process started in the background goes through spawn() and is ended by its process id.

bats_require_minimum_version 1.5.0

for vt_library in support assert file; do
	for vt_base in "${BATS_LIB_PATH:-}" /usr/lib/bats /usr/share/bats /usr/local/lib/bats /opt/homebrew/lib; do
		if [ -e "$vt_base/bats-$vt_library/load.bash" ]; then
			load "$vt_base/bats-$vt_library/load.bash"
			break
		fi
	done
done

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
VT_BUILD=${VT_BUILD:-$ROOT/build}
VT_BIN=${VT_BIN:-$VT_BUILD/bin}
VT_WRAP=${VT_WRAP:-}
VT_SLOW=${VT_SLOW:-1}
VT_SOAK=${VT_SOAK:-}
VT_POLL=0.02

# ---- the tools ----

# vt_words COMMAND...: set vt_command to what really runs. vault_NAME means the tool, wrapped.
vt_words() {
	case $1 in
	vault_*)
		# shellcheck disable=SC2206
		vt_command=($VT_WRAP "$VT_BIN/${1//_/-}" "${@:2}")
		;;
	*) vt_command=("$@") ;;
	esac
}

vault_keygen() { vt_words vault_keygen "$@" && "${vt_command[@]}"; }
vault_listen() { vt_words vault_listen "$@" && "${vt_command[@]}"; }
vault_connect() { vt_words vault_connect "$@" && "${vt_command[@]}"; }
vault_udp() { vt_words vault_udp "$@" && "${vt_command[@]}"; }
vault_ifinfo() { vt_words vault_ifinfo "$@" && "${vt_command[@]}"; }

# ---- counts and clocks ----

# scaled SECONDS: a time limit for this machine and build (whole seconds).
scaled() { echo $(($1 * VT_SLOW)); }

# soak N MANY: N, or MANY in a soak run.
soak() { if [ "$VT_SOAK" = 1 ]; then echo "$2"; else echo "$1"; fi; }

# Is the tool under test built with sanitizers, or run by another program that watches its memory?
sanitized() { grep -q __asan_init "$VT_BIN/vault-listen"; }
instrumented() { [ -n "$VT_WRAP" ] || sanitized; }

# traced ARGS...: strace. (The sanitizer for leaks is a tracer itself, and there can be only one.)
traced() { ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace "$@"; }

# bounded SECONDS COMMAND...: run it; after the (scaled) time it is killed and the status is 124 or 137.
bounded() {
	local limit
	limit=$(scaled "$1")
	shift
	vt_words "$@"
	timeout -k 2 "$limit" "${vt_command[@]}"
}

# eventually SECONDS COMMAND...: poll until COMMAND succeeds. The time only ends what never comes, and is three times
# as long, for a machine that has much else to do; whether something comes soon enough is for in_time to say.
eventually() {
	local end=$((SECONDS + 3 * $(scaled "$1") + 1))
	local what="${*:2}"
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "still not so after the time limit: $what" >&2
			return 1
		fi
		sleep $VT_POLL
	done
}

# ---- processes in the background ----

# spawn COMMAND...: start it in the background, with the redirections given to spawn; sets SPAWN_PID.
# (bats waits for everyone who holds its descriptor 3.)
spawn() {
	vt_words "$@"
	# Without job control a background command would get /dev/null for stdin, unless redirected here.
	"${vt_command[@]}" <&0 3>&- 4>&- &
	SPAWN_PID=$!
	VT_PIDS+=("$SPAWN_PID")
}

vt_alive() { kill -0 "$1" 2>/dev/null; }
vt_gone() { ! vt_alive "$1"; }

# wait_for PID SECONDS: wait for a process of spawn() to end; its exit status is in $status. Fails after the time.
wait_for() {
	local pid=$1 left=() p
	status=none
	if ! eventually "$2" vt_gone "$pid"; then
		echo "process $pid has not ended" >&2
		return 1
	fi
	status=0
	wait "$pid" || status=$?
	for p in "${VT_PIDS[@]}"; do [ "$p" = "$pid" ] || left+=("$p"); done
	VT_PIDS=("${left[@]}")
}

# signal PID NAME SECONDS: send a signal, then wait_for.
signal() {
	kill -s "$2" "$1"
	wait_for "$1" "$3"
}

vt_end_all() {
	local pid i
	[ ${#VT_PIDS[@]} -eq 0 ] && return 0
	kill -TERM "${VT_PIDS[@]}" 2>/dev/null || true
	for pid in "${VT_PIDS[@]}"; do
		for ((i = 0; i < 100; i++)); do
			vt_alive "$pid" || break
			sleep $VT_POLL
		done
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	VT_PIDS=()
}

# ---- listeners ----

vt_has_line() { [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -gt 0 ]; }
vt_ready_or_gone() { vt_has_line "$1" || vt_gone "$2"; }

# start_listener ARGS...: vault-listen in the background, back when it accepts. Sets LISTEN_PID, LISTEN_PORT,
# LISTEN_ADDRESS, LISTEN_PATH, LISTEN_KEY from its --ready-fd line, LISTEN_OUT and LISTEN_ERR (files). Before the
# call, LISTEN_STDIN, LISTEN_STDOUT and LISTEN_STDERR may name files or pipes to use instead.
start_listener() {
	local n=$((++VT_COUNT)) ready
	ready=$BATS_TEST_TMPDIR/ready.$n
	LISTEN_OUT=${LISTEN_STDOUT:-$BATS_TEST_TMPDIR/listen.$n.out}
	LISTEN_ERR=${LISTEN_STDERR:-$BATS_TEST_TMPDIR/listen.$n.err}
	: >"$ready"
	spawn vault_listen --ready-fd 9 "$@" 9>"$ready" <"${LISTEN_STDIN:-/dev/null}" >"$LISTEN_OUT" 2>"$LISTEN_ERR"
	LISTEN_PID=$SPAWN_PID
	if ! eventually 10 vt_ready_or_gone "$ready" "$LISTEN_PID" || ! vt_has_line "$ready"; then
		echo "vault-listen $* is not ready; it says:" >&2
		[ -f "$LISTEN_ERR" ] && cat "$LISTEN_ERR" >&2
		return 1
	fi
	LISTEN_PORT=$(jq -r '.port // empty' "$ready")
	LISTEN_ADDRESS=$(jq -r '.address // empty' "$ready")
	LISTEN_PATH=$(jq -r '.path // empty' "$ready")
	LISTEN_KEY=$(jq -r '.key // empty' "$ready")
}

# ---- small things ----

# A python3 that has the modules given (the peers need them), or the test is skipped.
find_python() {
	local p modules
	modules=$(IFS=, && echo "$*")
	for p in "${PYTHON:-}" /usr/bin/python3 python3; do
		if [ -n "$p" ] && "$p" -c "import $modules" 2>/dev/null; then
			PYTHON=$p
			return 0
		fi
	done
	skip "no python3 with $modules"
}

# mode_of FILE: its permission bits, "600".
mode_of() { stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1"; }

# A home of its own for every test. A story with a setup of its own calls vt_setup in it, and vt_teardown.
vt_setup() {
	VT_PIDS=()
	VT_COUNT=0
	export HOME=$BATS_TEST_TMPDIR/home
	export XDG_CONFIG_HOME=$HOME/.config
	export XDG_STATE_HOME=$HOME/.local/state
	export LC_ALL=C
	CONFIG=$XDG_CONFIG_HOME/vault-tools
	umask 022
	mkdir -p "$HOME"
	cd "$BATS_TEST_TMPDIR" || return 1
}

vt_teardown() { vt_end_all; }

setup() { vt_setup; }
teardown() { vt_teardown; }
