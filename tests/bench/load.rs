//! Clients that ask as fast as they get answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;

/// How a slice of load went.
#[derive(Clone, Copy, Default)]
pub struct Load {
    pub answered: usize,
    pub failed: usize,
    took: Duration,
}

impl Load {
    /// Answers in a second.
    pub fn rate(self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Both slices together.
    pub fn and(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            failed: self.failed + other.failed,
            took: self.took + other.took,
        }
    }
}

/// Clients of one server, each with a connection of its own.
pub struct Clients {
    clients: Vec<Client>,
    token: String,
}

impl Clients {
    pub fn new(number: usize, token: &str) -> Self {
        let client = || Client::builder().no_proxy().build().expect("a client");
        Self { clients: (0..number).map(|_| client()).collect(), token: token.to_owned() }
    }

    /// Reads a path over and over, for a time.
    pub async fn read_for(&self, url: &str, time: Duration) -> Load {
        let end = Instant::now() + time;
        self.read_while(url, || Instant::now() < end).await
    }

    /// Reads a path so many times.
    pub async fn read_times(&self, url: &str, times: usize) -> Load {
        let begun = AtomicUsize::new(0);
        self.read_while(url, || begun.fetch_add(1, Ordering::Relaxed) < times).await
    }

    async fn read_while(&self, url: &str, more: impl Fn() -> bool) -> Load {
        let began = Instant::now();
        let more = &more;
        let one = |client: &Client| {
            let client = client.clone();
            async move {
                let mut load = Load::default();
                while more() {
                    let answer = client.get(url).header("X-Vault-Token", &self.token).send().await;
                    let ok = match answer {
                        Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
                        Err(_) => false,
                    };
                    if ok { load.answered += 1 } else { load.failed += 1 }
                }
                load
            }
        };
        let loads = join_all(self.clients.iter().map(one)).await;
        let all = loads.into_iter().fold(Load::default(), Load::and);
        Load { took: began.elapsed(), ..all }
    }
}
