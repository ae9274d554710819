/* message: bytes that several receivers share, a queue of such, and what is not yet a whole one. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
	unsigned refs;
	size_t len;
	uint8_t bytes[];
};

/* ${head}, ${len} bytes of ${body} and ${tail} as one message with one reference; NULL without memory. */
struct message *message_new(const void *head, size_t head_len, const void *body, size_t len, const void *tail,
    size_t tail_len);
void message_unref(struct message *m);

/* First in, first out. All zero is an empty one. */
struct message_queue {
	struct message **items; /* a ring */
	size_t first, count, room;
	size_t bytes; /* of all that are in it */
};

/* Adds a reference. 0, or -1 without memory. */
int message_push(struct message_queue *q, struct message *m);
struct message *message_at(const struct message_queue *q, size_t i);
/* Drop the first. */
void message_shift(struct message_queue *q);
void message_clear(struct message_queue *q);

/* Bytes of which the message's end has not come yet. */
struct partial {
	uint8_t *bytes;
	size_t len, room;
};

/* 0, or -1 without memory. */
int partial_add(struct partial *p, const uint8_t *data, size_t n);
/* Drop the first ${n} bytes; an empty one costs nothing. */
void partial_shift(struct partial *p, size_t n);
void partial_clear(struct partial *p);

#endif
