#include "service_code.h"

#include <stdlib.h>

#include "code.h"
#include "enrol.h"
#include "log.h"

struct service_code {
	struct enrol enrol;
	bool used;
	ev_timer life;
	char here[ADDRESS_HOSTMAX];
};

static void on_old(struct ev_loop *loop, ev_timer *w, int events)
{
	struct service *v = w->data;

	(void)loop;
	(void)events;
	if (v->o->stream.code->guesses > 0)
		log_warn("nobody came with the code in time: it is dead; for a new one start again");
	code_spend(v->o->stream.code);
}

int service_code_prepare(struct service *v, struct error *e)
{
	struct service_code *sc;

	if (!v->o->stream.code)
		return 0;
	sc = v->code = calloc(1, sizeof *sc);
	if (!sc)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	code_here(sc->here);
	sc->enrol = (struct enrol){.wanted = v->o->remember, .path = v->judge.path, .fresh = -1};
	ev_timer_init(&sc->life, on_old, (double)CODE_LIFE_MS / 1000, 0.);
	sc->life.data = v;
	return enrol_prepare(&sc->enrol, e);
}

void service_code_needs(const struct service *v, struct sandbox_needs *needs)
{
	if (!v->code || !v->code->enrol.wanted)
		return;
	if (v->code->enrol.fresh >= 0)
		needs->arrival = v->code->enrol.path;
	else
		needs->append = v->code->enrol.path;
}

void service_code_show(struct service *v)
{
	if (!v->code)
		return;
	ev_timer_start(v->loop, &v->code->life);
	code_show(v->o->stream.code, &v->server.listeners, v->code->here, CODE_LIFE_MS);
}

const char *service_code_verdict(struct service *v, struct conn *c)
{
	struct service_code *sc = v->code;
	struct error e = {0};

	if (sc->used)
		return "the client knew the code, but another one has used it up meanwhile";
	sc->used = true;
	ev_timer_stop(v->loop, &sc->life);
	code_spend(v->o->stream.code);
	enrol_client(&sc->enrol, c);
	enrol_free(&sc->enrol); /* with its lock */
	if (sc->enrol.wanted && !v->judge.everyone && service_read_authorized(v, &e) < 0)
		log_error("%s", e.text);
	return NULL;
}

void service_code_free(struct service *v)
{
	if (!v->code)
		return;
	ev_timer_stop(v->loop, &v->code->life);
	enrol_free(&v->code->enrol);
	free(v->code);
	v->code = NULL;
}
