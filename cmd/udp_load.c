/* udp_args: what the options of vault-udp name is read. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "run/udp_identity.h"
#include "udp_args.h"

static int open_events(struct udp_args *u, struct error *e)
{
	if (!u->events || u->run.events_fd >= 0)
		return 0;
	u->run.events_fd = open(u->events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	return u->run.events_fd >= 0 ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "--events %s: cannot be opened", u->events);
}

int udp_args_load(struct udp_args *u, struct error *e)
{
	struct udp_judge *j = &u->judge;
	static char names[UDP_LOOP_PEERS_MAX][TRUST_NAME_MAX];
	struct error no_home = {0};

	if (udp_identity_load(&u->identity, &u->run.throwaway, u->identity_file, e) < 0 || open_events(u, e) < 0)
		return -1;
	u->run.identity = u->identity;
	j->explicit = j->pin_count > 0 || u->authorized != NULL;
	j->authorized = u->authorized;
	if (!j->explicit && keyfile_path(u->authorized_path, "authorized_keys", &no_home) == 0)
		j->authorized = u->authorized_path;
	j->known_hosts = u->known_hosts;
	if (!j->known_hosts && u->run.peer_count > 0 && !j->explicit) {
		if (keyfile_path(u->known_hosts_path, "known_hosts", e) < 0)
			return -1;
		j->known_hosts = u->known_hosts_path;
	}
	for (size_t i = 0; i < u->run.peer_count; i++)
		if (trust_name(names[i], u->run.peers[i].host, u->run.peers[i].port, e) < 0)
			return -1;
	return udp_judge_load(j, names, u->run.peer_count, e);
}

void udp_args_free(struct udp_args *u)
{
	udp_judge_free(&u->judge);
	secret_free(u->identity);
	u->identity = NULL;
}
