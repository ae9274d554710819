#include "rate.h"

#define BURST_LEAST 4096

void rate_init(struct rate *r, uint64_t per_second, uint64_t burst, int64_t now)
{
	if (burst == 0)
		burst = per_second / 10 > BURST_LEAST ? per_second / 10 : BURST_LEAST;
	*r = (struct rate){.per_second = per_second, .burst = burst, .tokens = burst, .at = now};
}

uint64_t rate_available(struct rate *r, int64_t now)
{
	uint64_t passed, room = r->burst - r->tokens, milli;

	if (r->per_second == 0)
		return UINT64_MAX;
	if (now <= r->at)
		return r->tokens;
	passed = (uint64_t)(now - r->at);
	r->at = now;
	/* A long pause fills the bucket; asking first keeps the product below from overflowing. */
	if (passed > 3600000 || passed >= (room + 1) * 1000 / r->per_second + 1) {
		r->tokens = r->burst;
		r->fraction = 0;
		return r->tokens;
	}
	milli = passed * r->per_second + r->fraction;
	r->tokens += milli / 1000;
	r->fraction = milli % 1000;
	if (r->tokens >= r->burst) {
		r->tokens = r->burst;
		r->fraction = 0;
	}
	return r->tokens;
}

void rate_take(struct rate *r, uint64_t n)
{
	r->tokens = n < r->tokens ? r->tokens - n : 0;
}

int64_t rate_wait(const struct rate *r, uint64_t n)
{
	uint64_t missing, ms;

	if (n > r->burst)
		n = r->burst;
	if (r->per_second == 0 || r->tokens >= n)
		return 0;
	missing = n - r->tokens;
	if (missing > UINT64_MAX / 1000)
		return INT64_MAX;
	ms = (missing * 1000 + r->per_second - 1) / r->per_second;
	return ms > INT64_MAX ? INT64_MAX : (int64_t)ms;
}
