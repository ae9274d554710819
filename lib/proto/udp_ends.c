/* udp, how much there was: both sides say it at the end, and when one leaves. */
#include "udp.h"

#include <stdio.h>

#define END_FIRST_MS 100
#define END_MOST_MS 1000
#define END_TRIES 30
#define END_QUIET_MS 200 /* what was sent before the end has come by then, or is lost */

void udp_end(struct udp *u, struct peer *p)
{
	if (p->kind != PEER_NATIVE || p->state != PEER_UP || p->end_confirmed)
		return;
	p->end_due = true;
	p->end_at = u->now;
	udp_wake(u, u->now);
}

static void end_tick(struct udp *u, struct peer *p)
{
	int64_t pause = (int64_t)END_FIRST_MS << (p->end_tries < 4 ? p->end_tries : 4);
	char json[128];

	if (++p->end_tries > END_TRIES) {
		p->end_at = 0;
		return;
	}
	p->end_sent = true;
	p->end_at = u->now + (pause < END_MOST_MS ? pause : END_MOST_MS);
	udp_wake(u, p->end_at);
	snprintf(json, sizeof json, "{\"end\":{\"messages\":%llu,\"bytes\":%llu}}", (unsigned long long)p->next_message,
	    (unsigned long long)p->sent_bytes);
	udp_send_control(u, p, json, p->size);
}

static bool all_written(const struct udp *u, const struct peer *p)
{
	return p->handed_at <= u->written;
}

/* At least so many of its messages are. */
static uint64_t messages_written(const struct udp *u, const struct peer *p)
{
	return all_written(u, p) ? p->delivered : p->surely;
}

void udp_written(struct udp *u)
{
	u->written = u->handed;
	if (u->end_waits)
		udp_wake(u, u->now);
	u->end_waits = false;
}

static void say_total(struct udp *u, struct peer *p, const char *what)
{
	char json[128];

	snprintf(json, sizeof json, "{\"%s\":{\"messages\":%llu,\"bytes\":%llu}}", what,
	    (unsigned long long)messages_written(u, p), (unsigned long long)p->received_bytes);
	udp_send_control(u, p, json, p->size);
}

/* All has come, or what has not will not: say how much it was. */
static void ended(struct udp *u, struct peer *p)
{
	bool first = !p->ended;

	p->ended = true;
	say_total(u, p, "ended");
	if (first)
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_ENDED, p);
}

void udp_bye(struct udp *u, struct peer *p, const char *reason)
{
	char json[160];

	if (p->state != PEER_UP || p->kind != PEER_NATIVE)
		return;
	snprintf(json, sizeof json, "{\"bye\":\"%s\",\"messages\":%llu,\"bytes\":%llu}", reason,
	    (unsigned long long)messages_written(u, p), (unsigned long long)p->received_bytes);
	udp_send_control(u, p, json, p->size);
}

static bool all_came(const struct peer *p)
{
	return p->messages.received >= p->their_messages;
}

void udp_ends_take(struct udp *u, struct peer *p, uint64_t messages)
{
	if (!p->their_end) {
		p->their_end = true;
		p->their_messages = messages;
		if (p->last_data_at == 0 || p->last_data_at < u->now - END_QUIET_MS)
			p->last_data_at = u->now;
	}
	if (!all_written(u, p)) {
		/* So that it goes on asking, however long our output takes. */
		u->end_waits = true;
		say_total(u, p, "held");
	} else if (p->ended || all_came(p))
		ended(u, p);
	else
		udp_wake(u, p->last_data_at + END_QUIET_MS);
}

void udp_ends_tick(struct udp *u, struct peer *p)
{
	if (udp_due(u, p->end_at) && !p->end_confirmed)
		end_tick(u, p);
	if (p->their_end && !p->ended && all_written(u, p) && (all_came(p) || udp_due(u, p->last_data_at + END_QUIET_MS)))
		ended(u, p);
}
