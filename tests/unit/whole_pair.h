/* whole_pair: two honest sides that have something to say to each other, and say all of it. */
#ifndef WHOLE_PAIR_H
#define WHOLE_PAIR_H

#include "pair.h"

static uint8_t data[2][400000];

/* Both sent all, got all of the other's, and say so. */
static inline void check_complete(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct side *a = &p->side[i], *b = &p->side[!i];

		CHECK(side_closed(a));
		CHECK_INT(side_code(a), ERROR_OK);
		CHECK_STR(session_error(&a->s)->text, "");
		CHECK_INT(a->got_len, b->input_len);
		CHECK(a->got_len == b->input_len && (a->got_len == 0 || memcmp(a->got, b->input, a->got_len) == 0));
		CHECK_INT(a->s.sent, a->input_len);
		CHECK_INT(a->s.delivered, b->input_len);
		CHECK(a->opened && a->finished && a->cable.shut);
		CHECK_INT(session_peer(&a->s)->status, RECEIPT_DONE);
		CHECK(session_heard(&a->s));
	}
}

static inline void inputs(struct pair *p, size_t n0, size_t n1)
{
	side_input(&p->side[0], data[0], n0);
	side_input(&p->side[1], data[1], n1);
}

static inline void whole(struct pair *p)
{
	pair_start(p);
	pair_run(p);
	check_complete(p);
	pair_free(p);
}

static inline void whole_data(void)
{
	for (size_t i = 0; i < sizeof(data[0]); i++) {
		data[0][i] = (uint8_t)(i * 7 + i / 1000);
		data[1][i] = (uint8_t)(i * 13 + i / 777);
	}
}

#endif
