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

/* ---- several psks ---- */

/* The side that reads the first psk has ${count} to choose from, and the other one the one at ${right}. */
static bool choose(struct sides *s, const char *pattern, uint8_t (*list)[NOISE_PSKBYTES], size_t count, size_t right)
{
	const uint8_t(*one)[NOISE_PSKBYTES] = (const uint8_t(*)[NOISE_PSKBYTES])list[right];
	int reader;

	CHECK_INT(prepare(s, pattern, DH_25519, HASH_SHA256), 0);
	reader = noise_protocol_finds_psk(&s->protocol, true) ? 0 : 1;
	s->keys[reader].psks = (const uint8_t(*)[NOISE_PSKBYTES])list;
	s->keys[reader].psk_choices = count;
	s->keys[!reader].psks = one;
	s->keys[!reader].psk_count = 1;
	CHECK_INT(start_side(s, 0), NOISE_OK);
	CHECK_INT(start_side(s, 1), NOISE_OK);
	CHECK_INT(noise_chosen_psk(&s->hs[reader]), -1);
	pass_messages(s, noise_protocol_messages(&s->protocol));
	check_end(s);
	return noise_chosen_psk(&s->hs[reader]) == (int)right && noise_chosen_psk(&s->hs[!reader]) == -1;
}

static void test_chosen_psk(void)
{
	static const char *const patterns[] = {"NNpsk0", "NNpsk1", "NNpsk2", "XXpsk0", "XXpsk1", "XXpsk2", "XXpsk3", "IKpsk1",
	    "KKpsk0+psk2", "X1X1psk0+psk1+psk2+psk3+psk4", "Npsk0"};
	uint8_t list[NOISE_MAXCHOICES][NOISE_PSKBYTES];
	static struct sides s;

	secret_rng.fill(secret_rng.ctx, list[0], sizeof(list));
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		for (size_t right = 0; right < 4; right++) {
			CHECK(choose(&s, patterns[i], list, 4, right));
			end(&s);
		}
		CHECK(choose(&s, patterns[i], list, NOISE_MAXCHOICES, NOISE_MAXCHOICES - 1));
		end(&s);
		CHECK(choose(&s, patterns[i], list, 1, 0));
		end(&s);
	}
}

/* None of them fits: as with one psk that is wrong. */
static void test_no_psk_fits(void)
{
	uint8_t list[3][NOISE_PSKBYTES];
	static struct sides s;
	size_t len, n;

	memset(list, 0xee, sizeof(list));
	for (int message = 0; message < 3; message += 2) {
		CHECK_INT(prepare(&s, message == 0 ? "XXpsk0" : "XXpsk3", DH_25519, HASH_SHA256), 0);
		s.keys[1].psks = (const uint8_t(*)[NOISE_PSKBYTES])list;
		s.keys[1].psk_choices = 3;
		CHECK_INT(start_side(&s, 0), NOISE_OK);
		CHECK_INT(start_side(&s, 1), NOISE_OK);
		pass_messages(&s, (unsigned)message);
		len = write_message(&s, (unsigned)message, 10);
		memset(got, 0xa5, sizeof(got));
		CHECK_INT(noise_read(&s.hs[1], wire, len, got, sizeof(got), &n), NOISE_E_DECRYPT);
		CHECK_INT(n, 0);
		check_nothing_released(10);
		check_dead(&s.hs[1]);
		end(&s);
	}
}

/* Who writes a psk first cannot know which one the other side has. */
static void test_no_choice(void)
{
	static struct sides s;

	CHECK_INT(prepare(&s, "XXpsk2", DH_25519, HASH_SHA256), 0);
	s.keys[1].psk_choices = 2;
	CHECK_INT(start_side(&s, 1), NOISE_E_KEY);
	s.keys[1].psk_choices = 1;
	CHECK_INT(start_side(&s, 1), NOISE_OK);
	end(&s);
	CHECK_INT(prepare(&s, "XXpsk3", DH_25519, HASH_SHA256), 0);
	s.keys[0].psk_choices = 2;
	CHECK_INT(start_side(&s, 0), NOISE_E_KEY);
	s.keys[1].psk_choices = NOISE_MAXCHOICES + 1;
	CHECK_INT(start_side(&s, 1), NOISE_E_KEY);
	end(&s);
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
	RUN(test_chosen_psk);
	RUN(test_no_psk_fits);
	RUN(test_no_choice);
	RUN(test_wrong_turns);
	RUN(test_longest_message);
	RUN(test_short_messages);
	RUN(test_no_room);
	RUN(test_read_in_place);
	UNIT_DONE();
}
