/* see dh.h */
#include "dh.h"

#include <sodium.h>

#include "dh_libcrypto.h"

_Static_assert(DH_LIBCRYPTO_X448BYTES <= DH_MAX, "X448 must fit");

bool dh_available(enum dh_alg alg)
{
	return alg == DH_25519 || (alg == DH_448 && dh_libcrypto_available());
}

size_t dh_len(enum dh_alg alg)
{
	switch (alg) {
	case DH_25519:
		return crypto_scalarmult_curve25519_BYTES;
	case DH_448:
		return DH_LIBCRYPTO_X448BYTES;
	case DH_NONE:
		break;
	}
	return 0;
}

int dh_keypair(enum dh_alg alg, const struct rng *rng, uint8_t *sec, uint8_t *pub)
{
	if (!dh_available(alg))
		return -1;
	rng->fill(rng->ctx, sec, dh_len(alg));
	if (dh_public(alg, pub, sec) != 0) {
		secret_wipe(sec, dh_len(alg));
		return -1;
	}
	return 0;
}

int dh_public(enum dh_alg alg, uint8_t *pub, const uint8_t *sec)
{
	switch (alg) {
	case DH_25519:
		return crypto_scalarmult_curve25519_base(pub, sec) == 0 ? 0 : -1;
	case DH_448:
		return dh_libcrypto_x448_public(pub, sec);
	case DH_NONE:
		break;
	}
	return -1;
}

int dh_shared(enum dh_alg alg, uint8_t *out, const uint8_t *sec, const uint8_t *pub)
{
	int r = -1;

	switch (alg) {
	case DH_25519:
		r = crypto_scalarmult_curve25519(out, sec, pub);
		break;
	case DH_448:
		r = dh_libcrypto_x448_shared(out, sec, pub);
		break;
	case DH_NONE:
		break;
	}
	/* Both libraries refuse low order themselves; this holds them to it. */
	if (r != 0 || sodium_is_zero(out, dh_len(alg))) {
		secret_wipe(out, dh_len(alg));
		return -1;
	}
	return 0;
}
