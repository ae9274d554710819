/* printable: nothing that steers a terminal gets through, and the bound holds. */
#include "unit.h"

#include <stdint.h>

#include "run/printable.h"

static void shown(const char *text, size_t len, const char *expected)
{
	char out[256];

	CHECK(printable(out, sizeof(out), text, len) == out);
	CHECK_STR(out, expected);
}

#define SHOWN(literal, expected) shown(literal, sizeof(literal) - 1, expected)

static void test_plain(void)
{
	SHOWN("", "");
	SHOWN("alice@laptop ~!\"#$%&'()", "alice@laptop ~!\"#$%&'()");
	SHOWN("a\\b", "a\\b");
	SHOWN("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91");
	SHOWN("\xf4\x80\x80\x80", "\xf4\x80\x80\x80"); /* U+100000 */
}

static void test_controls(void)
{
	SHOWN("\x1b[2J", "\\x1b[2J");
	SHOWN("a\nb\r\tc", "a\\x0ab\\x0d\\x09c");
	SHOWN("a\0b", "a\\x00b");
	SHOWN("\x7f", "\\x7f");
	SHOWN("\xc2\x9b", "\\u{9b}"); /* CSI as C1 */
	SHOWN("\x9b", "\\x9b");
}

static void test_invisible(void)
{
	SHOWN("\xe2\x80\xae", "\\u{202e}"); /* right-to-left override */
	SHOWN("\xe2\x81\xa6", "\\u{2066}"); /* isolate */
	SHOWN("\xe2\x80\x8b", "\\u{200b}");
	SHOWN("\xe2\x80\xa8", "\\u{2028}");
	SHOWN("\xef\xbb\xbf", "\\u{feff}");
	SHOWN("\xef\xbf\xbf", "\\u{ffff}");
	SHOWN("\xf3\xa0\x81\x81", "\\u{e0041}"); /* tag */
	SHOWN("\xe2\x80\xaf", "\xe2\x80\xaf");	 /* the character behind the range: stays */
}

static void test_not_utf8(void)
{
	SHOWN("\xff", "\\xff");
	SHOWN("\xc3", "\\xc3");
	SHOWN("\xc3(", "\\xc3(");
	SHOWN("\xc0\xaf", "\\xc0\\xaf");			 /* overlong '/' */
	SHOWN("\xe0\x80\x9b", "\\xe0\\x80\\x9b");		 /* overlong control */
	SHOWN("\xed\xa0\x80", "\\xed\\xa0\\x80");		 /* surrogate */
	SHOWN("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");	 /* above U+10FFFF */
	SHOWN("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
	SHOWN("\xe2\x82", "\\xe2\\x82");			 /* cut off */
}

/* Whatever goes in: printable ASCII or valid characters come out, within the bound. */
static void test_bound(void)
{
	uint8_t text[64];
	char out[80];
	uint32_t x = 1;

	for (int round = 0; round < 5000; round++) {
		size_t len = (size_t)round % sizeof(text), size = 4 + (size_t)(round / 64) % 70;

		for (size_t i = 0; i < len; i++) {
			x = x * 1664525 + 1013904223;
			text[i] = (uint8_t)(x >> 24);
		}
		memset(out, 0x55, sizeof(out));
		printable(out, size, text, len);
		CHECK(memchr(out, '\0', size) != NULL);
		CHECK(out[size] == 0x55);
		for (const char *p = out; *p; p++)
			CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
}

static void test_cut(void)
{
	char out[16];

	CHECK_STR(printable(out, 8, "1234567", 7), "1234567");
	CHECK_STR(printable(out, 8, "12345678", 8), "1234...");
	CHECK_STR(printable(out, 8, "123\x1b", 4), "123\\x1b");
	CHECK_STR(printable(out, 8, "1234\x1b", 5), "1234...");
	CHECK_STR(printable(out, 8, "\x1b\x1b", 2), "\\x1b...");
	CHECK_STR(printable(out, 7, "\x1b\x1b", 2), "...");
	CHECK_STR(printable(out, 8, "123\xe2\x82\xac" "56", 8), "123...");
	CHECK_STR(printable(out, 4, "\xe2\x82\xac\xe2\x82\xac", 6), "...");
}

int main(void)
{
	RUN(test_plain);
	RUN(test_controls);
	RUN(test_invisible);
	RUN(test_not_utf8);
	RUN(test_bound);
	RUN(test_cut);
	UNIT_DONE();
}
