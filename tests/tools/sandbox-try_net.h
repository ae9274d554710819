/* Parts of sandbox-try that are about the network. */
#ifndef SANDBOX_TRY_NET_H
#define SANDBOX_TRY_NET_H

/* Made before the sandbox is entered, like the tools' own descriptors. */
struct made {
	int tcp, udp, listening, pair[2];
};

extern struct made made;
extern const char *arg[3]; /* of the try, NULL if there is none */

void net_prepare(void);

/* Close what should not have been had: 0, or -1 if there was nothing. */
int net_none(int fd);

int net_socket(void); /* FAMILY:TYPE:PROTOCOL */
int net_connect(void);
int net_bind(void);
int net_listen(void);
int net_accept(void);
int net_send(void);
int net_sendto(void);
int net_fast_listener(void); /* TCP Fast Open, by a socket that has listened */
int net_fast_msg(void);	     /* by another, with sendmsg(2) */
int net_fast_to(void);	     /* sendto(2) */
int net_fast_many(void);     /* sendmmsg(2) */
int net_tune(void);
int net_tune_ip(void);
int net_resolve(void);
int net_linklocal(void);

#endif
