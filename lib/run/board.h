/* board: what the files of the switchboard share. Private to switchboard*.c and board_*.c. */
#ifndef BOARD_H
#define BOARD_H

#include "message.h"
#include "switchboard.h"

#define BOARD_OUT_LIMIT (1024 * 1024)  /* bytes waiting for standard output */
#define BOARD_SEAT_LIMIT (1024 * 1024) /* bytes waiting for one guest */

/* A guest's place. */
struct seat {
	struct message_queue queue;
	size_t offset; /* of the first message in it, sent already */
	struct partial partial;
	uint64_t dropped;
	uint64_t mark;	/* standard output must have got so far before all that it said is out, and for its receipt */
	struct guest *behind; /* in the line of those who wait for that */
	bool in_line;
	bool ended;	/* its end came, and waits for that */
	bool waiting;	/* for room elsewhere */
	bool full;	/* much waits for it */
	bool said_end;	/* our direction to it has ended */
};

struct board {
	struct service *service;
	struct endpoint *ep;
	enum framing framing;
	ev_io input, output;
	ev_timer look; /* is the terminal ours again? */
	struct partial partial;
	struct message_queue out;
	size_t offset;
	uint64_t queued, written; /* bytes for standard output, since the start */
	int64_t waiting, full; /* guests of which that is true */
	struct guest *line, *line_end; /* who wait for a mark, which are in order */
	bool input_ended, failed;
	struct error error;
	int status;
};

struct board *board_of(const struct guest *g);

/* ---- board_stdio.c ---- */

void board_stdio_start(struct board *b);
void board_stdio_stop(struct board *b);
/* To be called before the loop sleeps. */
void board_watch_input(struct board *b);
/* Queue a guest's message for standard output. 0, or -1 without memory. */
int board_to_output(struct board *b, const struct guest *g, const uint8_t *body, size_t len);
void board_write_output(struct board *b);
/* Step those who waited for room or for what has been written. */
void board_wake_guests(struct board *b);
/* A guest has ended: it waits until all that is queued now has been written. */
void board_queue_up(struct guest *g);
void board_leave_line(struct guest *g);

/* ---- board_guests.c ---- */

/* A message to all but one (or NULL); how many get it. */
int64_t board_give_all(struct service *v, const struct guest *but, const void *body, size_t len);
/* To one: 0, or -1 if it cannot get any. */
int board_tell(struct guest *g, const void *body, size_t len);
/* The same for what does not come from standard input: -1 with errno, see service_kind. */
int board_say(struct guest *g, const void *body, size_t len);
int64_t board_say_all(struct service *v, const void *body, size_t len);
void board_set_full(struct board *b, struct seat *s, bool full);
void board_set_waiting(struct guest *g, bool waiting);
/* Must what goes to all wait? For every guest, or (where slow ones miss it) for the fastest. */
bool board_waits(const struct board *b);
/* Is there room for what this guest says, wherever that goes? */
bool board_room(const struct guest *g);
/* What the session has for us, what we have for it. */
void board_take(struct guest *g, struct seat *s);
void board_send(struct guest *g, struct seat *s);

#endif
