/* The options of sessions: what a raw wire cannot have, and its own defaults. */
#include "../../cmd/common.c"
#include "../../cmd/common_number.c"
#include "../../cmd/stream_args.c"

#include "unit.h"

/* What is printed of a usage error is for the stories to read. */
static int quietly(struct stream_args *s, const struct common_args *a, const struct wire *wire)
{
	int saved = dup(2), null = open("/dev/null", O_WRONLY), rc;

	dup2(null, 2);
	rc = stream_args_wire(s, a, wire);
	dup2(saved, 2);
	close(saved);
	close(null);
	return rc;
}

static void test_idle(void)
{
	const struct wire *const wires[] = {&wire_vault1, &wire_vaulttcp, &wire_auto};

	for (int i = 0; i < 3; i++) {
		for (int given = 0; given < 2; given++) {
			struct common_args a = {.prog = "test"};
			struct stream_args s;

			stream_args_init(&s);
			s.wire = "name";
			a.seen[ARGS_IDLE_TIMEOUT] = (unsigned char)given;
			CHECK_INT(quietly(&s, &a, wires[i]), 0);
			CHECK_INT(s.stream.idle_ms, 0);
			CHECK_INT(s.stream.raw_idle_ms, i > 0 && !given ? 300000 : 0);
		}
	}
}

static void test_conflicts(void)
{
	struct common_args a = {.prog = "test"};
	struct stream_args s;

	stream_args_init(&s);
	s.wire = "name";
	s.stream.compress = true;
	CHECK_INT(quietly(&s, &a, &wire_vault1), 0);
	CHECK_INT(quietly(&s, &a, &wire_auto), 0); /* for the clients that can */
	CHECK_INT(quietly(&s, &a, &wire_vaulttcp), COMMON_USAGE);
	s.stream.compress = false;
	s.psk_file = "psk";
	CHECK_INT(quietly(&s, &a, &wire_vault1), 0);
	CHECK_INT(quietly(&s, &a, &wire_auto), COMMON_USAGE);
	CHECK_INT(quietly(&s, &a, &wire_vaulttcp), COMMON_USAGE);
	s.psk_file = NULL;
	a.seen[ARGS_MAX_MESSAGE] = 1;
	CHECK_INT(quietly(&s, &a, &wire_vault1), COMMON_USAGE);
	CHECK_INT(quietly(&s, &a, &wire_auto), 0);
	CHECK_INT(quietly(&s, &a, &wire_vaulttcp), 0);
}

int main(void)
{
	RUN(test_idle);
	RUN(test_conflicts);
	UNIT_DONE();
}
