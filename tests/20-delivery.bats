#!/usr/bin/env bats
# Goal of this story:
# - exit status 0 on both sides means that every byte of both directions arrived, wherever stdin and stdout are;
# - that holds for no byte, one byte, and at every edge of a record;
# - with -o, --compress, --send-only, --recv-only, over IPv4, IPv6 and Unix sockets;
# - with every pattern, cipher, hash and curve that a listener can allow;
# - and however the network cuts the stream into pieces.
# The story needs no clock: what is in the way of a transfer is only its own size.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load sessions

# Both sides say nothing and leave with 0, and each has exactly what the other sent.
DELIVERED='.listen.status == 0 and .connect.status == 0 and .listen.match == "equal" and .connect.match == "equal"'
QUIET='.listen.lines == [] and .connect.lines == [] and .listen.left == [] and .connect.left == []'

setup() {
	vt_setup
	two_keys
}

# random_files COUNT LEAST MOST: f0, f1, ... of random sizes.
random_files() {
	local i
	for ((i = 0; i < $1; i++)); do
		random_to $(($3 - $2 + 1))
		"$VT_BUILD/tests/pattern" $(($2 + REPLY)) "$RANDOM" >"f$i"
	done
}

# letters SIZE: letters that compress well, and are not all the same.
letters() { "$VT_BUILD/tests/pattern" "$(($1 / 2 + 1))" 7 | od -An -v -tx1 | head -c "$1"; }

# ---- exit 0 means delivered ----

@test "transfers of 1 to 5 MB: whatever stdin is on either side, both end with 0 and have it all" {
	draw_seed
	random_files 12 1000000 5000000
	jobs_from 'range($n) | [null, "file", "pipe"] as $kinds | def from($k; $i): if $k == null then "null"
		elif $k == "file" then "\($d)/f\($i % 12)" else "pipe:\($d)/f\($i % 12)" end;
		{id: ., connect_in: from($kinds[. % 3]; .), listen_in: from($kinds[(. / 3 | floor) % 3]; . * 7 + 5)}' \
		--argjson n "$(soak 100 1000)" >jobs.jsonl
	thin jobs.jsonl
	run_sessions jobs.jsonl results -j 3 -t 60
	every results "$DELIVERED and $QUIET"
	some results '.connect.got > 1000000 and .listen.got > 1000000'
}

@test "no byte, one byte, a record and a byte less or more, sixteen records and a byte less or more" {
	local n
	for n in 0 1 2 65517 65518 65519 1048287 1048288 1048289 131036 131037; do
		"$VT_BUILD/tests/pattern" "$n" "$n" >"size$n"
	done
	jobs_from '(0, 1, 2, 65517, 65518, 65519, 1048287, 1048288, 1048289, 131036, 131037) as $n | ("", "pipe:") as $p |
		"\($p)\($d)/size\($n)" as $f |
		({connect_in: $f}, {listen_in: $f}, {connect_in: $f, listen_in: $f}) | .id = $n' >jobs.jsonl
	run_sessions jobs.jsonl results
	every results "$DELIVERED and $QUIET"
	every results '.id as $n | [.listen.got, .connect.got] | max == $n'
}

@test "-o FILE: complete, in place of an older one, nothing else beside it, standard output stays empty" {
	random_files 3 100000 1000000
	jobs_from '({listen: ["-o", "{file}"]}, {connect: ["-o", "{file}"]},
		{listen: ["-o", "{file}"], connect: ["--output", "{file}"]}) |
		.connect_in = "\($d)/f0" | .listen_in = "pipe:\($d)/f1"' >jobs.jsonl
	run_sessions jobs.jsonl results
	every results ".listen.status == 0 and .connect.status == 0 and $QUIET"
	every results '(.listen, .connect) | if .file then .file == "equal" and .got == 0 else .match == "equal" end'
	jq -s -e 'map([.listen.file, .connect.file]) == [["equal", null], [null, "equal"], ["equal", "equal"]]' results

	echo old >kept
	start_listener --anonymous -o "$PWD/kept" 127.0.0.1 0
	bounded 10 vault_connect --trust any --quiet 127.0.0.1 "$LISTEN_PORT" <f2
	wait_for "$LISTEN_PID" 10
	assert_equal "$status" 0
	cmp f2 kept
}

@test "--compress: text shrinks on the wire, noise does not grow, both arrive; one side alone has no effect" {
	letters 3000000 >text
	random_files 1 2000000 3000000
	jobs_from '("text", "f0") as $f | ([], ["--compress"], ["--compress=1"], ["--compress=12"]) as $listen |
		([], ["--compress"], ["--compress=6"]) as $connect | {id: $f, listen: $listen, connect: $connect, relay: [],
		connect_in: "\($d)/\($f)", listen_in: "pipe:\($d)/text"}' >jobs.jsonl
	run_sessions jobs.jsonl results -t 60
	every results "$DELIVERED and $QUIET"
	every results '(.job.listen + .job.connect | map(select(startswith("--compress"))) | length) as $both |
		if $both == 2 then .relay.s2c.sent < 2000000 else .relay.s2c.sent > 3000000 end'
	every results 'if .id == "f0" then .relay.c2s.sent < .listen.got * 1.02 else true end'
}

@test "Unix sockets and IPv6" {
	random_files 2 100000 3000000
	jobs_from '("unix", "::1", "127.0.0.1") as $at | {at: $at, connect_in: "\($d)/f0", listen_in: "pipe:\($d)/f1"}' >jobs.jsonl
	[ -e /proc/net/if_inet6 ] || { grep -v '"::1"' jobs.jsonl >draft && mv draft jobs.jsonl; }
	run_sessions jobs.jsonl results
	every results "$DELIVERED and $QUIET"
}

@test "--send-only and --recv-only: one direction is delivered, the other ends at once" {
	random_files 2 100000 2000000
	# A side that is not told which way, facing one that is, has nothing to send in these.
	jobs_from '("", "pipe:") as $p | "\($p)\($d)/f0" as $f0 | "\($p)\($d)/f1" as $f1 |
		({id: "up", listen: ["--recv-only"], connect: ["--send-only"], listen_in: $f0, connect_in: $f1},
		{id: "up", listen: ["--recv-only"], listen_in: $f0, connect_in: $f1},
		{id: "up", connect: ["--send-only"], connect_in: $f1},
		{id: "down", listen: ["--send-only"], connect: ["--recv-only"], listen_in: $f0, connect_in: $f1},
		{id: "down", connect: ["--recv-only"], listen_in: $f0, connect_in: $f1},
		{id: "down", listen: ["--send-only"], listen_in: $f0},
		{id: "none", listen: ["--recv-only"], connect: ["--recv-only"], listen_in: $f0, connect_in: $f1})' >jobs.jsonl
	run_sessions jobs.jsonl results
	every results '.listen.status == 0 and .connect.status == 0'
	every results "$QUIET"
	every results 'if .id == "up" then .listen.match == "equal" and .connect.got == 0 else true end'
	every results 'if .id == "down" then .connect.match == "equal" and .listen.got == 0 else true end'
	every results 'if .id == "none" then .connect.got == 0 and .listen.got == 0 else true end'
}

@test "a side that only sends cannot pretend to have taken something: the other one does not end with 0" {
	random_files 2 100000 2000000
	jobs_from '({id: "listen", listen: ["--send-only"]}, {id: "connect", connect: ["--send-only"]}) |
		.connect_in = "\($d)/f0" | .listen_in = "\($d)/f1"' >jobs.jsonl
	run_sessions jobs.jsonl results
	every results 'if .id == "listen" then .connect else .listen end | .status == 7 and (.lines | length) == 1'
}

# ---- protocols ----

# pattern_jobs NAME...: a session with each; -r where the server shows a key; a psk where the name has one.
pattern_jobs() {
	printf '%s\n' "$@" | jq -Rc --arg d "$PWD" --arg k "$KEY" '. as $name | (sub("^Noise_"; "") | sub("psk.*"; "") | sub("_.*"; "")) as $p |
		{id: $name, connect_in: "\($d)/up", listen_in: "\($d)/down",
		psk: ($name | test("psk")), known: (($p | test("N1?$") | not) and ($name | test("_448") | not))} |
		.both = ["--protocol", $name] + (if .psk then ["--psk-file", "\($d)/psk"] else [] end) |
		.listen = ["-i", "\($d)/listen.key", "--anonymous"] + .both |
		.connect = ["-i", "\($d)/connect.key"] + .both + (if .known then ["-r", $k] else ["--trust", "any", "--quiet"] end)'
}

protocol_files() {
	"$VT_BUILD/tests/pattern" 70000 1 >up
	"$VT_BUILD/tests/pattern" 150000 2 >down
	vault_keygen --psk -f psk >/dev/null
}

# built_in NAME: a build without libcrypto lacks some, and says so before it connects anywhere.
built_in() {
	run bounded 10 vault_connect --trust any --protocol "$1" "$PWD/nobody"
	refute [ "$status" = 0 ]
	[[ $output != *'needs libcrypto'* ]]
}

@test "every pattern that a listener can allow" {
	protocol_files
	pattern_jobs NN NK NX XN XK XX IN IK IX \
		NK1 NX1 X1N X1K XK1 X1K1 X1X XX1 X1X1 I1N I1K IK1 I1K1 I1X IX1 I1X1 >jobs.jsonl
	run_sessions jobs.jsonl results
	every results "$DELIVERED and $QUIET"
}

@test "every pattern with a pre-shared key" {
	protocol_files
	pattern_jobs NNpsk0 NNpsk2 NKpsk0 NKpsk2 NXpsk2 XNpsk3 XKpsk3 XXpsk3 INpsk1 INpsk2 IKpsk1 IKpsk2 IXpsk2 >jobs.jsonl
	run_sessions jobs.jsonl results
	every results "$DELIVERED and $QUIET"
}

@test "every cipher with every hash, and both curves" {
	local names=() d c h
	protocol_files
	for d in 25519 448; do
		for c in AESGCM ChaChaPoly; do
			for h in SHA256 SHA512 BLAKE2s BLAKE2b; do
				built_in "Noise_NN_${d}_${c}_$h" || continue
				names+=("Noise_XX_${d}_${c}_$h" "Noise_NN_${d}_${c}_$h" "Noise_XXpsk3_${d}_${c}_$h")
			done
		done
	done
	[[ ${names[*]} == *Noise_XX_25519_ChaChaPoly_SHA512* ]]
	pattern_jobs "${names[@]}" >jobs.jsonl
	run_sessions jobs.jsonl results
	every results "$DELIVERED and $QUIET"
}

# ---- the network ----

@test "however the stream is cut into pieces" {
	"$VT_BUILD/tests/pattern" 150000 1 >large
	"$VT_BUILD/tests/pattern" 900 2 >small
	jobs_from '({in: "small", relay: ["--dribble"]},
		(("7", "100", "1000", "16385") as $n | {in: "large", relay: ["--chunk", $n]}),
		(("3", "17", "70") as $n | {in: "small", relay: ["--chunk", $n, "--delay-ms", "1"]}),
		(("c2s", "s2c") as $way | ("h0+3", "h0", "f0", "f0+2", "f1", "f1+1", "f2", "f3+4", "300") as $where |
			{in: "large", relay: ["--fault", "\($way):stall@\($where):60"]})) |
		.connect_in = "\($d)/\(.in)" | .listen_in = "pipe:\($d)/\(.in)"' >jobs.jsonl
	run_sessions jobs.jsonl results -j 6
	every results "$DELIVERED and $QUIET"
	every results '[.relay.faults[].done] | all(. == 1)'
}
