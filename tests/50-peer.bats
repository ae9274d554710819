#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154,SC2238 # stories set status and names of files for each other
#
# Goal of this story (the other side is a peer in Python that was written from the protocol's text alone):
# - the tools speak what is written down, in both roles, in every pattern, with all that may be agreed;
# - whatever the peer does wrong ends with the status and the one line that belong to it, in time;
# - nothing that arrived with the fault, or behind it, is released; nothing from the peer reaches a terminal raw.

load helper
load endings

setup() {
	vt_setup
	find_python msgpack cryptography nacl zstandard
	people
	PEER=$ROOT/tests/peers/vault1_peer.py
	: >jobs.tsv
}

# job NAME ROLE ['TOOL OPTIONS' ['PEER OPTIONS' [INPUT]]]: ROLE is the peer's, i or r.
job() {
	local own="--quiet -i $CLIENT_DIR/identity"
	if [ "$2" = i ]; then own+=' --anonymous --max-failures=1'; else own+=' --trust=any --known-hosts known'; fi
	printf '%s\t' "$1/$2" "$2" "$own ${3:-}" "${4:-}" "${5:-/dev/null}" >>jobs.tsv
	echo >>jobs.tsv
}

play() {
	jq -Rc 'def words: split(" ") | map(select(. != "")); split("\t") |
	    {id: .[0], role: .[1], tool: (.[2] | words), peer: (.[3] | words), input: .[4]}' jobs.tsv >jobs
	VT_BIN=$VT_BIN VT_WRAP=$VT_WRAP VT_SLOW=$VT_SLOW bounded 120 "$PYTHON" "$ROOT/tests/peers/play.py" <jobs >results
	assert_equal "$(wc -l <results)" "$(wc -l <jobs)"
}

# every CONDITION: it holds for each result (jq).
every() {
	local broken
	[ -s results ]
	broken=$(jq -c "select(($1) | not)" results)
	[ -z "$broken" ] && return
	echo "not so: $1" >&2
	head -n 3 <<<"$broken" >&2
	return 1
}

# delivered FILE: every tool has put out just that.
delivered() {
	local out
	while read -r out; do cmp "$out" "$1"; done < <(jq -r .out results)
}

# ---- honest ----

@test "sizes around a record, none and many megabytes, both ways, in both roles; the receipts count the same" {
	local size role
	for size in 0 1 65517 65518 65519 131036 5000000; do
		head -c "$size" /dev/urandom >"d$size"
		for role in i r; do job "$size" $role '' "--send d$size --recv got$role$size" "d$size"; done
	done
	play
	every '.status == 0 and .peer_status == 0 and .err == ""'
	every '(.id | split("/")[0] | tonumber) as $n | .report.bytes_sent == $n and .report.bytes_received == $n'
	every '.report.records | .eof == 1 and .receipt == 1'
	for size in 0 1 65517 65518 65519 131036 5000000; do
		for role in i r; do cmp "d$size" "got$role$size"; done
		cmp "d$size" "$(jq -r --arg id "$size/i" 'select(.id == $id) | .out' results)"
		cmp "d$size" "$(jq -r --arg id "$size/r" 'select(.id == $id) | .out' results)"
	done
}

@test "patterns: XX, IK, NN, XXpsk3 and others, in both roles" {
	local pattern role key tool peer
	head -c 100000 /dev/urandom >data
	bounded 10 vault_keygen --psk -f psk
	key=$CLIENT_KEY # which is the tool's in every job here, see job()
	for pattern in XX IK NN NK NX XK IX XXpsk3 NNpsk0 IKpsk2; do
		for role in i r; do
			tool="--protocol $pattern" peer="--protocol $pattern --send data --recv got$pattern$role -i $SERVER_DIR/identity"
			[[ $pattern == *psk* ]] && tool+=" --psk-file psk" peer+=" --psk-file psk"
			# The initiator of ?K has to know the responder's key.
			if [[ $pattern == ?K* ]]; then
				if [ $role = i ]; then peer+=" -r $key"; else tool="${tool} -r $SERVER_KEY"; fi
			fi
			job $pattern $role "$tool" "$peer" data
		done
	done
	# A pin and --trust exclude each other.
	sed -i.bak "/-r $SERVER_KEY/s/--trust=any //" jobs.tsv
	play
	every '.status == 0 and .peer_status == 0 and .err == ""'
	every '(.id | split("/")[0]) as $p | .report.protocol | startswith("Noise_" + $p + "_25519_")'
	delivered data
	for pattern in got*; do cmp data "$pattern"; done
	# Whoever showed a key in the handshake showed the one of its file, and the identity that belongs to it.
	every '(.id | test("^(XX|IX)")) and .role == "r" | not or (.report.peer_map.i | length == 64)'
}

@test "compression, rekeying, small and large records, a dribbling peer, pings, unknown records, message framing" {
	local role
	head -c 300000 /dev/urandom >noise
	cat noise noise >twice
	head -c 2000 noise >little
	for role in i r; do
		job compress $role --compress '--compress --send twice --recv got1 --record-size 30000' twice
		job compress-here $role --compress '--send twice --recv got2' twice
		job compress-there $role '' '--compress --send twice --recv got3' twice
		job rekey $role '' '--rekey-every 3 --send twice --recv got4 --record-size 5000' twice
		job rekey-compressed $role --compress '--compress --rekey-every 2 --send twice --recv got5' twice
		job bytes $role '' '--record-size 1 --send little --recv got6' twice
		job largest $role '' '--record-size 65518 --send twice --recv got7' twice
		job dribble $role '' '--dribble 0.0001 --send little --recv got8' little
		job pings $role '' '--ping-every 1 --dribble 0.001 --send little --recv got9' little
		job extra $role '' '--extra-type 200 --send twice --recv got10' twice
		job messages $role '' '--messages --send twice --recv got11' twice
	done
	play
	every '.status == 0 and .peer_status == 0 and .err == ""'
	every '.id != "compress/i" and .id != "compress/r" or .report.records.zdata > 0'
	every '(.id | test("^compress-")) and .report.records.zdata != null | not'
	every '(.id | startswith("pings/") | not) or .report.records.ping > 0' # we show that we live as often as it asked for
	jq -r '[.id, .out] | @tsv' results | while read -r role out; do
		case $role in bytes/* | dribble/* | pings/*) cmp little "$out" ;; *) cmp twice "$out" ;; esac
	done
	cmp got1 twice
	cmp got8 little
}

@test "one-way peers, and an answer that comes after the end of the question" {
	local role
	echo 'a question' >data
	for role in i r; do
		job send-only $role '' '--send-only --send data --recv none'
		job recv-only $role '' "--recv-only --send none --recv got$role" data
	done
	play
	every '.status == 0 and .peer_status == 0 and .err == ""'
	cmp data goti
	cmp data gotr
	cmp data "$(jq -r 'select(.id == "send-only/i") | .out' results)"
	# Half-closed for a second and a half: the peer's input is a process that takes its time.
	: >ready
	mkfifo late
	spawn bash -c 'exec 8>late; sleep 1.5; echo an answer >&8' </dev/null
	spawn "$PYTHON" "$PEER" listen --unix "$PWD/peer" --send late --recv asked --ready-fd 9 9>ready </dev/null
	local peer=$SPAWN_PID
	eventually 15 vt_has_line ready
	CLIENT_STDIN=data client --trust=any "$PWD/peer"
	expect_status 0 vault-connect client.err
	ended "$peer" 0 peer
	assert_equal "$(cat client.out)" 'an answer'
	cmp data asked
}

@test "a peer that wants no more, or says that its output failed, or is busy: 7 or 3, and it is told what was sent" {
	local role
	head -c 3000000 /dev/urandom >data
	for role in i r; do
		job enough $role '' "--stop-after 1000 --send none --recv enough$role" data
		job failed $role '' '--receipt 1,0 --send none --recv none' data
		job child $role '' '--receipt 2,42 --send none --recv none' data
	done
	job busy r '' '--busy --send none --recv none' data
	play
	every '.id == "busy/r" or .status == 7'
	every '.id != "busy/r" or (.status == 3 and (.err | test("the peer is busy")))'
	every '(.id | startswith("child") | not) or (.err | test("command ended with status 42"))'
	every '(.id | startswith("failed") | not) or (.err | test("its output failed"))'
	every '.err | test("^vault-[a-z]+: [^\n]+\n$")'
}

# stopped_at LISTEN_OPTION...: a peer that keeps its input open sends text\n to a listener whose output is full;
# prints how much the STOP counts.
stopped_at() {
	hold held $'text\n'
	LISTEN_STDOUT=/dev/full serve "$@"
	spawn "$PYTHON" "$PEER" connect "$PWD/sock" -i "$CLIENT_DIR/identity" --messages --send held --recv none \
	    --quiet --json said </dev/null
	local peer=$SPAWN_PID
	ended "$LISTEN_PID" 1 vault-listen "$LISTEN_ERR"
	release held
	ended "$peer" 7 peer
	jq -c .stop_written said
}

@test "a STOP counts what was written, not what waited to be" {
	run -0 stopped_at -k
	assert_output 0
	rm -f said
	run -0 stopped_at --framing nul
	assert_output 0
}

@test "a probe of another make does not use the listener up" {
	echo data >data
	LISTEN_STDIN=data serve
	run bounded 20 "$PYTHON" "$PEER" connect "$PWD/sock" --probe -i "$CLIENT_DIR/identity" --send none --recv none
	assert_success
	meet 0 0 --trust=any "$PWD/sock"
	cmp data client.out
	silent "$LISTEN_ERR"
}

@test "a probe that sends compressed data reaches nothing of the client that is served meanwhile" {
	"$VT_BUILD/tests/pattern" 6M 1 | base64 >data
	mkfifo pipe trigger
	spawn bash -c '"$0" --hold-until go <pipe >got' "$VT_BUILD/tests/slowread" </dev/null
	local reader=$SPAWN_PID probe writer
	LISTEN_STDOUT=pipe serve --compress -v -w "$(ms 60000)"
	# It has looked, and stays; it goes on when it reads the end of the trigger.
	hold trigger
	spawn "$PYTHON" "$PEER" connect "$PWD/sock" --misbehave zdata-in-probe -i "$CLIENT_DIR/identity" --send trigger \
	    --recv let-in --quiet --json probed </dev/null
	probe=$SPAWN_PID
	eventually 20 vt_has_line let-in
	# The listener has opened what the client has sent so far, and cannot put it out.
	mkfifo source
	spawn bash -c 'cat data >source' </dev/null
	writer=$SPAWN_PID
	CLIENT_STDIN=source start_client --compress --trust=any "$PWD/sock"
	eventually 20 stuck "$writer"
	release trigger
	ended "$probe" 8 probe
	says probed 'peer closed, code 4'
	touch go
	ended "$CLIENT_PID" 0 vault-connect client.err
	ended "$LISTEN_PID" 0 vault-listen "$LISTEN_ERR"
	ended "$reader" 0 slowread
	cmp data got
}

# ---- misbehaving ----

# What the peer does, in which role, our status, and our one line (an extended regular expression).
misbehaviours() {
	cat <<-'END'
		hello-name-escapes i 5 the peer asked for an unknown Noise protocol
		hello-name-255 i 5 the peer asked for an unknown Noise protocol
		hello-one-way i 5 the peer asked for an unknown Noise protocol
		hello-not-noise i 5 the peer asked for an unknown Noise protocol
		hello-unknown-cipher i 5 the peer asked for an unknown Noise protocol
		hello-unknown-protocol i 5 the peer asked for an unknown Noise protocol
		hello-no-name i 5 the peer asked for an unknown Noise protocol
		hello-wrong-magic i 8 the peer does not speak vault/1
		hello-http i 8 the peer does not speak vault/1
		hello-short-message i 8 handshake message from the peer: message too short or too long
		hello-no-message i 8 the peer's first handshake message has a wrong length
		hello-65535 i 8 the peer's first handshake message has a wrong length
		hello-4097 i 8 the peer's first handshake message has a wrong length
		hello-payload i 8 the peer's handshake message has a payload, which vault/1 does not allow
		message-payload b 8 the peer's handshake message has a payload, which vault/1 does not allow
		hello-cut i 3 the peer closed the connection during the handshake
		low-order b 8 the peer's public key is of low order
		message-1 r 8 handshake message from the peer: message too short or too long
		message-4097 r 8 not vault/1: the peer's handshake message has a wrong length
		garbage-message r 5 the handshake failed: forged or damaged
		message-cut r 3 the peer closed the connection during the handshake
		http-answer r 8 not vault/1: the peer's handshake message has a wrong length
		refuse-9 r 3 the peer refused the handshake
		refuse-4 r 5 the peer could not read the handshake: forged or damaged on the way
		refuse-3 r 3 the peer is busy with another client; try again
		refuse-2 r 5 the peer does not allow Noise_XX_25519_
		refuse-1 r 5 the peer does not know Noise_XX_25519_
		refuse-frame-3 r 3 the peer is busy with another client; try again
		refuse-frame-4 r 5 the peer could not read the handshake: forged or damaged on the way
		silent b 4 timeout: the handshake took too long.*--handshake-timeout
		silent-in-hello i 4 timeout: the handshake took too long.*--handshake-timeout
		silent-after-hello b 4 timeout: the handshake took too long.*--handshake-timeout
		silent-after-handshake b 4 timeout: the handshake took too long.*--handshake-timeout
		fin-at-once b 3 the peer closed the connection during the handshake
		fin-after-handshake b 3 the peer closed the connection during the handshake
		map-name-escapes b 0
		map-none b 0
		map-unknown-keys b 0
		map-foreign-identity b 8 protocol error by the peer: its identity is not the key of its handshake
		map-short-identity b 8 protocol error by the peer: a parameter has the wrong type
		map-wrong-type b 8 protocol error by the peer: a parameter has the wrong type
		map-huge-string b 8 protocol error by the peer: malformed parameter map
		map-huge-count b 8 protocol error by the peer: malformed parameter map
		map-cut b 8 protocol error by the peer: malformed parameter map
		map-two b 8 protocol error by the peer: malformed parameter map
		map-trailing b 8 protocol error by the peer: malformed parameter map
		map-nested b 8 protocol error by the peer: malformed parameter map
		map-2000 b 8 protocol error by the peer: malformed parameter map
		map-empty b 8 protocol error by the peer: malformed parameter map
		map-array b 8 protocol error by the peer: the parameters are not a map
		ready-chooses-unoffered r 0
		greet-wrong-kind b 8 its first record is not (OPEN|READY)
		data-first b 8 its first record is not (OPEN|READY)
		eof-first b 8 its first record is not (OPEN|READY)
		greet-never b 4 timeout: the handshake took too long.*--handshake-timeout
		garbage-frames b 5 a record from the peer does not open: wrong tag
		garbage-bytes b 8 the peer sent a frame of impossible length
		ready-again b 8 protocol error by the peer: READY out of place
		open-again b 8 protocol error by the peer: OPEN out of place
		rekey-with-body b 8 protocol error by the peer: REKEY of wrong length
		data-empty b 0
		close-short b 8 protocol error by the peer: CLOSE of wrong length
		pong-unasked b 8 protocol error by the peer: PONG without PING
		ping-short b 8 protocol error by the peer: PING or PONG of wrong length
		stop-unknown-status b 7 the peer's output failed or its reader went away
		stop-short b 8 protocol error by the peer: STOP of wrong length
		stop-beyond b 8 protocol error by the peer: STOP counts more bytes than were sent
		receipt-short b 8 protocol error by the peer: RECEIPT of wrong length
		receipt-early b 8 protocol error by the peer: (RECEIPT out of place|its receipt is for another number)
		eof-huge-total b 8 protocol error by the peer: its count of bytes sent is not what arrived
		eof-wrong-total b 8 protocol error by the peer: its count of bytes sent is not what arrived
		eof-short b 8 protocol error by the peer: EOF of wrong length
		part-unasked b 8 protocol error by the peer: PART without agreed message boundaries
		zdata-unasked b 8 protocol error by the peer: compressed data without agreement
		type-255 b 0
		type-64 b 0
		type-63 b 8 protocol error by the peer: an unknown type of record
		type-15 b 8 protocol error by the peer: an unknown type of record
		type-7 b 8 protocol error by the peer: an unknown type of record
		eof-twice b 8 protocol error by the peer: a second EOF
		data-empty-after-eof b 8 protocol error by the peer: data after its end of data
		data-after-eof b 8 protocol error by the peer: data after its end of data
		rekey-forgotten b 8 a record from the peer does not open: wrong tag
		rekey-storm b 0
		ping-storm b 0
		frame-4g b 8 the peer sent a frame of impossible length 4294967295
		frame-2g b 8 the peer sent a frame of impossible length 2147483648
		frame-65536 b 8 the peer sent a frame of impossible length 65536
		frame-15 b 8 the peer sent a frame of impossible length 15
		frame-1 b 8 the peer sent a frame of impossible length 1
		frame-0 b 8 the peer sent a frame of impossible length 0
		frame-empty-plaintext b 8 the peer sent a frame of impossible length 16
		frame-wrong-tag b 8 a record from the peer does not open: wrong tag
		frame-largest b 0
		receipt-wrong-total b 8 protocol error by the peer: its receipt is for another number of bytes than were sent
		receipt-wrong-less-0 b 8 protocol error by the peer: its receipt is for another number of bytes than were sent
		receipt-wrong-less-2-0 b 8 protocol error by the peer: its receipt is for another number of bytes than were sent
		receipt-less-2-7 b 7 the peer's command ended with status 7
		receipt-9 b 7 its output failed
		receipt-2-7 b 7 the peer's command ended with status 7
		receipt-2-0 b 0
		receipt-1 b 7 its output failed
		receipt-twice b 8 protocol error by the peer: RECEIPT out of place
		stop-after-receipt b 8 protocol error by the peer: STOP out of place
		no-receipt-fin b 6 the peer left without confirming delivery
		no-receipt-hang b 4 timeout: nothing heard from the peer for .*--keep-alive
		stop-0-1 b 7 the peer (takes no more, but there is more|took only 0 of 20 bytes)
		stop-2-7 b 7 the peer's command ended with status 7
		stop-2-0 b 0
		stop-late-0 b 7 the peer took only 19 of 20 bytes and wants no more
		stop-late-2-0 b 0
		stop-1 b 7 the peer's output failed or its reader went away
		stop-0 b 7 the peer (takes no more, but there is more|took only 0 of 20 bytes)
		stop-twice b 7 the peer (takes no more, but there is more|took only 0 of 20 bytes)
		close-long b 7 the peer's output failed or its reader went away [(]x+[)]$
		close-escapes b 7 the peer's output failed or its reader went away [(].*title.*second line
		close-99 b 8 the peer closed the session for an unknown reason [(]no such code[)]
		close-7 b 6 the peer was interrupted [(]interrupted[)]
		close-6 b 4 timeout: the peer gave up waiting [(]timeout[)]
		close-5 b 7 the peer's output failed or its reader went away [(]disk full[)]
		close-4 b 8 the peer reports a protocol error [(]protocol error[)]
		close-3 b 6 the peer is shutting down [(]shutting down[)]
		close-2 b 3 the peer is busy or at a limit [(]too many[)]
		close-1 b 5 the peer does not accept this side's key: add it to the peer's authorized_keys [(]not authorized[)]
		fin-without-eof b 6 the connection ended before the peer's end of data
		fin-in-frame b 6 the connection ended before the peer's end of data
		reset b 6 the connection ended before the peer's end of data
		hang b 4 timeout: nothing heard from the peer for .*--keep-alive
		data-in-probe i 8 protocol error by the peer: data in a probe
		zdata-in-probe i 8 protocol error by the peer: compressed data without agreement
		zdata-empty b 0
		zdata-cut b 8 compressed data from the peer: Data corruption detected
		zdata-garbage b 8 compressed data from the peer: Unknown frame descriptor
		zdata-at-limit b 0
		zdata-over-limit b 8 compressed data from the peer: one record decompresses to more than 256 KiB
		zdata-bomb b 8 compressed data from the peer: one record decompresses to more than 256 KiB
		zdata-window-2m b 8 compressed data from the peer: Frame requires too much memory for decoding
		zdata-window b 8 compressed data from the peer: Frame requires too much memory for decoding
	END
}

@test "the table has every misbehaviour that the peer knows, in every role" {
	misbehaviours | awk '{ print $1, $2 }' | sort >table
	"$PYTHON" "$PEER" misbehaviours | awk -F '\t' '{ print $1, $3 }' | sort >known
	diff table known
}

@test "every misbehaviour, against the listener and the client: the status, the line, the time, and nothing released" {
	local name roles number text role tool peer
	echo 'what the peer has to say' >honest
	echo 'what we have to say' >ours # 20 bytes, and the end
	while read -r name roles number text; do
		for role in i r; do
			[[ $roles == *[b$role]* ]] || continue
			# Only the clock that is to run out is a short one.
			tool="-w $(ms 60000)" peer="--misbehave $name --send honest --recv none"
			case $text in
			*--handshake-timeout*) tool="-w $(ms 1500)" ;;
			*--keep-alive*) tool+=" --keep-alive $(ms 500)" peer+=" --timeout $((8 * VT_SLOW))" ;;
			esac
			[[ $name != zdata-* || $name == *-unasked ]] || tool+=' --compress' peer+=' --compress'
			job "$name" $role "$tool" "$peer" ours
			printf '%s\t' "$name/$role" "$number" "$text" >>expected
			echo >>expected
		done
	done < <(misbehaviours)
	play
	jq -R 'split("\t") | {(.[0]): {number: (.[1] | tonumber), text: .[2]}}' expected | jq -s add >table
	jq -c --slurpfile table table '. + {want: $table[0][.id]}' results >judged
	mv judged results
	every '.status == .want.number'
	# One line that says it, of us, and without anything that is no text; or none.
	every 'if .status == 0 then .err == "" else .err | test("^vault-(listen|connect): [^\n]+\n$") end'
	every '.want.text as $text | .err | test($text)'
	every '.err | test("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\x{202a}-\\x{202e}]") | not'
	# In time: at once, or when the clock of 1.5 s has run out. (Twenty thousand records take this peer seconds.)
	every "(.id | test(\"-storm/\")) or .ms < 5000 * $VT_SLOW"
	# The peer was told that it is to blame, where there was an encryption to say it in and it was still there.
	every '.status != 8 or (.report | has("records") | not) or (.id | test("^(close-4|close-99|receipt-twice|receipt-wrong|stop-after-receipt)"))
	    or (.report.text | test("code 4"))'
	released
}

# What was put out is what the peer had sent rightly, or the beginning of it; with status 0 all of it.
released() {
	head -c 65518 /dev/zero | tr '\0' '\n' | cat - honest >frame-largest
	head -c 262144 /dev/zero | cat - honest >zdata-at-limit
	echo 'half of a file' >fin-without-eof
	echo 'before a reset' >reset
	: >fin-in-frame
	"$PYTHON" - <<-'END'
		import json, os
		for line in open("results"):
		    r = json.loads(line)
		    name = r["id"].rsplit("/", 1)[0]
		    whole = open(name if os.path.exists(name) else "honest", "rb").read()
		    got = open(r["out"], "rb").read()
		    assert whole.startswith(got), (r["id"], "released what was not sent")
		    assert r["status"] != 0 or got == whole, (r["id"], "status 0, and not all was released")
	END
}
