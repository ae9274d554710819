/* A session that has nothing to do lends its desk and buffers to others. */
#include <string.h>

#include "wire.h"

/* But for the beginning of a record. */
static bool may_rest(const struct session *s)
{
	return s->desk && s->phase == PHASE_RUN && s->ready && s->win_count == 0 && !s->held && s->out_head == s->out_tail;
}

static void leave_desk(struct session *s)
{
	s->desk = NULL;
	s->in = s->out = NULL;
	s->in_cap = s->in_head = s->in_tail = s->out_cap = s->out_head = s->out_tail = s->data_tail = 0;
}

bool session_rest(struct session *s)
{
	if (!may_rest(s) || s->in_head != s->in_tail)
		return false;
	leave_desk(s);
	return true;
}

size_t session_begun(const struct session *s)
{
	return may_rest(s) ? s->in_tail - s->in_head : 0;
}

void session_put_away(struct session *s, uint8_t *keep)
{
	memcpy(keep, s->in + s->in_head, s->in_tail - s->in_head);
	leave_desk(s);
}

void session_bring_back(struct session *s, const uint8_t *kept, size_t n)
{
	memcpy(s->in, kept, n);
	s->in_tail = n;
}

bool session_resting(const struct session *s)
{
	return !s->desk;
}

void session_wake(struct session *s, struct session_desk *desk, uint8_t *in, size_t in_cap, uint8_t *out,
    size_t out_cap)
{
	s->desk = desk;
	s->in = in;
	s->in_cap = in_cap;
	s->out = out;
	s->out_cap = out_cap;
	s->win_first = 0;
}
