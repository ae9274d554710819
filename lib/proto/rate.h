/* rate: a token bucket; the time is passed in. Tokens are bytes (or whatever the caller counts). */
#ifndef RATE_H
#define RATE_H

#include <stdint.h>

struct rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t burst;	     /* most tokens that can be saved up */
	uint64_t tokens;
	uint64_t fraction; /* thousandths of a token */
	int64_t at;	   /* milliseconds */
};

/* A full bucket. ${burst} 0 chooses a tenth of a second's worth, at least 4096. */
void rate_init(struct rate *r, uint64_t per_second, uint64_t burst, int64_t now);

/* How many may be taken now; UINT64_MAX without a limit. */
uint64_t rate_available(struct rate *r, int64_t now);

/* Take ${n}; more than there are empties the bucket. */
void rate_take(struct rate *r, uint64_t n);

/* Milliseconds until at least ${n} (or the burst, if less) are there; 0 if they are. */
int64_t rate_wait(const struct rate *r, uint64_t n);

#endif
