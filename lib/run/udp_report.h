/* udp_report: what vault-udp tells: events as JSON lines, figures as text or JSON (vault-protocol(5)). */
#ifndef UDP_REPORT_H
#define UDP_REPORT_H

#include <jansson.h>

#include "udp_loop.h"

/* One line for --ready-fd: where we are. 0 or -1. */
int udp_report_ready(const struct udp_loop *l, struct error *e);

/* An event for --events; nothing without that. ${reason} may be NULL. */
void udp_report_event(const struct udp_loop *l, const char *name, const struct peer *p, const char *reason);
void udp_report_message(const struct udp_loop *l, const struct udp_message *m);

/* All figures; ${status} -1 while it runs. */
json_t *udp_report_json(const struct udp_loop *l, int status);
/* One peer. */
json_t *udp_report_peer(const struct udp_loop *l, const struct peer *p);
/* On stderr, in that form. */
void udp_report_stats(const struct udp_loop *l, enum report_form form, int status);

const char *udp_report_kind(const struct peer *p);
uint64_t udp_report_lost(const struct udp_loop *l);

#endif
