#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define STAGGER_SECONDS 0.25 /* RFC 8305 section 5 */
#define LACK_SECONDS 0.02    /* no descriptor, or the queue of a Unix socket is full: try again */
#define ASK_SECONDS 0.02     /* is there an answer about the name? */
#define ASK_MOST_MS 30000
#define ASK_AGAIN_MS 2000 /* a name that has no good address is not asked for more often */

/* ---- lists of addresses ---- */

static void list_release(struct dial_list *list)
{
	if (list && --list->users == 0)
		free(list);
}

static void list_add(struct dial_list *list, const struct sockaddr *sa, socklen_t len)
{
	if (list->count == DIAL_ADDRESSES || len > sizeof list->places[0].address)
		return;
	memcpy(&list->places[list->count].address, sa, len);
	list->places[list->count++].len = len;
}

static struct dial_list *list_new(const struct addrinfo *found)
{
	struct dial_list *list = calloc(1, sizeof *list);

	if (!list)
		return NULL;
	list->users = 1;
	for (; found; found = found->ai_next)
		list_add(list, found->ai_addr, found->ai_addrlen);
	return list;
}

/* ---- targets ---- */

static int look_up_source(struct dial_target *t, const struct socket_options *o, int64_t deadline, struct error *e)
{
	struct addrinfo *found;

	if (!o->source)
		return 0;
	found = resolve(o->source, 0, o, deadline, e);
	if (!found)
		return -1;
	for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
		struct dial_place *p = &t->source[ai->ai_family == AF_INET6];

		if (p->len > 0 || ai->ai_addrlen > sizeof p->address)
			continue;
		memcpy(&p->address, ai->ai_addr, ai->ai_addrlen);
		p->len = ai->ai_addrlen;
	}
	freeaddrinfo(found);
	return 0;
}

static int look_up(struct dial_target *t, int64_t deadline, struct error *e)
{
	struct addrinfo *found;

	if (t->at.is_unix) {
		struct sockaddr_un un;
		struct addrinfo ai = {.ai_addr = (struct sockaddr *)&un};

		ai.ai_addrlen = socket_unix_address(&un, t->at.host);
		t->list = list_new(&ai);
	} else {
		found = resolve(t->at.host, t->at.port, t->options, deadline, e);
		if (!found)
			return -1;
		t->list = list_new(found);
		freeaddrinfo(found);
	}
	return t->list ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
}

static void on_asking(struct ev_loop *loop, ev_timer *w, int events)
{
	struct dial_target *t = w->data;
	struct error e = {0};
	struct addrinfo *found;
	struct dial_list *list;

	(void)events;
	if (!resolve_done(t->query) && clock_ms() - t->asked_at < ASK_MOST_MS)
		return;
	ev_timer_stop(loop, w);
	found = resolve_end(t->query, &e);
	t->query = NULL;
	if (!found) {
		log_info(1, "%s", e.text);
		return;
	}
	list = list_new(found);
	freeaddrinfo(found);
	if (!list)
		return;
	list_release(t->list);
	t->list = list;
	log_info(2, "%s: looked up again", t->name);
}

bool dial_target_is_name(const struct dial_target *t)
{
	struct socket_options numeric = {.family = t->options->family, .numeric = true};
	struct error ignored = {0};
	struct addrinfo *found;

	if (t->at.is_unix || t->options->numeric)
		return false;
	found = resolve(t->at.host, t->at.port, &numeric, -1, &ignored);
	if (!found)
		return true;
	freeaddrinfo(found);
	return false;
}

static void ask_again(struct dial_target *t)
{
	int64_t now = clock_ms();

	if (!t->look_up_again || t->query || (t->asked_at > 0 && now - t->asked_at < ASK_AGAIN_MS))
		return;
	t->asked_at = now;
	t->query = resolve_begin(t->at.host, t->at.port, t->options);
	if (t->query)
		ev_timer_again(t->loop, &t->asking);
}

int dial_target_open(struct dial_target *t, struct ev_loop *loop, const struct address *at, const struct socket_options *options,
    int64_t deadline, struct error *e)
{
	memset(t, 0, sizeof *t);
	t->loop = loop;
	t->at = *at;
	t->options = options;
	address_text(t->name, at);
	ev_timer_init(&t->asking, on_asking, ASK_SECONDS, ASK_SECONDS);
	t->asking.data = t;
	return look_up_source(t, options, deadline, e) < 0 ? -1 : look_up(t, deadline, e);
}

void dial_target_close(struct dial_target *t)
{
	struct error ignored = {0};

	if (!t->loop)
		return;
	ev_timer_stop(t->loop, &t->asking);
	if (t->query) {
		struct addrinfo *found = resolve_end(t->query, &ignored);

		if (found)
			freeaddrinfo(found);
	}
	list_release(t->list);
	memset(t, 0, sizeof *t);
}

/* ---- one call ---- */

/* Who is connected to and given up at once must not take that for a client that had nothing to say. */
static void set_reset(int fd, bool on)
{
	struct linger reset = {.l_onoff = on};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

static void forget_try(struct dial *d, int i)
{
	ev_io_stop(d->target->loop, &d->tries[i].w);
	d->tries[i].fd = -1;
	d->live--;
}

void dial_cancel(struct dial *d)
{
	if (!d->list)
		return;
	for (int i = 0; i < d->next; i++)
		if (d->tries[i].fd >= 0) {
			close(d->tries[i].fd);
			forget_try(d, i);
		}
	ev_timer_stop(d->target->loop, &d->stagger);
	ev_timer_stop(d->target->loop, &d->deadline);
	list_release(d->list);
	d->list = NULL;
}

static void fail(struct dial *d, enum error_code code, const char *why)
{
	struct error e = {0};

	error_set(&e, code, BLAME_PEER, "cannot connect to %s: %s", d->target->name, why);
	dial_cancel(d);
	ask_again(d->target);
	d->done(-1, NULL, &e, d->owner);
}

static void on_connected(struct ev_loop *loop, ev_io *w, int events);

static int bind_source(const struct dial *d, int fd, int family)
{
	const struct dial_place *from = &d->target->source[family == AF_INET6];

	if (!d->target->options->source || family == AF_UNIX)
		return 0;
	if (from->len > 0)
		return bind(fd, (const struct sockaddr *)&from->address, from->len);
	errno = EADDRNOTAVAIL; /* the source address is of the other family */
	return -1;
}

/* 0 if it is under way; else why it is not. */
static int begin(struct dial *d, struct dial_try *t, const struct dial_place *to)
{
	int fd = socket_new(to->address.ss_family), why;

	t->fd = -1;
	t->to = to;
	if (fd < 0)
		return errno;
	if (bind_source(d, fd, to->address.ss_family) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to->address, to->len) < 0 && errno != EINPROGRESS)) {
		why = errno;
		close(fd);
		return why;
	}
	set_reset(fd, true);
	t->fd = fd;
	ev_io_init(&t->w, on_connected, fd, EV_WRITE);
	t->w.data = d;
	ev_io_start(d->target->loop, &t->w);
	d->live++;
	return 0;
}

static void next_after(struct dial *d, double seconds)
{
	ev_now_update(d->target->loop);
	ev_timer_stop(d->target->loop, &d->stagger);
	ev_timer_set(&d->stagger, seconds, 0.);
	ev_timer_start(d->target->loop, &d->stagger);
}

/* Begin with the next address that can be begun with. False if there is none, and none is under way. */
static bool go_on(struct dial *d)
{
	int why = -1;

	ev_timer_stop(d->target->loop, &d->stagger);
	while (d->next < d->list->count && why != 0) {
		struct dial_try *t = &d->tries[d->next];

		why = begin(d, t, &d->list->places[d->next]);
		/* The kernel does not tell when there is room, in the queue of a Unix socket as well. */
		if (why == EMFILE || why == ENFILE || (why == EAGAIN && d->target->at.is_unix)) {
			d->lack = why;
			next_after(d, LACK_SECONDS);
			return true;
		}
		d->lack = 0;
		d->next++;
		if (why > 0)
			d->why = why;
	}
	if (d->next < d->list->count)
		next_after(d, STAGGER_SECONDS);
	return d->live > 0;
}

static void on_connected(struct ev_loop *loop, ev_io *w, int events)
{
	struct dial *d = w->data;
	char peer[ADDRESS_TEXTMAX];
	int i = 0, fd = w->fd, error = 0;
	socklen_t len = sizeof error;

	(void)loop;
	(void)events;
	while (&d->tries[i].w != w)
		i++;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	forget_try(d, i);
	if (error != 0) {
		close(fd);
		d->why = error;
		if (!go_on(d))
			fail(d, ERROR_NETWORK, strerror(d->why));
		return;
	}
	address_of(peer, (const struct sockaddr *)&d->tries[i].to->address, d->tries[i].to->len);
	dial_cancel(d);
	set_reset(fd, false);
	socket_tune(fd);
	d->done(fd, peer, NULL, d->owner);
}

static void on_stagger(struct ev_loop *loop, ev_timer *w, int events)
{
	struct dial *d = w->data;

	(void)loop;
	(void)events;
	if (!go_on(d))
		fail(d, ERROR_NETWORK, strerror(d->why));
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
	struct dial *d = w->data;

	(void)loop;
	(void)events;
	fail(d, ERROR_TIMEOUT, d->lack ? strerror(d->lack) : "timeout (see --handshake-timeout)");
}

void dial_start(struct dial *d, struct dial_target *target, int64_t ms,
    void (*done)(int, const char *, const struct error *, void *), void *owner)
{
	memset(d, 0, sizeof *d);
	d->target = target;
	d->list = target->list;
	d->list->users++;
	d->done = done;
	d->owner = owner;
	/* The first address from the loop, too: the owner is told nothing before it has its own house in order. */
	ev_timer_init(&d->stagger, on_stagger, 0., 0.);
	ev_timer_init(&d->deadline, on_deadline, (double)ms / 1000, 0.);
	d->stagger.data = d->deadline.data = d;
	ev_now_update(target->loop);
	ev_timer_start(target->loop, &d->stagger);
	if (ms > 0)
		ev_timer_start(target->loop, &d->deadline);
}
