#include "datagram.h"

#include <sodium.h>
#include <string.h>

#include "bigendian.h"

int datagram_key(uint8_t shared[32], const uint8_t theirs[32], const uint8_t secret[32])
{
	if (crypto_box_beforenm(shared, theirs, secret) == 0)
		return 0;
	sodium_memzero(shared, 32);
	return -1;
}

void datagram_seal(uint8_t *at, size_t n, const uint8_t shared[32], const uint8_t nonce[DATAGRAM_NONCE],
    const uint8_t inner[DATAGRAM_INNER], double unix_time)
{
	uint8_t *inside = at + DATAGRAM_NONCE + DATAGRAM_TAG;
	uint64_t bits;

	memcpy(&bits, &unix_time, sizeof bits);
	memcpy(at, nonce, DATAGRAM_NONCE);
	memcpy(inside, inner, DATAGRAM_INNER);
	be_put64(inside + DATAGRAM_INNER, bits);
	crypto_box_detached_afternm(inside, at + DATAGRAM_NONCE, inside, DATAGRAM_INNER + 8 + n, nonce, shared);
}

int datagram_open(struct datagram *d, uint8_t *at, size_t n, const uint8_t shared[32])
{
	uint8_t *inside = at + DATAGRAM_NONCE + DATAGRAM_TAG;
	uint64_t bits;

	if (n < DATAGRAM_HEAD)
		return -1;
	/* libsodium checks the tag before it writes anything. */
	if (crypto_box_open_detached_afternm(inside, inside, at + DATAGRAM_NONCE, n - DATAGRAM_NONCE - DATAGRAM_TAG, at,
		shared) != 0)
		return -1;
	bits = be_get64(inside + DATAGRAM_INNER);
	memcpy(&d->unix_time, &bits, sizeof bits);
	d->inner = inside;
	d->map = inside + DATAGRAM_INNER + 8;
	d->len = n - DATAGRAM_HEAD;
	return 0;
}

/* As crypto_box_seal(), but with the random numbers handed in. */
int datagram_seal_anonymous(uint8_t *out, const uint8_t *in, size_t n, const uint8_t theirs[32], const struct rng *rng)
{
	uint8_t secret[32], nonce[DATAGRAM_NONCE];
	crypto_generichash_state h;
	int rc;

	rng->fill(rng->ctx, secret, sizeof secret);
	crypto_scalarmult_base(out, secret);
	crypto_generichash_init(&h, NULL, 0, sizeof nonce);
	crypto_generichash_update(&h, out, 32);
	crypto_generichash_update(&h, theirs, 32);
	crypto_generichash_final(&h, nonce, sizeof nonce);
	rc = crypto_box_easy(out + 32, in, n, nonce, theirs, secret);
	sodium_memzero(secret, sizeof secret);
	return rc == 0 ? 0 : -1;
}

int datagram_open_anonymous(uint8_t *out, const uint8_t *in, size_t n, const uint8_t public[32], const uint8_t secret[32])
{
	if (n < DATAGRAM_SEALED)
		return -1;
	return crypto_box_seal_open(out, in, n, public, secret) == 0 ? 0 : -1;
}
