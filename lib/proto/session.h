/*
 * session: one encrypted stream session as a pure state machine (architecture.md, "the
 * stream engine's contract"). Bytes, a clock reading and an rng in; bytes, state bits and a
 * deadline out. The caller owns the struct and the two buffers; nothing is allocated here
 * (zstd's contexts excepted, when compression was agreed).
 *
 * How to drive it: look at session_state(), do one of the things it allows, look again.
 * A lent window is valid until the next call on this session that is not its own ack.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "crypto/noise.h"
#include "error.h"
#include "handshake.h"
#include "params.h"
#include "squash.h"

/* Smallest buffers: enough for the handshake / for any record. */
#define SESSION_SMALLBUF 8192
#define SESSION_FRAMEMAX (4 + 65535)
/* What bulk transfer wants: 16 full records to a system call. */
#define SESSION_BULK 16
#define SESSION_BIGBUF (SESSION_BULK * SESSION_FRAMEMAX + 4096)
#define SESSION_WINDOWS 64

enum session_bit {
	SESSION_SEND_WIRE = 1,	  /* ciphertext waits for the transport */
	SESSION_RECV_WIRE = 2,	  /* room for ciphertext */
	SESSION_SEND_APP = 4,	  /* room for plaintext from our application */
	SESSION_RECV_APP = 8,	  /* plaintext waits for our application */
	SESSION_JUDGE = 16,	  /* the peer's key is known: call session_judge() */
	SESSION_READY = 32,	  /* both sides agreed: the application side may be opened */
	SESSION_FINISH_APP = 64,  /* the peer's authenticated end: finish, then session_receipt() */
	SESSION_INPUT_DONE = 128, /* the peer wants no more of our input (or all is over) */
	SESSION_SHUT_WIRE = 256,  /* all is sent: shut the transport's sending side down */
	SESSION_CLOSED = 512,	  /* exclusive: look at session_error() */
};

/* CLOSE codes of vault/1 section 3. */
enum session_close {
	CLOSE_UNAUTHORIZED = 1,
	CLOSE_BUSY = 2,
	CLOSE_SHUTDOWN = 3,
	CLOSE_PROTOCOL = 4,
	CLOSE_OUTPUT = 5,
	CLOSE_TIMEOUT = 6,
	CLOSE_INTERRUPTED = 7,
};

/* RECEIPT and STOP status, section 3. */
enum session_receipt_status {
	RECEIPT_DONE = 0,
	RECEIPT_FAILED = 1,
	RECEIPT_CHILD = 2,
};
#define STOP_ONE_WAY 1 /* detail of a STOP with status 0: this side takes nothing at all */

/* The longest message on a raw wire, where one is a record. */
#define SESSION_RAW_MESSAGEMAX (65535 - 16)

struct session;
struct wire;

/* The wires that this build speaks. */
extern const struct wire wire_vault1, wire_vaulttcp;
/* Responder: whichever of the two the client's first bytes are of. */
extern const struct wire wire_auto;

struct session_config {
	const struct wire *wire;
	struct handshake_config handshake;
	/* What to say of ourselves. Ed25519 public key, or NULL (none, or X25519 only). */
	const uint8_t *identity;
	/* Is it known that the identity (Ed25519) and the key (X25519) are of one pair? What is not known is computed,
	 * which costs more than a Diffie-Hellman. NULL: nothing is. */
	bool (*paired)(const void *owner, const uint8_t identity[32], const uint8_t key[32]);
	const void *paired_owner;
	const char *software; /* name and version, for OPEN and READY */
	bool throwaway;	  /* our static key is made for this run */
	bool probe;	  /* initiator: only ask who is there */
	bool remember;	  /* initiator: ask the responder to authorize our key from now on */
	bool compress;	  /* offer or agree */
	int level;	  /* zstd level */
	bool messages;	  /* offer or agree to keep message boundaries; on a raw wire empty messages count, too */
	bool wait_ready;  /* initiator: no data before READY, so that all can be tried again */
	bool send_nothing; /* one-way: our direction is empty, so nothing of it needs a receipt */
	bool take_nothing; /* one-way: refuse the peer's direction (STOP at once) */
	bool spare_output; /* a peer that takes nothing at all is no failure: we are only a command's voice */
	int64_t handshake_ms; /* whole handshake up to OPEN/READY; 0 = none. So all below. */
	int64_t keepalive_ms; /* silence before a PING */
	int64_t message_ms;   /* from the first byte of a frame to its last */
	size_t max_message;   /* raw wires: largest message taken, 0 = the wire's own limit */
	int64_t idle_ms;      /* no data either way */
	int64_t raw_idle_ms;  /* the same on a raw wire */
	int64_t pause_ms;     /* raw wires: between the handshake and our first frame */
	bool tells_unacked;   /* raw wires: the caller reports what the transport still holds */
	struct noise_protocol raw_protocol; /* responder on a raw wire: what is spoken */
	int64_t drain_ms;     /* how long to wait for the peer's end of transport at the end */
	uint64_t rekey_bytes, rekey_records; /* 0 = the wire's own limits */
	/* Compression only: SQUASH_PLAIN bytes each, or NULL. */
	uint8_t *squash_buf, *unsquash_buf;
	const struct rng *rng;
};

/* What is known of the peer. */
struct session_peer {
	bool has_key;	    /* its Noise static key follows */
	bool authenticated; /* it proved to hold that key, or to be there now (a record of it was opened, or what
			     * is as good) */
	bool has_identity;  /* its Ed25519 key is known and fits the Noise key */
	bool throwaway;
	bool probe;
	bool remember; /* it asked us to authorize its key, or says that it did so with ours */
	bool by_code; /* it knew the one-time code */
	bool has_psk; /* it has the pre-shared key that ${psk} tells of */
	struct handshake_psk psk;
	bool stopped;	 /* it sent STOP */
	bool receipted;	 /* it sent RECEIPT */
	uint8_t status, detail; /* of its STOP or RECEIPT */
	uint8_t key[DH_MAX];
	uint8_t identity[32];
	char software[PARAMS_SOFTWARE];
};

struct session_window {
	uint8_t *data;
	size_t len;
	bool more; /* the message goes on in the next window */
};

/* What a session needs at hand while it works, beside its buffers; an idle one can do without all of them. */
struct session_desk {
	union {
		struct handshake handshake; /* until PHASE_RUN */
		struct session_window windows[SESSION_WINDOWS];
	};
};

enum session_phase {
	PHASE_HANDSHAKE = 0,
	PHASE_RUN,
	PHASE_LINGER, /* all is said; waiting for the peer's end of transport */
	PHASE_CLOSED,
};

/* Members are private to lib/proto; they stand here so that the caller can own the struct. */
struct session {
	const struct session_config *config;
	struct session_desk *desk;
	const struct wire *wire;
	enum session_phase phase;
	struct error error;
	enum handshake_refusal refusal; /* what we told, or were told */
	struct noise_protocol protocol;
	struct noise_cipher tx, rx;
	struct session_peer peer;
	uint8_t handshake_hash[HASH_MAX];

	/* out: [head, tail) waits for the transport. */
	uint8_t *out;
	size_t out_cap, out_head, out_tail;
	size_t data_tail; /* end of the last data record in it */
	/* in: windows lie in [0, head), unparsed bytes in [head, tail). */
	uint8_t *in;
	size_t in_cap, in_head, in_tail;
	unsigned win_first, win_count;
	/* a compressed record, opened, that waits for the unsquash buffer to be free */
	uint8_t *held;
	size_t held_len;
	bool unsquash_busy;

	bool shaking; /* desk->handshake is in use */
	bool heard; /* the peer has sent something */
	bool judging, judged, ready, greeted; /* greeted: our OPEN or READY is out */
	bool compress, messages; /* agreed */
	bool remembered;	 /* responder: the peer's key is authorized from now on */
	bool throwaway;		 /* our static key is made for this run */
	uint8_t *squash_buf, *unsquash_buf;
	struct squash squash;
	struct unsquash unsquash;

	/* our direction */
	uint64_t sent;	    /* plaintext bytes */
	uint64_t tx_bytes, tx_records; /* since the last rekey */
	bool eof_want, eof_sent;
	/* the peer's direction */
	uint64_t received;  /* plaintext bytes opened */
	uint64_t delivered; /* plaintext bytes that the application took */
	bool peer_eof, finishing;
	bool stop_want, stop_sent, receipt_want, receipt_sent;
	uint8_t give_status, give_detail; /* of our STOP or RECEIPT */
	/* closing */
	bool failed; /* ended by session_fail(); an error alone may also be the peer's report */
	bool close_want, close_sent, fin, wire_dead;
	char fin_why[64]; /* how the transport ended */
	uint16_t close_code;
	char close_text[128];

	/* clocks, milliseconds */
	int64_t quiet_until; /* raw wires: no frame of ours before */
	bool pausing;	     /* and our last handshake message may still be on its way */
	int64_t proof_at;    /* raw wires, where the handshake proves no initiator: when it says an empty message,
			      * or when one that has no key is taken for one that only receives */
	size_t unacked;	     /* raw wires: bytes that the transport holds for the peer */
	int64_t acked_at;    /* when that last became less */
	int64_t drain_ms, idle_ms; /* of the config, or shorter */
	int64_t now, started, last_recv, last_send, last_data, frame_since, linger_until;
	bool ping_want, pong_want;
	unsigned pings; /* sent and not answered; all carry the same value */
	uint64_t ping_value, pong_value;
	uint64_t ping_mark; /* what we had sent before the PING that is out */
	uint64_t confirmed; /* plaintext bytes that the peer is known to have got */
	int64_t ping_at;
	int64_t rtt_ms;	   /* -1 until measured */
	uint32_t keepalive; /* milliseconds agreed, 0 = none */
	uint64_t messages_sent, messages_received; /* without agreed boundaries: records of data */
};

/* Begin. Buffers of at least SESSION_SMALLBUF bytes each; session_buffers() can exchange them.
 * ${config} stays the caller's and must outlive the session; so must desk and buffers, but for
 * session_rest(). 0, or -1 with session_error() set (the session is then closed). ${s} and ${desk}
 * need no preparation. */
int session_start(struct session *s, const struct session_config *config, struct session_desk *desk,
    uint8_t *in, size_t in_cap, uint8_t *out, size_t out_cap, int64_t now);

/* Move to other buffers, at least as large as what they hold (0), else -1 and nothing changes.
 * Records flow only with buffers of SESSION_FRAMEMAX bytes or more. Windows lent before are void;
 * plaintext that waits moves along. */
int session_buffers(struct session *s, uint8_t *in, size_t in_cap, uint8_t *out, size_t out_cap);

/* If nothing lies on desk and buffers, leave them to the caller: true. Until session_wake() only
 * session_state(), session_deadline(), session_error(), session_peer() and the like may be called. */
bool session_rest(struct session *s);
bool session_resting(const struct session *s);
/* Go on with these (as for session_start(), buffers as for records). */
void session_wake(struct session *s, struct session_desk *desk, uint8_t *in, size_t in_cap, uint8_t *out,
    size_t out_cap);

/* Another desk, of the same content. (The old one is wiped.) */
void session_move_desk(struct session *s, struct session_desk *desk);

/* Before the verdict or the start: buffers for compression other than the config's. */
void session_lend_squash(struct session *s, uint8_t *squash_buf, uint8_t *unsquash_buf);

/* Wipe keys and release zstd's contexts. The buffers stay the caller's (and hold plaintext). */
void session_free(struct session *s);

/* What the caller may or must do now: session_bit values. */
unsigned session_state(const struct session *s);

/* The first error, or code ERROR_OK after a clean end. */
const struct error *session_error(const struct session *s);
const struct session_peer *session_peer(const struct session *s);
/* Was READY reached, even if the session has closed since? */
bool session_agreed(const struct session *s);
/* Must the transport be reset rather than closed? (A wire without words for a failure.) */
bool session_wants_reset(const struct session *s);
/* Does it speak a wire without end marks and receipts? */
bool session_is_raw(const struct session *s);
/* Once it is ready: does what is sent as one message arrive as one? (On a raw wire each record is one.) */
bool session_keeps_messages(const struct session *s);
/* The longest message that can be sent. */
size_t session_message_max(const struct session *s);
/* Does it want to be told session_unacked() now? */
bool session_asks_unacked(const struct session *s);
/* How the peer's command ended, 0 to 255, if the peer told so and nothing else went wrong; else -1. */
int session_child_status(const struct session *s);
/* Has the peer sent anything at all? */
bool session_heard(const struct session *s);

/* ---- the four channels ---- */

/* Ciphertext to send; NULL if none. */
const uint8_t *session_send_wire_buf(struct session *s, size_t *len);
void session_send_wire_ack(struct session *s, size_t n);

/* Room for ciphertext from the transport. */
uint8_t *session_recv_wire_buf(struct session *s, size_t *len);
void session_recv_wire_ack(struct session *s, size_t n);

/* Up to ${max} windows for plaintext, to be filled in order; returns how many. */
int session_send_app_iov(struct session *s, struct iovec *iov, int max);
/* ${n} bytes were written into the windows in order: sealed in place, ready to send. */
void session_send_app_ack(struct session *s, size_t n);
/* The same, but the message goes on in what is sent next (only if messages were agreed). */
void session_send_part_ack(struct session *s, size_t n);
/* An empty message, when SESSION_SEND_APP allows. (A wire without boundaries has none.) */
void session_send_empty(struct session *s);

/* Up to ${max} windows of plaintext that waits, in order; returns how many. */
int session_recv_app_iov(struct session *s, struct iovec *iov, int max);
/* The first window and whether its message goes on behind it. NULL if none. */
const struct session_window *session_recv_app_window(struct session *s);
void session_recv_app_ack(struct session *s, size_t n);
/* Of what was acknowledged, ${n} bytes (at most all) did not get out after all: the verdict that follows
 * does not count them. */
void session_recv_app_lost(struct session *s, uint64_t n);

/* ---- what the application side says ---- */

/* Our input has ended. */
void session_end(struct session *s);
/* After SESSION_FINISH_APP: the output is complete and safe (or failed, or the child's status). */
void session_receipt(struct session *s, enum session_receipt_status status, uint8_t detail);
/* We take no more of the peer's direction, now. What waits is dropped. (After the peer's EOF this
 * is a receipt, unless success is claimed and not all was taken.) */
void session_stop(struct session *s, enum session_receipt_status status, uint8_t detail);
/* Abnormal end of both directions; the peer is told if possible. Sets the error if none is set;
 * a session that has ended well already (and only waits for the transport's end) stays so. */
void session_abort(struct session *s, enum session_close code, enum error_code error, const char *text);
/* The verdict on the peer's key. NULL: accepted. Else the reason that our error shall carry;
 * an unauthorized peer is told by CLOSE, without the reason. */
void session_judge(struct session *s, const char *refusal);
/* Responder, before the verdict: the peer's key has been authorized, as it asked; READY will say so. */
void session_remembered(struct session *s);
/* Responder in the handshake: tell the peer that we are busy, and close. */
void session_refuse_busy(struct session *s);

/* ---- what the transport says ---- */

/* Its end came (recv() returned 0). */
void session_fin(struct session *s);
/* It broke: reading (then all is over) or writing (what the peer sent may still be read). */
void session_broken(struct session *s, bool reading, const char *why);

/* So many bytes the transport has taken and the peer's has not acknowledged: on a raw wire that is all
 * that can be known of delivery, so the end waits until there are none. */
void session_unacked(struct session *s, size_t n);

/* ---- clocks ---- */

/* Tell the time (any monotonic milliseconds). Call before acting on what a wait returned. */
void session_tick(struct session *s, int64_t now);
/* The time at which session_tick() wants to be called, or -1. */
int64_t session_deadline(const struct session *s);
/* Ask the peer how far it is: s->confirmed follows. At most one question is out. */
void session_ask(struct session *s);
/* At the end wait no longer than ${drain_ms} for the peer's end of transport (counted from now if
 * that wait has begun). */
void session_hurry(struct session *s, int64_t drain_ms);
/* The process itself stood still (stopped, suspended): do not count that against the peer. */
void session_resumed(struct session *s, int64_t now);

#endif
