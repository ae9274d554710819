#include "aide.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/secret.h"

#define STACK_SIZE (512 * 1024)

enum aide_state { AIDE_IDLE, AIDE_ASKED, AIDE_WORKS, AIDE_LEAVES };

struct aide {
	struct squash_aide base;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum aide_state state;
	bool lives, failed; /* the thread; and it could not be made */
	void (*work)(void *arg);
	void *arg;
	uint8_t buf[SQUASH_PAIR];
};

static void *serve(void *arg)
{
	struct aide *a = arg;

	pthread_mutex_lock(&a->lock);
	while (a->state != AIDE_LEAVES) {
		if (a->state != AIDE_ASKED) {
			pthread_cond_wait(&a->changed, &a->lock);
			continue;
		}
		a->state = AIDE_WORKS;
		pthread_mutex_unlock(&a->lock);
		a->work(a->arg);
		pthread_mutex_lock(&a->lock);
		a->state = AIDE_IDLE;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* (Signals are the loop's.) */
static bool begin(struct aide *a)
{
	pthread_attr_t attr;
	sigset_t all, before;

	if (a->lives || a->failed)
		return a->lives;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	a->lives = pthread_create(&a->thread, &attr, serve, a) == 0;
	a->failed = !a->lives;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return a->lives;
}

static void aide_start(struct squash_aide *base, void (*work)(void *arg), void *arg)
{
	struct aide *a = (struct aide *)base;
	bool lives = begin(a);

	pthread_mutex_lock(&a->lock);
	a->work = work;
	a->arg = arg;
	a->state = AIDE_ASKED;
	if (lives)
		pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* What it has not begun, for want of a processor, is done faster here. */
static void aide_finish(struct squash_aide *base)
{
	struct aide *a = (struct aide *)base;
	bool ours;

	pthread_mutex_lock(&a->lock);
	ours = a->state == AIDE_ASKED;
	if (ours)
		a->state = AIDE_IDLE;
	while (a->state == AIDE_WORKS)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	if (ours)
		a->work(a->arg);
}

struct aide *aide_new(void)
{
	struct aide *a = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? calloc(1, sizeof *a) : NULL;

	if (!a)
		return NULL;
	a->base = (struct squash_aide){aide_start, aide_finish};
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	return a;
}

void aide_join(struct aide *a, struct session_config *config)
{
	config->squash_buf = a->buf;
	config->aide = &a->base;
}

void aide_free(struct aide *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->state = AIDE_LEAVES;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	if (a->lives)
		pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	secret_wipe(a->buf, sizeof a->buf);
	free(a);
}
