/* The listener's half of the spawner. */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "spawner_talk.h"

#define LEAVE_MS 1000

/* A request that waits for room in the socket. */
struct waiting {
	struct waiting *next;
	size_t len;
	char bytes[];
};

struct slot {
	struct spawn *spawn; /* NULL: forgotten, or free */
	bool used;
};

struct spawner {
	struct ev_loop *loop;
	int fd;
	pid_t pid;
	ev_io readable, writable;
	struct waiting *first, *last;
	struct slot *slots;
	uint32_t slot_count, slots_used;
	bool lost;
};

/* ---- requests ---- */

static ssize_t send_now(const struct spawner *sp, const void *bytes, size_t len)
{
	ssize_t n;

	do
		n = send(sp->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* (That the helper has died is told to its reader.) */
static int say(struct spawner *sp, const void *bytes, size_t len)
{
	struct waiting *w;

	if (!sp->first && (send_now(sp, bytes, len) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)))
		return 0;
	w = malloc(sizeof *w + len);
	if (!w)
		return -1;
	w->next = NULL;
	w->len = len;
	memcpy(w->bytes, bytes, len);
	if (sp->first)
		sp->last->next = w;
	else
		sp->first = w;
	sp->last = w;
	ev_io_start(sp->loop, &sp->writable);
	return 0;
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct spawner *sp = w->data;

	(void)events;
	while (sp->first) {
		struct waiting *next = sp->first->next;

		if (send_now(sp, sp->first->bytes, sp->first->len) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		free(sp->first);
		sp->first = next;
	}
	ev_io_stop(loop, w);
}

/* ---- slots ---- */

static struct slot *take_slot(struct spawner *sp)
{
	uint32_t count = sp->slot_count, room = count > 0 ? 2 * count : 64;
	struct slot *larger;

	if (sp->slots_used < count)
		for (uint32_t i = 0; i < count; i++)
			if (!sp->slots[i].used)
				return &sp->slots[i];
	if (room > SPAWNER_SLOTS || !(larger = realloc(sp->slots, room * sizeof *larger)))
		return NULL;
	memset(larger + count, 0, (room - count) * sizeof *larger);
	sp->slots = larger;
	sp->slot_count = room;
	return &larger[count];
}

static void tell(struct spawner *sp, uint32_t at, const struct spawn_news *news)
{
	struct slot *slot = &sp->slots[at];
	struct spawn *s = slot->spawn;

	if (news->what != SPAWN_STARTED) {
		slot->used = false;
		slot->spawn = NULL;
		sp->slots_used--;
		if (s)
			s->ended = true;
	}
	if (s)
		s->told(s, news);
	else if (news->what == SPAWN_STARTED) {
		close(news->in_fd);
		close(news->out_fd);
	}
}

/* ---- news ---- */

/*
 * Its commands are killed by the kernel (or, where that knows no such thing, live on without us): that has happened when
 * it can be waited for. Before, their inputs must not be closed.
 */
static void lose(struct spawner *sp)
{
	const struct spawn_news killed = {.what = SPAWN_ENDED, .number = 9};

	ev_io_stop(sp->loop, &sp->readable);
	ev_io_stop(sp->loop, &sp->writable);
	sp->lost = true;
	(void)waitpid(sp->pid, NULL, 0);
	log_error("the helper that runs commands has died");
	for (uint32_t i = 0; i < sp->slot_count; i++)
		if (sp->slots[i].used)
			tell(sp, i, &killed);
}

/* The two descriptors that should be there. */
static int take_fds(struct msghdr *m, int fds[2])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t n;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), (n < 2 ? n : 2) * sizeof(int));
	if (n == 2)
		return 0;
	if (n == 1)
		close(fds[0]);
	return -1;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct spawner *sp = w->data;
	struct spawner_report r = {0};
	struct spawn_news news;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = {&r, sizeof r};
	struct msghdr m = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	int fds[2] = {-1, -1};
	ssize_t n = recvmsg(sp->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n != sizeof r || r.slot >= sp->slot_count || !sp->slots[r.slot].used) {
		lose(sp);
		return;
	}
	news = (struct spawn_news){.what = (enum spawn_what)r.what, .number = r.number};
	if (r.what == SPAWN_STARTED && take_fds(&m, fds) < 0) {
		/* No descriptors left: its end will come, and be told. */
		struct spawner_request kill_it = {.verb = SPAWNER_KILL, .slot = r.slot};

		log_error("cannot take the pipes of a command: %s", strerror(EMFILE));
		(void)say(sp, &kill_it, sizeof kill_it);
		return;
	}
	news.in_fd = fds[0];
	news.out_fd = fds[1];
	tell(sp, r.slot, &news);
}

/* ---- what the listener calls ---- */

int spawner_run(struct spawner *sp, struct spawn *s, const char *line, const char *env, size_t len, struct error *e)
{
	char bytes[sizeof(struct spawner_request) + SPAWNER_REQUEST_MAX];
	struct spawner_request r = {.verb = SPAWNER_RUN, .line = line ? (uint32_t)strlen(line) + 1 : 0, .env = (uint32_t)len};
	struct slot *slot;

	s->ended = true;
	if (sp->lost)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "the helper that runs commands has died");
	if (len > SPAWNER_REQUEST_MAX || r.line > SPAWNER_REQUEST_MAX - len)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "its command line is too long");
	slot = take_slot(sp);
	if (!slot)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "too many commands");
	r.slot = (uint32_t)(slot - sp->slots);
	memcpy(bytes, &r, sizeof r);
	if (line)
		memcpy(bytes + sizeof r, line, r.line);
	memcpy(bytes + sizeof r + r.line, env, len);
	if (say(sp, bytes, sizeof r + r.line + len) < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	slot->used = true;
	slot->spawn = s;
	sp->slots_used++;
	s->spawner = sp;
	s->slot = r.slot;
	s->ended = false;
	return 0;
}

static void say_about(const struct spawn *s, enum spawner_verb verb)
{
	const struct spawner_request r = {.verb = verb, .slot = s->slot};

	if (!s->ended)
		(void)say(s->spawner, &r, sizeof r);
}

void spawner_end_input(struct spawn *s)
{
	say_about(s, SPAWNER_END_INPUT);
}

void spawner_kill(struct spawn *s)
{
	say_about(s, SPAWNER_KILL);
}

void spawner_forget(struct spawn *s)
{
	if (s->ended || !s->spawner)
		return;
	spawner_kill(s);
	s->spawner->slots[s->slot].spawn = NULL;
	s->ended = true;
}

bool spawner_lost(const struct spawner *sp)
{
	return sp->lost;
}

/* ---- life ---- */

/* The limit as it was is for the commands: some cannot live with more. */
static void widen(struct rlimit *before)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, before) < 0) {
		before->rlim_cur = before->rlim_max = RLIM_INFINITY;
		return;
	}
	most = *before;
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
}

struct spawner *spawner_start(const struct spawner_options *o, struct error *e)
{
	struct spawner *sp = calloc(1, sizeof *sp);
	struct rlimit limit;
	int fds[2];
	pid_t pid;

	if (!sp || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot make a socket for the helper: %s", strerror(errno));
		free(sp);
		return NULL;
	}
	widen(&limit);
	pid = fork();
	if (pid < 0) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot start the helper: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		free(sp);
		return NULL;
	}
	if (pid == 0) {
		free(sp);
		spawner_serve(fds[1], o, &limit);
	}
	close(fds[1]);
	sp->fd = fds[0];
	sp->pid = pid;
	return sp;
}

void spawner_watch(struct spawner *sp, struct ev_loop *loop)
{
	sp->loop = loop;
	ev_io_init(&sp->readable, on_readable, sp->fd, EV_READ);
	ev_io_init(&sp->writable, on_writable, sp->fd, EV_WRITE);
	sp->readable.data = sp->writable.data = sp;
	ev_io_start(loop, &sp->readable);
}

/* So that nothing of us is left behind when we have left: without a command it ends at once. */
static void wait_for_end(const struct spawner *sp)
{
	struct pollfd fd = {.fd = sp->fd, .events = POLLIN};
	char rest[sizeof(struct spawner_report)];

	(void)shutdown(sp->fd, SHUT_WR);
	while (sp->slots_used == 0 && poll(&fd, 1, LEAVE_MS) == 1)
		if (recv(sp->fd, rest, sizeof rest, MSG_DONTWAIT) <= 0) {
			(void)waitpid(sp->pid, NULL, 0);
			return;
		}
}

void spawner_free(struct spawner *sp)
{
	if (!sp)
		return;
	if (sp->loop) {
		ev_io_stop(sp->loop, &sp->readable);
		ev_io_stop(sp->loop, &sp->writable);
	}
	while (sp->first) {
		struct waiting *next = sp->first->next;

		free(sp->first);
		sp->first = next;
	}
	wait_for_end(sp);
	close(sp->fd);
	free(sp->slots);
	free(sp);
}
