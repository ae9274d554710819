/*
 * workers: what is given to threads comes back done, in the loop; what is forgotten is not done, or its result is
 * dropped; and the end may come at any moment. (Worth running with -fsanitize=thread, too.)
 */
#include <ev.h>
#include <pthread.h>

#include "pair.h"
#include "run/workers.h"

#define MANY 100

/* Randomness that lets other threads wait: whoever is in the middle of a message stays there. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t loop;
	bool shut;
	int inside;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void gate_fill(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	if (!pthread_equal(pthread_self(), gate.loop)) {
		pthread_mutex_lock(&gate.lock);
		gate.inside++;
		pthread_cond_broadcast(&gate.changed);
		while (gate.shut)
			pthread_cond_wait(&gate.changed, &gate.lock);
		gate.inside--;
		pthread_mutex_unlock(&gate.lock);
	}
	randombytes_buf(buf, n);
}

static const struct rng gate_rng = {.fill = gate_fill};

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = shut;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* Wait until so many threads are in the middle of a message. */
static void gate_wait(int n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.inside < n)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

/* ---- clients ---- */

struct client {
	struct pair p;
	struct workers_job *job;
	int returned;
};

static struct ev_loop *loop;
static struct workers *workers;
static struct client *clients;
static int relieved, came_back;

static void on_back(struct session_work *w, void *owner)
{
	struct client *c = owner;

	CHECK(pthread_equal(pthread_self(), gate.loop));
	c->job = NULL;
	c->returned++;
	came_back++;
	session_work_back(&c->p.side[1].s, w);
	CHECK(sodium_is_zero((const uint8_t *)&w->handshake, sizeof(w->handshake)));
}

static void on_relieved(void *owner)
{
	CHECK(owner == &relieved);
	relieved++;
}

static void give(struct client *c)
{
	c->job = workers_give(workers, &c->p.side[1].s, c);
	CHECK(c->job != NULL);
}

static void start(int count, int threads)
{
	static const char *const patterns[] = {"IK", "XX"};
	struct error e = {0};

	relieved = came_back = 0;
	clients = calloc((size_t)count, sizeof(*clients));
	workers = workers_new(loop, threads, on_back, on_relieved, &relieved, &e);
	if (!clients || !workers)
		abort();
	CHECK_INT(workers_start(workers, &e), 0);
	CHECK(workers_idle(workers) && !workers_full(workers));
	for (int i = 0; i < count; i++) {
		struct pair *p = &clients[i].p;

		pair_init(p, patterns[i % 2]);
		p->side[0].config.handshake.rng = &secret_rng;
		p->side[1].config.handshake.rng = &gate_rng;
		p->side[1].config.handshake.puts_off = true;
		side_input(&p->side[0], "data", 4);
		pair_start(p);
		pair_run(p);
	}
}

static void end(int count)
{
	workers_free(workers);
	for (int i = 0; i < count; i++)
		pair_free(&clients[i].p);
	free(clients);
}

static bool done(const struct client *c)
{
	return side_closed(&c->p.side[1]);
}

/* Until each has all. */
static void serve(int count)
{
	for (int open = 1; open > 0;) {
		open = 0;
		for (int i = 0; i < count; i++) {
			struct client *c = &clients[i];

			pair_run(&c->p);
			if (session_state(&c->p.side[1].s) & SESSION_HEAVY)
				give(c);
			open += c->job != NULL;
		}
		if (open > 0)
			ev_run(loop, EVRUN_ONCE);
	}
}

/* ---- what is shown ---- */

static void test_many(void)
{
	for (int threads = 1; threads <= 4; threads += 3) {
		start(MANY, threads);
		serve(MANY);
		for (int i = 0; i < MANY; i++) {
			CHECK(done(&clients[i]));
			CHECK_INT(side_code(&clients[i].p.side[1]), ERROR_OK);
			CHECK_INT(clients[i].p.side[1].got_len, 4);
			CHECK_INT(clients[i].returned, i % 2 ? 2 : 1);
		}
		CHECK(workers_idle(workers) && relieved > 0 && relieved <= came_back);
		end(MANY);
	}
}

/* What nobody has begun is not done any more; what is in the middle is dropped when it is done. */
static void test_forgotten(void)
{
	start(4, 1);
	gate_set(true);
	for (int i = 0; i < 4; i++)
		give(&clients[i]);
	gate_wait(1);
	for (int i = 0; i < 4; i += 2) { /* the first is in the middle, the third is queued */
		workers_forget(clients[i].job);
		clients[i].job = NULL;
	}
	CHECK(!workers_idle(workers));
	gate_set(false);
	serve(4);
	for (int i = 0; i < 4; i++) {
		CHECK_INT(done(&clients[i]), i % 2);
		CHECK_INT(clients[i].returned, i == 1 || i == 3 ? 2 : 0);
	}
	while (!workers_idle(workers))
		ev_run(loop, EVRUN_ONCE);
	end(4);
}

/* The last that is away is forgotten in the middle: whoever waits for room is told nevertheless. */
static void test_relieved_of_the_forgotten(void)
{
	start(1, 1);
	gate_set(true);
	give(&clients[0]);
	gate_wait(1);
	workers_forget(clients[0].job);
	gate_set(false);
	while (relieved == 0)
		ev_run(loop, EVRUN_ONCE);
	CHECK(workers_idle(workers));
	CHECK_INT(clients[0].returned, 0);
	workers_forget(NULL);
	end(1);
}

static void test_full(void)
{
	int given = 0;

	start(MANY, 2);
	gate_set(true);
	while (given < MANY && !workers_full(workers))
		give(&clients[given++]);
	CHECK(given > 2 && given < MANY);
	gate_set(false);
	while (workers_full(workers))
		ev_run(loop, EVRUN_ONCE);
	serve(MANY);
	CHECK(done(&clients[0]) && done(&clients[MANY - 1]));
	end(MANY);
}

/* The end, with jobs in every state; their owners may still forget them. */
static void test_end_in_the_middle(void)
{
	for (int forget = 0; forget < 2; forget++) {
		start(8, 2);
		gate_set(true);
		for (int i = 0; i < 8; i++)
			give(&clients[i]);
		gate_wait(2);
		gate_set(false);
		workers_stop(workers);
		for (int i = 0; forget && i < 8; i++)
			workers_forget(clients[i].job);
		CHECK_INT(came_back, 0);
		end(8);
	}
}

static void test_never_started(void)
{
	struct error e = {0};

	workers = workers_new(loop, 3, on_back, on_relieved, &relieved, &e);
	CHECK(workers != NULL);
	workers_free(workers);
	workers_free(NULL);
}

static void test_auto(void)
{
	CHECK(workers_auto() >= 1 && workers_auto() <= WORKERS_MAX);
}

int main(void)
{
	CHECK_INT(secret_init(), 0);
	gate.loop = pthread_self();
	loop = ev_default_loop(EVFLAG_NOENV);
	RUN(test_many);
	RUN(test_forgotten);
	RUN(test_relieved_of_the_forgotten);
	RUN(test_full);
	RUN(test_end_in_the_middle);
	RUN(test_never_started);
	RUN(test_auto);
	ev_loop_destroy(loop);
	UNIT_DONE();
}
