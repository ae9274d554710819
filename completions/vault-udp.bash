# bash completion for vault-udp
_vault_udp() {
	local cur=$2 prev=$3 word
	COMPREPLY=()
	# Only what has a space in front: readline splits words at "=".
	if [[ $prev == = && $COMP_CWORD -ge 2 ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 1]}
		cur=
	fi
	case $prev in
	-r | --remote-key | @) # KEY, or @FILE, which bash takes for two words
		[[ $cur == @* ]] || return
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P @ -f -- "${cur#@}")
		return
		;;
	-i | --identity | -a | --authorized-keys | --known-hosts | --control | --events)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-w | --handshake-timeout | --linger | --lifetime | --max-age | --skew)
		mapfile -t COMPREPLY < <(compgen -W '500ms 5s 10s 30s 1m 5m 1h 0' -- "$cur")
		return
		;;
	--trust)
		mapfile -t COMPREPLY < <(compgen -W 'new strict any' -- "$cur")
		return
		;;
	--framing)
		mapfile -t COMPREPLY < <(compgen -W 'lines nul u32 raw' -- "$cur")
		return
		;;
	--mtu)
		mapfile -t COMPREPLY < <(compgen -W 'auto 1280 1400 1500 9000' -- "$cur")
		return
		;;
	--compress)
		mapfile -t COMPREPLY < <(compgen -W '1 3 6 9 12 15 19' -- "$cur")
		return
		;;
	--pace)
		mapfile -t COMPREPLY < <(compgen -W 'auto 10 100 1000 10000' -- "$cur")
		return
		;;
	--rate-limit)
		mapfile -t COMPREPLY < <(compgen -W '100 1000 10000' -- "$cur")
		return
		;;
	--replay-cache)
		mapfile -t COMPREPLY < <(compgen -W '1000 10000 100000' -- "$cur")
		return
		;;
	--max-peers)
		mapfile -t COMPREPLY < <(compgen -W '16 64 256 1024' -- "$cur")
		return
		;;
	--wire)
		mapfile -t COMPREPLY < <(compgen -W 'v2 v1' -- "$cur")
		return
		;;
	--stats)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
		return
		;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W 'auto require off' -- "$cur")
		return
		;;
	-l | --listen | --to | --max-messages | --ready-fd)
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		for word in -l --listen -i --identity -r --remote-key -a --authorized-keys --trust \
		    --known-hosts -4 -6 -n -w --handshake-timeout --framing --to --tag --send-only \
		    --recv-only --until-end --max-messages --linger --mtu --no-padding --compress --pace \
		    --rate-limit --lifetime --max-age --skew --replay-cache --max-peers --wire \
		    --opportunistic --solicit --control --events --ready-fd --announce --browse --json --stats \
		    --log-json -v --verbose --quiet --sandbox -h --help -V --version; do
			[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
		done
		return
	fi
	mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
}
complete -F _vault_udp vault-udp
