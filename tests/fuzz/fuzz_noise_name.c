/*
 * fuzz_noise_name: any bytes as a Noise protocol name.
 *
 * What is accepted is the name itself, letter by letter; can be put together again from what was
 * understood; and has messages of possible lengths. What is refused leaves nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/noise.h"

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_messages(const struct noise_protocol *p)
{
	const unsigned messages = noise_protocol_messages(p);
	size_t len;

	MUST(messages >= 1 && messages <= 4);
	MUST(noise_protocol_psk_count(p) <= messages + 1);
	MUST(noise_protocol_psk_count(p) <= NOISE_MAXPSKS);
	MUST(noise_protocol_one_way(p) == (messages == 1));
	for (unsigned i = 0; i < messages; i++) {
		len = noise_protocol_message_len(p, i);
		MUST(len >= AEAD_TAGBYTES && len <= 2 * DH_MAX + 2 * AEAD_TAGBYTES);
	}
	MUST(noise_protocol_message_len(p, messages) == 0);
}

static void check_round_trip(const struct noise_protocol *p, int result)
{
	struct noise_protocol again;
	char pattern[NOISE_MAXNAME + 1];

	noise_protocol_pattern(p, pattern, sizeof(pattern));
	MUST(noise_protocol_from_pattern(&again, pattern, p->dh, p->cipher, p->hash) == result);
	MUST(strcmp(again.name, p->name) == 0);
	MUST(again.pattern == p->pattern && again.psks == p->psks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct noise_protocol p;
	int r = noise_protocol_parse(&p, (const char *)data, size);

	if (r == NOISE_E_NAME) {
		MUST(!p.pattern && !p.name[0] && !p.dh && !p.cipher && !p.hash && !p.psks);
		return 0;
	}
	MUST(r == NOISE_OK || r == NOISE_E_UNBUILT);
	MUST(size <= NOISE_MAXNAME && strlen(p.name) == size && memcmp(p.name, data, size) == 0);
	check_messages(&p);
	check_round_trip(&p, r);
	return 0;
}
