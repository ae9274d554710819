#include "replay.h"

#include <string.h>

#define PROBES 64 /* slots that are tried for a nonce */

static bool has(const struct replay_window *w, uint64_t number)
{
	return w->bits[number % REPLAY_WINDOW / 64] >> number % 64 & 1;
}

enum replay_verdict replay_check(const struct replay_window *w, uint64_t number)
{
	/* The highest number of all could have no next. */
	if (number == UINT64_MAX)
		return REPLAY_OLD;
	if (number >= w->next)
		return REPLAY_NEW;
	if (w->next - number > REPLAY_WINDOW)
		return REPLAY_OLD;
	return has(w, number) ? REPLAY_SEEN : REPLAY_LATE;
}

void replay_note(struct replay_window *w, uint64_t number)
{
	if (number >= w->next) {
		uint64_t step = number - w->next;

		/* What the window moves over has not been seen. */
		if (step >= REPLAY_WINDOW)
			memset(w->bits, 0, sizeof w->bits);
		else
			for (uint64_t n = w->next; n < number; n++)
				w->bits[n % REPLAY_WINDOW / 64] &= ~(UINT64_C(1) << n % 64);
		w->next = number + 1;
	}
	w->bits[number % REPLAY_WINDOW / 64] |= UINT64_C(1) << number % 64;
	w->received++;
}

uint64_t replay_missing(const struct replay_window *w)
{
	return w->next - w->received;
}

static uint64_t slot(const struct replay_nonces *r, const uint8_t nonce[REPLAY_NONCE])
{
	uint64_t a, b;

	memcpy(&a, nonce, 8);
	memcpy(&b, nonce + 8, 8);
	a = (a ^ r->salt) * UINT64_C(0x9e3779b97f4a7c15);
	a ^= a >> 29;
	a = (a + b) * UINT64_C(0xbf58476d1ce4e5b9) ^ r->salt;
	return (a ^ a >> 32) % r->count;
}

enum replay_verdict replay_nonce(struct replay_nonces *r, const uint8_t nonce[REPLAY_NONCE], int64_t now, int64_t until)
{
	struct replay_entry *place = NULL;
	size_t at, tries = r->count < PROBES ? r->count : PROBES;

	if (r->count == 0)
		return REPLAY_OLD;
	at = (size_t)slot(r, nonce);
	for (size_t i = 0; i < tries; i++, at = at + 1 == r->count ? 0 : at + 1) {
		struct replay_entry *e = &r->entries[at];

		if (e->until <= now) {
			place = place ? place : e;
			continue;
		}
		if (memcmp(e->nonce, nonce, REPLAY_NONCE) == 0)
			return REPLAY_SEEN;
	}
	if (!place)
		return REPLAY_OLD;
	memcpy(place->nonce, nonce, REPLAY_NONCE);
	place->until = until;
	return REPLAY_NEW;
}
