#!/usr/bin/env bash
# make demo: a large file through an encrypted pipe, and what a cut connection looks like. Loopback only, a
# directory of its own, a few seconds. Fails if anything is not as it says.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=${VT_BIN:-$PWD/build/bin}
size=$((256 * 1024 * 1024))
pids=()

dir=$(mktemp -d "${TMPDIR:-/tmp}/vault-demo.XXXXXX") || exit 1
clean_up() {
	[ ${#pids[@]} = 0 ] || kill -9 "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
# No configuration of this user takes part.
export XDG_CONFIG_HOME=$dir/config XDG_STATE_HOME=$dir/state

die() {
	echo "demo: FAILED: $*" >&2
	for log in "$dir"/*.err; do
		[ -s "$log" ] && sed "s|^|  $(basename "$log" .err): |" "$log" >&2
	done
	exit 1
}

for tool in vault-keygen vault-listen vault-connect; do
	[ -x "$bin/$tool" ] || die "$bin/$tool is not built; run make"
done

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }
bytes_in() { wc -c <"$1" | tr -d ' '; }

# within SECONDS COMMAND...: poll until it succeeds.
within() {
	local tries=$(($1 * 50))
	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# listen NAME: a listener that writes $dir/NAME/received; sets listener (its process id) and port.
listen() {
	local ready=$dir/$1.ready
	mkdir "$dir/$1"
	: >"$ready"
	"$bin/vault-listen" --ready-fd 9 -i "$dir/server" -a "$dir/authorized_keys" --recv-only \
	    -o "$dir/$1/received" 127.0.0.1 0 9>"$ready" 2>"$dir/$1.listener.err" </dev/null &
	listener=$!
	pids+=("$listener")
	within 10 grep -q . "$ready" || die 'the listener did not get ready'
	port=$(sed -n 's/.*"port" *: *\([0-9][0-9]*\).*/\1/p' "$ready")
	[ -n "$port" ] || die "no port in the listener's ready line: $(cat "$ready")"
}

# status_of PID: its exit status, in $status. The shell's own note about killed children is not wanted.
status_of() {
	local pid left=()
	status=0
	wait "$1" 2>/dev/null || status=$?
	for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || left+=("$pid"); done
	pids=("${left[@]}")
}

echo '1. Two identities, and a server that knows one client'
server_key=$("$bin/vault-keygen" -f "$dir/server" -C server) || die 'vault-keygen (server)'
client_key=$("$bin/vault-keygen" -f "$dir/client" -C client) || die 'vault-keygen (client)'
cp "$dir/client.pub" "$dir/authorized_keys"
echo "   server  $server_key"
echo "   client  $client_key"

for _ in 1 2 3 4 5 6 7 8; do
	have=$(bytes_in "$dir/file" 2>/dev/null || echo 0)
	[ "${have:-0}" -ge $size ] && break
	tar cf - -C / usr 2>/dev/null | head -c $((size - ${have:-0})) >>"$dir/file"
done
[ "$(bytes_in "$dir/file")" = $size ] || die 'could not make the file to send'

echo
echo "2. $((size / 1048576)) MiB from this machine's /usr, from one to the other"
listen whole
start=$EPOCHREALTIME
"$bin/vault-connect" -v -i "$dir/client" -r "@$dir/server.pub" --send-only 127.0.0.1 "$port" \
    <"$dir/file" 2>"$dir/whole.sender.err" &
sender=$!
pids+=("$sender")
within 120 gone "$sender" || die 'the sender does not end'
end=$EPOCHREALTIME
status_of "$sender"
[ $status = 0 ] || die "the sender left with status $status"
within 10 gone "$listener" || die 'the listener does not end'
status_of "$listener"
[ $status = 0 ] || die "the listener left with status $status"
protocol=$(grep -ohE 'Noise_[A-Za-z0-9_+]+' "$dir/whole.sender.err" | head -n 1)
[ -n "$protocol" ] || die 'the sender did not say which protocol was used'
micro=$((${end/[.,]/} - ${start/[.,]/}))
sent=$(digest <"$dir/file")
received=$(digest <"$dir/whole/received")
printf '   protocol  %s\n' "$protocol"
printf '   time      %d.%02d s, %d MB/s\n' $((micro / 1000000)) $((micro / 10000 % 100)) $((size / micro))
printf '   sent      sha256 %s\n' "$sent"
printf '   received  sha256 %s\n' "$received"
[ "$sent" = "$received" ] || die 'the received file differs'
echo '   Both left with status 0: the receiver confirmed that every byte is written.'

echo
echo '3. The same again, and the sender is killed (kill -9) in the middle'
listen cut
mkfifo "$dir/fifo" || die mkfifo
exec 8<>"$dir/fifo" # held open: the sender's input does not end
"$bin/vault-connect" -i "$dir/client" -r "@$dir/server.pub" --send-only 127.0.0.1 "$port" \
    <"$dir/fifo" 2>"$dir/cut.sender.err" 8>&- &
sender=$!
head -c $((64 * 1024 * 1024)) "$dir/file" >"$dir/fifo" 8>&- &
feeder=$!
pids+=("$sender" "$feeder")
# What is being received has no name yet, so the progress is seen at the other end: the feeder is done when the
# sender has read all of it, and the sender holds back no more than its buffers.
within 10 gone "$feeder" || die 'the second transfer did not get under way'
status_of "$feeder"
[ $status = 0 ] || die 'the sender left before it had read 64 MiB'
gone "$sender" && die 'the sender left by itself'
echo '   64 MiB are sent and the sender waits for more input; killing it'
{ kill -9 "$sender" && status_of "$sender"; } 2>/dev/null
[ $status = 137 ] || die "the sender left with status $status, not by the signal"
within 10 gone "$listener" || die 'the listener did not notice'
status_of "$listener"
exec 8>&-
[ $status = 6 ] || die "the listener left with status $status, not 6 (truncated)"
[ -z "$(ls -A "$dir/cut")" ] || die "files were left behind: $(ls -A "$dir/cut")"
sed 's/^/   /' "$dir/cut.listener.err"
echo '   The listener left with status 6, truncated. No output file: half a file never looks like a whole one.'
