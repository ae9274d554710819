/* What a responder allows. */
#include "handshake_policy.h"

#include <string.h>

static bool has_psk(const struct handshake *h)
{
	return h->config.psk || h->config.psks;
}

bool handshake_allowed(const struct handshake *h)
{
	char pattern[64];

	/* With a code the initiator's guess must come first, or it could be made without being counted. */
	if (h->config.code && !h->config.code_beside && !(h->protocol.psks & 1))
		return false;
	/* What is allowed but cannot be done for want of a key is no better than not allowed. */
	if ((noise_protocol_psk_count(&h->protocol) > 0 && !has_psk(h) && !h->config.code) ||
	    (noise_protocol_needs_remote(&h->protocol, false) &&
		(!h->config.remote_static || h->protocol.dh != DH_25519)))
		return false;
	noise_protocol_pattern(&h->protocol, pattern, sizeof pattern);
	for (size_t i = 0; i < h->config.allowed_count; i++) {
		const char *a = h->config.allowed[i];

		if (strcmp(a, h->protocol.name) == 0)
			return true;
		if (h->protocol.dh == DH_25519 && strcmp(a, pattern) == 0)
			return true;
	}
	return false;
}

const char *handshake_why_not(const struct handshake *h)
{
	bool asks_psk = noise_protocol_psk_count(&h->protocol) > 0;

	if (h->config.code && !h->config.code_beside)
		return "this side wants its one-time code: connect with --code";
	if (asks_psk && !has_psk(h))
		return "it has a pre-shared key or a code, this side has no --psk-file and no --code";
	if (!asks_psk && has_psk(h))
		return "this side wants the pre-shared key of its --psk-file";
	return "see --protocol";
}
