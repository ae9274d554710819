/* Fuzz: maps of datagrams. What is read can be written and read again with the same meaning. */
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

static void same(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	MUST((a != NULL) == (b != NULL) && an == bn);
	MUST(an == 0 || memcmp(a, b, an) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 20];
	struct envelope e, again;
	size_t n, at, len;

	if (size > sizeof out / 2 || envelope_read(&e, data, size) < 0)
		return 0;
	MUST(!e.p || (e.p > data && e.p + e.plen <= data + size));
	MUST(!e.c || (e.c > data && e.c + e.clen <= data + size));
	MUST(!e.k || (e.k > data && e.k + e.klen <= data + size));
	MUST(e.d <= 1);
	n = envelope_write(&e, out, sizeof out, 0, &at, &len);
	MUST(n > 0 && envelope_read(&again, out, n) == 0);
	MUST(e.has_s == again.has_s && e.s == again.s && e.has_d == again.has_d && e.d == again.d);
	if (e.has_s) {
		same(e.p, e.plen, again.p, again.plen);
		same(e.c, e.clen, again.c, again.clen);
	}
	same(e.k, e.klen, again.k, again.klen);
	n = envelope_write(&e, out, sizeof out, n + 100, &at, &len);
	MUST(n > 0 && at + len == n && envelope_read(&again, out, n) == 0);
	return 0;
}
