//! What a program tells Prometheus.
//!
//! Fed by a metrics port, read as Prometheus would; feeds tests with values.
//! Guarantees nothing about which metrics there are: asking for one that is
//! missing is an error that lists those that begin alike.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// One scrape.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    /// Reads `/metrics` of `ip:port`.
    pub async fn scrape(address: &str) -> Result<Self> {
        timeout(SCRAPE_TIMEOUT, get(address))
            .await
            .map_err(|_| anyhow!("no metrics from {address} in {SCRAPE_TIMEOUT:?}"))?
    }

    /// All of it, as it was read.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The sum over every series of a name that has all these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let mut found = false;
        let mut sum = 0.0;
        for line in self.0.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let (its_name, its_labels) = series.split_once('{').unwrap_or((series, ""));
            let has =
                |(key, value): &(&str, &str)| its_labels.contains(&format!("{key}=\"{value}\""));
            if its_name == name && labels.iter().all(has) {
                found = true;
                sum += value.parse::<f64>().context("a metric's value")?;
            }
        }
        let alike = || self.0.lines().filter(|line| line.starts_with(name));
        ensure!(found, "no {name} {labels:?}; there is {:?}", alike().collect::<Vec<_>>());
        Ok(sum)
    }
}

async fn get(address: &str) -> Result<Metrics> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/metrics").header("host", address).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    ensure!(answer.status().is_success(), "metrics: {}", answer.status());
    let text = answer.into_body().collect().await?.to_bytes();
    Ok(Metrics(String::from_utf8(text.into())?))
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn series_are_added_up() {
        let text = "# HELP a x\na_total{x=\"1\",y=\"2\"} 3\na_total{x=\"1\",y=\"4\"} 5\nb 7\n";
        let metrics = Metrics(text.to_owned());
        assert_eq!(metrics.sum("a_total", &[("x", "1")]).unwrap(), 8.0);
        assert_eq!(metrics.sum("a_total", &[("y", "4")]).unwrap(), 5.0);
        assert_eq!(metrics.sum("b", &[]).unwrap(), 7.0);
        assert!(metrics.sum("a_total", &[("x", "9")]).is_err());
    }
}
