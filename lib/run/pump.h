/*
 * pump: one session <-> one endpoint.
 *
 * The way of a byte: endpoint.read straight into the session's window, sealed there, socket; socket
 * into the peer's window, opened there, endpoint.write. Back-pressure is a window that is not lent.
 *
 * Behind an endpoint that lives on by itself (a command) the receipt waits for its end, which may also come
 * before that of the peer's data; what it said before goes first. If the session fails, it is aborted, and the
 * pump goes on until it has ended.
 */
#ifndef PUMP_H
#define PUMP_H

#include <ev.h>
#include <stdbool.h>

#include "conn.h"
#include "endpoint.h"
#include "proto/framing.h"
#include "proto/rate.h"
#include "waits.h"

struct framed;

struct pump {
	struct conn *conn;
	struct endpoint *ep;
	struct ev_loop *loop;
	ev_io input, output, reader_gone;
	struct rate rate;
	ev_timer pace; /* until the rate limit lets us go on */
	ev_timer grace; /* our reader has left: is the peer's end right behind? */
	ev_timer look; /* terminal in the foreground again? waiting only for our own input? */
	struct framed *framed; /* message boundaries are kept, see framed.h; or NULL */
	struct error error; /* of the endpoint; it counts before the session's */
	bool input_ended, output_ended;
	bool unproven; /* the peer takes no more, and our input has neither more nor an end */
	bool broken_pipe; /* our reader went away: end quietly, but not with 0 */
	bool told_waiting;
	/* an endpoint that lives on by itself, see endpoint_ops.outcome */
	bool deaf;	/* it does not take what the peer sends, which is held back */
	bool discard;	/* nobody wants what it says */
	bool concluded; /* the peer was told how it ended */
	int64_t waiting_since;
};

/* Join them. ${no_input}: our direction ends at once (--recv-only). ${rate}: most bytes of our input
 * a second, 0 = no limit. Neither is owned by the pump. */
void pump_start(struct pump *p, struct conn *conn, struct endpoint *ep, bool no_input, uint64_t rate);

/* From the start on: each unit of the endpoint's input is one message, and the other way round; ${max} as for
 * framed_new(). For a session that keeps messages, or is not ready and will be given up otherwise. 0, or -1 without
 * memory. */
int pump_keep_messages(struct pump *p, enum framing framing, size_t max) __attribute__((warn_unused_result));

/* What a sleep that begins now would be for. */
enum waits_for pump_waits(const struct pump *p);

/* Do what the session's state allows now; to be called whenever the conn says it changed. True
 * once the session is closed: then pump_stop() and pump_status(). */
bool pump_step(struct pump *p);

/* Stop watching. The endpoint has seen end or abort. */
void pump_stop(struct pump *p);

/* The exit status, after the session has closed; ${e} gets the error to be told, if any. */
int pump_status(const struct pump *p, struct error *e);

#endif
