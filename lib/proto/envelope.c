#include "envelope.h"

#include <string.h>

#include "bigendian.h"
#include "msgwalk.h"

/* ---- reading ---- */

static bool get_bin(const uint8_t *in, size_t len, const uint8_t **at, size_t *n)
{
	size_t header = in[0] == 0xc4 ? 2 : in[0] == 0xc5 ? 3 : in[0] == 0xc6 ? 5 : 0;

	if (header == 0 || *at)
		return false;
	*at = in + header;
	*n = len - header;
	return true;
}

static bool get_uint(const uint8_t *in, uint64_t *out)
{
	switch (in[0]) {
	case 0xcc:
		*out = in[1];
		return true;
	case 0xcd:
		*out = be_get16(in + 1);
		return true;
	case 0xce:
		*out = be_get32(in + 1);
		return true;
	case 0xcf:
		*out = be_get64(in + 1);
		return true;
	default:
		*out = in[0];
		return in[0] <= 0x7f;
	}
}

static bool get_number(const uint8_t *in, bool *has, uint64_t *out)
{
	if (*has)
		return false;
	*has = true;
	return get_uint(in, out);
}

/* One member whose value is the ${len} bytes at ${in}. */
static bool get_member(struct envelope *e, char key, const uint8_t *in, size_t len, bool *version)
{
	uint64_t n = 0;

	switch (key) {
	case 'v':
		return get_number(in, version, &n) && n == ENVELOPE_VERSION;
	case 'p':
		return get_bin(in, len, &e->p, &e->plen);
	case 'c':
		return get_bin(in, len, &e->c, &e->clen);
	case 'k':
		return get_bin(in, len, &e->k, &e->klen);
	case 's':
		return get_number(in, &e->has_s, &e->s);
	case 'd':
		if (!get_number(in, &e->has_d, &n) || n > 1)
			return false;
		e->d = (uint8_t)n;
		return true;
	case 'g':
		return in[0] >= 0xc4 && in[0] <= 0xc6;
	default:
		return true;
	}
}

/* The letter of a one-letter key, 0 for another string, -1 if it is no string. */
static int get_key(const uint8_t *in, size_t n, size_t *len)
{
	size_t header;

	*len = 2;
	if (n >= 2 && in[0] == 0xa1)
		return in[1];
	*len = msgwalk_object(in, n, 0);
	if (*len == 0)
		return -1;
	if (in[0] >= 0xa0 && in[0] <= 0xbf)
		header = 1;
	else if (in[0] >= 0xd9 && in[0] <= 0xdb)
		header = 1 + ((size_t)1 << (in[0] - 0xd9U));
	else
		return -1;
	return *len - header == 1 ? in[header] : 0;
}

int envelope_read(struct envelope *e, const uint8_t *in, size_t n)
{
	size_t at;
	uint64_t items;
	bool version = false;

	memset(e, 0, sizeof *e);
	if (n == 0 || !((in[0] & 0xf0) == 0x80 || in[0] == 0xde || in[0] == 0xdf))
		return -1;
	if (msgwalk_header(in, n, &at, &items) < 0)
		return -1;
	for (; items > 0; items -= 2) {
		size_t klen, vlen;
		int key = get_key(in + at, n - at, &klen);

		if (key < 0)
			return -1;
		at += klen;
		vlen = msgwalk_object(in + at, n - at, ENVELOPE_DEPTH - 1);
		if (vlen == 0 || !get_member(e, (char)key, in + at, vlen, &version))
			return -1;
		at += vlen;
	}
	return version && at == n ? 0 : -1;
}

/* ---- writing ---- */

static size_t bin_head(size_t n)
{
	return n > 0xffff ? 5 : n > 0xff ? 3 : 2;
}

static size_t bin_size(size_t n)
{
	return 2 + bin_head(n) + n;
}

/* An upstream map always has both. */
static bool holds_p(const struct envelope *e)
{
	return e->p || !e->has_s;
}

static bool holds_c(const struct envelope *e)
{
	return e->c || !e->has_s;
}

/* The map's own header, v, s and d: what comes before the payload. */
static size_t before_payload(const struct envelope *e)
{
	return 1 + 3 + (e->has_s ? 2U + 9 : 0) + (e->has_d ? 2U + 1 : 0);
}

size_t envelope_payload_at(const struct envelope *e)
{
	return before_payload(e) + 2 + bin_head(e->plen);
}

/* Without padding; SIZE_MAX if it is surely too large. */
static size_t size_of(const struct envelope *e, size_t cap)
{
	if (e->plen > cap || e->clen > cap || e->klen > cap)
		return SIZE_MAX;
	return before_payload(e) + (holds_p(e) ? bin_size(e->plen) : 0) + (holds_c(e) ? bin_size(e->clen) : 0) +
	    (e->k ? bin_size(e->klen) : 0);
}

static uint8_t *put_key(uint8_t *to, char key)
{
	to[0] = 0xa1;
	to[1] = (uint8_t)key;
	return to + 2;
}

static uint8_t *put_bin(uint8_t *to, char key, const uint8_t *bytes, size_t n)
{
	to = put_key(to, key);
	if (n > 0xffff) {
		to[0] = 0xc6;
		be_put32(to + 1, (uint32_t)n);
	} else if (n > 0xff) {
		to[0] = 0xc5;
		be_put16(to + 1, (uint16_t)n);
	} else {
		to[0] = 0xc4;
		to[1] = (uint8_t)n;
	}
	to += bin_head(n);
	/* A payload that was made in its place stays there. */
	if (n > 0 && to != bytes)
		memmove(to, bytes, n);
	return to + n;
}

static uint8_t *put_numbers(uint8_t *to, const struct envelope *e)
{
	to = put_key(to, 'v');
	*to++ = ENVELOPE_VERSION;
	if (e->has_s) {
		to = put_key(to, 's');
		*to = 0xcf;
		be_put64(to + 1, e->s);
		to += 9;
	}
	if (e->has_d) {
		to = put_key(to, 'd');
		*to++ = e->d;
	}
	return to;
}

size_t envelope_write(const struct envelope *e, uint8_t *out, size_t cap, size_t size, size_t *pad_at, size_t *pad_len)
{
	bool p = holds_p(e), c = holds_c(e), k = e->k != NULL;
	size_t need = size_of(e, cap);
	uint8_t *to = out;

	*pad_at = *pad_len = 0;
	/* The padding always has a header of 3, so that every size from 5 on can be had. */
	if (need > cap || (size > 0 && (size > cap || size < need + 5 || size - need - 5 > 0xffff)))
		return 0;
	*to++ = (uint8_t)(0x80 | (1 + p + c + k + e->has_s + e->has_d + (size > 0)));
	to = put_numbers(to, e);
	if (p)
		to = put_bin(to, 'p', e->p, e->plen);
	if (c)
		to = put_bin(to, 'c', e->c, e->clen);
	if (k)
		to = put_bin(to, 'k', e->k, e->klen);
	if (size == 0)
		return need;
	to = put_key(to, 'g');
	*to = 0xc5;
	*pad_at = need + 5;
	*pad_len = size - need - 5;
	be_put16(to + 1, (uint16_t)*pad_len);
	return size;
}
