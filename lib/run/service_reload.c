/* A service reads its list of keys again. */
#include "log.h"
#include "service.h"

static int read_again(struct service *v, struct error *e)
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
	server_judge_again(&v->server);
	log_info(1, "%s: %zu keys", v->judge.path, fresh.count);
	return 0;
}

int service_reload(struct service *v, struct error *e)
{
	int rc;

	notify_reloading(&v->hosting.notify);
	rc = read_again(v, e);
	if (rc < 0 && v->judge.everyone)
		log_warn("%s", e->text);
	else if (rc < 0)
		log_error("%s; the keys that were read before stay in force", e->text);
	events_reload(v->hosting.events, v->judge.everyone ? NULL : v->judge.path, e);
	notify_reloaded(&v->hosting.notify);
	return rc;
}
