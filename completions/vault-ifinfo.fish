# fish completion for vault-ifinfo(1)

complete -c vault-ifinfo -f
complete -c vault-ifinfo -a '(command ls /sys/class/net 2>/dev/null)'
complete -c vault-ifinfo -l json -d 'One JSON object a line'
complete -c vault-ifinfo -l mtu -d 'The smallest MTU of the interfaces that are up'
complete -c vault-ifinfo -s 4 -l ipv4 -d 'The IPv4 addresses, or only IPv4'
complete -c vault-ifinfo -s 6 -l ipv6 -d 'The IPv6 addresses, or only IPv6'
complete -c vault-ifinfo -s a -l all -d 'Also loopback, link-local and unusable addresses'
complete -c vault-ifinfo -l payload -a 'tcp udp' -d 'How much of a packet is left for data'
complete -c vault-ifinfo -l route -x -a '(__fish_print_hostnames)' -d 'Interface, source, next hop and MTU toward a host'
complete -c vault-ifinfo -l path -x -a '(__fish_print_hostnames)' -d 'The MTU of the path to a host'
complete -c vault-ifinfo -l require-mtu -x -d 'Status 1 if the MTU is below'
complete -c vault-ifinfo -l watch -d 'A JSON line for every change'
complete -c vault-ifinfo -l netns -x -a '(command ls /run/netns 2>/dev/null)' -d 'In this network namespace'
complete -c vault-ifinfo -l timeout -x -d 'For --route and --path in all'
complete -c vault-ifinfo -s h -l help -d 'Print help'
complete -c vault-ifinfo -s V -l version -d 'Print version and features'
