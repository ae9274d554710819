/* noise_sides: both sides of a Noise handshake with ourselves, for the tests of noise. */
#ifndef NOISE_SIDES_H
#define NOISE_SIDES_H

#include <sodium.h>

#include "crypto/noise.h"
#include "unit.h"

/* Two sides with all keys a pattern could want; a test takes away or spoils some. */
struct sides {
	struct noise_protocol protocol;
	uint8_t secret[2][DH_MAX], public[2][DH_MAX], psks[5][NOISE_PSKBYTES];
	struct noise_keys keys[2];
	struct noise_handshake hs[2]; /* initiator, responder */
	struct noise_cipher tx[2], rx[2];
};

static uint8_t wire[NOISE_MAXMSG + 1], got[NOISE_MAXMSG + 1], payload[NOISE_MAXMSG + 1];

/* 0, or -1 if this build lacks the algorithms. */
static inline int prepare(struct sides *s, const char *pattern, enum dh_alg dh, enum hash_alg hash)
{
	int r;

	memset(s, 0, sizeof(*s));
	r = noise_protocol_from_pattern(&s->protocol, pattern, dh, AEAD_CHACHAPOLY, hash);
	CHECK(r == NOISE_OK || (r == NOISE_E_UNBUILT && !WITH_LIBCRYPTO));
	if (r != NOISE_OK)
		return -1;
	for (int i = 0; i < 2; i++)
		CHECK_INT(dh_keypair(dh, &secret_rng, s->secret[i], s->public[i]), 0);
	for (size_t i = 0; i < 5; i++)
		memset(s->psks[i], (int)i + 1, NOISE_PSKBYTES);
	for (int i = 0; i < 2; i++) {
		s->keys[i].prologue = (const uint8_t *)"prologue";
		s->keys[i].prologue_len = 8;
		s->keys[i].static_secret = s->secret[i];
		s->keys[i].remote_static = s->public[!i];
		s->keys[i].psks = (const uint8_t(*)[NOISE_PSKBYTES])s->psks;
		s->keys[i].psk_count = noise_protocol_psk_count(&s->protocol);
	}
	return 0;
}

static inline int start_side(struct sides *s, int i)
{
	return noise_start(&s->hs[i], &s->protocol, i == 0, &s->keys[i], &secret_rng);
}

static inline void start(struct sides *s, const char *pattern)
{
	CHECK_INT(prepare(s, pattern, DH_25519, HASH_SHA256), 0);
	CHECK_INT(start_side(s, 0), NOISE_OK);
	CHECK_INT(start_side(s, 1), NOISE_OK);
}

static inline void end(struct sides *s)
{
	for (int i = 0; i < 2; i++) {
		noise_free(&s->hs[i]);
		noise_cipher_free(&s->tx[i]);
		noise_cipher_free(&s->rx[i]);
	}
}

/* Message ${m} from its writer to ${wire}; returns its length. */
static inline size_t write_message(struct sides *s, unsigned m, size_t n)
{
	size_t len = 0;

	CHECK_INT(noise_action(&s->hs[m % 2]), NOISE_WRITE);
	CHECK_INT(noise_write(&s->hs[m % 2], payload, n, wire, NOISE_MAXMSG, &len), NOISE_OK);
	CHECK_INT(len, n + noise_protocol_message_len(&s->protocol, m));
	return len;
}

static inline void pass_message(struct sides *s, unsigned m, size_t n)
{
	size_t len = write_message(s, m, n), back = 0;

	CHECK_INT(noise_action(&s->hs[!(m % 2)]), NOISE_READ);
	CHECK_INT(noise_read(&s->hs[!(m % 2)], wire, len, got, sizeof(got), &back), NOISE_OK);
	CHECK_INT(back, n);
	CHECK_MEM(got, payload, n);
}

static inline void pass_messages(struct sides *s, unsigned count)
{
	for (unsigned m = 0; m < count; m++)
		pass_message(s, m, m * 5);
}

/* The handshake is over: no secret is left, and nothing works any more. */
static inline void check_dead(struct noise_handshake *hs)
{
	struct noise_cipher tx, rx;
	size_t n = 1;

	CHECK_INT(noise_action(hs), NOISE_FAILED);
	CHECK(sodium_is_zero((const uint8_t *)hs, sizeof(*hs)));
	CHECK(noise_remote_static(hs) == NULL && noise_hash(hs) == NULL);
	CHECK_INT(noise_write(hs, NULL, 0, wire, sizeof(wire), &n), NOISE_E_STATE);
	CHECK_INT(n, 0);
	CHECK_INT(noise_read(hs, wire, 100, got, sizeof(got), &n), NOISE_E_STATE);
	CHECK_INT(noise_split(hs, &tx, &rx), NOISE_E_STATE);
	CHECK_INT(noise_action(hs), NOISE_FAILED);
}

static inline void check_transport(struct sides *s)
{
	for (int from = 0; from < 2; from++) {
		for (int i = 0; i < 3; i++) {
			if (from == 1 && noise_protocol_one_way(&s->protocol)) {
				CHECK_INT(
				    noise_cipher_seal(&s->tx[1], payload, 9, wire), NOISE_E_STATE);
				continue;
			}
			CHECK_INT(noise_cipher_seal(&s->tx[from], payload, 9, wire), NOISE_OK);
			CHECK_INT(noise_cipher_open(&s->rx[!from], wire, 25, got), NOISE_OK);
			CHECK_MEM(got, payload, 9);
		}
	}
}

static inline void check_end(struct sides *s)
{
	for (int i = 0; i < 2; i++) {
		CHECK_INT(noise_action(&s->hs[i]), NOISE_SPLIT);
		CHECK_INT(noise_split(&s->hs[i], &s->tx[i], &s->rx[i]), NOISE_OK);
		CHECK_INT(noise_action(&s->hs[i]), NOISE_COMPLETE);
		CHECK(sodium_is_zero(s->hs[i].s, DH_MAX) && sodium_is_zero(s->hs[i].e, DH_MAX));
		CHECK(sodium_is_zero(s->hs[i].ck, HASH_MAX));
		CHECK(sodium_is_zero(s->hs[i].psks[0], sizeof(s->hs[i].psks)));
		if (noise_protocol_peer_has_static(&s->protocol, i == 0))
			CHECK_MEM(
			    noise_remote_static(&s->hs[i]), s->public[!i], dh_len(s->protocol.dh));
		else
			CHECK(noise_remote_static(&s->hs[i]) == NULL);
	}
	CHECK_MEM(noise_hash(&s->hs[0]), noise_hash(&s->hs[1]), hash_len(s->protocol.hash));
	CHECK(!sodium_is_zero(noise_hash(&s->hs[0]), hash_len(s->protocol.hash)));
	check_transport(s);
}

/* ${got} may hold zeros where the payload would be, and what was there before: nothing else. */
static inline void check_nothing_released(size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK(got[i] == 0 || got[i] == 0xa5);
}

static inline void sides_init(void)
{
	if (secret_init() != 0)
		exit(1);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(1 + i % 100);
}

#endif
