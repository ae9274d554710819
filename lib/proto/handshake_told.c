/* What a refusal means to the initiator that was told it. */
#include "handshake.h"

/* What code 4 means depends on what was to be proved. */
static const char *told_keys(const struct handshake_config *config, const struct noise_protocol *p)
{
	if (config->code)
		return "the code is wrong, or dead: read it again where it is shown (after three wrong ones in all it is dead)";
	if (config->psk)
		return "the peer has a different pre-shared key: compare both --psk-file";
	if (noise_protocol_needs_remote(p, true))
		return "the peer does not have the key that is pinned or remembered for it";
	return "the peer could not read the handshake: forged or damaged on the way; try again";
}

static const char *told_policy(const struct handshake_config *config)
{
	if (config->code)
		return "it waits for no code: start it with vault-listen --code";
	if (config->psk)
		return "it may have no pre-shared key, this side has one: see --psk-file";
	return "it may want a pre-shared key or a one-time code: see --psk-file and --code, or another --protocol";
}

void handshake_told(const struct handshake_config *config, const struct noise_protocol *p,
    uint8_t code, struct error *e)
{
	switch (code) {
	case REFUSE_UNKNOWN:
		error_set(e, ERROR_AUTH, BLAME_PEER, "the peer does not know %s", p->name);
		break;
	case REFUSE_POLICY:
		error_set(e, ERROR_AUTH, BLAME_PEER, "the peer does not allow %s (%s)", p->name, told_policy(config));
		break;
	case REFUSE_BUSY:
		error_set(e, ERROR_NETWORK, BLAME_PEER, "the peer is busy with another client; try again");
		break;
	case REFUSE_KEYS:
		error_set(e, ERROR_AUTH, BLAME_PEER, "%s", told_keys(config, p));
		break;
	default:
		error_set(e, ERROR_NETWORK, BLAME_PEER, "the peer refused the handshake (code %u)", code);
	}
}
