#!/usr/bin/env bats
# Goal of this story:
# - a connection may be cut at any byte, by an end, a reset or silence: no side that did not hear the peer's
#   end of data and its receipt leaves with 0;
# - it leaves with 3 while it was still shaking hands, 6 later, 4 after silence, and one line on standard error;
# - a side that has heard both has lost nothing: it leaves with 0 whatever happens then;
# - a file of -o appears only when every byte of it came, and nothing else is left behind;
# - a side that is killed in the middle makes the other one leave with 6.
#
# How much a side heard is what the relay in between really passed on. In a short session without faults each
# direction has a number of bytes, of which the last two records are the end of data and the receipt.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load sessions

# Sizes of records: 4 length + 1 type + body + 16 tag.
RECEIPT_SIZE=31

setup() {
	vt_setup
	two_keys
	printf hello >up
	printf 'good day' >down
}

# measure: a session without a fault, and where the relay saw its records: LAYOUT is, for both directions, the bytes
# up to the first data ("ready": OPEN or READY is heard) and all bytes ("all").
measure() {
	jobs_from '{connect_in: "\($d)/up", listen_in: "\($d)/down",
		relay: ["--fault", "c2s:stall@f1:0", "--fault", "s2c:stall@f1:0"]}' >jobs.jsonl
	run_sessions jobs.jsonl uncut
	every uncut '.listen.status == 0 and .connect.status == 0'
	every uncut '[.relay.faults[].done] == [1, 1]'
	LAYOUT=$(jq -c '{c2s: {ready: .relay.faults[0].at, all: .relay.c2s.sent},
		s2c: {ready: .relay.faults[1].at, all: .relay.s2c.sent}}' uncut)
	echo "layout: $LAYOUT"
}

# cut_everywhere FAULT ARGUMENTS RELAY [STEP]: the short session, cut before each byte and behind the last one, or
# before each STEP-th. ARGUMENTS go to both sides (JSON).
cut_everywhere() {
	local step=${4:-1}
	jobs_from '("c2s", "s2c") as $way | range(0; $layout[$way].all + 1; $step) as $at |
		{id: "\($way) \($at)", layout: $layout, connect_in: "\($d)/up", listen_in: "\($d)/down",
		listen: (["--max-failures", "1"] + $args), connect: $args,
		relay: (["--fault", "\($way):\($fault)@\($at)"] + $relay)}' \
		--arg fault "$1" --argjson args "$2" --argjson relay "$3" --argjson layout "$LAYOUT" --argjson step "$step" >jobs.jsonl
	thin jobs.jsonl
}

# What each side may leave with. ${heard} is what reached it; LOST is its status if that was not all.
rule() {
	echo 'def ends($side; $heard; $layout): if $heard >= $layout.all then $side.status == 0 and $side.lines == []
		else $side.status == ('"$1"') and ($side.lines | length) == 1 end;
	ends(.listen; .relay.c2s.sent; .job.layout.c2s) and ends(.connect; .relay.s2c.sent; .job.layout.s2c)'
}
LINK_LOST='if $heard < $layout.ready then 3 else 6 end'

# Every fault really happened, and whatever was written out is the beginning of what was sent.
sound() {
	every "$1" '[.relay.faults[].done] == [1]'
	every "$1" '.listen.match != "other" and .connect.match != "other"'
	every "$1" '(.listen, .connect) | .left == [] and (.file == null or .file == "equal")'
	# Nothing went wrong in all of them: some were cut too early for one side, some so late that it had it all.
	some "$1" '.listen.status != 0 and .connect.status != 0'
	some "$1" '.listen.status == 0'
	some "$1" '.connect.status == 0'
}

@test "an end at every byte: 3 or 6, never 0 for who did not hear all" {
	measure
	cut_everywhere cut-fin '[]' '[]'
	run_sessions jobs.jsonl results -j 6
	sound results
	every results "$(rule "$LINK_LOST")"
}

@test "an end of one direction alone: the same" {
	measure
	cut_everywhere half-fin '[]' '[]' "$(soak 4 1)"
	run_sessions jobs.jsonl results -j 6
	sound results
	every results "$(rule "$LINK_LOST")"
}

@test "a reset at every byte, with -o: the same, and no file before its last byte" {
	measure
	cut_everywhere cut-rst '["-o", "{file}"]' '[]'
	run_sessions jobs.jsonl results -j 6
	sound results
	every results "$(rule "$LINK_LOST")"
	every results '(.listen, .connect) | if .status == 0 then .file == "equal" else true end'
	every results 'def absent($side; $heard; $layout): $heard >= $layout.all - $receipt or $side.file == null;
		absent(.listen; .relay.c2s.sent; .job.layout.c2s) and absent(.connect; .relay.s2c.sent; .job.layout.s2c)' \
		--argjson receipt $RECEIPT_SIZE
}

@test "silence at every byte: 4, never 0 for who did not hear all" {
	measure
	cut_everywhere silence "[\"-w\", \"$((1000 * VT_SLOW))ms\", \"--keep-alive\", \"$((200 * VT_SLOW))ms\"]" \
		"[\"--hold\", \"$((2 * VT_SLOW))\"]"
	run_sessions jobs.jsonl results -j 100
	sound results
	every results "$(rule 4)"
}

# ---- long sessions ----

# long_jobs COUNT: 3 MB each way, cut at random places well before the end of one direction's data.
long_jobs() {
	local i places=()
	measure
	"$VT_BUILD/tests/pattern" 3000000 1 >up
	"$VT_BUILD/tests/pattern" 3000000 2 >down
	draw_seed
	for ((i = 0; i < $1; i++)); do
		random_to 2999000
		places+=($((1000 + REPLY)))
	done
	jobs_from '[("c2s", "s2c") as $way | ("cut-fin", "half-fin", "cut-rst", "silence") as $fault | {$way, $fault}] as $kinds |
		[["{file}", null], [null, "{file}"], [null, null]] as $files | $places | to_entries[] | .value as $at | .key as $i | $kinds[$i % 8] as $kind | $files[$i % 3] as $file |
		def o: if . then ["-o", .] else [] end; (if $kind.fault == "silence" then ["--keep-alive", $alive, "-w", $within] else ["-w", "1m"] end) as $clocks |
		{id: $kind.fault, layout: $layout, connect_in: "\($d)/up", listen_in: "pipe:\($d)/down",
		listen: ($clocks + ($file[0] | o)), connect: ($clocks + ($file[1] | o)),
		relay: ["--fault", "\($kind.way):\($kind.fault)@\($at)", "--hold", $hold]}' \
		--arg alive "$((300 * VT_SLOW))ms" --arg within "${VT_SLOW}s" --arg hold "$((2 * VT_SLOW))" \
		--argjson layout "$LAYOUT" --argjson places "[$(IFS=, && echo "${places[*]}")]" >jobs.jsonl
}

@test "cut at random places of a long session: nobody leaves with 0, no file of the cut direction" {
	long_jobs "$(soak 48 2000)"
	run_sessions jobs.jsonl results -j 8
	every results '[.relay.faults[].done] == [1]'
	# The client sends at once, so that it may be cut off before READY came back.
	every results 'def ends($side; $ready): $side.status == (if .id == "silence" then 4 elif $ready then 6 else 3 end) and
		($side.lines | length) == 1;
		ends(.listen; true) and ends(.connect; .relay.s2c.sent >= .job.layout.s2c.ready)'
	every results '.listen.match != "other" and .connect.match != "other"'
	every results '[.listen.match, .connect.match] != ["equal", "equal"]'
	# The direction that was not cut may be whole, and then its file is.
	every results '(if .job.relay[1] | startswith("c2s") then .listen else .connect end) | .file == null'
	every results '(.listen, .connect) | (.file == null or .file == "equal") and .left == []'
	some results '.listen.got > 0 or .connect.got > 0'
}

@test "a one-way transfer with -o: the file is there exactly if the receiver leaves with 0" {
	"$VT_BUILD/tests/pattern" 200000 3 >up
	jobs_from '{listen: ["--recv-only", "-o", "{file}"], connect: ["--send-only"], connect_in: "\($d)/up", relay: []}' >jobs.jsonl
	run_sessions jobs.jsonl uncut
	every uncut '.listen.status == 0 and .connect.status == 0 and .listen.file == "equal"'
	# Around the last records, where it is decided.
	jobs_from '("cut-fin", "cut-rst") as $fault | ({way: "c2s", all: $up}, {way: "s2c", all: $down}) as $stream |
		range([0, $stream.all - 100] | max; $stream.all + 1; $step) as $at |
		{listen: ["--recv-only", "-o", "{file}", "--max-failures", "1"], connect: ["--send-only"], connect_in: "\($d)/up",
		relay: ["--fault", "\($stream.way):\($fault)@\($at)"]}' \
		--argjson up "$(jq .relay.c2s.sent uncut)" --argjson down "$(jq .relay.s2c.sent uncut)" \
		--argjson step "$(soak 3 1)" >jobs.jsonl
	run_sessions jobs.jsonl results -j 6
	every results '[.relay.faults[].done] == [1]'
	every results 'if .listen.status == 0 then .listen.file == "equal" else .listen.file == null end and .listen.left == []'
	every results 'if .connect.status == 0 then .listen.status == 0 else true end'
	some results '.listen.status == 0'
	some results '.listen.status == 6'
}

# ---- kill -9 ----

@test "kill -9 in the middle of a transfer: the other side leaves with 6" {
	"$VT_BUILD/tests/pattern" 64M 1 >up
	"$VT_BUILD/tests/pattern" 64M 2 >down
	jobs_from '("listen", "connect") as $side | ("listen", "connect") as $of | (1, 1000000, 20000000) as $after |
		{kill: {$side, $of, $after}, connect_in: "\($d)/up", listen_in: "pipe:\($d)/down"}' >jobs.jsonl
	run_sessions jobs.jsonl results -j 2 -t 60
	every results '.killed and .[.job.kill.side].status == 137'
	every results '.[{"listen": "connect", "connect": "listen"}[.job.kill.side]] |
		.status == 6 and (.lines | length) == 1 and .match == "prefix" and .left == []'
}

@test "kill -9 of the sender or the receiver of a file: no file" {
	"$VT_BUILD/tests/pattern" 64M 1 >up
	# The sending side shows on its own standard output that the other one has begun.
	printf begun >down
	jobs_from '("listen", "connect") as $side | {kill: {$side, "of": "connect", "after": 5}, connect_in: "\($d)/up",
		listen_in: "\($d)/down", listen: ["-o", "{file}"]}' >jobs.jsonl
	run_sessions jobs.jsonl results -j 2 -t 60
	every results '.killed and .listen.file == null'
	every results '.[{"listen": "connect", "connect": "listen"}[.job.kill.side]] | .status == 6 and .left == []'
}
