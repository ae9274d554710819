#include "squash.h"

#include <zstd.h>

/* A piece that keeps more than this share of its size was not worth the work. */
#define WORTH_PERCENT 94
#define SKIP_FIRST 16
#define SKIP_MOST 1024

const char *squash_library(void)
{
	return ZSTD_versionString();
}

size_t squash_fits(size_t room)
{
	/* Blocks that do not shrink are stored with 3 bytes each, plus frame header and flush. */
	size_t margin = 64 + room / 1024 * 4;

	return room > margin ? room - margin : 0;
}

bool squash_wanted(const struct squash *z)
{
	return z->skip == 0;
}

uint32_t squash_pause(const struct squash *z)
{
	return z->skip;
}

void squash_passed(struct squash *z, size_t pieces)
{
	z->skip -= pieces < z->skip ? (uint32_t)pieces : z->skip;
}

bool squash_shrinks(const struct squash *z)
{
	return z->shrinks;
}

/* Remember how it went: each failure in a row doubles the pause, a success ends it. */
static void judge(struct squash *z)
{
	z->shrinks = z->put * 100 <= z->n * WORTH_PERCENT;
	if (z->shrinks || z->n < 256) {
		z->backoff = 0;
		return;
	}
	z->backoff = z->backoff == 0 ? SKIP_FIRST : z->backoff * 2;
	if (z->backoff > SKIP_MOST)
		z->backoff = SKIP_MOST;
	z->skip = z->backoff;
}

static int prepare(struct squash *z)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (!c)
		return -1;
	z->ctx = c;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, SQUASH_WINDOWLOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0)))
		return -1;
	return 0;
}

/* A frame keeps the level that it was begun with. */
static int set_level(struct squash *z, int level, ZSTD_outBuffer *ob)
{
	ZSTD_inBuffer none = {NULL, 0, 0};

	if (z->ctx && z->level == level)
		return 0;
	if (!z->ctx && prepare(z) < 0)
		return -1;
	if (z->open && ZSTD_compressStream2(z->ctx, ob, &none, ZSTD_e_end) != 0)
		return -1;
	z->open = false;
	z->level = level;
	return ZSTD_isError(ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, level)) ? -1 : 0;
}

static int put(struct squash *z, ZSTD_outBuffer *ob, size_t *outlen)
{
	ZSTD_inBuffer ib = {z->in, z->left, 0};
	size_t waits = ZSTD_compressStream2(z->ctx, ob, &ib, z->last ? ZSTD_e_end : ZSTD_e_flush);

	if (ZSTD_isError(waits))
		return -1;
	z->open = true;
	z->in += ib.pos;
	z->left -= ib.pos;
	z->put += ob->pos;
	*outlen = ob->pos;
	if (waits != 0 || z->left > 0)
		return ob->pos > 0 ? 1 : -1;
	z->in = NULL;
	z->open = !z->last;
	judge(z);
	return 0;
}

static int begin_piece(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen)
{
	ZSTD_outBuffer ob = {out, cap, 0};

	if (set_level(z, level, &ob) < 0)
		return -1;
	z->in = in;
	z->left = z->n = n;
	z->put = 0;
	return put(z, &ob, outlen);
}

int squash_piece(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen)
{
	z->last = false;
	return begin_piece(z, level, in, n, out, cap, outlen);
}

int squash_last_piece(struct squash *z, int level, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen)
{
	z->last = true;
	return begin_piece(z, level, in, n, out, cap, outlen);
}

int squash_rest(struct squash *z, uint8_t *out, size_t cap, size_t *outlen)
{
	ZSTD_outBuffer ob = {out, cap, 0};

	return put(z, &ob, outlen);
}

static int prepare_open(struct unsquash *z)
{
	ZSTD_DCtx *d = z->ctx;

	if (d)
		return 0;
	d = ZSTD_createDCtx();
	if (!d)
		return -1;
	z->ctx = d;
	return ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, SQUASH_WINDOWLOG)) ? -1 : 0;
}

int unsquash_piece(struct unsquash *z, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
    size_t *outlen, const char **why)
{
	ZSTD_inBuffer ib = {in, n, 0};
	ZSTD_outBuffer ob = {out, cap < SQUASH_PLAIN ? cap : SQUASH_PLAIN, 0};
	bool more = true;

	*why = "out of memory for decompression";
	if (prepare_open(z) < 0)
		return -1;
	while (more) {
		size_t before = ob.pos, consumed = ib.pos;
		size_t rc = ZSTD_decompressStream(z->ctx, &ob, &ib);

		if (ZSTD_isError(rc)) {
			*why = ZSTD_getErrorName(rc);
			return -1;
		}
		more = ib.pos < ib.size || ob.pos == ob.size;
		if (ob.pos == before && ib.pos == consumed)
			break;
	}
	/* A full buffer may hide more output: ask for it with a byte of room elsewhere. */
	if (ob.pos == ob.size) {
		uint8_t spare;
		ZSTD_outBuffer extra = {&spare, 1, 0};
		size_t rc = ZSTD_decompressStream(z->ctx, &extra, &ib);

		if (ZSTD_isError(rc) || extra.pos > 0) {
			*why = "one record decompresses to more than 256 KiB";
			return -1;
		}
	}
	if (ib.pos < ib.size) {
		*why = "compressed record does not end where it should";
		return -1;
	}
	*outlen = ob.pos;
	return 0;
}

void squash_free(struct squash *z)
{
	ZSTD_freeCCtx(z->ctx);
	ZSTD_freeCCtx(z->beside.ctx);
	*z = (struct squash){0};
}

void unsquash_free(struct unsquash *z)
{
	ZSTD_freeDCtx(z->ctx);
	*z = (struct unsquash){0};
}
