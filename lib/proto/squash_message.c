/* squash, the part for single messages: frames of their own, as datagrams carry them. */
#include "squash.h"

#include <string.h>
#include <zstd.h>

int squash_message(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap, size_t *outlen)
{
	size_t rc;

	if (!z->ctx)
		z->ctx = ZSTD_createCCtx();
	if (!z->ctx)
		return -1;
	rc = ZSTD_compressCCtx(z->ctx, out, cap, in, n, level);
	if (ZSTD_isError(rc))
		return -1;
	*outlen = rc;
	return 0;
}

/* RFC 8878: magic, a frame header with one segment and the size in 1 or 2 bytes, one last raw block. */
size_t squash_store(const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
	size_t head = n < 256 ? 9 : 10, at = 6;

	if (n > SQUASH_STORED_MAX || cap < head || cap - head < n)
		return 0;
	memcpy(out, "\x28\xb5\x2f\xfd", 4);
	if (n < 256) {
		out[4] = 0x20;
		out[5] = (uint8_t)n;
	} else {
		out[4] = 0x60;
		out[5] = (uint8_t)(n - 256);
		out[at++] = (uint8_t)((n - 256) >> 8);
	}
	out[at++] = (uint8_t)(n << 3 | 1);
	out[at++] = (uint8_t)(n >> 5);
	out[at++] = (uint8_t)(n >> 13);
	if (n > 0 && out + at != in)
		memmove(out + at, in, n);
	return at + n;
}

/* What squash_store() wrote need not be copied to be read. */
static bool stored(const uint8_t *in, size_t n, const uint8_t **text, size_t *len)
{
	size_t size, at, block;

	if (n < 9 || memcmp(in, "\x28\xb5\x2f\xfd", 4) != 0 || (in[4] != 0x20 && in[4] != 0x60) || (in[4] == 0x60 && n < 10))
		return false;
	at = in[4] == 0x20 ? 6 : 7;
	size = in[4] == 0x20 ? in[5] : 256 + ((size_t)in[5] | (size_t)in[6] << 8);
	block = (size_t)in[at] | (size_t)in[at + 1] << 8 | (size_t)in[at + 2] << 16;
	if (block != (size << 3 | 1) || n - at - 3 != size)
		return false;
	*text = in + at + 3;
	*len = size;
	return true;
}

int unsquash_message(struct unsquash *z, const uint8_t *in, size_t n, uint8_t *out, size_t cap, const uint8_t **text,
    size_t *outlen, const char **why)
{
	size_t rc;

	if (stored(in, n, text, outlen)) {
		*why = "a message that is larger than allowed";
		return *outlen > cap ? -1 : 0;
	}
	*why = "out of memory for decompression";
	if (!z->ctx)
		z->ctx = ZSTD_createDCtx();
	if (!z->ctx)
		return -1;
	/* Into a buffer of its own size there is no window to be made room for, whatever a frame asks. */
	rc = n == 0 ? 0 : ZSTD_decompressDCtx(z->ctx, out, cap, in, n);
	*text = out;
	*outlen = ZSTD_isError(rc) ? 0 : rc;
	*why = ZSTD_isError(rc) ? ZSTD_getErrorName(rc) : NULL;
	return ZSTD_isError(rc) ? -1 : 0;
}
