/* squash, single messages: stored and compressed frames, and those that would be too much. */
#include "proto/squash.h"

#include <zstd.h>

#include "unit.h"

static uint8_t in[200000], packed[200000], out[65536];
static struct squash z;
static struct unsquash u;
static const uint8_t *text;
static const char *why;
static size_t len;

static void test_stored(void)
{
	static const size_t sizes[] = {0, 1, 11, 255, 256, 257, 1370, 65535, SQUASH_STORED_MAX};

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t n = squash_store(in, sizes[i], packed, sizeof packed);

		CHECK(n > 0 && n <= sizes[i] + SQUASH_STORED);
		/* zstd itself reads it, and knows the size. */
		CHECK_INT(ZSTD_getFrameContentSize(packed, n), sizes[i]);
		CHECK_INT(ZSTD_decompress(in + 100000, 100000, packed, n), sizes[i]);
		CHECK_MEM(in + 100000, in, sizes[i]);
		CHECK_INT(unsquash_message(&u, packed, n, out, sizeof out, &text, &len, &why), sizes[i] > sizeof out ? -1 : 0);
		if (sizes[i] <= sizeof out)
			CHECK(len == sizes[i] && memcmp(text, in, len) == 0);
		CHECK_INT(squash_store(in, sizes[i], packed, n - 1), 0);
		for (size_t i2 = 0; i2 < sizeof in; i2++)
			in[i2] = (uint8_t)(i2 * 7);
	}
	CHECK_INT(squash_store(in, SQUASH_STORED_MAX + 1, packed, sizeof packed), 0);
	/* As Python wrote it. */
	CHECK_INT(squash_store((const uint8_t *)"hello vault", 11, packed, sizeof packed), 20);
	CHECK_MEM(packed, "\x28\xb5\x2f\xfd\x20\x0b\x59\x00\x00hello vault", 20);
}

static void test_compressed(void)
{
	size_t n, twice;

	memset(in, 'x', 60000);
	CHECK_INT(squash_message(&z, 3, in, 60000, packed, 1000, &n), 0);
	CHECK(n < 1000);
	CHECK_INT(unsquash_message(&u, packed, n, out, sizeof out, &text, &len, &why), 0);
	CHECK(len == 60000 && memcmp(text, in, len) == 0);
	/* Two frames are one message; half of one, and bytes behind it, are none. */
	CHECK_INT(squash_message(&z, 3, in, 1000, packed, 1000, &n), 0);
	memcpy(packed + n, packed, n);
	twice = 2 * n;
	CHECK_INT(unsquash_message(&u, packed, twice, out, sizeof out, &text, &len, &why), 0);
	CHECK_INT(len, 2000);
	for (size_t cut = n + 1; cut < twice; cut++)
		CHECK_INT(unsquash_message(&u, packed, cut, out, sizeof out, &text, &len, &why), -1);
	CHECK_INT(unsquash_message(&u, (const uint8_t *)"hello", 5, out, sizeof out, &text, &len, &why), -1);
	CHECK(why != NULL);
}

static void test_bombs(void)
{
	static uint8_t zeros[16 << 20];
	size_t n;

	CHECK_INT(squash_message(&z, 19, zeros, sizeof zeros, packed, sizeof packed, &n), 0);
	CHECK(n < 2000);
	CHECK_INT(unsquash_message(&u, packed, n, out, sizeof out, &text, &len, &why), -1);
	CHECK_INT(squash_message(&z, 19, zeros, sizeof out, packed, sizeof packed, &n), 0);
	CHECK_INT(unsquash_message(&u, packed, n, out, sizeof out, &text, &len, &why), 0);
	CHECK_INT(squash_message(&z, 19, zeros, sizeof out + 1, packed, sizeof packed, &n), 0);
	CHECK_INT(unsquash_message(&u, packed, n, out, sizeof out, &text, &len, &why), -1);
}

int main(void)
{
	RUN(test_stored);
	RUN(test_compressed);
	RUN(test_bombs);
	squash_free(&z);
	unsquash_free(&u);
	UNIT_DONE();
}
