# bash completion for vault-keygen(1)

_vault_keygen() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	# The shell splits --option=value at the '='.
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $prev in
	--import | --export)
		mapfile -t COMPREPLY < <(compgen -W 'raw hex base64 wireguard pem openssh age minisign signify' -- "$cur")
		return
		;;
	--part)
		mapfile -t COMPREPLY < <(compgen -W 'ed25519 x25519' -- "$cur")
		return
		;;
	-f | --file | --check | --passphrase-file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-C | --comment | --passphrase-fd | -F | --find | -R | --remove)
		COMPREPLY=()
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W '-f --file -C --comment -N --passphrase -p --change-passphrase
		--passphrase-file --passphrase-fd -y --public -l --fingerprint -v --verbose
		-F --find -R --remove -H --hide-names --check
		--psk --append --import --export --part --force --json -h --help -V --version' -- "$cur")
}

complete -F _vault_keygen vault-keygen
