/* Fuzz: key messages. Whatever is read keeps to its bounds; what verifies is what was written. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/keymsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {5};
	uint8_t secret[64], public[32];
	struct keymsg m, again;
	char out[KEYMSG_MAX];
	size_t n;

	if (sodium_init() < 0 || keymsg_read(&m, (const char *)data, size) != KEYMSG_OK)
		return 0;
	MUST(memchr(m.caps, 0, sizeof m.caps) != NULL);
	MUST(!m.has_port || m.port > 0);
	MUST(!m.native || m.has_port);
	(void)!keymsg_verify(&m, (const char *)data, size);
	(void)keymsg_can(&m, "end");
	/* Capabilities may hold what JSON has to escape; ours never do. */
	for (const char *c = m.caps; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
			return 0;
	crypto_sign_seed_keypair(public, secret, seed);
	memcpy(m.sign, public, 32);
	crypto_scalarmult_base(m.enc, seed);
	if (!m.has_port)
		m.port = 1;
	n = keymsg_write(&m, secret, out, sizeof out);
	MUST(n > 0 && keymsg_read(&again, out, n) == KEYMSG_OK && keymsg_verify(&again, out, n) == KEYMSG_OK);
	MUST(m.native == again.native && strcmp(m.native ? m.caps : "", again.caps) == 0);
	return 0;
}
