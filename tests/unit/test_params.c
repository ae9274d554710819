/*
 * params: the maps of OPEN and READY. What is well-formed is read, unknown keys are passed over, and
 * every other map is refused without room being made for what it claims to hold.
 */
#include "proto/params.h"
#include "unit.h"

static const char *why;
static struct params p;

/* From a buffer of exactly this size, so that a sanitizer sees a read past its end. */
static int decode(const void *bytes, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	int rc;

	if (!exact)
		abort();
	if (n > 0)
		memcpy(exact, bytes, n);
	why = NULL;
	rc = params_decode(&p, exact, n, &why);
	free(exact);
	CHECK(why != NULL);
	return rc;
}

#define GOOD(bytes) CHECK_INT(decode(bytes, sizeof(bytes) - 1), 0)
#define BAD(bytes) CHECK_INT(decode(bytes, sizeof(bytes) - 1), -1)

static void test_round_trip(void)
{
	struct params in = {
	    .compress = true,
	    .messages = true,
	    .throwaway = true,
	    .probe = true,
	    .remember = true,
	    .has_identity = true,
	    .keepalive = UINT32_MAX,
	};
	uint8_t out[PARAMS_MAX];
	size_t n;

	memset(in.software, 'v', sizeof(in.software) - 1);
	memset(in.identity, 7, sizeof(in.identity));
	n = params_encode(&in, out, sizeof(out));
	CHECK(n > 0);
	CHECK_INT(decode(out, n), 0);
	CHECK_MEM(&p, &in, sizeof(in));
	for (size_t cap = 0; cap < n; cap++)
		CHECK_INT(params_encode(&in, out, cap), 0);
	CHECK_INT(params_encode(&in, out, n), n);
	for (size_t cut = 0; cut < n; cut++)
		CHECK_INT(decode(out, cut), -1);
	memset(&in, 0, sizeof(in));
	n = params_encode(&in, out, sizeof(out));
	CHECK_INT(decode(out, n), 0);
	CHECK_MEM(&p, &in, sizeof(in));
}

static void test_known_bytes(void)
{
	GOOD("\x80");
	CHECK(!p.compress && !p.messages && !p.throwaway && !p.probe && !p.has_identity);
	CHECK_INT(p.keepalive, 0);
	CHECK_STR(p.software, "");
	GOOD("\x83\xa1z\xc3\xa1k\x0f\xa1n\xa3"
	     "abc");
	CHECK(p.compress);
	CHECK_INT(p.keepalive, 15);
	CHECK_STR(p.software, "abc");
	GOOD("\xde\x00\x01\xa1k\xcd\x01\x00"); /* map 16, uint 16 */
	CHECK_INT(p.keepalive, 256);
	GOOD("\xdf\x00\x00\x00\x01\xd9\x01k\xcf\x00\x00\x00\x00\xff\xff\xff\xff"); /* map 32, str 8, uint 64 */
	CHECK_INT(p.keepalive, UINT32_MAX);
	GOOD("\x81\xdb\x00\x00\x00\x01n\xda\x00\x01v"); /* str 32, str 16 */
	CHECK_STR(p.software, "v");
}

/* Keys of tomorrow, of any type. */
static void test_unknown_keys(void)
{
	GOOD("\x87\xa1q\x93\x01\x02\x90\x01\x02\xc0\xc2\xa0\xa0\xa2zz\xc0\xa1r\xca\x00\x00\x00\x00\xa1z\xc3");
	CHECK(p.compress);
	GOOD("\x84\xa1r\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xa1s\xc4\x01x\xa1t\xc2\xa1u\xd4\x01x");
	GOOD("\x83\xa1r\xc7\x01\x05x\xa1s\xd8\x01"
	     "0123456789abcdef\x80\x80");
	GOOD("\x81\xa1Z\xe0"); /* case matters */
	CHECK(!p.compress);
}

static void test_wrong_types(void)
{
	BAD("\x81\xa1z\x01");
	BAD("\x81\xa1z\xc0");
	BAD("\x81\xa1"
	    "f\xa4true");
	BAD("\x81\xa1t\x90");
	BAD("\x81\xa1p\x80");
	BAD("\x81\xa1k\xc3");
	BAD("\x81\xa1k\xff"); /* -1 */
	BAD("\x81\xa1k\xcf\x00\x00\x00\x01\x00\x00\x00\x00");
	BAD("\x81\xa1k\xca\x3f\x80\x00\x00");
	BAD("\x81\xa1n\xc4\x01v");
	BAD("\x81\xa1i\xc4\x1f"
	    "0123456789abcdef0123456789abcde");
	BAD("\x81\xa1i\xc4\x21"
	    "0123456789abcdef0123456789abcdefg");
	BAD("\x81\xa1i\xd9\x20"
	    "0123456789abcdef0123456789abcdef"); /* a string, not bytes */
	CHECK_STR(why, "a parameter has the wrong type");
	BAD("\x90");
	CHECK_STR(why, "the parameters are not a map");
	BAD("\xc0");
	BAD("\x01");
	BAD("\xa1z");
}

static void test_malformed(void)
{
	BAD("");
	BAD("\x80\x80");
	BAD("\x80\x00");
	BAD("\x81");
	BAD("\x81\xa1z");
	BAD("\x81\xa1z\xc3\xc3");
	BAD("\x81\xa1z\xc1"); /* never used */
	BAD("\xc1");
	BAD("\x81\xa2z\xc3"); /* its string ends behind the end */
	BAD("\xde\x00");
	BAD("\xdf\x00\x00\x00");
	BAD("\x81\xa1q\xc7\x02\x05x");
	BAD("\x81\xa1q\xd9\x05x");
	CHECK_STR(why, "malformed parameter map");
}

/* A count is checked against the bytes that follow before anything is allocated for it. */
static void test_huge_counts(void)
{
	BAD("\xdf\xff\xff\xff\xff");
	BAD("\xdf\x80\x00\x00\x00\xa1z\xc3");
	BAD("\xdd\xff\xff\xff\xff");
	BAD("\xdc\xff\xff");
	BAD("\xde\xff\xff");
	BAD("\x8f\xa1z\xc3");
	BAD("\x81\xa1q\xdd\xff\xff\xff\xff");
	BAD("\x81\xa1q\xdf\x7f\xff\xff\xff");
	BAD("\x81\xa1q\xdb\xff\xff\xff\xff");
	BAD("\x81\xa1q\xdb\xff\xff\xff\xfb"); /* + 5 is 0 where size_t has 32 bits */
	BAD("\x81\xa1q\xc6\xff\xff\xff\xff");
	BAD("\x81\xa1q\xc9\xff\xff\xff\xff\x01");
	BAD("\x81\xa1q\xc9\xff\xff\xff\xfa\x01");
}

static void test_nesting(void)
{
	uint8_t deep[PARAMS_MAX];

	GOOD("\x81\xa1q\x91\x91\x91\x01");
	BAD("\x81\xa1q\x91\x91\x91\x91\x01");
	GOOD("\x81\xa1q\x91\x91\x91\x90"); /* an empty one nests no deeper */
	GOOD("\x81\xa1q\x81\x81\x81\x01\x01\x01\x01");
	BAD("\x81\x91\x91\x91\x91\x01\x01"); /* in a key */
	memset(deep, 0x91, sizeof(deep));
	memcpy(deep, "\x81\xa1q", 3);
	CHECK_INT(decode(deep, sizeof(deep)), -1);
	memset(deep, 0x81, sizeof(deep));
	CHECK_INT(decode(deep, sizeof(deep)), -1);
}

static void test_size(void)
{
	uint8_t big[PARAMS_MAX + 1] = "\x81\xa1n\xda\x03\xf9";

	memset(big + 6, 'x', sizeof(big) - 6);
	CHECK_INT(decode(big, PARAMS_MAX), -1); /* one byte too many behind the string */
	big[5]++;
	CHECK_INT(decode(big, PARAMS_MAX), 0);
	CHECK_INT(strlen(p.software), PARAMS_SOFTWARE - 1); /* cut, not refused */
	big[5]++;
	CHECK_INT(decode(big, PARAMS_MAX + 1), -1);
	/* Many small elements within the bounds. */
	memset(big, 0x01, sizeof(big));
	memcpy(big, "\x81\xa1q\xdc\x03\xfa", 6);
	CHECK_INT(decode(big, PARAMS_MAX), 0);
}

/* Two answers to one question are none. */
static void test_duplicates(void)
{
	BAD("\x82\xa1z\xc3\xa1z\xc2");
	BAD("\x82\xa1k\x01\xa1k\x01");
	BAD("\x83\xa1n\xa1v\xa1k\x01\xa1n\xa1v");
	CHECK_STR(why, "a parameter stands twice in the map");
	GOOD("\x82\xa1q\x01\xa1q\x01"); /* unknown ones are nobody's business */
}

/* Every change of one byte of a good map is answered without harm. */
static void test_every_byte(void)
{
	struct params in = {.has_identity = true, .keepalive = 15, .software = "vault"};
	uint8_t good[PARAMS_MAX], map[PARAMS_MAX];
	size_t n = params_encode(&in, good, sizeof(good)), read = 0;

	for (size_t at = 0; at < n; at++) {
		for (unsigned v = 0; v < 256; v++) {
			memcpy(map, good, n);
			map[at] = (uint8_t)v;
			read += decode(map, n) == 0;
			CHECK(memchr(p.software, 0, sizeof(p.software)) != NULL);
		}
	}
	CHECK(read > n);
	CHECK(read < 256 * n);
}

int main(void)
{
	RUN(test_round_trip);
	RUN(test_known_bytes);
	RUN(test_unknown_keys);
	RUN(test_wrong_types);
	RUN(test_malformed);
	RUN(test_huge_counts);
	RUN(test_nesting);
	RUN(test_size);
	RUN(test_duplicates);
	RUN(test_every_byte);
	UNIT_DONE();
}
