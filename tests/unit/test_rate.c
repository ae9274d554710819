/* rate: the token bucket. */
#include "proto/rate.h"

#include "unit.h"

static void test_no_limit(void)
{
	struct rate r;

	rate_init(&r, 0, 0, 1000);
	CHECK(rate_available(&r, 1000) == UINT64_MAX);
	rate_take(&r, 1000000000);
	CHECK(rate_available(&r, 1000) == UINT64_MAX);
	CHECK_INT(rate_wait(&r, UINT64_MAX), 0);
}

static void test_burst(void)
{
	struct rate r;

	rate_init(&r, 1000000, 0, 0);
	CHECK_INT(rate_available(&r, 0), 100000); /* a tenth of a second */
	rate_init(&r, 100, 0, 0);
	CHECK_INT(rate_available(&r, 0), 4096);
	rate_init(&r, 100, 7, 0);
	CHECK_INT(rate_available(&r, 0), 7);
	CHECK_INT(rate_available(&r, 1000000), 7);
	rate_take(&r, 3);
	CHECK_INT(rate_available(&r, 1000000), 4);
	rate_take(&r, 100); /* more than there are */
	CHECK_INT(rate_available(&r, 1000000), 0);
	/* It never holds more than the burst, however long the pause. */
	CHECK_INT(rate_available(&r, INT64_MAX), 7);
}

/* Whoever takes all that there is, whenever it is, gets the rate and the first burst. */
static void test_long_run(void)
{
	static const uint64_t rates[] = {1, 3, 999, 1000, 1001, 123457, 1000000, UINT64_C(1) << 40};
	static const int64_t steps[] = {1, 7, 13, 50, 99};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			uint64_t got = 0, due;
			struct rate r;
			int64_t now = 5;

			rate_init(&r, rates[i], 0, now);
			for (; now <= 20005; now += steps[k]) {
				uint64_t n = rate_available(&r, now);

				rate_take(&r, n);
				got += n;
			}
			due = r.burst + rates[i] * (uint64_t)(now - steps[k] - 5) / 1000;
			CHECK(got <= due && got + 1 >= due);
		}
	}
}

/* After the wait that it asks for there is enough, and not a millisecond earlier. */
static void test_wait(void)
{
	static const uint64_t rates[] = {1, 10, 999, 1000, 50000, 1000000000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (uint64_t want = 1; want < 4000; want = want * 3 + 1) {
			struct rate r, early;
			int64_t ms;

			rate_init(&r, rates[i], 4096, 100);
			rate_take(&r, 4096);
			ms = rate_wait(&r, want);
			CHECK(ms > 0);
			early = r;
			CHECK(rate_available(&r, 100 + ms) >= want);
			CHECK_INT(rate_wait(&r, want), 0);
			CHECK(rate_available(&early, 100 + ms - 1) < want);
		}
	}
}

/* More than the bucket can hold is not waited for. */
static void test_wait_for_too_much(void)
{
	struct rate r;

	rate_init(&r, 1000, 500, 0);
	CHECK_INT(rate_wait(&r, 1000000), 0);
	rate_take(&r, 500);
	CHECK_INT(rate_wait(&r, 1000000), 500);
	CHECK_INT(rate_wait(&r, UINT64_MAX), 500);
	rate_init(&r, 1, UINT64_MAX, 0);
	rate_take(&r, UINT64_MAX);
	CHECK(rate_wait(&r, UINT64_MAX) == INT64_MAX);
}

static void test_clock_that_stands_or_goes_back(void)
{
	struct rate r;

	rate_init(&r, 1000, 100, 5000);
	rate_take(&r, 100);
	CHECK_INT(rate_available(&r, 5000), 0);
	CHECK_INT(rate_available(&r, 4000), 0);
	CHECK_INT(rate_available(&r, 5010), 10);
}

int main(void)
{
	RUN(test_no_limit);
	RUN(test_burst);
	RUN(test_long_run);
	RUN(test_wait);
	RUN(test_wait_for_too_much);
	RUN(test_clock_that_stands_or_goes_back);
	UNIT_DONE();
}
