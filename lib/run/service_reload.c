/* A service reads its lists of keys again. */
#include <stdlib.h>
#include <sys/stat.h>

#include "log.h"
#include "privileges.h"
#include "pskfile.h"
#include "service.h"
#include "workers.h"

/* A list of pre-shared keys stays while there may be a handshake that began with it. */
struct service_psks {
	struct handshake_psks *list;
	struct service_psks *older;
};

static void free_psks(struct service_psks *p)
{
	while (p) {
		struct service_psks *older = p->older;

		secret_free(p->list);
		free(p);
		p = older;
	}
}

void service_reload_free(struct service *v)
{
	free_psks(v->psks);
	v->psks = NULL;
}

void service_reload_prepare(struct service *v)
{
	const char *root = v->o->root;

	v->reread = v->judge.everyone ? NULL : privileges_path(root, v->judge.path);
	v->reread_psks = v->o->stream.psks ? privileges_path(root, v->judge.psk_path) : NULL;
}

int service_read_authorized(struct service *v, struct error *e)
{
	struct trust_list fresh = {0};
	int rc;

	if (v->judge.everyone)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "there is no authorized_keys file to read anew");
	if (!v->reread)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s lies outside of --chroot", v->judge.path);
	rc = trust_authorized_load(&fresh, v->reread, e);
	if (rc != 0) {
		trust_free(&fresh);
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s is gone", v->judge.path);
	}
	trust_free(&v->judge.list);
	v->judge.list = fresh;
	service_count_anew(v);
	server_judge_again(&v->server);
	log_info(1, "%s: %zu keys", v->judge.path, fresh.count);
	return 0;
}

static int read_psks(struct service *v, struct error *e)
{
	struct service_psks *fresh;
	struct stat st;

	if (!v->reread_psks)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s lies outside of --chroot", v->judge.psk_path);
	if (stat(v->reread_psks, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s is no file that can be read twice", v->judge.psk_path);
	fresh = calloc(1, sizeof *fresh);
	if (!fresh)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", v->judge.psk_path);
	if (pskfile_read(&fresh->list, v->reread_psks, NULL, e) < 0) {
		free(fresh);
		return -1;
	}
	if (v->server.pending_count == 0 && (!v->server.workers || workers_idle(v->server.workers)))
		service_reload_free(v);
	fresh->older = v->psks;
	v->psks = fresh;
	v->server.config.handshake.psks = fresh->list;
	log_info(1, "%s: %zu pre-shared keys", v->judge.psk_path, fresh->list->count);
	return 0;
}

/* One of the files, and what came of it. */
static int reload(struct service *v, int (*read)(struct service *v, struct error *e), const char *path, struct error *e)
{
	int rc = read(v, e);

	if (rc < 0 && !path)
		log_warn("%s", e->text);
	else if (rc < 0)
		log_error("%s; the keys that were read before stay in force", e->text);
	events_reload(v->hosting.events, path, e);
	return rc;
}

int service_reload(struct service *v, struct error *e)
{
	struct error psks = {.code = ERROR_OK};
	int rc = 0;

	notify_reloading(&v->hosting.notify);
	if (!v->judge.everyone || !v->o->stream.psks)
		rc = reload(v, service_read_authorized, v->judge.everyone ? NULL : v->judge.path, e);
	if (v->o->stream.psks && reload(v, read_psks, v->judge.psk_path, &psks) < 0) {
		if (rc == 0)
			*e = psks;
		rc = -1;
	}
	notify_reloaded(&v->hosting.notify);
	return rc;
}
