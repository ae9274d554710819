/* What is left of a packet: the sums are right for every MTU, and the records are those of the engine. */
#include "proto/payload.h"
#include "proto/wire.h"
#include "unit.h"

static struct payload row(const char *wire, const char *transport, bool ipv6, uint32_t mtu)
{
	struct payload p;

	for (size_t n = 0; payload_row(&p, n, ipv6, mtu); n++)
		if (strcmp(p.wire, wire) == 0 && strcmp(p.transport, transport) == 0)
			return p;
	fprintf(stderr, "no row %s, %s\n", wire, transport);
	exit(1);
}

static void known_sizes(void)
{
	CHECK_INT(row("none", "tcp", false, 1500).fits, 1448);
	CHECK_INT(row("none", "tcp", true, 1500).fits, 1428);
	CHECK_INT(row("none", "udp", false, 1500).fits, 1472);
	CHECK_INT(row("none", "udp", true, 1280).fits, 1232);
	CHECK_INT(row("vault1", "tcp", false, 1500).fits, 1448 - 21);
	CHECK_INT(row("vault-tcp", "tcp", false, 1500).fits, 1448 - 20);
	CHECK_INT(payload_udp(false, 576), 548);
	CHECK_INT(payload_tcp(false, 576), 524);
}

static size_t n_rows(bool ipv6, uint32_t mtu)
{
	struct payload p;
	size_t n = 0;

	while (payload_row(&p, n, ipv6, mtu))
		n++;
	return n;
}

/* Every byte of the packet is in a header or in the remainder, unless a note says why not. */
static void sums(void)
{
	for (uint32_t mtu = 68; mtu <= 66000; mtu = mtu < 2000 ? mtu + 1 : mtu + 997)
		for (int six = 0; six < 2; six++) {
			struct payload p;

			for (size_t n = 0; payload_row(&p, n, six, mtu); n++) {
				size_t sum = p.fits;

				for (size_t i = 0; i < p.count; i++)
					sum += p.steps[i].bytes;
				CHECK(p.note || sum == mtu);
				CHECK(p.fits == 0 || sum <= mtu);
				CHECK(p.count <= PAYLOAD_STEPS);
			}
			CHECK(n_rows(six, mtu) >= 4);
		}
}

static void no_room(void)
{
	CHECK_INT(row("vault1", "tcp", true, 1279).fits, 0);
	CHECK(row("vault1", "tcp", true, 1279).note != NULL);
	CHECK_INT(row("vault1", "tcp", false, 68).fits, 0);
	CHECK(row("vault1", "tcp", false, 68).note != NULL);
	CHECK_INT(row("none", "udp", false, 20).fits, 0);
}

static void largest(void)
{
	CHECK_INT(row("none", "udp", false, 65536).fits, 65507);
	CHECK_INT(row("none", "udp", true, 70000).fits, 65527);
	CHECK_INT(row("vault1", "tcp", true, 70000).fits, wire_vault1.body_max);
	CHECK(row("vault1", "tcp", true, 70000).note != NULL);
}

int main(void)
{
	RUN(known_sizes);
	RUN(sums);
	RUN(no_room);
	RUN(largest);
	UNIT_DONE();
}
