/* udp_stdio: how input becomes rows of datagrams: bounded shares, nothing left lying, nothing that waits for more. */
#include <errno.h>
#include <poll.h>

#include "run/udp_stdio.h"
#include "udp_net.h"

static struct net_host *a, *b;
static struct peer *pa, *pb;
static struct udp_options options;
static struct udp_loop l;
static struct udp_socket other; /* takes what is sent */
static size_t came, reads;

/* What standard input has now, and how much of it a read brings. */
static const char *input;
static size_t input_left, input_piece;
static bool input_ends;

static ssize_t stub_read(struct endpoint *ep, const struct iovec *iov, int n)
{
	size_t len = input_left < input_piece ? input_left : input_piece;

	(void)ep;
	(void)n;
	reads++;
	if (input_left == 0 && input_ends)
		return 0;
	if (input_left == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (len > iov->iov_len)
		len = iov->iov_len;
	memcpy(iov->iov_base, input, len);
	input += len;
	input_left -= len;
	return (ssize_t)len;
}

static const struct endpoint_ops stub_ops = {.read = stub_read};
static struct endpoint stub = {.ops = &stub_ops, .in_name = "input"};

static bool on_ready(void *owner)
{
	(void)owner;
	return true;
}

static void on_received(void *owner, const struct udp_address *from, uint8_t *bytes, size_t n)
{
	struct udp_message m;

	(void)owner;
	(void)from;
	net_clock(b);
	came += udp_receive(b->u, &a->at, bytes, n, &m) == UDP_MESSAGE;
}

static void on_failed(void *owner, const struct udp_address *to, size_t n, int error)
{
	(void)owner;
	(void)to;
	(void)n;
	(void)error;
	CHECK(false);
}

static void open_socket(struct udp_socket *s)
{
	struct address at = {.has_port = true, .host = "127.0.0.1"};
	struct socket_options o = {.family = AF_INET};
	struct error e = {0};

	memset(s, 0, sizeof *s);
	s->fd = -1;
	if (udp_socket_open(s, &at, &o, &e) < 0)
		abort();
	s->hooks = (struct udp_socket_hooks){on_ready, on_received, on_failed, NULL};
}

static void begin(enum framing framing, uint64_t pace)
{
	struct udp_config c = net_defaults;

	net_stop_all();
	net_now_us = 1000000;
	c.pace = pace;
	a = net_start(0, &c);
	b = net_start(1, &net_defaults);
	net_join(a, b, &pa, &pb);
	net_clock(a);
	open_socket(&other);
	options = (struct udp_options){.framing = framing, .events_fd = -1};
	l = (struct udp_loop){.o = &options, .engine = a->u, .slots = a->slots, .ep = &stub, .in_started = true};
	open_socket(&l.socket);
	l.in = (struct units){.framing = framing, .buf = malloc(256 * 1024), .cap = 256 * 1024};
	if (!l.in.buf)
		abort();
	pa->at = (struct udp_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = other.port};
	came = reads = input_left = 0;
	input_ends = false;
}

static void end(void)
{
	udp_socket_close(&l.socket);
	udp_socket_close(&other);
	free(l.in.buf);
	net_stop_all();
}

static void type(const char *text, size_t n, size_t piece)
{
	input = text;
	input_left = n;
	input_piece = piece;
}

static void receive(size_t count)
{
	struct pollfd fd = {.fd = other.fd, .events = POLLIN};

	while (came < count && poll(&fd, 1, 2000) > 0)
		(void)udp_socket_receive(&other, 1024);
	CHECK_INT(came, count);
}

/* ${n} lines of one letter. */
static const char *lines(size_t n)
{
	static char text[8192 * 2];

	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "x\n", 2);
	return text;
}

/* One message goes at once: nobody looks whether there is another one first. */
static void test_one(void)
{
	begin(FRAMING_LINES, 0);
	type("hello\n", 6, 6);
	udp_stdio_pump(&l);
	CHECK_INT(reads, 1);
	CHECK_INT(l.socket.count, 0);
	CHECK(!l.in_more);
	receive(1);
	end();
}

/* More in one read than a share: the rest is known to be there, and goes with the next shares, without another read. */
static void test_share(void)
{
	size_t shares = 1;

	begin(FRAMING_LINES, 100000000);
	type(lines(2000), 4000, 4000);
	udp_stdio_pump(&l);
	CHECK(pa->next_message >= 176 && pa->next_message < 2000);
	CHECK(l.in_more && udp_stdio_wants(&l));
	CHECK_INT(l.socket.count, 0);
	while (l.in_more && shares++ < 100)
		udp_stdio_pump(&l);
	CHECK_INT(pa->next_message, 2000);
	CHECK(shares > 1 && shares < 100);
	CHECK(reads <= 2);
	CHECK_INT(l.socket.count, 0);
	receive(2000);
	end();
}

/* What a read leaves over waits for the next read if there is much, and is sent in the end in any case. */
static void test_pieces(void)
{
	static char text[200000];
	size_t share = 0;

	begin(FRAMING_LINES, 100000000);
	memset(text, 'x', sizeof text);
	for (size_t i = 999; i < sizeof text; i += 1000)
		text[i] = '\n';
	type(text, sizeof text, 20000);
	do
		udp_stdio_pump(&l);
	while (l.in_more && share++ < 100);
	CHECK_INT(pa->next_message, 200);
	CHECK_INT(l.socket.count, 0);
	CHECK(!l.in_done);
	receive(200);
	/* The end, with a line that has none. */
	input_ends = true;
	type("last", 4, 4);
	udp_stdio_pump(&l);
	udp_stdio_pump(&l);
	CHECK(l.in_done);
	receive(201);
	end();
}

/* No more than the window; then it waits, and nobody spins. */
static void test_window(void)
{
	uint64_t sent;

	begin(FRAMING_LINES, 0);
	pa->window_bytes = 0; /* unknown: a small one */
	type(lines(2000), 4000, 4000);
	udp_stdio_pump(&l);
	sent = pa->next_message;
	CHECK(sent > 0 && sent < 200);
	CHECK(!l.in_more && !udp_stdio_wants(&l));
	udp_stdio_pump(&l);
	CHECK_INT(pa->next_message, sent);
	CHECK(!l.in_more);
	receive(sent);
	end();
}

/* A read is a message: one each, the largest that fit among them. */
static void test_raw(void)
{
	static char text[100000];

	begin(FRAMING_RAW, 0);
	type(text, 30, 10);
	udp_stdio_pump(&l);
	CHECK_INT(pa->next_message, 1);
	for (int i = 0; i < 4; i++)
		udp_stdio_pump(&l);
	CHECK_INT(pa->next_message, 3);
	type(text, 5 * udp_text_max(a->u, pa) + 7, sizeof text);
	udp_stdio_pump(&l);
	CHECK_INT(pa->next_message, 9);
	receive(9);
	end();
}

int main(void)
{
	RUN(test_one);
	RUN(test_share);
	RUN(test_pieces);
	RUN(test_window);
	RUN(test_raw);
	UNIT_DONE();
}
