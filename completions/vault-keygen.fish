# fish completion for vault-keygen(1)

complete -c vault-keygen -f
complete -c vault-keygen -s f -l file -r -F -d 'Key file instead of the default one'
complete -c vault-keygen -s C -l comment -x -d 'Comment of a new key'
complete -c vault-keygen -s y -l public -d 'Print the public key of a secret key'
complete -c vault-keygen -s l -l fingerprint -d 'Print fingerprint, public key and comment'
complete -c vault-keygen -l check -r -F -d 'Say what a file is and whether it is in order'
complete -c vault-keygen -l psk -d 'A pre-shared key'
complete -c vault-keygen -l import -x -a 'raw hex base64 wireguard' -d 'Read a secret from standard input'
complete -c vault-keygen -l export -x -a 'raw hex base64 wireguard' -d 'Print a secret, or with -y the public key'
complete -c vault-keygen -l part -x -a 'ed25519 x25519' -d 'Which key is meant'
complete -c vault-keygen -l force -d 'Replace existing files; show a secret on a terminal'
complete -c vault-keygen -l json -d 'Results as one JSON object'
complete -c vault-keygen -s h -l help -d 'Print help'
complete -c vault-keygen -s V -l version -d 'Print version and features'
