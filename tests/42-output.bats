#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # stories set status and names of files for each other
#
# Goal of this story:
# - what cannot be written is never called delivered: both ends say so, promptly, whatever still flows;
# - a reader that takes its time costs no memory and is no fault;
# - -o FILE is the old file or the new one, whole, never something in between;
# - whatever stdin and stdout are (closed, a directory, a socket, shared, full), the tools cope, and leave
#   what they share with others as it was;
# - each direction ends by itself, when it has ended and not before.

load helper
load endings

setup() {
	vt_setup
	people
	AT=$PWD/sock
	echo "$AT $SERVER_KEY" >"$CLIENT_DIR/known_hosts"
}

# memory PID: kilobytes of it that no file backs.
memory() { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }

pattern() { "$VT_BUILD/tests/pattern" "$@"; }

# ---- output that fails ----

@test "standard output is full: 1 there, 7 at the sender, at either side, while more data comes" {
	hold in
	pattern 3M 1 >data
	LISTEN_STDOUT=/dev/full serve
	CLIENT_STDIN=data timed meet 1 7 "$AT"
	one_line "$LISTEN_ERR" 'standard output: No space left on device'
	one_line client.err 'output failed'
	in_time 4500
	LISTEN_STDIN=data serve
	CLIENT_STDOUT=/dev/full start_client "$AT"
	timed ended "$CLIENT_PID" 1 vault-connect client.err
	one_line client.err 'standard output: No space left on device'
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'output failed'
}

@test "standard output is full, and the sender's input stays open: it is told all the same" {
	hold in 'a few bytes'
	LISTEN_STDOUT=/dev/full serve
	CLIENT_STDIN=in timed meet 1 7 "$AT"
	one_line "$LISTEN_ERR" 'No space left'
	one_line client.err 'output failed'
	in_time 4500
}

@test "| head -c 10 with more data to come: quiet, 141, not 0; the sender has 7" {
	pattern 30M 1 >data
	mkfifo pipe
	LISTEN_STDIN=data serve
	head -c 10 <pipe >got &
	CLIENT_STDOUT=pipe start_client "$AT"
	timed ended "$CLIENT_PID" 141 vault-connect client.err
	silent client.err
	timed ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	one_line "$LISTEN_ERR" 'output failed or its reader went away'
	in_time 4500
	assert_equal "$(size_of got)" 10
}

@test "| head -c 10 when no more data comes, and the sender's input stays open" {
	hold in '0123456789'
	mkfifo pipe
	LISTEN_STDIN=in serve
	head -c 10 <pipe >got &
	CLIENT_STDOUT=pipe start_client "$AT"
	timed ended "$CLIENT_PID" 141 vault-connect client.err
	in_time 4500
	silent client.err
	timed ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	in_time 4500
	assert_equal "$(cat got)" 0123456789
}

@test "the listener's reader leaves: 141 there, 7 at the client, which had more" {
	pattern 30M 1 >data
	mkfifo pipe
	head -c 100000 <pipe >got &
	LISTEN_STDOUT=pipe serve
	CLIENT_STDIN=data timed meet 141 7 "$AT"
	silent "$LISTEN_ERR"
	in_time 5000
	assert_equal "$(size_of got)" 100000
}

@test "SIGPIPE ignored by the caller or not: the same" {
	pattern 3M 1 >data
	LISTEN_STDIN=data serve
	status=0
	(
		trap '' PIPE
		XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" </dev/null 2>client.err || echo $? >rc
	) | head -c 10 >got
	assert_equal "$(cat rc)" 141
	silent client.err
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
}

@test "stderr that cannot be written changes no status" {
	serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect -vv "$AT" </dev/null >/dev/full 2>/dev/full || status=$?
	expect_status 0 vault-connect
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	client "$PWD/nothing" 2>/dev/full
	expect_status 3 vault-connect
}

# ---- a reader that takes its time ----

@test "a reader that does not read: whatever waits, neither end needs more memory for it" {
	local size limit=8192 pid
	# Under sanitizers and the like memory says nothing; the stream still has to arrive.
	size=64M
	[ "$VT_SLOW" != 1 ] || size=512M
	[ "$VT_SOAK" != 1 ] || size=2G
	mkfifo pipe source
	# shellcheck disable=SC2016
	spawn bash -c 'exec "$0" "$1" 7 >source' "$VT_BUILD/tests/pattern" "$size" </dev/null
	local writer=$SPAWN_PID
	"$VT_BUILD/tests/slowread" --hold-until go <pipe 2>slow.err | pattern --check $size 7 &
	local reader=$!
	LISTEN_STDIN=source serve
	CLIENT_STDOUT=pipe start_client "$AT"
	eventually 20 stuck "$writer"
	for pid in "$CLIENT_PID" "$LISTEN_PID"; do
		echo "RssAnon: $(memory "$pid") kB"
		[ "$VT_SLOW" != 1 ] || [ -n "$VT_WRAP" ] || [ "$(memory "$pid")" -lt $limit ]
	done
	touch go
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	wait "$reader"
}

@test "no clock runs against a reader that takes its time" {
	local clocks=(--message-timeout "$(ms 1000)" --keep-alive "$(ms 700)" --idle-timeout "$(ms 1500)")
	pattern 12M 3 >data
	mkfifo pipe
	"$VT_BUILD/tests/slowread" --hold-until go <pipe >got &
	local reader=$!
	LISTEN_STDIN=data serve "${clocks[@]}"
	CLIENT_STDOUT=pipe start_client -v "${clocks[@]}" "$AT"
	told 10 client.err 'connected with'
	idle 3500
	touch go
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	wait "$reader"
	cmp data got
}

# ticks PID: processor time it has used, in clock ticks.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
has_written() { [ "$(awk '/^wchar/ { print $2 }' "/proc/$1/io")" -ge "$2" ]; }

@test "a pipe that is open for reading, too (1<>): it waits without work, and all arrives" {
	[ -r /proc/self/io ] || skip "NOT TESTED: needs /proc"
	local before
	pattern 22K 1 | base64 >data
	pattern 3M 2 | base64 >more
	mkfifo pipe
	hold in "$(cat data)"
	LISTEN_STDIN=in serve
	XDG_CONFIG_HOME=$PWD/client spawn vault_connect "$AT" </dev/null 1<>pipe 2>client.err
	CLIENT_PID=$SPAWN_PID
	# It has put out what there was, into a pipe that nobody empties, and there is nothing left to do.
	eventually 20 has_written "$CLIENT_PID" 30000
	before=$(ticks "$CLIENT_PID")
	idle 1000
	[ $(($(ticks "$CLIENT_PID") - before)) -le 5 ]
	spawn bash -c 'cat <pipe >got' </dev/null
	local reader=$SPAWN_PID
	release in "$(cat more)"
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	ended "$reader" 0 cat
	assert_equal "$(cat got)" "$(cat data)$(cat more)"
}

# ---- -o FILE ----

@test "-o: an existing file is replaced as a whole, at the end; a link stays a link" {
	local before
	echo old >file
	ln -s file link
	before=$(stat -c %i file)
	hold in 'new '
	LISTEN_STDIN=in serve
	start_client -v -o link "$AT"
	told 10 client.err 'connected with'
	assert_equal "$(cat file)" old
	release in content
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat file)" 'new content'
	[ -L link ]
	[ "$(stat -c %i file)" != "$before" ]
	run find . -name "*file*"
	assert_output ./file
	silent client.out
}

@test "-o: a cut leaves the old file as it was and nothing beside it; so does a killed receiver" {
	pattern 1M 1 >data
	echo old >file
	LISTEN_STDIN=data serve
	link --fault s2c:cut-fin@500000
	meet 6 6 -r "$SERVER_KEY" -o file "$LINK"
	assert_equal "$(cat file)" old
	hold in part
	LISTEN_STDIN=in serve
	start_client -v -o file "$AT"
	told 10 client.err 'connected with'
	kill -KILL "$CLIENT_PID"
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat file)" old
	run find . -name '.file*' -o -name 'file?*'
	assert_output ""
	LISTEN_STDIN=data serve
	link --fault s2c:cut-fin@500000
	meet 6 6 -r "$SERVER_KEY" -o fresh "$LINK"
	assert_not_exists fresh
}

@test "-o: a full disk is 1 there and 7 at the sender, and the old file stays" {
	mkdir disk
	if ! mount -t tmpfs -o size=256k none disk 2>/dev/null; then skip "cannot mount a small file system here"; fi
	echo old >disk/file
	pattern 1M 1 >data
	LISTEN_STDIN=data serve
	client -o disk/file "$AT"
	ls -A disk >names
	cp disk/file kept
	umount disk
	expect_status 1 vault-connect client.err
	one_line client.err 'disk/file: No space left on device'
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat kept)" old
	assert_equal "$(cat names)" file
}

@test "-o: a directory that cannot be written to, or is not there, is said before anybody is called" {
	client -o missing/file "$AT" # nobody listens: that is not what it complains about
	expect_status 1 vault-connect client.err
	one_line client.err '-o missing/file: cannot create: No such file or directory'
	client -o /proc/file "$AT"
	expect_status 1 vault-connect client.err
	one_line client.err '-o /proc/file: cannot create: '
	run --separate-stderr bounded 10 vault_listen --anonymous -o missing/file "$AT"
	assert_failure 1
	assert_not_exists "$AT"
	mkdir folder
	client -o folder "$AT"
	expect_status 2 vault-connect client.err
	says client.err '-o folder: not a regular file'
}

@test "-o: a link that leads nowhere is refused, and stays what it is" {
	ln -s elsewhere nowhere
	ln -s loop loop
	local name
	for name in nowhere loop; do
		client -o $name "$AT"
		expect_status 1 vault-connect client.err
		one_line client.err "-o $name: a symbolic link that leads to no file"
		[ -L $name ]
	done
}

@test "-o in place of an old file: owner and group stay; where that cannot be, the group is let in no more" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	echo data >data
	echo old >file
	chown 12:34 file
	chmod 640 file
	LISTEN_STDIN=data serve
	meet 0 0 -o file "$AT"
	assert_equal "$(stat -c %u:%g:%a file)" 12:34:640
	# Who may not give a file to that group: its new one sees what all others could see.
	local as='setpriv --reuid=65534 --regid=65534 --clear-groups --'
	mkdir open
	echo old >open/file
	chown 12:34 open/file
	chmod 664 open/file
	chmod 777 open
	chmod 755 . .. "$BATS_RUN_TMPDIR"
	$as "$VT_BIN/vault-connect" --version >/dev/null 2>&1 || skip "NOT TESTED as another user, who cannot run the tool here"
	LISTEN_STDIN=data SERVE_AT='127.0.0.1 0' serve --anonymous
	cd open
	VT_WRAP="$as $VT_WRAP" client -r "$SERVER_KEY" --anonymous -o file 127.0.0.1 "$LISTEN_PORT"
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(stat -c %u:%g:%a file)" 65534:65534:644
}

@test "-o: the umask decides who may read it" {
	echo data >data
	umask 027
	LISTEN_STDIN=data serve
	meet 0 0 -o file "$AT"
	assert_equal "$(mode_of file)" 640
}

# ---- odd descriptors ----

@test "stdin closed: nothing is sent, the rest works; stdout closed: 1, or 0 if nothing had to be written" {
	echo data >data
	LISTEN_STDIN=data serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" <&- >client.out 2>client.err || status=$?
	expect_status 0 vault-connect client.err
	cmp data client.out
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_OUT"

	LISTEN_STDIN=data serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" </dev/null >&- 2>client.err || status=$?
	expect_status 1 vault-connect client.err
	one_line client.err 'standard output: '
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"

	serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" <data >&- 2>client.err || status=$?
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp data "$LISTEN_OUT"
}

@test "stdin, stdout and stderr closed: no file or socket takes their place" {
	echo data >data
	serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect -vv "$AT" <&- >&- 2>&- || status=$?
	expect_status 0 vault-connect
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	silent "$LISTEN_OUT"
	LISTEN_STDIN=data serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect -vv "$AT" <&- >&- 2>&- || status=$?
	expect_status 1 vault-connect
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
}

@test "stdin is open for writing only, stdout for reading only" {
	echo data >data
	LISTEN_STDIN=data serve
	status=0
	: >w
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" </dev/null 1<data 2>client.err || status=$?
	expect_status 1 vault-connect client.err
	one_line client.err 'standard output: '
	ended "$LISTEN_PID" 7 vault-listen "$LISTEN_ERR"
	serve
	status=0
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" 0>w >client.out 2>client.err || status=$?
	expect_status 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
}

@test "sockets as stdin and stdout, one for both, and half-closed" {
	find_python socket
	echo 'from the server' >data
	LISTEN_STDIN=data serve
	XDG_CONFIG_HOME=$PWD/client bounded 20 "$PYTHON" - "$VT_BIN/vault-connect" "$AT" <<-'END'
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		tool = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs)
		ours.sendall(b"from the client")
		ours.shutdown(socket.SHUT_WR)
		got = b""
		while piece := ours.recv(1000) if not got.endswith(b"\n") else b"":
		    got += piece
		assert tool.wait() == 0, tool.returncode
		assert got == b"from the server\n", got
		assert theirs.getblocking()
	END
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" 'from the client'
}

@test "TCP as stdout: an end for its reader is the end of the data; a cut, and our own death, is a reset" {
	find_python socket
	local how
	for how in end cut kill; do
		XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - $how "$VT_BIN" <<-'END' >>told
			import json, os, socket, subprocess, sys
			how, bin = sys.argv[1:]
			door = socket.create_server(("127.0.0.1", 0))
			ours = socket.create_connection(door.getsockname())
			theirs = door.accept()[0]
			ready_r, ready_w = os.pipe()
			listener = subprocess.Popen([bin + "/vault-listen", "--anonymous", "--recv-only", "--ready-fd", str(ready_w),
			    "127.0.0.1:0"], stdout=theirs, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[ready_w])
			theirs.close()
			os.close(ready_w)
			ready = json.loads(os.read(ready_r, 1000))
			client = subprocess.Popen([bin + "/vault-connect", "-r", ready["key"], "--send-only", "127.0.0.1:%d" % ready["port"]],
			    stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
			client.stdin.write(b"data")
			client.stdin.flush()
			assert ours.recv(100) == b"data"
			if how == "end":
			    client.stdin.close()
			else:
			    (client if how == "cut" else listener).kill()
			try:
			    print(how, ours.recv(100))
			except ConnectionResetError:
			    print(how, "reset")
			client.wait()
			listener.wait()
		END
	done
	assert_equal "$(cat told)" "$(printf "end b''\ncut reset\nkill reset")"
}

# (An empty datagram would pass for the end, and one that finds no room would be cut.)
@test "sockets that are no streams are refused, as stdin and as stdout, before anybody is called" {
	find_python socket
	local type way
	for type in SOCK_DGRAM SOCK_SEQPACKET; do
		for way in input output; do
			status=0
			XDG_CONFIG_HOME=$PWD/client bounded 20 "$PYTHON" - $type $way "$VT_BIN/vault-connect" "$AT" <<-'END' 2>err || status=$?
				import os, socket, sys
				ours, theirs = socket.socketpair(socket.AF_UNIX, getattr(socket, sys.argv[1]))
				os.dup2(theirs.fileno(), 0 if sys.argv[2] == "input" else 1)
				os.execv(sys.argv[3], sys.argv[3:])
			END
			expect_status 1 vault-connect err
			one_line err "standard $way: a socket that keeps messages apart"
		done
	done
}

@test "O_NONBLOCK of what is shared is left as it was, while we run and after, also when we are killed" {
	find_python fcntl
	hold in part
	LISTEN_STDIN=in serve
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "$VT_BIN/vault-connect" "$AT" <<-'END'
		import fcntl, os, pty, signal, socket, subprocess, sys

		def blocking(fd):
		    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK

		in_r, in_w = os.pipe()
		out_r, out_w = os.pipe()
		tool = subprocess.Popen(sys.argv[1:], stdin=in_r, stdout=out_w)
		assert os.read(out_r, 4) == b"part"
		assert all(map(blocking, (in_r, in_w, out_r, out_w))), "changed while it runs"
		tool.kill()
		tool.wait()
		assert all(map(blocking, (in_r, in_w, out_r, out_w))), "changed after it was killed"
	END
	ended "$LISTEN_PID" 6 vault-listen "$LISTEN_ERR"
	release in
	serve
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "$VT_BIN/vault-connect" --send-only "$AT" <<-'END'
		import fcntl, os, pty, subprocess, sys, termios

		def blocking(fd):
		    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK

		master, slave = pty.openpty()
		before = termios.tcgetattr(slave)
		tool = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, start_new_session=True,
		    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
		os.write(master, b"typed\n")
		assert os.read(master, 100) == b"typed\r\n"
		assert blocking(slave) and blocking(master), "changed while it runs"
		os.write(master, b"\x04")
		assert tool.wait() == 0, tool.returncode
		assert blocking(slave) and blocking(master), "changed afterwards"
		assert termios.tcgetattr(slave) == before
	END
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" typed
}

@test "somebody else's O_NONBLOCK on our pipes does no harm" {
	find_python fcntl
	pattern 3M 5 >data
	LISTEN_STDIN=data serve
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "$VT_BIN/vault-connect" "$AT" >got <<-'END'
		import os, subprocess, sys
		in_r, in_w = os.pipe()
		out_r, out_w = os.pipe()
		for fd in (in_r, in_w, out_w):
		    os.set_blocking(fd, False)
		tool = subprocess.Popen(sys.argv[1:], stdin=in_r, stdout=out_w)
		os.close(out_w)
		os.close(in_w)
		while piece := os.read(out_r, 65536):
		    os.write(1, piece)
		assert tool.wait() == 0, tool.returncode
		assert not os.get_blocking(in_r)
	END
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp data got
}

@test "one file as stdin and stdout, and the position of a shared file" {
	printf 'first\nsecond\nthird\n' >lines
	serve
	(
		read -r _
		XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" 2>client.err
	) <lines
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat "$LISTEN_OUT")" "$(printf 'second\nthird')"
	printf kept >file
	LISTEN_STDIN=lines serve
	XDG_CONFIG_HOME=$PWD/client bounded 10 vault_connect "$AT" </dev/null >>file
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat file)" "kept$(cat lines)"
}

@test "a tool that is stopped for longer than its own keep-alive goes on, when the peer is patient" {
	hold in 'before '
	LISTEN_STDIN=in serve --keep-alive 1h
	start_client --keep-alive "$(ms 700)" "$AT"
	eventually 10 has_size client.out 7
	kill -STOP "$CLIENT_PID"
	idle 3000
	kill -CONT "$CLIENT_PID"
	release in after
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	assert_equal "$(cat client.out)" 'before after'
}

# ---- each direction by itself ----

@test "the answer comes 1.5 s after our end of data, and is kept" {
	mkfifo answer question
	echo 'a question' >data
	# A server that answers only when it has seen the end of the question.
	spawn bash -c 'exec 8>answer; cat <question >asked; sleep 1.5; echo "an answer" >&8' </dev/null
	LISTEN_STDIN=answer LISTEN_STDOUT=question serve
	CLIENT_STDIN=data meet 0 0 "$AT"
	assert_equal "$(cat asked)" 'a question'
	assert_equal "$(cat client.out)" 'an answer'
}

@test "a long one-sided transfer after the other side's end" {
	pattern 8M 9 >data
	mkfifo pipe
	hold in
	LISTEN_STDIN=in serve
	"$VT_BUILD/tests/slowread" 4M <data >pipe &
	CLIENT_STDIN=pipe start_client -v "$AT"
	told 10 client.err 'connected with'
	release in bye
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	cmp data "$LISTEN_OUT"
	assert_equal "$(cat client.out)" bye
}

@test "the peer has ended and our input stays open: a terminal on stderr is told after 5 s, a file hears nothing" {
	find_python pty
	local at
	for at in one two; do
		SERVE_AT=$PWD/$at serve
		echo "$PWD/$at $SERVER_KEY" >>"$CLIENT_DIR/known_hosts"
	done
	XDG_CONFIG_HOME=$PWD/client bounded 30 "$PYTHON" - "$VT_BIN/vault-connect" "$PWD" <<-'END'
		import os, pty, select, subprocess, sys, time
		tool, here = sys.argv[1:]
		master, slave = pty.openpty()
		in_r, in_w = os.pipe()
		with open(here + "/said", "wb") as file:
		    quiet = subprocess.Popen([tool, here + "/two"], stdin=in_r, stderr=file, stdout=file)
		begin = time.monotonic()
		told = subprocess.Popen([tool, "--no-progress", here + "/one"], stdin=in_r, stderr=slave, stdout=slave)
		assert select.select([master], [], [], 25)[0], "nothing was told"
		took = time.monotonic() - begin
		text = os.read(master, 1000).decode()
		assert "the peer has finished; waiting for the end of standard input" in text, text
		assert text.count("\n") == 1 and took > 4.5, (took, text)
		os.close(in_r)
		os.close(in_w)
		assert told.wait() == 0 and quiet.wait() == 0, (told.returncode, quiet.returncode)
	END
	silent said
}
