/* udp, ends: how much came, and that it was written, is what the sender is told. */
#include "udp_net.h"

static struct net_host *a, *b;
static struct peer *pa, *pb;

static void begin(void)
{
	net_stop_all();
	net_now_us = 1000000;
	a = net_start(0, &net_defaults);
	b = net_start(1, &net_defaults);
	net_join(a, b, &pa, &pb);
}

static void test_end(void)
{
	begin();
	for (int i = 0; i < 10; i++) {
		CHECK(net_say(a, pa, "x") == UDP_SEALED);
		if (i % 5 == 4)
			net_count--; /* lost */
	}
	net_settle();
	net_clock(a);
	udp_end(a->u, pa);
	net_run(1000);
	CHECK(pa->end_confirmed && pb->ended);
	CHECK_INT(pa->confirmed_messages, 8);
	CHECK_INT(peer_lost(pb), 2);
	CHECK_INT(a->events[UDP_EVENT_CONFIRMED], 1);
	CHECK_INT(b->events[UDP_EVENT_ENDED], 1);
}

/* What came is confirmed when it is written; until then the other side goes on asking. */
static void test_end_waits_for_output(void)
{
	begin();
	b->u->config.writes = true;
	CHECK(net_say(a, pa, "written") == UDP_SEALED);
	net_settle();
	udp_written(b->u);
	CHECK(net_say(a, pa, "not yet") == UDP_SEALED);
	net_settle();
	net_clock(a);
	udp_end(a->u, pa);
	net_run(60000);
	CHECK(!pa->end_confirmed && pa->end_at > 0 && !pb->ended);
	net_clock(b);
	udp_written(b->u);
	net_run(10);
	CHECK(pa->end_confirmed && pb->ended);
	CHECK_INT(pa->confirmed_messages, 2);
}

/* Who leaves with something unwritten does not count it. */
static void test_bye_counts_what_is_written(void)
{
	begin();
	b->u->config.writes = true;
	CHECK(net_say(a, pa, "written") == UDP_SEALED);
	net_settle();
	udp_written(b->u);
	CHECK(net_say(a, pa, "lost") == UDP_SEALED);
	CHECK(net_say(a, pa, "lost, too") == UDP_SEALED);
	net_settle();
	net_clock(b);
	udp_bye(b->u, pb, "");
	net_settle();
	CHECK_INT(a->events[UDP_EVENT_BYE], 1);
	CHECK_INT(pa->confirmed_messages, 1);
}

int main(void)
{
	if (secret_init() < 0)
		return 1;
	RUN(test_end);
	RUN(test_end_waits_for_output);
	RUN(test_bye_counts_what_is_written);
	net_stop_all();
	UNIT_DONE();
}
