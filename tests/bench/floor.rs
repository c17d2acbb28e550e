//! The floor: a bare loop that POSTs signed bodies as fast as it can.
//!
//! Fed by orders; feeds the time that so many POSTs took. Guarantees that
//! connections are made before anything is measured, and that each has one
//! request under way.

use std::path::PathBuf;

use anyhow::Result;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Address, Connection};
use crate::payload;
use crate::worker::{self, now_ns};

/// What the process is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setting {
    pub ca_file: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum FloorOrder {
    /// Leaves what was connected before.
    Connect {
        url: String,
        connections: usize,
    },
    Post {
        events: u64,
    },
}

/// When the POSTs began and when the last was answered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Posted {
    pub started_ns: u64,
    pub ended_ns: u64,
}

/// Serves until the commander ends.
pub async fn serve(setting: Setting) -> Result<()> {
    let mut connections = Vec::new();
    worker::serve(async |order| match order {
        FloorOrder::Connect { url, connections: count } => {
            let address = Address::new(&url, &setting.ca_file)?;
            connections.clear();
            for _ in 0..count {
                connections.push(Connection::open(&address).await?);
            }
            Ok(json!(null))
        }
        FloorOrder::Post { events } => {
            let started_ns = now_ns();
            connections = post(std::mem::take(&mut connections), events).await?;
            Ok(json!(Posted { started_ns, ended_ns: now_ns() }))
        }
    })
    .await
}

async fn post(connections: Vec<Connection>, events: u64) -> Result<Vec<Connection>> {
    let body = Bytes::from(payload::plain());
    let count = connections.len() as u64;
    let mut workers = JoinSet::new();
    for (number, mut connection) in (0..count).zip(connections) {
        let share = events / count + u64::from(number < events % count);
        let body = body.clone();
        workers.spawn(async move {
            for n in 0..share {
                connection.post(&format!("evt_{number:016x}{n:016x}"), body.clone()).await?;
            }
            anyhow::Ok(connection)
        });
    }
    let mut connections = Vec::new();
    while let Some(ended) = workers.join_next().await {
        connections.push(ended??);
    }
    Ok(connections)
}
