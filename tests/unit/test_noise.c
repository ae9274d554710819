/* noise: handshakes of every pattern with ourselves; turns and lengths.
 * Agreement with others is the vectors' business (tests/tools/noise-vectors.c). */
#include "crypto/noise_patterns.h"
#include "noise_sides.h"

static void check_pattern(const char *pattern, enum dh_alg dh, enum hash_alg hash)
{
	static struct sides s;

	if (prepare(&s, pattern, dh, hash) != 0)
		return;
	CHECK_INT(start_side(&s, 0), NOISE_OK);
	CHECK_INT(start_side(&s, 1), NOISE_OK);
	pass_messages(&s, noise_protocol_messages(&s.protocol));
	check_end(&s);
	end(&s);
}

static void test_every_pattern(void)
{
	const struct noise_pattern *pattern;
	char name[16];

	for (size_t i = 0; (pattern = noise_pattern_at(i)); i++) {
		check_pattern(pattern->name, DH_25519, HASH_BLAKE2B);
		check_pattern(pattern->name, DH_448, HASH_BLAKE2S);
		for (unsigned psk = 0; psk <= noise_pattern_messages(pattern); psk++) {
			snprintf(name, sizeof(name), "%spsk%u", pattern->name, psk);
			check_pattern(name, DH_25519, HASH_SHA512);
		}
	}
	check_pattern("X1X1psk0+psk1+psk2+psk3+psk4", DH_25519, HASH_SHA256);
	check_pattern("Kpsk0+psk1", DH_448, HASH_SHA512);
}

static void test_wrong_turns(void)
{
	static struct sides s;
	size_t n;

	start(&s, "XX");
	CHECK_INT(noise_write(&s.hs[1], NULL, 0, wire, sizeof(wire), &n), NOISE_E_STATE);
	check_dead(&s.hs[1]);
	CHECK_INT(noise_read(&s.hs[0], wire, 32, got, sizeof(got), &n), NOISE_E_STATE);
	check_dead(&s.hs[0]);
	start(&s, "XX");
	CHECK_INT(noise_split(&s.hs[0], &s.tx[0], &s.rx[0]), NOISE_E_STATE);
	check_dead(&s.hs[0]);
	end(&s);
	start(&s, "XX");
	pass_messages(&s, 2);
	CHECK_INT(noise_read(&s.hs[0], wire, 100, got, sizeof(got), &n), NOISE_E_STATE);
	check_dead(&s.hs[0]);
	end(&s);
	start(&s, "NN");
	pass_messages(&s, 2);
	CHECK_INT(noise_write(&s.hs[0], NULL, 0, wire, sizeof(wire), &n), NOISE_E_STATE);
	check_dead(&s.hs[0]);
	CHECK_INT(noise_split(&s.hs[1], &s.tx[1], &s.rx[1]), NOISE_OK);
	CHECK_INT(noise_split(&s.hs[1], &s.tx[0], &s.rx[0]), NOISE_E_STATE);
	check_dead(&s.hs[1]);
	end(&s);
}

static void test_longest_message(void)
{
	static struct sides s;
	const size_t most = NOISE_MAXMSG - 48;
	size_t len, n;

	start(&s, "NNpsk0");
	pass_message(&s, 0, most);
	end(&s);
	start(&s, "NNpsk0");
	CHECK_INT(
	    noise_write(&s.hs[0], payload, most + 1, wire, sizeof(wire), &len), NOISE_E_LENGTH);
	CHECK_INT(len, 0);
	check_dead(&s.hs[0]);
	memset(got, 0xa5, sizeof(got));
	CHECK_INT(
	    noise_read(&s.hs[1], wire, NOISE_MAXMSG + 1, got, sizeof(got), &n), NOISE_E_LENGTH);
	check_nothing_released(sizeof(got));
	check_dead(&s.hs[1]);
	end(&s);
}

static void test_short_messages(void)
{
	static struct sides s;
	size_t len = 1, n;

	for (size_t i = 0; i < len; i++) {
		start(&s, "IK");
		len = write_message(&s, 0, 0);
		CHECK_INT(noise_read(&s.hs[1], wire, i, got, sizeof(got), &n), NOISE_E_LENGTH);
		check_dead(&s.hs[1]);
		end(&s);
	}
	CHECK_INT(len, 96);
}

static void test_no_room(void)
{
	static struct sides s;
	size_t len, n;

	start(&s, "NN");
	CHECK_INT(noise_write(&s.hs[0], payload, 10, wire, 41, &len), NOISE_E_LENGTH);
	check_dead(&s.hs[0]);
	end(&s);
	start(&s, "NN");
	CHECK_INT(noise_write(&s.hs[0], payload, 10, wire, 42, &len), NOISE_OK);
	CHECK_INT(noise_read(&s.hs[1], wire, 42, got, 9, &n), NOISE_E_LENGTH);
	check_dead(&s.hs[1]);
	end(&s);
}

/* A payload may be read into the place of its own ciphertext. */
static void test_read_in_place(void)
{
	static struct sides s;
	size_t len, n;

	start(&s, "N");
	len = write_message(&s, 0, 1000);
	CHECK_INT(noise_read(&s.hs[1], wire, len, wire + 32, 1000, &n), NOISE_OK);
	CHECK_MEM(wire + 32, payload, 1000);
	check_end(&s);
	end(&s);
}

int main(void)
{
	sides_init();
	RUN(test_every_pattern);
	RUN(test_wrong_turns);
	RUN(test_longest_message);
	RUN(test_short_messages);
	RUN(test_no_room);
	RUN(test_read_in_place);
	UNIT_DONE();
}
