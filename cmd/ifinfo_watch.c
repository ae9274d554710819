/* ifinfo, changes as they happen: one JSON object a line. */
#include "ifinfo.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run/signals.h"

#define STATUS_BROKEN_PIPE (128 + 13) /* what a shell shows for SIGPIPE */
#define READER_SECONDS 0.5	      /* how often it is looked whether the reader is still there */

struct watch {
	struct ifaces_watch w;
	struct ev_loop *loop;
	struct signals signals;
	ev_timer reader;
	struct error error;
	int status;
};

static void finish(struct watch *w, int status)
{
	w->status = status;
	ev_break(w->loop, EVBREAK_ALL);
}

static void stamp(char out[40])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 40 - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static json_t *facts(unsigned bits)
{
	json_t *list = json_array();

	for (unsigned bit = 1; bit && bit <= bits; bit <<= 1)
		if (bits & bit)
			json_array_append_new(list, json_string(iface_fact_text((enum iface_fact)bit)));
	return list;
}

/* What an interface is called now; it may be gone from the list by the time a route is. */
static void add_subject(json_t *o, const struct ifaces *s, const struct ifaces_change *c)
{
	json_t *whole;

	if (c->route) {
		json_object_set_new(o, "about", json_string("route"));
		json_object_set_new(o, "route", ifinfo_json_route(s, c->route));
	} else if (c->address) {
		whole = ifinfo_json_iface(s, c->iface);
		json_object_set_new(o, "about", json_string("address"));
		json_object_set(o, "interface", json_object_get(whole, "name"));
		json_object_set_new(o, "address", ifinfo_json_address(c->address));
		json_decref(whole);
	} else if (c->iface) {
		whole = ifinfo_json_iface(s, c->iface);
		json_object_set_new(o, "about", json_string("link"));
		json_object_set(o, "interface", json_object_get(whole, "name"));
		json_object_set_new(o, "link", whole);
	}
}

static void on_told(const struct ifaces_change *c, void *owner)
{
	static const char *const names[] = {[EVENT_PRESENT] = "present", [EVENT_WATCHING] = "watching",
	    [EVENT_NEW] = "new", [EVENT_CHANGED] = "changed", [EVENT_GONE] = "gone", [EVENT_LOST] = "lost"};
	struct watch *w = owner;
	char now[40];
	json_t *o;

	stamp(now);
	o = json_pack("{s:i, s:s, s:s, s:s}", "v", 1, "kind", "change", "time", now, "event", names[c->event]);
	add_subject(o, &w->w.now, c);
	if (c->facts)
		json_object_set_new(o, "changed", facts(c->facts));
	if (ifinfo_print(o, &w->error))
		finish(w, error_status(ERROR_IO));
	/* Each line goes out at once, but for the first ones, which come together. */
	if (c->event != EVENT_PRESENT && fflush(stdout))
		finish(w, errno == EPIPE ? STATUS_BROKEN_PIPE : error_status(ERROR_IO));
}

static void on_failed(const struct error *e, void *owner)
{
	struct watch *w = owner;

	w->error = *e;
	finish(w, error_status(e->code));
}

static void on_signal(int number, void *owner)
{
	finish(owner, 128 + number);
}

/* A pipe whose reader went away says so also while there is nothing to write. */
static void on_reader(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = 0};

	(void)loop;
	(void)events;
	if (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)))
		finish(timer->data, STATUS_BROKEN_PIPE);
}

int ifinfo_watch(struct error *e)
{
	struct watch w = {.status = -1};

	w.loop = ev_default_loop(0);
	if (!w.loop) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot start the event loop");
		return error_status(ERROR_IO);
	}
	signals_start(&w.signals, w.loop, on_signal, &w);
	w.w.told = on_told;
	w.w.failed = on_failed;
	w.w.owner = &w;
	if (ifaces_watch_start(&w.w, w.loop, &w.error)) {
		w.status = error_status(w.error.code);
		goto out;
	}
	ev_timer_init(&w.reader, on_reader, READER_SECONDS, READER_SECONDS);
	w.reader.data = &w;
	ev_timer_start(w.loop, &w.reader);
	/* The reader may have gone while the present state was printed. */
	if (w.status < 0)
		ev_run(w.loop, 0);
	ev_timer_stop(w.loop, &w.reader);
	ifaces_watch_stop(&w.w);
out:
	signals_stop(&w.signals);
	if (w.error.code)
		error_set(e, w.error.code, w.error.blame, "%s", w.error.text);
	return w.status;
}
