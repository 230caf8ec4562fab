//! Connections whose client keeps the server waiting. The server itself has a time limit for the first
//! head of a connection and for an idle one; for a later head that does not end, an answer that is not
//! read and the number of HTTP/2 streams it has none, so that such connections are closed from here.

use std::any::Any;
use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use platform::tasks::Tasks;

/// An answer of this length is written as a whole; a longer one in parts of it, as the client reads.
const PART: usize = 64 * 1024;
/// How often slow clients are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how long without a request a connection is idle: an answer is on its way by then.
const IDLE_AFTER: Duration = Duration::from_millis(250);
/// No time: the server is at work itself.
const AT_WORK: u64 = 0;

/// The connections that are open.
#[derive(Debug)]
pub struct Connections {
    /// How long a client may keep the server waiting.
    patience: Duration,
    /// How many answers of one HTTP/2 connection may be under way.
    streams_max: usize,
    open: Mutex<Vec<Weak<Connection>>>,
}

/// One of them.
#[derive(Debug)]
struct Connection {
    /// The same socket as the server's, to close it.
    socket: Socket,
    is_http2: bool,
    streams_max: usize,
    opened: Instant,
    /// Since when the server waits for the client, in milliseconds after `opened`.
    waits_since: AtomicU64,
    streams: AtomicUsize,
}

impl Connections {
    /// None yet. Slow ones are looked for as long as the tasks run.
    pub fn watched(tasks: &Tasks, patience: Duration, streams_max: usize) -> Arc<Self> {
        let connections = Arc::new(Self { patience, streams_max, open: Mutex::default() });
        let watched = connections.clone();
        tasks.every("edge.connections", LOOK_EVERY, None, move || {
            watched.close_slow();
            async { Ok::<bool, std::convert::Infallible>(false) }
        });
        connections
    }

    /// Takes a connection in, plain or encrypted; what the server calls when it has accepted one.
    pub fn enter(&self, stream: &dyn Any, data: &mut Extensions) {
        let (socket, is_http2) = if let Some(plain) = stream.downcast_ref::<TcpStream>() {
            (plain, false)
        } else if let Some(encrypted) = stream.downcast_ref::<TlsStream<TcpStream>>() {
            let (socket, tls) = encrypted.get_ref();
            (socket, tls.alpn_protocol() == Some(b"h2"))
        } else {
            return;
        };
        let Ok(socket) = socket.as_fd().try_clone_to_owned() else {
            tracing::warn!("no file descriptor is left to watch a connection with");
            return;
        };
        let connection = Arc::new(Connection {
            socket: socket.into(),
            is_http2,
            streams_max: self.streams_max,
            opened: Instant::now(),
            // Before the first request the server has its own limit.
            waits_since: AtomicU64::new(AT_WORK),
            streams: AtomicUsize::new(0),
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Closes connections of HTTP/2 on which nothing is under way, until nobody waits for it any more. A
    /// server that stops tells HTTP/1.1 that a connection ends, and HTTP/2 not.
    pub(super) async fn close_idle(&self) {
        loop {
            for connection in self.all() {
                if connection.is_http2 && connection.is_idle() {
                    connection.close("stop");
                }
            }
            tokio::time::sleep(IDLE_AFTER).await;
        }
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| connection.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }

    /// Closes those that have kept the server waiting for too long.
    fn close_slow(&self) {
        for connection in self.all() {
            if connection.waited() > self.patience {
                connection.close("slow");
            }
        }
    }
}

impl Connection {
    /// Whether nothing was asked for lately.
    fn is_idle(&self) -> bool {
        let since = Duration::from_millis(self.waits_since.load(Ordering::Relaxed));
        let idle = self.opened.elapsed().saturating_sub(since);
        self.streams.load(Ordering::Relaxed) == 0 && idle > IDLE_AFTER
    }

    fn wait_from_now(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.waits_since.store(now.max(AT_WORK + 1), Ordering::Relaxed);
    }

    /// How long the client has kept the server waiting. HTTP/2 asks the client itself whether it is
    /// there, and its streams do not wait for each other.
    fn waited(&self) -> Duration {
        match self.waits_since.load(Ordering::Relaxed) {
            since if since != AT_WORK && !self.is_http2 => {
                self.opened.elapsed().saturating_sub(Duration::from_millis(since))
            }
            _ => Duration::ZERO,
        }
    }

    fn close(&self, reason: &'static str) {
        metrics::counter!("http_connections_closed_total", "reason" => reason).increment(1);
        // One that is closed already needs no more.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// A request of a connection, until its answer is written or given up.
#[derive(Debug)]
pub(super) struct Exchange(Option<Arc<Connection>>);

impl Exchange {
    /// Begins with a request.
    pub(super) fn begin(request: &ServiceRequest) -> Self {
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.waits_since.store(AT_WORK, Ordering::Relaxed);
            let streams = connection.streams.fetch_add(1, Ordering::Relaxed);
            if connection.is_http2 && streams >= connection.streams_max {
                connection.close("streams");
            }
        }
        Self(connection)
    }

    /// Goes on until the answer is written. A short one of HTTP/1.1 is, as soon as it is there.
    pub(super) fn until_written(
        self,
        answer: ServiceResponse<BoxBody>,
    ) -> ServiceResponse<BoxBody> {
        let is_short = match answer.response().body().size() {
            BodySize::None => true,
            BodySize::Sized(length) => length <= PART as u64,
            BodySize::Stream => false,
        };
        match &self.0 {
            Some(connection) if connection.is_http2 || !is_short => answer.map_body(|_, body| {
                BoxBody::new(Written { body, rest: Bytes::new(), exchange: self })
            }),
            _ => answer,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.streams.fetch_sub(1, Ordering::Relaxed);
            connection.wait_from_now();
        }
    }
}

/// A body that is written as its client reads it.
struct Written {
    body: BoxBody,
    /// What has come of it and is not written yet.
    rest: Bytes,
    exchange: Exchange,
}

impl MessageBody for Written {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = &mut *self;
        // Whoever asks for more has written what came before.
        if let Some(connection) = &this.exchange.0 {
            connection.waits_since.store(AT_WORK, Ordering::Relaxed);
        }
        if this.rest.is_empty() {
            match Pin::new(&mut this.body).poll_next(context) {
                Poll::Ready(Some(Ok(part))) => this.rest = part,
                other => return other,
            }
        }
        if let Some(connection) = &this.exchange.0 {
            connection.wait_from_now();
        }
        let part = this.rest.len().min(PART);
        Poll::Ready(Some(Ok(this.rest.split_to(part))))
    }
}
