/*
 * session: how it ends. Receipts and stops of every kind, at every moment; abort in every phase;
 * the transport is shut down when all is said and not before; the wait for the peer's end is bounded.
 */
#include "pair.h"

static uint8_t data[100000];

static void begin(struct pair *p, size_t n0, size_t n1)
{
	pair_init(p, "XX");
	side_input(&p->side[0], data, n0);
	side_input(&p->side[1], data, n1);
}

static void check_codes(const struct pair *p, enum error_code a, enum error_code b)
{
	CHECK(side_closed(&p->side[0]) && side_closed(&p->side[1]));
	CHECK_INT(side_code(&p->side[0]), a);
	CHECK_INT(side_code(&p->side[1]), b);
}

/* One step at a time: the shut-down comes behind EOF and RECEIPT. */
static void test_shut_when_all_is_said(void)
{
	struct pair p;
	bool moved = true;

	begin(&p, 300, 200);
	p.side[0].wire_out = p.side[1].wire_out = 9;
	p.side[0].app_in = p.side[1].app_out = 50;
	pair_start(&p);
	while (moved) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			struct side *a = &p.side[i];

			moved |= pair_step_side(&p, i);
			if (!a->cable.shut)
				continue;
			CHECK(a->s.eof_sent && a->s.receipt_sent);
			CHECK_INT(a->s.out_head, a->s.out_tail);
		}
	}
	check_codes(&p, ERROR_OK, ERROR_OK);
	pair_free(&p);
}

/* All is said and heard, but the peer's FIN does not come. */
static void test_linger(void)
{
	for (int hurry = 0; hurry < 3; hurry++) {
		struct pair p;
		struct side *a = &p.side[0];
		int64_t limit = hurry ? 100 : 5000;

		begin(&p, 10, 0);
		pair_start(&p);
		if (hurry == 1)
			session_hurry(&a->s, 100);
		p.side[1].cable.fin_told = true; /* it will never be told */
		pair_run(&p);
		CHECK(!side_closed(a));
		CHECK_INT(a->s.phase, PHASE_LINGER);
		CHECK(session_state(&a->s) & SESSION_SHUT_WIRE);
		CHECK(session_state(&a->s) & SESSION_INPUT_DONE);
		CHECK(session_state(&a->s) & SESSION_RECV_WIRE);
		CHECK_INT(session_deadline(&a->s), hurry == 1 ? 1100 : 6000);
		if (hurry == 2)
			session_hurry(&a->s, 100);
		CHECK_INT(session_deadline(&a->s), 1000 + limit);
		session_tick(&a->s, 1000 + limit - 1);
		CHECK(!side_closed(a));
		session_tick(&a->s, 1000 + limit);
		check_codes(&p, ERROR_OK, ERROR_OK);
		pair_free(&p);
	}
}

/* In the last wait nothing can spoil what is confirmed. */
static void test_nothing_spoils_the_end(void)
{
	for (int what = 0; what < 5; what++) {
		struct pair p;
		struct side *a = &p.side[0];

		begin(&p, 10, 20);
		pair_start(&p);
		p.side[1].cable.fin_told = true;
		pair_run(&p);
		CHECK_INT(a->s.phase, PHASE_LINGER);
		if (what == 0)
			session_abort(&a->s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
		else if (what == 1)
			session_broken(&a->s, true, "reset");
		else if (what == 2)
			session_broken(&a->s, false, "reset");
		else if (what == 3)
			session_stop(&a->s, RECEIPT_FAILED, 0);
		else
			session_refuse_busy(&a->s);
		session_end(&a->s);
		cable_put(&p.side[1].cable, data, 5000);
		pair_run(&p);
		session_tick(&a->s, 7000);
		check_codes(&p, ERROR_OK, ERROR_OK);
		pair_free(&p);
	}
}

/* Status and detail arrive as they were given, decide the outcome, and the session still ends in order. */
static void test_receipts(void)
{
	static const struct {
		enum session_receipt_status status;
		uint8_t detail;
		enum error_code code;
		const char *text;
	} receipts[] = {
	    {RECEIPT_DONE, 0, ERROR_OK, ""},
	    {RECEIPT_FAILED, 0, ERROR_PEER, "could not write out"},
	    {RECEIPT_CHILD, 3, ERROR_PEER, "the peer's command ended with status 3"},
	    {RECEIPT_CHILD, 255, ERROR_PEER, "status 255"},
	    {(enum session_receipt_status)9, 1, ERROR_PEER, "could not write out"},
	};

	for (size_t i = 0; i < sizeof(receipts) / sizeof(receipts[0]); i++) {
		for (int order = 0; order < 2; order++) {
			struct pair p;

			begin(&p, 500, 600);
			p.side[1].status = receipts[i].status;
			p.side[1].detail = receipts[i].detail;
			/* Who hears the bad news may have said all before, or only after it. */
			p.side[0].hold_receipt = order;
			pair_start(&p);
			pair_run(&p);
			p.side[0].hold_receipt = false;
			pair_run(&p);
			check_codes(&p, receipts[i].code, ERROR_OK);
			CHECK_INT(p.side[0].got_len, 600);
			CHECK_INT(p.side[1].got_len, 500);
			CHECK_INT(session_peer(&p.side[0].s)->status, receipts[i].status);
			CHECK_INT(session_peer(&p.side[0].s)->detail, receipts[i].detail);
			CHECK(strstr(session_error(&p.side[0].s)->text, receipts[i].text) != NULL);
			pair_free(&p);
		}
	}
}

/* A receipt for another number of bytes is a lie, also where a command has taken them and is content. */
static void test_receipt_count(void)
{
	static const struct {
		uint8_t status, detail;
		enum error_code other; /* what comes of another number */
	} receipts[] = {
	    {RECEIPT_DONE, 0, ERROR_PROTOCOL}, {RECEIPT_CHILD, 0, ERROR_PROTOCOL}, {RECEIPT_CHILD, 7, ERROR_PEER},
	    {RECEIPT_FAILED, 0, ERROR_PEER}};

	for (uint8_t i = 0; i < 12; i++) {
		struct pair p;
		uint8_t count = 9 + i % 3, status = receipts[i / 3].status, detail = receipts[i / 3].detail;
		uint8_t body[10] = {[7] = count, [8] = status, [9] = detail};
		bool good = status == RECEIPT_DONE || (status == RECEIPT_CHILD && detail == 0);

		begin(&p, 10, 0);
		p.side[1].stay_open = p.side[1].hold_receipt = true;
		pair_start(&p);
		pair_run(&p);
		forge(&p.side[1], V1_RECEIPT, body, sizeof(body));
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), count == 10 && good ? ERROR_OK : receipts[i / 3].other);
		CHECK_INT(session_peer(&p.side[0].s)->receipted, true);
		forge(&p.side[1], V1_RECEIPT, body, sizeof(body));
		pair_run(&p);
		if (good)
			CHECK_INT(side_code(&p.side[0]), ERROR_PROTOCOL); /* a second one */
		pair_free(&p);
	}
}

/* STOP before the peer's EOF, with bytes on their way: a good end only if a command was content without them. */
static void test_stop(void)
{
	static const struct {
		enum session_receipt_status status;
		uint8_t detail;
		enum error_code code;
		bool spare;
	} stops[] = {
	    {RECEIPT_DONE, 0, ERROR_PEER, true},	     /* enough, but more was sent: that is not delivered */
	    {RECEIPT_CHILD, 0, ERROR_OK, false},	     /* a command that was content */
	    {RECEIPT_DONE, STOP_ONE_WAY, ERROR_PEER, false}, /* it takes no input at all, but some was sent */
	    {RECEIPT_DONE, STOP_ONE_WAY, ERROR_OK, true},    /* the same, to somebody who does not mind */
	    {RECEIPT_FAILED, 0, ERROR_PEER, true},
	    {RECEIPT_CHILD, 7, ERROR_PEER, false},
	};

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		for (int stopper = 0; stopper < 2; stopper++) {
			struct pair p;
			struct side *a = &p.side[stopper], *b = &p.side[!stopper];

			begin(&p, 0, 0);
			b->config.spare_output = stops[i].spare;
			side_input(b, data, sizeof(data));
			b->stay_open = true;
			a->app_out = 100;
			pair_start(&p);
			while (a->got_len < 1000)
				if (!pair_step_side(&p, 0) && !pair_step_side(&p, 1))
					break;
			CHECK(!a->s.peer_eof);
			session_stop(&a->s, stops[i].status, stops[i].detail);
			CHECK(!(session_state(&a->s) & SESSION_RECV_APP));
			b->stay_open = false;
			pair_run(&p);
			check_codes(&p, stopper ? stops[i].code : ERROR_OK, stopper ? ERROR_OK : stops[i].code);
			CHECK_INT(a->got_len, 1000);
			CHECK(session_peer(&b->s)->stopped && session_peer(&b->s)->status == stops[i].status);
			pair_free(&p);
		}
	}
}

/* 'Enough' when all has arrived but not all was taken. */
static void test_stop_after_eof(void)
{
	/* All need all bytes, but a command that is content; a failure is one whatever was taken. */
	static const struct {
		enum session_receipt_status status;
		uint8_t detail;
		enum error_code some, all; /* when some bytes were taken, and all */
		int child;		   /* session_child_status() */
	} ends[] = {{RECEIPT_DONE, 0, ERROR_PEER, ERROR_OK, -1}, {RECEIPT_FAILED, 0, ERROR_PEER, ERROR_PEER, -1},
	    {RECEIPT_CHILD, 0, ERROR_OK, ERROR_OK, 0}, {RECEIPT_CHILD, 7, ERROR_PEER, ERROR_PEER, 7}};

	for (int taken = 0; taken < 3; taken++) {
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			struct pair p;
			struct side *b = &p.side[1];

			begin(&p, 1000, 0);
			b->app_out = 10;
			b->deaf = b->hold_receipt = true;
			pair_start(&p);
			pair_run(&p);
			CHECK(b->s.peer_eof);
			b->deaf = taken == 0;
			if (taken == 1)
				CHECK(move_output(b));
			if (taken == 2)
				pair_run(&p);
			session_stop(&b->s, ends[i].status, ends[i].detail);
			b->hold_receipt = false;
			pair_run(&p);
			check_codes(&p, taken < 2 ? ends[i].some : ends[i].all, ERROR_OK);
			CHECK_INT(session_child_status(&p.side[0].s), ends[i].child);
			CHECK_INT(b->got_len, taken == 0 ? 0 : taken == 1 ? 10 : 1000);
			CHECK(!b->finished);
			CHECK(session_peer(&p.side[0].s)->stopped != session_peer(&p.side[0].s)->receipted);
			pair_free(&p);
		}
	}
}

/* What a command's status is worth when the rest of the session fails: less than that. */
static void test_child_then_cut(void)
{
	struct pair p;

	begin(&p, 1000, 0);
	p.side[1].stay_open = p.side[1].deaf = true;
	pair_start(&p);
	pair_run(&p);
	session_stop(&p.side[1].s, RECEIPT_CHILD, 7);
	pair_run(&p);
	CHECK_INT(session_child_status(&p.side[0].s), 7);
	CHECK_INT(side_code(&p.side[0]), ERROR_PEER);
	session_fin(&p.side[0].s);
	CHECK_INT(side_code(&p.side[0]), ERROR_TRUNCATED);
	CHECK_INT(session_child_status(&p.side[0].s), -1);
	pair_free(&p);
}

/* One-way modes: only the direction in use must be confirmed when the transport dies. */
static void test_one_way_cut(void)
{
	for (int receiver = 0; receiver < 2; receiver++) {
		struct pair p;
		struct side *r = &p.side[receiver], *t = &p.side[!receiver];

		begin(&p, 0, 0);
		side_input(t, data, 5000);
		r->config.send_nothing = true;
		pair_start(&p);
		r->config.send_nothing = true;
		while (!r->s.receipt_sent)
			if (!pair_step_side(&p, receiver) && !pair_step_side(&p, !receiver))
				break;
		CHECK(r->s.receipt_sent && r->s.peer_eof);
		r->s.peer.receipted = false;
		session_fin(&r->s);
		session_tick(&r->s, r->s.now);
		CHECK_INT(side_code(r), ERROR_OK);
		CHECK_INT(r->got_len, 5000);
		pair_free(&p);
	}
}

/* Before anything was agreed: it is kept, and said when it may be. */
static void test_early_words(void)
{
	struct pair p;

	begin(&p, 0, 0);
	pair_start(&p);
	session_end(&p.side[0].s);
	session_stop(&p.side[0].s, RECEIPT_DONE, 0);
	session_end(&p.side[1].s);
	session_stop(&p.side[1].s, RECEIPT_DONE, 0);
	CHECK(session_state(&p.side[0].s) & SESSION_INPUT_DONE);
	pair_run(&p);
	check_codes(&p, ERROR_OK, ERROR_OK);
	pair_free(&p);
}

/* A STOP on its way while the other side ends by itself, and a STOP from both. */
static void test_crossing(void)
{
	for (int both = 0; both < 2; both++) {
		struct pair p;

		pair_init(&p, "XX");
		pair_open(&p);
		forge(&p.side[0], V1_DATA, "abc", 3);
		p.side[0].s.sent = 3;
		p.side[1].deaf = true;
		pair_run(&p);
		p.side[0].cable.stalled = p.side[1].cable.stalled = true;
		session_stop(&p.side[1].s, RECEIPT_FAILED, 0);
		if (both)
			session_stop(&p.side[0].s, RECEIPT_DONE, 0);
		session_end(&p.side[0].s);
		session_end(&p.side[1].s);
		p.side[0].stay_open = p.side[1].stay_open = false;
		p.side[0].ended = p.side[1].ended = true;
		pair_run(&p);
		p.side[0].cable.stalled = p.side[1].cable.stalled = false;
		pair_run(&p);
		check_codes(&p, ERROR_PEER, ERROR_OK); /* three bytes were lost */
		pair_free(&p);
	}
}

/* Only our receipt could not leave any more: then our own end is good, the peer's is not sure. */
static void test_broken_before_receipt(void)
{
	for (int receipt = 0; receipt < 2; receipt++) {
		struct pair p;
		struct side *b = &p.side[1];

		begin(&p, 100, 50);
		b->hold_receipt = true;
		pair_start(&p);
		pair_run(&p);
		CHECK(session_state(&b->s) & SESSION_FINISH_APP);
		session_broken(&b->s, false, "broken pipe");
		b->hold_receipt = false;
		b->status = receipt ? RECEIPT_FAILED : RECEIPT_DONE;
		pair_run(&p);
		CHECK_INT(session_state(&b->s) & (SESSION_SEND_WIRE | SESSION_SHUT_WIRE), 0);
		check_codes(&p, ERROR_TRUNCATED, ERROR_OK);
		pair_free(&p);
	}
}

/* Broken for writing while data waits: the peer's words are still read, and are the better reason. */
static void test_broken_then_told(void)
{
	struct pair p;

	pair_init(&p, "XX");
	pair_open(&p);
	session_abort(&p.side[1].s, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "shut down");
	pair_step_side(&p, 1);
	side_input(&p.side[0], data, 1000);
	session_broken(&p.side[0].s, false, "broken pipe");
	CHECK(!(session_state(&p.side[0].s) & SESSION_SEND_APP));
	pair_run(&p);
	CHECK_STR(session_error(&p.side[0].s)->text, "the peer is shutting down");
	CHECK(side_closed(&p.side[0]));
	pair_free(&p);
}

/* Abort after so many steps, by either side: both end, nobody with success, and the peer knows why. */
static void test_abort_anywhere(void)
{
	for (int who = 0; who < 2; who++) {
		for (int steps = 0; steps < 60; steps++) {
			struct pair p;
			struct side *a = &p.side[who], *b = &p.side[!who];
			bool ready;

			begin(&p, 60, 40);
			for (int i = 0; i < 2; i++) {
				p.side[i].wire_in = 30;
				p.side[i].app_in = 10;
			}
			a->hold_receipt = true;
			pair_start(&p);
			for (int i = 0; i < steps; i++)
				pair_step_side(&p, i % 2);
			ready = a->s.phase == PHASE_RUN;
			session_abort(&a->s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
			CHECK_STR(session_error(&a->s)->text, "interrupted");
			CHECK_INT(side_closed(a), !ready);
			CHECK(pair_finish(&p));
			CHECK(side_closed(a) && side_closed(b));
			CHECK(side_code(a) == ERROR_TRUNCATED && side_code(b) != ERROR_OK);
			if (ready && b->s.phase == PHASE_LINGER && b->s.ready)
				CHECK(strncmp(session_error(&b->s)->text, "the peer was interrupted", 24) == 0);
			pair_free(&p);
		}
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11 + i / 300);
	RUN(test_shut_when_all_is_said);
	RUN(test_linger);
	RUN(test_nothing_spoils_the_end);
	RUN(test_receipts);
	RUN(test_receipt_count);
	RUN(test_stop);
	RUN(test_stop_after_eof);
	RUN(test_child_then_cut);
	RUN(test_one_way_cut);
	RUN(test_early_words);
	RUN(test_crossing);
	RUN(test_broken_before_receipt);
	RUN(test_broken_then_told);
	RUN(test_abort_anywhere);
	UNIT_DONE();
}
