# Goal of this test: --help, the man pages and the completions of three shells name the same options, so that
# none of them promises what a tool does not have or hides what it has.

load helper

# same_options WHERE: for every tool that is built, compare with --help in both directions.
same_options() {
	local where=$1 tool path tools=0 bad=0
	for path in "$VT_BIN"/vault-*; do
		[ -x "$path" ] || continue
		tool=${path##*/}
		tools=$((tools + 1))
		"$ROOT/tests/tools-options.sh" help "$tool" >help.txt || fail "$tool: no options in --help"
		"$ROOT/tests/tools-options.sh" "$where" "$tool" >other.txt || { echo "$tool: $where names no option"; bad=1; }
		[ -s help.txt ] || fail "$tool: --help names no option"
		comm -23 help.txt other.txt | sed "s/^/$tool: in --help, not in $where: /" >missing.txt
		comm -13 help.txt other.txt | sed "s/^/$tool: in $where, not in --help: /" >surplus.txt
		if [ -s missing.txt ] || [ -s surplus.txt ]; then
			cat missing.txt surplus.txt
			bad=1
		fi
	done
	[ $tools -gt 0 ] || fail "no tool in $VT_BIN"
	[ $bad = 0 ]
}

need_shell() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

@test "every tool's --help names --help and --version" {
	local path
	for path in "$VT_BIN"/vault-*; do
		run "$ROOT/tests/tools-options.sh" help "${path##*/}"
		assert_success
		assert_line -- --help
		assert_line -- --version
	done
}

@test "man pages name the options of --help, and no others" {
	same_options man
}

@test "bash completes the options of --help, and no others" {
	same_options bash
}

@test "zsh completes the options of --help, and no others" {
	need_shell zsh
	same_options zsh
}

@test "fish completes the options of --help, and no others" {
	need_shell fish
	same_options fish
}
