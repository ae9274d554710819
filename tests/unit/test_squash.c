/*
 * squash: what goes in comes out, whatever it is and however it is cut; bounds hold against streams
 * that another zstd made to break them.
 */
#include <sodium.h>
#include <zstd.h>

#include "crypto/secret.h"
#include "proto/squash.h"
#include "unit.h"

#define BODY 65518

static uint8_t text[SQUASH_PLAIN], noise[SQUASH_PLAIN], packed[2 * SQUASH_PLAIN], plain[SQUASH_PLAIN + 1];
static const uint8_t zeros[4 * SQUASH_PLAIN];

/* One piece there and back; returns its compressed length. */
static size_t there_and_back(struct squash *z, struct unsquash *u, int level, const uint8_t *in,
    size_t n, size_t cap)
{
	const char *why = NULL;
	size_t len = 0, back = 0;

	CHECK_INT(squash_piece(z, level, in, n, packed, cap, &len), 0);
	CHECK(len <= cap);
	CHECK_INT(unsquash_piece(u, packed, len, plain, SQUASH_PLAIN, &back, &why), 0);
	CHECK_INT(back, n);
	CHECK_MEM(plain, in, n);
	return len;
}

/* squash_fits() is right for the worst of data, at any size of room and any level. */
static void test_fits(void)
{
	for (int level = -5; level <= 19; level += 3) {
		struct squash z = {0};
		struct unsquash u = {0};

		for (size_t room = 66; room <= BODY; room = room * 3 / 2 + 1) {
			size_t n = squash_fits(room);

			CHECK(n < room);
			if (n > 0)
				there_and_back(&z, &u, level, noise + room, n, room);
		}
		there_and_back(&z, &u, level, noise, squash_fits(BODY), BODY);
		squash_free(&z);
		unsquash_free(&u);
	}
	CHECK_INT(squash_fits(0), 0);
	CHECK_INT(squash_fits(64), 0);
	CHECK(squash_fits(BODY) > BODY - 400);
}

static void test_stream(void)
{
	struct squash z = {0};
	struct unsquash u = {0};
	size_t first, later = 0;

	first = there_and_back(&z, &u, 3, noise, 5000, BODY);
	later = there_and_back(&z, &u, 3, noise, 5000, BODY);
	CHECK(first > 5000 && later < 200); /* one stream: what was there before is remembered */
	for (size_t n = 1; n < 3000; n += 7)
		there_and_back(&z, &u, 3, (n & 1 ? text : noise) + n, n, BODY);
	squash_free(&z);
	unsquash_free(&u);
	CHECK(z.ctx == NULL && u.ctx == NULL);
	squash_free(&z);
	unsquash_free(&u);
}

/* What does not fit comes with the next calls, and may be read in any cut. */
static void test_rest(void)
{
	for (size_t cap = 65; cap <= BODY; cap = cap * 2 + 1) {
		struct squash z = {0};
		struct unsquash u = {0};
		const char *why;
		size_t all = 0, len, back, got = 0;
		int rc;

		rc = squash_piece(&z, 1, noise, sizeof(noise), packed, cap, &len);
		for (; rc == 1; rc = squash_rest(&z, packed + all, cap, &len)) {
			CHECK(len > 0 && len <= cap && !squash_shrinks(&z));
			all += len;
		}
		CHECK_INT(rc, 0);
		all += len;
		CHECK(all > sizeof(noise) && all < sizeof(noise) + 200);
		for (size_t at = 0; at < all; at += len) {
			len = cap < all - at ? cap : all - at;
			CHECK_INT(unsquash_piece(&u, packed + at, len, plain, SQUASH_PLAIN, &back, &why), 0);
			CHECK(got + back <= sizeof(noise));
			CHECK_MEM(plain, noise + got, back);
			got += back;
		}
		CHECK_INT(got, sizeof(noise));
		squash_free(&z);
		unsquash_free(&u);
	}
}

/* Another level is another frame in the same stream, at any piece; what is named stays one frame. */
static void test_levels(void)
{
	static uint8_t out[SQUASH_PLAIN];
	struct squash z = {0};
	struct unsquash u = {0};
	const char *why;
	size_t len, back, got = 0, all = 0, frames = 0;

	CHECK(there_and_back(&z, &u, 1, noise, 5000, BODY) > 5000);
	CHECK(there_and_back(&z, &u, 1, noise, 5000, BODY) < 200);
	CHECK(there_and_back(&z, &u, 2, noise, 5000, BODY) > 5000);
	CHECK(there_and_back(&z, &u, 2, noise, 5000, BODY) < 200);
	for (int i = 0; i < 40; i++)
		there_and_back(&z, &u, 1 + i * 7 % 19, (i & 1 ? noise : text) + i, (size_t)i * 1000, BODY);
	squash_free(&z);
	unsquash_free(&u);
	/* Byte by byte. */
	for (size_t i = 0; i < 6; i++, all += len)
		CHECK_INT(squash_piece(&z, (int)(i / 2 + 1), noise + 500 * i, 500, packed + all, BODY, &len), 0);
	for (size_t at = 0; at < all; at++, got += back) {
		frames += all - at >= 4 && memcmp(packed + at, "\x28\xb5\x2f\xfd", 4) == 0;
		CHECK_INT(unsquash_piece(&u, packed + at, 1, out + got, sizeof(out) - got, &back, &why), 0);
	}
	CHECK_INT(got, 3000);
	CHECK_MEM(out, noise, 3000);
	CHECK_INT(frames, 3);
	squash_free(&z);
	unsquash_free(&u);
}

/* A wrong byte where one frame ends and the next begins: an error, or nothing that was not sent. */
static void test_wrong_between_frames(void)
{
	size_t first = 0, len = 0, back;
	unsigned refused = 0;

	for (size_t bad = 0; bad < 16; bad++) {
		struct squash z = {0};
		struct unsquash u = {0};
		const char *why;

		CHECK_INT(squash_piece(&z, 1, noise, 100, packed, BODY, &first), 0);
		CHECK_INT(squash_piece(&z, 2, text, 4000, packed + first, BODY, &len), 0);
		packed[first + bad] ^= 0x55;
		refused += unsquash_piece(&u, packed, first + len, plain, SQUASH_PLAIN, &back, &why) < 0;
		CHECK(back <= SQUASH_PLAIN || why);
		squash_free(&z);
		unsquash_free(&u);
	}
	CHECK(refused >= 7); /* all of the end of a frame and of the magic number of the next, at least */
}

/* ${ms} milliseconds of a link that is full or is not, a piece each; the level then. */
static int after(struct squash_gauge *g, int64_t *now, int64_t ms, bool stuck)
{
	for (; ms > 0; ms--)
		squash_gauge_note(g, stuck, ++*now);
	return squash_gauge_level(g);
}

static void test_gauge(void)
{
	struct squash_gauge g = {0};
	int64_t now = 1000;
	int level = 2;

	CHECK_INT(squash_gauge_level(&g), 1);
	CHECK_INT(after(&g, &now, 1000, false), 1); /* the bottom */
	CHECK_INT(after(&g, &now, 100, true), 1);
	CHECK_INT(after(&g, &now, 200, true), 2);
	for (int i = 0; i < 20; i++) {
		int next = after(&g, &now, 200, true);

		CHECK(next == level + 1 || next == level || next == SQUASH_GAUGE_MOST);
		level = next;
	}
	CHECK_INT(level, SQUASH_GAUGE_MOST); /* the top */
	CHECK_INT(after(&g, &now, 20000, false), 1);
	/* Few pieces say nothing, however long they take. */
	for (int i = 0; i < 15; i++)
		squash_gauge_note(&g, true, now += 1000);
	CHECK_INT(squash_gauge_level(&g), 1);
}

/* Between a level that is too fast for the link and one that is too slow: seldom up, and then not for long. */
static void test_gauge_between(void)
{
	struct squash_gauge g = {0};
	int64_t now = 0;
	unsigned lower = 0, upper = 0;

	for (int i = 0; i < 60000; i++) {
		int level = squash_gauge_level(&g);

		CHECK(level <= 2);
		lower += level == 1;
		upper += level == 2;
		squash_gauge_note(&g, level == 1, ++now);
	}
	CHECK(lower > 10 * upper && upper > 400);
}

/* Pauses after data that does not shrink: longer each time, bounded, ended by one success. */
static void test_giving_up(void)
{
	struct squash z = {0};
	size_t len, pause, last = 0, grown = 0;

	for (int i = 0; i < 12; i++) {
		CHECK_INT(squash_piece(&z, 3, noise + 4000 * i, 4000, packed, BODY, &len), 0);
		for (pause = 0; !squash_wanted(&z); pause++)
			squash_passed(&z, 1);
		CHECK(pause >= last && pause > 0 && pause <= 1024);
		grown += pause > last;
		last = pause;
	}
	CHECK(grown > 3);
	CHECK_INT(squash_piece(&z, 3, text, 4000, packed, BODY, &len), 0);
	CHECK(squash_wanted(&z));
	CHECK_INT(squash_piece(&z, 3, noise + 200000, 4000, packed, BODY, &len), 0);
	CHECK_INT(squash_pause(&z), 16);
	squash_passed(&z, 15);
	CHECK(!squash_wanted(&z));
	squash_passed(&z, 1000);
	CHECK(squash_wanted(&z) && last > 16);
	/* Small pieces cannot shrink and say nothing. */
	CHECK_INT(squash_piece(&z, 3, noise, 100, packed, BODY, &len), 0);
	CHECK(squash_wanted(&z));
	squash_free(&z);
}

/* A frame that another zstd makes; 0 if it cannot. */
static size_t foreign(const uint8_t *in, size_t n, int window, int checksum, int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t len;

	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
	len = ZSTD_compress2(c, packed, sizeof(packed), in, n);
	ZSTD_freeCCtx(c);
	return ZSTD_isError(len) ? 0 : len;
}

/* 0 or -1, with nothing written behind ${cap}. */
static int open_foreign(size_t len, size_t cap, size_t *back)
{
	struct unsquash u = {0};
	const char *why = NULL;
	int rc;

	memset(plain, 0xa5, sizeof(plain));
	rc = unsquash_piece(&u, packed, len, plain, cap, back, &why);
	for (size_t i = cap; i < sizeof(plain); i++)
		CHECK_INT(plain[i], 0xa5);
	CHECK(rc == 0 || (why != NULL && *why));
	unsquash_free(&u);
	return rc;
}

static void test_bombs(void)
{
	size_t back;

	CHECK_INT(open_foreign(foreign(zeros, SQUASH_PLAIN, 18, 0, 3), SQUASH_PLAIN, &back), 0);
	CHECK_INT(back, SQUASH_PLAIN);
	CHECK_INT(open_foreign(foreign(zeros, SQUASH_PLAIN + 1, 18, 0, 3), SQUASH_PLAIN, &back), -1);
	CHECK_INT(open_foreign(foreign(zeros, sizeof(zeros), 20, 0, 3), SQUASH_PLAIN, &back), -1);
	CHECK_INT(open_foreign(foreign(zeros, SQUASH_PLAIN, 18, 1, 3), SQUASH_PLAIN, &back), 0);
	CHECK_INT(open_foreign(foreign(zeros, 1000, 18, 0, 3), 1000, &back), 0);
	CHECK_INT(open_foreign(foreign(zeros, 1001, 18, 0, 3), 1000, &back), -1);
}

/* Two frames in one record are two pieces of the stream; together they stay within the bound. */
static void test_two_frames(void)
{
	size_t first = foreign(text, 100000, 18, 1, 3), second, back;
	uint8_t *copy = malloc(first);

	CHECK(copy != NULL);
	memcpy(copy, packed, first);
	second = foreign(zeros, 162144, 18, 1, 3);
	memmove(packed + first, packed, second);
	memcpy(packed, copy, first);
	CHECK_INT(open_foreign(first + second, SQUASH_PLAIN, &back), 0);
	CHECK_INT(back, SQUASH_PLAIN);
	second = foreign(zeros, 162145, 18, 1, 3);
	memmove(packed + first, packed, second);
	memcpy(packed, copy, first);
	CHECK_INT(open_foreign(first + second, SQUASH_PLAIN, &back), -1);
	free(copy);
}

/* A window above the bound is refused by its header, before memory is taken for it. */
static void test_windows(void)
{
	for (unsigned log = 10; log <= 31; log++) {
		/* magic; descriptor: no content size, no checksum; window; an empty last raw block */
		uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (uint8_t)((log - 10) << 3), 0x01, 0x00, 0x00};
		size_t back;

		memcpy(packed, frame, sizeof(frame));
		CHECK_INT(open_foreign(sizeof(frame), SQUASH_PLAIN, &back), log <= SQUASH_WINDOWLOG ? 0 : -1);
	}
}

static void test_garbage(void)
{
	uint32_t seed = 1;
	size_t back;

	memcpy(packed, "abcd", 4);
	CHECK_INT(open_foreign(4, SQUASH_PLAIN, &back), -1);
	CHECK_INT(open_foreign(0, SQUASH_PLAIN, &back), 0);
	CHECK_INT(back, 0);
	/* Needs a dictionary (bit 0 of the descriptor: one byte of its number). */
	memcpy(packed, "\x28\xb5\x2f\xfd\x01\x00\x07\x01\x00\x00", 10);
	CHECK_INT(open_foreign(10, SQUASH_PLAIN, &back), -1);
	for (int i = 0; i < 3000; i++) {
		size_t len = foreign(text, 300, 18, 1, 3);

		seed = seed * 1103515245 + 12345;
		packed[4 + (seed >> 8) % (len - 4)] ^= (uint8_t)(1 << (seed >> 28) % 8);
		if (open_foreign(len, SQUASH_PLAIN, &back) == 0)
			CHECK(back <= SQUASH_PLAIN);
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	randombytes_buf_deterministic(noise, sizeof(noise), (const uint8_t[randombytes_SEEDBYTES]){3});
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t) "the quick brown fox "[(i + i / 100) % 20];
	RUN(test_fits);
	RUN(test_stream);
	RUN(test_rest);
	RUN(test_levels);
	RUN(test_wrong_between_frames);
	RUN(test_giving_up);
	RUN(test_gauge);
	RUN(test_gauge_between);
	RUN(test_bombs);
	RUN(test_two_frames);
	RUN(test_windows);
	RUN(test_garbage);
	UNIT_DONE();
}
