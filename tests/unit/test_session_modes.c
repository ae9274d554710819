/*
 * session: what two honest sides can agree on. Compression, message boundaries, a probe, one-way modes; and that an
 * idle session needs no memory.
 */
#include "whole_pair.h"

static void test_compression(void)
{
	static uint8_t noise[300000];

	randombytes_buf_deterministic(noise, sizeof(noise), (const uint8_t[randombytes_SEEDBYTES]){7});
	for (int mix = 0; mix < 4; mix++) {
		struct pair p;

		pair_init(&p, "XX");
		inputs(&p, sizeof(data[0]), 0);
		side_input(&p.side[1], noise, sizeof(noise));
		p.side[0].config.compress = mix & 1;
		p.side[1].config.compress = mix & 2;
		pair_start(&p);
		pair_run(&p);
		check_complete(&p);
		CHECK_INT(p.side[0].s.compress, mix == 3);
		CHECK_INT(p.side[1].s.compress, mix == 3);
		CHECK((p.side[0].cable.tail < sizeof(data[0]) / 10) == (mix == 3));
		CHECK(p.side[1].cable.tail < sizeof(noise) + 1000);
		pair_free(&p);
	}
}

/* An aide that works when it is asked, or at the last moment. */
struct slow_aide {
	struct squash_aide base;
	bool late;
	void (*work)(void *arg);
	void *arg;
	unsigned asked;
};

static void aide_start(struct squash_aide *base, void (*work)(void *arg), void *arg)
{
	struct slow_aide *a = (struct slow_aide *)base;

	a->asked++;
	a->work = a->late ? work : NULL;
	a->arg = arg;
	if (!a->late)
		work(arg);
}

static void aide_finish(struct squash_aide *base)
{
	struct slow_aide *a = (struct slow_aide *)base;

	if (a->work)
		a->work(a->arg);
}

/*
 * What shrinks goes in pieces larger than a record, and two at a time with an aide; where it stops to shrink, one
 * piece takes several records. From the last ${noise} bytes of ${size} on it does not.
 */
static void try_large_pieces(size_t size, size_t noise, struct slow_aide *aide, bool messages)
{
	static uint8_t mixed[8 * SQUASH_PLAIN];
	size_t text = size - noise;
	struct pair p;

	for (size_t i = 0; i < text; i++)
		mixed[i] = (uint8_t)(i * 7 + i / 1000);
	randombytes_buf_deterministic(mixed + text, noise, (const uint8_t[randombytes_SEEDBYTES]){8});
	pair_init(&p, "XX");
	side_input(&p.side[0], mixed, size);
	p.side[0].config.compress = p.side[1].config.compress = true;
	p.side[0].config.messages = p.side[1].config.messages = messages;
	p.side[0].config.level = SQUASH_ANY_LEVEL;
	p.side[0].out_cap = p.side[1].in_cap = SESSION_BIGBUF;
	p.side[0].config.aide = aide ? &aide->base : NULL;
	pair_start(&p);
	pair_run(&p);
	check_complete(&p);
	CHECK(p.side[0].cable.tail < 80000 + noise + noise / 50);
	CHECK(p.side[0].s.squashed_from >= text && p.side[0].s.squashed_to < p.side[0].s.squashed_from);
	if (messages)
		CHECK(p.side[0].s.messages_sent >= size / 65536); /* one record each */
	else /* (A first piece of a record; two that may take five each; then records of what does not shrink.) */
		CHECK(p.side[0].s.messages_sent <= 2 + size / SQUASH_PLAIN + (noise > 0 ? 10 + noise / 65000 : 0));
	pair_free(&p);
}

static void test_large_pieces(void)
{
	static const size_t half[] = {0, 1, SQUASH_PLAIN / 2, 2 * SQUASH_PLAIN};
	struct slow_aide now = {.base = {aide_start, aide_finish}}, late = {.base = now.base, .late = true};

	for (size_t i = 0; i < sizeof(half) / sizeof(half[0]); i++) {
		for (size_t size = 3 * SQUASH_PLAIN; size <= 6 * SQUASH_PLAIN; size += SQUASH_PLAIN / 2 + 1) {
			try_large_pieces(size, half[i], NULL, false);
			try_large_pieces(size, half[i], &now, false);
			try_large_pieces(size, half[i], &late, false);
		}
	}
	CHECK(now.asked > 20 && late.asked == now.asked);
	try_large_pieces(3 * SQUASH_PLAIN, 0, &now, true);
	CHECK_INT(now.asked, late.asked);
}

/* Message boundaries survive, also of messages longer than a record. */
static void test_messages(void)
{
	static const size_t lens[] = {1, 70000, 5, 65518, 65519, 131036};
	const struct session_window *w;
	struct pair p;
	size_t at = 0, message = 0, len = 0;

	pair_init(&p, "XX");
	p.side[0].config.messages = p.side[1].config.messages = true;
	p.side[0].out_cap = p.side[1].in_cap = SESSION_BIGBUF;
	p.side[1].deaf = true;
	pair_open(&p);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		side_input(&p.side[0], data[0], at + lens[i]);
		p.side[0].input_pos = at;
		CHECK(move_input(&p.side[0]));
		CHECK_INT(p.side[0].input_pos, at + lens[i]);
		at += lens[i];
		pair_run(&p);
	}
	CHECK_INT(p.side[0].s.messages_sent, 6);
	for (at = 0; (w = session_recv_app_window(&p.side[1].s)) != NULL;) {
		bool more = w->more;

		CHECK_MEM(w->data, data[0] + at, w->len);
		len += w->len;
		at += w->len;
		session_recv_app_ack(&p.side[1].s, w->len);
		if (more)
			continue;
		CHECK(message < 6 && len == lens[message]);
		message++;
		len = 0;
	}
	CHECK_INT(message, 6);
	CHECK_INT(p.side[1].s.messages_received, 6);
	pair_free(&p);
}

/* Messages that were compressed, between others that were not, taken one by one. */
static void test_compressed_messages(void)
{
	static const size_t lens[] = {0, 1000, 0, 2000, 60000, 300, 50000, 0, 64000, 7};
	const struct session_window *w;
	struct pair p;
	size_t at = 0, i = 0, len = 0;

	pair_init(&p, "XX");
	p.side[0].config.messages = p.side[1].config.messages = true;
	p.side[0].config.compress = p.side[1].config.compress = true;
	p.side[0].out_cap = p.side[1].in_cap = SESSION_BIGBUF;
	p.side[1].deaf = true;
	pair_open(&p);
	for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]); k++, at += lens[k - 1]) {
		side_input(&p.side[0], data[0], at + lens[k]);
		p.side[0].input_pos = at;
		if (lens[k] == 0)
			session_send_empty(&p.side[0].s);
		else
			CHECK(move_input(&p.side[0]));
		CHECK_INT(p.side[0].input_pos, at + lens[k]);
		pair_run(&p);
	}
	for (at = 0; (w = session_recv_app_window(&p.side[1].s)) != NULL; pair_run(&p)) {
		bool more = w->more;

		CHECK(w->len == 0 || memcmp(w->data, data[0] + at, w->len) == 0);
		len += w->len;
		at += w->len;
		session_recv_app_ack(&p.side[1].s, w->len);
		if (more)
			continue;
		CHECK(i < sizeof(lens) / sizeof(lens[0]) && len == lens[i]);
		i++;
		len = 0;
	}
	CHECK_INT(i, sizeof(lens) / sizeof(lens[0]));
	pair_free(&p);
}

/* Before READY nobody knows whether boundaries are agreed, so nothing may be sent that has one. */
static void test_no_message_before_ready(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.messages = p.side[1].config.messages = true;
	p.side[0].stay_open = p.side[1].stay_open = p.side[1].hold_judge = true;
	inputs(&p, 100, 0);
	pair_start(&p);
	pair_run(&p);
	CHECK_INT(p.side[0].s.sent, 0);
	p.side[1].hold_judge = false;
	pair_run(&p);
	CHECK_INT(p.side[1].s.messages_received, 1);
	pair_free(&p);
}

static void test_wait_ready(void)
{
	for (int wait = 0; wait < 2; wait++) {
		struct pair p;

		pair_init(&p, "IK");
		p.side[0].config.wait_ready = wait;
		p.side[1].hold_judge = true;
		inputs(&p, 100, 0);
		pair_start(&p);
		pair_run(&p);
		CHECK_INT(p.side[0].s.sent, wait ? 0 : 100);
		CHECK(!p.side[0].opened && !p.side[1].opened && p.side[1].got_len == 0);
		p.side[1].hold_judge = false;
		pair_run(&p);
		check_complete(&p);
		pair_free(&p);
	}
}

static void test_probe(void)
{
	for (int early = 0; early < 2; early++) {
		struct pair p;

		pair_init(&p, early ? "IK" : "XX");
		p.side[0].config.probe = true;
		p.side[0].stay_open = p.side[1].stay_open = true;
		inputs(&p, 10, 10);
		pair_start(&p);
		pair_run(&p);
		for (int i = 0; i < 2; i++) {
			CHECK(side_closed(&p.side[i]));
			CHECK_INT(side_code(&p.side[i]), ERROR_OK);
			CHECK_INT(p.side[i].got_len, 0);
			CHECK_INT(session_peer(&p.side[i].s)->probe, i == 1);
		}
		CHECK(p.side[0].s.rtt_ms >= 0);
		pair_free(&p);
	}
}

/* A side that takes nothing: an empty direction ends well, a byte in it is an error of the sender. */
static void test_take_nothing(void)
{
	for (int taker = 0; taker < 2; taker++) {
		for (size_t n = 0; n < 2; n++) {
			struct pair p;
			struct side *sender;

			pair_init(&p, "XX");
			sender = &p.side[!taker];
			p.side[taker].config.take_nothing = true;
			side_input(&p.side[taker], data[0], 5000);
			sender->stay_open = n == 0;
			/* The initiator's byte is on its way before the STOP comes; the responder's is not. */
			side_input(sender, data[1], n);
			pair_start(&p);
			pair_run(&p);
			CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
			CHECK_INT(sender->got_len, 5000);
			CHECK_INT(side_code(&p.side[taker]), ERROR_OK);
			CHECK_INT(side_code(sender), sender->s.sent > 0 ? ERROR_PEER : ERROR_OK);
			CHECK_INT(p.side[taker].got_len, 0);
			pair_free(&p);
		}
	}
}

/* An idle session needs neither desk nor buffers, and goes on with others. */
static void test_rest(void)
{
	static const uint8_t text[] = "after a rest";
	struct pair p;

	pair_init(&p, "XX");
	pair_start(&p);
	CHECK(!session_rest(&p.side[0].s)); /* it shakes hands */
	p.side[0].stay_open = p.side[1].stay_open = true;
	pair_run(&p);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++) {
			struct side *a = &p.side[i];

			CHECK(session_rest(&a->s));
			CHECK(session_resting(&a->s));
			CHECK_INT(session_state(&a->s), SESSION_READY | SESSION_RECV_WIRE | SESSION_SEND_APP);
			memset(a->in, 0xee, a->in_cap);
			memset(a->out, 0xee, a->out_cap);
			memset(&a->desk, 0xee, sizeof(a->desk));
			session_wake(&a->s, &a->desk, a->in, a->in_cap, a->out, a->out_cap);
			CHECK(!session_resting(&a->s));
		}
		p.side[round % 2].input = text;
		p.side[round % 2].input_len = sizeof(text);
		p.side[round % 2].input_pos = 0;
		pair_run(&p);
	}
	CHECK_INT(p.side[0].got_len, sizeof(text));
	CHECK_INT(p.side[1].got_len, 2 * sizeof(text));
	/* With something in hand there is no rest. */
	p.side[1].deaf = true;
	p.side[0].input_pos = 0;
	pair_run(&p);
	CHECK(!session_rest(&p.side[1].s));
	p.side[1].deaf = p.side[0].stay_open = p.side[1].stay_open = false;
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	pair_free(&p);
}

static bool pair_step(struct pair *p)
{
	bool moved = pair_step_side(p, 0);

	return pair_step_side(p, 1) || moved;
}

/* Every byte comes alone, and in between the session rests, also in the middle of a record: other buffers each time. */
static void test_rest_in_record(void)
{
	struct pair p;
	struct side *a = &p.side[1];
	uint8_t keep[SESSION_FRAMEMAX];
	size_t begun = 0;

	pair_init(&p, "XX");
	inputs(&p, 3000, 0);
	pair_start(&p);
	p.side[0].app_in = 1000;
	a->wire_in = 1;
	for (int i = 0; i < 100000 && !a->opened; i++)
		pair_step(&p);
	CHECK(a->opened);
	while (pair_step(&p)) {
		size_t n = session_begun(&a->s);

		if (n == 0)
			continue;
		CHECK(!session_rest(&a->s));
		session_put_away(&a->s, keep);
		CHECK(session_resting(&a->s));
		CHECK(session_state(&a->s) & SESSION_RECV_WIRE);
		CHECK_INT(session_begun(&a->s), 0);
		memset(a->in, 0xee, a->in_cap);
		memset(a->out, 0xee, a->out_cap);
		memset(&a->desk, 0xee, sizeof(a->desk));
		session_wake(&a->s, &a->desk, a->in, a->in_cap, a->out, a->out_cap);
		session_bring_back(&a->s, keep, n);
		CHECK_INT(session_begun(&a->s), n);
		begun++;
	}
	CHECK(begun > 3000);
	check_complete(&p);
	pair_free(&p);
}

/* Of large records as many are asked for as there is room for, if they are like the last one. */
static void test_whole_records(void)
{
	struct pair p;
	struct session *s = &p.side[1].s;
	size_t size, len;

	pair_init(&p, "XX");
	inputs(&p, 5000, 0);
	pair_open(&p);
	size = 4 + 1 + 5000 + 16;
	CHECK(session_recv_wire_buf(s, &len) != NULL);
	CHECK_INT(len, SESSION_FRAMEMAX / size * size);
	p.side[0].input_pos = 0;
	p.side[1].wire_in = 10;
	for (int i = 0; i < 10 && session_begun(s) == 0; i++)
		pair_step(&p);
	CHECK_INT(session_begun(s), 10);
	CHECK(session_recv_wire_buf(s, &len) != NULL);
	CHECK_INT(len, SESSION_FRAMEMAX / size * size - 10);
	p.side[1].wire_in = ALL;
	pair_run(&p);
	CHECK_INT(p.side[1].got_len, 10000);
	/* One that leaves no room for another of its kind, and then a small one. */
	inputs(&p, 60000, 0);
	p.side[0].input_pos = 0;
	pair_run(&p);
	CHECK_INT(p.side[1].got_len, 70000);
	CHECK(session_recv_wire_buf(s, &len) != NULL);
	CHECK_INT(len, 60000 + 21);
	inputs(&p, 100, 0);
	p.side[0].input_pos = 0;
	pair_run(&p);
	CHECK_INT(p.side[1].got_len, 70100);
	CHECK(session_recv_wire_buf(s, &len) != NULL);
	CHECK_INT(len, SESSION_FRAMEMAX);
	p.side[0].stay_open = p.side[1].stay_open = false;
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	whole_data();
	RUN(test_compression);
	RUN(test_large_pieces);
	RUN(test_messages);
	RUN(test_compressed_messages);
	RUN(test_no_message_before_ready);
	RUN(test_wait_ready);
	RUN(test_probe);
	RUN(test_take_nothing);
	RUN(test_rest);
	RUN(test_rest_in_record);
	RUN(test_whole_records);
	UNIT_DONE();
}
