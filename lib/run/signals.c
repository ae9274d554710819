#include "signals.h"

#include <signal.h>

static const int numbers[3] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
	struct signals *s = w->data;

	(void)loop;
	(void)events;
	s->caught(w->signum, s->owner);
}

void signals_start(struct signals *s, struct ev_loop *loop, void (*caught)(int, void *), void *owner)
{
	s->loop = loop;
	s->caught = caught;
	s->owner = owner;
	for (int i = 0; i < 3; i++) {
		struct sigaction old;

		ev_signal_init(&s->watchers[i], on_signal, numbers[i]);
		s->watchers[i].data = s;
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		ev_signal_start(loop, &s->watchers[i]);
	}
}

void signals_stop(struct signals *s)
{
	for (int i = 0; i < 3; i++)
		ev_signal_stop(s->loop, &s->watchers[i]);
}
