#include "message.h"

#include <stdlib.h>
#include <string.h>


#define ROOM_FIRST 8

struct message *message_new(const void *head, size_t head_len, const void *body, size_t len, const void *tail,
    size_t tail_len)
{
	struct message *m = malloc(sizeof *m + head_len + len + tail_len);

	if (!m)
		return NULL;
	m->refs = 1;
	m->len = head_len + len + tail_len;
	if (head_len > 0)
		memcpy(m->bytes, head, head_len);
	if (len > 0)
		memcpy(m->bytes + head_len, body, len);
	if (tail_len > 0)
		memcpy(m->bytes + head_len + len, tail, tail_len);
	return m;
}

void message_unref(struct message *m)
{
	if (m && --m->refs == 0)
		free(m);
}

static int grow(struct message_queue *q)
{
	size_t room = q->room ? 2 * q->room : ROOM_FIRST;
	struct message **items = malloc(room * sizeof(struct message *));

	if (!items)
		return -1;
	for (size_t i = 0; i < q->count; i++)
		items[i] = message_at(q, i);
	free(q->items);
	q->items = items;
	q->first = 0;
	q->room = room;
	return 0;
}

int message_push(struct message_queue *q, struct message *m)
{
	if (q->count == q->room && grow(q) < 0)
		return -1;
	q->items[(q->first + q->count++) % q->room] = m;
	m->refs++;
	q->bytes += m->len;
	return 0;
}

struct message *message_at(const struct message_queue *q, size_t i)
{
	return q->items[(q->first + i) % q->room];
}

void message_shift(struct message_queue *q)
{
	struct message *m = message_at(q, 0);

	q->bytes -= m->len;
	q->first = (q->first + 1) % q->room;
	message_unref(m);
	/* An idle queue costs nothing. */
	if (--q->count == 0) {
		free(q->items);
		q->items = NULL;
		q->first = q->room = 0;
	}
}

void message_clear(struct message_queue *q)
{
	while (q->count > 0)
		message_shift(q);
}

int partial_add(struct partial *p, const uint8_t *data, size_t n)
{
	if (p->len + n > p->room) {
		size_t room = p->room > 0 ? p->room : 256;
		uint8_t *bytes;

		while (room < p->len + n)
			room *= 2;
		bytes = realloc(p->bytes, room);
		if (!bytes)
			return -1;
		p->bytes = bytes;
		p->room = room;
	}
	memcpy(p->bytes + p->len, data, n);
	p->len += n;
	return 0;
}

void partial_clear(struct partial *p)
{
	free(p->bytes);
	memset(p, 0, sizeof *p);
}

void partial_shift(struct partial *p, size_t n)
{
	p->len -= n;
	if (p->len == 0)
		partial_clear(p);
	else if (n > 0)
		memmove(p->bytes, p->bytes + n, p->len);
}
