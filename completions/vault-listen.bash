# bash completion for vault-listen
_vault_listen() {
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
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return
		;;
	--chroot)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--control | --events | -a | --authorized-keys | -i | --identity | --psk-file | --passphrase-file | -o | --output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-e | --exec)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
		;;
	-c | --sh-exec)
		return
		;;
	--forward)
		if [[ $cur == /* ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
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
		mapfile -t COMPREPLY < <(compgen -W 'vault1 vault-tcp auto' -- "$cur")
		return
		;;
	--stats)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
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
	-w | --handshake-timeout | --message-timeout | --idle-timeout | --keep-alive | --accept-timeout | --drain)
		mapfile -t COMPREPLY < <(compgen -W '500ms 5s 10s 30s 1m 5m 1h 0' -- "$cur")
		return
		;;
	--framing)
		mapfile -t COMPREPLY < <(compgen -W 'raw lines nul u32' -- "$cur")
		return
		;;
	--slow)
		mapfile -t COMPREPLY < <(compgen -W 'block drop close' -- "$cur")
		return
		;;
	--workers)
		mapfile -t COMPREPLY < <(compgen -W 'auto 2 4 8 16' -- "$cur")
		return
		;;
	--max-failures | --ready-fd | -m | --max-clients | --max-per-ip | --handshake-rate)
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		for word in -k --keep-open --hub --echo --framing --tag --slow -m --max-clients --max-per-ip \
		    --handshake-rate --workers -e --exec -c --sh-exec --forward -a --authorized-keys --anonymous --code --remember -i --identity --psk-file --passphrase-file --passphrase-fd --protocol --max-failures \
		    --control --events --event-messages --user --chroot --accept-timeout --drain --ready-fd -4 -6 -n -w --handshake-timeout --message-timeout \
		    --idle-timeout --keep-alive --send-only --recv-only -o --output --compress --wire \
		    --rate-limit --max-message-size --stats --log-json --progress --no-progress -v --verbose --quiet \
		    --sandbox -h --help -V --version; do
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
complete -F _vault_listen vault-listen
