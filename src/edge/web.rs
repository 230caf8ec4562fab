//! The servers of the shop, from their start to their end.

use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};

use super::connection::Connections;

/// What answers shoppers and the staff.
pub struct Web {
    /// Where it is reached.
    pub origins: Vec<String>,
    servers: Vec<ServerHandle>,
    connections: Arc<Connections>,
}

impl Web {
    /// Lets servers run.
    pub fn start(
        servers: Vec<Server>,
        origins: Vec<String>,
        connections: Arc<Connections>,
    ) -> Self {
        let handles = servers.iter().map(Server::handle).collect();
        for server in servers {
            tokio::spawn(server);
        }
        Self { origins, servers: handles, connections }
    }

    /// Takes no new requests, and ends when those that are being answered are, or their time is over.
    pub async fn stop(&self) {
        let answered = async {
            for server in &self.servers {
                server.stop(true).await;
            }
        };
        tokio::select! {
            () = answered => {}
            () = self.connections.close_idle() => {}
        }
    }
}
