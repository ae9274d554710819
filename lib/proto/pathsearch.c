#include "pathsearch.h"

#define LIKELY 1280 /* every link of IPv6 carries that, and few paths carry less */
#define JUMBO 9216  /* above that links are not of the usual kind */

void pathsearch_init(struct pathsearch *s, uint32_t floor, uint32_t ceiling)
{
	*s = (struct pathsearch){.floor = floor, .ceiling = ceiling, .high = ceiling + 1};
}

bool pathsearch_exact(const struct pathsearch *s)
{
	return s->low > 0 && s->low + 1 == s->high;
}

uint32_t pathsearch_next(const struct pathsearch *s)
{
	if (s->given_up || pathsearch_exact(s))
		return 0;
	if (s->low == 0)
		return s->floor;
	if (s->hint > s->low && s->hint < s->high)
		return s->hint;
	/* Most paths take all that the first link takes. */
	if (!s->topped && s->ceiling < s->high)
		return s->ceiling;
	return s->low + (s->high - s->low) / 2;
}

static void tried(struct pathsearch *s, uint32_t size)
{
	if (size >= s->ceiling)
		s->topped = true;
	if (size == s->hint)
		s->hint = 0;
}

void pathsearch_arrived(struct pathsearch *s, uint32_t size)
{
	tried(s, size);
	if (size > s->low && size <= s->ceiling)
		s->low = size;
	if (s->high <= s->low) { /* what refused or lost it has gone, or was not true */
		s->high = s->ceiling + 1;
		s->vanished = false;
	}
}

void pathsearch_too_big(struct pathsearch *s, uint32_t size, uint32_t mtu)
{
	tried(s, size);
	if (size <= s->low) /* it has arrived before: not to be believed */
		return;
	if (size <= s->high) {
		s->high = size;
		s->vanished = false;
	}
	/* Whoever says so knows that nothing above fits. A word that contradicts what has arrived
	 * (anybody can send it) counts for no more than the refusal. */
	if (mtu >= s->floor && mtu < size && mtu > s->low && mtu < s->high) {
		s->high = mtu + 1;
		s->hint = mtu;
	}
	if (s->low == 0 && size <= s->floor)
		s->given_up = true;
}

void pathsearch_lost(struct pathsearch *s, uint32_t size)
{
	tried(s, size);
	if (s->low == 0) {
		s->given_up = true;
		return;
	}
	if (size > s->low && size < s->high) {
		s->high = size;
		s->vanished = true;
		if (s->hint == 0 && s->low < LIKELY && size > LIKELY && size <= JUMBO)
			s->hint = LIKELY;
	}
}
