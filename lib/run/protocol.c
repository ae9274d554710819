#include "protocol.h"

#include <string.h>

static int parse(struct noise_protocol *p, const char *text, enum aead_alg cipher, struct error *e)
{
	int rc;

	if (strncmp(text, "Noise_", 6) == 0)
		rc = noise_protocol_parse(p, text, strlen(text));
	else
		rc = noise_protocol_from_pattern(p, text, DH_25519, cipher, HASH_SHA512);
	if (rc == NOISE_E_UNBUILT)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' needs libcrypto, which is not there", text);
	if (rc != NOISE_OK)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is neither a Noise protocol name nor a pattern", text);
	if (noise_protocol_one_way(p))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is a one-way pattern: it has no answer, so it is not for sessions",
		    text);
	return 0;
}

int protocol_parse(struct noise_protocol *p, const char *text, struct error *e)
{
	bool aes = aead_hardware_aes() && aead_available(AEAD_AESGCM);

	return parse(p, text, aes ? AEAD_AESGCM : AEAD_CHACHAPOLY, e);
}

int protocol_parse_raw(struct noise_protocol *p, const char *text, struct error *e)
{
	if (parse(p, text ? text : "NN", AEAD_AESGCM, e) < 0)
		return -1;
	if (noise_protocol_psk_count(p) > 0)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s': Vault TCP has no pre-shared keys", text);
	/* (There is nothing after the handshake that a server must say.) */
	if (!noise_protocol_proves_peer(p, true))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' does not prove the server's key by the end of the handshake: "
		    "not for the wire of Vault TCP", text);
	return 0;
}

void protocol_prepare(const char *const *allowed, size_t count)
{
	struct noise_protocol p;

	for (size_t i = 0; i < count; i++) {
		bool full = noise_protocol_parse(&p, allowed[i], strlen(allowed[i])) == NOISE_OK;

		noise_protocol_prepare(full ? &p : NULL);
	}
}

const struct wire *protocol_wire(const char *name, bool listener, struct error *e)
{
	if (!name || strcmp(name, "vault1") == 0)
		return &wire_vault1;
	if (strcmp(name, "vault-tcp") == 0)
		return &wire_vaulttcp;
	if (listener && strcmp(name, "auto") == 0)
		return &wire_auto;
	error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is none of vault1, vault-tcp%s", name, listener ? ", auto" : "");
	return NULL;
}
