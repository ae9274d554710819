/*
 * session: every type of record, in its place, out of place and malformed. A wrong one ends the
 * session with a sticky error, is told to the peer, and nothing of it reaches the application.
 */
#include <zstd.h>

#include "pair.h"

static const uint8_t zeros[SQUASH_PLAIN + 1];

/* A session that stands, with compression and message boundaries agreed or not. */
static void open_with(struct pair *p, bool agreed)
{
	pair_init(p, "XX");
	for (int i = 0; i < 2; i++)
		p->side[i].config.compress = p->side[i].config.messages = agreed;
	pair_open(p);
}

/* ${a} has met a wrong record: it says CLOSE 4, and both know why. */
static void check_refused(struct pair *p, struct side *a, struct side *b, size_t got)
{
	struct error first;

	pair_run(p);
	CHECK_INT(side_code(a), ERROR_PROTOCOL);
	CHECK_INT(session_error(&a->s)->blame, BLAME_PEER);
	CHECK(a->s.close_sent);
	CHECK_INT(a->got_len, got);
	CHECK_INT(side_code(b), ERROR_PROTOCOL);
	CHECK_STR(session_error(&b->s)->text, "the peer reports a protocol error");
	CHECK(side_closed(a) && side_closed(b));
	first = *session_error(&a->s);
	session_abort(&a->s, CLOSE_TIMEOUT, ERROR_IO, "later");
	session_broken(&a->s, true, "later");
	session_fin(&a->s);
	session_tick(&a->s, p->now + 100000);
	CHECK_MEM(session_error(&a->s), &first, sizeof(first));
}

struct wrong {
	uint8_t type;
	size_t len;
	const char *body;
	bool agreed;
	const char *text; /* part of the error */
};

static const struct wrong wrongs[] = {
    {V1_ZDATA, 4, "abcd", false, "compressed data without agreement"},
    {V1_ZDATA, 4, "abcd", true, "compressed data from the peer"},
    {V1_EOF, 0, "", false, "EOF of wrong length"},
    {V1_EOF, 7, "\0\0\0\0\0\0\0", false, "EOF of wrong length"},
    {V1_EOF, 9, "\0\0\0\0\0\0\0\0\0", false, "EOF of wrong length"},
    {V1_EOF, 8, "\0\0\0\0\0\0\0\4", false, "count of bytes"},
    {V1_EOF, 8, "\0\0\0\0\0\0\0\6", false, "count of bytes"},
    {V1_EOF, 8, "\1\0\0\0\0\0\0\5", false, "count of bytes"},
    {V1_CLOSE, 0, "", false, "CLOSE of wrong length"},
    {V1_CLOSE, 1, "\0", false, "CLOSE of wrong length"},
    {V1_PING, 7, "1234567", false, "wrong length"},
    {V1_PING, 9, "123456789", false, "wrong length"},
    {V1_PONG, 8, "12345678", false, "PONG without PING"},
    {V1_PONG, 0, "", false, "wrong length"},
    {V1_REKEY, 1, "x", false, "REKEY of wrong length"},
    {7, 0, "", false, "unknown type"},
    {8, 1, "x", true, "unknown type"},
    {9, 10, "0123456789", false, "unknown type"},
    {V1_RECEIPT, 10, "\0\0\0\0\0\0\0\0\0\0", false, "RECEIPT out of place"},
    {V1_RECEIPT, 9, "\0\0\0\0\0\0\0\0\0", false, "RECEIPT of wrong length"},
    {V1_STOP, 9, "\0\0\0\0\0\0\0\0\0", false, "STOP of wrong length"},
    {V1_STOP, 11, "\0\0\0\0\0\0\0\0\0\0\0", false, "STOP of wrong length"},
    {V1_STOP, 10, "\0\0\0\0\0\0\0\1\0\0", false, "more bytes than were sent"},
    {V1_READY, 1, "\x80", false, "READY out of place"},
    {V1_OPEN, 1, "\x80", false, "OPEN out of place"},
    {V1_PART, 3, "abc", false, "PART without agreed"},
    {15, 0, "", false, "unknown type"},
    {63, 3, "abc", true, "unknown type"},
};

/* Behind good data and before more of it. */
static void test_wrong_records(void)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		for (int to = 0; to < 2; to++) {
			const struct wrong *w = &wrongs[i];
			struct pair p;

			open_with(&p, w->agreed);
			forge(&p.side[!to], V1_DATA, "fives", 5);
			forge(&p.side[!to], w->type, w->body, w->len);
			forge(&p.side[!to], V1_DATA, "after", 5);
			check_refused(&p, &p.side[to], &p.side[!to], 5);
			CHECK(strstr(session_error(&p.side[to].s)->text, w->text) != NULL);
			pair_free(&p);
		}
	}
}

static void test_ignored_types(void)
{
	for (int type = V1_IGNORED; type < 256; type += 191) {
		struct pair p;

		open_with(&p, false);
		forge(&p.side[0], (uint8_t)type, zeros, type == 64 ? 0 : V1_BODYMAX);
		forge(&p.side[0], V1_DATA, "x", 1);
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, 1);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		pair_free(&p);
	}
}

/* After its EOF a side says no more data and no second EOF, but all the rest. */
static void test_after_eof(void)
{
	static const uint8_t types[] = {V1_DATA, V1_PART, V1_EOF};

	for (size_t i = 0; i <= sizeof(types); i++) {
		struct pair p;

		open_with(&p, true);
		forge(&p.side[0], V1_EOF, zeros, 8);
		forge(&p.side[0], V1_PING, "12345678", 8);
		forge(&p.side[0], V1_REKEY, NULL, 0);
		CHECK_INT(noise_cipher_rekey(&p.side[0].s.tx), NOISE_OK);
		forge(&p.side[0], 200, "later", 5);
		if (i < sizeof(types)) {
			forge(&p.side[0], types[i], zeros, 8);
			p.side[1].hold_receipt = true;
			pair_run(&p);
			CHECK_INT(side_code(&p.side[1]), ERROR_PROTOCOL);
			CHECK_INT(p.side[1].got_len, 0);
		} else {
			p.side[1].hold_receipt = true;
			p.side[0].s.pings = 1;
			p.side[0].s.ping_value = be_get64((const uint8_t *)"12345678");
			pair_run(&p);
			CHECK_INT(side_code(&p.side[1]), ERROR_OK);
			CHECK_INT(p.side[0].s.pings, 0);
			CHECK(session_state(&p.side[1].s) & SESSION_FINISH_APP);
		}
		pair_free(&p);
	}
}

/*
 * The handshake is over, and ${from} has said no record yet: whatever is forged now is its first.
 * (An initiator's OPEN was queued, and is thrown away.)
 */
static void open_unsaid(struct pair *p, int from)
{
	struct session *s = &p->side[0].s;

	pair_init(p, "IK");
	p->side[0].stay_open = p->side[1].stay_open = true;
	p->side[from].hold_judge = true;
	pair_start(p);
	pair_run(p);
	CHECK(session_state(&p->side[from].s) & SESSION_JUDGE);
	if (from != 0)
		return;
	session_judge(s, NULL);
	CHECK_INT(s->phase, PHASE_RUN);
	CHECK(s->out_tail > 0 && s->tx.n == 1);
	s->out_head = s->out_tail = 0;
	s->tx.n = 0;
}

/* The first record must be OPEN, the answer READY; only CLOSE may stand there too. */
static void test_first_records(void)
{
	for (int type = 0; type < 70; type++) {
		for (int to = 0; to < 2; to++) {
			struct pair p;
			struct side *a = &p.side[to];

			if (type == V1_CLOSE || type == (to == 0 ? V1_READY : V1_OPEN))
				continue;
			open_unsaid(&p, !to);
			forge(&p.side[!to], (uint8_t)type, "\x80", 1);
			pair_run(&p);
			CHECK_INT(side_code(a), ERROR_PROTOCOL);
			CHECK(a->s.close_sent && !a->opened);
			pair_free(&p);
		}
	}
}

/* A second OPEN while the first one is being judged. */
static void test_open_twice(void)
{
	struct pair p;

	pair_init(&p, "NN");
	p.side[0].stay_open = p.side[1].stay_open = p.side[1].hold_judge = true;
	pair_start(&p);
	pair_run(&p);
	CHECK(session_state(&p.side[1].s) & SESSION_JUDGE);
	forge(&p.side[0], V1_OPEN, "\x80", 1);
	pair_run(&p);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	p.side[1].hold_judge = false;
	pair_run(&p);
	CHECK_INT(side_code(&p.side[1]), ERROR_PROTOCOL);
	pair_free(&p);
}

static void test_maps(void)
{
	static uint8_t identity[] = "\x81\xa1i\xc4\x20" "0123456789abcdef0123456789abcdef";
	static const struct {
		const char *body;
		size_t len;
		const char *text;
	} maps[] = {
	    {"", 0, "malformed"},
	    {"\x80\x80", 2, "malformed"},
	    {"\x90", 1, "not a map"},
	    {"\x81\xa1z\x01", 4, "wrong type"},
	    {(const char *)identity, sizeof(identity) - 1, "identity is not the key"},
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct pair p;

		open_unsaid(&p, 0);
		forge(&p.side[0], V1_OPEN, maps[i].body, maps[i].len);
		check_refused(&p, &p.side[1], &p.side[0], 0);
		CHECK(strstr(session_error(&p.side[1].s)->text, maps[i].text) != NULL);
		CHECK(!p.side[1].opened);
		pair_free(&p);
	}
}

static void test_close_codes(void)
{
	static const struct {
		uint8_t body[4];
		enum error_code code;
	} codes[] = {
	    {{0, 0}, ERROR_PROTOCOL},
	    {{0, CLOSE_UNAUTHORIZED}, ERROR_AUTH},
	    {{0, CLOSE_BUSY}, ERROR_NETWORK},
	    {{0, CLOSE_SHUTDOWN}, ERROR_TRUNCATED},
	    {{0, CLOSE_PROTOCOL}, ERROR_PROTOCOL},
	    {{0, CLOSE_OUTPUT}, ERROR_PEER},
	    {{0, CLOSE_TIMEOUT}, ERROR_TIMEOUT},
	    {{0, CLOSE_INTERRUPTED}, ERROR_TRUNCATED},
	    {{0, 8}, ERROR_PROTOCOL},
	    {{1, CLOSE_BUSY}, ERROR_PROTOCOL},
	    {{255, 255}, ERROR_PROTOCOL},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		for (size_t text = 0; text < 2; text++) {
			struct pair p;
			uint8_t body[3000];

			memset(body, '\x1b', sizeof(body));
			memcpy(body, codes[i].body, 2);
			open_with(&p, false);
			forge(&p.side[0], V1_DATA, "before", 6);
			forge(&p.side[0], V1_CLOSE, body, text ? sizeof(body) : 2);
			forge(&p.side[0], V1_DATA, "after", 5);
			pair_run(&p);
			CHECK_INT(side_code(&p.side[1]), codes[i].code);
			CHECK_INT(session_error(&p.side[1].s)->blame, BLAME_PEER);
			CHECK_INT(p.side[1].got_len, 6);
			CHECK(!p.side[1].s.close_sent && side_closed(&p.side[1]));
			CHECK(strchr(session_error(&p.side[1].s)->text, '\x1b') == NULL);
			pair_free(&p);
		}
	}
}

/* Many PINGs at a time are answered by one PONG: answers cannot pile up. */
static void test_ping_flood(void)
{
	struct pair p;
	size_t before;

	open_with(&p, false);
	before = p.side[1].cable.tail;
	for (int i = 0; i < 1000; i++)
		forge(&p.side[0], V1_PING, "87654321", 8);
	p.side[0].s.pings = 1;
	p.side[0].s.ping_value = be_get64((const uint8_t *)"87654321");
	pair_run(&p);
	CHECK_INT(p.side[1].cable.tail - before, 4 + 1 + 8 + 16);
	CHECK_INT(p.side[0].s.pings, 0);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	pair_free(&p);
}

/* Small limits: the cipher is rekeyed all the time, and all goes on. */
static void test_rekey(void)
{
	static const uint64_t limits[][2] = {{0, 1}, {0, 2}, {1, 0}, {1000, 5}, {0, 0}};
	size_t tails[5];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct pair p;

		pair_init(&p, "XX");
		for (int k = 0; k < 2; k++) {
			p.side[k].config.rekey_bytes = limits[i][0];
			p.side[k].config.rekey_records = limits[i][1];
			p.side[k].app_in = 500;
			side_input(&p.side[k], zeros, 20000);
		}
		pair_start(&p);
		pair_run(&p);
		for (int k = 0; k < 2; k++) {
			CHECK_INT(side_code(&p.side[k]), ERROR_OK);
			CHECK_INT(p.side[k].got_len, 20000);
		}
		tails[i] = p.side[0].cable.tail;
		pair_free(&p);
	}
	CHECK(tails[0] > tails[1] && tails[1] > tails[3] && tails[3] > tails[4]);
	CHECK_INT(tails[2], tails[0]);
}

/* The limits of the wire itself, without moving 4 GiB: the counters are set near them. */
static void test_rekey_limits(void)
{
	for (int i = 0; i < 2; i++) {
		struct pair p;
		struct session *s = &p.side[0].s;

		open_with(&p, false);
		if (i == 0)
			s->tx_records = V1_REKEY_RECORDS - SESSION_BULK - 20;
		else
			s->tx_bytes = V1_REKEY_BYTES - (SESSION_BULK + 18) * (uint64_t)V1_BODYMAX;
		for (int k = 0; k < 60; k++) {
			uint64_t records = s->tx_records, bytes = s->tx_bytes;

			side_input(&p.side[0], zeros, V1_BODYMAX);
			p.side[0].input_pos = 0;
			pair_run(&p);
			CHECK(records <= V1_REKEY_RECORDS && bytes <= V1_REKEY_BYTES);
		}
		CHECK(s->tx_records < 60 && s->tx_bytes < UINT64_C(60) * V1_BODYMAX);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		CHECK_INT(p.side[1].got_len, UINT64_C(60) * V1_BODYMAX);
		pair_free(&p);
	}
}

/* What a compressed record becomes is bounded; one byte more, and nothing of it is delivered. */
static void test_bombs(void)
{
	for (size_t more = 0; more < 2; more++) {
		for (int stopped = 0; stopped < 2; stopped++) {
			struct pair p;
			uint8_t bomb[1000], total[8] = {0};
			size_t n = ZSTD_compress(bomb, sizeof(bomb), zeros, SQUASH_PLAIN + more, 3);

			open_with(&p, true);
			CHECK(!ZSTD_isError(n));
			forge(&p.side[0], V1_DATA, "ab", 2);
			if (stopped)
				session_stop(&p.side[1].s, RECEIPT_DONE, 0);
			forge(&p.side[0], V1_ZDATA, bomb, n);
			forge(&p.side[0], V1_ZDATA, bomb, n);
			be_put64(total, 2 + 2 * SQUASH_PLAIN);
			forge(&p.side[0], V1_EOF, total, 8);
			p.side[0].s.eof_sent = true;
			p.side[0].s.sent = 2 + 2 * SQUASH_PLAIN;
			pair_run(&p);
			CHECK_INT(side_code(&p.side[1]), more ? ERROR_PROTOCOL : ERROR_OK);
			CHECK_INT(p.side[1].got_len, stopped ? 0 : more ? 2 : 2 + 2 * SQUASH_PLAIN);
			CHECK_INT(p.side[1].s.peer_eof, !more);
			pair_free(&p);
		}
	}
}

/* An empty record is nothing in a stream, but it ends a message. */
static void test_empty_data(void)
{
	const struct session_window *w;
	struct pair p;

	open_with(&p, false);
	for (int i = 0; i < 200; i++)
		forge(&p.side[0], V1_DATA, NULL, 0);
	pair_run(&p);
	CHECK_INT(p.side[1].s.received, 0);
	pair_free(&p);

	open_with(&p, true);
	p.side[1].deaf = true;
	forge(&p.side[0], V1_PART, "ab", 2);
	forge(&p.side[0], V1_DATA, NULL, 0);
	forge(&p.side[0], V1_DATA, "c", 1);
	pair_run(&p);
	w = session_recv_app_window(&p.side[1].s);
	CHECK(w && w->len == 2 && w->more);
	session_recv_app_ack(&p.side[1].s, 2);
	CHECK_INT(p.side[1].s.messages_received, 2);
	p.side[1].deaf = false;
	pair_run(&p);
	CHECK_INT(p.side[1].got_len, 1);
	CHECK_INT(p.side[1].s.win_count, 0);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_wrong_records);
	RUN(test_ignored_types);
	RUN(test_after_eof);
	RUN(test_first_records);
	RUN(test_open_twice);
	RUN(test_maps);
	RUN(test_close_codes);
	RUN(test_ping_flood);
	RUN(test_rekey);
	RUN(test_rekey_limits);
	RUN(test_bombs);
	RUN(test_empty_data);
	UNIT_DONE();
}
