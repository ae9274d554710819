/* udp_socket: rows of datagrams over the loopback interface, in whatever units the kernel takes them. */
#include <poll.h>

#include "run/udp_socket.h"
#include "unit.h"

#define MOST 512

static struct udp_socket a, b;
static size_t sizes[MOST], came, held; /* at ${held} datagrams no other is wanted, 0: any number */
static bool wrong;

static uint8_t letter(size_t i)
{
	return (uint8_t)(i * 31 + 7);
}

static bool on_ready(void *owner)
{
	(void)owner;
	return held == 0 || came < held;
}

static void on_received(void *owner, const struct udp_address *from, uint8_t *bytes, size_t n)
{
	(void)owner;
	wrong |= from->port != a.port || came >= MOST || n != sizes[came] || bytes[0] != letter(came) || bytes[n - 1] != letter(came);
	came++;
}

static void on_failed(void *owner, const struct udp_address *to, size_t n, int error)
{
	(void)owner;
	(void)to;
	(void)n;
	(void)error;
	wrong = true;
}

static void begin(void)
{
	struct address at = {.has_port = true, .host = "127.0.0.1"};
	struct socket_options o = {.family = AF_INET};
	struct error e = {0};

	a.fd = b.fd = -1;
	if (udp_socket_open(&a, &at, &o, &e) < 0 || udp_socket_open(&b, &at, &o, &e) < 0)
		abort();
	a.hooks = b.hooks = (struct udp_socket_hooks){on_ready, on_received, on_failed, NULL};
	came = held = 0;
	wrong = false;
}

static void end(void)
{
	udp_socket_close(&a);
	udp_socket_close(&b);
}

/* Everything that is under way has come, or nothing comes for 2 s. */
static void receive(size_t count)
{
	struct pollfd fd = {.fd = b.fd, .events = POLLIN};

	while (came < count && poll(&fd, 1, 2000) > 0)
		(void)udp_socket_receive(&b, 1024);
	CHECK_INT(came, count);
	CHECK(!wrong);
}

static void put(size_t i, size_t n)
{
	struct udp_address to = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = b.port};
	uint8_t *room = udp_socket_room(&a, n);

	CHECK(room != NULL);
	if (!room)
		abort();
	memset(room, letter(i), n);
	sizes[i] = n;
	udp_socket_put(&a, &to, n, false);
}

static void test_rows(void)
{
	begin();
	for (size_t i = 0; i < udp_socket_batch(1472); i++)
		put(i, 1472);
	CHECK(udp_socket_flush(&a));
	receive(udp_socket_batch(1472));
	end();
}

/* Longer, shorter, in between: what the kernel cannot send as one unit is several, and the order stays. */
static void test_mixed(void)
{
	size_t count = 120;

	begin();
	for (size_t i = 0; i < count; i++)
		put(i, i % 7 == 0 ? 1400 : i % 5 == 0 ? 3 : 200);
	CHECK(udp_socket_flush(&a));
	receive(count);
	end();
}

/* What is not wanted yet is kept, in the middle of a unit, too. */
static void test_held(void)
{
	struct pollfd fd = {.fd = b.fd, .events = POLLIN};

	begin();
	for (size_t i = 0; i < 60; i++)
		put(i, 1000);
	CHECK(udp_socket_flush(&a));
	held = 25;
	fd.fd = b.fd;
	while (came < held && poll(&fd, 1, 2000) > 0)
		(void)udp_socket_receive(&b, 1024);
	CHECK_INT(came, 25);
	held = 0;
	CHECK(udp_socket_receive(&b, 0));
	receive(60);
	end();
}

/* A batch is full units, and they and their bytes fit. */
static void test_batch(void)
{
	CHECK_INT(udp_socket_batch(1472), 4 * 44);
	CHECK_INT(udp_socket_batch(100), 4 * 64);
	CHECK_INT(udp_socket_batch(8972), 4 * 7);
	CHECK_INT(udp_socket_batch(65507), 4);
	CHECK_INT(udp_socket_batch(0), 4 * 64);
	for (size_t n = 1; n <= 65507; n += 13)
		CHECK(udp_socket_batch(n) <= UDP_SOCKET_BATCH && udp_socket_batch(n) * n <= UDP_SOCKET_OUT);
}

/* No room for more than that; after sending there is. */
static void test_room(void)
{
	begin();
	for (size_t i = 0; i < UDP_SOCKET_BATCH; i++)
		put(i, 10);
	CHECK(udp_socket_room(&a, 10) == NULL);
	CHECK(udp_socket_flush(&a));
	CHECK(udp_socket_room(&a, UDP_SOCKET_OUT) != NULL);
	CHECK(udp_socket_room(&a, UDP_SOCKET_OUT + 1) == NULL);
	receive(UDP_SOCKET_BATCH);
	end();
}

int main(void)
{
	RUN(test_rows);
	RUN(test_mixed);
	RUN(test_held);
	RUN(test_batch);
	RUN(test_room);
	UNIT_DONE();
}
