/*
 * session: clocks, injected. Every time-out comes when it should and not before, led by
 * session_deadline() alone; a slow application of our own is no silence of the peer; and the deadline
 * never stands still in the past.
 */
#include "pair.h"

static const uint8_t zeros[200000];

/*
 * Go on with the time from deadline to deadline up to ${until}. What is due is done at its deadline:
 * afterwards none may be left that has passed already.
 */
static void run_to(struct pair *p, int64_t until)
{
	int steps = 0;

	for (;;) {
		int64_t next;

		pair_run(p);
		next = pair_deadline(p);
		CHECK(next < 0 || next > p->now);
		if (next < 0 || next > until || next <= p->now || ++steps > 10000)
			break;
		p->now = next;
	}
	p->now = until;
	pair_run(p);
}

/* ${side} ends with a timeout exactly at ${when} (milliseconds after the start of all at 1000). */
static void check_times_out(struct pair *p, int side, int64_t when, const char *text)
{
	run_to(p, 1000 + when - 1);
	CHECK_INT(side_code(&p->side[side]), ERROR_OK);
	run_to(p, 1000 + when);
	CHECK_INT(side_code(&p->side[side]), ERROR_TIMEOUT);
	CHECK(strstr(session_error(&p->side[side].s)->text, text) != NULL);
}

/* One deadline for the whole handshake: a byte now and then does not stretch it. */
static void test_handshake(void)
{
	for (int round = 0; round < 6; round++) {
		struct pair p;
		struct side *slow = &p.side[round & 1], *waits = &p.side[!(round & 1)];

		pair_init(&p, round < 2 ? "XX" : "IK");
		waits->config.handshake_ms = 10000;
		waits->config.keepalive_ms = 1000;
		waits->config.idle_ms = 500;
		slow->wire_out = 1;
		slow->cable.stalled = true;
		pair_start(&p);
		for (int ms = 0; ms < 10000; ms += 100) {
			p.now = 1000 + ms;
			pair_run(&p);
			CHECK(!waits->opened);
			CHECK_INT(side_code(waits), ERROR_OK);
			CHECK_INT(session_deadline(&waits->s), 11000);
			/* One byte each 0.1 s, or none at all. */
			if (round >= 4 && (session_state(&slow->s) & SESSION_SEND_WIRE) &&
			    slow->cable.tail < 95) {
				slow->cable.stalled = false;
				move_out(slow);
				slow->cable.stalled = true;
			}
		}
		p.now = 10999;
		pair_run(&p);
		CHECK_INT(side_code(waits), ERROR_OK);
		p.now = 11000;
		pair_run(&p);
		CHECK_INT(side_code(waits), ERROR_TIMEOUT);
		CHECK(side_closed(waits));
		pair_free(&p);
	}
}

/* It runs up to READY, and while the verdict is awaited; the peer is told if it can be. */
static void test_handshake_up_to_ready(void)
{
	for (int side = 0; side < 2; side++) {
		struct pair p;

		pair_init(&p, "XX");
		p.side[side].config.handshake_ms = 3000;
		p.side[1].hold_judge = true;
		pair_start(&p);
		check_times_out(&p, side, 3000, "handshake took too long");
		CHECK(p.side[side].s.close_sent);
		run_to(&p, 20000);
		/* (A responder that still judges does not look at what stands behind OPEN.) */
		CHECK_INT(side_code(&p.side[!side]), side == 0 ? ERROR_NETWORK : ERROR_TIMEOUT);
		CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
		pair_free(&p);
	}
}

/* From the first byte of a frame to its last, however many come in between. */
static void test_message(void)
{
	struct pair p;
	struct cable *c = &p.side[0].cable;

	pair_init(&p, "NN");
	p.side[1].config.message_ms = 5000;
	pair_open(&p);
	forge(&p.side[0], V1_DATA, zeros, 1000);
	c->withheld = 4 + 1 + 1000 + 16;
	run_to(&p, 50000);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK); /* between frames it does not run */
	for (int64_t at = 50000; at < 55000; at += 100) {
		p.now = at;
		c->withheld--;
		pair_run(&p);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		CHECK_INT(session_deadline(&p.side[1].s), 55000);
	}
	check_times_out(&p, 1, 54000, "in the middle of a record");
	CHECK_INT(p.side[1].got_len, 0);
	pair_free(&p);
}

/* A frame in time, and the next one has its own time. */
static void test_message_anew(void)
{
	struct pair p;
	struct cable *c = &p.side[0].cable;

	pair_init(&p, "NN");
	p.side[1].config.message_ms = 5000;
	pair_open(&p);
	for (int i = 0; i < 5; i++) {
		forge(&p.side[0], V1_DATA, zeros, 10);
		c->withheld = 9;
		run_to(&p, p.now + 4999);
		c->withheld = 0;
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, 10 * (i + 1));
	}
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	pair_free(&p);
}

static void test_idle(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.idle_ms = 5000;
	p.side[0].config.keepalive_ms = p.side[1].config.keepalive_ms = 1000;
	pair_open(&p);
	run_to(&p, 5000);
	side_input(&p.side[0], zeros, 1);
	run_to(&p, 9000);
	forge(&p.side[1], V1_DATA, "x", 1);
	run_to(&p, 9001);
	/* PINGs are no data. */
	check_times_out(&p, 0, 13000, "no data either way");
	pair_free(&p);
}

/* What the peer does not take is back-pressure; the clock starts when it has taken it. */
static void test_not_idle_while_blocked(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.idle_ms = 5000;
	pair_open(&p);
	p.side[0].cable.stalled = true;
	side_input(&p.side[0], zeros, 1000);
	run_to(&p, 60000);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	p.side[0].cable.stalled = false;
	pair_run(&p);
	check_times_out(&p, 0, 59000 + 5000, "no data either way");
	CHECK_INT(p.side[1].got_len, 1000);
	pair_free(&p);
}

/* A time-out while our own application ends its output would blame the peer for it. */
static void test_idle_at_the_end(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.idle_ms = 5000;
	p.side[0].hold_receipt = true;
	pair_start(&p);
	run_to(&p, 100000);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	p.side[0].hold_receipt = false;
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
	pair_free(&p);
}

/* PINGs keep a silent session alive; without answers it ends after three intervals. */
static void test_keepalive(void)
{
	for (int one = 0; one < 2; one++) {
		struct pair p;
		size_t before;

		pair_init(&p, "XX");
		p.side[0].config.keepalive_ms = 15000;
		p.side[1].config.keepalive_ms = one ? 0 : 15000;
		pair_open(&p);
		before = p.side[0].cable.tail;
		run_to(&p, 1000 + 14999);
		CHECK_INT(p.side[0].cable.tail, before);
		run_to(&p, 1000 + 15000);
		CHECK(p.side[0].cable.tail > before);
		run_to(&p, 1000 + 3600000);
		CHECK_INT(side_code(&p.side[0]), ERROR_OK);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		CHECK(p.side[0].s.rtt_ms >= 0);
		/* About one exchange each 15 s, not more. */
		CHECK(p.side[0].cable.tail - before < 3600 / 15 * 29 * 5 / 2);
		p.side[1].cable.stalled = true;
		run_to(&p, p.now + 100000);
		CHECK_INT(side_code(&p.side[0]), ERROR_TIMEOUT);
		CHECK(strstr(session_error(&p.side[0].s)->text, "nothing heard from the peer for 45 s") != NULL);
		pair_free(&p);
	}
}

static void test_dead_peer_in_time(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.keepalive_ms = 15000;
	pair_open(&p);
	p.side[1].cable.stalled = true;
	check_times_out(&p, 0, 45000, "nothing heard");
	CHECK(p.side[0].s.close_sent);
	pair_free(&p);
}

/* The peer is heard in each byte, also of a long record on a slow line. */
static void test_slow_line_is_alive(void)
{
	struct pair p;
	struct cable *c = &p.side[1].cable;

	pair_init(&p, "XX");
	p.side[0].config.keepalive_ms = 1000;
	p.side[1].config.keepalive_ms = 1000;
	pair_open(&p);
	forge(&p.side[1], V1_DATA, zeros, 100);
	c->withheld = 100;
	c->stalled = true; /* no PING comes in between */
	while (c->withheld > 0) {
		c->withheld--;
		run_to(&p, p.now + 2900);
		CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	}
	c->stalled = false;
	run_to(&p, p.now + 10000);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(p.side[0].got_len, 100);
	pair_free(&p);
}

/*
 * Our application does not read: no clock of the peer runs, however the pauses fall. When it takes
 * again, all of them begin anew.
 */
static void test_deaf_application(void)
{
	for (int64_t pause = 500; pause < 60000; pause += 977) {
		struct pair p;
		struct side *b = &p.side[1];

		pair_init(&p, "NN");
		b->config.keepalive_ms = pause % 2 ? 15000 : 0;
		b->config.message_ms = 300;
		b->config.idle_ms = 400;
		p.side[0].config.idle_ms = 1000000;
		pair_open(&p);
		b->deaf = true;
		side_input(&p.side[0], zeros, sizeof(zeros));
		run_to(&p, p.now + pause);
		CHECK_INT(side_code(b), ERROR_OK);
		CHECK(b->s.in_tail == b->s.in_cap);
		b->deaf = false;
		p.side[0].cable.stalled = true;
		CHECK(move_output(b));
		session_tick(&b->s, p.now);
		CHECK_INT(side_code(b), ERROR_OK);
		p.side[0].cable.stalled = false;
		run_to(&p, p.now + 200);
		CHECK_INT(side_code(b), ERROR_OK);
		CHECK_INT(b->got_len, sizeof(zeros));
		pair_free(&p);
	}
}

/* The wire takes nothing, for hours: PINGs neither pile up nor make the caller spin. */
static void test_blocked_wire(void)
{
	for (int big = 0; big < 2; big++) {
		struct pair p;
		struct side *a = &p.side[0];

		pair_init(&p, "NN");
		a->config.keepalive_ms = 15000;
		a->out_cap = big ? SESSION_BIGBUF : SESSION_FRAMEMAX;
		pair_open(&p);
		a->cable.stalled = true;
		side_input(a, zeros, sizeof(zeros));
		for (int i = 0; i < 10000; i++) {
			int64_t at = session_deadline(&a->s);

			CHECK(at > p.now);
			p.now = at < p.now + 10000 ? at : p.now + 10000;
			pair_run(&p); /* (the other side shows by itself that it lives) */
		}
		CHECK_INT(side_code(a), ERROR_OK);
		a->cable.stalled = false;
		run_to(&p, p.now + 1);
		CHECK_INT(side_code(a), ERROR_OK);
		CHECK_INT(p.side[1].got_len, sizeof(zeros));
		pair_free(&p);
	}
}

/* The write side is broken, the read side goes on for a while: no spinning either. */
static void test_broken_write_side(void)
{
	for (int own = 0; own < 2; own++) {
		struct pair p;
		struct side *a = &p.side[0];

		pair_init(&p, "NN");
		a->config.keepalive_ms = own ? 15000 : 0;
		p.side[1].config.keepalive_ms = 15000;
		pair_open(&p);
		session_broken(&a->s, false, "broken pipe");
		p.side[1].cable.stalled = true;
		for (int i = 0; i < 20 && !side_closed(a); i++) {
			int64_t at = session_deadline(&a->s);

			CHECK(at > p.now || (at == -1 && !own));
			p.now = at > 0 ? at : p.now + 10000;
			session_tick(&a->s, p.now);
		}
		CHECK_INT(side_code(a), own ? ERROR_TIMEOUT : ERROR_OK);
		pair_free(&p);
	}
}

/* This process stood still for a night: that is not the peer's silence, at any stage. */
static void test_resumed(void)
{
	struct pair p;

	pair_init(&p, "XX");
	for (int i = 0; i < 2; i++) {
		p.side[i].config.keepalive_ms = 15000;
		p.side[i].config.handshake_ms = p.side[i].config.idle_ms = p.side[i].config.message_ms = 20000;
	}
	p.side[1].hold_judge = true;
	p.side[0].stay_open = p.side[1].stay_open = true;
	pair_start(&p);
	for (int stage = 0; stage < 3; stage++) {
		pair_run(&p);
		p.now += 30000000;
		for (int i = 0; i < 2; i++) {
			session_resumed(&p.side[i].s, p.now);
			CHECK(session_deadline(&p.side[i].s) > p.now);
		}
		p.side[1].hold_judge = false;
		if (stage == 1)
			forge(&p.side[0], V1_DATA, "x", 1);
		p.side[0].cable.withheld = stage == 1;
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), ERROR_OK);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	}
	CHECK_INT(p.side[1].got_len, 1);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_handshake);
	RUN(test_handshake_up_to_ready);
	RUN(test_message);
	RUN(test_message_anew);
	RUN(test_idle);
	RUN(test_not_idle_while_blocked);
	RUN(test_idle_at_the_end);
	RUN(test_keepalive);
	RUN(test_dead_peer_in_time);
	RUN(test_slow_line_is_alive);
	RUN(test_deaf_application);
	RUN(test_blocked_wire);
	RUN(test_broken_write_side);
	RUN(test_resumed);
	UNIT_DONE();
}
