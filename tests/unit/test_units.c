/* units: the same messages come out, whatever pieces the bytes came in. */
#include "proto/units.h"
#include "unit.h"

static uint8_t buf[64];
static struct units f;
static char got[256];
static size_t limit;

/* At most ${n} bytes, as a read does; how many. */
static size_t feed(const char *bytes, size_t n)
{
	size_t room;
	uint8_t *at = units_room(&f, &room);

	n = n < room ? n : room;
	memcpy(at, bytes, n);
	units_filled(&f, n);
	return n;
}

/* Take what is there, as "[one][two]". */
static void drain(void)
{
	const uint8_t *text;
	size_t n;
	enum units_found found;

	while ((found = units_next(&f, &text, &n)) != UNITS_MORE)
		snprintf(got + strlen(got), sizeof got - strlen(got), found == UNITS_MESSAGE ? "[%.*s]" :
		    found == UNITS_LARGE ? "LARGE" : "CUT", (int)n, (const char *)text);
}

static const char *run(enum framing framing, const char *bytes, size_t n, size_t piece)
{
	f = (struct units){.framing = framing, .buf = buf, .cap = sizeof buf, .max = limit};
	got[0] = '\0';
	for (size_t i = 0; i < n;) {
		i += feed(bytes + i, n - i < piece ? n - i : piece);
		drain();
	}
	f.eof = true;
	drain();
	return got;
}

#define SAME(framing, bytes, want) \
	for (size_t piece = 1; piece < 20; piece++) \
	CHECK_STR(run(framing, bytes, sizeof(bytes) - 1, piece), want)

static void test_pieces(void)
{
	SAME(FRAMING_LINES, "one\ntwo\n\nlast", "[one][two][][last]");
	SAME(FRAMING_LINES, "one\n", "[one]");
	SAME(FRAMING_NUL, "a\nb\0c\0", "[a\nb][c]");
	SAME(FRAMING_U32, "\0\0\0\3one\0\0\0\0\0\0\0\1x", "[one][][x]");
	SAME(FRAMING_U32, "\0\0\0\3on", "CUT");
	SAME(FRAMING_U32, "\0\0\0", "CUT");
	CHECK_STR(run(FRAMING_RAW, "abcdef", 6, 2), "[ab][cd][ef]");
}

static void test_large(void)
{
	char big[200];

	memset(big, 'x', sizeof big);
	memcpy(big + 100, "\nok\n", 4);
	for (size_t piece = 1; piece < 20; piece++)
		CHECK_STR(run(FRAMING_LINES, big, 104, piece), "LARGE[ok]");
	memset(big, 'x', sizeof big);
	memcpy(big, "\0\0\0\144", 4);
	memcpy(big + 104, "\0\0\0\2ok", 6);
	for (size_t piece = 1; piece < 20; piece++)
		CHECK_STR(run(FRAMING_U32, big, 110, piece), "LARGE[ok]");
}

/* A limit that is smaller than the buffer, which may hold the end of what is passed over, and more. */
static void test_limit(void)
{
	for (size_t piece = 1; piece < 40; piece++) {
		limit = 3;
		CHECK_STR(run(FRAMING_LINES, "one\nfour\n\ntwo\nthree", 19, piece), "[one]LARGE[][two]LARGE");
		CHECK_STR(run(FRAMING_NUL, "four\0one", 8, piece), "LARGE[one]");
		CHECK_STR(run(FRAMING_U32, "\0\0\0\4four\0\0\0\3one\0\0\0\11nine", 23, piece), "LARGE[one]LARGECUT");
		limit = 0;
	}
}

static void test_write(void)
{
	uint8_t out[32];

	CHECK_INT(units_write(FRAMING_LINES, NULL, (const uint8_t *)"hi", 2, out, sizeof out), 3);
	CHECK_MEM(out, "hi\n", 3);
	CHECK_INT(units_write(FRAMING_LINES, "t\t", (const uint8_t *)"hi", 2, out, sizeof out), 5);
	CHECK_MEM(out, "t\thi\n", 5);
	CHECK(units_write(FRAMING_LINES, NULL, (const uint8_t *)"h\ni", 3, out, sizeof out) == SIZE_MAX);
	CHECK(units_write(FRAMING_NUL, NULL, (const uint8_t *)"h\0i", 3, out, sizeof out) == SIZE_MAX);
	CHECK_INT(units_write(FRAMING_U32, "t", (const uint8_t *)"\n", 1, out, sizeof out), 6);
	CHECK_MEM(out, "\0\0\0\2t\n", 6);
	CHECK_INT(units_write(FRAMING_RAW, NULL, (const uint8_t *)"\n", 1, out, sizeof out), 1);
	CHECK_INT(units_write(FRAMING_LINES, NULL, (const uint8_t *)"hi", 2, out, 2), 0);
}

int main(void)
{
	RUN(test_pieces);
	RUN(test_large);
	RUN(test_limit);
	RUN(test_write);
	UNIT_DONE();
}
