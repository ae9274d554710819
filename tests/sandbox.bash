# shellcheck shell=bash disable=SC2034,SC2154 # names of files are for the stories
# sandbox: what the stories about it share. After `load helper` and `load endings`.

sandbox_setup() {
	vt_setup
	people
	AT=$PWD/sock
	TRY=$VT_BUILD/tests/sandbox-try
}

# need_sandbox: the rest is about what this system and build have.
need_sandbox() {
	local why
	[ -z "$VT_WRAP" ] || skip "the sandbox is NOT TESTED under $VT_WRAP"
	why=$("$TRY" 2>&1) || skip "the sandbox is NOT TESTED: $why"
}
