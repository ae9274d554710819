# bash completion for vault-ifinfo(1)

_vault_ifinfo() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	# The shell splits --option=value at the '='.
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}=
	fi
	case $prev in
	-r | --remote-key | --remote-key=) # KEY, or @FILE
		[[ $cur == @* ]] || return
		mapfile -t COMPREPLY < <(compgen -P @ -f -- "${cur#@}")
		return
		;;
	-i | --identity | --identity= | --known-hosts | --known-hosts=)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--trust | --trust=)
		mapfile -t COMPREPLY < <(compgen -W 'new strict any' -- "$cur")
		return
		;;
	--payload=)
		mapfile -t COMPREPLY < <(compgen -W 'tcp udp' -- "$cur")
		return
		;;
	--route | --path | --route= | --path=)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
		return
		;;
	--netns | --netns=)
		mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && compgen -f -- "$cur")
		return
		;;
	--require-mtu | --require-mtu= | --timeout | --timeout=)
		COMPREPLY=()
		return
		;;
	esac
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W '--json --mtu -4 --ipv4 -6 --ipv6 -a --all --payload --route --path
			-i --identity -r --remote-key --trust --known-hosts --require-mtu --watch --netns --timeout -h --help -V --version' -- "$cur")
		;;
	*)
		mapfile -t COMPREPLY < <(cd /sys/class/net 2>/dev/null && compgen -f -- "$cur")
		;;
	esac
}

complete -F _vault_ifinfo vault-ifinfo
