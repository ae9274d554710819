#include "udp_hooks.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "log.h"
#include "routes.h"
#include "udp_kept.h"
#include "udp_report.h"
#include "udp_solicit.h"
#include "udp_stdio.h"

#define MTU_DEFAULT 1500
#define LIMIT_LEAST (576 - 28) /* every IPv4 host takes such datagrams */

/* ---- hooks of the engine ---- */

static bool on_judge(void *owner, struct peer *p)
{
	struct udp_loop *l = owner;
	bool good = udp_judge_accept(l->o->judge, p);

	if (!good)
		udp_report_event(l, "refused", p, "key");
	return good;
}

/* Every message is padded to the size in use, so what loopback could carry at once would be a waste. */
static size_t on_limit(void *owner, const struct udp_address *at)
{
	const struct udp_loop *l = owner;
	bool v4 = udp_address_is_v4(at);
	size_t headers = v4 ? 28 : 48, mtu = l->o->mtu;
	struct sockaddr_storage sa;
	struct route r;

	if (mtu == 0) {
		(void)udp_address_to(&sa, at, v4 ? AF_INET : AF_INET6);
		if (routes_by_socket(&r, (struct sockaddr *)&sa) == 0)
			mtu = r.mtu;
		if (mtu == 0 || (route_is_loopback(&r) && mtu > MTU_DEFAULT))
			mtu = MTU_DEFAULT;
	}
	if (mtu > DATAGRAM_MAX + headers)
		mtu = DATAGRAM_MAX + headers;
	return mtu > headers ? mtu - headers : 0;
}

static void on_send(void *owner, const struct udp_address *to, const uint8_t *bytes, size_t n)
{
	struct udp_loop *l = owner;
	uint8_t *at = udp_socket_room(&l->socket, n);

	/* What the engine has to say is said again if it gets lost. */
	if (!at && udp_socket_flush(&l->socket))
		at = udp_socket_room(&l->socket, n);
	if (!at)
		return;
	memcpy(at, bytes, n);
	/* Keys have to get through also where what "gets through everywhere" does not. */
	udp_socket_put(&l->socket, to, n, n > LIMIT_LEAST && n <= UDP_SIZE_LEAST && udp_address_is_v4(to) && n > on_limit(l, to));
}

static void tell_up(struct udp_loop *l, struct peer *p)
{
	char at[ADDRESS_TEXTMAX], key[KEYTEXT_MAX];

	log_info(1, "%s: talking to %s, key %s", udp_address_text(at, &p->at), udp_report_kind(p), udp_judge_text(p, key));
	if (p->kind != PEER_NATIVE && !p->up_once)
		log_warn("%s speaks %s: nothing there confirms that messages arrive", at, udp_report_kind(p));
	udp_kept_note(l->kept, p);
	udp_report_event(l, "connect", p, NULL);
}

static void tell_confirmed(struct udp_loop *l, struct peer *p)
{
	char at[ADDRESS_TEXTMAX];

	if (p->confirmed_messages < p->next_message)
		log_error("%s: %llu of %llu messages were lost on the way", udp_address_text(at, &p->at),
		    (unsigned long long)(p->next_message - p->confirmed_messages), (unsigned long long)p->next_message);
	udp_report_event(l, "confirmed", p, NULL);
}

static void on_event(void *owner, enum udp_event what, struct peer *p)
{
	struct udp_loop *l = owner;
	char at[ADDRESS_TEXTMAX];

	udp_address_text(at, &p->at);
	switch (what) {
	case UDP_EVENT_UP:
		tell_up(l, p);
		break;
	case UDP_EVENT_DOWN:
		log_warn("%s: silent, given up%s", at, p->wanted ? " for now" : "");
		udp_report_event(l, "disconnect", p, "silent");
		break;
	case UDP_EVENT_MOVED:
		log_info(1, "%s: peer %u is there now", at, p->id);
		udp_report_event(l, "moved", p, NULL);
		break;
	case UDP_EVENT_SIZED:
		log_info(2, "%s: datagrams of %zu bytes", at, p->size);
		udp_report_event(l, "size", p, NULL);
		break;
	case UDP_EVENT_ENDED:
		log_info(1, "%s: has ended, %llu messages came, %llu were lost", at, (unsigned long long)p->messages.received,
		    (unsigned long long)peer_lost(p));
		udp_report_event(l, "end", p, NULL);
		break;
	case UDP_EVENT_CONFIRMED:
		tell_confirmed(l, p);
		break;
	case UDP_EVENT_SOLICIT:
		udp_solicit_send(l, p);
		break;
	case UDP_EVENT_BYE:
		log_info(1, "%s: left", at);
		udp_report_event(l, "disconnect", p, "left");
		break;
	case UDP_EVENT_PROBED:
		break;
	}
}

/* ---- hooks of the socket ---- */

static bool on_room(void *owner)
{
	const struct udp_loop *l = owner;

	return udp_stdio_room(l) && !l->leaving;
}

static void on_received(void *owner, const struct udp_address *from, uint8_t *bytes, size_t n)
{
	struct udp_loop *l = owner;
	struct udp_message m;

	if (udp_receive(l->engine, from, bytes, n, &m) != UDP_MESSAGE)
		return;
	udp_stdio_take(l, &m);
	if (l->o->max_messages > 0 && l->delivered >= l->o->max_messages)
		l->leaving = true;
}

static void on_unsent(void *owner, const struct udp_address *to, size_t n, int error)
{
	struct udp_loop *l = owner;
	struct peer *p = peers_by_address(&l->engine->peers, to);
	char at[ADDRESS_TEXTMAX];

	if (error == EMSGSIZE && p) {
		/* A probe was larger than the interface takes, or the route has changed. */
		udp_too_large(l->engine, p, on_limit(l, to) < n ? on_limit(l, to) : n - 1);
		return;
	}
	log_info(1, "%s: a datagram was not sent: %s", udp_address_text(at, to), strerror(error));
}

struct udp_hooks udp_hooks_engine(struct udp_loop *l)
{
	return (struct udp_hooks){on_send, on_judge, on_event, on_limit, l};
}

struct udp_socket_hooks udp_hooks_socket(struct udp_loop *l)
{
	return (struct udp_socket_hooks){on_room, on_received, on_unsent, l};
}
