/*
 * relay_flow: one direction of one relayed connection.
 *
 * Bytes are read into ${in}, walk through the faults into ${out}, and are written from there at
 * the wanted pace. Nothing is read before everything read earlier is written: back-pressure
 * passes through, and memory is bounded. A fault that ends or stops the flow becomes ${pending}:
 * no byte is taken from ${in} any more, and once ${out} is written the connection carries it out.
 */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay_faults.h"

#define FLOW_IN 65536
#define FLOW_OUT (4 * 65536 + UNIT_MAX)
#define FLOW_ROOM (FLOW_IN + UNIT_MAX) /* the most that one step adds to ${out} */

enum flow_state {
	FLOW_RUN,
	FLOW_SILENT,  /* neither read nor written */
	FLOW_DISCARD, /* read to the end, nothing is written */
	FLOW_DONE,
};

/* Pace, the same for every connection and direction. */
struct shape {
	uint32_t chunk;	      /* bytes a write at most */
	uint64_t pause;	      /* nanoseconds between writes */
	uint64_t rate;	      /* bytes a second, 0 = as fast as it goes */
	bool nodelay;
};

/* A fault as it stands in one connection. */
struct armed {
	struct fault *fault;
	bool over;
};

struct flow {
	int from, to;
	bool s2c;
	enum flow_state state;
	struct units units;
	struct handshake_shape *shape; /* shared by both directions */
	struct armed faults[FAULTS_MAX];
	unsigned fault_count;

	uint8_t in[FLOW_IN], out[FLOW_OUT], held[UNIT_MAX];
	uint32_t in_at, in_len, out_at, out_len, held_len;
	uint64_t pos;		 /* bytes taken from ${in} */
	uint64_t received, sent; /* bytes on the sockets */
	bool eof;		 /* ${from} ended */
	struct armed *pending;
	uint64_t not_before;	 /* pace: no write before this time */

	uint64_t drop_left;
	uint8_t flip;
	struct armed *drop_unit, *repeat_unit, *swap_unit;
	unsigned swap_stage;	 /* 1: frame K is held back, 2: frame K+1 passes */
};

static void flow_happened(const struct flow *f, struct armed *a)
{
	a->fault->done++;
	a->fault->done_at = f->pos;
}

static void flow_emit(struct flow *f, const uint8_t *p, uint32_t n)
{
	memcpy(f->out + f->out_len, p, n);
	f->out_len += n;
}

static void flow_hold(struct flow *f, const uint8_t *p, uint32_t n)
{
	if (f->held_len + n > sizeof(f->held))
		abort(); /* a unit is never longer */
	memcpy(f->held + f->held_len, p, n);
	f->held_len += n;
}

static void flow_release(struct flow *f)
{
	flow_emit(f, f->held, f->held_len);
	f->held_len = 0;
}

/* Only one fault at a time may use ${held}. */
static bool flow_start_frame_fault(struct flow *f, struct armed *a)
{
	if (a->fault->kind != FAULT_DROP_FRAME && (f->repeat_unit || f->swap_unit))
		return false;
	if (a->fault->kind == FAULT_DROP_FRAME)
		f->drop_unit = a;
	else if (a->fault->kind == FAULT_REPEAT_FRAME)
		f->repeat_unit = a;
	else {
		f->swap_unit = a;
		f->swap_stage = 1;
	}
	return true;
}

static void flow_insert(struct flow *f, uint64_t n)
{
	uint64_t seed = f->pos;

	while (n-- > 0) {
		uint8_t byte = (uint8_t)fault_random(&seed);

		flow_emit(f, &byte, 1);
	}
}

static void flow_fire(struct flow *f, struct armed *a)
{
	a->over = true;
	switch (a->fault->kind) {
	case FAULT_FLIP:
		f->flip = (uint8_t)(1u << a->fault->arg);
		flow_happened(f, a);
		break;
	case FAULT_DROP:
		f->drop_left = a->fault->arg;
		flow_happened(f, a);
		break;
	case FAULT_INSERT:
		flow_insert(f, a->fault->arg);
		flow_happened(f, a);
		break;
	case FAULT_DROP_FRAME:
	case FAULT_REPEAT_FRAME:
	case FAULT_SWAP_FRAME:
		(void)flow_start_frame_fault(f, a);
		break;
	default:
		f->pending = a;
	}
}

/* Fire what stands here; return how many bytes may pass before the next fault. */
static uint64_t flow_fire_here(struct flow *f)
{
	uint64_t where, room = UINT64_MAX;
	bool have_byte = f->in_len > f->in_at;

	for (unsigned i = 0; i < f->fault_count && !f->pending; i++) {
		struct armed *a = &f->faults[i];

		if (a->over || !fault_position(a->fault, &f->units, f->pos, &where) ||
		    where < f->pos)
			continue;
		if (where > f->pos) {
			room = where - f->pos < room ? where - f->pos : room;
			continue;
		}
		if (have_byte || !fault_needs_byte(a->fault))
			flow_fire(f, a);
	}
	return room;
}

static void flow_unit_end(struct flow *f)
{
	if (f->drop_unit) {
		flow_happened(f, f->drop_unit);
		f->drop_unit = NULL;
	} else if (f->repeat_unit) {
		flow_happened(f, f->repeat_unit);
		f->repeat_unit = NULL;
		flow_release(f);
	} else if (f->swap_stage == 1) {
		f->swap_stage = 2;
	} else if (f->swap_stage == 2) {
		flow_happened(f, f->swap_unit);
		f->swap_unit = NULL;
		f->swap_stage = 0;
		flow_release(f);
	}
	units_end(&f->units, f->shape);
}

/* Take ${n} bytes, within one unit and not across any fault. */
static void flow_take(struct flow *f, uint32_t n)
{
	uint8_t *p = f->in + f->in_at;
	bool unit_end = units_pass(&f->units, f->shape, p, n);

	f->in_at += n;
	f->pos += n;
	p[0] ^= f->flip;
	f->flip = 0;
	if (f->drop_left > 0)
		f->drop_left -= n;
	else if (!f->drop_unit && f->swap_stage != 1)
		flow_emit(f, p, n);
	if (f->repeat_unit || f->swap_stage == 1)
		flow_hold(f, p, n);
	if (unit_end)
		flow_unit_end(f);
}

/* Walk bytes from ${in} to ${out} as far as there is room and no fault stops it. */
static void flow_step(struct flow *f)
{
	if (f->units.kind == UNIT_NONE)
		units_next(&f->units, f->shape);
	if (f->units.kind == UNIT_NONE && f->in_len > f->in_at)
		f->units.kind = UNIT_RAW; /* the responder spoke first: not vault/1 */
	while (f->state == FLOW_RUN && !f->pending && FLOW_OUT - f->out_len >= FLOW_ROOM) {
		uint64_t n = flow_fire_here(f);

		if (f->pending || f->in_at == f->in_len)
			break;
		if (n > f->in_len - f->in_at)
			n = f->in_len - f->in_at;
		if (n > units_left(&f->units))
			n = units_left(&f->units);
		if (f->flip)
			n = 1;
		if (f->drop_left > 0 && n > f->drop_left)
			n = f->drop_left;
		flow_take(f, (uint32_t)n);
	}
	if (f->eof && f->in_at == f->in_len && f->held_len > 0) { /* frame K+1 never came */
		flow_release(f);
		f->swap_stage = 0;
		f->swap_unit = f->repeat_unit = NULL;
	}
}

static bool flow_wants_read(const struct flow *f)
{
	if (f->eof)
		return false;
	return f->state == FLOW_DISCARD || (f->state == FLOW_RUN && !f->pending &&
	    f->in_at == f->in_len && f->out_at == f->out_len);
}

static bool flow_wants_write(const struct flow *f)
{
	return f->state == FLOW_RUN && f->out_at < f->out_len;
}

/* Read once. 1 progress, 0 nothing now, -1 the connection was reset. */
static int flow_read(struct flow *f)
{
	ssize_t n = read(f->from, f->in, sizeof(f->in));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	f->eof = n == 0;
	f->received += (uint64_t)n;
	f->in_at = 0;
	f->in_len = f->state == FLOW_DISCARD ? 0 : (uint32_t)n;
	return 1;
}

#define PACE_SLACK 20000000u /* ns: being late by less is caught up with */

/* When the next write may be: with a rate, counted from when this one might have been. */
static uint64_t flow_next(const struct flow *f, const struct shape *shape, size_t done, uint64_t now)
{
	uint64_t from = now;

	if (shape->rate == 0)
		return now + shape->pause;
	if (shape->pause == 0 && f->not_before <= now && now - f->not_before < PACE_SLACK)
		from = f->not_before;
	return from + shape->pause + (uint64_t)done * 1000000000u / shape->rate;
}

/* Write once. 1 progress, 0 nothing now, -1 the receiver is gone. */
static int flow_write(struct flow *f, const struct shape *shape, uint64_t now)
{
	uint32_t n = f->out_len - f->out_at;
	ssize_t done;

	if (shape->chunk > 0 && n > shape->chunk)
		n = shape->chunk;
	done = send(f->to, f->out + f->out_at, n, MSG_NOSIGNAL);
	if (done < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	f->out_at += (uint32_t)done;
	f->sent += (uint64_t)done;
	if (f->out_at == f->out_len)
		f->out_at = f->out_len = 0;
	f->not_before = flow_next(f, shape, (size_t)done, now);
	return 1;
}

#endif
