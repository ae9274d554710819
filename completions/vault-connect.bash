# bash completion for vault-connect
_vault_connect() {
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
	--trust)
		mapfile -t COMPREPLY < <(compgen -W 'new strict any' -- "$cur")
		return
		;;
	-i | --identity | --psk-file | --passphrase-file | --code-file | --known-hosts | -o | --output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-L | --local)
		if [[ $cur == /* ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return
		;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W 'auto require off' -- "$cur")
		return
		;;
	--protocol)
		mapfile -t COMPREPLY < <(compgen -W 'XX IK XXpsk3 NN NNpsk0 IX' -- "$cur")
		return
		;;
	--wire)
		mapfile -t COMPREPLY < <(compgen -W 'vault1 vault-tcp' -- "$cur")
		return
		;;
	--stats)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
		return
		;;
	--framing)
		mapfile -t COMPREPLY < <(compgen -W 'raw lines nul u32' -- "$cur")
		return
		;;
	--rate-limit | --max-message-size)
		mapfile -t COMPREPLY < <(compgen -W '16K 64K 100K 1M 10M' -- "$cur")
		return
		;;
	--compress)
		mapfile -t COMPREPLY < <(compgen -W '1 3 6 9 12 15 19' -- "$cur")
		return
		;;
	-w | --handshake-timeout | --message-timeout | --idle-timeout | --keep-alive | --retry-delay | --drain)
		mapfile -t COMPREPLY < <(compgen -W '500ms 5s 10s 30s 1m 5m 1h 0' -- "$cur")
		return
		;;
	-s | --source | -p | --source-port | --ready-fd)
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		for word in -r --remote-key --known-hosts --trust -i --identity --psk-file --passphrase-file --passphrase-fd --anonymous --code --code-file --code-fd --remember --copy-id --protocol -L --local --drain --ready-fd -s --source \
		    -p --source-port --retry --retry-delay --exec-status -z --probe --json -4 -6 -n -w --handshake-timeout \
		    --message-timeout --idle-timeout --keep-alive --send-only --recv-only -o --output --compress \
		    --wire --rate-limit --framing --max-message-size --stats --log-json --progress --no-progress -v --verbose \
		    --quiet --sandbox -h --help -V --version; do
			[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
		done
		return
	fi
	if [[ $cur == /* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
	fi
}
complete -F _vault_connect vault-connect
