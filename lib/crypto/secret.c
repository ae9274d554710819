/* see secret.h */
#include "secret.h"

#include <sodium.h>

static void fill_from_system(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	randombytes_buf(buf, n);
}

const struct rng secret_rng = {fill_from_system, NULL};

int secret_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

void *secret_alloc(size_t n)
{
	void *p = sodium_malloc(n);

	if (p)
		sodium_memzero(p, n);
	return p;
}

void secret_free(void *p)
{
	sodium_free(p);
}

void secret_wipe(void *p, size_t n)
{
	if (n)
		sodium_memzero(p, n);
}

int secret_equal(const void *a, const void *b, size_t n)
{
	return n == 0 || sodium_memcmp(a, b, n) == 0;
}
