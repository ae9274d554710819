#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets status, output and stderr
#
# Goal of this story (make bench): what it prints was measured, and on whole transfers.
# - every part can be asked for by itself, and an unknown one is refused;
# - both directions and compression are measured with all that was sent counted;
# - starts of all tools are measured against a program that does nothing else;
# - tools that need no libcrypto do not pay for loading it.

load helper

# figures PARTS [VAR=VALUE...]: one round with small numbers, as JSON in bench.json.
figures() {
	local parts=$1
	shift
	instrumented && skip "the tools are measured as they are"
	find_python json
	bounded 120 env BENCH_ROUNDS=1 BENCH_MIB=2 BENCH_TOOLS=vault-aes BENCH_JSON=1 BENCH_PARTS="$parts" "$@" \
	    "$PYTHON" "$ROOT/tests/bench/bench.py" >bench.json 2>bench.err || fail "$(cat bench.err)"
}

@test "bench: both directions and compression, with small numbers: all arrives, and that is what it says" {
	figures both,compress
	jq -es 'length == 1 and (.[0] | .mib == 2 and .rounds == 1 and (.parts | keys == ["both", "compress"]) and
	    ([.parts[][].failures[]] == []) and
	    (.parts.both["vault-aes"].runs[0] | .both_mib_s > 0 and .one_mib_s > 0 and .share >= 0 and .share <= 1) and
	    (.parts.compress | keys == ["packed", "plain", "text", "text-fast", "text-packed"]) and
	    all(.parts.compress[]; .runs[0].mib_s > 0))' bench.json
}

@test "bench: an unknown part is refused before anything runs" {
	find_python json
	run -2 --separate-stderr bounded 20 env BENCH_PARTS=both,speed "$PYTHON" "$ROOT/tests/bench/bench.py"
	[[ $stderr == *'BENCH_PARTS: speed: not one of '* ]]
	[ -z "$output" ]
}

@test "bench: latency and start, if the bench's programs are built" {
	[ -x "$VT_BUILD/bench/pingpong" ] && [ -x "$VT_BUILD/bench/onlysodium" ] ||
		skip "NOT TESTED: make bench builds its programs"
	figures latency,start BENCH_PINGS=20 BENCH_STARTS=2
	jq -es '.[0].parts | ([.[][].failures[]] == []) and
	    (.latency["vault-aes"].runs[0] | .p50_1_us > 0 and .p99_1000_us >= .p50_1000_us) and
	    (.start | length == 5 and all(.[]; .runs[0] | .best_ms > 0 and .least_best_ms > 0 and .median_ms >= .best_ms))' bench.json
}

@test "no tool is linked with libcrypto: to load it takes as long as all the rest of a start" {
	sanitized && skip "a sanitizer links other things"
	command -v ldd >/dev/null || skip "NOT TESTED: no ldd"
	for tool in vault-keygen vault-ifinfo vault-udp vault-connect vault-listen; do
		run -0 ldd "$VT_BIN/$tool"
		[[ $output == *libsodium* && $output != *libcrypto* ]] || fail "$tool: $output"
	done
}
