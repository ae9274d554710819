#include "command.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "roster.h"

/* What is left of the line. */
struct words {
	const char *at;
	size_t left;
};

struct command {
	const char *name, *usage;
	json_t *(*run)(struct service *v, struct words *w);
};

static json_t *done(void)
{
	return json_pack("{s:i, s:b}", "v", 1, "ok", 1);
}

json_t *command_error(const char *why)
{
	return json_pack("{s:i, s:b, s:s}", "v", 1, "ok", 0, "error", why);
}

/* ---- the words of a line ---- */

static struct words next_word(struct words *w)
{
	struct words word = {w->at, 0};

	while (word.left < w->left && word.at[word.left] != ' ')
		word.left++;
	w->at += word.left;
	w->left -= word.left;
	/* One space separates: further ones belong to the text. */
	if (w->left > 0) {
		w->at++;
		w->left--;
	}
	return word;
}

static bool is_word(const struct words *word, const char *text)
{
	return word->left == strlen(text) && memcmp(word->at, text, word->left) == 0;
}

static bool is_ending(const struct guest *g)
{
	return g->reason || g->closing;
}

/* The guest whose id comes next, also one that is being sent away; NULL with *${answer} set. */
static struct guest *any_guest(struct service *v, struct words *w, json_t **answer)
{
	struct words word = next_word(w);
	struct guest *g = NULL;
	uint64_t id = 0;

	*answer = NULL;
	for (size_t i = 0; i < word.left; i++) {
		if (word.at[i] < '0' || word.at[i] > '9' || i >= 18) {
			*answer = command_error("not the number of a client");
			return NULL;
		}
		id = id * 10 + (uint64_t)(word.at[i] - '0');
	}
	if (word.left == 0)
		*answer = command_error("which client? give its number");
	else if (!(g = service_find(v, id)))
		*answer = command_error("no such client");
	return *answer ? NULL : g;
}

/* The same, but one that something can still be done with. */
static struct guest *next_guest(struct service *v, struct words *w, json_t **answer)
{
	struct guest *g = any_guest(v, w, answer);

	if (g && is_ending(g)) {
		*answer = command_error("no such client");
		g = NULL;
	}
	return g;
}

/* ---- messages ---- */

struct text {
	const void *bytes;
	size_t len;
	void *owned; /* to be freed */
	json_t *json;
};

static void text_free(struct text *t)
{
	json_decref(t->json);
	free(t->owned);
}

/* The rest of the line: as it is, or a JSON string. NULL, or what is wrong. */
static const char *take_text(struct text *t, const struct words *w, size_t max)
{
	*t = (struct text){.bytes = w->at, .len = w->left};
	if (w->left > 0 && w->at[0] == '"') {
		t->json = json_loadb(w->at, w->left, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!t->json)
			return "not a JSON string";
		t->bytes = json_string_value(t->json);
		t->len = json_string_length(t->json);
	}
	return t->len > max ? "longer than --max-message-size" : NULL;
}

static const char *take_base64(struct text *t, const struct words *w, size_t max)
{
	uint8_t *bytes = malloc(w->left + 1);
	size_t len = 0;
	bool good = bytes && sodium_base642bin(bytes, w->left + 1, w->at, w->left, NULL, &len, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0;

	t->bytes = t->owned = bytes;
	t->len = len;
	if (!bytes)
		return "out of memory";
	return !good ? "not base64" : len > max ? "longer than --max-message-size" : NULL;
}

typedef const char *taker(struct text *t, const struct words *w, size_t max);

static const char *cannot_tell(void)
{
	return errno == EAGAIN ? "busy: what was sent before waits (--slow)" : errno == EPIPE ? "it takes nothing any more"
											      : "out of memory";
}

static json_t *send_one(struct service *v, struct words *w, taker *take)
{
	json_t *answer;
	struct text t = {0};
	const char *wrong;
	struct guest *g;

	if (!v->kind->tell)
		return command_error("clients of this service take no messages");
	g = next_guest(v, w, &answer);
	if (!g)
		return answer;
	wrong = take(&t, w, v->o->max_message);
	if (!wrong && v->kind->tell(g, t.bytes, t.len) < 0)
		wrong = cannot_tell();
	answer = wrong ? command_error(wrong)
		       : json_pack("{s:i, s:b, s:I, s:I}", "v", 1, "ok", 1, "id", (json_int_t)g->id, "size", (json_int_t)t.len);
	text_free(&t);
	return answer;
}

static json_t *send_all(struct service *v, struct words *w, taker *take)
{
	struct text t = {0};
	const char *wrong;
	int64_t count = 0;
	json_t *answer;

	if (!v->kind->tell_all)
		return command_error("clients of this service take no messages");
	wrong = take(&t, w, v->o->max_message);
	if (!wrong && (count = v->kind->tell_all(v, t.bytes, t.len)) < 0)
		wrong = cannot_tell();
	answer = wrong ? command_error(wrong)
		       : json_pack("{s:i, s:b, s:I, s:I}", "v", 1, "ok", 1, "clients", (json_int_t)count, "size", (json_int_t)t.len);
	text_free(&t);
	return answer;
}

static json_t *run_send(struct service *v, struct words *w)
{
	return send_one(v, w, take_text);
}

static json_t *run_send64(struct service *v, struct words *w)
{
	return send_one(v, w, take_base64);
}

static json_t *run_broadcast(struct service *v, struct words *w)
{
	return send_all(v, w, take_text);
}

static json_t *run_broadcast64(struct service *v, struct words *w)
{
	return send_all(v, w, take_base64);
}

/* ---- the others ---- */

static json_t *run_list(struct service *v, struct words *w)
{
	json_t *o = done();

	(void)w;
	json_object_set_new(o, "clients", roster_list(v));
	return o;
}

static json_t *run_stats(struct service *v, struct words *w)
{
	json_t *answer, *figures;
	struct guest *g;

	if (w->left == 0)
		figures = roster_totals(v);
	else {
		g = any_guest(v, w, &answer);
		if (!g)
			return answer;
		figures = roster_guest(g);
	}
	answer = done();
	json_object_update(answer, figures);
	json_decref(figures);
	return answer;
}

static json_t *run_finish(struct service *v, struct words *w)
{
	json_t *answer;
	struct guest *g;

	/* What is said to them is not ours to end. */
	if (v->kind->no_stdio)
		return command_error("clients of this service cannot be finished, only closed");
	g = next_guest(v, w, &answer);
	if (!g)
		return answer;
	service_leave(g);
	return done();
}

static json_t *run_close(struct service *v, struct words *w)
{
	json_t *answer;
	struct guest *g = next_guest(v, w, &answer);

	if (!g)
		return answer;
	service_close(g);
	return done();
}

static json_t *run_shutdown(struct service *v, struct words *w)
{
	json_t *o = done();

	(void)w;
	json_object_set_new(o, "clients", json_integer(v->count));
	log_info(1, "shutting down: asked for by the control socket");
	service_drain(v);
	return o;
}

static json_t *run_reload(struct service *v, struct words *w)
{
	struct error e = {0};

	(void)w;
	return service_reload(v, &e) < 0 ? command_error(e.text) : done();
}

static json_t *run_help(struct service *v, struct words *w);

static const struct command commands[] = {
    {"list", "list", run_list},
    {"stats", "stats [ID]", run_stats},
    {"send", "send ID TEXT", run_send},
    {"send64", "send64 ID BASE64", run_send64},
    {"broadcast", "broadcast TEXT", run_broadcast},
    {"broadcast64", "broadcast64 BASE64", run_broadcast64},
    {"finish", "finish ID", run_finish},
    {"close", "close ID", run_close},
    {"reload", "reload", run_reload},
    {"shutdown", "shutdown", run_shutdown},
    {"help", "help", run_help},
};

#define COUNT (sizeof commands / sizeof commands[0])

static json_t *run_help(struct service *v, struct words *w)
{
	json_t *o = done(), *list = json_array();

	(void)v;
	(void)w;
	for (size_t i = 0; i < COUNT; i++)
		json_array_append_new(list, json_string(commands[i].usage));
	json_object_set_new(o, "commands", list);
	return o;
}

json_t *command_run(struct service *v, const char *line, size_t len)
{
	struct words w = {line, len}, word = next_word(&w);

	for (size_t i = 0; i < COUNT; i++) {
		bool takes_words = strchr(commands[i].usage, ' ') != NULL;

		if (!is_word(&word, commands[i].name))
			continue;
		return takes_words || w.left == 0 ? commands[i].run(v, &w) : command_error("this command takes no more words");
	}
	return command_error("unknown command; 'help' lists them");
}
