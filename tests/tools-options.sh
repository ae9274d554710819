#!/usr/bin/env bash
# The options of a tool, one a line and sorted, as one place names them:
#
#   tests/tools-options.sh help|man|bash|zsh|fish TOOL
#
# --help and the man page are read; completions are asked: the shell itself runs its file.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
where=$1
tool=$2
bin=${VT_BIN:-build/bin}

# Lines such as "  -w, --handshake-timeout T   text", "      --trust=MODE   text", "  -4   text".
from_help() {
	# shellcheck disable=SC2086
	${VT_WRAP:-} "$bin/$tool" --help | awk '
		/^  +-/ {
			rest = $0
			sub(/^ +/, "", rest)
			while (match(rest, /^(--[A-Za-z0-9][-A-Za-z0-9]*|-[A-Za-z0-9])/)) {
				print substr(rest, 1, RLENGTH)
				rest = substr(rest, RLENGTH + 1)
				sub(/^[^ ,]*/, "", rest)
				if (!sub(/^, */, "", rest))
					break
			}
		}'
}

# Items such as ".It Fl w , Fl -handshake-timeout Ar duration" and ".It Fl -trust Ns = Ns Ar mode".
from_man() {
	awk '
		/^\.It / {
			gsub(/\\-/, "-")
			for (i = 2; i < NF; i++) {
				if ($i != "Fl")
					continue
				name = $(i + 1)
				if (name == "Fl" && i + 2 <= NF) {
					name = "-" $(i + 2)
					i++
				}
				sub(/=.*/, "", name)
				if (name ~ /^-?[A-Za-z0-9]/)
					print "-" name
			}
		}' "man/$tool.1"
}

from_bash() {
	# shellcheck disable=SC2016
	bash --norc --noprofile -c '
		. "$1" || exit 1
		spec=$(complete -p "$2") || exit 1
		[[ $spec =~ -F\ ([^ ]+) ]] || exit 1
		for word in - --; do
			COMP_WORDS=("$2" "$word") COMP_CWORD=1 COMP_LINE="$2 $word" COMP_POINT=$((${#2} + 1 + ${#word}))
			COMP_TYPE=9 COMPREPLY=()
			"${BASH_REMATCH[1]}" "$2" "$word" "$2" 2>/dev/null
			[ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"
		done' bash "completions/$tool.bash" "$tool" | sed -e 's/[= ]*$//' | grep -E '^-'
}

# zsh expands the file; in place of _arguments something that prints its specifications: (-w --x)-w+[text]:...
from_zsh() {
	# shellcheck disable=SC2016
	zsh -f -c '
		compdef() { }
		_arguments() { print -rl -- "$@" }
		words=("$2" -) CURRENT=2 service=$2
		source "$1" || exit 1
		' zsh "completions/_$tool" "$tool" |
	    sed -nE -e 's/^(\*|\([^)]*\))*(--?[A-Za-z0-9][-A-Za-z0-9]*)[+=-]*\[.*/\2/p' | sed -E 's/([^-])-+$/\1/'
}

from_fish() {
	local home status
	home=$(mktemp -d) || return 1
	# shellcheck disable=SC2016
	HOME=$home XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home XDG_CACHE_HOME=$home fish -c '
		source $argv[1]; or exit 1
		complete -C "$argv[2] -"
		complete -C "$argv[2] --"' "completions/$tool.fish" "$tool" |
	    cut -f1 | sed -e 's/=$//' | grep -E '^-'
	status=$?
	rm -rf "$home"
	return $status
}

case $where in
help | man | bash | zsh | fish) "from_$where" | sort -u ;;
*) echo "tools-options: unknown place '$where'" >&2; exit 2 ;;
esac
