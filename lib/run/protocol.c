#include "protocol.h"

#include <string.h>

int protocol_parse(struct noise_protocol *p, const char *text, struct error *e)
{
	enum aead_alg cipher = aead_hardware_aes() && aead_available(AEAD_AESGCM) ? AEAD_AESGCM : AEAD_CHACHAPOLY;
	int rc;

	if (strncmp(text, "Noise_", 6) == 0)
		rc = noise_protocol_parse(p, text, strlen(text));
	else
		rc = noise_protocol_from_pattern(p, text, DH_25519, cipher, HASH_SHA512);
	if (rc == NOISE_E_UNBUILT)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is not built in (this build has no libcrypto)", text);
	if (rc != NOISE_OK)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is neither a Noise protocol name nor a pattern", text);
	if (noise_protocol_one_way(p))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is a one-way pattern: it has no answer, so it is not for sessions",
		    text);
	return 0;
}
