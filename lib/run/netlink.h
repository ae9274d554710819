/*
 * netlink: asking the Linux kernel about links, addresses and routes, and what its messages say.
 * Without libmnl (WITH_LIBMNL=0, other systems) none of it is there.
 */
#ifndef NETLINK_H
#define NETLINK_H

#if WITH_LIBMNL

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "ifaces.h"
#include "routes.h"

#define NETLINK_ATTRIBUTE sizeof(struct nlattr) /* what stands before an attribute's value */
#define NETLINK_BUFFER 32768 /* the most that the kernel puts into one answer of a dump */

/* A socket for questions (${groups} 0) or for changes (RTMGRP_...). NULL with ERROR_IO and errno. */
struct mnl_socket *netlink_open(unsigned groups, struct error *e);

/* Ask (${flags}: NLM_F_DUMP, or NLM_F_ACK to see the end), and hand every message of the answer to ${each}, which returns MNL_CB_OK or MNL_CB_ERROR with
 * errno set. The request is ${type} with ${size} bytes of ${body}, which begins with the family.
 * 0, or -1 with errno; EINTR: the answer was not of one moment, begin again. */
int netlink_ask(uint16_t type, uint16_t flags, const void *body, size_t size, mnl_cb_t each, void *ctx);

/* Dump all of ${type} (RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE) with ${family}. As netlink_ask(). */
int netlink_dump(uint16_t type, uint8_t family, mnl_cb_t each, void *ctx);

/* What a message is about. False if it is not well-formed, or of no interest here. */
bool netlink_link(struct iface *i, const struct nlmsghdr *message); /* all but addresses and speed */
bool netlink_address(struct iface_address *a, unsigned *index, const struct nlmsghdr *message);
bool netlink_route(struct route *r, const struct nlmsghdr *message);

#endif
#endif
