/* The guests that are to be stepped before the loop sleeps. */
#include "service.h"

/* So many at a time; then it is looked what else there is to do. One that always wants to be stepped holds nobody. */
#define STEPS_AT_ONCE 64

void service_soon(struct guest *g)
{
	line_join(&g->service->soon, &g->soon, g);
}

void service_not_soon(struct guest *g)
{
	line_leave(&g->service->soon, &g->soon);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *w, int events)
{
	struct service *v = w->data;

	(void)events;
	for (int i = 0; i < STEPS_AT_ONCE && v->soon.first; i++) {
		struct guest *g = v->soon.first->guest;

		service_not_soon(g);
		service_step(g);
	}
	if (v->kind->turn)
		v->kind->turn(v);
	service_consider_end(v);
	/* (While this is active the loop does not sleep.) */
	if (v->soon.first)
		ev_idle_start(loop, &v->awake);
	else
		ev_idle_stop(loop, &v->awake);
}

static void on_awake(struct ev_loop *loop, ev_idle *w, int events)
{
	(void)loop;
	(void)w;
	(void)events;
}

void service_soon_start(struct service *v)
{
	ev_prepare_init(&v->prepare, on_prepare);
	ev_idle_init(&v->awake, on_awake);
	v->prepare.data = v;
	ev_prepare_start(v->loop, &v->prepare);
}

void service_soon_stop(struct service *v)
{
	ev_prepare_stop(v->loop, &v->prepare);
	ev_idle_stop(v->loop, &v->awake);
}
