/*
 * bulk: large buffers for one of many sessions, for as long as it has much to carry.
 *
 * Small buffers are enough for any record, but cost system calls.
 */
#ifndef BULK_H
#define BULK_H

#include <ev.h>
#include <stdint.h>

#include "conn.h"

struct bulk {
	struct conn *conn;
	uint64_t mark; /* bytes carried before the interval under way */
	int64_t since;
	ev_timer calm; /* is it over? */
};

/* ${conn} is thrifty. */
void bulk_start(struct bulk *b, struct conn *conn);

/* After each step of its session, with nothing lent out of the buffers. */
void bulk_step(struct bulk *b);

void bulk_stop(struct bulk *b);

#endif
