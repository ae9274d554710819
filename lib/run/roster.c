#include "roster.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "pskfile.h"

struct figures_who roster_who(const struct guest *g)
{
	return (struct figures_who){.id = g->id, .conn = g->conn, .label = g->label, .since = g->since};
}

static void add_guest(json_t *o, const struct guest *g)
{
	struct figures_who w = roster_who(g);
	double rtt = conn_rtt_ms(g->conn);

	figures_add_who(o, &w);
	figures_add_counts(o, &w);
	json_object_set_new(o, "ending", g->reason ? json_string(g->reason) : g->closing ? json_string(SERVICE_CLOSED) : json_null());
	json_object_set_new(o, "rtt_ms", rtt > 0 ? json_real(rtt) : json_null());
	if (g->service->kind->missed)
		json_object_set_new(o, "messages_dropped", json_integer((json_int_t)g->service->kind->missed(g)));
}

json_t *roster_guest(const struct guest *g)
{
	json_t *o = json_object();

	add_guest(o, g);
	return o;
}

json_t *roster_list(const struct service *v)
{
	json_t *list = json_array();

	for (const struct guest *g = v->first; g; g = g->next)
		json_array_append_new(list, roster_guest(g));
	return list;
}

struct figures_total roster_sum(const struct service *v)
{
	struct figures_total sum = v->gone;

	for (const struct guest *g = v->first; g; g = g->next)
		figures_sum(&sum, g->conn);
	return sum;
}

static void add_totals(json_t *o, const struct service *v)
{
	struct figures_total sum = roster_sum(v);

	json_object_set_new(o, "clients", json_integer(v->count));
	json_object_set_new(o, "clients_total", json_integer((json_int_t)v->next_id));
	json_object_set_new(o, "handshakes", json_integer(v->server.pending_count));
	json_object_set_new(o, "handshakes_failed", json_integer((json_int_t)v->failed));
	json_object_set_new(o, "turned_away", json_integer((json_int_t)v->turned_away));
	figures_add_total(o, &sum, clock_ms() - v->since);
}

json_t *roster_totals(const struct service *v)
{
	json_t *o = json_object();

	add_totals(o, v);
	return o;
}

/* ---- on stderr ---- */

static json_t *new_line(const char *event, const char *message)
{
	char stamp[LOG_STAMP_MAX];

	return json_pack("{s:i, s:s, s:s, s:s, s:s}", "v", 1, "time", log_stamp(stamp), "level", "info", "event", event,
	    "message", message);
}

static void add_status(json_t *o, int status)
{
	json_object_set_new(o, "status", status >= 0 ? json_integer(status) : json_null());
}

static void print_line(json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(o);
	if (line)
		log_line(line);
	free(line);
}

static bool as_json(const struct service *v)
{
	return v->o->stream.log_json || v->o->stream.stats == REPORT_JSON;
}

static void print_counts(const char *whose, const struct figures_total *n, int64_t uptime_ms, const char *more)
{
	log_info(0, "%s: bytes_sent %llu, bytes_received %llu, messages_sent %llu, messages_received %llu, uptime_seconds %.3f%s",
	    whose, (unsigned long long)n->bytes_sent, (unsigned long long)n->bytes_received,
	    (unsigned long long)n->messages_sent, (unsigned long long)n->messages_received, (double)uptime_ms / 1000, more);
}

static void print_guest(const struct guest *g, int status)
{
	struct figures_total n = {0};
	char whose[ADDRESS_TEXTMAX + 64], name[KEYFILE_COMMENT_MAX + PSKFILE_SAID + 16] = "", said[PSKFILE_SAID];
	json_t *o;

	if (as_json(g->service)) {
		o = new_line("stats", "figures of a client");
		add_guest(o, g);
		add_status(o, status);
		print_line(o);
		return;
	}
	figures_sum(&n, g->conn);
	snprintf(whose, sizeof whose, "%llu: %s", (unsigned long long)g->id, g->conn->peer);
	pskfile_said(said, session_peer(&g->conn->session));
	snprintf(name, sizeof name, "%s%s%s", g->label[0] != '\0' ? ", name " : "", g->label, said);
	print_counts(whose, &n, clock_ms() - g->since, name);
}

void roster_print(const struct service *v, int status)
{
	struct figures_total sum = roster_sum(v);
	char whose[128], end[32] = "";
	json_t *o;

	for (const struct guest *g = v->first; g; g = g->next)
		print_guest(g, -1);
	if (as_json(v)) {
		o = new_line("totals", "figures of all clients");
		add_totals(o, v);
		add_status(o, status);
		print_line(o);
		return;
	}
	if (status >= 0)
		snprintf(end, sizeof end, ", status %d", status);
	snprintf(whose, sizeof whose, "%lld clients, %llu in all, %llu failed handshakes", (long long)v->count,
	    (unsigned long long)v->next_id, (unsigned long long)v->failed);
	print_counts(whose, &sum, clock_ms() - v->since, end);
}

/* ---- the end of a session ---- */

static void tell_end(const struct guest *g)
{
	const struct session *s = &g->conn->session;
	const struct error *e = session_error(s);

	if (g->reason)
		log_info(1, "%llu: %s: ended: %s", (unsigned long long)g->id, g->conn->peer, g->reason);
	else if (e->code != ERROR_OK)
		log_info(1, "%llu: %s: %s", (unsigned long long)g->id, g->conn->peer, e->text);
	else
		log_info(1, "%llu: %s: complete, %llu bytes sent, %llu bytes received", (unsigned long long)g->id,
		    g->conn->peer, (unsigned long long)s->sent, (unsigned long long)s->delivered);
}

void roster_farewell(const struct guest *g)
{
	struct service *v = g->service;
	struct figures_who w = roster_who(g);

	tell_end(g);
	if (v->o->stream.stats != REPORT_NONE && log_verbosity() > 0)
		print_guest(g, error_status(session_error(&g->conn->session)->code));
	figures_sum(&v->gone, g->conn);
	events_disconnect(v->hosting.events, &w, g->reason, v->kind->missed ? (int64_t)v->kind->missed(g) : -1);
}
