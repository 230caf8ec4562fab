//! The wire between the nodes and their database, which can be cut, slow or silent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What the wire does to what is sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum State {
    Whole,
    /// Each packet arrives this much later.
    Slow(Duration),
    /// Nothing arrives, and nobody is told.
    Silent,
    /// Connections end, and none is made.
    Cut,
}

pub struct Wire {
    pub address: SocketAddr,
    state: watch::Sender<State>,
}

impl Wire {
    /// A wire to the server that listens at a socket.
    pub async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, socket.clone(), seen.clone()));
            }
        });
        Self { address, state }
    }

    pub fn is(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn connect(client: TcpStream, socket: PathBuf, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Cut {
        return;
    }
    let Ok(server) = UnixStream::connect(socket).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ways = (state.clone(), state.clone());
    tokio::select! {
        () = carry(from_client, to_server, ways.0) => {}
        () = carry(from_server, to_client, ways.1) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

/// Carries one way until one of the ends is closed.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
) {
    let mut packet = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut packet).await {
        if state.wait_for(|state| *state != State::Silent).await.is_err() {
            return;
        }
        let late = match *state.borrow() {
            State::Slow(late) => late,
            _ => Duration::ZERO,
        };
        tokio::time::sleep(late).await;
        if to.write_all(&packet[..length]).await.is_err() {
            return;
        }
    }
}
