#include "udp_end.h"

#include <poll.h>
#include <signal.h>

#include "clock.h"
#include "log.h"
#include "udp_report.h"
#include "udp_stdio.h"

#define FAREWELL_MS 300 /* an answer to an end may get lost: stay for another question */
#define OUTPUT_MS 5000	/* for what is left of the output */

static bool named(const struct udp_loop *l)
{
	return l->o->peer_count > 0;
}

/* ---- the beginning: input waits for somebody to send it to ---- */

/* The first --to that nobody is (yet), or NULL. */
static const char *nobody(const struct udp_loop *l)
{
	for (size_t i = 0; i < l->o->to_count; i++) {
		bool found = false;

		for (size_t k = 0; k < l->engine->peers.used && !found; k++)
			found = l->slots[k].state >= PEER_AWAIT && udp_loop_called(l, &l->slots[k], l->o->to[i]);
		if (!found)
			return l->o->to[i];
	}
	return NULL;
}

static void count(const struct udp_loop *l, size_t *waiting, size_t *ready)
{
	bool missing = nobody(l) != NULL;

	*waiting = *ready = 0;
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		/* One whose key is not known yet may be who is meant. */
		*waiting += missing && p->wanted && p->state == PEER_AWAIT && !p->has_sign;
		if (!udp_loop_is_target(l, p))
			continue;
		if (udp_ready(l->engine, p))
			(*ready)++;
		else if (p->wanted)
			(*waiting)++;
	}
}

static void no_answer(struct udp_loop *l)
{
	char at[ADDRESS_TEXTMAX];

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		if (!p->wanted || p->state == PEER_UP)
			continue;
		udp_address_text(at, &p->at);
		if (l->o->judge->refused)
			error_set(&l->error, ERROR_AUTH, BLAME_AUTH, "%s was refused by its key", at);
		else
			error_set(&l->error, ERROR_TIMEOUT, BLAME_PEER, "timeout: no answer from %s (see --handshake-timeout)", at);
	}
}

static void begin(struct udp_loop *l)
{
	size_t waiting, ready;
	int64_t now = clock_ms();
	bool late;

	count(l, &waiting, &ready);
	if (ready > 0 || !named(l))
		l->deadline_first = 0;
	else if (l->deadline_first == 0)
		l->deadline_first = now;
	late = l->o->handshake_ms > 0 && now >= l->began + l->o->handshake_ms;
	if (!l->in_started)
		l->in_started = ready > 0 && (waiting == 0 || late);
	/* Nobody to send to, and something to be sent. */
	if (named(l) && ready == 0 && !l->o->recv_only && !l->ends_sent && l->o->handshake_ms > 0 && l->deadline_first > 0 &&
	    now >= l->deadline_first + l->o->handshake_ms) {
		no_answer(l);
		l->leaving = true;
	}
}

/* ---- the end ---- */

static void send_ends(struct udp_loop *l)
{
	if (l->ends_sent || !l->in_done || l->socket.count > 0)
		return;
	l->ends_sent = true;
	for (size_t i = 0; i < l->engine->peers.used; i++)
		if (l->slots[i].state == PEER_UP && udp_loop_is_target(l, &l->slots[i]))
			udp_end(l->engine, &l->slots[i]);
}

/* Has everyone who was told the end answered, or will not? */
static bool all_confirmed(const struct udp_loop *l)
{
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		if (p->state == PEER_UP && p->end_due && !p->end_confirmed && p->end_at > 0)
			return false;
	}
	return true;
}

/* Has everyone who ever came ended or gone? */
static bool all_ended(const struct udp_loop *l)
{
	bool any = false;

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		if (p->state == PEER_FREE || !p->up_once || p->measures)
			continue;
		any = true;
		if (p->state == PEER_UP && !p->ended)
			return false;
	}
	return any;
}

static bool finished(struct udp_loop *l)
{
	bool sent = l->ends_sent && all_confirmed(l);

	/* A terminal does not end by itself. */
	if (l->o->until_end)
		return (sent || l->o->recv_only || l->ep->interactive) && all_ended(l);
	return sent && named(l) && !l->o->recv_only;
}

bool udp_end_check(struct udp_loop *l)
{
	int64_t now = clock_ms();

	begin(l);
	send_ends(l);
	if (l->leaving || l->broken_output || l->error.code != ERROR_OK)
		return true;
	if (!finished(l) || l->out_from < l->out_to) {
		l->leave_at = 0;
		return false;
	}
	if (l->leave_at == 0)
		l->leave_at = now + (l->o->linger_ms > 0 ? l->o->linger_ms : l->o->until_end ? FAREWELL_MS : 0);
	return now >= l->leave_at;
}

int64_t udp_end_deadline(const struct udp_loop *l)
{
	int64_t at = INT64_MAX, first = l->began + l->o->handshake_ms;

	if (l->leave_at > 0)
		at = l->leave_at;
	if (l->o->handshake_ms > 0 && l->deadline_first > 0 && l->deadline_first + l->o->handshake_ms < at)
		at = l->deadline_first + l->o->handshake_ms;
	if (l->o->handshake_ms > 0 && !l->in_started && first > clock_ms() && first < at)
		at = first;
	return at;
}

void udp_end_leave(struct udp_loop *l)
{
	struct pollfd out = {.fd = l->ep->out_fd, .events = POLLOUT}, sock = {.fd = l->socket.fd, .events = POLLOUT};
	int64_t until = clock_ms() + OUTPUT_MS;

	udp_loop_clock(l);
	while (l->out_from < l->out_to && !l->broken_output && clock_ms() < until) {
		udp_stdio_flush(l);
		if (l->out_from < l->out_to && !l->broken_output)
			(void)poll(&out, 1, 100);
	}
	for (size_t i = 0; i < l->engine->peers.used; i++)
		udp_bye(l->engine, &l->slots[i], "");
	until = clock_ms() + OUTPUT_MS;
	while (!udp_socket_flush(&l->socket) && clock_ms() < until)
		(void)poll(&sock, 1, 100);
	if (l->out_from < l->out_to && !l->broken_output)
		error_set(&l->error, ERROR_IO, BLAME_LOCAL, "%s took not all of what was received", l->ep->out_name);
	udp_report_event(l, "closed", NULL, NULL);
}

/* Messages that we sent and that did not arrive, as far as peers said. */
static uint64_t lost_out(const struct udp_loop *l, bool *silent)
{
	uint64_t lost = l->engine->peers.gone.unconfirmed;

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		lost += p->n.unconfirmed;
		if (p->kind != PEER_NATIVE || p->next_message == 0)
			continue;
		if (p->end_confirmed && p->confirmed_messages < p->next_message)
			lost += p->next_message - p->confirmed_messages;
		if (l->ends_sent && !p->end_confirmed)
			*silent = true;
	}
	return lost;
}

/* Who was to be sent to and never could be, while others were. */
static void left_out(struct udp_loop *l)
{
	char at[ADDRESS_TEXTMAX];
	bool any = l->engine->peers.gone.messages_sent > 0;

	for (size_t i = 0; i < l->engine->peers.used; i++)
		any |= l->slots[i].n.messages_sent > 0;
	if (!any || !named(l) || !l->ends_sent)
		return;
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		const struct peer *p = &l->slots[i];

		if (p->wanted && !p->up_once && p->n.messages_sent == 0 && udp_loop_is_target(l, p))
			error_set(&l->error, ERROR_TIMEOUT, BLAME_PEER, "%s never answered, and was sent nothing",
			    udp_address_text(at, &p->at));
	}
	if (nobody(l))
		error_set(&l->error, ERROR_TIMEOUT, BLAME_PEER, "nobody came who is %.80s, and that one was sent nothing", nobody(l));
}

static void judge_run(struct udp_loop *l)
{
	bool silent = false;
	uint64_t in = udp_report_lost(l), unsent = l->oversized + l->not_text + l->unsent, out = lost_out(l, &silent);

	if (l->unframed > 0)
		error_set(&l->error, ERROR_IO, BLAME_LOCAL, "%llu messages were not written: they hold the delimiter",
		    (unsigned long long)l->unframed);
	if (unsent > 0)
		error_set(&l->error, ERROR_IO, BLAME_LOCAL, "%llu messages were not sent", (unsigned long long)unsent);
	if (in > 0)
		error_set(&l->error, ERROR_TRUNCATED, BLAME_PEER, "%llu messages to us were lost", (unsigned long long)in);
	if (out > 0)
		error_set(&l->error, ERROR_TRUNCATED, BLAME_PEER, "%llu of our messages were lost", (unsigned long long)out);
	left_out(l);
	if (silent)
		error_set(&l->error, ERROR_TRUNCATED, BLAME_PEER, "a peer did not confirm what it got");
}

int udp_end_status(struct udp_loop *l)
{
	if (l->engine && l->error.code == ERROR_OK)
		judge_run(l);
	if (l->error.code != ERROR_OK)
		log_error("%s", l->error.text);
	/* TERM is how one that waits for peers is ended; one that was to send something was cut. */
	if (l->signal == SIGINT || l->signal == SIGHUP || (l->signal == SIGTERM && named(l) && !l->o->recv_only))
		return 128 + l->signal;
	return error_status(l->error.code);
}
