/* udp: two engines of ours. What is promised about keys, numbers, replays, restarts, roaming and sizes. */
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

static void test_first_contact(void)
{
	begin();
	CHECK_INT(a->events[UDP_EVENT_UP], 1);
	CHECK_INT(b->events[UDP_EVENT_UP], 1);
	CHECK(udp_ready(a->u, pa) && udp_ready(b->u, pb));
	CHECK_INT(pa->size, 1472);
	CHECK(net_say(a, pa, "hello") == UDP_SEALED);
	CHECK(net_say(b, pb, "back") == UDP_SEALED);
	/* Every datagram has the same size, and nothing of the text shows. */
	CHECK_INT(net_queue[0].len, 1472);
	CHECK(memmem(net_queue[0].bytes, net_queue[0].len, "hello", 5) == NULL);
	net_settle();
	CHECK_STR(b->last, "hello");
	CHECK_STR(a->last, "back");
	CHECK_INT(a->clear + b->clear, 0);
	for (int i = 0; i < UDP_DROP_COUNT; i++)
		CHECK_INT(a->u->drops[i] + b->u->drops[i], 0);
}

/* Nothing is sent to who has not proved that it has our key. */
static void test_not_before_keys(void)
{
	net_stop_all();
	a = net_start(0, &net_defaults);
	pa = udp_add(a->u, &(struct udp_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = 11001}, 0);
	CHECK(net_say(a, pa, "secret") == UDP_E_KEY);
	net_run(2000);
	CHECK(net_say(a, pa, "secret") == UDP_E_KEY);
}

static void test_replay_and_order(void)
{
	struct net_datagram held[3];

	begin();
	for (int i = 0; i < 3; i++) {
		CHECK(net_say(a, pa, i == 0 ? "one" : i == 1 ? "two" : "three") == UDP_SEALED);
		held[i] = net_queue[--net_count];
	}
	CHECK(net_deliver(&held[2]) == UDP_MESSAGE);
	CHECK_INT(peer_lost(pb), 2);
	CHECK(net_deliver(&held[0]) == UDP_MESSAGE);
	CHECK_INT(pb->n.late, 1);
	CHECK_INT(peer_lost(pb), 1);
	for (int i = 0; i < 3; i += 2)
		CHECK(net_deliver(&held[i]) == UDP_DROPPED);
	CHECK_INT(b->u->drops[UDP_DROP_REPLAY], 2);
	CHECK_INT(pb->n.repeated, 2);
	/* After both sides have new keys the old datagrams are still known. */
	net_run(61000);
	CHECK(net_deliver(&held[0]) == UDP_DROPPED);
	CHECK(net_deliver(&held[1]) == UDP_DROPPED); /* it is too old */
	CHECK_INT(b->u->drops[UDP_DROP_TIME], 2);
	CHECK_INT(b->messages, 2);
}

/* What a datagram is filled up with is nothing that lay around in memory, and the same however long the text is. */
static void test_padding(void)
{
	static uint8_t out[UDP_DATAGRAM_MAX + 1];
	static char text[1400];

	begin();
	for (size_t n = 0; n < sizeof text && n <= udp_text_max(a->u, pa); n += 171) {
		struct datagram d;
		struct envelope e;
		size_t len = 0, end;

		memset(text, 'x', n);
		memset(out, 0xee, sizeof out);
		net_clock(a);
		CHECK(udp_seal(a->u, pa, (const uint8_t *)text, n, out, &len) == UDP_SEALED && len == 1472);
		CHECK(datagram_open(&d, out, len, peer_shared(pb, &b->u->own, pb->last_mine, pb->last_theirs)) == 0);
		CHECK(envelope_read(&e, d.map, d.len) == 0 && e.plen == n + (n < 256 ? 9 : 10));
		end = (size_t)(e.p - d.map) + e.plen + 5;
		CHECK(end < d.len && d.map[end] == 0 && memcmp(d.map + end, d.map + end + 1, d.len - end - 1) == 0);
		CHECK_INT(out[len], 0xee);
	}
}

static void test_every_bit(void)
{
	struct net_datagram d;

	begin();
	CHECK(net_say(a, pa, "whole") == UDP_SEALED);
	d = net_queue[--net_count];
	for (size_t i = 0; i < d.len * 8; i++) {
		d.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		net_clock(b);
		CHECK(net_deliver(&d) == UDP_DROPPED);
		d.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < d.len; n++) {
		struct net_datagram cut = d;

		cut.len = n;
		CHECK(net_deliver(&cut) == UDP_DROPPED);
	}
	CHECK_INT(b->messages, 0);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	net_count = 0;
}

static void test_reflection(void)
{
	struct net_datagram d;

	begin();
	CHECK(net_say(a, pa, "mirror") == UDP_SEALED);
	d = net_queue[--net_count];
	d.to = a->at;
	d.from = b->at;
	CHECK(net_deliver(&d) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_REFLECTED], 1);
}

static void test_key_renewal(void)
{
	uint8_t first[32];

	begin();
	memcpy(first, a->u->own.public[0], 32);
	for (int i = 0; i < 40; i++) {
		net_run(5000);
		CHECK(net_say(a, pa, "a") == UDP_SEALED && net_say(b, pb, "b") == UDP_SEALED);
		net_settle();
	}
	CHECK_INT(a->messages, 40);
	CHECK_INT(b->messages, 40);
	/* The first keys are gone, ours and what was made of them. */
	CHECK(memcmp(a->u->own.public[0], first, 32) != 0 && memcmp(a->u->own.public[1], first, 32) != 0);
	CHECK(memcmp(pb->theirs[0], first, 32) != 0 && memcmp(pb->theirs[1], first, 32) != 0);
	CHECK_INT(pa->mine, 0);
}

static void test_restart(void)
{
	begin();
	CHECK(net_say(a, pa, "before") == UDP_SEALED);
	net_settle();
	/* The one that was named begins anew, and the other goes on talking. */
	net_stop(b);
	b = net_start(1, &net_defaults);
	CHECK(net_say(a, pa, "to nobody") == UDP_SEALED);
	net_run(1000);
	pb = peers_by_sign(&b->u->peers, a->u->config.sign_secret + 32, false);
	CHECK(pb && pb->state == PEER_UP && pa->state == PEER_UP);
	CHECK(net_say(a, pa, "after") == UDP_SEALED);
	net_settle();
	CHECK_STR(b->last, "after");
	CHECK(pb && peer_lost(pb) == 0);
}

static void test_old_capture(void)
{
	static struct net_datagram old[NET_QUEUE];
	size_t count = 0;

	net_stop_all();
	a = net_start(0, &net_defaults);
	b = net_start(1, &net_defaults);
	pa = udp_add(a->u, &b->at, 0);
	/* All that was ever sent, kept. */
	for (int i = 0; i < 50; i++) {
		net_clock(a);
		udp_tick(a->u);
		net_clock(b);
		udp_tick(b->u);
		for (size_t k = 0; k < net_count; k++) {
			old[count++] = net_queue[k];
			(void)net_deliver(&net_queue[k]);
		}
		net_count = 0;
		if (udp_ready(a->u, pa))
			(void)net_say(a, pa, "once");
		net_now_us += 20000;
	}
	net_settle();
	int before = b->messages, events = b->events[UDP_EVENT_UP];

	CHECK(before > 10);
	for (size_t k = 0; k < count; k++)
		(void)net_deliver(&old[k]);
	net_settle();
	CHECK_INT(b->messages, before);
	CHECK_INT(b->events[UDP_EVENT_UP], events);
	/* Later: the keys change, the times run out, the peer falls silent and is forgotten, its slot is given away. */
	for (int i = 0; i < 40; i++) {
		net_now_us += 10 * 1000000;
		net_clock(b);
		if (b->u->deadline <= b->u->now)
			udp_tick(b->u);
		for (size_t k = 0; k < count; k++)
			(void)net_deliver(&old[k]);
		net_count = 0;
	}
	CHECK_INT(b->messages, before);
	CHECK_INT(b->events[UDP_EVENT_UP], events);
	/* The same to one that was started again, and knows nothing: at once, and later. */
	net_now_us -= 400 * 1000000;
	for (int i = 0; i < 10; i++) {
		net_stop(b);
		b = net_start(1, &net_defaults);
		for (size_t k = 0; k < count; k++)
			(void)net_deliver(&old[k]);
		CHECK_INT(b->messages, 0);
		CHECK_INT(b->events[UDP_EVENT_UP], 0);
		net_count = 0;
		net_now_us += 10 * 1000000;
	}
}

/* Removed and met again at once: what was said before cannot be said again by others. */
static void test_removed(void)
{
	struct net_datagram d;

	begin();
	CHECK(net_say(a, pa, "secret") == UDP_SEALED);
	d = net_queue[net_count - 1];
	net_settle();
	CHECK_INT(b->messages, 1);
	net_clock(b);
	udp_remove(b->u, pb);
	net_run(2000);
	(void)udp_add(a->u, &b->at, 0);
	net_run(40000);
	(void)net_deliver(&d);
	CHECK_INT(b->messages, 1);
}

static void test_roaming(void)
{
	begin();
	/* The same peer, from another port. */
	a->at.port = 40000;
	CHECK(net_say(a, pa, "from elsewhere") == UDP_SEALED);
	net_run(100);
	CHECK_STR(b->last, "from elsewhere");
	CHECK_INT(pb->at.port, 40000);
	CHECK_INT(b->events[UDP_EVENT_MOVED], 1);
	CHECK(net_say(b, pb, "found you") == UDP_SEALED);
	net_settle();
	CHECK_STR(a->last, "found you");
}

/* A copy that comes first from somewhere else does not draw the session there. */
static void test_stolen_address(void)
{
	struct net_datagram d;

	begin();
	CHECK(net_say(a, pa, "mine") == UDP_SEALED);
	d = net_queue[--net_count];
	d.from = net_address(9, 999);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	net_run(3000);
	CHECK_INT(pb->at.port, a->at.port);
	CHECK_INT(b->events[UDP_EVENT_MOVED], 0);
}

static void test_sizes(void)
{
	static char text[3000];

	begin();
	memset(text, 'x', sizeof text - 1);
	randombytes_buf_deterministic(text, sizeof text - 1, (const uint8_t[randombytes_SEEDBYTES]){1});
	for (size_t i = 0; i < sizeof text - 1; i++)
		if (text[i] == '\0')
			text[i] = 'x';
	text[udp_text_max(a->u, pa)] = '\0';
	CHECK(net_say(a, pa, text) == UDP_SEALED);
	net_settle();
	CHECK_INT(b->last_len, udp_text_max(a->u, pa));
	CHECK_MEM(b->last, text, b->last_len);
	text[udp_text_max(a->u, pa)] = 'y';
	CHECK(net_say(a, pa, text) == UDP_E_SIZE);
	/* What shrinks fits. */
	memset(text, 'x', sizeof text - 1);
	CHECK(net_say(a, pa, text) == UDP_SEALED);
	net_settle();
	CHECK_INT(b->u->drops[UDP_DROP_TEXT], 0);
	CHECK_INT(b->messages, 2);
}

/* The route promises more than gets through: found out before the first message. */
static void test_path(void)
{
	net_stop_all();
	a = net_start(0, &net_defaults);
	b = net_start(1, &net_defaults);
	net_path = 1400;
	pa = udp_add(a->u, &b->at, 0);
	net_run(500);
	CHECK(pa->state == PEER_UP && !udp_ready(a->u, pa));
	net_run(9000);
	CHECK(udp_ready(a->u, pa));
	CHECK(pa->size <= 1400 && pa->size > 1400 - 20);
	CHECK(net_say(a, pa, "fits") == UDP_SEALED);
	net_settle();
	CHECK_STR(b->last, "fits");
	/* And later it takes more. */
	net_path = 2000;
	net_run(620000);
	CHECK_INT(pa->size, 1472);
	net_path = 2000;
}

static void test_window(void)
{
	uint64_t room;

	begin();
	room = udp_room(a->u, pa);
	CHECK(room > 100 && room < 10000);
	for (uint64_t i = 0; i < room; i++) {
		CHECK(net_say(a, pa, "x") == UDP_SEALED);
		net_count = 0;
	}
	CHECK_INT(udp_room(a->u, pa), 0);
	net_run(50);
	CHECK(udp_room(a->u, pa) > 0);
}

static void test_limits(void)
{
	struct udp_config c = net_defaults;
	struct net_datagram junk = {.len = 1300};

	begin();
	junk.to = b->at;
	/* A flood of strangers; the peer is heard. */
	for (int i = 0; i < 20000; i++) {
		junk.from = net_address(i % 250, (uint16_t)i);
		junk.from.ip[13] = (uint8_t)(i >> 8);
		randombytes_buf_deterministic(junk.bytes, 64, (const uint8_t[randombytes_SEEDBYTES]){(uint8_t)i, (uint8_t)(i >> 8)});
		CHECK(net_deliver(&junk) == UDP_DROPPED);
	}
	CHECK(b->u->drops[UDP_DROP_RATE] > 15000);
	net_count = 0;
	CHECK(net_say(a, pa, "through") == UDP_SEALED);
	net_settle();
	CHECK_STR(b->last, "through");
	/* And a peer that sends more than it may. */
	net_stop_all();
	c.rate_limit = 10;
	a = net_start(0, &net_defaults);
	b = net_start(1, &c);
	net_join(a, b, &pa, &pb);
	net_run(2000);
	for (int i = 0; i < 100; i++)
		CHECK(net_say(a, pa, "x") == UDP_SEALED);
	net_settle();
	CHECK(b->messages <= 10 && b->messages > 0);
	CHECK(b->u->drops[UDP_DROP_RATE] >= 90);
}

static void test_full_table(void)
{
	struct net_host *c;

	begin();
	for (int i = 0; i < NET_SLOTS; i++)
		(void)udp_add(b->u, &(struct udp_address){.ip = {[15] = 1}, .port = (uint16_t)(100 + i)}, 0);
	c = net_start(2, &net_defaults);
	(void)udp_add(c->u, &b->at, 0);
	net_run(1000);
	CHECK(b->u->drops[UDP_DROP_FULL] > 0);
	CHECK_INT(c->events[UDP_EVENT_UP], 0);
	CHECK(net_say(a, pa, "still here") == UDP_SEALED);
	net_settle();
	CHECK_STR(b->last, "still here");
}

static void test_refused(void)
{
	net_stop_all();
	a = net_start(0, &net_defaults);
	b = net_start(1, &net_defaults);
	b->refuses = true;
	pa = udp_add(a->u, &b->at, 0);
	net_run(1000);
	CHECK(pa->state != PEER_UP);
	CHECK(b->u->drops[UDP_DROP_KEY_REFUSED] > 0);
	CHECK_INT(b->u->peers.slots[0].state, PEER_FREE);
}

int main(void)
{
	if (secret_init() < 0)
		return 1;
	RUN(test_first_contact);
	RUN(test_not_before_keys);
	RUN(test_replay_and_order);
	RUN(test_padding);
	RUN(test_every_bit);
	RUN(test_reflection);
	RUN(test_key_renewal);
	RUN(test_restart);
	RUN(test_old_capture);
	RUN(test_removed);
	RUN(test_roaming);
	RUN(test_stolen_address);
	RUN(test_sizes);
	RUN(test_path);
	RUN(test_window);
	RUN(test_limits);
	RUN(test_full_table);
	RUN(test_refused);
	net_stop_all();
	UNIT_DONE();
}
