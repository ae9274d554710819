/* envelope: the map of a datagram. Strict in what is read, exact in what is written. */
#include "proto/envelope.h"
#include "unit.h"

static struct envelope e;

/* From a buffer of exactly this size, so that a sanitizer sees a read past its end. */
static int read_exact(const void *bytes, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	int rc;

	if (!exact)
		abort();
	memcpy(exact, bytes, n);
	rc = envelope_read(&e, exact, n);
	if (rc == 0 && e.p)
		CHECK(e.p >= exact && e.p + e.plen <= exact + n);
	if (rc == 0 && e.c)
		CHECK(e.c >= exact && e.c + e.clen <= exact + n);
	free(exact);
	return rc;
}

#define GOOD(bytes) CHECK_INT(read_exact(bytes, sizeof(bytes) - 1), 0)
#define BAD(bytes) CHECK_INT(read_exact(bytes, sizeof(bytes) - 1), -1)

static void test_good(void)
{
	GOOD("\x81\xa1v\x02");
	CHECK(!e.p && !e.c && !e.k && !e.has_s && !e.has_d);
	GOOD("\x84\xa1v\x02\xa1p\xc4\x02hi\xa1"
	     "c\xc4\x00\xa1g\xc4\x01x");
	CHECK(e.p && e.plen == 2 && e.c && e.clen == 0);
	GOOD("\x83\xa1s\xcf\x01\x02\x03\x04\x05\x06\x07\x08\xa1"
	     "d\x01\xa1v\xcc\x02"); /* any order, any size of integer */
	CHECK(e.has_s && e.s == 0x0102030405060708 && e.has_d && e.d == 1);
	GOOD("\xde\x00\x02\xa1v\xcd\x00\x02\xd9\x01p\xc5\x00\x01x"); /* map 16, str 8, bin 16 */
	CHECK_INT(e.plen, 1);
	GOOD("\x82\xa1v\x02\xa1z\x91\x81\xa1"
	     "a\xc0"); /* unknown, nested */
	GOOD("\x82\xa1v\x02\xa4many\xa1x");
	GOOD("\x82\xa1v\x02\xa1z\x91\x91\x91\xc0"); /* as deep as may be */
}

static void test_bad(void)
{
	BAD("");
	BAD("\x80");		     /* no version */
	BAD("\x81\xa1v\x01");
	BAD("\x81\xa1v\x03");
	BAD("\x81\xa1v\xa1"
	    "2");
	BAD("\x81\xa1v\xcb\x40\x00\x00\x00\x00\x00\x00\x00");
	BAD("\x91\x02");	     /* an array */
	BAD("\x81\xc4\x01v\x02");    /* a binary key */
	BAD("\x82\x01\x02\xa1v\x02"); /* a number for a key */
	BAD("\x82\xa1v\x02\xa1p\xa2hi"); /* a string for a payload */
	BAD("\x82\xa1v\x02\xa1"
	    "c\xa2{}");
	BAD("\x82\xa1v\x02\xa1s\xd0\xff"); /* negative */
	BAD("\x82\xa1v\x02\xa1s\xc0");
	BAD("\x82\xa1v\x02\xa1"
	    "d\x02");
	BAD("\x82\xa1v\x02\xa1g\x01");
	BAD("\x82\xa1v\x02\xa1v\x02"); /* twice */
	BAD("\x83\xa1v\x02\xa1p\xc4\x00\xa1p\xc4\x00");
	BAD("\x81\xa1v\x02\x00"); /* bytes behind it */
	BAD("\x82\xa1v\x02\xa1"
	    "c\xc4\x00\x00");
	BAD("\x82\xa1v\x02");	  /* a member missing */
	BAD("\x82\xa1v\x02\xa1");	  /* a key cut, a value missing */
	BAD("\x82\xa1v\x02\xa1p");
	BAD("\xdf\xff\xff\xff\xff\xa1v\x02");
	BAD("\x82\xa1v\x02\xa1p\xc6\xff\xff\xff\xff");
	BAD("\x82\xa1v\x02\xa1z\x91\x91\x91\x91\xc0"); /* too deep */
	BAD("\x82\xa1v\x02\xa1z\x91\x91\x91\x91\x91\xc0");
	BAD("\x82\xa1v\x02\xa1z\xc1");
}

static void test_bomb(void)
{
	static uint8_t deep[48000];

	memset(deep, 0x91, sizeof deep);
	CHECK_INT(read_exact(deep, sizeof deep), -1);
	memcpy(deep, "\x82\xa1v\x02\xa1z", 6);
	CHECK_INT(read_exact(deep, sizeof deep), -1);
}

static void test_round_trip(void)
{
	static const uint8_t text[300] = "text";
	static uint8_t out[2000];
	struct envelope in = {.p = text, .plen = sizeof text, .has_s = true, .has_d = true, .s = UINT64_MAX, .d = 1};
	size_t at, len, n = envelope_write(&in, out, sizeof out, 1408, &at, &len);

	CHECK_INT(n, 1408);
	CHECK(at + len == n);
	CHECK_INT(read_exact(out, n), 0);
	CHECK(e.s == in.s && e.d == 1 && e.plen == in.plen && !e.c && !e.k);
	for (size_t cut = 0; cut < n; cut++)
		CHECK_INT(read_exact(out, cut), -1);
	/* Every size from the least on can be had exactly. */
	for (size_t size = 300 + ENVELOPE_NATIVE; size < 1000; size++) {
		CHECK_INT(envelope_write(&in, out, sizeof out, size, &at, &len), size);
		CHECK_INT(read_exact(out, size), 0);
	}
	CHECK_INT(envelope_write(&in, out, sizeof out, 200, &at, &len), 0);
	CHECK_INT(envelope_write(&in, out, 200, 0, &at, &len), 0);
	/* Upstream's map always has p and c. */
	in = (struct envelope){.c = (const uint8_t *)"{}", .clen = 2};
	n = envelope_write(&in, out, sizeof out, 0, &at, &len);
	CHECK_INT(read_exact(out, n), 0);
	CHECK(e.p && e.plen == 0 && e.clen == 2);
}

/* A payload that is made where it will lie: the map is the same as with one from elsewhere. */
static void test_in_place(void)
{
	static const size_t sizes[] = {0, 1, 255, 256, 1408, 65535, 65536};
	static uint8_t text[65536], out[66000], other[66000];

	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 2; i++) {
		struct envelope in = {.p = text, .plen = sizes[i / 2], .has_s = i % 2, .has_d = i % 2, .s = 7, .d = 1};
		size_t size = in.plen + 100, pad_at, pad_len;
		uint8_t *at = out + envelope_payload_at(&in);

		CHECK_INT(envelope_write(&in, other, sizeof other, size, &pad_at, &pad_len), size);
		CHECK_INT(read_exact(other, size), 0);
		CHECK_INT(e.plen, in.plen);
		memcpy(at, text, in.plen);
		in.p = at;
		CHECK_INT(envelope_write(&in, out, sizeof out, size, &pad_at, &pad_len), size);
		CHECK_MEM(out, other, size - pad_len);
	}
}

int main(void)
{
	RUN(test_good);
	RUN(test_bad);
	RUN(test_bomb);
	RUN(test_round_trip);
	RUN(test_in_place);
	UNIT_DONE();
}
