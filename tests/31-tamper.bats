#!/usr/bin/env bats
# Goal of this story:
# - one bit flipped anywhere, a frame dropped, repeated, swapped with the next or cut short, bytes put in or taken
#   out: the side that was lied to never leaves with 0, and writes out nothing but the beginning of what was sent;
# - it leaves with 5 or 8; with 3, 4 or 6 only where a length was hit, or the last thing that it waited for;
# - the other side leaves with 0 only if what it sent was really written out before;
# - during the handshake nothing is written out at all.
# The relay in between tells that it did what was asked of it.

# shellcheck disable=SC2016 # the dollars belong to jq

load helper
load sessions

SIZE=200000
DATA_FRAMES=4 # records that so many bytes take
FRAMES=7      # and OPEN or READY before them, end and receipt behind them

setup() {
	vt_setup
	two_keys
	"$VT_BUILD/tests/pattern" $SIZE 1 >up
	"$VT_BUILD/tests/pattern" $SIZE 2 >down
	draw_seed
}

# tamper FILTER [JQ OPTIONS]: FILTER makes {way, fault}; a session for each, with clocks short enough for a story.
tamper() {
	jobs_from "$1"' | {way, fault, frame, part, id: .fault, connect_in: "\($d)/up", listen_in: "\($d)/down",
		listen: (["--max-failures", "1"] + $clocks), connect: $clocks, relay: ["--fault", "\(.way):\(.fault)"]}' "${@:2}" \
		--argjson clocks "[\"-w\", \"${VT_SLOW}s\", \"--message-timeout\", \"${VT_SLOW}s\", \"--keep-alive\", \"$((300 * VT_SLOW))ms\"]" \
		--argjson frames $FRAMES --argjson data $DATA_FRAMES >jobs.jsonl
	thin jobs.jsonl
	run_sessions jobs.jsonl all -j 12
	# .victim was lied to by .other.
	jq -c '. + if .job.way == "c2s" then {victim: .listen, other: .connect} else {victim: .connect, other: .listen} end' all >results
	every results '[.relay.faults[].done] == [1]'
}

# What holds for every fault that reaches a side before it has heard all.
lied_to() {
	every "$1" '.victim.status | . != 0 and . != "hung" and . < 128'
	every "$1" '.victim.match != "other" and .other.match != "other"'
	every "$1" '.other.status | . != "hung" and . < 128'
	every "$1" 'if .other.status == 0 then .victim.match == "equal" and .other.match == "equal" else true end'
	every "$1" '(.victim, .other) | if .status == 0 then .lines == [] else (.lines | length) == 1 end'
}

bits() { # bits COUNT BELOW: random numbers as a JSON list
	local i list=()
	for ((i = 0; i < $1; i++)); do
		random_to "$2"
		list+=("$REPLY")
	done
	(IFS=, && echo "[${list[*]}]")
}

@test "the frames are those that the story counts on" {
	jobs_from '{connect_in: "\($d)/up", listen_in: "\($d)/down", relay: []}' >jobs.jsonl
	run_sessions jobs.jsonl results
	every results '.listen.status == 0 and .connect.status == 0 and .relay.c2s.frames == $n and .relay.s2c.frames == $n' \
		--argjson n $FRAMES
}

@test "a bit of the body or the tag of each record" {
	tamper '("c2s", "s2c") as $way | range($frames) as $frame | ("body", "tag") as $part | $bits | to_entries[] |
		(if $part == "tag" or ($frame > 0 and $frame <= $data - 1) then .value % 128 else .value % 8 end) as $bit |
		{$way, $frame, $part, fault: "flip-frame@\($frame):\($part):\($bit)"}' --argjson bits "$(bits "$(soak 3 40)" 100000)"
	lied_to results
	# The first record from a peer proves that it has its key.
	every results '.victim.status == (if .job.frame == 0 then 5 else 8 end)'
	every results 'if .job.frame <= $data then .victim.match == "prefix" and .other.status == 8 else true end' \
		--argjson data $DATA_FRAMES
}

@test "a bit of the length of each record" {
	tamper '("c2s", "s2c") as $way | range($frames) as $frame | range(0; 32; $step) as $bit |
		{$way, $frame, fault: "flip-frame@\($frame):header:\($bit)"}' --argjson step "$(soak 3 1)"
	lied_to results
	every results '.victim.status | IN(3, 4, 5, 6, 8)'
	# The two high bytes of a length are 0 in every frame.
	every results '(.job.fault | split(":")[2] | tonumber) as $bit | $bit >= 16 or .victim.status == 8'
	every results 'if .job.frame <= $data then .victim.match == "prefix" and .other.status != 0 else true end' \
		--argjson data $DATA_FRAMES
}

@test "records dropped, repeated, swapped" {
	tamper '("c2s", "s2c") as $way | range($frames - 1) as $frame | ("drop-frame", "repeat-frame", "swap-frame") as $part |
		{$way, $frame, $part, fault: "\($part)@\($frame)"}'
	lied_to results
	every results 'if .job.frame == 0 and .job.part != "repeat-frame" then .victim.status | IN(5, 8) else .victim.status == 8 end'
	every results 'if .job.frame < $data then .victim.match == "prefix" and .other.status == 8 else true end' \
		--argjson data $DATA_FRAMES
}

@test "the last record dropped: not 0; repeated: too late to matter" {
	tamper '("c2s", "s2c") as $way | ("drop-frame", "repeat-frame") as $part | {$way, $part, fault: "\($part)@\($frames - 1)"}'
	every results 'if .job.part == "drop-frame" then .victim.status | IN(4, 6)
		else (.victim.status | IN(0, 8)) and .victim.match == "equal" and .other.match == "equal" end'
}

@test "each record cut short: 6, or 3 in the handshake" {
	tamper '("c2s", "s2c") as $way | range($frames) as $frame | ("", ":1", ":4", ":20") as $where |
		{$way, $frame, fault: "truncate-frame@\($frame)\($where)"}'
	lied_to results
	every results '.victim.status == (if .job.frame == 0 then 3 else 6 end)'
	every results 'if .job.frame <= $data then .victim.match == "prefix" and (.other.status | IN(3, 6)) else true end' \
		--argjson data $DATA_FRAMES
}

@test "bytes put in or taken out: before, in the length of and within each record" {
	tamper '("c2s", "s2c") as $way | range($frames) as $frame | ("insert", "drop") as $part | (0, 2, 4, 22) as $at | (1, 4, 19) as $n |
		{$way, $frame, $part, fault: "\($part)@f\($frame)+\($at):\($n)"}'
	lied_to results
	every results '.victim.status | IN(3, 4, 5, 6, 8)'
	every results 'if .job.frame <= $data then .victim.match == "prefix" and .other.status != 0 else true end' \
		--argjson data $DATA_FRAMES
}

@test "a bit of every byte of the handshake: both leave, not with 0, and nothing is written out" {
	tamper '(["c2s", 0, 67], ["s2c", 0, 98], ["c2s", 1, 66]) as [$way, $unit, $size] | range($size) as $at | $bits[] as $bit |
		{$way, frame: $at, part: "h\($unit)", fault: "flip@h\($unit)+\($at):\(($bit + $at * 3) % 8)"}' \
		--argjson bits "$(soak "$(bits 1 8)" '[0,1,2,3,4,5,6,7]')"
	every results '[.victim.status, .other.status] | all(. != 0 and . != "hung" and . < 128)'
	every results '(.victim, .other) | .got == 0 and (.lines | length) == 1'
	# Lengths apart, the first to find out is whoever opens what was sealed over it: hello (magic 4, length 1, name 28,
	# length 2, key), message 2, message 3 (length 2, then all sealed or hashed).
	every results '.job.part as $unit | .job.frame as $at |
		if $unit == "h0" and .job.way == "c2s" then
			if $at < 4 then .listen.status == 8
			elif $at > 4 and $at < 33 then .listen.status == 5 and .connect.status == 5
			elif $at >= 35 then .connect.status == 5 and .listen.status == 3
			else true end
		elif $at < 2 then true
		else .victim.status == 5 and .other.status == (if .job.way == "c2s" then 5 else 3 end) end'
}

@test "a bit anywhere" {
	tamper '("c2s", "s2c") as $way | $places[] as $at | {$way, fault: "flip@\($at):\($at % 8)"}' \
		--argjson places "$(bits "$(soak 60 3000)" $SIZE)"
	lied_to results
	every results '.victim.match == "prefix" and .other.status != 0'
}
