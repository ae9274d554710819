/*
 * pathsearch: find the largest packet that gets through, with few probes (RFC 8899 without its timers).
 *
 * It only decides. The caller sends what pathsearch_next() says, as often as it takes to trust the
 * silence, and reports one of: it arrived; somebody on the way said that it is too big; nothing.
 * Sizes are whole IP packets.
 */
#ifndef PATHSEARCH_H
#define PATHSEARCH_H

#include <stdbool.h>
#include <stdint.h>

struct pathsearch {
	uint32_t floor, ceiling; /* the smallest size of interest; the largest that can be sent */
	uint32_t low;	   /* largest that arrived, 0 = none */
	uint32_t high;	   /* smallest that does not get through, or ceiling + 1 */
	uint32_t hint;	   /* what somebody on the way said would fit, 0 = nobody */
	bool topped;	   /* the ceiling was tried */
	bool given_up;	   /* nothing arrives at all */
	bool vanished;	   /* ${high} is a packet that disappeared without a word */
};

/* ${floor} <= ${ceiling}. */
void pathsearch_init(struct pathsearch *s, uint32_t floor, uint32_t ceiling);

/* The size to try next; 0: the search is over. Then ${low} is the answer, exact if
 * pathsearch_exact(). */
uint32_t pathsearch_next(const struct pathsearch *s);
bool pathsearch_exact(const struct pathsearch *s);

void pathsearch_arrived(struct pathsearch *s, uint32_t size);
/* Somebody refused ${size}, and says that packets of ${mtu} fit (0: does not say). */
void pathsearch_too_big(struct pathsearch *s, uint32_t size, uint32_t mtu);
void pathsearch_lost(struct pathsearch *s, uint32_t size);

#endif
