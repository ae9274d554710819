/* noise: what must end a handshake: forgeries, sides that differ, keys that are missing or weak. */
#include "noise_sides.h"

/* ---- forgeries ---- */

/* Flip each byte of message ${m}, in a fresh handshake each. */
static void check_flips(const char *pattern, unsigned m)
{
	static struct sides s;
	size_t len, back, i = 0;
	int r;

	do {
		start(&s, pattern);
		pass_messages(&s, m);
		len = write_message(&s, m, 20);
		wire[i] ^= (uint8_t)(1 << i % 8);
		memset(got, 0xa5, sizeof(got));
		r = noise_read(&s.hs[!(m % 2)], wire, len, got, sizeof(got), &back);
		CHECK(r == NOISE_E_DECRYPT || r == NOISE_E_DH);
		CHECK_INT(back, 0);
		check_nothing_released(len);
		check_dead(&s.hs[!(m % 2)]);
		end(&s);
	} while (++i < len);
}

static void test_wrong_tag_at_every_byte(void)
{
	check_flips("IKpsk2", 0);
	check_flips("IKpsk2", 1);
	check_flips("XX", 1);
	check_flips("XX", 2);
	check_flips("X1X1", 3);
	check_flips("N", 0);
	check_flips("NNpsk0", 0);
}

/* XX's first message is in clear: a change shows one message later. */
static void test_flip_in_clear(void)
{
	static struct sides s;
	size_t len, n;

	for (size_t i = 0; i < 32 + 4; i++) {
		start(&s, "XX");
		len = write_message(&s, 0, 4);
		wire[i] ^= 0x80;
		CHECK_INT(noise_read(&s.hs[1], wire, len, got, sizeof(got), &n), NOISE_OK);
		len = write_message(&s, 1, 4);
		CHECK_INT(noise_read(&s.hs[0], wire, len, got, sizeof(got), &n), NOISE_E_DECRYPT);
		check_dead(&s.hs[0]);
		end(&s);
	}
}

/* The responder refuses the first message of ${s}, whose keys a test has changed. */
static void check_mismatch(struct sides *s)
{
	size_t len, n;

	CHECK_INT(start_side(s, 0), NOISE_OK);
	CHECK_INT(start_side(s, 1), NOISE_OK);
	len = write_message(s, 0, 4);
	CHECK_INT(noise_read(&s->hs[1], wire, len, got, sizeof(got), &n), NOISE_E_DECRYPT);
	check_dead(&s->hs[1]);
	end(s);
}

static void test_sides_that_differ(void)
{
	static struct sides s;
	uint8_t other[2][NOISE_PSKBYTES];

	prepare(&s, "IK", DH_25519, HASH_SHA256);
	s.keys[1].prologue_len = 7;
	check_mismatch(&s);
	prepare(&s, "IK", DH_25519, HASH_SHA256);
	s.keys[0].remote_static = s.public[0];
	check_mismatch(&s);
	prepare(&s, "IKpsk0+psk1", DH_25519, HASH_SHA256);
	memcpy(other[0], s.psks[1], NOISE_PSKBYTES);
	memcpy(other[1], s.psks[0], NOISE_PSKBYTES);
	s.keys[1].psks = (const uint8_t(*)[NOISE_PSKBYTES])other;
	check_mismatch(&s);
	prepare(&s, "IKpsk0+psk1", DH_25519, HASH_SHA256);
	s.keys[1].psk_count = 1; /* psks[0] for both */
	check_mismatch(&s);
}

static void test_one_psk_for_all(void)
{
	static struct sides s;

	prepare(&s, "XXpsk0+psk1+psk3", DH_25519, HASH_SHA256);
	memcpy(s.psks[1], s.psks[0], NOISE_PSKBYTES);
	memcpy(s.psks[2], s.psks[0], NOISE_PSKBYTES);
	s.keys[1].psk_count = 1;
	CHECK_INT(start_side(&s, 0), NOISE_OK);
	CHECK_INT(start_side(&s, 1), NOISE_OK);
	pass_messages(&s, 3);
	check_end(&s);
	end(&s);
}

/* ---- keys ---- */

static void check_missing(struct sides *s, int side)
{
	CHECK_INT(start_side(s, side), NOISE_E_KEY);
	check_dead(&s->hs[side]);
}

static void test_missing_keys(void)
{
	static struct sides s;

	for (int i = 0; i < 2; i++) {
		prepare(&s, "KK", DH_25519, HASH_SHA256);
		s.keys[i].static_secret = NULL;
		check_missing(&s, i);
		prepare(&s, "KK", DH_25519, HASH_SHA256);
		s.keys[i].remote_static = NULL;
		check_missing(&s, i);
		prepare(&s, "KKpsk0+psk1+psk2", DH_25519, HASH_SHA256);
		s.keys[i].psks = NULL;
		check_missing(&s, i);
		for (size_t count = 0; count < 6; count++) {
			s.keys[i].psks = (const uint8_t(*)[NOISE_PSKBYTES])s.psks;
			s.keys[i].psk_count = count;
			if (count != 1 && count != 3)
				check_missing(&s, i);
		}
	}
}

static void test_unneeded_keys_are_ignored(void)
{
	static struct sides s;

	prepare(&s, "NN", DH_25519, HASH_SHA256);
	s.keys[0].psk_count = 4;
	CHECK_INT(start_side(&s, 0), NOISE_OK);
	CHECK(noise_remote_static(&s.hs[0]) == NULL && !s.hs[0].have_s && !s.hs[0].psk_count);
	end(&s);
}

static void check_low_order(const uint8_t *low, enum dh_alg dh)
{
	static struct sides s;
	const size_t n = dh_len(dh);
	size_t len;

	if (prepare(&s, "NK", dh, HASH_SHA256) != 0)
		return;
	s.keys[0].remote_static = low; /* known before */
	CHECK_INT(start_side(&s, 0), NOISE_OK);
	memset(wire, 0xa5, 200);
	CHECK_INT(noise_write(&s.hs[0], payload, 9, wire, sizeof(wire), &len), NOISE_E_DH);
	CHECK(sodium_is_zero(wire, n + 9 + AEAD_TAGBYTES));
	check_dead(&s.hs[0]);
	prepare(&s, "NN", dh, HASH_SHA256);
	CHECK_INT(start_side(&s, 1), NOISE_OK);
	CHECK_INT(noise_read(&s.hs[1], low, n, got, sizeof(got), &len), NOISE_OK);
	CHECK_INT(noise_write(&s.hs[1], payload, 9, wire, sizeof(wire), &len), NOISE_E_DH);
	check_dead(&s.hs[1]);
	prepare(&s, "IK", dh, HASH_SHA256); /* read and used in the same message */
	CHECK_INT(start_side(&s, 1), NOISE_OK);
	memset(wire, 0, 300);
	memcpy(wire, low, n);
	CHECK_INT(noise_read(&s.hs[1], wire, 300, got, sizeof(got), &len), NOISE_E_DH);
	check_dead(&s.hs[1]);
}

/* test_dh.c has the whole list. */
static void test_low_order(void)
{
	uint8_t low[DH_MAX] = {0};

	check_low_order(low, DH_25519);
	check_low_order(low, DH_448);
	low[0] = 1;
	check_low_order(low, DH_25519);
	check_low_order(low, DH_448);
}

static void test_unbuilt(void)
{
	static struct sides s;
	int r;

	memset(&s, 0, sizeof(s));
	CHECK_INT(start_side(&s, 0), NOISE_E_NAME); /* never parsed */
	if (WITH_LIBCRYPTO)
		return;
	r = noise_protocol_from_pattern(&s.protocol, "NN", DH_448, AEAD_CHACHAPOLY, HASH_SHA256);
	CHECK_INT(r, NOISE_E_UNBUILT);
	CHECK_INT(start_side(&s, 0), NOISE_E_UNBUILT);
	check_dead(&s.hs[0]);
}

int main(void)
{
	sides_init();
	RUN(test_wrong_tag_at_every_byte);
	RUN(test_flip_in_clear);
	RUN(test_sides_that_differ);
	RUN(test_one_psk_for_all);
	RUN(test_missing_keys);
	RUN(test_unneeded_keys_are_ignored);
	RUN(test_low_order);
	RUN(test_unbuilt);
	UNIT_DONE();
}
