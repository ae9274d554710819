# Goal of this test: who types what README.md and the man pages say gets what they promise. The commands are taken
# from there, not copied: only host names and ports are exchanged.

load helper

setup() {
	local tool
	vt_setup
	mkdir bin
	for tool in vault-keygen vault-listen vault-connect vault-udp; do
		printf '#!/bin/sh\nexec %s %s/%s "$@"\n' "$VT_WRAP" "$VT_BIN" "$tool" >"bin/$tool"
		chmod +x "bin/$tool"
	done
	export PATH=$PWD/bin:$PATH XDG_RUNTIME_DIR=$PWD
	pick_port
	seq 20000 >whole.pdf
	mkdir here there
	cp whole.pdf here/report.pdf
	mkdir here/photos
	cp whole.pdf here/photos/1.jpg
	: >here/photos/2.jpg
}

# A port that is free now; the default one may be in use on this machine.
pick_port() {
	start_listener --anonymous 127.0.0.1 0
	PORT=$LISTEN_PORT
	signal "$LISTEN_PID" TERM 10
}

# Read commands and adapt them: a listener without an address gets our port.
adapt() {
	sed -E -e 's/(server|backup)\.example\.org/localhost/g' -e "s/\\b(5004|7000)\\b/$PORT/g" \
	    -e "/(^|[[:space:]])0 3>|vault\\.sock|vault-listen.*\\b$PORT\\b/!s/^([[:space:]]*vault-listen[^|&<>#]*[^|&<># ])/\\1 $PORT/"
}

# recipe NAME: the commands behind the marker "try: NAME" of README.md.
recipe() {
	local text
	text=$(awk -v mark="<!-- try: $1 -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { if (inside) exit; inside = 1; next }
		found && inside' "$ROOT/README.md")
	[ -n "$text" ] || fail "README.md has no commands for '$1'" || return 1
	adapt <<<"$text"
}

# example PAGE WORDS: the command line of a man page that contains WORDS.
example() {
	local text
	text=$(sed -n -e 's/\\e/\\/g' -e 's/^\.Dl \$ //p' "$ROOT/man/$1" | grep -F -- "$2")
	[ "$(wc -l <<<"$text")" = 1 ] && [ -n "$text" ] || fail "$1: not one example with '$2': $text" || return 1
	adapt <<<"$text"
}

# begin DIRECTORY COMMANDS: in the background, output in DIRECTORY.out; sets SPAWN_PID.
begin() {
	local dir=$1
	shift
	# timeout ends all that the commands have started.
	spawn timeout -k 2 "$(scaled 60)" bash -c "cd '$dir' && $*" <"${STDIN:-/dev/null}" >"$dir.out" 2>"$dir.err"
}

listens() { (: <"/dev/tcp/127.0.0.1/$PORT"); }

# receiver COMMANDS: begin them in there/, back when the port is open.
receiver() {
	begin there "$@"
	RECEIVER=$SPAWN_PID
	eventually 10 listens || { cat there.err; fail 'the listener does not listen'; }
}

sender() {
	run bounded 30 bash -c "cd here && $*"
	assert_success
}

finish() {
	wait_for "$RECEIVER" 30
	cat there.err
	assert_equal "$status" 0
}

# A sender that is killed in the middle, once the listener has accepted it.
cut_transfer() {
	mkfifo half
	exec 8<>half # held open: the sender's input does not end
	spawn vault_connect -v --send-only localhost "$PORT" <half 2>cut.err
	head -c 1000 whole.pdf >&8
	eventually 10 grep -q 'connected with' cut.err
	signal "$SPAWN_PID" KILL 10
	exec 8>&-
}

identities() {
	vault-keygen >/dev/null
	cp "$CONFIG/identity.pub" "$CONFIG/authorized_keys"
}

@test "the first commands of README deliver a file" {
	cp "$ROOT/README.md" .
	run bounded 30 bash -c "$(recipe quick-start)"
	assert_success
	assert_line --regexp '^vk1[-_A-Za-z0-9]{47} '
	assert_line delivered
	assert_file_exist "$CONFIG/known_hosts"
	run -0 cat "$CONFIG/known_hosts"
	assert_line --regexp "^localhost:$PORT vk1"
}

@test "a file, between two who have no keys, with the code that is shown" {
	command -v script >/dev/null || skip "script is NOT INSTALLED: nothing is known about what README says of codes"
	receiver "$(recipe code-receive)"
	eventually 10 grep -q 'one-time code' there.err
	# Typed at a terminal, as a person would.
	sed -nE 's/.*one-time code ([^,]*),.*/\1/p' there.err >typed
	(cd here && bounded 30 script -qec "$(recipe code-send | sed "s,localhost,& $PORT,")" /dev/null <../typed >../terminal)
	finish
	cmp whole.pdf there/report.pdf
	grep -q 'Code: ' terminal
	[ ! -e "$CONFIG/identity" ]
	[ ! -e "$CONFIG/known_hosts" ]
}

# screen NAME: what README shows there, with X for what is another one each time.
screen() {
	awk -v mark="<!-- screen: $1 -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { if (inside) exit; inside = 1; next }
		found && inside' "$ROOT/README.md" | plain
}

plain() {
	sed -E -e 's/[0-9A-Z]{4}-[0-9A-Z]{4}/XXXX/; s/Code: .*/Code: X/; s/127\.0\.0\.1:[0-9]+/127.0.0.1:X/; s/--code [a-z.]+.*/--code X/' \
	    -e "s/ (desk|localhost|$(uname -n | sed 's/[.]/[.]/g'))( $PORT)?/ X/"
}

# pane N: what is to be seen there, without the empty lines below.
pane() { tmux -S tmux.sock capture-pane -J -p -t "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' | sed 's/ *$//'; }
types() { tmux -S tmux.sock send-keys -t "$1" -l "$2" && tmux -S tmux.sock send-keys -t "$1" Enter; }
shows() { pane "$1" | grep -q "$2"; }

@test "two panes of tmux, as a new user types: what README shows is what is on the screen" {
	command -v tmux >/dev/null || skip "tmux is NOT INSTALLED: nothing is known about what README shows of the screen"
	local there code
	printf 'PS1="$ "; PATH=%q:$PATH\n' "$VT_BIN" >rc
	tmux -S tmux.sock -f /dev/null new-session -d -x 180 -y 40 "cd '$PWD/there' && exec bash --rcfile ../rc -i"
	tmux -S tmux.sock split-window -v "cd '$PWD/here' && exec bash --rcfile ../rc -i"
	there="vault-listen --code $PORT"
	eventually 10 shows 0 '^\$'
	eventually 10 shows 1 '^\$'
	types 0 "$there >report.pdf"
	eventually 10 shows 0 'one-time code'
	code=$(pane 0 | sed -nE 's/.*one-time code ([^,]*),.*/\1/p')
	types 1 "vault-connect --code localhost $PORT <report.pdf"
	eventually 10 shows 1 '^Code:'
	types 1 "$(tr 'A-Z-' 'a-z ' <<<"$code")"
	eventually 10 eval '[ "$(pane 0 | wc -l)" = 3 ] && [ "$(pane 1 | wc -l)" = 3 ]'
	assert_equal "$(pane 0 | sed "s/--code $PORT/--code/" | plain)" "$(screen code-receive)"
	assert_equal "$(pane 1 | plain)" "$(screen code-send)"
	cmp whole.pdf there/report.pdf
	types 0 "clear; $there >report.pdf"
	eventually 10 shows 0 'one-time code'
	types 1 "clear; vault-connect --code localhost $PORT <report.pdf"
	eventually 10 shows 1 '^Code:'
	types 1 "2222-2222"
	eventually 10 shows 0 'a wrong code'
	eventually 10 shows 1 'or dead'
	assert_equal "$(pane 0 | sed -n 2p | plain)" "$(screen code-wrong-receive)"
	assert_equal "$(pane 1 | sed -n 2p | plain)" "$(screen code-wrong-send)"
	tmux -S tmux.sock kill-server
}

@test "a service lets a new client in by a code" {
	identities
	rm "$CONFIG/authorized_keys"
	spawn socat "UNIX-LISTEN:$PWD/back,fork" EXEC:cat
	eventually 10 test -S back
	begin there "$(recipe enrol-listen | sed "s,127.0.0.1:6379,$PWD/back,")"
	RECEIVER=$SPAWN_PID
	eventually 10 grep -q 'one-time code' there.err
	(umask 077 && sed -nE 's/.*one-time code ([^,]*),.*/\1/p' there.err >code)
	sender "$(recipe enrol-connect | sed "s,--code,--code-file ../code,")"
	grep -q code- "$CONFIG/authorized_keys"
	sender "vault-connect -z --trust=strict localhost $PORT"
	signal "$RECEIVER" TERM 10
}

@test "a file, to the listener" {
	identities
	receiver "$(recipe file-receive)"
	sender "$(recipe file-send)"
	finish
	cmp whole.pdf there/report.pdf
}

@test "a file, from the listener" {
	identities
	STDIN=whole.pdf begin here "$(recipe file-offer)"
	RECEIVER=$SPAWN_PID
	eventually 10 listens
	run bounded 30 bash -c "cd there && $(recipe file-fetch)"
	assert_success
	wait_for "$RECEIVER" 30
	assert_equal "$status" 0
	cmp whole.pdf there/report.pdf
}

@test "a directory, as an archive" {
	identities
	receiver "$(recipe directory-receive)"
	sender "$(recipe directory-send)"
	finish
	diff -r here/photos there/photos
}

@test "a directory, unpacked on the fly" {
	identities
	receiver "$(recipe directory-pipe)"
	sender "$(recipe directory-send)"
	finish
	diff -r here/photos there/photos
	run -0 cat there.err
	refute_output --partial 'not complete'
}

@test "a directory unpacked on the fly, cut: the recipe says so" {
	identities
	receiver "$(recipe directory-pipe)"
	cut_transfer
	eventually 20 grep 'not complete' there.err
	wait_for "$RECEIVER" 30
}

@test "backups without an account: several, one cut, and a signal ends it" {
	identities
	mkdir here/Documents
	cp whole.pdf here/Documents/
	receiver "$(recipe backup-receive)"
	sender "$(recipe backup-send)"
	eventually 10 compgen -G 'there/backup-*.tar'
	eventually 10 listens
	cut_transfer
	eventually 10 listens
	assert_file_not_exist there/incoming
	tar tf there/backup-*.tar
	signal "$RECEIVER" TERM 10
}

@test "a pre-shared key, without identities" {
	(cd here && bash -c "$(recipe psk-make)")
	assert_equal "$(mode_of here/team.psk)" 600
	cp here/team.psk there/
	receiver "$(recipe psk-receive)"
	vault-keygen --psk --force -f here/team.psk
	run bounded 30 bash -c "cd here && $(recipe psk-send)"
	assert_failure 5
	cp there/team.psk here/
	sender "$(recipe psk-send)"
	finish
	cmp whole.pdf there/report.pdf
	(cd there && bash -c "$(recipe psk-append)")
	receiver "$(recipe psk-receive)"
	sender "$(recipe psk-send)"
	finish
	vault-keygen --check there/team.psk | grep spring
}

@test "through a Unix socket" {
	identities
	begin there "$(recipe unix-receive)"
	RECEIVER=$SPAWN_PID
	eventually 10 test -S vault.sock
	sender "$(recipe unix-send)"
	finish
	cmp whole.pdf there/report.pdf
	assert_not_exist vault.sock
}

@test "the script with --ready-fd: complete, refused, cut" {
	identities
	begin there "$(recipe script)"
	RECEIVER=$SPAWN_PID
	eventually 10 grep -q 'send it to port [0-9]' there.out
	PORT=$(grep -oE '[0-9]+$' there.out)
	run bounded 30 vault_connect --anonymous --send-only localhost "$PORT" <whole.pdf
	assert_failure 5
	sender "$(recipe file-send)"
	finish
	grep -x 'upload is complete' there.out
	cmp whole.pdf there/upload

	rm there/upload
	begin there "$(recipe script)"
	RECEIVER=$SPAWN_PID
	eventually 10 grep -q 'send it to port [0-9]' there.out
	PORT=$(grep -oE '[0-9]+$' there.out)
	cut_transfer
	finish
	grep -x 'cut; there is no upload' there.out
	assert_not_exist there/upload
}

@test "through ssh: the listener's port and key come back" {
	identities
	cat >bin/ssh <<-'EOF'
		#!/bin/sh
		[ "$1" = -n ] && [ "$2" = localhost ] || exit 255
		cd ../there && exec sh -c "$3" </dev/null
	EOF
	chmod +x bin/ssh
	sender "$(recipe ssh)"
	tar xf there/photos.tar -C there
	diff -r here/photos there/photos
	assert_not_exist "$CONFIG/known_hosts"
}

@test "README: a command for each client" {
	identities
	printf 'b\na\nb\n' >here/words.txt
	receiver "$(recipe exec-server)"
	sender "$(recipe exec-client)"
	assert_line --regexp '^ +1 a$'
	assert_line --regexp '^ +2 b$'
}

@test "in front of a server: forwarded from a port here to a backend there" {
	local there=$PORT here
	identities
	find_python hashlib
	spawn "$PYTHON" "$ROOT/tests/peers/plain_peer.py" serve answer --log backend.log </dev/null >backend.ready
	eventually 10 vt_has_line backend.ready
	begin there "$(recipe forward-server | sed "s/\\b6379\\b/$(jq .port backend.ready)/")"
	eventually 10 listens
	pick_port
	here=$PORT PORT=$there
	begin here "$(recipe forward-client | sed "s/\\b6379\\b/$here/")"
	PORT=$here
	eventually 10 listens
	run -0 bounded 20 "$PYTHON" "$ROOT/tests/peers/plain_peer.py" call "$here" --bytes 70000
	assert_output --partial '"end": "eof"'
	grep -q '"got": 70000' backend.log
}

@test "a Vault TCP program in Python: its key, to it, from it; figures" {
	local key line
	find_python cryptography nacl
	identities
	peer() { "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" "$@"; }
	mkfifo ready
	# It listens where the recipe connects to.
	spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" listen 127.0.0.1 "$PORT" --ready-fd 9 --count 2 --recv got \
	    --protocol Noise_XX_25519_AESGCM_SHA512 --json peer.json 9<>ready </dev/null
	read -r line <ready
	key=$(jq -r .key <<<"$line")
	run -0 bash -c "$(recipe python-key) 2>/dev/null"
	assert_line --regexp " key $key\$"
	echo "$key" >here/server.pub
	sender "$(recipe python-send)"
	wait_for "$SPAWN_PID" 30
	cmp got whole.pdf
	receiver "$(recipe python-receive)"
	peer connect 127.0.0.1 "$PORT" --protocol Noise_XX_25519_AESGCM_SHA512 --static "$CONFIG/identity" --send whole.pdf --act half
	finish
	cmp whole.pdf there/report.pdf
	run -0 bash -c "$(grep -o 'vault-keygen -y --export hex --part x25519' "$ROOT/README.md" | head -n 1)"
	assert_output --regexp '^[0-9a-f]{64}$'
	rm "$CONFIG/known_hosts" # another server is at that port now
	receiver "$(recipe file-receive)"
	run -0 bounded 30 bash -c "cd here && $(recipe figures) 2>&1"
	assert_output --partial '"event":"stats"'
	assert_output --partial 'limited by'
	finish
}

@test "keys: show, authorize, pin, probe" {
	vault-keygen >printed
	run -0 bash -c "$(recipe keys-show)"
	assert_output --regexp "^([a-z2-7]{4}-){5}[a-z2-7]{4} $(cat printed)\$"
	vault-keygen -f alice -C alice >/dev/null
	(umask 077 && echo 'far away' >secret.txt)
	bash -c "$(recipe keys-passphrase)"
	bounded 20 vault_keygen --check vacation --passphrase-file secret.txt | grep 'locked with a passphrase'
	bash -c "$(recipe keys-authorize)"
	cp alice.pub carol.pub && vault-keygen -y -f carol.pub --export openssh >carol.ssh && mv carol.ssh carol.pub
	cp "$CONFIG/authorized_keys" before
	bash -c "$(recipe keys-ssh)"
	diff <(cat before alice.pub) "$CONFIG/authorized_keys"
	cp before "$CONFIG/authorized_keys"
	cp "$CONFIG/identity.pub" here/server.pub
	receiver "$(recipe file-receive)"
	run bounded 30 bash -c "cd here && $(recipe keys-pin)"
	assert_failure 5
	assert_output --partial 'authorized_keys'
	cp alice "$CONFIG/identity"
	run -0 bash -c "$(recipe probe)"
	assert_line --regexp " key $(cut -d' ' -f1 printed)\$"
	assert_line --regexp ' fingerprint '
	assert_line --regexp ' protocol Noise_'
	sender "$(recipe keys-pin)"
	finish
	cmp whole.pdf there/report.pdf
}

@test "man pages: one file, one directory, one key" {
	identities
	cp "$CONFIG/identity.pub" there/alice.pub
	cp "$CONFIG/identity.pub" here/server.pub

	receiver "$(example vault-listen.1 'vault-listen --recv-only -o')"
	sender "$(example vault-connect.1 'vault-connect --send-only')"
	finish
	cmp whole.pdf there/report.pdf

	begin here "$(example vault-listen.1 'tar cf')"
	RECEIVER=$SPAWN_PID
	eventually 10 listens
	run bounded 30 bash -c "cd there && $(example vault-connect.1 photos.tar)"
	assert_success
	wait_for "$RECEIVER" 30
	diff -r here/photos there/photos

	rm there/report.pdf
	receiver "$(example vault-listen.1 alice.pub)"
	sender "$(example vault-connect.1 @server.pub)"
	finish
	cmp whole.pdf there/report.pdf
}

@test "man pages: waiting for a server that is not up yet, and looking who is there" {
	identities
	begin here "$(example vault-connect.1 --retry)"
	RETRYING=$SPAWN_PID
	receiver "$(example vault-listen.1 'vault-listen --recv-only -o')"
	wait_for "$RETRYING" 30
	assert_equal "$status" 0
	finish
	receiver "$(recipe file-receive)"
	run -0 bash -c "$(example vault-connect.1 'vault-connect -z')"
	assert_line --regexp ' protocol Noise_'
	signal "$RECEIVER" TERM 10
}

@test "vault(7): its commands are those of README, which are tried above" {
	local line count=0
	tr -s ' ' <"$ROOT/README.md" | sed -E -e 's/(<|>>) /\1/' -e 's/backup\.example/server.example/' >readme
	sed -n 's/^\.Dl \$ //p; s/^\.Dl //p' "$ROOT/man/vault.7" | sed -E 's/(<|>>) /\1/' >commands
	while IFS= read -r line; do
		grep -qF -- "$line" readme || fail "README.md has not: $line"
		count=$((count + 1))
	done <commands
	[ $count -gt 5 ]
}

@test "vault-protocol(5): the worked example of a key" {
	local line
	# Commands and what they print, joined where a line goes on.
	sed -n '/made public here/,/^\.Ed/p' "$ROOT/man/vault-protocol.5" | sed -n '/^\.Bd/,/^\.Ed/p' | sed '/^\./d' >shown
	sed -e ':a' -e '/|$/{N;s/\n */ /;ba' -e '}' shown >joined
	grep -c '^\$' joined | grep -x 3
	while IFS= read -r line; do
		echo "$line"
		case $line in '$ '*) bash -c "${line#??}" ;; esac
	done < <(grep '^\$' joined) >really
	diff joined really
	grep -F "$(tail -n 1 example | cut -d' ' -f1)" "$ROOT/man/vault-protocol.5"
}

@test "the exit statuses of README are those of the man pages" {
	local n
	for n in 0 1 2 3 4 5 6 7 8 9 141 128+n; do
		grep -qF "| $n |" "$ROOT/README.md" || fail "README.md: no status $n"
		grep -qxF ".It $n" "$ROOT/man/vault-listen.1" || fail "vault-listen.1: no status $n"
		grep -qxF ".It $n" "$ROOT/man/vault-connect.1" || fail "vault-connect.1: no status $n"
	done
}

@test "man pages are clean, and refer only to each other and to what systems have" {
	command -v mandoc >/dev/null || skip 'mandoc is not installed'
	mandoc -T lint -W warning "$ROOT"/man/*.[1-9]
}

# The port that a vault-udp told in DIRECTORY.ready, and commands with it in place of the ones in the text.
udp_at() { sed -E "s/(collector|friend)\.example\.org:11000/127.0.0.1:$UDP_PORT/; s/-l 11000/-l 127.0.0.1:0 --ready-fd 9/" <<<"$1"; }
udp_ready() {
	eventually 10 test -s "$1"
	UDP_PORT=$(sed -E 's/.*"port":([0-9]+).*/\1/' "$1")
}

@test "messages over UDP: figures and log lines to one file, a chat" {
	UDP_PORT=0
	: >there/ready
	begin there "$(udp_at "$(recipe udp-collect)") 9>ready"
	udp_ready there/ready
	run bounded 30 bash -c "cd here && $(udp_at "$(recipe udp-report)")"
	assert_success
	echo 'nothing new' >app.log
	spawn timeout 20 bash -c "$(udp_at "$(recipe udp-log)" | sed 's,/var/log/app.log,app.log,')" 2>log.err
	# What is written before the tail looks is not new.
	wrote() { echo "a line $SECONDS" >>app.log && grep -q 'a line' there/figures.txt; }
	eventually 20 wrote
	run -0 cat there/figures.txt
	assert_line --regexp $'^127\\.0\\.0\\.1:[0-9]+\t.*load average'
	refute_output --partial 'nothing new'

	mkfifo one other
	exec 6<>one 7<>other
	: >chat.ready
	spawn timeout 30 bash -c "$(udp_at "$(recipe udp-chat-one)") <one 9>chat.ready >one.out 2>one.err"
	udp_ready chat.ready
	spawn timeout 30 bash -c "$(udp_at "$(recipe udp-chat-other)") <other >other.out 2>other.err"
	echo hello >&7
	eventually 20 grep -qx hello one.out
	echo 'hello yourself' >&6
	eventually 20 grep -qx 'hello yourself' other.out
	exec 6>&- 7>&-
}
