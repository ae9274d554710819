/* squash, two pieces at a time: the second is compressed by somebody beside us, into a frame of its own. */
#include "squash.h"

#include <string.h>
#include <zstd.h>

static void compress_beside(void *arg)
{
	struct squash_beside *b = arg;
	size_t len = ZSTD_compress2(b->ctx, b->out, SQUASH_BOUND, b->in, b->left);

	b->left = ZSTD_isError(len) ? 0 : len;
}

int squash_beside(struct squash *z, struct squash_aide *aide, int level, const uint8_t *in, size_t n, uint8_t *out)
{
	struct squash_beside *b = &z->beside;

	_Static_assert(SQUASH_BOUND >= ZSTD_COMPRESSBOUND(SQUASH_PLAIN), "room for the worst of pieces");
	if (!b->ctx)
		b->ctx = ZSTD_createCCtx();
	if (!b->ctx || ZSTD_isError(ZSTD_CCtx_setParameter(b->ctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->ctx, ZSTD_c_windowLog, SQUASH_WINDOWLOG)))
		return -1;
	b->in = in;
	b->left = n;
	b->out = out;
	aide->start(aide, compress_beside, b);
	return 0;
}

int squash_beside_rest(struct squash *z, uint8_t *out, size_t cap, size_t *outlen)
{
	struct squash_beside *b = &z->beside;

	*outlen = b->left < cap ? b->left : cap;
	if (*outlen == 0)
		return -1;
	memcpy(out, b->out, *outlen);
	b->out += *outlen;
	b->left -= *outlen;
	return b->left > 0 ? 1 : 0;
}
