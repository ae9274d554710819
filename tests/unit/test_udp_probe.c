/* udp: who only wants to know sizes. */
#include "udp_net.h"

static struct net_host *a, *b;
static struct peer *pa;

static struct peer *seen(bool measures)
{
	return peers_by_sign(&b->u->peers, a->u->config.sign_secret + 32, measures);
}

static void ask_from(int host)
{
	struct udp_config c = net_defaults;

	c.measure = true;
	c.probe = false;
	net_stop(&net_hosts[host]);
	a = net_start(host, &c);
	a->limit = UDP_SIZE_LEAST;
	pa = udp_add(a->u, &b->at, 0);
	net_run(300);
	CHECK(pa && pa->state == PEER_UP && pa->kind == PEER_NATIVE);
}

static void begin(void)
{
	net_stop_all();
	b = net_start(1, &net_defaults);
	ask_from(0);
}

static uint64_t ask(size_t size, size_t back)
{
	uint64_t number;

	net_clock(a);
	number = udp_probe(a->u, pa, size, back);
	net_settle();
	return number;
}

static void test_answers(void)
{
	static const size_t sizes[][2] = {{1400, 1300}, {300, 1472}, {1472, 256}, {256, 256}, {1201, 1199}};

	begin();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint64_t number = ask(sizes[i][0], sizes[i][1]);

		CHECK_INT(a->events[UDP_EVENT_PROBED], i + 1);
		CHECK_INT(pa->probed.number, number);
		CHECK_INT(pa->probed.size, sizes[i][0]);
		CHECK_INT(pa->probed.back, sizes[i][1]);
		CHECK_INT(pa->probed.most, 1472);
	}
}

/* No answer is larger than the route takes, or smaller than what has to be said. */
static void test_bounds(void)
{
	begin();
	b->limit = 1300;
	(void)ask(300, 60000);
	CHECK_INT(pa->probed.back, 1300);
	CHECK_INT(pa->probed.most, 1300);
	(void)ask(1, 1);
	CHECK_INT(pa->probed.size, UDP_PROBE_LEAST);
	CHECK_INT(pa->probed.back, UDP_PROBE_LEAST);
}

/* What does not get through is not answered. */
static void test_lost(void)
{
	begin();
	net_path = 1400;
	(void)ask(1401, 300);
	(void)ask(300, 1401);
	CHECK_INT(a->events[UDP_EVENT_PROBED], 0);
	(void)ask(1400, 1400);
	CHECK_INT(a->events[UDP_EVENT_PROBED], 1);
	net_path = 2000;
}

/* A question without a wish, as earlier versions ask it. */
static void test_no_wish(void)
{
	begin();
	net_clock(a);
	udp_send_control(a->u, pa, "{\"probe\":77,\"size\":1000}", 1000);
	net_settle();
	CHECK_INT(pa->probed.number, 77);
	CHECK_INT(pa->probed.size, 1000);
	CHECK_INT(pa->probed.back, seen(true)->size);
	CHECK_INT(pa->probed.most, 0);
}

/* The same identity talks from elsewhere: that goes on, whatever is measured meanwhile. */
static void test_beside_a_session(void)
{
	struct peer *talker;
	uint8_t sid[KEYMSG_SID];

	net_stop_all();
	a = net_start(0, &net_defaults);
	b = net_start(1, &net_defaults);
	net_join(a, b, &pa, &talker);
	memcpy(sid, talker->their_sid, sizeof sid);
	CHECK(net_say(a, pa, "so far") == UDP_SEALED);
	net_settle();
	ask_from(0);
	CHECK(seen(false) == talker && talker->state == PEER_UP);
	CHECK_MEM(talker->their_sid, sid, sizeof sid);
	CHECK(seen(true) && seen(true) != talker && seen(true)->state == PEER_UP);
	(void)ask(1400, 1400);
	CHECK_INT(a->events[UDP_EVENT_PROBED], 1);
	net_clock(a);
	udp_bye(a->u, pa, "");
	net_settle();
	CHECK(talker->state == PEER_UP);
	CHECK_INT(talker->delivered, 1);
	CHECK(seen(true)->state == PEER_GONE);
}

/* Not asked for: it does not harm. */
static void test_stray_answers(void)
{
	static const char *const texts[] = {"{\"probed\":1,\"size\":18446744073709551615,\"most\":9223372036854775807}",
	    "{\"probed\":1,\"size\":5,\"most\":-1}", "{\"probe\":1,\"size\":5,\"back\":\"x\"}",
	    "{\"probe\":1,\"size\":5,\"back\":9223372036854775807}"};

	begin();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		net_clock(a);
		udp_send_control(a->u, pa, texts[i], 400);
		net_settle();
	}
	CHECK_INT(a->events[UDP_EVENT_PROBED], 1); /* of the last one, which is a question */
	CHECK_INT(pa->probed.back, 1472);
	CHECK_INT(b->u->drops[UDP_DROP_CONTROL], 3);
	(void)ask(700, 800);
	CHECK_INT(pa->probed.back, 800);
}

int main(void)
{
	net_now_us = 1000000; /* 0 means "not set" to an engine */
	RUN(test_answers);
	RUN(test_bounds);
	RUN(test_lost);
	RUN(test_no_wish);
	RUN(test_beside_a_session);
	RUN(test_stray_answers);
	net_stop_all();
	UNIT_DONE();
}
