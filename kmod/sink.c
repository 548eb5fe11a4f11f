// SPDX-License-Identifier: GPL-2.0
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/skmsg.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/tls.h>

#include "compat.h"
#include "meter.h"
#include "sink.h"

#define SEND_FLAGS	(MSG_DONTWAIT | MSG_NOSIGNAL)

struct turns {
	spinlock_t lock;	/* guards the list, and has_turn of its members */
	struct list_head list;	/* of pw_sink.node, oldest first */
};

#define TURNS_BITS	8
static struct turns turns[1 << TURNS_BITS];

static struct turns *turns_of(const struct pw_sink *sink)
{
	return &turns[hash_ptr(sink->sock, TURNS_BITS)];
}

void pw_sink_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(turns); i++) {
		spin_lock_init(&turns[i].lock);
		INIT_LIST_HEAD(&turns[i].list);
	}
}

/* The oldest of the turns at this socket. */
static struct pw_sink *first_turn(struct turns *t, const struct socket *sock)
{
	struct pw_sink *sink;

	lockdep_assert_held(&t->lock);
	list_for_each_entry(sink, &t->list, node)
		if (sink->sock == sock)
			return sink;
	return NULL;
}

static bool has_tls(const struct sock *sk)
{
	const struct tcp_ulp_ops *ulp = READ_ONCE(inet_csk(sk)->icsk_ulp_ops);

	return ulp && !strcmp(ulp->name, "tls");
}

/*
 * May another protocol sit on this TCP socket? Only kTLS in software is known
 * to copy what it encrypts; a device that does it needs a card to test with.
 */
static bool ulp_allowed(const struct sock *sk)
{
	const struct tls_context *ctx;
	bool ok;

	rcu_read_lock();
	ok = !sk_psock(sk);	/* sockmap: a BPF program redirects */
	if (has_tls(sk)) {
		ctx = tls_get_ctx(sk);
		ok = ok && ctx && (ctx->tx_conf == TLS_BASE ||
				   ctx->tx_conf == TLS_SW);
	} else if (READ_ONCE(inet_csk(sk)->icsk_ulp_ops)) {
		ok = false;
	}
	rcu_read_unlock();
	return ok;
}

/* Sockets that can't ever send are refused; a lost connection is a status. */
static bool connected_once(struct sock *sk)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_LISTEN:
	case TCP_NEW_SYN_RECV:
		return false;
	case TCP_CLOSE:
		return READ_ONCE(sk->sk_err) || READ_ONCE(sk->sk_shutdown);
	default:
		return true;
	}
}

static int check(struct socket *sock, u32 *reason)
{
	struct sock *sk = sock->sk;

	*reason = PAGEWIRE_WHY_SOCKET_KIND;
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sock->type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return -EOPNOTSUPP;

	*reason = PAGEWIRE_WHY_SOCKET_ULP;
	if (!ulp_allowed(sk))
		return -EOPNOTSUPP;

	*reason = PAGEWIRE_WHY_SOCKET_STATE;
	if (!connected_once(sk))
		return -ENOTCONN;

	*reason = 0;
	return 0;
}

int pw_sink_open(struct pw_sink *sink, int fd, u32 *reason)
{
	int err;

	*reason = PAGEWIRE_WHY_SOCKET;
	sink->file = fget(fd);
	if (!sink->file)
		return -EBADF;
	pw_gauge_add(PW_G_SOCKETS, 1);

	INIT_LIST_HEAD(&sink->node);
	sink->sock = sock_from_file(sink->file);
	err = sink->sock ? check(sink->sock, reason) : -ENOTSOCK;
	if (err)
		pw_sink_close(sink);
	return err;
}

void pw_sink_close(struct pw_sink *sink)
{
	if (!sink->file)
		return;
	fput(sink->file);
	sink->file = NULL;
	pw_gauge_add(PW_G_SOCKETS, -1);
}

unsigned int pw_sink_copies(const struct pw_sink *sink)
{
	struct sock *sk = sink->sock->sk;
	unsigned int why = 0;

	if (!(READ_ONCE(sk->sk_route_caps) & NETIF_F_SG))
		why = PAGEWIRE_WHY_NO_SG;

	rcu_read_lock();
	if (has_tls(sk)) {
		const struct tls_context *ctx = tls_get_ctx(sk);

		if (ctx && ctx->tx_conf == TLS_SW)
			why = PAGEWIRE_WHY_TLS;
	}
	rcu_read_unlock();
	return why;
}

/* How long one wait may last: 0 on a non-blocking socket. */
static long send_timeout(const struct pw_sink *sink)
{
	return sock_sndtimeo(sink->sock->sk,
			     READ_ONCE(sink->file->f_flags) & O_NONBLOCK);
}

int pw_sink_enter(struct pw_sink *sink, bool *slept)
{
	struct turns *t = turns_of(sink);
	long left;

	init_completion(&sink->mine);
	spin_lock(&t->lock);
	if (!first_turn(t, sink->sock))
		complete_all(&sink->mine);
	list_add_tail(&sink->node, &t->list);
	spin_unlock(&t->lock);

	left = send_timeout(sink);
	*slept = left && !completion_done(&sink->mine);
	if (!*slept)
		return completion_done(&sink->mine) ? 0 : -EAGAIN;
	left = wait_for_completion_interruptible_timeout(&sink->mine, left);
	if (left > 0)
		return 0;
	return left ? -EINTR : -EAGAIN;
}

void pw_sink_leave(struct pw_sink *sink)
{
	struct turns *t = turns_of(sink);
	struct pw_sink *next;

	spin_lock(&t->lock);
	list_del_init(&sink->node);
	if (completion_done(&sink->mine)) {
		next = first_turn(t, sink->sock);
		if (next)
			complete_all(&next->mine);
	}
	spin_unlock(&t->lock);
}

static ssize_t send_message(struct pw_sink *sink, struct pw_batch *batch,
			    unsigned int flags)
{
	struct msghdr msg = { .msg_flags = SEND_FLAGS | flags };

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, batch->bv + batch->bv_first,
		      batch->nr_bv - batch->bv_first,
		      batch->bytes + batch->bv_done);
	iov_iter_advance(&msg.msg_iter, batch->bv_done);
	return sock_sendmsg(sink->sock, &msg);
}

#if PW_SPLICE_PAGES
static ssize_t send_pages(struct pw_sink *sink, struct pw_batch *batch,
			  unsigned int more)
{
	return send_message(sink, batch, MSG_SPLICE_PAGES | more);
}
#else
/*
 * ->sendpage has no security hook. An empty message passes through the one of
 * sendmsg and sends nothing.
 */
static int ask_security(struct pw_sink *sink)
{
	struct msghdr msg = { .msg_flags = SEND_FLAGS };

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, NULL, 0, 0);
	return sock_sendmsg(sink->sock, &msg);
}

/* locked: the caller holds the socket's lock, and it has no kTLS. */
static ssize_t send_each(struct pw_sink *sink, struct pw_batch *batch,
			 unsigned int more, bool locked)
{
	unsigned int i, done = batch->bv_done;
	ssize_t sent = 0;
	int ret = 0;

	for (i = batch->bv_first; i < batch->nr_bv; i++, done = 0) {
		const struct bio_vec *bv = &batch->bv[i];
		struct page *page = bv->bv_page +
				    ((bv->bv_offset + done) >> PAGE_SHIFT);
		unsigned int offset = offset_in_page(bv->bv_offset + done);
		size_t len = bv->bv_len - done;
		unsigned int flags = SEND_FLAGS | more;

		if (i + 1 < batch->nr_bv)
			flags |= MSG_MORE | MSG_SENDPAGE_NOTLAST;
		if (locked)
			ret = kernel_sendpage_locked(sink->sock->sk, page,
						     offset, len, flags);
		else
			ret = kernel_sendpage(sink->sock, page, offset, len,
					      flags);
		if (ret > 0)
			sent += ret;
		if (ret < (int)len)
			break;
	}
	return sent ?: ret;
}

static ssize_t send_pages(struct pw_sink *sink, struct pw_batch *batch,
			  unsigned int more)
{
	struct sock *sk = sink->sock->sk;
	ssize_t ret;

	if (!batch->bv_first && !batch->bv_done) {
		ret = ask_security(sink);
		if (ret)
			return ret;
	}

	lock_sock(sk);
	if (!READ_ONCE(inet_csk(sk)->icsk_ulp_ops)) {
		ret = send_each(sink, batch, more, true);
		release_sock(sk);
		return ret;
	}
	release_sock(sk);
	/* kTLS has a lock of its own, outside the socket's, and takes both. */
	return send_each(sink, batch, more, false);
}
#endif

ssize_t pw_sink_send(struct pw_sink *sink, struct pw_batch *batch, bool more)
{
	unsigned int flags = more ? MSG_MORE : 0;

	/* It may have come since the transfer was checked. */
	if (!ulp_allowed(sink->sock->sk))
		return -EOPNOTSUPP;
	if (batch->copy)
		return send_message(sink, batch, flags);
	return send_pages(sink, batch, flags);
}

void pw_sink_push(struct pw_sink *sink)
{
	const struct proto_ops *ops = READ_ONCE(sink->sock->ops);

	if (ops->splice_eof)
		ops->splice_eof(sink->sock);
}

int pw_sink_wait(struct pw_sink *sink, unsigned int stalls, bool *slept)
{
	struct sock *sk = sink->sock->sk;
	int err = 0;

	if (!stalls)
		sink->left = send_timeout(sink);
	*slept = sink->left;

	lock_sock(sk);
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		err = sk_stream_wait_connect(sk, &sink->left);
	else if (!sk_stream_memory_free(sk) || stalls > 2)
		/*
		 * With room in the socket this means that memory is short,
		 * and sleeps for a fraction of a second.
		 */
		err = sk_stream_wait_memory(sk, &sink->left);
	else
		*slept = false;
	if (err == -EPIPE)
		err = sk_stream_error(sk, MSG_NOSIGNAL, err);
	release_sock(sk);
	return err;
}

void pw_sink_show_peer(struct seq_file *m, const struct pw_sink *sink)
{
	const struct sock *sk = sink->sock->sk;
	u16 port = ntohs(READ_ONCE(inet_sk(sk)->inet_dport));

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 &&
	    !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		seq_printf(m, "[%pI6c]:%u", &sk->sk_v6_daddr, port);
		return;
	}
#endif
	seq_printf(m, "%pI4:%u", &inet_sk(sk)->inet_daddr, port);
}
