# Words of the stories about Vault TCP (51 to 53): the peer in Python, and ours.
# shellcheck shell=bash disable=SC2034,SC2154 # variables for stories, and of theirs

NN=Noise_NN_25519_AESGCM_SHA512

raw_peer() { "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" "$@"; }

# peer_listens ARGS...: the peer in the background. Sets PEER_PID, PEER_PORT, PEER_KEY; it reports in peer.json.
peer_listens() {
	: >peer.ready
	rm -f peer.json peer.got
	spawn "$PYTHON" "$ROOT/tests/peers/vaulttcp_peer.py" listen --ready-fd 9 --json peer.json --recv peer.got "$@" \
	    9>peer.ready </dev/null 2>peer.err
	PEER_PID=$SPAWN_PID
	eventually 20 vt_has_line peer.ready || { cat peer.err; return 1; }
	PEER_PORT=$(jq -r .port peer.ready)
	PEER_KEY=$(jq -r .key peer.ready)
}

# raw_client ARGS...: vault-connect to it, to its end. Sets status.
raw_client() { client --wire vault-tcp "$@" 127.0.0.1 "$PEER_PORT"; }

# raw_client_at PORT ARGS...: the same, to another port.
raw_client_at() { client --wire vault-tcp "${@:2}" 127.0.0.1 "$1"; }

# raw_listener ARGS...: vault-listen, back when it accepts.
raw_listener() { SERVE_AT="127.0.0.1 0" serve --wire vault-tcp "$@"; }

# peer_connects ARGS...: the peer to our listener, to its end; it reports in peer.json.
peer_connects() {
	rm -f peer.json peer.got
	raw_peer connect 127.0.0.1 "$LISTEN_PORT" --json peer.json --recv peer.got "$@" 2>peer.err || true
	[ -s peer.json ] || { cat peer.err; return 1; }
}

# peer_says CONDITION: the peer is done, and the jq condition holds for each of its reports.
peer_says() {
	[ -z "${PEER_PID:-}" ] || wait_for "$PEER_PID" 30
	PEER_PID=
	if ! jq -e -s "length > 0 and (map($1) | all)" peer.json >/dev/null; then
		echo "the peer does not say $1 but:" >&2
		cat peer.json peer.err >&2
		return 1
	fi
}

# What a pattern wants to be known on either side: OURS for vault-connect, THEIRS for the peer.
knows() {
	OURS=() THEIRS=()
	# (The system may have given this port to another server before.)
	rm -f "$CLIENT_DIR/known_hosts"
	case $1 in
	*_NK_* | *_XK_* | *_IK_*) OURS=(-r "$2") THEIRS=(--remote "$2") ;;
	esac
}

built_in() { vault_connect --protocol "$1" --wire vault-tcp /nowhere/at/all 2>&1 </dev/null | grep -qv 'not built in'; }

names() {
	local p c h
	for p in NN NX NK XX XK IK; do
		echo "Noise_${p}_25519_AESGCM_SHA512"
		echo "Noise_${p}_25519_ChaChaPoly_SHA256"
	done
	for c in AESGCM ChaChaPoly; do
		for h in SHA512 SHA256 BLAKE2b BLAKE2s; do
			echo "Noise_XX_25519_${c}_$h"
		done
	done
	echo Noise_NN_448_AESGCM_SHA512
	echo Noise_XX_448_ChaChaPoly_BLAKE2b
}
