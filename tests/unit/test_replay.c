/* replay: windows and tables of what has been seen. */
#include "proto/replay.h"
#include "unit.h"

static struct replay_window w;

static void test_window(void)
{
	memset(&w, 0, sizeof w);
	CHECK(replay_check(&w, 0) == REPLAY_NEW);
	replay_note(&w, 0);
	CHECK(replay_check(&w, 0) == REPLAY_SEEN);
	replay_note(&w, 5);
	CHECK_INT(replay_missing(&w), 4);
	CHECK(replay_check(&w, 3) == REPLAY_LATE);
	replay_note(&w, 3);
	CHECK(replay_check(&w, 3) == REPLAY_SEEN);
	CHECK_INT(replay_missing(&w), 3);
	replay_note(&w, 5 + REPLAY_WINDOW);
	CHECK(replay_check(&w, 5) == REPLAY_OLD);
	CHECK(replay_check(&w, 6) == REPLAY_LATE);
	CHECK(replay_check(&w, 5 + REPLAY_WINDOW) == REPLAY_SEEN);
	replay_note(&w, UINT64_MAX - 1);
	CHECK(replay_check(&w, UINT64_MAX) == REPLAY_OLD);
	CHECK(replay_check(&w, UINT64_MAX - 1) == REPLAY_SEEN);
	CHECK(replay_check(&w, UINT64_MAX - 2) == REPLAY_LATE);
}

/* Against a list of everything. */
static void test_model(void)
{
	static uint8_t seen[400000];
	uint64_t top = 0, random = 12345, count = 0;

	memset(&w, 0, sizeof w);
	for (int i = 0; i < 300000; i++) {
		uint64_t n;
		bool fresh;

		random = random * 6364136223846793005U + 1442695040888963407U;
		n = top + (random >> 33) % 50;
		n = n > 40 ? n - 40 : n;
		if (random >> 60 == 0)
			n = top > 70000 ? top - 70000 + (random >> 40) % 10000 : top;
		if (n >= sizeof seen)
			break;
		fresh = !seen[n] && n + REPLAY_WINDOW >= w.next;
		CHECK((replay_check(&w, n) == REPLAY_NEW || replay_check(&w, n) == REPLAY_LATE) == fresh);
		if (!fresh)
			continue;
		replay_note(&w, n);
		seen[n] = 1;
		count++;
		top = n > top ? n : top;
	}
	CHECK_INT(w.received, count);
	CHECK_INT(w.next, top + 1);
	CHECK(count > 1000);
}

static void nonce_of(uint8_t nonce[REPLAY_NONCE], uint64_t n)
{
	memset(nonce, 7, REPLAY_NONCE);
	memcpy(nonce + 8, &n, 8);
}

static void test_nonces(void)
{
	static struct replay_entry entries[500];
	struct replay_nonces r = {entries, 500, 99};
	uint8_t nonce[REPLAY_NONCE];
	unsigned taken = 0, full = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		nonce_of(nonce, i);
		enum replay_verdict v = replay_nonce(&r, nonce, 1, 100);

		taken += v == REPLAY_NEW;
		full += v == REPLAY_OLD;
	}
	/* No more than there is room for, and nothing is forgotten for something new. */
	CHECK_INT(taken, 500);
	CHECK_INT(full, 500);
	for (uint64_t i = 0; i < 100; i++) {
		nonce_of(nonce, i);
		CHECK(replay_nonce(&r, nonce, 99, 200) != REPLAY_NEW);
	}
	/* What is over makes room. */
	nonce_of(nonce, 5000);
	CHECK(replay_nonce(&r, nonce, 100, 200) == REPLAY_NEW);
	CHECK(replay_nonce(&r, nonce, 150, 300) == REPLAY_SEEN);
	CHECK(replay_nonce(&(struct replay_nonces){0}, nonce, 1, 2) == REPLAY_OLD);
}

int main(void)
{
	RUN(test_window);
	RUN(test_model);
	RUN(test_nonces);
	UNIT_DONE();
}
